"""What a sample is made of: arrays to be drawn, and calls of an op with them.

The arrays of a sample depend on the op's name and the sample's place alone, and are the same for every
engine and dtype: floats are rounded to what float32 can hold.
"""

import zlib
from types import ModuleType

import numpy as np

from kbridge.backend.tree import flatten, map_structure

FREE = ("float32", "float64")  # the dtypes in which a float array without one of its own is tried


class Draw:
    """An array argument: its values are made by ``make(generator)``.

    dtype: fixed, or None for floats that are tried in each of ``FREE``.
    fixed: whether the op is not differentiated with respect to it.
    host:  whether an engine that runs eagerly receives it as a NumPy array (seeds).
    """

    def __init__(self, make, dtype=None, fixed=False, host=False):
        self.make = make
        self.dtype = dtype
        self.fixed = fixed or dtype is not None
        self.host = host

    def array(self, generator, dtype):
        values = np.asarray(self.make(generator))
        if self.dtype is None:
            return values.astype("float32").astype(dtype)
        return values.astype(numpy_dtype(self.dtype))

    def then(self, change):
        """The same, with ``change`` applied to the array."""
        return Draw(lambda generator: change(self.make(generator)), self.dtype, self.fixed, self.host)


def numpy_dtype(name):
    if name in ("bfloat16",) or name.startswith("float8"):
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, name))
    return np.dtype(name)


def f(*shape, low=-2.0, high=2.0, dtype=None, fixed=False):
    """Floats spread over (low, high), no two of them close, none close to an end."""

    def make(generator):
        n = int(np.prod(shape))
        places = generator.permutation(n) + generator.uniform(0.2, 0.8, n)
        return (low + (high - low) * places / max(n, 1)).reshape(shape)

    return Draw(make, dtype, fixed)


def positive(*shape, **options):
    return f(*shape, **{"low": 0.3, "high": 2.5, **options})


def i(*shape, low=-3, high=4, dtype="int32"):
    """Integers from low to high - 1."""
    return Draw(lambda generator: generator.integers(low, high, shape), dtype)


def b(*shape):
    """Booleans."""
    return Draw(lambda generator: generator.integers(0, 2, shape).astype(bool), "bool")


def v(values, dtype=None, fixed=False):
    """These very values."""
    kind = np.asarray(values).dtype.kind
    dtype = dtype or {"f": None, "i": "int32", "b": "bool", "c": "complex64"}[kind]
    return Draw(lambda generator: np.asarray(values), dtype, fixed)


def seed(key=7, counter=0):
    return Draw(lambda generator: np.array([key, counter]), "uint32", host=True)


def spd(n, *batch):
    """Symmetric matrices with eigenvalues well above 0 and well apart."""

    def change(a):
        a = 0.3 * a
        return a @ np.swapaxes(a, -1, -2) + np.diag(1.0 + np.arange(n))

    return f(*batch, n, n).then(change)


def regular(n, *batch):
    """Matrices far from singular."""
    return f(*batch, n, n, low=-1.0, high=1.0).then(lambda a: 0.5 * a + np.diag(2.0 + np.arange(n)))


class Call:
    """One call of an op: positional and keyword arguments, in which Draws stand for arrays."""

    def __init__(self, *args, **kwargs):
        self.args = args
        self.kwargs = kwargs
        self.draws = [leaf for leaf in flatten([list(args), kwargs]) if isinstance(leaf, Draw)]

    def fill(self, values):
        """(args, kwargs) with ``values`` in the places of the Draws."""
        values = iter(values)

        def place(leaf):
            return next(values) if isinstance(leaf, Draw) else leaf

        # args before kwargs, both in the order in which ``flatten`` goes
        args = map_structure(place, list(self.args))
        return args, {key: map_structure(place, self.kwargs[key]) for key in sorted(self.kwargs)}


