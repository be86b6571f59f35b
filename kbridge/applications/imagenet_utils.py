"""Images as the models of ImageNet take them, and their predictions as names."""

import json

import numpy as np

from kbridge import backend, config, ops
from kbridge.backend import registry

_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)
_BLUE_GREEN_RED = (103.939, 116.779, 123.68)  # the means of the three, from 0 to 255


def preprocess_input(x, data_format=None, mode="caffe"):
    """Images with values from 0 to 255, as a model expects them; arrays give arrays, tensors tensors.

    mode: "caffe" turns the order of colours round and takes their means away; "tf" scales to -1 to 1; "torch"
        scales to 0 to 1 and then to the mean 0 and deviation 1 of ImageNet's colours.
    """
    if mode not in ("caffe", "tf", "torch"):
        raise ValueError(f"preprocess_input: mode must be 'caffe', 'tf' or 'torch'. Received: mode={mode!r}.")
    data_format = data_format or config.image_data_format()
    if data_format not in ("channels_first", "channels_last"):
        raise ValueError(
            f"preprocess_input: data_format must be 'channels_last' or 'channels_first'. Received: {data_format!r}."
        )
    is_tensor = backend.is_keras_tensor(x) or registry.current().is_tensor(x)
    if not is_tensor:
        x = np.asarray(x)
    dtype = config.floatx()
    x = ops.cast(x, dtype) if is_tensor else x.astype("float32" if dtype == "bfloat16" else dtype)
    if mode == "tf":
        return x / 127.5 - 1.0
    axis = -1 if data_format == "channels_last" else -3
    if mode == "caffe":
        x = ops.flip(x, axis) if is_tensor else np.flip(x, axis)
        return x - _colours(_BLUE_GREEN_RED, axis, x)
    return (x / 255.0 - _colours(_MEAN, axis, x)) / _colours(_DEVIATION, axis, x)


def _colours(values, axis, like):
    """A value for each colour, in the dtype of ``like`` and with its axis of colours."""
    dtype = like.dtype if isinstance(like, np.ndarray) else "float32"
    column = np.array(values, dtype).reshape((-1, *[1] * (-axis - 1)))
    return column if isinstance(like, np.ndarray) else ops.cast(ops.convert_to_tensor(column), config.floatx())


def decode_predictions(preds, top=5):
    """The ``top`` classes of each row of predictions: lists of (WordNet's number, name, score)."""
    preds = ops.convert_to_numpy(preds)
    if preds.ndim != 2 or preds.shape[1] != 1000:
        raise ValueError(
            f"decode_predictions takes predictions of the shape (samples, 1000), as a classifier of ImageNet gives. "
            f"Received: an array of the shape {preds.shape}."
        )
    from kbridge.applications.files import class_index

    with open(class_index(), encoding="utf-8") as file:
        names = json.load(file)
    best = np.argsort(-preds, axis=1, kind="stable")[:, :top]
    return [[(*names[str(i)], row[i]) for i in chosen] for row, chosen in zip(preds, best)]


def as_is(x, data_format=None):
    """The images as they are: the model scales them itself."""
    return x


def scaled(mode):
    """``preprocess_input`` of one family."""

    def preprocess(x, data_format=None):
        return preprocess_input(x, data_format, mode)

    preprocess.__name__ = preprocess.__qualname__ = "preprocess_input"
    preprocess.__doc__ = f"""Images with values from 0 to 255, as the model expects them (mode {mode!r}).

    See ``kbridge.applications.imagenet_utils.preprocess_input``.
    """
    return preprocess
