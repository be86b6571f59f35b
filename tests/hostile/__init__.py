"""Hostile and corrupt files, built when a test needs them, and the process that reads them."""
