"""The merging layers of Keras 2: how their masks are joined, and the base class that programs derive their own from."""

from functools import reduce

from kbridge import ops
from kbridge.backend.tree import flatten
from kbridge.layers import merging


class JoinedMasks:
    """For the doors of the element-wise layers: a place counts where it counts in every input that has a mask."""

    def compute_mask(self, inputs, mask=None):
        masks = [one for one in flatten([mask]) if one is not None]
        return reduce(ops.logical_and, masks) if masks else None


class ConcatenatedMasks:
    """For the door of Concatenate: a place counts where it counts in every input."""

    def compute_mask(self, inputs, mask=None):
        if mask is None or all(one is None for one in mask):
            return None
        full = [
            ops.ones_like(x, dtype="bool")
            if one is None
            else ops.broadcast_to(ops.expand_dims(one, -1), ops.shape(x))
            if len(one.shape) < len(x.shape)
            else one
            for x, one in zip(inputs, mask)
        ]
        return ops.all(ops.concatenate(full, axis=self.axis), axis=-1)


class OwnMerge:
    """For the door of the base class: a subclass defines ``_merge_function(inputs)``."""

    def _merge_function(self, inputs):
        raise NotImplementedError(f"{type(self).__name__} must define _merge_function(inputs).")

    def call(self, inputs):
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(f"Layer '{self.name}' takes a list of tensors. Received: {inputs!r}.")
        rank = max(len(x.shape) for x in inputs)
        return self._merge_function([merging._with_rank(x, rank) for x in inputs])


def refuse_tensors(name, function):
    """A ``before`` for a door: layer classes are given their tensors when called, not when made."""

    def before(args, kwargs):
        found = flatten([list(args), dict(kwargs)])
        if any(hasattr(one, "shape") and hasattr(one, "dtype") for one in found):
            raise TypeError(
                f"{name} is a class: it makes a layer, which is then called on tensors. "
                f"Write: {name}()([a, b]), or the function: {function}([a, b])."
            )
        return args, kwargs

    return before
