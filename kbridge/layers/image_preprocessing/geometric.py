"""Images flipped, turned, moved, zoomed, sheared, seen in perspective, and distorted."""

import math

from kbridge import ops, random
from kbridge.layers.image_preprocessing.base import (
    BaseImagePreprocessingLayer,
    Draws,
    choose,
    factor_range,
    number_or_pair,
    one_of,
)
from kbridge.layers.image_preprocessing.bounding_boxes import around_corners, join
from kbridge.ops.image import warp

_FILL_MODES = ("reflect", "wrap", "constant", "nearest")
_INTERPOLATIONS = ("nearest", "bilinear")


class RandomFlip(BaseImagePreprocessingLayer):
    """Half of the training images mirrored: "horizontal", "vertical", or "horizontal_and_vertical" (both at once)."""

    def __init__(self, mode="horizontal_and_vertical", seed=None, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.mode = one_of("RandomFlip", "mode", mode, ("horizontal", "vertical", "horizontal_and_vertical"))
        self._seeded(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        flips = self._draws(seed).uniform((self._batch_size(data), 1, 1, 1)) <= 0.5
        return {"flips": flips, "input_shape": self._shape(data)}

    def _transform_images(self, images, transformation):
        axes = [
            axis
            for direction, axis in (("horizontal", self.width_axis), ("vertical", self.height_axis))
            if direction in self.mode
        ]
        return ops.where(transformation["flips"], ops.flip(images, axis=axes), images)

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        if not training or transformation is None:
            return segmentation_masks
        return self._transform_images(segmentation_masks, transformation)

    def transform_bounding_boxes(self, bounding_boxes, transformation=None, training=True):
        if not training or transformation is None:
            return bounding_boxes
        shape = transformation["input_shape"]
        height, width = shape[self.height_axis], shape[self.width_axis]

        def move(boxes):
            x1, y1, x2, y2 = (boxes[..., i : i + 1] for i in range(4))
            if "horizontal" in self.mode:
                x1, x2 = ops.cast(width, boxes.dtype) - x2, ops.cast(width, boxes.dtype) - x1
            if "vertical" in self.mode:
                y1, y2 = ops.cast(height, boxes.dtype) - y2, ops.cast(height, boxes.dtype) - y1
            return ops.where(ops.reshape(transformation["flips"], (-1, 1, 1)), join(x1, y1, x2, y2), boxes)

        return self._move_boxes(bounding_boxes, move, (height, width))

    def get_config(self):
        return {**super().get_config(), "mode": self.mode, "seed": self.seed}


class _Warp(BaseImagePreprocessingLayer):
    """Base of layers that move pixels along a projective map, drawn for each image.

    ``_table(transformation, height, width)`` gives the maps as ``ops.image.affine_transform`` takes them, (batch, 8):
    they say for each pixel of the result where it comes from. Boxes go the other way.
    """

    def __init__(self, fill_mode, interpolation, seed, fill_value, data_format, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        name = type(self).__name__
        self.fill_mode = one_of(name, "fill_mode", fill_mode, _FILL_MODES)
        self.interpolation = one_of(name, "interpolation", interpolation, _INTERPOLATIONS)
        self.fill_value = fill_value
        self._seeded(seed)

    def _transform_images(self, images, transformation, interpolation=None):
        return ops.image.affine_transform(
            images,
            ops.cast(self._table(transformation, *self._size(images)), "float32"),
            interpolation=interpolation or self.interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        if not training or transformation is None:
            return segmentation_masks
        return self._transform_images(segmentation_masks, transformation, "nearest")

    def transform_bounding_boxes(self, bounding_boxes, transformation=None, training=True):
        if not training or transformation is None:
            return bounding_boxes
        shape = transformation["input_shape"]
        size = shape[self.height_axis], shape[self.width_axis]
        table = ops.reshape(self._table(transformation, *size), (-1, 8, 1, 1))
        a, b, c, d, e, f, g, h = (table[:, i] for i in range(8))

        def at(x, y):
            """(x, y) under the inverse map, whose matrix is that of cofactors, up to a factor that cancels."""
            k = (d * h - e * g) * x + (b * g - a * h) * y + (a * e - b * d)
            return (
                ((e - f * h) * x + (c * h - b) * y + (b * f - c * e)) / k,
                ((f * g - d) * x + (a - c * g) * y + (c * d - a * f)) / k,
            )

        return self._move_boxes(bounding_boxes, lambda boxes: around_corners(boxes, at), size)

    def get_config(self):
        return {
            **super().get_config(),
            "fill_mode": self.fill_mode,
            "interpolation": self.interpolation,
            "seed": self.seed,
            "fill_value": self.fill_value,
        }


def _rows(*columns):
    """Tables of maps (batch, 8) from the first six or all of their columns, each (batch,) or a number."""
    like = next(column for column in columns if not isinstance(column, (int, float)))
    columns = [column + ops.zeros_like(like) for column in columns]
    return ops.stack(columns + [ops.zeros_like(like)] * (8 - len(columns)), axis=1)


def _middle(length):
    return (ops.cast(length, "float32") - 1.0) / 2.0


class RandomRotation(_Warp):
    """Training images turned about their middle, by a random share of a full turn; positive is counter-clockwise.

    Args:
        factor: (lowest, highest) share of a turn; of a number from its negative to it.
        fill_mode: what lies beyond the edges: "reflect", "wrap", "constant" (``fill_value``) or "nearest".
        interpolation: "bilinear" or "nearest".
        seed: an int, for the same numbers in each run.
        fill_value: the constant.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self,
        factor,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.factor = factor_range("RandomRotation", "factor", factor, -1, 1)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        low, high = (share * 360.0 for share in self.factor)
        angle = self._draws(seed).uniform((self._batch_size(data),), low, high)
        shape = self._shape(data)
        matrix = self._matrix(angle, shape[self.height_axis], shape[self.width_axis])
        return {"angle": angle, "rotation_matrix": matrix, "input_shape": shape}

    def _matrix(self, angle, height, width):
        x, y = _middle(width), _middle(height)
        turn = angle * (math.pi / 180.0)
        cos, sin = ops.cos(turn), ops.sin(turn)
        return _rows(cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos)

    def _table(self, transformation, height, width):
        return transformation["rotation_matrix"]

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class RandomTranslation(_Warp):
    """Training images moved by random shares of their height (down, if positive) and width (to the right).

    ``height_factor`` and ``width_factor`` are (lowest, highest); of a number from its negative to it. The other
    arguments are those of ``RandomRotation``.
    """

    def __init__(
        self,
        height_factor,
        width_factor,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._ranges = [
            factor_range("RandomTranslation", name, factor, -1.0, 1.0, symmetric=True)
            for name, factor in (("height_factor", height_factor), ("width_factor", width_factor))
        ]

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        draws, shape, batch = self._draws(seed), self._shape(data), self._batch_size(data)
        moves = [
            draws.uniform((batch, 1), *span) * ops.cast(shape[axis], "float32")
            for span, axis in zip(self._ranges, (self.height_axis, self.width_axis), strict=True)
        ]
        return {"translations": ops.concatenate(moves[::-1], axis=1), "input_shape": shape}

    def _table(self, transformation, height, width):
        moves = transformation["translations"]
        return _rows(1.0, 0.0, -moves[:, 0], 0.0, 1.0, -moves[:, 1])

    def get_config(self):
        return {**super().get_config(), "height_factor": self.height_factor, "width_factor": self.width_factor}


class RandomZoom(_Warp):
    """Training images seen from further away (positive) or nearer (negative), by random shares of their size.

    ``height_factor`` and ``width_factor`` are (lowest, highest), above -1; of a number from its negative to it.
    Without ``width_factor`` the ratio stays. The other arguments are those of ``RandomRotation``.
    """

    def __init__(
        self,
        height_factor,
        width_factor=None,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._ranges = [
            factor_range("RandomZoom", name, factor, -1.0, 1.0, symmetric=True)
            for name, factor in (("height_factor", height_factor), ("width_factor", width_factor))
            if factor is not None
        ]
        if any(low <= -1.0 for low, _ in self._ranges):
            raise ValueError(
                "RandomZoom: factors must be above -1, which would leave nothing to see. "
                f"Received: height_factor={height_factor}, width_factor={width_factor}."
            )

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        draws, batch = self._draws(seed), self._batch_size(data)
        zooms = [draws.uniform((batch, 1), 1.0 + low, 1.0 + high) for low, high in self._ranges]
        return {"height_zoom": zooms[0], "width_zoom": zooms[-1], "input_shape": self._shape(data)}

    def _table(self, transformation, height, width):
        x, y = transformation["width_zoom"][:, 0], transformation["height_zoom"][:, 0]
        return _rows(x, 0.0, _middle(width) * (1.0 - x), 0.0, y, _middle(height) * (1.0 - y))

    def get_config(self):
        return {**super().get_config(), "height_factor": self.height_factor, "width_factor": self.width_factor}


class RandomShear(_Warp):
    """Training images with their rows moved by random shares of their height above, or columns likewise.

    ``x_factor`` and ``y_factor`` are (lowest, highest); of a number from its negative to it. Half of the images are
    sheared the other way. The other arguments are those of ``RandomRotation``.
    """

    def __init__(
        self,
        x_factor=0.0,
        y_factor=0.0,
        interpolation="bilinear",
        fill_mode="reflect",
        fill_value=0.0,
        data_format=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.x_factor, self.y_factor = x_factor, y_factor
        self._ranges = [
            factor_range("RandomShear", name, factor, -1.0, 1.0, symmetric=True)
            for name, factor in (("x_factor", x_factor), ("y_factor", y_factor))
        ]

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        draws, batch = self._draws(seed), self._batch_size(data)
        factors = ops.concatenate([draws.uniform((batch, 1), *span) for span in self._ranges], axis=1)
        return {"shear_factor": factors * draws.sign((batch, 1)), "input_shape": self._shape(data)}

    def _table(self, transformation, height, width):
        factors = transformation["shear_factor"]
        return _rows(1.0, factors[:, 0], 0.0, factors[:, 1], 1.0, 0.0)

    def get_config(self):
        return {**super().get_config(), "x_factor": self.x_factor, "y_factor": self.y_factor}


def _homography(sources, targets):
    """The maps (batch, 8) under which four points, (batch, 4, 2), go to others."""
    u, v = sources[..., 0], sources[..., 1]
    zero, one = ops.zeros_like(u), ops.ones_like(u)
    known = ops.concatenate([targets[..., 0], targets[..., 1]], axis=-1)
    rows = [
        ops.stack([u, v, one, zero, zero, zero, -targets[..., 0] * u, -targets[..., 0] * v], axis=-1),
        ops.stack([zero, zero, zero, u, v, one, -targets[..., 1] * u, -targets[..., 1] * v], axis=-1),
    ]
    return ops.solve(ops.concatenate(rows, axis=1), ops.expand_dims(known, -1))[..., 0]


class RandomPerspective(_Warp):
    """Some training images as seen from another angle: their corners are moved.

    Args:
        factor: (lowest, highest) probability that an image is changed; of a number from 0 to it.
        scale: how far corners move at most, from 0 to 1.
        interpolation: "bilinear" or "nearest".
        fill_value: what is seen beyond the edges.
        seed: an int, for the same numbers in each run.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self, factor=1.0, scale=1.0, interpolation="bilinear", fill_value=0.0, seed=None, data_format=None, **kwargs
    ):
        super().__init__("constant", interpolation, seed, fill_value, data_format, **kwargs)
        self.factor = factor_range("RandomPerspective", "factor", factor, 0, 1)
        if number_or_pair("RandomPerspective", "scale", scale, 0, 1) or not 0.0 <= scale <= 1.0:
            raise ValueError(f"RandomPerspective: `scale` must be a number from 0 to 1. Received: scale={scale}.")
        self.scale = scale

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        draws, shape, batch = self._draws(seed), self._shape(data), self._batch_size(data)
        right, bottom = (ops.cast(shape[a], "float32") - 1.0 for a in (self.width_axis, self.height_axis))
        zero = ops.zeros_like(right)
        corners = ops.stack([ops.stack([x, y]) for y in (zero, bottom) for x in (zero, right)])
        apply = draws.chance(batch, self.factor)
        start = ops.zeros_like(draws.uniform((batch, 4, 2))) + corners
        end = start * (1.0 + draws.uniform((batch, 4, 2), -0.5 * self.scale, 0.5 * self.scale))
        return {"apply_perspective": apply, "start_points": start, "end_points": end, "input_shape": shape}

    def _table(self, transformation, height, width):
        start, end = (ops.cast(transformation[name], "float32") for name in ("start_points", "end_points"))
        still = ops.convert_to_tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0], "float32")
        return ops.where(ops.reshape(transformation["apply_perspective"], (-1, 1)), _homography(end, start), still)

    def get_config(self):
        own = {**super().get_config(), "factor": self.factor, "scale": self.scale}
        del own["fill_mode"]
        return own


class RandomElasticTransform(BaseImagePreprocessingLayer):
    """Some training images distorted smoothly, as if printed on rubber.

    Args:
        factor: (lowest, highest) probability that an image is changed; of a number from 0 to it.
        scale: (lowest, highest) strength, from 0 to 1.
        interpolation, fill_mode, fill_value: as for ``RandomRotation``; ``fill_mode`` may also be "mirror".
        value_range: what results are kept within.
        seed: an int, for the same numbers in each run.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self,
        factor=1.0,
        scale=1.0,
        interpolation="bilinear",
        fill_mode="reflect",
        fill_value=0.0,
        value_range=(0, 255),
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        name = "RandomElasticTransform"
        self.factor = factor_range(name, "factor", factor, 0, 1)
        self.scale = factor_range(name, "scale", scale, 0, 1)
        self.interpolation = one_of(name, "interpolation", interpolation, _INTERPOLATIONS)
        self.fill_mode = one_of(name, "fill_mode", fill_mode, (*_FILL_MODES, "mirror"))
        self.fill_value = fill_value
        self.value_range = value_range
        self._seeded(seed)

    def get_elastic_transform_params(self, height, width, factor):
        """How far pixels move, and how smoothly, in pixels: (alpha, sigma)."""
        return max(height, width) * 0.1 * factor, min(height, width) * 0.05 * factor

    def get_random_transformation(self, data, training=True, seed=None):
        if not training or self.scale[1] == 0 or self.factor[1] == 0:
            return None
        draws, batch = self._draws(seed), self._batch_size(data)
        return {
            "apply_transform": draws.chance(batch, self.factor),
            "distortion_factor": draws.uniform((), *self.scale),
            "seed": draws.seed(),
        }

    def _transform_images(self, images, transformation):
        images = self._distorted(images, transformation, self.interpolation)
        return ops.clip(images, *self.value_range)

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        if not training or transformation is None:
            return segmentation_masks
        return self._distorted(segmentation_masks, transformation, "nearest")

    def _distorted(self, images, transformation, interpolation):
        height, width = self._size(images)
        alpha, sigma = self.get_elastic_transform_params(height, width, transformation["distortion_factor"])
        sigma = ops.maximum(sigma, 1e-3)
        # The window must be long enough for the strongest smoothing, since its length cannot be drawn.
        length = int(6 * self.get_elastic_transform_params(height, width, self.scale[1])[1]) | 1
        draws = Draws(transformation["seed"])
        shape = (ops.shape(images)[0], height, width, 2)
        noise = random.normal(shape, dtype="float32", seed=draws.seed()) * sigma
        moves = ops.image.gaussian_blur(noise, (length, length), (sigma, sigma), data_format="channels_last") * alpha

        def at(y, x):
            return y + moves[..., 0], x + moves[..., 1]

        moved = warp(
            images, at, interpolation, self.fill_mode, self.fill_value, self.data_format, "RandomElasticTransform"
        )
        return choose(transformation["apply_transform"], moved, images)

    def get_config(self):
        return {
            **super().get_config(),
            "factor": self.factor,
            "scale": self.scale,
            "interpolation": self.interpolation,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "value_range": self.value_range,
            "seed": self.seed,
        }
