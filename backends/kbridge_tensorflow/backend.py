"""The control interface on TensorFlow: tensors in and out, storage, devices."""

from contextvars import ContextVar
from functools import cache, wraps

import numpy as np

from kbridge.backend import dtypes, registry
from kbridge.backend.abstract import Abstract
from kbridge.backend.frame import entered, get_frame
from kbridge.backend.interface import Backend
from kbridge.backend.tree import flatten, map_structure
from kbridge.backend.variable import Variable
from kbridge_tensorflow.load import EagerTensor, ResourceVariable, SymbolicTensor, tf

TENSORS = frozenset((EagerTensor, SymbolicTensor))
DTYPES = {name: tf.as_dtype(name) for name in dtypes.ALL}

_constant = tf.constant
_read = tf.raw_ops.ReadVariableOp
_assign = tf.raw_ops.AssignVariableOp
_assign_part = tf.raw_ops.ResourceStridedSliceAssign
_PIECE = 1 << 20  # bytes of a variable that are taken over at once
_cast = tf.raw_ops.Cast

# Whether a loop of steps is being traced for XLA.
in_loop = ContextVar("kbridge_tensorflow_loop", default=False)


class SlowInLoop(Exception):
    """Raised by an op that XLA does so slowly that single steps without it are better."""


# Arrays of more items become inputs of a traced function instead of constants inside its graph.
_LARGE = 1024

# Variables of so many items are updated by one kernel of XLA's.
_WIDE = 2**20


