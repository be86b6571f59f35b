"""``InputSpec``: what a layer demands of its input."""

from kbridge.backend import dtypes
from kbridge.backend.tree import flatten


class InputSpec:
    """Rank, dtype and fixed axes that an input must have. None means: anything."""

    def __init__(
        self,
        dtype=None,
        shape=None,
        ndim=None,
        max_ndim=None,
        min_ndim=None,
        axes=None,
        allow_last_axis_squeeze=False,
        name=None,
        optional=False,
    ):
        self.dtype = None if dtype is None else dtypes.standardize(dtype)
        self.shape = None if shape is None else tuple(shape)
        self.ndim = ndim if shape is None else len(self.shape)
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name = name
        self.optional = optional

    def get_config(self):
        return {
            "dtype": self.dtype,
            "shape": self.shape,
            "ndim": self.ndim,
            "max_ndim": self.max_ndim,
            "min_ndim": self.min_ndim,
            "axes": self.axes,
            "optional": self.optional,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __repr__(self):
        told = {k: v for k, v in self.get_config().items() if v not in (None, {}, False)}
        return f"InputSpec({', '.join(f'{k}={v}' for k, v in told.items())})"


def assert_input_compatibility(input_spec, inputs, layer_name):
    """Refuse ``inputs`` (tensors or symbols) that do not meet ``input_spec``."""
    specs, values = flatten(input_spec), flatten(inputs)
    if len(values) != len(specs):
        raise ValueError(
            f"Layer '{layer_name}' expects {len(specs)} input(s). Received {len(values)}: "
            f"{[getattr(x, 'shape', x) for x in values]}."
        )
    for position, (spec, x) in enumerate(zip(specs, values)):
        if spec is None or (x is None and spec.optional):
            continue
        shape = getattr(x, "shape", None)
        if shape is None:
            raise ValueError(f"Layer '{layer_name}' expects a tensor as input {position}. Received: {x!r}.")
        shape = tuple(shape)

        def refuse(expected, position=position, shape=shape):
            raise ValueError(
                f"Input {position} of layer '{layer_name}' does not fit the layer: expected {expected}. "
                f"Received: shape={shape}."
            )

        if spec.ndim is not None and len(shape) != spec.ndim:
            squeezed = spec.allow_last_axis_squeeze and len(shape) in (spec.ndim - 1, spec.ndim + 1)
            if not squeezed:
                refuse(f"ndim={spec.ndim}, found ndim={len(shape)}")
            continue
        if spec.max_ndim is not None and len(shape) > spec.max_ndim:
            refuse(f"max_ndim={spec.max_ndim}, found ndim={len(shape)}")
        if spec.min_ndim is not None and len(shape) < spec.min_ndim:
            refuse(f"min_ndim={spec.min_ndim}, found ndim={len(shape)}")
        for axis, size in spec.axes.items():
            if size is not None and -len(shape) <= axis < len(shape) and shape[axis] not in (size, None):
                refuse(f"axis {axis} to have the size {size}")
        if spec.shape is not None:
            for expected, found in zip(spec.shape, shape):
                if expected is not None and found is not None and expected != found:
                    refuse(f"shape={spec.shape}")
