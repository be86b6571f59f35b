"""Tensors in and out: dtypes, devices, and conversion from and to everything else."""

from functools import lru_cache

import numpy as np
import torch

from kbridge.backend import dtypes
from kbridge.backend.frame import get_frame
from kbridge.backend.tree import flatten

TENSOR_TYPES = frozenset((torch.Tensor, torch.nn.Parameter))
DTYPES = {name: getattr(torch, name) for name in dtypes.ALL if hasattr(torch, name)}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
FLOATS = frozenset(DTYPES[name] for name in (*dtypes.FLOATS, *dtypes.COMPLEX))

_MINIFLOATS = {torch.bfloat16: torch.int16} | {DTYPES[name]: torch.uint8 for name in dtypes.FLOAT8S if name in DTYPES}


def torch_dtype(name):
    """torch's dtype of this name."""
    try:
        return DTYPES[name]
    except KeyError:
        name = dtypes.standardize(name)
        if name not in DTYPES:
            raise TypeError(
                f"Tensors of the torch backend cannot have the dtype {name!r}. Convert to numbers first."
            ) from None
        return DTYPES[name]


# -- devices


def accelerator():
    """torch's name for the kind of GPU it sees here, or None."""
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return None


ACCELERATOR = accelerator()
DEFAULT_DEVICE = torch.device(ACCELERATOR, 0) if ACCELERATOR else torch.device("cpu")


@lru_cache(None)
def torch_device(name):
    """torch's device for "cpu:0", "gpu", "gpu:1", or a name of torch's own."""
    kind, _, index = str(name).lower().partition(":")
    if kind == "cpu":
        return torch.device("cpu")
    if kind in ("gpu", "cuda", "mps"):
        if ACCELERATOR is None:
            raise ValueError(f'No device {name!r}: torch sees no GPU here. Write device("cpu:0").')
        return torch.device(ACCELERATOR, int(index or 0))
    return torch.device(name)


def device_name(device):
    return "cpu:0" if device.type == "cpu" else f"gpu:{device.index or 0}"


def current_device():
    """The device asked for here, or the default one."""
    name = get_frame().device
    return DEFAULT_DEVICE if name is None else torch_device(name)


# -- conversion


def convert(x, dtype=None):
    """``Backend.convert``."""
    if isinstance(x, torch.Tensor):
        return _placed(x, dtype)
    kind = type(x)
    if kind in _SCALARS:
        return _scalar(x, kind, dtype)
    if getattr(x, "is_variable", False):
        return convert(x.value, dtype)
    if isinstance(x, (np.ndarray, np.generic)):
        return _placed(from_numpy(np.asarray(x)), dtype)
    if isinstance(x, (list, tuple)):
        return _from_sequence(x, dtype)
    return _placed(from_foreign(x), dtype)


def _placed(x, dtype):
    if ACCELERATOR or get_frame().device is not None:
        device = current_device()
        if x.device != device:
            x = x.to(device)
    return x if dtype is None else cast(x, dtype)


def cast(x, dtype):
    """``x`` in the dtype of this name."""
    wanted = DTYPES.get(dtype) or torch_dtype(dtype)
    if x.dtype is wanted:
        return x
    if x.is_complex() and not wanted.is_complex:
        x = x.real
    return x.to(wanted)


_SCALARS = {bool: "bool", int: "int32", float: None, complex: "complex"}


def _scalar(x, kind, dtype):
    if dtype is None:
        fits = kind is not int or -(2**31) <= x < 2**31
        dtype = dtypes.standardize(_SCALARS[kind] if fits else "int64")
    elif kind is complex and not dtypes.is_complex(dtype):
        x = x.real
    elif kind is float and dtypes.is_int(dtype):
        x = int(x)
    return torch.tensor(x, dtype=torch_dtype(dtype), device=current_device())


def kept(function):
    """Remember what ``function`` makes: tensors that may later take part in a differentiation."""
    return lru_cache(512)(torch.inference_mode(False)(function))


@kept
def _scalar_tensor(x, kind, dtype, device):
    return torch.tensor(x, dtype=dtype, device=device)


def scalar(x, dtype, device):
    """A tensor of no axes, kept for the next time; it must not be written to."""
    return _scalar_tensor(x, type(x) if x else repr(x), dtype, device)  # since 0 == 0.0 == -0.0 == False


def constant(x, like):
    """The Python number ``x`` as such a tensor, of the dtype and device of ``like``."""
    return scalar(x, like.dtype, like.device)


def from_numpy(array):
    """A tensor on the CPU that shares memory with ``array`` where torch can."""
    if array.dtype.kind in "OSUMmV" and array.dtype.name not in DTYPES:
        raise TypeError(
            f"The torch backend has no tensors of {array.dtype}. Received an array of shape {array.shape}. "
            f"Write x.astype('float32') or map its items to numbers first."
        )
    if array.dtype.name in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        return from_numpy(array.view(f"uint{8 * array.itemsize}")).view(DTYPES[array.dtype.name])
    if not array.dtype.isnative or array.dtype.name not in DTYPES:  # longdouble, say
        array = array.astype(array.dtype.newbyteorder("=") if array.dtype.itemsize <= 8 else "float64")
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy()
    return torch.from_numpy(array)


def from_foreign(x):
    """A tensor made of another library's, without a copy where DLPack allows; or of any array-like."""
    if hasattr(x, "__dlpack__"):
        try:
            return torch.from_dlpack(x)
        except (RuntimeError, TypeError, ValueError, BufferError):
            pass  # a dtype or device that DLPack or torch cannot take: by way of NumPy, then
    array = np.asarray(x)
    return from_numpy(array if array.dtype != np.float64 or hasattr(x, "dtype") else array.astype(_floatx()))


def _floatx():
    return dtypes.standardize(None)


def _from_sequence(x, dtype):
    leaves = flatten(x)
    kinds = set(map(type, leaves))
    if kinds <= _SCALARS.keys() or all(issubclass(kind, (np.generic, np.ndarray)) for kind in kinds):
        array = np.asarray(x)
        if dtype is None:
            dtype = _weak_result(kinds, array) if kinds <= _SCALARS.keys() else None
        return _placed(from_numpy(array), dtype)
    if dtype is None:
        dtype = dtypes.result_type(*{_dtype_of_item(item) for item in leaves})
    return torch.stack([convert(item, dtype) for item in x])


def _weak_result(kinds, array):
    """The dtype of a list of Python numbers, which are weak."""
    if float in kinds or not kinds:
        return _floatx() if complex not in kinds else dtypes.standardize("complex")
    if complex in kinds:
        return dtypes.standardize("complex")
    if int not in kinds:
        return "bool"
    fits = not array.size or (-(2**31) <= array.min() and array.max() < 2**31)
    return "int32" if fits else "int64"


def _dtype_of_item(item):
    if type(item) in _SCALARS:
        return type(item)
    return dtypes.standardize(item.dtype) if hasattr(item, "dtype") else dtypes.standardize(np.asarray(item).dtype)


def to_numpy(x):
    """``Backend.to_numpy``; it shares memory with ``x`` where that lies in host memory."""
    x = x.detach()
    if x.device.type != "cpu":
        x = x.cpu()
    bits = _MINIFLOATS.get(x.dtype)
    if bits is not None:
        import ml_dtypes

        return x.contiguous().view(bits).numpy().view(getattr(ml_dtypes, NAMES[x.dtype]))
    return x.resolve_conj().resolve_neg().numpy()
