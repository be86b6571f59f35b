"""Tensors in and out, variables' storage, devices."""

from contextlib import nullcontext
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from kbridge.backend import dtypes
from kbridge.backend.abstract import Abstract
from kbridge.backend.frame import entered, get_frame
from kbridge.backend.interface import Backend
from kbridge_jax import control, linalg, math, nn, random, recurrence, transform, wide, windows

_FLOATS = frozenset(map(jnp.dtype, dtypes.FLOATS + dtypes.COMPLEX))


_copied = partial(jnp.array, copy=True)


class Storage:
    """What a Variable's value lies in.

    ``shared`` says that someone outside may hold the array, so that a compiled step must not donate it.
    """

    __slots__ = ("array", "shared")

    def __init__(self, array, shared=False):
        self.array = array
        self.shared = shared


def _tensor_types():
    """The exact types of JAX's arrays and tracers, found by looking at some."""
    found = {type(jax.device_put(0))}

    def note(x):
        found.add(type(x))
        return x

    def look(x):
        note(x)
        jax.vmap(note)(x)
        jax.jvp(note, (x,), (x,))
        jax.linearize(note, x)
        jax.vjp(note, x)
        return x

    jax.eval_shape(look, jax.ShapeDtypeStruct((1,), "float32"))
    return frozenset(found)


@jax.jit
def _gather(data, row):
    # Compiled: outside of a trace an index expression costs many small dispatches.
    return jax.tree.map(lambda leaf: leaf.at[row].get(mode="promise_in_bounds"), data)


