"""Changes of size: resizing and cropping."""

from kbridge import ops
from kbridge.layers.image_preprocessing.base import BaseImagePreprocessingLayer, one_of, positive


class _Resized(BaseImagePreprocessingLayer):
    """Base of layers whose images have another size after: they take a window of the image, and stretch it.

    ``_window(height, width)`` says which: (top, left, height, width). It may be larger than the image.
    """

    def __init__(self, height, width, **kwargs):
        super().__init__(**kwargs)
        self.height = positive(type(self).__name__, "height", height)
        self.width = positive(type(self).__name__, "width", width)

    def compute_output_shape(self, input_shape):
        def resized(shape):
            shape = list(shape)
            shape[self.height_axis], shape[self.width_axis] = self.height, self.width
            return tuple(shape)

        if not isinstance(input_shape, dict):
            return resized(input_shape)
        sized = ("images", "segmentation_masks")
        return {key: resized(shape) if key in sized else shape for key, shape in input_shape.items()}

    def _cut(self, images, window):
        """A window of the images that lies within them; its corner may be a tensor, its size is not."""
        start, shape = [0] * images.ndim, [-1] * images.ndim
        for axis, first, length in zip((self.height_axis, self.width_axis), window[:2], window[2:], strict=True):
            start[axis], shape[axis] = first, length
        return ops.slice(images, start, shape)

    def _largest_window(self, height, width):
        """The largest window in the middle that has the target's ratio of height to width."""
        tall = max(min(height, int(width * self.height / self.width)), 1)
        wide = max(min(width, int(height * self.width / self.height)), 1)
        return (height - tall) // 2, (width - wide) // 2, tall, wide

    def _move_to_window(self, bounding_boxes, size, window):
        """Boxes in images of the ``size`` as they are in the window, when it is stretched."""
        top, left, tall, wide = (ops.cast(n, "float32") for n in window)

        def move(boxes):
            empty = [ops.all(boxes == number, axis=-1, keepdims=True) for number in (0.0, -1.0)]  # they fill up rows
            scale = [self.width / wide, self.height / tall]
            moved = (boxes - ops.stack([left, top] * 2)) * ops.stack(scale * 2)
            return ops.where(ops.logical_or(*empty), 0.0, moved)

        return self._move_boxes(bounding_boxes, move, size, (self.height, self.width))

    def get_config(self):
        return {**super().get_config(), "height": self.height, "width": self.width}


class Resizing(_Resized):
    """Images of another size, of the same dtype.

    Args:
        height, width: the size.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio: cut off what is too much for the ratio of ``height`` to ``width``, then stretch.
        pad_to_aspect_ratio: pad what is too little for it, then stretch.
        fill_mode, fill_value: what to pad with; the mode is "constant".
        antialias: whether to smooth when it becomes smaller.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self,
        height,
        width,
        interpolation="bilinear",
        crop_to_aspect_ratio=False,
        pad_to_aspect_ratio=False,
        fill_mode="constant",
        fill_value=0.0,
        antialias=False,
        data_format=None,
        **kwargs,
    ):
        super().__init__(height, width, data_format=data_format, **kwargs)
        known = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")
        self.interpolation = one_of("Resizing", "interpolation", str(interpolation).lower(), known)
        self.fill_mode = one_of("Resizing", "fill_mode", fill_mode, ("constant",))
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError("Resizing: only one of crop_to_aspect_ratio and pad_to_aspect_ratio can be True.")
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_value = fill_value
        self.antialias = bool(antialias)

    def get_random_transformation(self, data, training=True, seed=None):
        return self._size(data["images"] if isinstance(data, dict) else data)

    def transform_images(self, images, transformation=None, training=True):
        return self._stretch(images, self.interpolation)

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        return self._stretch(segmentation_masks, "nearest")

    def _stretch(self, images, interpolation):
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            antialias=self.antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def transform_bounding_boxes(self, bounding_boxes, transformation=None, training=True):
        height, width = transformation
        window = (0, 0, height, width)
        if self.crop_to_aspect_ratio:
            window = self._largest_window(height, width)
        if self.pad_to_aspect_ratio:
            above = max((int(width * self.height / self.width) - height) // 2, 0)
            before = max((int(height * self.width / self.height) - width) // 2, 0)
            window = (-above, -before, height + 2 * above, width + 2 * before)
        return self._move_to_window(bounding_boxes, (height, width), window)

    def get_config(self):
        return {
            **super().get_config(),
            "interpolation": self.interpolation,
            "crop_to_aspect_ratio": self.crop_to_aspect_ratio,
            "pad_to_aspect_ratio": self.pad_to_aspect_ratio,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "antialias": self.antialias,
        }


class _Crop(_Resized):
    """Base of crops: a transformation is the window, and where it has not the target's size it is stretched."""

    def get_random_transformation(self, data, training=True, seed=None):
        size = self._size(data["images"] if isinstance(data, dict) else data)
        return {"window": self._window(*size, seed), "size": size}

    def _transform_images(self, images, transformation, interpolation="bilinear"):
        window = transformation["window"]
        cut = self._cut(images, window)
        if window[2:] == (self.height, self.width):
            return cut
        return ops.image.resize(cut, (self.height, self.width), interpolation, data_format=self.data_format)

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        if transformation is None:
            return segmentation_masks
        return self._transform_images(segmentation_masks, transformation, "nearest")

    def transform_bounding_boxes(self, bounding_boxes, transformation=None, training=True):
        if transformation is None:
            return bounding_boxes
        return self._move_to_window(bounding_boxes, transformation["size"], transformation["window"])


class CenterCrop(_Crop):
    """The middle of images. Smaller images are cut to the ratio of ``height`` to ``width``, and stretched."""

    def __init__(self, height, width, data_format=None, **kwargs):
        super().__init__(height, width, data_format=data_format, **kwargs)

    def transform_images(self, images, transformation=None, training=True):
        transformation = transformation or self.get_random_transformation(images)
        return self._transform_images(ops.cast(images, self.compute_dtype), transformation)

    def _window(self, height, width, seed):
        if height >= self.height and width >= self.width:
            return (height - self.height) // 2, (width - self.width) // 2, self.height, self.width
        return self._largest_window(height, width)


class RandomCrop(_Crop):
    """Somewhere in training images a part of this size, the same for a batch; in inference images stay whole.

    Of images that are smaller, it is the largest part in the middle that has the ratio of ``height`` to ``width``,
    stretched.
    """

    def __init__(self, height, width, seed=None, data_format=None, name=None, **kwargs):
        super().__init__(height, width, data_format=data_format, name=name, **kwargs)
        self._seeded(seed)

    def get_random_transformation(self, data, training=True, seed=None):
        return super().get_random_transformation(data, training, seed) if training else None

    def _window(self, height, width, seed):
        if height < self.height or width < self.width:
            return self._largest_window(height, width)
        draws = self._draws(seed)
        free = (height - self.height, width - self.width)
        corner = [draws.integers((), 0, n + 1) if n else 0 for n in free]
        return (*corner, self.height, self.width)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}