class TensorFlowBackend(Backend):
    name = "tensorflow"
    eager = False
    tensor_types = TENSORS
    float_dtypes = frozenset(DTYPES[name] for name in dtypes.FLOATS + dtypes.COMPLEX)

    def __init__(self):
        from kbridge_tensorflow import arrays, control, linalg, math, nn, random, recurrence

        self.modules = (math, arrays, nn, recurrence, linalg, control, random)
        tf.register_tensor_conversion_function(Variable, _variable_to_tensor)

    def native(self, name):
        function = super().native(name)
        if function is None or len(_devices()) == 1:
            return function

        @wraps(function)
        def on_device(*args, **kwargs):
            device = get_frame().device
            if device is None:
                return function(*args, **kwargs)
            with tf.device(device_path(device)):
                return function(*args, **kwargs)

        return on_device

    # -- tensors in and out

    def is_tensor(self, x):
        return type(x) in TENSORS or isinstance(x, tf.Tensor)

    def convert(self, x, dtype=None):
        kind = type(x)
        if kind in TENSORS:
            return x if dtype is None or x.dtype.name == dtype else self.cast(x, dtype)
        device = get_frame().device
        if device is not None:
            with tf.device(device_path(device)):
                return self._convert(x, dtype)
        return self._convert(x, dtype)

    def _convert(self, x, dtype):
        if isinstance(x, (bool, int, float, complex)) and not isinstance(x, np.generic):
            if dtype is None:
                dtype = dtypes.standardize(type(x))
                if dtype == "int32" and not -(2**31) <= x < 2**31:
                    dtype = "int64"
            elif isinstance(x, (float, complex)) and dtypes.is_int(dtype):
                x = int(x.real)
            elif dtype == "bool":
                x = bool(x)
            return _constant(x, DTYPES[dtype])
        if isinstance(x, (np.ndarray, np.generic)):
            return self._from_array(np.asarray(x), dtype)
        if isinstance(x, (str, bytes)):
            return _constant(x)
        if isinstance(x, (list, tuple, range)):
            leaves = flatten(list(x))
            tensors = [leaf for leaf in leaves if hasattr(leaf, "dtype")]
            if any(not isinstance(leaf, (np.ndarray, np.generic)) for leaf in tensors):
                return self._stack(x, dtype)
            array = np.asarray(x)
            if dtype is None and array.dtype.kind in "fi" and not tensors:
                dtype = dtypes.standardize(float if array.dtype.kind == "f" else int)
                if dtype == "int32" and array.size and max(abs(int(array.max())), abs(int(array.min()))) >= 2**31:
                    dtype = "int64"
            return self._from_array(array, dtype)
        if isinstance(x, (tf.Tensor, tf.Variable, tf.IndexedSlices)):
            x = tf.convert_to_tensor(x)
            return x if dtype is None or x.dtype.name == dtype else self.cast(x, dtype)
        if getattr(x, "is_variable", False):
            return self.convert(x.value, dtype)
        if isinstance(x, (tf.SparseTensor, tf.RaggedTensor)):
            raise TypeError(
                f"Expected a dense tensor. Received a {type(x).__name__}. "
                "Write tf.sparse.to_dense(x) or x.to_tensor() first."
            )
        return self._from_array(_foreign_to_numpy(x), dtype)

    def _from_array(self, array, dtype):
        if dtype is not None and dtype != "string" and array.dtype.kind not in "OSU":
            wanted = DTYPES[dtype].as_numpy_dtype
            if array.dtype != wanted:
                array = array.astype(wanted)
        if array.size > _LARGE and not tf.executing_eagerly():
            with tf.init_scope():
                return _constant(array)
        return _constant(array)

    def _stack(self, items, dtype):
        """A nested list that holds tensors."""
        items = [self.convert(item) for item in items]
        if dtype is None:
            dtype = dtypes.result_type(*(item.dtype.name for item in items))
        return tf.stack([self.cast(item, dtype) for item in items])

    def to_numpy(self, x):
        if type(x) is SymbolicTensor:
            raise TypeError(
                f"The tensor {x.name!r} of shape {x.shape} has no value while a function is traced. "
                "Use kbridge.ops on it, or run it outside of compiled code."
            )
        array = np.asarray(x if x.ndim else x.numpy())  # a scalar of bfloat16 has no array protocol
        array.flags.writeable = False  # it shares the tensor's memory
        return array

    def cast(self, x, dtype):
        wanted = DTYPES[dtype]
        held = x.dtype
        if held == wanted:
            return x
        if wanted == tf.string:
            return tf.strings.as_string(x)
        if held == tf.string:
            return _cast(x=tf.strings.to_number(x, tf.float64), DstT=wanted)
        return _cast(x=x, DstT=wanted)

    def dtype(self, x):
        return x.dtype.name

    def shape(self, x):
        static = x.shape
        if static.rank is None:
            raise ValueError(f"The rank of {x} is not known. Write tf.ensure_shape(x, shape) where it is made.")
        dims = static.as_list()
        if None not in dims:
            return tuple(dims)
        dynamic = tf.shape(x)
        return tuple(dynamic[i] if dim is None else dim for i, dim in enumerate(dims))

    # -- storage: a tf.Variable

    def allocate(self, value, device=None):
        device = device or get_frame().device
        with tf.init_scope():
            if device is not None:
                with tf.device(device_path(device)):
                    return ResourceVariable(value, trainable=False)
            return ResourceVariable(value, trainable=False)

    def read(self, storage):
        return _read(resource=storage.handle, dtype=storage.dtype)

    def write(self, storage, tensor):
        _assign(resource=storage.handle, value=tensor)
        return storage

    def take_over(self, storage, array):
        if array.nbytes <= _PIECE or len(array) < 2 or array.dtype.kind not in "fiu":
            return self.write(storage, self.convert(array))
        step = max(1, len(array) * _PIECE // array.nbytes)
        for start in range(0, len(array), step):
            piece = array[start : start + step]
            place = {"begin": [start], "end": [start + len(piece)], "strides": [1]}
            _assign_part(ref=storage.handle, value=self.convert(piece), **place)
        return storage

    # -- functions of functions

    def value_and_grad(self, function, variables, has_aux=False):
        from kbridge_tensorflow.transform import value_and_grad

        return value_and_grad(self, function, variables, has_aux)

    def compile(self, function, state=(), jit=None):
        from kbridge_tensorflow.transform import Compiled

        return Compiled(function, state, jit)

    def compile_loop(self, step, finish, state=(), jit=None):
        from kbridge_tensorflow.transform import Loop

        if jit is False:  # loops are only worth it under XLA
            return super().compile_loop(self.compile(step, state, jit), self.compile(finish, state, jit), state)
        return Loop(step, finish, state)

    def gather(self, data, row):
        return map_structure(lambda x: None if x is None else tf.gather(x, row), data)

    def update(self, rule, gradients, values, slots, scalars):
        if tf.executing_eagerly():
            return super().update(rule, gradients, values, slots, scalars)
        fused = {}
        for gradient, variable, own in zip(gradients, values, slots):
            args = gradient, variable.value, tuple(slot.value for slot in own), scalars
            if rule.elementwise and variable.size >= _WIDE:
                # in large tensors an optimizer's many small operations wait for memory: XLA makes them one
                key = variable.shape, gradient.dtype
                if key not in fused:
                    function = tf.function(rule, autograph=False, jit_compile=True)
                    fused[key] = function.get_concrete_function(*args)
                value, new = fused[key](*args)
            else:
                value, new = rule(*args)
            variable.assign(value)
            for slot, item in zip(own, new):
                slot.assign(item)

    def rematerialize(self, function, tensors):
        from kbridge_tensorflow.transform import rematerialize

        return rematerialize(function, tensors)

    def bridge(self, kind):
        from kbridge_tensorflow import bridges

        return bridges.BRIDGES.get(kind) or super().bridge(kind)

    def eval_shape(self, function, *args):
        described = []

        def traced(*tensors):
            with entered(get_frame().child(engine=self, bindings={}, captures=True, touched={}, written={})):
                result = function(*tensors)
            described.append(
                map_structure(lambda x: Abstract(x.shape, x.dtype.name) if self.is_tensor(x) else x, result)
            )
            return ()

        specs = [tf.TensorSpec(spec.shape, DTYPES[spec.dtype]) for spec in args]
        tf.function(traced, autograph=False).get_concrete_function(*specs)
        return described[-1]

    # -- devices

    def devices(self):
        return list(_devices())

    def device_of(self, tensor):
        return device_name(tensor.device) if tensor.device else self.default_device()

    def synchronize(self, tree=None):
        for name in self.devices():
            if not name.startswith("cpu"):  # work on the CPU is done when a call returns
                with tf.device(device_path(name)):
                    (tf.zeros(()) + 0.0).numpy()  # comes after all else in the device's queue

    def memory(self):
        found = {}
        for name in self.devices():
            if name.startswith("gpu"):
                info = tf.config.experimental.get_memory_info(name.upper())
                found[name] = {"used": info["current"], "peak": info["peak"]}
        return found

    def version(self):
        return tf.__version__


@cache
def _devices():
    found = tf.config.list_physical_devices()
    return [device_name(d.name) for d in sorted(found, key=lambda d: d.device_type != "CPU")]


def device_path(name):
    """TensorFlow's way to write "gpu:0"."""
    return f"/{name.upper()}" if ":" in name else f"/{name.upper()}:0"


def device_name(path):
    """Ours, from "/job:localhost/replica:0/task:0/device:GPU:0" or "/physical_device:GPU:0"."""
    kind, _, index = path.rpartition(":")
    kind = kind.rpartition(":")[2].lower()
    return f"{kind}:{index}"


def _variable_to_tensor(variable, dtype=None, name=None, as_ref=False):
    """How TensorFlow's own functions read a Variable of ours."""
    if as_ref:
        return NotImplemented
    value = variable.value
    if dtype is not None and value.dtype != dtype:
        raise TypeError(f"Variable {variable.path!r} has the dtype {variable.dtype}, not {tf.as_dtype(dtype).name}.")
    return value


def _foreign_to_numpy(x):
    """An array from whatever else there is: a tensor of another engine, an object with ``__array__``."""
    for engine in list(registry._engines.values()):
        if engine.name != "tensorflow" and engine.is_tensor(x):
            return engine.to_numpy(x)
    if hasattr(x, "detach"):  # a tensor that takes part in automatic differentiation
        x = x.detach()
    try:
        return np.asarray(x)
    except TypeError:
        if not hasattr(x, "__dlpack__"):
            raise
        return tf.identity(tf.experimental.dlpack.from_dlpack(x.__dlpack__())).numpy()
