"""Layers that make one tensor of several."""

from functools import reduce

from kbridge import ops
from kbridge.backend.tree import flatten
from kbridge.layers.layer import Layer


class Merge(Layer):
    """Base of the layers that combine tensors element by element: define ``merge(a, b)``."""

    supports_masking = True
    least = 2

    def __init__(self, **kwargs):
        super().__init__(**kwargs)

    def build(self, input_shape):
        if not _are_several(input_shape):
            raise ValueError(f"Layer '{self.name}' takes a list of tensors. Received one of the shape {input_shape}.")
        if len(input_shape) < self.least:
            raise ValueError(
                f"Layer '{self.name}' takes a list of at least {self.least} tensors. Received {len(input_shape)}."
            )
        _merged_shape(input_shape, self.name)

    def merge(self, a, b):
        raise NotImplementedError

    def call(self, inputs):
        rank = max(len(x.shape) for x in inputs)
        return reduce(self.merge, [_with_rank(x, rank) for x in inputs])

    def compute_output_shape(self, input_shape):
        return _merged_shape(input_shape, self.name)

    def compute_mask(self, inputs, mask=None):
        """A place counts where it counts in any input; everywhere, if an input has no mask."""
        masks = flatten([mask])
        return None if any(m is None for m in masks) else reduce(ops.logical_or, masks)


def _are_several(shapes):
    """Whether ``shapes`` holds shapes and is not one itself."""
    return isinstance(shapes, (list, tuple)) and bool(shapes) and isinstance(shapes[0], (list, tuple))


def _with_rank(x, rank):
    """``x`` with axes of size 1 put in behind the batch, up to ``rank``."""
    while len(x.shape) < rank:
        x = ops.expand_dims(x, 1)
    return x


def _merged_shape(shapes, name):
    rank = max(map(len, shapes))
    padded = [(shape[0], *(1,) * (rank - len(shape)), *shape[1:]) for shape in map(tuple, shapes)]
    merged = []
    for axis, dims in enumerate(zip(*padded)):
        known = {dim for dim in dims if dim not in (1, None)}
        if len(known) > 1:
            raise ValueError(
                f"Layer '{name}' cannot merge the shapes {', '.join(str(tuple(s)) for s in shapes)}: "
                f"in axis {axis} they have {' and '.join(map(str, sorted(known)))}."
            )
        merged.append(known.pop() if known else None if None in dims else 1)
    return tuple(merged)


class Add(Merge):
    """The sum of the inputs."""

    def merge(self, a, b):
        return ops.add(a, b)


class Subtract(Merge):
    """The first input less the second."""

    def build(self, input_shape):
        super().build(input_shape)
        if len(input_shape) != 2:
            raise ValueError(f"Subtract layer '{self.name}' takes exactly 2 inputs. Received {len(input_shape)}.")

    def merge(self, a, b):
        return ops.subtract(a, b)


class Multiply(Merge):
    """The product of the inputs, element by element."""

    def merge(self, a, b):
        return ops.multiply(a, b)


class Average(Merge):
    """The mean of the inputs, element by element."""

    def merge(self, a, b):
        return ops.add(a, b)

    def call(self, inputs):
        return super().call(inputs) / float(len(inputs))


class Maximum(Merge):
    """The largest of the inputs, element by element."""

    def merge(self, a, b):
        return ops.maximum(a, b)


class Minimum(Merge):
    """The smallest of the inputs, element by element."""

    def merge(self, a, b):
        return ops.minimum(a, b)


