"""Python's operators, as ops: shared by every tensor-like class of the frontend."""

from kbridge.backend.op import OPS


def _unary(name):
    def method(self):
        return OPS[name](self)

    return method


def _binary(name):
    def method(self, other):
        return OPS[name](self, other)

    def reflected(self, other):
        return OPS[name](other, self)

    return method, reflected


class Operators:
    """Arithmetic, comparison and indexing by way of the ops."""

    # An array on the left (`array + variable`) leaves the work to the methods here.
    __array_ufunc__ = None

    __add__, __radd__ = _binary("add")
    __sub__, __rsub__ = _binary("subtract")
    __mul__, __rmul__ = _binary("multiply")
    __truediv__, __rtruediv__ = _binary("true_divide")
    __floordiv__, __rfloordiv__ = _binary("floor_divide")
    __mod__, __rmod__ = _binary("mod")
    __pow__, __rpow__ = _binary("power")
    __matmul__, __rmatmul__ = _binary("matmul")
    __and__, __rand__ = _binary("logical_and")
    __or__, __ror__ = _binary("logical_or")
    __xor__, __rxor__ = _binary("logical_xor")
    __lt__, _ = _binary("less")
    __le__, _ = _binary("less_equal")
    __gt__, _ = _binary("greater")
    __ge__, _ = _binary("greater_equal")
    __neg__ = _unary("negative")
    __abs__ = _unary("absolute")
    __invert__ = _unary("logical_not")
    del _

    def __pos__(self):
        return self

    def __round__(self, ndigits=None):
        return OPS["round"](self, decimals=ndigits or 0)

    def __getitem__(self, key):
        return OPS["get_item"](self, key)
