"""The frame: what code running here and now computes with.

A frame says which engine is in charge, on which device, and, while a function
is being traced or differentiated, which values stand in for variables. It is
context-local, so threads and asyncio tasks never see each other's.
"""

from contextlib import contextmanager
from contextvars import ContextVar


class Frame:
    """One setting of the stage. Frames are replaced, not changed.

    engine:   the Backend in charge; None in the process-wide frame until first needed.
    device:   the name of the device asked for, or None for the engine's default.
    autocast: the dtype float variables are read in, or None for their own.
    bindings: id(variable) -> the tensor standing in for it, or None.
    captures: whether assignments to any variable stay in ``bindings`` (a pure trace)
              instead of reaching the variable.
    touched:  id(variable) -> variable, for each one that a capturing frame read or wrote
              without having been given it.
    """

    __slots__ = ("engine", "device", "autocast", "bindings", "captures", "touched", "written")

    def __init__(self, engine=None, device=None, autocast=None, bindings=None, captures=False):
        self.engine = engine
        self.device = device
        self.autocast = autocast
        self.bindings = bindings
        self.captures = captures
        self.touched = {}
        self.written = {}

    def child(self, **changes):
        """A frame like this one but for ``changes``; it shares the record of variables."""
        frame = Frame.__new__(Frame)  # written out: every train step makes some
        frame.engine = self.engine
        frame.device = self.device
        frame.autocast = self.autocast
        frame.bindings = self.bindings
        frame.captures = self.captures
        frame.touched = self.touched
        frame.written = self.written
        for name, value in changes.items():
            setattr(frame, name, value)
        return frame


process = Frame()  # what holds where nothing was chosen; its engine is what set_backend sets
current_frame: ContextVar[Frame] = ContextVar("kbridge_frame", default=process)
get_frame = current_frame.get


@contextmanager
def entered(frame):
    """Run the body inside ``frame``."""
    token = current_frame.set(frame)
    try:
        yield frame
    finally:
        current_frame.reset(token)
