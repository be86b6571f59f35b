"""Making tensors, changing their shape, reading and writing parts of them, sorting, searching."""

import builtins

import numpy as np
import torch
import torch.nn.functional as F

from kbridge.backend.tree import flatten, map_structure, pack
from kbridge_torch import tensors

# -- making and reshaping


def filled(shape, fill_value, dtype):
    dtype = tensors.torch_dtype(dtype)
    if fill_value.requires_grad:
        return fill_value.to(dtype).expand(shape)
    made = torch.empty(shape, dtype=dtype, device=fill_value.device)
    return made.fill_(fill_value) if fill_value.dim() == 0 else made.copy_(fill_value)


def iota(start, stop, step, dtype):
    return torch.arange(start, stop, step, dtype=tensors.torch_dtype(dtype), device=tensors.current_device())


def reshape(x, newshape):
    if isinstance(newshape, (tuple, list)):
        return x.reshape([-1 if dim is None else dim for dim in newshape])
    return x.reshape(-1 if newshape is None else newshape)


def transpose(x, axes=None):
    return x.permute(tuple(range(x.ndim))[::-1] if axes is None else tuple(axes))


def ravel(x):
    return x.reshape(-1)


def moveaxis(x, source, destination):
    plain = isinstance(source, int) and isinstance(destination, int)
    return x.movedim(source, destination) if plain else NotImplemented


def swapaxes(x, axis1, axis2):
    return x.transpose(axis1, axis2)


def expand_dims(x, axis):
    return x.unsqueeze(axis) if isinstance(axis, int) else NotImplemented


def squeeze(x, axis=None):
    if axis is None:
        return x.squeeze()
    return x.squeeze(axis) if isinstance(axis, int) and x.shape[axis] == 1 else NotImplemented


def broadcast_to(x, shape):
    return x.expand(tuple(shape))


def concatenate(xs, axis=0):
    return torch.cat([x.reshape(-1) for x in xs]) if axis is None else torch.cat(xs, axis)


def stack(x, axis=0):
    return torch.stack(x, axis) if isinstance(x, (list, tuple)) else NotImplemented


def unstack(x, num=None, axis=0):
    return list(x.unbind(axis)) if num in (None, x.shape[axis]) else NotImplemented


def split(x, indices_or_sections, axis=0):
    if not isinstance(indices_or_sections, int) or x.shape[axis] % indices_or_sections:
        return NotImplemented
    return list(x.chunk(indices_or_sections, axis))


def copy(x):
    return x.clone()


def zeros_like(x, dtype=None):
    return torch.zeros_like(x, dtype=dtype and tensors.torch_dtype(dtype))


def ones_like(x, dtype=None):
    return torch.ones_like(x, dtype=dtype and tensors.torch_dtype(dtype))


def flip(x, axis=None):
    return x.flip(tuple(range(x.ndim)) if axis is None else axis)


def roll(x, shift, axis=None):
    return torch.roll(x, shift, axis)


def pad_constant(x, pad_width, value=0):
    widths = [width for pair in reversed(pad_width) for width in pair]
    while len(widths) > 2 and widths[-1] == widths[-2] == 0:  # axes in front need no mention
        del widths[-2:]
    return F.pad(x, widths, value=value)


def tril(x, k=0):
    return torch.tril(x, k)


def triu(x, k=0):
    return torch.triu(x, k)


def diagonal(x, offset=0, axis1=0, axis2=1):
    return torch.diagonal(x, offset, axis1, axis2)


def view(x, dtype=None):
    return x.contiguous().view(tensors.torch_dtype(dtype))


def stop_gradient(variable):
    return variable.detach()


# -- parts


def get_item(x, key):
    if _is_basic(key):
        return x[key]
    keys = list(key) if isinstance(key, tuple) else [key]
    keys = [_as_index(item) for item in keys]
    if not builtins.any(isinstance(item, slice) and (item.step or 1) < 0 for item in keys):
        return x[tuple(keys)]
    # torch has no negative steps: turn such axes around, first of all
    used = builtins.sum(_axes_used(item) for item in keys)
    axis, flipped, result = 0, [], []
    for item in keys:
        if item is Ellipsis:
            axis += x.ndim - used
        elif isinstance(item, slice) and (item.step or 1) < 0:
            start, stop, step = item.indices(x.shape[axis])
            item = slice(x.shape[axis] - 1 - start, x.shape[axis] - 1 - stop, -step)
            flipped.append(axis)
        axis += _axes_used(result_item := item)
        result.append(result_item)
    return x.flip(flipped)[tuple(result)]


def _is_basic(key):
    if type(key) is tuple:
        return builtins.all(map(_is_basic, key))
    if type(key) is slice:
        return key.step is None or (type(key.step) is int and key.step > 0)
    return type(key) is int or key is None or key is Ellipsis


def _as_index(item):
    if item is None or item is Ellipsis or isinstance(item, (bool, int)):
        return item
    if isinstance(item, slice):
        ends = (item.start, item.stop, item.step)
        return slice(*(None if end is None else int(end) for end in ends))
    if isinstance(item, np.integer):
        return int(item)
    item = tensors.convert(item)
    return item.long() if item.dtype not in (torch.bool, torch.int32) else item


