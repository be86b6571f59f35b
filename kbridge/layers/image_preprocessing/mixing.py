"""Images of a batch mixed with each other, and boxes brought to one number."""

from kbridge import ops, random
from kbridge.layers.image_preprocessing.base import BaseImagePreprocessingLayer, factor_range, positive
from kbridge.layers.image_preprocessing.color import random_rectangle


def _mixed(values, transformation):
    """``values`` (batch, ...) weighed with those they are mixed with, as floats."""
    values = values if "float" in ops.dtype(values) else ops.cast(values, "float32")
    weight = ops.cast(transformation["mix_weight"], ops.dtype(values))
    weight = ops.reshape(weight, (-1,) + (1,) * (values.ndim - 1))
    others = ops.take(values, transformation["permutation_order"], axis=0)
    return weight * values + (1.0 - weight) * others


class _Mixing(BaseImagePreprocessingLayer):
    """Base of layers that mix training images; the labels, one-hot, are mixed in the same proportions."""

    def transform_labels(self, labels, transformation=None, training=True):
        return _mixed(labels, transformation) if training and transformation is not None else labels


class MixUp(_Mixing):
    """Training images averaged with other ones of the batch. Boxes are those of both.

    The weights have the distribution Beta(alpha, alpha): near 0 or 1 if ``alpha`` is small.
    """

    def __init__(self, alpha=0.2, data_format=None, seed=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.alpha = alpha
        self._seeded(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        draws, batch = self._draws(seed), self._batch_size(data)
        return {
            "permutation_order": draws.permutation(batch),
            "mix_weight": random.beta((batch,), self.alpha, self.alpha, dtype="float32", seed=draws.seed()),
        }

    def _transform_images(self, images, transformation):
        return _mixed(images, transformation)

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        return self.transform_labels(segmentation_masks, transformation, training)

    def transform_bounding_boxes(self, bounding_boxes, transformation=None, training=True):
        if not training or transformation is None:
            return bounding_boxes
        order = transformation["permutation_order"]
        both = {key: (bounding_boxes[key], ops.take(bounding_boxes[key], order, axis=0)) for key in ("boxes", "labels")}
        return {**bounding_boxes, **{key: ops.concatenate(parts, axis=1) for key, parts in both.items()}}

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha, "seed": self.seed}


class CutMix(_Mixing):
    """Training images with a rectangle from another one of the batch.

    How much of the image stays has the distribution Beta(a, a), with a drawn from the range ``factor``.
    """

    def __init__(self, factor=1.0, seed=None, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.factor = factor_range("CutMix", "factor", factor, 0, 1)
        self._seeded(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        draws, shape, batch = self._draws(seed), self._shape(data), self._batch_size(data)
        alpha = draws.uniform((), *self.factor) + 1e-6
        side = ops.sqrt(1.0 - random.beta((batch,), alpha, alpha, dtype="float32", seed=draws.seed()))
        inside, share = random_rectangle(self, draws, shape, side, side)
        return {"permutation_order": draws.permutation(batch), "batch_masks": inside, "mix_weight": 1.0 - share}

    def _transform_images(self, images, transformation):
        others = ops.take(images, transformation["permutation_order"], axis=0)
        return ops.where(transformation["batch_masks"], others, images)

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        if not training or transformation is None:
            return segmentation_masks
        return self._transform_images(segmentation_masks, transformation)

    def transform_bounding_boxes(self, bounding_boxes, transformation=None, training=True):
        raise NotImplementedError(
            "CutMix cannot say what becomes of bounding boxes that its rectangles cover in part. "
            "Leave them out of the sample, or use MixUp."
        )

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "seed": self.seed}


class MaxNumBoundingBoxes(BaseImagePreprocessingLayer):
    """Samples with ``max_number`` bounding boxes each: more are left out, missing ones are boxes of ``fill_value``."""

    def __init__(self, max_number, fill_value=-1, **kwargs):
        super().__init__(**kwargs)
        self.max_number = positive("MaxNumBoundingBoxes", "max_number", max_number)
        self.fill_value = int(fill_value)

    def transform_images(self, images, transformation=None, training=True):
        return images

    def transform_bounding_boxes(self, bounding_boxes, transformation=None, training=True):
        def fitted(x):
            x = x[:, : self.max_number]
            missing = ((0, 0), (0, self.max_number - x.shape[1]), *[(0, 0)] * (x.ndim - 2))
            return ops.pad(x, missing, constant_values=self.fill_value)

        return {**bounding_boxes, **{key: fitted(bounding_boxes[key]) for key in ("boxes", "labels")}}

    def get_config(self):
        return {**super().get_config(), "max_number": self.max_number, "fill_value": self.fill_value}
