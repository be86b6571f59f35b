"""What kbridge says while it works: on the screen, or to Python's logging where interactive logging is off."""

import logging

from kbridge import config


def say(message):
    """Print a line, or log it where ``config.disable_interactive_logging`` was called."""
    if config.is_interactive_logging_enabled():
        print(message, flush=True)
    else:
        logging.getLogger("kbridge").info(message)
