"""Shape rules of the required ops that are not elementwise: argument shapes in, result shape out.

A rule takes the op's own arguments, with an ``Abstract`` for each tensor; all dimensions are known numbers.
"""

from kbridge.backend.abstract import Abstract, broadcast_shapes


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
    if left[-1] != right[-2]:
        raise ValueError(
            f"matmul: the last axis of the first shape {a} is {left[-1]}, but the axis that meets it in the "
            f"second, {b}, is {right[-2]}."
        )
    shape = broadcast_shapes(left[:-2], right[:-2])
    shape += (left[-2],) if len(a) > 1 else ()
    return shape + ((right[-1],) if len(b) > 1 else ())


__all__ = ["Abstract", "broadcast_shapes", "canonical_axis", "matmul", "reduction", "same"]
