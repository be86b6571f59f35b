"""What layers that change images have in common: samples, data formats, ranges, and where chance comes from."""

from kbridge import config, ops, random
from kbridge.backend import registry
from kbridge.backend.tree import flatten, map_structure
from kbridge.layers.image_preprocessing.bounding_boxes import (
    check_format,
    clip_to_image_size,
    convert_format,
    densify,
)
from kbridge.layers.layer import Layer
from kbridge.ops.random import fold_in
from kbridge.ops.seeding import draw_seed

# The parts of a sample, and the method that each goes through.
_PARTS = ("images", "bounding_boxes", "labels", "segmentation_masks")


class BaseImagePreprocessingLayer(Layer):
    """Base of layers that change images, alone or in samples.

    It is called on images (height, width, channels) or batches of them, or on a dict with "images" and any of
    "labels", "bounding_boxes" and "segmentation_masks", all of which then go through the same transformation. Other
    entries of the dict stay as they are. A subclass says in ``get_random_transformation`` what is drawn, and in
    ``transform_*`` what is done with it; these see batches only.

    Args:
        bounding_box_format: the format of the boxes in samples, such as "xyxy"; see ``utils.bounding_boxes``.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(self, bounding_box_format=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        if bounding_box_format is not None:
            check_format(type(self).__name__, bounding_box_format)
        self.bounding_box_format = bounding_box_format
        self.data_format = config.standardize_data_format(data_format)
        first = self.data_format == "channels_first"
        self.height_axis, self.width_axis, self.channel_axis = (-2, -1, -3) if first else (-3, -2, -1)

    # -- what subclasses say

    def get_random_transformation(self, data, training=True, seed=None):
        """What is drawn for a batch, as a dict of tensors; None where nothing is to be done."""
        return None

    def transform_images(self, images, transformation=None, training=True):
        """Images of the dtype that the layer computes in; transformed, in training."""
        images = ops.cast(images, self.compute_dtype)
        return self._transform_images(images, transformation) if training and transformation is not None else images

    def transform_labels(self, labels, transformation=None, training=True):
        return labels

    def transform_bounding_boxes(self, bounding_boxes, transformation=None, training=True):
        return bounding_boxes

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        return segmentation_masks

    # -- one sample

    def transform_single_image(self, image, transformation, training=True):
        return self.transform_images(ops.expand_dims(image, 0), transformation, training)[0]

    def transform_single_label(self, label, transformation, training=True):
        return self.transform_labels(ops.expand_dims(label, 0), transformation, training)[0]

    def transform_single_bounding_box(self, bounding_box, transformation, training=True):
        return _first(self.transform_bounding_boxes(_as_batch(bounding_box), transformation, training))

    def transform_single_segmentation_mask(self, segmentation_mask, transformation, training=True):
        return self.transform_segmentation_masks(ops.expand_dims(segmentation_mask, 0), transformation, training)[0]

    # -- the call

    def __call__(self, *args, **kwargs):
        home = _pipeline_of(args)
        if home is None:
            return super().__call__(*args, **kwargs)
        with registry.use_backend(home):
            return super().__call__(*args, **kwargs)

    def call(self, data, training=True):
        if not isinstance(data, dict):
            return self._transform_sample({"images": data}, training)["images"]
        return self._transform_sample(data, training)

    def _transform_sample(self, data, training):
        name = type(self).__name__
        if "images" not in data:
            raise ValueError(f'{name}: a sample is a dict with "images". Received the keys {sorted(data)}.')
        batched = self._rank(data["images"]) == 4
        parts = {key: data[key] for key in _PARTS if key in data}
        if "bounding_boxes" in parts:
            if self.bounding_box_format is None:
                raise ValueError(
                    f"{name}: the sample has bounding boxes, whose format the layer does not know. "
                    f'Write: {name}(..., bounding_box_format="xyxy").'
                )
            parts["bounding_boxes"] = densify(parts["bounding_boxes"], name)
        parts = map_structure(ops.convert_to_tensor, parts)
        if not batched:
            parts = _as_batch(parts)
        transformation = self.get_random_transformation(parts, training=training)
        parts = {key: getattr(self, f"transform_{key}")(part, transformation, training) for key, part in parts.items()}
        return {**data, **(parts if batched else _first(parts))}

    def _rank(self, images):
        rank = ops.ndim(images)
        if rank not in (3, 4):
            raise ValueError(
                f"{type(self).__name__} takes an image (three axes) or a batch of images (four). "
                f"Received the shape {tuple(images.shape)}."
            )
        return rank

    def convert_weight(self, weight):
        """A variable or array as a tensor of the engine in charge."""
        return ops.convert_to_tensor(weight)

    # -- sizes and ranges

    def _batch_size(self, data):
        """How many images there are: 1 where it is one without a batch axis."""
        images = _images(data)
        return 1 if self._rank(images) == 3 else ops.shape(images)[0]

    def _size(self, images):
        """(height, width) of images."""
        shape = ops.shape(images)
        return shape[self.height_axis], shape[self.width_axis]

    def _shape(self, data):
        return ops.shape(_images(data))

    def _draws(self, seed):
        return Draws(self.generator if seed is None else seed)

    def _seeded(self, seed):
        """Keep ``seed``, and the stream that it starts."""
        self.seed = seed
        self.generator = random.SeedGenerator(seed)

    def _move_boxes(self, bounding_boxes, move, source, target=None):
        """Boxes in images of the size ``source``, moved as ``move(boxes "xyxy")`` says, in images of ``target``."""
        target = source if target is None else target
        boxes = convert_format(bounding_boxes, self.bounding_box_format, "xyxy", *source)
        boxes = clip_to_image_size({**boxes, "boxes": move(boxes["boxes"])}, *target)
        return convert_format(boxes, "xyxy", self.bounding_box_format, *target)

    def get_config(self):
        own = {"data_format": self.data_format}
        if self.bounding_box_format is not None:
            own["bounding_box_format"] = self.bounding_box_format
        return {**super().get_config(), **own}


class Draws:
    """Random numbers for one transformation: each draw has a seed of its own, made from one."""

    def __init__(self, seed):
        self.start = draw_seed(seed)
        self.count = self.parts = 0

    def seed(self):
        self.count += 1
        return fold_in(self.start, self.count)

    def part(self):
        """A seed for a transformation within this one, which makes its own seeds of it."""
        self.parts += 1
        return fold_in(self.start, 1000 * self.parts)

    def uniform(self, shape, low=0.0, high=1.0):
        return random.uniform(shape, low, high, dtype="float32", seed=self.seed())

    def integers(self, shape, low, high):
        """Integers from ``low`` to ``high`` - 1."""
        return random.randint(shape, low, high, seed=self.seed())

    def permutation(self, count):
        return random.shuffle(ops.arange(count, dtype="int32"), seed=self.seed())

    def chance(self, batch_size, probability):
        """Whether each image is chosen, with a probability that is itself drawn from a range: bools (batch,)."""
        return self.uniform((batch_size,)) < self.uniform((batch_size,), *probability)

    def sign(self, shape):
        """1 or -1."""
        return ops.where(self.uniform(shape) > 0.5, -1.0, 1.0)


def _pipeline_of(data):
    """The engine, if it is another one than is in charge, whose data pipeline is being made from symbols of its own."""
    engine = registry.current()
    for leaf in flatten(data):
        root = type(leaf).__module__.partition(".")[0]
        if root in ("builtins", "numpy", "kbridge") or engine.is_tensor(leaf) or not registry.is_installed(root):
            continue
        other = registry.load(root)
        try:
            other.to_numpy(leaf)
        except TypeError:  # it has no value that could be moved
            return root
    return None


def _images(data):
    return data["images"] if isinstance(data, dict) else data


def _as_batch(tree):
    return map_structure(lambda x: ops.expand_dims(x, 0), tree)


def _first(tree):
    return map_structure(lambda x: x[0], tree)


def per_image(x):
    """One number for each image, as (batch, 1, 1, 1)."""
    return ops.reshape(x, (-1, 1, 1, 1))


def choose(chosen, changed, images):
    """The images, ``changed`` where ``chosen`` (a bool for each)."""
    return ops.where(per_image(chosen), changed, images)


# -- arguments


def number_or_pair(layer, name, value, low, high):
    """Raise unless ``value`` is a number, or two."""
    pair = isinstance(value, (list, tuple))
    numbers = list(value) if pair else [value]
    if (pair and len(numbers) != 2) or any(isinstance(n, bool) or not isinstance(n, (int, float)) for n in numbers):
        raise ValueError(
            f"{layer}: `{name}` must be a number, or two, from {low} to {high}. Received: {name}={value!r}."
        )
    return pair


def factor_range(layer, name, factor, low, high, symmetric=None):
    """The range (lower, upper) that a factor is drawn from.

    Of a number it goes from its negative to it, or from ``low`` if that is greater; with ``symmetric`` from its
    negative in any case, or if that is False from 0, and both ends must then be within ``low`` and ``high``.
    """
    if number_or_pair(layer, name, factor, low, high):
        lower, upper = sorted(factor)
        fits = lower <= high and upper >= low if symmetric is None else low <= lower and upper <= high
    else:
        fits = low <= factor <= high
        upper = abs(factor)
        lower = max(-upper, low) if symmetric is None else -upper if symmetric else 0
    if not fits:
        raise ValueError(f"{layer}: `{name}` must be from {low} to {high}. Received: {name}={factor!r}.")
    return lower, upper


def value_range_of(layer, value_range):
    """``value_range`` as [lowest, highest]."""
    if not isinstance(value_range, (list, tuple)) or len(value_range) != 2:
        raise ValueError(
            f"{layer}: `value_range` must be two numbers, (lowest, highest). Received: value_range={value_range!r}."
        )
    return sorted(value_range)


def one_of(layer, name, value, known):
    """``value`` if it is among the ``known``."""
    if value not in known:
        raise ValueError(f"{layer}: `{name}` must be one of {known}. Received: {name}={value!r}.")
    return value


def positive(layer, name, value):
    """``value`` if it is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{layer}: `{name}` must be a positive integer. Received: {name}={value!r}.")
    return value


def rescale(images, source, target):
    """Images with values from the range ``source`` in the range ``target``."""
    if tuple(source) == tuple(target):
        return images
    return (images - source[0]) / (source[1] - source[0]) * (target[1] - target[0]) + target[0]
