"""Shape rules of the required ops that are not elementwise: argument shapes in, result shape out.

A rule takes the op's own arguments, with an ``Abstract`` for each tensor; all dimensions are known numbers.
"""

import math

import numpy as np

from kbridge.backend import dtypes
from kbridge.backend.abstract import Abstract, agree, broadcast_shapes, common, is_open


def canonical_axis(axis, rank, what="axis"):
    """``axis`` counted from the front, or an error that says what fits."""
    if not -rank <= axis < rank:
        raise ValueError(f"{what}={axis} is out of bounds for a tensor of rank {rank}: expected {-rank} to {rank - 1}.")
    return axis % rank


def same(x, *args, **kwargs):
    """The shape of the first tensor."""
    return x.shape


def reduction(x, axis=None, keepdims=False, **kwargs):
    if axis is None:
        return (1,) * x.ndim if keepdims else ()
    axes = {canonical_axis(a, x.ndim) for a in (axis if isinstance(axis, (list, tuple)) else (axis,))}
    if keepdims:
        return tuple(1 if i in axes else dim for i, dim in enumerate(x.shape))
    return tuple(dim for i, dim in enumerate(x.shape) if i not in axes)


def matmul(x1, x2):
    a, b = x1.shape, x2.shape
    if not a or not b:
        raise ValueError(f"matmul takes tensors of rank 1 or more. Received shapes {a} and {b}.")
    left = (1, *a) if len(a) == 1 else a
    right = (*b, 1) if len(b) == 1 else b
    if not agree(left[-1], right[-2]):
        raise ValueError(
            f"matmul: the last axis of the first shape {a} is {left[-1]}, but the axis that meets it in the "
            f"second, {b}, is {right[-2]}."
        )
    shape = broadcast_shapes(left[:-2], right[:-2])
    shape += (left[-2],) if len(a) > 1 else ()
    return shape + ((right[-1],) if len(b) > 1 else ())


def product(dims):
    total = 1
    for dim in dims:
        total *= dim
    return total


def sequence(value):
    """An int or a sequence of ints as a tuple."""
    return tuple(value) if hasattr(value, "__len__") and getattr(value, "ndim", 1) else (value,)


def scalar_int(*args, **kwargs):
    return Abstract((), "int32")


def filled(shape, fill_value, dtype):
    return Abstract(shape, dtype)


def iota(start, stop, step, dtype):
    return Abstract((max(0, math.ceil((stop - start) / step)),), dtype)


def tried(dims):
    """The first of ``dims`` that stands for one not known, or None: nothing can be said of what divides it."""
    return next(filter(is_open, dims), None)


def reshape(x, newshape):
    wanted = tuple(-1 if dim is None else int(dim) for dim in sequence(newshape))
    known = product(dim for dim in wanted if dim != -1)
    if wanted.count(-1) > 1:
        raise ValueError(f"reshape: at most one dimension may be -1 (or None). Received: newshape={newshape}.")
    if -1 in wanted and known and x.size % known == 0:
        return tuple(x.size // known if dim == -1 else dim for dim in wanted)
    unknown = tried(x.shape)
    if unknown is None and (-1 in wanted or known != x.size):
        raise ValueError(f"A tensor of shape {x.shape} cannot be reshaped to {wanted}.")
    return tuple(unknown if dim == -1 else dim for dim in wanted)


def diagonal(x, offset=0, axis1=0, axis2=1):
    axis1, axis2 = canonical_axis(axis1, x.ndim), canonical_axis(axis2, x.ndim)
    rows, columns = x.shape[axis1], x.shape[axis2]
    length = max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)
    others = [dim for i, dim in enumerate(x.shape) if i not in (axis1, axis2)]
    return (*others, tried([rows, columns]) or length)


