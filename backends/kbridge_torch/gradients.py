"""``value_and_grad`` by torch's autograd.

While a function is differentiated, stand-ins that require a gradient are bound in the place of the watched
variables; the variables' own storage never requires one, so nothing is recorded outside.
"""

from contextvars import ContextVar, copy_context

import torch
from torch.utils.checkpoint import checkpoint

from kbridge.backend.frame import current_frame, get_frame
from kbridge.backend.tree import map_structure
from kbridge_torch import tensors

recording = ContextVar("kbridge_torch_recording", default=0)  # how many functions are being differentiated here

# torch.autograd.grad without its checks of arguments, which cost more than the backward pass of a small model
_run_backward = torch.autograd.Variable._execution_engine.run_backward


@tensors.kept
def _one(dtype, device):
    return torch.ones((), dtype=dtype, device=device)


def value_and_grad(engine, function, variables, has_aux):
    """``Backend.value_and_grad``."""
    if not torch.is_grad_enabled():
        with torch.inference_mode(False), torch.enable_grad():
            return value_and_grad(engine, function, variables, has_aux)
    frame = get_frame()
    depth = recording.get()
    nested = depth > 0
    bindings = dict(frame.bindings) if frame.bindings else {}
    watched, arguments = [], []
    for item in variables:
        is_variable = getattr(item, "is_variable", False)
        tensor = _held(engine, item, frame) if is_variable else item
        if tensor.is_floating_point() or tensor.is_complex():
            # an alias where an outer call differentiates it too: other uses of it are constants in here
            stand_in = tensor.view_as(tensor) if tensor.requires_grad else tensor.detach().requires_grad_()
            watched.append(stand_in)
        else:
            stand_in = tensor
            watched.append(None)
        if is_variable:
            bindings[id(item)] = stand_in
        else:
            arguments.append(stand_in)

    inner = frame.child(engine=engine, bindings=bindings, touched={}, written={})
    token, mark = current_frame.set(inner), recording.set(depth + 1)
    try:
        result = function(*arguments)
        value, aux = result if has_aux else (result, None)
        grads = _backward(engine, value, watched, nested)
    finally:
        current_frame.reset(token)
        recording.reset(mark)

    for key, variable in inner.written.items():
        variable.assign(bindings[key] if nested else _detached(bindings[key]))
    if not nested:
        value, aux = _detached(value), map_structure(_detached, aux)
    return ((value, aux), grads) if has_aux else (value, grads)


def _held(engine, variable, frame):
    """The tensor of a variable in its own dtype, whatever autocast says."""
    bound = frame.bindings.get(id(variable)) if frame.bindings else None
    if bound is not None:
        return bound
    storage = variable.storage
    return engine.read(storage) if isinstance(storage, torch.Tensor) else tensors.convert(storage)


def _detached(leaf):
    return leaf.detach() if isinstance(leaf, torch.Tensor) and leaf.requires_grad else leaf


def _backward(engine, value, watched, nested):
    sources = tuple(tensor for tensor in watched if tensor is not None)
    if not sources or not isinstance(value, torch.Tensor) or not value.requires_grad:
        return [None] * len(watched)
    upstream = _one(value.dtype, value.device) if value.dim() == 0 else torch.ones_like(value)
    found = iter(
        _run_backward((value,), (upstream,), nested, nested, sources, allow_unreachable=True, accumulate_grad=False)
    )
    return [None if tensor is None else next(found) for tensor in watched]


def rematerialize(function, tensors):
    """``Backend.rematerialize``: what was set around the call is so again when it is computed anew."""
    if not recording.get():
        return function(tensors)
    context = copy_context()

    def run(*tensors):
        return context.copy().run(function, list(tensors))

    return checkpoint(run, *tensors, use_reentrant=False, preserve_rng_state=False)
