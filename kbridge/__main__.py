"""``python -m kbridge``."""

import sys

from kbridge.cli import main

if __name__ == "__main__":
    sys.exit(main())
