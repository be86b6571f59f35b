"""K functions of Variables, placeholders and their values."""

import numpy as np

from kbridge import config, ops
from kbridge.backend import dtypes, registry
from kbridge.backend.symbolic import KerasTensor, is_symbol
from kbridge.backend.variable import Variable
from kbridge.compat import computing
from kbridge.compat.backend import graph
from kbridge.compat.backend.calls import dims, graphed


class KVariable(Variable):
    """A Variable whose operators make a graph, unless a computation is going on."""


def _operator(name):
    eager = getattr(Variable, name)

    def method(self, *args):
        if computing.computing():
            return eager(self, *args)
        return getattr(graph.read(self), name)(*args)

    setattr(KVariable, name, method)


for _name in "add sub mul truediv floordiv mod pow matmul and or xor".split():
    _operator(f"__{_name}__")
    _operator(f"__r{_name}__")
for _name in "lt le gt ge neg abs invert pos round getitem".split():
    _operator(f"__{_name}__")


# -- Variables


class Weight(KVariable):
    """A weight of a layer. Programs choose among weights by the names of layers in theirs: "dense_1/kernel:0"."""

    @property
    def name(self):
        *layers, name = self.path.split("/")
        named = [layer for layer in layers[-2:] if not layer.endswith("_cell")]
        return f"{named[-1]}/{name}:0" if named else name


def variable(value, dtype=None, name=None, constraint=None):
    """A Variable that holds ``value``, in ``floatx`` unless told.

    In the middle of a computation it is a tensor: what is made anew in each run has nothing to keep.
    """
    if hasattr(value, "tocoo"):  # a sparse matrix of SciPy
        value = value.toarray()
    if is_symbol(value):
        value = eval(value)
    if isinstance(value, (list, tuple)):
        value = np.asarray([eval(v) if is_symbol(v) or graph.is_variable(v) else v for v in value])
    if not computing.makes_variables(getattr(value, "shape", ())):
        return ops.convert_to_tensor(value, _dtype(dtype))
    made = KVariable(value, dtype=_dtype(dtype), name=_name_of(name))
    made.constraint = constraint
    return made


def _name_of(name):
    return None if name is None else str(name).replace("/", "_").replace(":", "_")


def _dtype(dtype):
    return config.floatx() if dtype is None else dtypes.standardize(dtype)


def constant(value, dtype=None, shape=None, name=None):
    """A tensor that holds ``value``, repeated to fill ``shape``."""
    dtype = _dtype(dtype)
    if is_symbol(value) or graph.is_variable(value):
        return ops.cast(graph.lifted(value), dtype)
    tensor = ops.convert_to_tensor(value, dtype)
    return tensor if shape is None else _filled(tensor, dims(shape))


def _filled(value, shape):
    return ops.broadcast_to(ops.reshape(value, ()) if ops.size(value) == 1 else ops.reshape(value, shape), shape)


def _held(array, name):
    """What ``K.zeros`` and the like give: a Variable, or in the middle of a computation a tensor."""
    if computing.makes_variables(array.shape):
        return KVariable(array, dtype=str(array.dtype), name=_name_of(name))
    return ops.convert_to_tensor(array)


def _host(dtype):
    from kbridge.backend.variable import numpy_dtype

    return numpy_dtype(_dtype(dtype))


def _full(value, shape, dtype, name):
    if graph.has_dims(shape):
        return graph.node(lambda shape: ops.full(dims(shape), value, _dtype(dtype)), (shape,))
    shape = dims(shape)
    if all(isinstance(dim, int) for dim in shape) and computing.makes_variables(shape):
        return _held(np.full(shape, value, _host(dtype)), name)
    if any(dim is None for dim in shape):
        raise ValueError(f"A shape to be filled has no open dimensions. Received: {shape}. Write K.shape(x)[0] there.")
    return ops.full(shape, value, _dtype(dtype))


def zeros(shape, dtype=None, name=None):
    """A Variable of zeros; a tensor where a dimension is not known."""
    return _full(0, shape, dtype, name)


def ones(shape, dtype=None, name=None):
    """A Variable of ones; a tensor where a dimension is not known."""
    return _full(1, shape, dtype, name)


def eye(size, dtype=None, name=None):
    """A Variable that holds the identity matrix."""
    rows, columns = size if isinstance(size, (list, tuple)) else (size, size)
    return _held(np.eye(rows, columns, dtype=_host(dtype)), name)


@graphed
def zeros_like(x, dtype=None, name=None):
    """Zeros in the shape of ``x``."""
    return ops.zeros_like(x, dtype)


@graphed
def ones_like(x, dtype=None, name=None):
    """Ones in the shape of ``x``."""
    return ops.ones_like(x, dtype)


@graphed
def identity(x, name=None):
    """The same values."""
    return ops.copy(x)


# -- symbols


def placeholder(shape=None, ndim=None, dtype=None, sparse=False, name=None):
    """A symbol that is given its value when a function of it is called."""
    if sparse:
        raise ValueError("K.placeholder: sparse tensors are not supported. Write sparse=False and pass dense arrays.")
    if shape is None:
        if ndim is None:
            raise ValueError("K.placeholder: neither shape nor ndim was given. Write: K.placeholder(shape=(None, 3)).")
        shape = (None,) * ndim
    return KerasTensor(shape, dtype=_dtype(dtype), name=name)


def is_placeholder(x):
    """Whether ``x`` is a symbol that must be fed: of ``K.placeholder`` or ``Input``."""
    return is_symbol(x) and (x.node is None or x.node.is_input)


