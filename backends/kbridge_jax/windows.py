"""Convolution and pooling.

On a GPU, XLA's own convolution it is. On a CPU XLA is fast for some forms of it and slow, up to a hundred
times, for others: the slow ones are put in terms of the fast ones here. All of it is made of operations that
JAX differentiates, forwards too.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kbridge.backend.frame import get_frame

_UNROLLED = 32  # windows of at most so many positions are taken apart
_GROUPS = 32  # at most so many groups are convolved one by one
_NARROW = 36  # inputs to one output: with fewer, gathering them first makes faster gradients


def _on_cpu():
    return (get_frame().device or jax.default_backend()).startswith("cpu")


def _dimensions(rank, data_format):
    """Names of the axes of inputs, kernels and outputs."""
    space = "DHW"[-rank:]
    data = f"N{space}C" if data_format == "channels_last" else f"NC{space}"
    return data, f"{space}IO", data


def _to_last(x):
    return jnp.moveaxis(x, 1, -1)


def _to_first(x):
    return jnp.moveaxis(x, -1, 1)


def _margins(lengths, window, strides, padding, dilation):
    """How much padding goes before and after each spatial axis."""
    if padding == "valid":
        return [(0, 0)] * len(window)
    reach = [(size - 1) * rate + 1 for size, rate in zip(window, dilation)]
    return lax.padtype_to_pads(lengths, reach, strides, "SAME")


def _pad(x, value, margins):
    if not any(map(any, margins)):
        return x
    return lax.pad(x, jnp.asarray(value, x.dtype), [(0, 0, 0), *((*m, 0) for m in margins), (0, 0, 0)])


def _positions(x, window, strides, dilation):
    """For each position in a window, the items of ``x`` (channels last, padded) there: one for each window."""
    space = range(len(window))
    counts = [(x.shape[i + 1] - (window[i] - 1) * dilation[i] - 1) // strides[i] + 1 for i in space]
    for position in np.ndindex(*window):
        starts = [at * rate for at, rate in zip(position, dilation)]
        ends = [start + (count - 1) * step + 1 for start, count, step in zip(starts, counts, strides)]
        yield position, lax.slice(x, (0, *starts, 0), (x.shape[0], *ends, x.shape[-1]), (1, *strides, 1))


# -- convolution


def convolution(inputs, kernel, strides, padding, data_format, dilation_rate, groups):
    if not _on_cpu() or inputs.dtype.itemsize < 4:
        return lax.conv_general_dilated(
            inputs,
            kernel,
            strides,
            padding.upper(),
            rhs_dilation=dilation_rate,
            dimension_numbers=_dimensions(len(strides), data_format),
            feature_group_count=groups,
        )
    if data_format == "channels_first":
        arguments = kernel, strides, padding, "channels_last", dilation_rate, groups
        return _to_first(convolution(_to_last(inputs), *arguments))
    margins = _margins(inputs.shape[1:-1], kernel.shape[:-2], strides, padding, dilation_rate)
    return _convolve(inputs, kernel, strides, margins, dilation_rate, groups)


def _convolve(x, kernel, strides, margins, dilation, groups=1):
    window = kernel.shape[:-2]
    if len(window) == 1:
        lifted = (1, *strides), [(0, 0), *margins], (1, *dilation)
        return _convolve(x[:, None], kernel[None], *lifted, groups)[:, 0]
    if groups == 1 and math.prod(window) == 1:
        return _pointwise(_pad(x, 0, margins), kernel, strides)
    if 1 < groups == x.shape[-1] and math.prod(window) <= _UNROLLED:
        return _depthwise(x, kernel, strides, margins, dilation)
    if groups > _GROUPS:
        return _by_xla(x, kernel, strides, margins, dilation, feature_group_count=groups)
    if groups > 1:
        parts = zip(jnp.split(x, groups, -1), jnp.split(kernel, groups, -1))
        return jnp.concatenate([_convolve(part, own, strides, margins, dilation) for part, own in parts], -1)
    if len(window) == 3:
        return _by_planes(x, kernel, strides, margins, dilation)
    return _convolve_planes(x, kernel, strides, margins, dilation)


def _by_xla(x, kernel, strides, margins, dilation, names=None, **options):
    names = names or _dimensions(len(strides), "channels_last")
    return lax.conv_general_dilated(
        x, kernel, strides, margins, rhs_dilation=dilation, dimension_numbers=names, **options
    )


def _with_derivatives(function, along_x, along_kernel):
    """``function(x, kernel)``, bilinear, formulated anew for the tangents of ``x`` and of ``kernel``."""
    run = jax.custom_jvp(function)

    def rule(primals, tangents):
        x, kernel = primals
        y = run(x, kernel)
        x_moves, kernel_moves = (not isinstance(t, jax.custom_derivatives.SymbolicZero) for t in tangents)
        moved = along_x(tangents[0], kernel) if x_moves else jnp.zeros_like(y)
        return y, moved + along_kernel(x, tangents[1]) if kernel_moves else moved

    run.defjvp(rule, symbolic_zeros=True)
    return run


def _convolve_planes(x, kernel, strides, margins, dilation):
    """A convolution over two axes, each of whose derivatives is formulated as XLA does it fast.

    XLA's fast path needs some padding. And it needs axes in the order NHWC, HWIO: in the body of a loop XLA does
    not see to that by itself, so the tangents have the odd orders, that their transposes, the gradients, may not.
    """
    width = None
    if not any(map(any, margins)):
        width = (x.shape[2] - (kernel.shape[1] - 1) * dilation[1] - 1) // strides[1] + 1
        margins = [(0, 0), (0, 1)]

    def along_x(x, kernel):
        return _by_xla(x, jnp.swapaxes(kernel, 2, 3), strides, margins, dilation, ("NHWC", "HWOI", "NHWC"))

    def along_kernel(x, kernel):
        # Not fused with what is around, transpositions are fast.
        x = jnp.transpose(lax.optimization_barrier(x), (3, 1, 2, 0))
        kernel = jnp.transpose(kernel, (2, 0, 1, 3))
        y = _by_xla(x, kernel, strides, margins, dilation, ("CHWN", "IHWO", "HWNC"))
        return lax.optimization_barrier(jnp.transpose(y, (2, 0, 1, 3)))

    def by_columns(x, kernel):
        columns = [items for _, items in _positions(_pad(x, 0, margins), kernel.shape[:2], strides, dilation)]
        columns = jnp.concatenate(columns, -1)
        product = columns.reshape(-1, columns.shape[-1]) @ kernel.reshape(columns.shape[-1], -1)
        return product.reshape(*columns.shape[:-1], kernel.shape[-1])

    if math.prod(kernel.shape[:-1]) <= _NARROW:
        along_x = along_kernel = by_columns

    def run(x, kernel):
        return _by_xla(x, kernel, strides, margins, dilation)

    y = _with_derivatives(run, along_x, along_kernel)(x, kernel)
    return y if width is None or y.shape[2] == width else y[:, :, :width]


def _pointwise(x, kernel, strides):
    """A window of one position is a product of matrices."""
    x = x[(slice(None), *(slice(None, None, step) for step in strides))]
    channels, features = kernel.shape[-2:]
    return (x.reshape(-1, channels) @ kernel.reshape(channels, features)).reshape(*x.shape[:-1], features)


def _depthwise(x, kernel, strides, margins, dilation):
    """Each position of the window times its kernels, added up."""
    channels = x.shape[-1]
    each = kernel.shape[-1] // channels

    def add_up(x, kernel):
        kernel = kernel.reshape(*kernel.shape[:-2], channels, each)
        totals = [0] * each
        for position, items in _positions(x, kernel.shape[:-2], strides, dilation):
            totals = [total + items * kernel[(*position, slice(None), i)] for i, total in enumerate(totals)]
        return totals[0] if each == 1 else jnp.stack(totals, -1).reshape(*totals[0].shape[:-1], -1)

    def along_kernel(x, kernel):
        # Image by image, so that the sums over positions, which the gradient has, stay in the cache.
        add = jax.checkpoint(lambda image, kernel: add_up(image[None], kernel)[0])
        return lax.map(lambda image: add(image, kernel), x)

    # Fused with the padding, the sums would be slower.
    x = lax.optimization_barrier(_pad(x, 0, margins))
    return _with_derivatives(add_up, add_up, along_kernel)(x, kernel)


def _by_planes(x, kernel, strides, margins, dilation):
    """A convolution of volumes as a sum of convolutions of their planes."""
    batch = len(x)
    x = _pad(x, 0, [margins[0], (0, 0), (0, 0)])
    total = 0
    for (depth, *_), planes in _positions(x, (len(kernel), 1, 1), (strides[0], 1, 1), (dilation[0], 1, 1)):
        flat = planes.reshape(-1, *planes.shape[2:])
        y = _convolve(flat, kernel[depth], strides[1:], margins[1:], dilation[1:])
        total = total + y.reshape(batch, -1, *y.shape[1:])
    return total


def convolution_transpose(inputs, kernel, strides, crops, data_format, dilation_rate):
    space = range(len(strides))
    if math.prod(strides) > 1 and _on_cpu():
        if data_format == "channels_first":
            arguments = kernel, strides, crops, "channels_last", dilation_rate
            return _to_first(convolution_transpose(_to_last(inputs), *arguments))
        return _spread(inputs, kernel, strides, crops, dilation_rate)
    reach = [(kernel.shape[i] - 1) * dilation_rate[i] for i in space]
    return lax.conv_general_dilated(
        inputs,
        jnp.swapaxes(jnp.flip(kernel, tuple(space)), -1, -2),
        (1,) * len(strides),
        [(reach[i] - low, reach[i] - high) for i, (low, high) in enumerate(crops)],
        lhs_dilation=strides,
        rhs_dilation=dilation_rate,
        dimension_numbers=_dimensions(len(strides), data_format),
    )


def _spread(x, kernel, strides, crops, dilation):
    """One product of matrices, whose results are added up where they belong."""
    *window, features, channels = kernel.shape
    product = x.reshape(-1, channels) @ kernel.reshape(-1, channels).T
    product = product.reshape(*x.shape[:-1], math.prod(window), features)
    zero = jnp.zeros((), x.dtype)
    total = 0
    for i, position in enumerate(np.ndindex(*window)):
        starts = [at * rate for at, rate in zip(position, dilation)]
        rests = [(size - 1) * rate - start for size, rate, start in zip(window, dilation, starts)]
        margins = [(*pair, step - 1) for pair, step in zip(zip(starts, rests), strides)]
        total = total + lax.pad(product[..., i, :], zero, [(0, 0, 0), *margins, (0, 0, 0)])
    return lax.pad(total, zero, [(0, 0, 0), *((-low, -high, 0) for low, high in crops), (0, 0, 0)])


# -- pooling


def _pool(x, start, reduction, pool_size, strides, padding, data_format):
    """Windows reduced one position after the other, which differentiates into plain selections and sums."""
    if math.prod(pool_size) > _UNROLLED:

        def spread(values):
            return (1, *values, 1) if data_format == "channels_last" else (1, 1, *values)

        function = lax.max if reduction is _greater else lax.add
        return lax.reduce_window(x, start, function, spread(pool_size), spread(strides), padding.upper())
    if data_format == "channels_first":
        return _to_first(_pool(_to_last(x), start, reduction, pool_size, strides, padding, "channels_last"))
    ones = (1,) * len(pool_size)
    x = _pad(x, start, _margins(x.shape[1:-1], pool_size, strides, padding, ones))
    result = None
    for _, items in _positions(x, pool_size, strides, ones):
        result = items if result is None else reduction(result, items)
    return result


def _greater(first, second):
    """The greater of two, the first of equals; NaN if either is."""
    return jnp.where((second > first) | (second != second), second, first)


def max_pooling(inputs, pool_size, strides, padding, data_format):
    return _pool(inputs, -math.inf, _greater, pool_size, strides, padding, data_format)


def average_pooling(inputs, pool_size, strides, padding, data_format):
    total = _pool(inputs, 0.0, lax.add, pool_size, strides, padding, data_format)
    if padding == "valid":
        return total * (1.0 / math.prod(pool_size))
    lengths = inputs.shape[1:-1] if data_format == "channels_last" else inputs.shape[2:]
    counts = np.ones(())
    for length, size, step in zip(lengths, pool_size, strides):
        ((before, after),) = lax.padtype_to_pads((length,), (size,), (step,), "SAME")
        inside = np.pad(np.ones(length), (before, after))
        own = [inside[start : start + size].sum() for start in range(0, len(inside) - size + 1, step)]
        counts = np.multiply.outer(counts, own)
    counts = counts[..., None] if data_format == "channels_last" else counts
    return total * (1.0 / counts).astype(inputs.dtype)