def _axes_used(item):
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    return item.ndim if isinstance(item, torch.Tensor) and item.dtype is torch.bool else 1


def _from_front(indices, length):
    """Indices in a form and range that torch's kernels take."""
    if indices.dtype not in (torch.int32, torch.int64):
        indices = indices.to(torch.int64)
    return torch.where(indices < 0, indices + length, indices)


def take(x, indices, axis=None):
    if axis is None:
        x, axis = x.reshape(-1), 0
    axis %= x.ndim
    indices = _from_front(indices, x.shape[axis])
    if axis == 0 and x.ndim == 2 and x.is_floating_point():
        return F.embedding(indices, x)
    if indices.ndim == 1:
        return x.index_select(axis, indices)
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    return x.index_select(axis, indices.reshape(-1)).reshape(shape)


def take_along_axis(x, indices, axis=None):
    if axis is None:
        x, indices, axis = x.reshape(-1), indices.reshape(-1), 0
    return torch.take_along_dim(x, _from_front(indices, x.shape[axis]).long(), axis)


def where(condition, x1=None, x2=None):
    if condition.dtype is not torch.bool:
        condition = condition != 0
    if x1 is None and x2 is None:
        return tuple(index.to(torch.int32) for index in condition.nonzero(as_tuple=True))
    return torch.where(condition, x1, x2)


def scatter_update(inputs, indices, updates, reduction=None):
    places = tuple(indices.long().unbind(-1))
    if reduction is None:
        return inputs.index_put(places, updates)
    # as rows, of which one number says which
    leading, rest = inputs.shape[: len(places)], inputs.shape[len(places) :]
    rows = torch.zeros((), dtype=torch.int64, device=inputs.device)
    for place, length in zip(places, leading, strict=True):
        rows = rows * length + _from_front(place, length)
    rows = rows.reshape(-1)
    table = inputs.reshape(leading.numel(), *rest)
    updates = updates.reshape(rows.numel(), *rest)
    if reduction == "add":
        return table.index_add(0, rows, updates).reshape(inputs.shape)
    how = {"mul": "prod", "max": "amax", "min": "amin"}[reduction]
    spread = rows.reshape(-1, *[1] * len(rest)).expand_as(updates)
    return table.scatter_reduce(0, spread, updates, how).reshape(inputs.shape)


def nonzero(x):
    return tuple(index.to(torch.int32) for index in (x != 0).nonzero(as_tuple=True))


def dynamic_slice(x, starts, sizes):
    for axis, (start, size) in enumerate(zip(starts, sizes)):
        x = x.narrow(axis, int(start), size)
    return x


def dynamic_update_slice(x, starts, update):
    box = tuple(slice(int(start), int(start) + size) for start, size in zip(starts, update.shape))
    result = x.clone()
    result[box] = update
    return result


def sort(x, axis=-1):
    return torch.sort(x, axis)[0] if axis is not None else torch.sort(x.reshape(-1))[0]


def argsort(x, axis=-1):
    return torch.argsort(x.reshape(-1) if axis is None else x, dim=-1 if axis is None else axis, stable=True)


def searchsorted(sorted_sequence, values, side="left"):
    values = tensors.constant(values, sorted_sequence) if not isinstance(values, torch.Tensor) else values
    return torch.searchsorted(sorted_sequence.contiguous(), values.contiguous(), side=side, out_int32=True)


def top_k(x, k, sorted=True):
    length = x.shape[-1]
    if length <= 1024 or k == 0:  # torch.topk is not stable
        values, indices = torch.sort(x, descending=True, stable=True)
        return values[..., :k], indices[..., :k].to(torch.int32)
    # all above the k-th value, and of those equal to it the first ones
    last = torch.topk(x.detach(), k)[0][..., -1:]
    above = (x > last) | (x.isnan() & ~last.isnan())
    level = (x == last) | (x.isnan() & last.isnan())
    chosen = above | (level & (level.cumsum(-1) <= k - above.sum(-1, keepdim=True)))
    places = chosen.reshape(-1, length).nonzero()[:, 1].reshape(*x.shape[:-1], k)
    values, order = torch.sort(x.gather(-1, places), descending=True, stable=True)
    return values, places.gather(-1, order).to(torch.int32)


# -- functions of functions


class _CustomGradient(torch.autograd.Function):
    """Outputs that pass their gradient to ``gradient``, whose results are the gradients of ``args``."""

    @staticmethod
    def forward(ctx, outputs, gradient, *args):
        ctx.structure = map_structure(lambda leaf: None, outputs)
        ctx.gradient = gradient
        return tuple(leaf.detach() for leaf in flatten(outputs))

    @staticmethod
    def backward(ctx, *upstream):
        found = ctx.gradient(pack(ctx.structure, upstream))
        return (None, None, *(found if isinstance(found, (list, tuple)) else (found,)))


def vectorized_map(function, elements):
    elements = map_structure(tensors.convert, elements)
    try:
        return torch.vmap(function)(elements)
    except (RuntimeError, ValueError, TypeError):
        return NotImplemented  # a value was asked for, a random number drawn, a variable assigned, ...


def call_with_gradient(function, args):
    outputs, gradient = function(*args)
    return pack(outputs, _CustomGradient.apply(outputs, gradient, *args))
