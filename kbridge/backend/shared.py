"""``SharedVariable``: a Variable whose value another library's object shows too."""

from kbridge.backend.variable import Variable


class SharedVariable(Variable):
    """A Variable that shares its storage with an object of an engine's own library.

    Args:
        value: the initial value, as a NumPy array.
        home: the engine that the object belongs to.
        storage: what the object holds the value in.
        show: ``show(storage)`` makes the object hold ``storage`` of ``home``, or what it holds equal to it, and
            returns what both hold from then on.
    """

    def __init__(self, value, home, storage, show, **kwargs):
        self._home = home
        self._show = None
        super().__init__(value, dtype=str(value.dtype), **kwargs)
        self._cell = (home, storage)
        self._show = show

    @property
    def _cell(self):
        return self._held

    @_cell.setter
    def _cell(self, cell):
        engine, storage = cell
        if engine is self._home and self._show is not None:
            storage = self._show(storage)
        self._held = (engine, storage)

    def take_over(self, array):
        self.assign(array)

    def __reduce__(self):
        raise TypeError(
            f"Variable {self.path!r} shares its value with an object of another library, so it cannot be copied or "
            f"pickled. Save the weights, and make the layer anew."
        )