class JaxBackend(Backend):
    name = "jax"
    modules = (math, nn, windows, recurrence, linalg, random, control)
    float_dtypes = _FLOATS
    eager = False

    def __init__(self):
        self.tensor_types = _tensor_types()
        self._devices = {}

    def native(self, name):
        function = super().native(name)
        return None if function is None else wide.scoped(function, self._device)

    # -- tensors in and out

    def is_tensor(self, x):
        return isinstance(x, jax.Array)

    def convert(self, x, dtype=None):
        if isinstance(x, jax.Array):
            return x if dtype is None or x.dtype == dtype else self.cast(x, dtype)
        if getattr(x, "is_variable", False):
            return self.convert(x.value, dtype)
        if not isinstance(x, (np.ndarray, np.generic)):
            if isinstance(x, (list, tuple)) and _holds_tensors(x):
                parts = [self.convert(item, dtype) for item in x]
                common = dtypes.result_type(*map(self.dtype, parts))
                return jnp.stack([self.cast(part, common) for part in parts])
            if hasattr(x, "__dlpack__"):
                return self._from_foreign(x, dtype)
            kept = hasattr(x, "dtype")
            x = np.asarray(x)
            if dtype is None and not kept:  # Python's numbers
                own = {"f": float, "i": int, "c": complex}.get(x.dtype.kind)
                dtype = own and dtypes.standardize(own)
        if dtype is not None and x.dtype != dtype:
            x = x.astype(jnp.dtype(dtype))
        return self._put(x)

    def _put(self, array, device=None, make=_copied):
        """A tensor with a NumPy array's values, a copy of them unless ``make`` does otherwise."""
        device = device or get_frame().device
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        if array.dtype in wide.DTYPES:
            with wide.scope():
                return make(array, array.dtype, device=self._device(device))
        if array.dtype.kind in "OSUMm":
            raise TypeError(
                f"A tensor of the JAX backend holds numbers. Received: an array of dtype {array.dtype}. "
                f"Turn strings into integers first, with a StringLookup or TextVectorization layer."
            )
        return make(array, array.dtype, device=self._device(device))

    def _from_foreign(self, x, dtype):
        """A tensor of another library."""
        if hasattr(x, "detach"):
            x = x.detach()
        try:
            # A copy, since the other library may write to its tensor later.
            made = jnp.array(jax.dlpack.from_dlpack(x), copy=True)
        except Exception:  # a dtype, layout or device that DLPack or JAX does not take
            return self.convert(np.asarray(x), dtype)
        device = get_frame().device
        if device is not None:
            made = jax.device_put(made, self._device(device))
        return made if dtype is None else self.cast(made, dtype)

    def to_numpy(self, x):
        if isinstance(x, jax.core.Tracer):
            raise TypeError(
                "A function is being compiled or differentiated on the JAX backend, so the value of this tensor is not "
                "known yet and cannot be handed to NumPy, printed as a number or asked for by `if` or float(). "
                "Use kbridge.ops, or compile the model with run_eagerly=True."
            )
        return np.asarray(x)

    def cast(self, x, dtype):
        if x.dtype == dtype:
            return x
        if dtype in wide.NAMES or x.dtype in wide.DTYPES:
            with wide.scope():
                return self._cast(x, dtype)
        return self._cast(x, dtype)

    def _cast(self, x, dtype):
        if x.dtype.kind == "c" and not dtypes.is_complex(dtype):
            x = x.real
        return jax.lax.convert_element_type(x, jnp.dtype(dtype))

    def dtype(self, x):
        return x.dtype.name

    def gather(self, data, row):
        return _gather(data, row)

    # -- storage of variables

    def allocate(self, value, device=None):
        # A variable may first be read while a function is traced: its value is real nevertheless.
        with jax.ensure_compile_time_eval():
            return Storage(self._put(value, device))

    def read(self, storage):
        storage.shared = True
        return storage.array

    def write(self, storage, tensor):
        storage.array = tensor
        storage.shared = True
        return storage

    def take_over(self, storage, array):
        with jax.ensure_compile_time_eval():  # memory that is aligned is used as it is
            make = jnp.asarray if type(array) is np.ndarray else _copied
            storage.array = jax.block_until_ready(self._put(array, make=make))
        storage.shared = True
        return storage

    # -- functions of functions

    def value_and_grad(self, function, variables, has_aux=False):
        return transform.value_and_grad(self, function, variables, has_aux)

    def compile(self, function, state=(), jit=None):
        return function if jit is False else transform.Compiled(self, function, state)

    def compile_loop(self, step, finish, state=(), jit=None):
        return super().compile_loop(step, finish, state) if jit is False else transform.Loop(self, step, finish, state)

    def rematerialize(self, function, tensors):
        return jax.checkpoint(function)(tensors)

    def bridge(self, kind):
        from kbridge_jax import bridges

        return bridges.BRIDGES.get(kind) or super().bridge(kind)

    def eval_shape(self, function, *args):
        found = {}

        def run(tensors):
            frame = get_frame().child(engine=self, bindings={}, captures=True, touched={}, written={})
            with entered(frame):
                out = function(*tensors)
            leaves, found["tree"] = jax.tree.flatten(out, is_leaf=lambda leaf: leaf is None)
            found["rest"] = [None if self.is_tensor(leaf) else (leaf,) for leaf in leaves]
            return [leaf for leaf in leaves if self.is_tensor(leaf)]

        with wide.scope() if any(spec.dtype in wide.NAMES for spec in args) else nullcontext():
            tensors = jax.eval_shape(run, [jax.ShapeDtypeStruct(s.shape, jnp.dtype(s.dtype)) for s in args])
        tensors = iter(tensors)
        leaves = [rest[0] if rest else _abstract(next(tensors)) for rest in found["rest"]]
        return jax.tree.unflatten(found["tree"], leaves)

    # -- devices

    def devices(self):
        return list(self._found())

    def _found(self):
        if not self._devices:
            found = jax.local_devices()
            if found[0].platform != "cpu":
                found = found + jax.local_devices(backend="cpu")
            self._devices = {f"{device.platform}:{device.id}": device for device in found}
        return self._devices

    def _device(self, name):
        if name is None:
            return None
        found = self._found()
        name = name.lower().replace("cuda", "gpu")
        device = found.get(name if ":" in name else f"{name}:0")
        if device is None:
            raise ValueError(f'The JAX backend sees no device "{name}". Expected one of: {", ".join(found)}.')
        return device

    def device_of(self, tensor):
        if isinstance(tensor, jax.core.Tracer):
            return get_frame().device or self.default_device()
        device = next(iter(tensor.devices()))
        return f"{device.platform}:{device.id}"

    def synchronize(self, tree=None):
        if tree is None:
            jax.effects_barrier()
            tree = [array for array in jax.live_arrays() if not array.is_deleted()]
        jax.block_until_ready(tree)

    def memory(self):
        told = {name: device.memory_stats() for name, device in self._found().items()}
        return {
            name: {"used": stats["bytes_in_use"], "peak": stats.get("peak_bytes_in_use", stats["bytes_in_use"])}
            for name, stats in told.items()
            if stats
        }

    def version(self):
        return jax.__version__


@jax.jit
def _gather(data, row):
    return jax.tree.map(lambda leaf: leaf.at[row].get(mode="promise_in_bounds"), data)


def _holds_tensors(tree):
    """Whether a nested list holds anything but Python's numbers and NumPy's arrays."""
    if isinstance(tree, (list, tuple)):
        return any(map(_holds_tensors, tree))
    return isinstance(tree, jax.Array) or hasattr(tree, "__dlpack__") and not isinstance(tree, (np.ndarray, np.generic))


def _abstract(spec):
    return Abstract(spec.shape, spec.dtype.name)