class Concatenate(Merge):
    """The inputs one behind the other along ``axis``."""

    least = 1

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape):
        if not _are_several(input_shape):
            raise ValueError(
                f"Concatenate layer '{self.name}' takes a list of tensors. Received one of the shape {input_shape}. "
                f"Write: Concatenate()([a, b])."
            )
        self.compute_output_shape(input_shape)

    def call(self, inputs):
        return ops.concatenate(inputs, axis=self.axis)

    def compute_output_shape(self, input_shape):
        shapes = [tuple(shape) for shape in input_shape]
        rank = len(shapes[0])
        axis = self.axis % rank
        for shape in shapes[1:]:
            apart = [
                i
                for i in range(min(rank, len(shape)))
                if i != axis and shape[i] is not None and shapes[0][i] is not None and shape[i] != shapes[0][i]
            ]
            if len(shape) != rank or apart:
                raise ValueError(
                    f"Concatenate layer '{self.name}' joins along axis {self.axis}; the shapes may differ in no other. "
                    f"Received: {', '.join(map(str, shapes))}."
                )
        joined = [shape[axis] for shape in shapes]
        total = None if None in joined else sum(joined)
        merged = [next((shape[i] for shape in shapes if shape[i] is not None), None) for i in range(rank)]
        return (*merged[:axis], total, *merged[axis + 1 :])

    def compute_mask(self, inputs, mask=None):
        if mask is None or all(m is None for m in mask):
            return None
        # Where an input has no mask all of it counts; masks lack the last axis.
        full = [
            ops.ones_like(x, dtype="bool")
            if m is None
            else ops.broadcast_to(ops.expand_dims(m, -1), ops.shape(x))
            if len(m.shape) < len(x.shape)
            else m
            for x, m in zip(inputs, mask)
        ]
        return ops.any(ops.concatenate(full, axis=self.axis), axis=-1)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


class Dot(Merge):
    """Products of the vectors that two inputs hold along ``axes``; of their cosines, with ``normalize``."""

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(axes, int) and not (isinstance(axes, (list, tuple)) and len(axes) == 2):
            raise ValueError(f"Dot: axes must be an integer or a pair of integers. Received: axes={axes!r}.")
        self.axes = axes
        self.normalize = normalize

    def build(self, input_shape):
        if len(input_shape) != 2 or not isinstance(input_shape[0], (list, tuple)):
            raise ValueError(f"Dot layer '{self.name}' takes a list of 2 tensors. Received the shape(s) {input_shape}.")
        a, b = self._axes(*map(len, input_shape))
        x, y = input_shape[0][a], input_shape[1][b]
        if x is not None and y is not None and x != y:
            raise ValueError(
                f"Dot layer '{self.name}': axis {a} of {tuple(input_shape[0])} has the size {x}, but axis {b} of "
                f"{tuple(input_shape[1])} has {y}; they must be equal."
            )

    def _axes(self, rank1, rank2):
        a, b = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        return a % rank1, b % rank2

    def call(self, inputs):
        x, y = inputs
        a, b = self._axes(len(x.shape), len(y.shape))
        if self.normalize:
            x, y = ops.normalize(x, axis=a), ops.normalize(y, axis=b)
        return batch_dot(x, y, (a, b))

    def compute_output_shape(self, input_shape):
        x, y = map(tuple, input_shape)
        a, b = self._axes(len(x), len(y))
        shape = (*x[:a], *x[a + 1 :], *y[1:b], *y[b + 1 :])
        return (*shape, 1) if len(shape) == 1 else shape

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def batch_dot(x, y, axes):
    """For each sample, the product of ``x`` and ``y`` summed over one axis of each."""
    a, b = axes
    letters = iter("bcdefghijklmnopqrstuvw")
    left = ["a" if i == 0 else "z" if i == a else next(letters) for i in range(len(x.shape))]
    right = ["a" if i == 0 else "z" if i == b else next(letters) for i in range(len(y.shape))]
    kept = [c for c in left if c != "z"] + [c for c in right[1:] if c != "z"]
    result = ops.einsum(f"{''.join(left)},{''.join(right)}->{''.join(kept)}", x, y)
    return ops.expand_dims(result, -1) if len(result.shape) == 1 else result


def add(inputs, **kwargs):
    """``Add()(inputs)``."""
    return Add(**kwargs)(inputs)


def subtract(inputs, **kwargs):
    """``Subtract()(inputs)``."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs, **kwargs):
    """``Multiply()(inputs)``."""
    return Multiply(**kwargs)(inputs)


def average(inputs, **kwargs):
    """``Average()(inputs)``."""
    return Average(**kwargs)(inputs)


def maximum(inputs, **kwargs):
    """``Maximum()(inputs)``."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs, **kwargs):
    """``Minimum()(inputs)``."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs, axis=-1, **kwargs):
    """``Concatenate(axis)(inputs)``."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs, axes=-1, **kwargs):
    """``Dot(axes)(inputs)``."""
    return Dot(axes=axes, **kwargs)(inputs)
