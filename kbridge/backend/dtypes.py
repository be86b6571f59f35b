"""Names of dtypes and the one rule for mixing them.

A dtype is a string ("float32"). Two *weak* dtypes, Python's ``int`` and
``float``, stand for Python scalars: they take the width of what they meet.
Promotion is the least upper bound on the lattice below.
"""

from functools import lru_cache

from kbridge import config

FLOATS = ("bfloat16", "float16", "float32", "float64")
FLOAT8S = ("float8_e4m3fn", "float8_e5m2")
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
COMPLEX = ("complex64", "complex128")
ALL = ("bool", *UNSIGNED, *SIGNED, *FLOATS, *FLOAT8S, *COMPLEX, "string")

# What each dtype widens to directly; "int" and "float" are the weak ones.
_WIDENS_TO = {
    "bool": ("int",),
    "int": ("uint8", "int8", "float"),
    "uint8": ("int16", "uint16"),
    "uint16": ("int32", "uint32"),
    "uint32": ("int64", "uint64"),
    "uint64": ("float",),
    "int8": ("int16",),
    "int16": ("int32",),
    "int32": ("int64",),
    "int64": ("float",),
    "float": ("bfloat16", "float16", "complex"),
    "bfloat16": ("float32",),
    "float16": ("float32",),
    "float32": ("float64", "complex64"),
    "float64": ("complex128",),
    "complex": ("complex64",),
    "complex64": ("complex128",),
    "complex128": (),
}


@lru_cache(None)
def _above(dtype):
    reached = {dtype}
    for wider in _WIDENS_TO[dtype]:
        reached |= _above(wider)
    return frozenset(reached)


@lru_cache(None)
def _least_upper_bound(dtypes):
    if len(dtypes) == 1:
        return next(iter(dtypes))
    for dtype in dtypes:
        if dtype not in _WIDENS_TO:
            raise TypeError(
                f"dtypes {sorted(dtypes)} cannot be mixed: nothing converts to or from {dtype} implicitly. "
                f"Write ops.cast(x, dtype) first."
            )
    common = frozenset.intersection(*map(_above, dtypes))
    return next(dtype for dtype in common if common <= _above(dtype))


def _by_name(dtype):
    """The name of a dtype object: NumPy's equals "float" if it is float64, which is not what "float" means here."""
    return dtype if isinstance(dtype, type) else getattr(dtype, "name", dtype)


@lru_cache(None)
def standardize(dtype, allow_none=False):
    """The canonical name of a dtype given as a string, a Python type, or any engine's dtype object.

    ``None`` means ``floatx()``; ``int`` is int32, ``float`` is ``floatx()``.
    """
    dtype = _by_name(dtype)
    if dtype is None or dtype is float or dtype == "float":
        return config.floatx()
    if dtype is int or dtype == "int":
        return "int32"
    if dtype is bool:
        return "bool"
    if dtype is complex or dtype == "complex":
        return "complex128" if config.floatx() == "float64" else "complex64"
    if dtype is str or dtype == "str":
        return "string"
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None)
    if name is None:
        name = getattr(dtype, "__name__", None) or str(dtype)
    name = name.rpartition(".")[2]  # "torch.float32"
    name = {"half": "float16", "double": "float64", "bool_": "bool", "long": "int64"}.get(name, name)
    if name in ALL:
        return name
    if name == "object" or name.startswith(("str", "bytes")):
        return "string"
    raise ValueError(f"Unknown dtype {dtype!r}. Expected one of: {', '.join(ALL)}.")


config.on_floatx_change(standardize.cache_clear)


@lru_cache(None)
def _result(dtypes):
    strong = _least_upper_bound(dtypes)
    return standardize(strong)


config.on_floatx_change(_result.cache_clear)


def weak(dtype):
    """``dtype`` with Python's scalar types kept weak."""
    dtype = _by_name(dtype)
    if dtype is int or dtype == "int":
        return "int"
    if dtype is float or dtype == "float":
        return "float"
    if dtype is complex or dtype == "complex":
        return "complex"
    return standardize(dtype)


def result_type(*dtypes):
    """The dtype that values of these dtypes are computed in.

    >>> result_type("int32", "float16"), result_type("float16", float), result_type("int32", float)
    ('float16', 'float16', 'float32')
    """
    return _result(frozenset(weak(dtype) for dtype in dtypes)) if dtypes else config.floatx()


def is_float(dtype):
    return dtype in FLOATS or dtype in FLOAT8S


def is_int(dtype):
    return dtype in SIGNED or dtype in UNSIGNED


def is_complex(dtype):
    return dtype in COMPLEX


def itemsize(dtype):
    """The width of an item in bytes."""
    if dtype in ("bool", *FLOAT8S):
        return 1
    return int(dtype.lstrip("abcdefghijklmnopqrstuvwxyz")) // 8


_GREATEST = {
    "float8_e4m3fn": 448.0,
    "float8_e5m2": 57344.0,
    "float16": 65504.0,
    "bfloat16": 3.3895313892515355e38,
    "float32": 3.4028234663852886e38,
    "float64": 1.7976931348623157e308,
}


def limits(dtype):
    """The least and the greatest finite number that ``dtype`` holds (in each part, if it is complex)."""
    if dtype == "bool":
        return False, True
    if is_int(dtype):
        bits = 8 * itemsize(dtype)
        return (0, 2**bits - 1) if dtype in UNSIGNED else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    greatest = _GREATEST[{"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)]
    return -greatest, greatest


# Rules an op may name: from the (weak) dtypes of its tensors to the one they are all cast to.


def promote(*dtypes):
    """The common dtype."""
    return result_type(*dtypes)


def floating(*dtypes):
    """The common dtype, at least a float."""
    return result_type(*dtypes, float)


def summed(*dtypes):
    """What sums and products are kept in: integers have at least 32 bits."""
    dtype = result_type(*dtypes)
    if dtype in ("bool", "int8", "int16"):
        return "int32"
    return "uint32" if dtype in ("uint8", "uint16") else dtype


def integral(*dtypes):
    """The common dtype, at least an int: arithmetic that has no meaning for bools."""
    dtype = result_type(*dtypes)
    return "int32" if dtype == "bool" else dtype


def first(*dtypes):
    """The dtype of the first tensor; the others follow."""
    return standardize(dtypes[0])


def contracted(*dtypes):
    """What matrix products are kept in: the common dtype, but products of int8 have 32 bits."""
    dtype = result_type(*dtypes)
    return "int32" if set(dtypes) == {"int8"} else dtype
