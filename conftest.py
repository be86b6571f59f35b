"""The options --engine and --op, in a checkout as where kbridge is installed (there an entry point brings them)."""

pytest_plugins = ["kbridge.conformance.plugin"]
