"""What a compiled function wrote to variables, so that it can be undone where the function raises."""

from contextvars import ContextVar
from functools import wraps

current = ContextVar("kbridge_torch_journal", default=None)


class Journal(list):
    """Pairs (storage, the tensor whose values it would have had otherwise).

    thorough: whether an optimizer, too, must note what it changes in place. That costs a copy of the whole model,
              so it is asked for only until the function has run through once: what fails mostly fails at first.
    """

    def __init__(self, thorough):
        super().__init__()
        self.thorough = thorough

    def undo(self):
        for storage, before in reversed(self):
            storage.copy_(before)


def undone_by_errors(function):
    """``function``, after whose errors every variable is as it was."""
    proven = False

    @wraps(function)
    def run(*args):
        nonlocal proven
        if current.get() is not None:  # called by another such function, which undoes it all
            return function(*args)
        journal = Journal(thorough=not proven)
        token = current.set(journal)
        try:
            result = function(*args)
        except BaseException:
            journal.undo()
            raise
        finally:
            current.reset(token)
        proven = True
        return result

    return run
