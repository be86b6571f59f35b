"""What an old call would be today: a note, once for each place in a program."""

import inspect
import os
import sys
import warnings

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_seen = set()


class OldCallWarning(DeprecationWarning):
    """A call in the words of an older Keras; the message has it in today's."""


def corrected(today, why="This call is of an older Keras"):
    """Say once per place in the user's program that what it calls there is written ``today`` now."""
    frame = sys._getframe(1)
    while frame is not None and (frame.f_code.co_filename.startswith(_ROOT) or frame.f_code.co_filename[:1] == "<"):
        frame = frame.f_back
    if frame is None:
        return
    place = frame.f_code.co_filename, frame.f_lineno
    if (place, today) in _seen:
        return
    _seen.add((place, today))
    warnings.warn_explicit(
        f"{why}. Today: {today}", OldCallWarning, *place, module=frame.f_globals.get("__name__"), registry={}
    )


def call(name, arguments):
    """A call as it would be written: ``Dense(64, activation='relu')`` of "Dense" and {"units": 64, ...}."""
    return f"{name}({', '.join(f'{key}={shown(value)}' for key, value in arguments.items())})"


def shown(value):
    """A value as it would be written, as far as it can be told."""
    if isinstance(value, (list, tuple)):
        inner = ", ".join(shown(item) for item in value)
        return f"[{inner}]" if isinstance(value, list) else f"({inner},)" if len(value) == 1 else f"({inner})"
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    if inspect.isclass(value) or inspect.isfunction(value):
        return value.__name__ if value.__name__.isidentifier() else "..."
    return f"<{type(value).__name__}>"
