"""Policies: which of many changes images undergo is drawn too."""

from kbridge import ops, random
from kbridge.backend.frame import get_frame
from kbridge.layers.image_preprocessing.base import BaseImagePreprocessingLayer, factor_range, positive
from kbridge.layers.image_preprocessing.color import (
    RandomBrightness,
    RandomColorDegeneration,
    RandomContrast,
    RandomPosterization,
    RandomSharpness,
)
from kbridge.layers.image_preprocessing.geometric import RandomRotation, RandomShear, RandomTranslation
from kbridge.layers.image_preprocessing.tones import AutoContrast, Equalization, Solarization
from kbridge.ops.random import next_round as numbered


def _repeat(count, change, x):
    """``x = change(i, x)`` for i below ``count``; in a trace as a loop, for there is much to compile in a change."""
    if get_frame().captures:
        return ops.fori_loop(0, count, change, x)
    for i in range(count):
        x = change(i, x)
    return x


class _Policy(BaseImagePreprocessingLayer):
    """Base of policies: ``_changes`` are what is chosen from, of a strength within ``factor``."""

    def __init__(self, value_range, factor, interpolation, seed, data_format, bounding_box_format, **kwargs):
        super().__init__(bounding_box_format=bounding_box_format, data_format=data_format, **kwargs)
        self.value_range = value_range
        self.factor = factor_range(type(self).__name__, "factor", factor, 0, 1)
        self.interpolation = interpolation
        self._seeded(seed)

    def _make_changes(self):
        """(those of places and tones, those of colours)."""
        shared = {
            "bounding_box_format": self.bounding_box_format,
            "data_format": self.data_format,
            "dtype": self.dtype_policy,
        }
        moved = {**shared, "interpolation": self.interpolation}
        coloured = {**shared, "value_range": self.value_range}
        factor = self.factor
        return [
            RandomShear(factor, factor, **moved),
            RandomTranslation(factor, factor, **moved),
            RandomRotation(factor, **moved),
            RandomPosterization(max(1, int(8 * factor[1])), **coloured),
            Solarization(factor, factor, **coloured),
            AutoContrast(**coloured),
            Equalization(**coloured),
        ], [
            RandomBrightness(factor, **coloured),
            RandomColorDegeneration(factor, **coloured),
            RandomContrast(factor, **coloured),
            RandomSharpness(factor, **coloured),
        ]

    def _apply(self, part, x, index, seed, data):
        """``x``, a part of a sample, after the change with this index (beyond the last: none), drawn from ``seed``."""

        def change(layer):
            def run(x):
                drawn = layer.get_random_transformation(data, seed=seed)
                return getattr(layer, f"transform_{part}")(x, drawn)

            return run

        return ops.switch(index, [change(layer) for layer in self._changes] + [lambda x: x], x)

    def get_config(self):
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "factor": self.factor,
            "interpolation": self.interpolation,
            "seed": self.seed,
        }


class RandAugment(_Policy):
    """Training images after ``num_ops`` changes, drawn from eleven for each batch.

    Args:
        value_range: the lowest and the highest value that images have.
        num_ops: how many changes, one after the other.
        factor: how strong they may be, from 0 to 1.
        interpolation: "bilinear" or "nearest".
        seed: an int, for the same numbers in each run.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self,
        value_range=(0, 255),
        num_ops=2,
        factor=0.5,
        interpolation="bilinear",
        seed=None,
        data_format=None,
        bounding_box_format=None,
        **kwargs,
    ):
        super().__init__(value_range, factor, interpolation, seed, data_format, bounding_box_format, **kwargs)
        self.num_ops = positive("RandAugment", "num_ops", num_ops)
        first, second = self._make_changes()
        self._changes = first + second

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        draws = self._draws(seed)
        chosen = draws.integers((self.num_ops,), 0, len(self._changes))
        return {"layer_idxes": chosen, "seed": draws.part(), "data": data}

    def _transform(self, part, x, transformation):
        chosen, seed, data = (transformation[key] for key in ("layer_idxes", "seed", "data"))

        def change(i, x):
            return self._apply(part, x, chosen[i], numbered(seed, i), data)

        return _repeat(self.num_ops, change, x)

    def _transform_images(self, images, transformation):
        return self._transform("images", images, transformation)

    def transform_bounding_boxes(self, bounding_boxes, transformation=None, training=True):
        if not training or transformation is None:
            return bounding_boxes
        return self._transform("bounding_boxes", bounding_boxes, transformation)

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        if not training or transformation is None:
            return segmentation_masks
        return self._transform("segmentation_masks", segmentation_masks, transformation)

    def get_config(self):
        return {**super().get_config(), "num_ops": self.num_ops}


class AugMix(_Policy):
    """Training images averaged with what chains of random changes make of them.

    Args:
        value_range: the lowest and the highest value that images have.
        num_chains: how many chains, weighed at random.
        chain_depth: how many changes in each at most.
        factor: how strong they may be, from 0 to 1.
        alpha: how evenly weights are drawn, from Dirichlet and Beta distributions.
        all_ops: whether changes of brightness, colour, contrast and sharpness are among them.
        interpolation: "bilinear" or "nearest".
        seed: an int, for the same numbers in each run.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self,
        value_range=(0, 255),
        num_chains=3,
        chain_depth=3,
        factor=0.3,
        alpha=1.0,
        all_ops=True,
        interpolation="bilinear",
        seed=None,
        data_format=None,
        bounding_box_format=None,
        **kwargs,
    ):
        super().__init__(value_range, factor, interpolation, seed, data_format, bounding_box_format, **kwargs)
        self.num_chains = positive("AugMix", "num_chains", num_chains)
        self.chain_depth = positive("AugMix", "chain_depth", chain_depth)
        self.alpha = alpha
        self.all_ops = all_ops
        first, second = self._make_changes()
        self._changes = first + second if all_ops else first

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        draws = self._draws(seed)
        weights = random.gamma((self.num_chains,), self.alpha, dtype="float32", seed=draws.seed())
        return {
            "chain_mixing_weights": weights / ops.sum(weights),
            "weight_sample": random.beta((), self.alpha, self.alpha, dtype="float32", seed=draws.seed()),
            "layer_idxes": draws.integers((self.num_chains, self.chain_depth), 0, len(self._changes) + 1),
            "seed": draws.part(),
            "data": data,
        }

    def _mixed(self, part, x, transformation):
        weights = ops.cast(transformation["chain_mixing_weights"], x.dtype)
        share = ops.cast(transformation["weight_sample"], x.dtype)
        chosen, seed, data = (transformation[key] for key in ("layer_idxes", "seed", "data"))

        def add_chain(i, mixed):
            def change(j, x):
                return self._apply(part, x, chosen[i, j], numbered(seed, i * self.chain_depth + j), data)

            return mixed + _repeat(self.chain_depth, change, x) * weights[i]

        return share * x + (1.0 - share) * _repeat(self.num_chains, add_chain, ops.zeros_like(x))

    def _transform_images(self, images, transformation):
        return ops.clip(self._mixed("images", images, transformation), *self.value_range)

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        if not training or transformation is None:
            return segmentation_masks
        masks = ops.cast(segmentation_masks, self.compute_dtype)
        return self._mixed("segmentation_masks", masks, transformation)

    def get_config(self):
        return {
            **super().get_config(),
            "num_chains": self.num_chains,
            "chain_depth": self.chain_depth,
            "alpha": self.alpha,
            "all_ops": self.all_ops,
        }