def is_keras_tensor(x):
    """Whether ``x`` is the output of a layer, or an ``Input``."""
    if not is_tensor(x):
        raise ValueError(
            f"K.is_keras_tensor expects a symbolic tensor. Received: {x!r} (of type {type(x).__name__}). "
            f"Write: K.is_tensor(x) to ask whether it is one."
        )
    return is_symbol(x) and graph.is_of_layer(x)


def is_tensor(x):
    """Whether ``x`` is a symbol, a Variable or a tensor of the engine in charge."""
    if isinstance(x, (np.ndarray, np.generic)) and not computing.computing():
        return False  # also where NumPy is the engine: no array was a tensor, outside of a layer's call
    return is_symbol(x) or graph.is_variable(x) or registry.current().is_tensor(x)


def is_variable(x):
    """Whether ``x`` is a Variable."""
    return graph.is_variable(x)


def is_sparse(tensor):
    """Always False: there are no sparse tensors here."""
    return False


def to_dense(tensor):
    """``tensor``: all are dense; a sparse matrix of SciPy becomes an array."""
    return tensor.toarray() if hasattr(tensor, "tocoo") else tensor


def shape(x):
    """The dimensions of ``x``: numbers that may stand in a shape, also where they are known only in a run."""
    return graph.shape(x)


def int_shape(x):
    """The shape as a tuple, None where a dimension is not known."""
    found = getattr(x, "shape", None)
    found = ops.shape(x) if found is None else tuple(found)
    return tuple(int(dim) if isinstance(dim, (int, np.integer)) else None for dim in found)


def ndim(x):
    """How many axes ``x`` has."""
    return ops.ndim(x)


@graphed
def _size(x):
    return ops.cast(ops.prod(ops.cast(graph.dims_of(x), "int32")), "int32")


def size(x, name=None):
    """How many items ``x`` has."""
    if is_symbol(x) and None in x.shape:
        return graph.node(_size, (x,))
    return ops.convert_to_tensor(int(np.prod(int_shape(x))), "int32")


def dtype(x):
    """The dtype, as a string."""
    return ops.dtype(x)


def count_params(x):
    """How many items a Variable has."""
    return int(np.prod(int_shape(x)))


# -- values


def eval(x):
    """The value, as an array. A symbol is computed; it must not depend on a placeholder."""
    if isinstance(x, graph.Update):
        value = eval(x.value)
        x.variable.assign(value)
        return value
    if graph.is_variable(x):
        return x.numpy()[()]
    return graph.on_host(graph.evaluate([x])[0] if is_symbol(x) else ops.convert_to_tensor(x))


def evaluated(self, feed_dict=None, session=None):
    """The method ``eval`` of symbols and Variables; ``feed_dict`` says what placeholders are."""
    if not isinstance(feed_dict, dict):
        return eval(self)
    return graph.on_host(graph.evaluate([graph.lifted(self)], feed_dict)[0])


def get_value(x):
    """The value of a Variable (or of any tensor), as an array."""
    value, turned = eval(x), getattr(x, "as_then", None)
    return value if turned is None else turned[0](value)


def batch_get_value(ops):
    """The values of several Variables."""
    return [get_value(x) for x in ops]


def set_value(x, value):
    """Give the Variable ``x`` the ``value``."""
    if not graph.is_variable(x):
        raise TypeError(
            f"K.set_value sets Variables, which K.variable makes. Received: {x!r} (of type {type(x).__name__})."
        )
    turned = getattr(x, "as_then", None)
    value = value if turned is None else turned[1](value)
    x.assign(np.asarray(value) if isinstance(value, (list, tuple)) else value)


def batch_set_value(tuples):
    """Give several Variables their values: pairs (Variable, value)."""
    for x, value in tuples:
        set_value(x, value)


def get_variable_shape(x):
    """The shape of a Variable."""
    return int_shape(x)


# -- updates


def _checked(name, x):
    if not graph.is_variable(x):
        raise TypeError(
            f"K.{name}: x must be a Variable, which K.variable makes outside of call() and of losses. "
            f"Received: {x!r} (of type {type(x).__name__})."
        )


def _update(name, x, new_value):
    """The update of ``x`` to ``new_value()``: done at once in a computation, else a pair that K.function takes.

    Inside of a layer's call it is done in training alone, or where states are kept: as when a model had updates.
    """
    _checked(name, x)
    value = new_value()
    if not computing.computing() or is_symbol(value):
        return graph.Update(x, value)
    if computing.updates_happen():
        x.assign(value if ops.dtype(value) == x.dtype else ops.cast(value, x.dtype))
    return graph.Update(x, value, applied=True)


def update(x, new_x):
    """``x`` becomes ``new_x``."""
    return _update("update", x, lambda: graph.lifted(new_x) if not computing.computing() else new_x)


def update_add(x, increment):
    """``x`` grows by ``increment``."""
    return _update("update_add", x, lambda: ops.add(_own(x), increment))


def update_sub(x, decrement):
    """``x`` becomes less by ``decrement``."""
    return _update("update_sub", x, lambda: ops.subtract(_own(x), decrement))


def moving_average_update(x, value, momentum):
    """``x`` becomes ``x * momentum + value * (1 - momentum)``."""

    def new_value():
        own = _own(x)
        return ops.subtract(own, ops.multiply(ops.subtract(own, ops.cast(value, x.dtype)), 1.0 - momentum))

    return _update("moving_average_update", x, new_value)


def _own(x):
    return x.value if computing.computing() else graph.read(x)
