"""Layers of older generations that today's Keras has no class for, and what instances of old layers could do."""
