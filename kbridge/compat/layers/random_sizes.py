"""Layers of Keras 2 that make images of other sizes while training."""

import numbers

import numpy as np

from kbridge import layers, objects, ops
from kbridge.layers.image_preprocessing.base import BaseImagePreprocessingLayer


class RandomCrop(layers.RandomCrop):
    """As it was: out of training too images become of the size, the largest part in the middle that has its ratio."""

    def get_random_transformation(self, data, training=True, seed=None):
        if training:
            return super().get_random_transformation(data, training, seed)
        size = self._size(data["images"] if isinstance(data, dict) else data)
        return {"window": self._largest_window(*size), "size": size}

    def transform_images(self, images, transformation=None, training=True):
        transformation = transformation or self.get_random_transformation(images, training)
        return self._transform_images(ops.cast(images, self.compute_dtype), transformation)


class _RandomLength(BaseImagePreprocessingLayer):
    """Stretches or shrinks training images along one axis, all of a batch alike.

    Args:
        factor: by which share at most: two numbers, or one for both ways.
        interpolation: as of Resizing.
        seed: of the random numbers.
    """

    def __init__(self, factor, interpolation="bilinear", seed=None, **kwargs):
        super().__init__(**kwargs)
        self.factor, self.interpolation = factor, str(interpolation).lower()
        lower, upper = (-factor, factor) if isinstance(factor, numbers.Number) else factor
        if upper < lower or lower < -1.0:
            raise ValueError(f"{type(self).__name__}: factor must be from -1 on, and ascend. Received: {factor!r}.")
        self._range = 1.0 + lower, 1.0 + upper
        self._seeded(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        factor = self._draws(seed).uniform((), *self._range)
        try:
            return float(np.asarray(factor))
        except Exception as error:
            raise NotImplementedError(
                f"{type(self).__name__} layer '{self.name}' gives each batch another size, so it cannot be a part of a "
                f"compiled step. Put it into the pipeline of data, or write: compile(..., run_eagerly=True)."
            ) from error

    def _transform_images(self, images, factor):
        size = [images.shape[axis] for axis in (self.height_axis, self.width_axis)]
        size[self.along] = max(int(size[self.along] * factor), 1)
        return ops.image.resize(images, tuple(size), self.interpolation, data_format=self.data_format)

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        shape[(self.height_axis, self.width_axis)[self.along]] = None
        return tuple(shape)

    def get_config(self):
        more = {"factor": self.factor, "interpolation": self.interpolation, "seed": self.seed}
        return {**super().get_config(), **more}


class RandomHeight(_RandomLength):
    __doc__ = _RandomLength.__doc__.replace("along one axis", "in their height")
    along = 0


class RandomWidth(_RandomLength):
    __doc__ = _RandomLength.__doc__.replace("along one axis", "in their width")
    along = 1


objects.publish("keras.legacy.layers", RandomCrop, RandomHeight, RandomWidth)
