"""Making tensors, changing their shape, reading and writing parts of them."""

import numpy as np

from kbridge_tensorflow.backend import DTYPES
from kbridge_tensorflow.load import tf

_raw = tf.raw_ops


def filled(shape, fill_value, dtype):
    if fill_value.dtype.name != dtype:
        fill_value = tf.cast(fill_value, DTYPES[dtype])
    if fill_value.shape.rank == 0:
        return _raw.Fill(dims=_dims(shape), value=fill_value)
    return _raw.BroadcastTo(input=fill_value, shape=_dims(shape))


def iota(start, stop, step, dtype):
    if not any(isinstance(x, tf.Tensor) for x in (start, stop, step)):
        return NotImplemented
    wide = tf.int32 if DTYPES[dtype].is_integer else DTYPES[dtype]
    return tf.cast(tf.range(*(tf.cast(x, wide) for x in (start, stop, step))), DTYPES[dtype])


def _dims(shape):
    return list(shape) if len(shape) else tf.zeros(0, tf.int32)


def view(x, dtype=None):
    if dtype is None:
        return x
    wanted, held = DTYPES[dtype], x.dtype
    if held == wanted:
        return x
    if held == tf.bool:
        return view(tf.cast(x, tf.uint8), dtype)
    if wanted == tf.bool:
        return tf.cast(view(x, "uint8"), tf.bool)
    lead = tf.shape(x)[:-1]
    if held.size < wanted.size:
        share = wanted.size // held.size
        return tf.bitcast(tf.reshape(x, tf.concat([lead, [x.shape[-1] // share, share]], 0)), wanted)
    found = tf.bitcast(x, wanted)
    if held.size == wanted.size:
        return found
    return tf.reshape(found, tf.concat([lead, [x.shape[-1] * (held.size // wanted.size)]], 0))


def stop_gradient(variable):
    return _raw.StopGradient(input=variable)


def reshape(x, newshape):
    newshape = newshape if isinstance(newshape, (list, tuple)) else (newshape,)
    return _raw.Reshape(tensor=x, shape=_dims([-1 if dim is None else dim for dim in newshape]))


def transpose(x, axes=None):
    rank = x.shape.rank
    if rank < 2:
        return x
    return _raw.Transpose(x=x, perm=list(range(rank))[::-1] if axes is None else [axis % rank for axis in axes])


def broadcast_to(x, shape):
    return _raw.BroadcastTo(input=x, shape=_dims(shape))


def concatenate(xs, axis=0):
    if axis is None:
        xs, axis = [tf.reshape(x, [-1]) for x in xs], 0
    return _raw.ConcatV2(values=xs, axis=axis) if len(xs) > 1 else xs[0]


def stack(x, axis=0):
    return tf.stack(x, axis)


def unstack(x, num=None, axis=0):
    return tf.unstack(x, num, axis)


def expand_dims(x, axis):
    return _raw.ExpandDims(input=x, axis=axis) if isinstance(axis, int) else NotImplemented


def squeeze(x, axis=None):
    axes = [] if axis is None else list(axis) if isinstance(axis, (list, tuple)) else [axis]
    lengths = [x.shape[a] for a in axes] if all(-x.shape.rank <= a < x.shape.rank for a in axes) else [None]
    if any(length != 1 for length in lengths):
        return NotImplemented  # the body says what is wrong
    return x if axis == () else _raw.Squeeze(input=x, axis=axes)


def split(x, indices_or_sections, axis=0):
    if not isinstance(indices_or_sections, int) or not x.shape[axis] or x.shape[axis] % indices_or_sections:
        return NotImplemented
    return list(_raw.Split(axis=axis, value=x, num_split=indices_or_sections))


def tile(x, repeats):
    if x.dtype == tf.uint16 or not isinstance(repeats, (list, tuple)) or len(repeats) != x.shape.rank:
        return NotImplemented
    return _raw.Tile(input=x, multiples=list(repeats))


def flip(x, axis=None):
    axes = range(x.shape.rank) if axis is None else axis if isinstance(axis, (list, tuple)) else (axis,)
    return _raw.ReverseV2(tensor=x, axis=list(axes))


def roll(x, shift, axis=None):
    if axis is None or not isinstance(axis, int):
        return NotImplemented
    return _raw.Roll(input=x, shift=shift, axis=axis)


def pad_constant(x, pad_width, value=0):
    if x.shape.rank == 0:
        return x
    return _raw.PadV2(input=x, paddings=[list(pair) for pair in pad_width], constant_values=tf.cast(value, x.dtype))


def one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    if sparse:
        return NotImplemented
    from kbridge.backend import dtypes

    dtype = DTYPES[dtypes.standardize(dtype)]
    x = x if x.dtype in (tf.uint8, tf.int8, tf.int32, tf.int64) else tf.cast(x, tf.int64)
    return tf.one_hot(x, num_classes, axis=axis, dtype=dtype)


# -- reading


def _nonnegative(indices, length):
    """Indices that count from the front, in a dtype that kernels take."""
    if indices.dtype not in (tf.int32, tf.int64):
        indices = tf.cast(indices, tf.int64 if indices.dtype in (tf.uint32, tf.uint64) else tf.int32)
    zero = tf.zeros((), indices.dtype)
    return _raw.SelectV2(condition=indices < zero, t=indices + tf.cast(length, indices.dtype), e=indices)


def _length(x, axis):
    static = x.shape[axis]
    return tf.shape(x)[axis] if static is None else static


def take(x, indices, axis=None):
    if axis is None:
        x, axis = tf.reshape(x, [-1]), 0
    return _raw.GatherV2(params=x, indices=_nonnegative(indices, _length(x, axis)), axis=axis)


def take_along_axis(x, indices, axis=None):
    if axis is None:
        x, indices, axis = tf.reshape(x, [-1]), tf.reshape(indices, [-1]), 0
    rank = x.shape.rank
    axis %= rank
    indices = _nonnegative(indices, _length(x, axis))
    if axis != rank - 1:
        order = [i for i in range(rank) if i != axis] + [axis]
        x, indices = tf.transpose(x, order), tf.transpose(indices, order)
    if x.shape[:-1] != indices.shape[:-1] or not x.shape.is_fully_defined():
        lead = tf.broadcast_dynamic_shape(tf.shape(x)[:-1], tf.shape(indices)[:-1])
        x = tf.broadcast_to(x, tf.concat([lead, tf.shape(x)[-1:]], 0))
        indices = tf.broadcast_to(indices, tf.concat([lead, tf.shape(indices)[-1:]], 0))
    found = tf.gather(x, indices, axis=rank - 1, batch_dims=rank - 1)
    if axis != rank - 1:
        found = tf.transpose(found, [*range(axis), rank - 1, *range(axis, rank - 1)])
    return found


def _is_array(part):
    return isinstance(part, (tf.Tensor, np.ndarray, list)) or getattr(part, "is_variable", False)


def get_item(x, key):
    parts = list(key) if isinstance(key, tuple) else [key]
    parts = [part.item() if isinstance(part, np.generic) else part for part in parts]
    if not any(_is_array(part) for part in parts):
        return x[key if isinstance(key, tuple) else parts[0]]
    return _advanced(x, parts)


def _advanced(x, parts):
    """Indexing with arrays: basic parts first, then the arrays, whose axes come together where they stand.

    If something stands between the arrays, their axes go to the front.
    """
    taken = 0
    for i, part in enumerate(parts):
        if _is_array(part):
            part = tf.convert_to_tensor(np.asarray(part) if isinstance(part, list) else part)
            parts[i] = ("mask" if part.dtype == tf.bool else "index", part)
            taken += part.shape.rank if part.dtype == tf.bool else 1
        else:
            taken += part is not None and part is not ...
    full = [slice(None)] * (x.shape.rank - taken)
    place = next((i for i, part in enumerate(parts) if part is ...), None)
    if place is None:
        parts += full
    else:
        parts[place : place + 1] = full

    basic, order, axis = [], [], 0  # what is done first; then (axis, index) of each array
    for part in parts:
        if isinstance(part, tuple) and part[0] == "mask":
            for found in tf.unstack(tf.where(part[1]), axis=-1):
                order.append((axis, found))
                basic.append(slice(None))
                axis += 1
            continue
        if isinstance(part, tuple):
            order.append((axis, part[1]))
            part = slice(None)
        elif isinstance(part, int):  # counts as an array here: it joins the others
            order.append((axis, tf.constant(part)))
            part = slice(None)
        basic.append(part)
        axis += 1
    x = x[tuple(basic)]
    axes = [axis for axis, _ in order]
    indices = [_nonnegative(index, _length(x, axis)) for axis, index in order]
    indices = [tf.cast(index, tf.int64) for index in indices]
    shape = tf.shape(indices[0])
    for index in indices[1:]:
        shape = tf.broadcast_dynamic_shape(shape, tf.shape(index))
    rank = max(index.shape.rank for index in indices)
    if len(axes) == 1:
        return tf.gather(x, indices[0], axis=axes[0])
    rest = [i for i in range(x.shape.rank) if i not in axes]
    found = tf.gather_nd(tf.transpose(x, axes + rest), tf.stack([tf.broadcast_to(i, shape) for i in indices], -1))
    if axes == list(range(axes[0], axes[0] + len(axes))):  # together: their result stands in their place
        before = axes[0]
        return tf.transpose(found, [*range(rank, rank + before), *range(rank), *range(rank + before, found.shape.rank)])
    return found


def dynamic_slice(x, starts, sizes):
    return _raw.Slice(input=x, begin=tf.stack(_begin(starts)), size=_dims(sizes)) if x.shape.rank else x


def _begin(starts):
    return [tf.cast(start, tf.int32) for start in starts]


# -- writing


def dynamic_update_slice(x, starts, update):
    if not x.shape.rank:
        return tf.cast(update, x.dtype)
    begin = tf.stack(_begin(starts))
    ones = [1] * x.shape.rank
    return _raw.TensorStridedSliceUpdate(
        input=x, begin=begin, end=begin + tf.shape(update), strides=ones, value=tf.cast(update, x.dtype)
    )


_SCATTER = {
    None: _raw.TensorScatterUpdate,
    "add": _raw.TensorScatterAdd,
    "max": _raw.TensorScatterMax,
    "min": _raw.TensorScatterMin,
}


def scatter_update(inputs, indices, updates, reduction=None):
    updates = tf.cast(updates, inputs.dtype)
    depth = indices.shape[-1]
    lengths = tf.stack([_length(inputs, axis) for axis in range(depth)])
    indices = _nonnegative(indices, lengths)
    if inputs.dtype == tf.bool and reduction is not None:
        found = scatter_update(tf.cast(inputs, tf.int8), indices, tf.cast(updates, tf.int8), reduction)
        return tf.cast(found, tf.bool)
    if reduction == "mul":  # the product of all factors of each place
        strides = tf.math.cumprod(tf.cast(lengths, indices.dtype), exclusive=True, reverse=True)
        places = tf.reduce_sum(indices * strides, -1)
        factors = _raw.UnsortedSegmentProd(data=updates, segment_ids=places, num_segments=tf.reduce_prod(lengths))
        return inputs * tf.reshape(factors, tf.shape(inputs))
    return _SCATTER[reduction](tensor=inputs, indices=indices, updates=updates)


# -- order


def argsort(x, axis=-1):
    if axis is None:
        x, axis = tf.reshape(x, [-1]), 0
    rank = x.shape.rank
    axis %= rank
    if axis != rank - 1:
        order = [*range(axis), *range(axis + 1, rank), axis]
        back = [*range(axis), rank - 1, *range(axis, rank - 1)]
        return tf.transpose(argsort(tf.transpose(x, order), -1), back)
    key = _ordinal(x)
    # the greatest of the inverted are the least; the kernel keeps the order of equal ones
    return _raw.TopKV2(input=_raw.Invert(x=key), k=_length(x, -1), sorted=True)[1]


def _ordinal(x):
    """Whole numbers in the order of ``x``, NaNs greatest."""
    if x.dtype == tf.bool:
        return tf.cast(x, tf.int32)
    if not x.dtype.is_floating:
        return x
    if x.dtype.size == 2:
        x = tf.cast(x, tf.float32)
    whole = tf.int32 if x.dtype == tf.float32 else tf.int64
    x = tf.where(tf.math.is_nan(x), tf.constant(np.nan, x.dtype), x + 0.0)  # one kind of NaN, one kind of 0
    bits = tf.bitcast(x, whole)
    return tf.where(bits < 0, bits ^ tf.constant(whole.max, whole), bits)


def searchsorted(sorted_sequence, values, side="left"):
    kernel = _raw.LowerBound if side == "left" else _raw.UpperBound
    if sorted_sequence.dtype == tf.bool:
        sorted_sequence, values = tf.cast(sorted_sequence, tf.int32), tf.cast(values, tf.int32)
    flat = tf.reshape(values, [1, -1])
    found = kernel(sorted_inputs=sorted_sequence[tf.newaxis], values=flat, out_type=tf.int32)
    return tf.reshape(found, tf.shape(values))


def top_k(x, k, sorted=True):
    if x.dtype == tf.bool:
        values, indices = _raw.TopKV2(input=tf.cast(x, tf.int32), k=k, sorted=sorted)
        return tf.cast(values, tf.bool), indices
    return tuple(_raw.TopKV2(input=x, k=k, sorted=sorted))