def split(x, indices_or_sections, axis=0):
    axis = canonical_axis(axis, x.ndim)
    dim = x.shape[axis]
    if hasattr(indices_or_sections, "__len__"):
        bounds = [0, *(int(index) for index in indices_or_sections), None]
        lengths = [slice_length(slice(start, stop), dim) for start, stop in zip(bounds, bounds[1:])]
    else:
        sections = int(indices_or_sections)
        if dim % sections and tried([dim]) is None:
            raise ValueError(
                f"split: axis {axis} of the shape {tuple(x.shape)} cannot be cut into {sections} equal parts."
            )
        lengths = [dim // sections] * sections
    return [Abstract((*x.shape[:axis], length, *x.shape[axis + 1 :]), x.dtype) for length in lengths]


def transpose(x, axes=None):
    if axes is None:
        return x.shape[::-1]
    order = [canonical_axis(axis, x.ndim) for axis in axes]
    if sorted(order) != list(range(x.ndim)):
        raise ValueError(f"transpose: axes must name each axis of the shape {x.shape} once. Received: axes={axes}.")
    return tuple(x.shape[axis] for axis in order)


def broadcast_to(x, shape):
    shape = sequence(shape)
    if broadcast_shapes(x.shape, shape) != shape:
        raise ValueError(f"A tensor of shape {x.shape} cannot be broadcast to {shape}.")
    return shape


def concatenate(xs, axis=0):
    if axis is None:
        return (sum(x.size for x in xs),)
    shape = list(xs[0].shape)
    axis = canonical_axis(axis, len(shape))
    for x in xs:
        if len(x.shape) != len(shape) or not all(agree(*p) for i, p in enumerate(zip(x.shape, shape)) if i != axis):
            raise ValueError(f"concatenate: shapes must agree but in axis {axis}. Received: {[x.shape for x in xs]}.")
        shape = [common(m, n) for m, n in zip(shape, x.shape)]
    shape[axis] = sum(x.shape[axis] for x in xs)
    return tuple(shape)


def pad_constant(x, pad_width, value=0):
    return tuple(dim + before + after for dim, (before, after) in zip(x.shape, pad_width))


def slice_length(part, dim):
    """How many items a slice takes from an axis of length ``dim``; bounds not known now count as absent."""

    def known(bound):
        return None if bound is None or type(bound) is Abstract else int(bound)

    return len(range(*slice(known(part.start), known(part.stop), known(part.step)).indices(dim)))


def get_item(x, key):
    parts = _expanded_key(x, key)
    shape, arrays, places, axis = [], [], [], 0
    for part in parts:
        if part is None:
            shape.append(1)
        elif isinstance(part, slice):
            shape.append(slice_length(part, x.shape[axis]))
            axis += 1
        else:
            array = part if type(part) is Abstract else np.asarray(part)
            is_mask = str(array.dtype) == "bool"
            if isinstance(part, int) and not -x.shape[axis] <= part < x.shape[axis]:
                raise IndexError(f"Index {part} is out of bounds for axis {axis} of the shape {x.shape}.")
            places.append((len(shape), type(part) is not int))
            # how many items a mask chooses is known only when it is
            arrays.append(((int(array.sum()) if isinstance(array, np.ndarray) else None),) if is_mask else array.shape)
            axis += array.ndim if is_mask else 1
    if not arrays:
        return tuple(shape)
    chosen = broadcast_shapes(*arrays) if all(None not in s for s in arrays) else (None,)
    # the axes of the indices stand where these did if they were neighbours, else in front
    adjacent = len({place for place, _ in places}) == 1
    at = places[0][0] if adjacent else 0
    return Abstract((*shape[:at], *chosen, *shape[at:]), x.dtype)


def _expanded_key(x, key):
    """The parts of a key, with a slice for each axis that it leaves out."""
    parts = list(key) if isinstance(key, tuple) else [key]
    used = 0
    for part in parts:
        if part is not None and part is not Ellipsis:
            masks = (
                str(getattr(part, "dtype", "")) == "bool"
                or isinstance(part, (list, bool))
                and (np.asarray(part).dtype == bool)
            )
            used += np.ndim(part) if masks and type(part) is not Abstract else part.ndim if masks else 1
    if used > x.ndim:
        raise IndexError(f"Too many indices for a tensor of shape {x.shape}: {used}.")
    rest = [slice(None)] * (x.ndim - used)
    for i, part in enumerate(parts):
        if part is Ellipsis:
            return [*parts[:i], *rest, *parts[i + 1 :]]
    return parts + rest


def take(x, indices, axis=None):
    if axis is None:
        return Abstract(indices.shape, x.dtype)
    axis = canonical_axis(axis, x.ndim)
    return Abstract((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)


def take_along_axis(x, indices, axis=None):
    if axis is None:
        return Abstract(indices.shape, x.dtype)
    axis = canonical_axis(axis, x.ndim)
    if x.ndim != indices.ndim:
        raise ValueError(
            f"take_along_axis: the tensors must have the same rank. Received shapes {x.shape} and {indices.shape}."
        )

    def others(shape):
        return (*shape[:axis], 1, *shape[axis + 1 :])

    shape = list(broadcast_shapes(others(x.shape), others(indices.shape)))
    shape[axis] = indices.shape[axis]
    return Abstract(shape, x.dtype)


def where(condition, x1=None, x2=None):
    if x1 is None and x2 is None:
        return nonzero(condition)
    tensors = [x for x in (x1, x2) if type(x) is Abstract]
    return Abstract(broadcast_shapes(condition.shape, *(x.shape for x in tensors)), tensors[0].dtype)


def nonzero(x):
    """One index tensor for each axis; how long they are is known only when it runs."""
    return tuple(Abstract((None,), "int32") for _ in range(x.ndim))


def unique(
    x, sorted=True, return_index=False, return_inverse=False, return_counts=False, axis=None, size=None, fill_value=None
):
    if axis is None:
        values = (size,)
    else:
        axis = canonical_axis(axis, x.ndim)
        values = (*x.shape[:axis], size, *x.shape[axis + 1 :])
    inverse = x.shape if axis is None else (x.shape[axis],)
    asked = ((return_index, (size,)), (return_inverse, inverse), (return_counts, (size,)))
    extras = [Abstract(shape, "int32") for wanted, shape in asked if wanted]
    return (Abstract(values, x.dtype), *extras) if extras else Abstract(values, x.dtype)


def bincount(x, weights=None, minlength=0, sparse=False):
    return Abstract((*x.shape[:-1], None), "int32" if weights is None else weights.dtype)


def dynamic_slice(x, starts, sizes):
    return tuple(sizes)


def sort(x, axis=-1):
    return (x.size,) if axis is None else x.shape


def searchsorted(sorted_sequence, values, side="left"):
    return values.shape


def view(x, dtype=None):
    dtype = dtypes.standardize(dtype or x.dtype)
    old, new = dtypes.itemsize(x.dtype), dtypes.itemsize(dtype)
    if old == new:
        return Abstract(x.shape, dtype)
    if not x.shape or x.shape[-1] * old % new:
        raise ValueError(f"view: the bits of a tensor of shape {x.shape} and dtype {x.dtype} do not fill {dtype}.")
    return Abstract((*x.shape[:-1], x.shape[-1] * old // new), dtype)


def einsum(subscripts, *operands, **kwargs):
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum: {subscripts!r} has {len(terms)} terms for {len(operands)} operands.")
    sizes, dots = {}, ()
    for term, x in zip(terms, operands):
        before, has_dots, after = term.partition("...")
        free = x.ndim - len(before) - len(after)
        if free < 0 or (free and not has_dots):
            raise ValueError(f"einsum: the term {term!r} of {subscripts!r} does not fit the shape {x.shape}.")
        for label, dim in zip(before + after, x.shape[: len(before)] + x.shape[x.ndim - len(after) :]):
            known = sizes.setdefault(label, dim)
            if 1 not in (known, dim) and not agree(known, dim):
                raise ValueError(f"einsum: {label!r} of {subscripts!r} is both {known} and {dim} long.")
            sizes[label] = dim if known == 1 else known if dim == 1 else common(known, dim)
        dots = broadcast_shapes(dots, x.shape[len(before) : x.ndim - len(after)])
    if not arrow:
        output = "..." + "".join(sorted(label for label in sizes if inputs.count(label) == 1))
    before, has_dots, after = output.partition("...")
    return (*(sizes[c] for c in before), *(dots if has_dots else ()), *(sizes[c] for c in after))


def real_part(x):
    """Complex in, real out."""
    return Abstract(x.shape, {"complex64": "float32", "complex128": "float64"}.get(x.dtype, x.dtype))