class Sample:
    """A call of the op ``name`` and what is known of its result. See ``samples.add``."""

    def __init__(self, name, index, call, options):
        self.name = name
        self.index = index
        self.call = call
        self.ref = options.get("ref")
        self.smooth = options.get("smooth", False)
        self.tolerance = options.get("tolerance", 1.0)
        self.using = options.get("using")
        self.measure = options.get("measure")
        self.dynamic = options.get("dynamic")
        self.random = options.get("random")
        self.flat = options.get("flat")

    @property
    def dtypes(self):
        """The float dtypes in which it is tried."""
        return FREE if any(draw.dtype is None for draw in self.call.draws) else FREE[:1]

    @property
    def differentiable(self):
        """The places, among its arrays, of those that the op is differentiated with respect to."""
        return [] if self.flat else [k for k, draw in enumerate(self.call.draws) if not draw.fixed]

    def generator(self, salt=""):
        return np.random.default_rng(zlib.crc32(f"{self.name}/{self.index}/{salt}".encode()))

    def arrays(self, dtype):
        generator = self.generator()
        return [draw.array(generator, dtype) for draw in self.call.draws]

    def apply(self, op, values):
        """``op`` of this call's arguments."""
        args, kwargs = self.call.fill(values)
        return self.using(op, *args, **kwargs) if self.using else op(*args, **kwargs)

    def measured(self, result, values):
        """What is compared and differentiated: the result, or what ``measure`` makes of it."""
        if self.measure is None:
            return result
        args, kwargs = self.call.fill(values)
        return self.measure(result, *args, **kwargs)

    def __repr__(self):
        return f"{self.name}[{self.index}]"


SAMPLES = {}  # name of an op -> its Samples


def add(names, *calls, **options):
    """Give each op named (separated by spaces) the calls ``calls``, with the ``options``:

    ref:       the oracle, called with the same arguments in float64, or a module that has a function of the op's
               name. Without one, the op's portable body is the reference; so a required op needs one.
    smooth:    whether it is differentiated twice as well.
    tolerance: multiplies what is allowed, where an algorithm loses digits.
    using:     ``using(op, *arguments)`` calls the op where that takes more than passing the arguments.
    measure:   ``measure(result, *arguments)`` makes what is compared and differentiated, where the result is not
               unique (signs of eigenvectors). The oracle gives this as well.
    dynamic:   why the result's shape is not known before it runs: it is then not tried on shapes, nor compiled.
    random:    why there is no reference.
    flat:      why it is not differentiated here.
    """
    module = options.get("ref")
    for name in names.split():
        if isinstance(module, ModuleType):
            options["ref"] = getattr(module, name)
        known = SAMPLES.setdefault(name, [])
        known.extend([Sample(name, len(known) + k, call, options) for k, call in enumerate(calls)])


def unary(names, low=-2.0, high=2.0, ints=None, **options):
    """Elementwise ops of one float, and of integers from ``ints`` where that is given."""
    add(names, Call(f(2, 3, low=low, high=high)), Call(f(low=low, high=high)), **options)
    if ints:
        add(names, Call(i(4, low=ints[0], high=ints[1])), **options)


def binary(names, draw=f, ints=None, **options):
    """Elementwise ops of two floats: alike, broadcast, with a Python scalar on either side, of mixed dtypes."""
    add(names, Call(draw(2, 3), draw(2, 3)), **options)
    options["smooth"] = False
    add(names, Call(draw(2, 1), draw(3)), Call(draw(2, 3), 1.5), Call(1.5, draw(2)), **options)
    add(names, Call(draw(3, dtype="float16"), draw(3)), Call(draw(3, dtype="bfloat16"), 1.5), **options)
    if ints:
        whole = i(3, low=ints[0], high=ints[1])
        add(names, Call(i(2, 3, low=ints[0], high=ints[1]), whole), Call(whole, 2), **options)
        add(names, Call(whole, draw(3)), Call(whole, 1.5), **options)
        add(names, Call(i(3, low=0, high=4, dtype="uint8"), i(3, low=1, high=4, dtype="int8")), **options)
