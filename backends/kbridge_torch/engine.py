"""The PyTorch engine: eager, differentiated by torch's autograd."""

import functools

import numpy as np
import torch

from kbridge.backend import dtypes
from kbridge.backend.frame import get_frame
from kbridge.backend.interface import Backend
from kbridge.backend.tree import map_structure
from kbridge.backend.variable import Variable
from kbridge_torch import arrays, gradients, journals, linalg, math, nn, random, recurrence, tensors, update, windows
from kbridge_torch.tensors import ACCELERATOR, FLOATS, NAMES, TENSOR_TYPES


class TorchBackend(Backend):
    """Tensors are ``torch.Tensor``, and so is the storage of a variable; it never requires a gradient."""

    name = "torch"
    modules = (math, arrays, nn, windows, recurrence, linalg, random)
    tensor_types = TENSOR_TYPES
    float_dtypes = FLOATS

    def __init__(self):
        Variable.__torch_function__ = classmethod(_torch_function)
        self._joined = update.Joined()
        if ACCELERATOR is None:
            self.read = _identity  # there is but one device

    def native(self, name):
        if name in vars(nn):  # complete for all floats, and called too often for a wrapper
            return vars(nn)[name]
        function = super().native(name)
        return function and _widening(function)

    # -- tensors in and out

    convert = staticmethod(tensors.convert)
    to_numpy = staticmethod(tensors.to_numpy)
    cast = staticmethod(tensors.cast)

    def is_tensor(self, x):
        return isinstance(x, torch.Tensor)

    def dtype(self, x):
        return NAMES.get(x.dtype) or dtypes.standardize(x.dtype)

    # -- storage of variables

    @torch.inference_mode(False)  # what lasts must serve for differentiation later
    def allocate(self, value, device=None):
        device = tensors.current_device() if device is None else tensors.torch_device(device)
        return tensors.from_numpy(np.ascontiguousarray(value)).clone().reshape(value.shape).to(device)

    @torch.inference_mode(False)
    def adopt(self, storage, engine):
        value = engine.read(storage)
        if not hasattr(value, "__dlpack__"):
            value = engine.to_numpy(value)
        value = tensors.from_numpy(value) if isinstance(value, np.ndarray) else tensors.from_foreign(value)
        return value.contiguous().clone().to(tensors.current_device())

    def read(self, storage):
        device = get_frame().device
        if device is None or storage.device == tensors.torch_device(device):
            return storage
        return storage.to(tensors.torch_device(device))

    def write(self, storage, tensor):
        if tensor.requires_grad:
            tensor = tensor.detach()
        journal = journals.current.get()
        # In a recording the backward pass may need what is in storage. Views belong to the optimizer's buffers.
        if gradients.recording.get() or (journal is not None and not storage._is_view()):
            new = tensor.clone()
            if journal is not None:
                journal.append((new, storage))
            return new
        if journal is not None:
            journal.append((storage, storage.clone()))
        try:
            return storage.copy_(tensor)
        except RuntimeError:  # ``tensor`` is another view of the same memory
            return storage.copy_(tensor.clone())

    # -- functions of functions

    def value_and_grad(self, function, variables, has_aux=False):
        return gradients.value_and_grad(self, function, variables, has_aux)

    def compile(self, function, state=(), jit=None):
        self.refuse_jit(jit)
        return journals.undone_by_errors(function)

    def compile_loop(self, step, finish, state=(), jit=None):
        self.refuse_jit(jit)

        def loop(data, rows, tail=None):
            batches = torch.from_numpy(np.ascontiguousarray(rows)).to(tensors.current_device())
            rests = None if tail is None else torch.from_numpy(np.ascontiguousarray(tail)).to(tensors.current_device())
            results = []
            for epoch in range(len(batches)):
                for row in batches[epoch].unbind():
                    step(self.gather(data, row))
                if rests is not None:
                    step(self.gather(data, rests[epoch]))
                results.append(finish())
            return map_structure(lambda *values: np.stack([_host(value) for value in values]), *results)

        return loop

    def gather(self, data, row):
        if not isinstance(row, torch.Tensor):
            row = tensors.convert(np.asarray(row))
        return map_structure(lambda leaf: leaf.index_select(0, row), data)

    def rematerialize(self, function, tensors):
        return gradients.rematerialize(function, tensors)

    def bridge(self, kind):
        from kbridge_torch import bridges

        return bridges.BRIDGES.get(kind) or super().bridge(kind)

    def update(self, rule, gradients, values, slots, scalars):
        if not self._joined.update(self, rule, gradients, values, slots, scalars):
            super().update(rule, gradients, values, slots, scalars)

    # -- devices

    def devices(self):
        count = 0 if ACCELERATOR is None else torch.cuda.device_count() if ACCELERATOR == "cuda" else 1
        return ["cpu:0", *(f"gpu:{i}" for i in range(count))]

    def device_of(self, tensor):
        return tensors.device_name(tensor.device)

    def synchronize(self, tree=None):
        if ACCELERATOR is not None:
            getattr(torch, ACCELERATOR).synchronize()

    def memory(self):
        if ACCELERATOR != "cuda":
            return {}
        return {
            f"gpu:{i}": {"used": torch.cuda.memory_allocated(i), "peak": torch.cuda.max_memory_allocated(i)}
            for i in range(torch.cuda.device_count())
        }

    def version(self):
        return torch.__version__


def _identity(storage):
    return storage


def _host(value):
    return tensors.to_numpy(value) if isinstance(value, torch.Tensor) else value


def _torch_function(cls, function, types, args=(), kwargs=None):
    """What torch's own functions and operators make of a Variable: its value."""

    def value(leaf):
        return tensors.convert(leaf) if isinstance(leaf, Variable) else leaf

    return function(*map_structure(value, list(args)), **map_structure(value, kwargs or {}))


# torch lacks many kernels for these; the wider dtype holds every value (but for uint64 beyond 2**63).
_WIDER = {
    torch.uint8: torch.int32,
    torch.uint16: torch.int32,
    torch.uint32: torch.int64,
    torch.uint64: torch.int64,
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
    torch.bool: torch.int32,
}
_LACKING = ("not implemented for", "not implemented on", "not support", "nsupported dtype")


def _widening(function):
    """``function``; where torch lacks its kernel for a narrow dtype, computed in a wider one."""

    @functools.wraps(function)
    def run(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except (RuntimeError, TypeError, ValueError) as error:
            if not any(phrase in str(error) for phrase in _LACKING):
                raise
            narrow = set()

            def widen(leaf):
                wider = _WIDER.get(leaf.dtype) if isinstance(leaf, torch.Tensor) else None
                if wider is None:
                    return leaf
                narrow.add(leaf.dtype)
                return leaf.to(wider)

            args, kwargs = map_structure(widen, list(args)), map_structure(widen, kwargs)
            if not narrow:
                raise
            result = function(*args, **kwargs)

        def narrowed(leaf):
            back = next((dtype for dtype in narrow if _WIDER[dtype] is getattr(leaf, "dtype", None)), None)
            return leaf if back is None else leaf.to(back)

        return map_structure(narrowed, result)

    return run
