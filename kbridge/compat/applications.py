"""Well-known models as older generations made them: of their layers, with their arguments and names of layers."""

import functools
from importlib import import_module

import numpy as np

from kbridge import config
from kbridge.applications import imagenet_utils as today
from kbridge.applications.common import made_of, pooled
from kbridge.compat.door import renamed
from kbridge.compat.fetching import get_file
from kbridge.compat.images import ordering

# What the functions of Keras 2 were handed by each other: the only backend, layers, models and utilities there are.
INJECTED = ("backend", "layers", "models", "utils", "engine")
CLASS_INDEX_PATH = "https://s3.amazonaws.com/deep-learning-models/image-models/imagenet_class_index.json"
_RELEASES = "https://github.com/fchollet/deep-learning-models/releases/download/"
_RESNET_HASHES = {"": "a7b3fe01876f51b976af0dea6bc144eb", "_notop": "a268eb855778b3df3c7506639542a6af"}


def weights_path(version, model, ordering_and_kernels="tf_dim_ordering_tf_kernels", top=""):
    """Where the weights of a model were published."""
    return f"{_RELEASES}{version}/{model}_weights_{ordering_and_kernels}{top}.h5"


def parts(generation):
    """(the module of a generation's layers, its class of models)."""
    package = f"kbridge.compat.{generation}"
    return import_module(f"{package}.layers"), import_module(f"{package}.models").Model


def application(build, generation, signature, name=None, **fixed):
    """``build``, a function of kbridge.applications, with an old signature, made of a generation's layers.

    ``name``: what the model is called; ``fixed``: further arguments.
    """

    @functools.wraps(build)
    def make(*args, **kwargs):
        layers, model = parts(generation)
        if name is not None:
            kwargs.setdefault("name", name)
        with made_of(layers, model):
            return build(*args, **fixed, **kwargs)

    return renamed(make, signature, ignored=INJECTED)


# -- images


def preprocessing(mode, generation, with_format=True):
    """``preprocess_input`` of a family."""
    if generation == "keras1":

        def preprocess_input(x, dim_ordering="default", **kwargs):
            return today.preprocess_input(x, ordering(kwargs.pop("data_format", dim_ordering)), mode)

    elif mode == "caffe" and with_format:

        def preprocess_input(x, data_format=None, mode="caffe", **kwargs):
            check_injected("preprocess_input", kwargs, also=("dim_ordering",))
            return today.preprocess_input(x, kwargs.get("dim_ordering", data_format), mode)

    else:

        def preprocess_input(x, data_format=None, **kwargs):
            check_injected("preprocess_input", kwargs)
            return today.preprocess_input(x, data_format, mode)

    preprocess_input.__doc__ = "Images with values from 0 to 255, as the model expects them; a new array is returned."
    return preprocess_input


def decode_predictions(preds, top=5, **kwargs):
    """The ``top`` classes of each row of predictions: lists of (WordNet's number, name, score)."""
    check_injected("decode_predictions", kwargs)
    return today.decode_predictions(preds, top)


def check_injected(function, kwargs, also=()):
    """Refuse arguments other than those that the functions were handed by each other."""
    unknown = set(kwargs) - {*INJECTED, *also}
    if unknown:
        raise TypeError(f"{function} does not know the argument(s) {sorted(unknown)}.")


def keras_modules_injection(base_fun):
    """``base_fun`` as it is: there is nothing to be handed to it."""
    return base_fun


def obtain_input_shape(input_shape, default_size, min_size, data_format, require_flatten, weights=None):
    """The shape of images that a model takes: ``input_shape``, checked, or what it is unless told.

    Args:
        input_shape: what the user wants, or None.
        default_size: the height and width, unless told.
        min_size: the smallest that goes through.
        data_format: the order of axes.
        require_flatten: whether height and width must be known.
        weights: "imagenet" is for 3 channels only.
    """
    first = ordering(data_format) == "channels_first"
    if input_shape is None:
        side = default_size if require_flatten else None
        return (3, side, side) if first else (side, side, 3)
    shape = tuple(input_shape)
    if len(shape) != 3:
        raise ValueError(f"input_shape must have three axes. Received: input_shape={input_shape!r}.")
    channels, sides = (shape[0], shape[1:]) if first else (shape[2], shape[:2])
    if weights == "imagenet" and channels != 3:
        raise ValueError(f"weights='imagenet' are for images of 3 channels. Received: input_shape={shape}.")
    if any(side is not None and side < min_size for side in sides):
        raise ValueError(f"Images must be at least {min_size} by {min_size}. Received: input_shape={shape}.")
    if require_flatten and None in shape:
        raise ValueError(f"With include_top=True, height and width must be known. Received: input_shape={shape}.")
    return shape


# -- ResNet50, with the names that its layers had


def channels_axis():
    """The axis of the channels."""
    return 3 if config.image_data_format() == "channels_last" else 1


class ResNet:
    """The parts of ResNet50, made of a generation's layers."""

    def __init__(self, generation, initializer):
        self.generation = generation
        self.initializer = initializer

    @property
    def layers(self):
        return parts(self.generation)[0]

    def _conv(self, x, filters, size, place, strides=1, padding="valid"):
        conv = self.layers.Conv2D(
            filters,
            kernel_size=size,
            strides=strides,
            padding=padding,
            kernel_initializer=self.initializer,
            name=f"res{place}",
        )
        return self.layers.BatchNormalization(axis=channels_axis(), name=f"bn{place}")(conv(x))

    def _active(self, x):
        return self.layers.Activation("relu")(x)

    def block(self, x, kernel_size, filters, stage, block, strides=None):
        """A block; with ``strides``, the way around it is a convolution, too."""
        place = f"{stage}{block}_branch"
        first, second, third = filters
        shortcut = x
        x = self._active(self._conv(x, first, 1, f"{place}2a", strides or 1))
        x = self._active(self._conv(x, second, kernel_size, f"{place}2b", padding="same"))
        x = self._conv(x, third, 1, f"{place}2c")
        if strides is not None:
            shortcut = self._conv(shortcut, third, 1, f"{place}1", strides)
        return self._active(self.layers.add([x, shortcut]))

    def features(self, x, padded_pool):
        """All blocks; ``padded_pool``: whether the first pooling pads, as it came to in Keras 2."""
        layers = self.layers
        x = layers.ZeroPadding2D((3, 3), name="conv1_pad")(x)
        initial = {"strides": (2, 2), "kernel_initializer": self.initializer, "name": "conv1"}
        x = layers.Conv2D(64, kernel_size=(7, 7), **initial)(x)
        x = self._active(layers.BatchNormalization(axis=channels_axis(), name="bn_conv1")(x))
        if padded_pool:
            x = layers.ZeroPadding2D((1, 1), name="pool1_pad")(x)
        x = layers.MaxPooling2D((3, 3), strides=(2, 2))(x)
        for stage, (width, depth) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), 2):
            filters = width, width, 4 * width
            x = self.block(x, 3, filters, stage, "a", strides=1 if stage == 2 else 2)
            for block in "bcdef"[: depth - 1]:
                x = self.block(x, 3, filters, stage, block)
        return x

    def assemble(self, include_top, weights, input_tensor, input_shape, classes, head, padded_pool, least=32):
        """The model; ``head`` is a function of the features, ``least`` the smallest side of an image."""
        layers, model = parts(self.generation)
        if weights == "imagenet" and include_top and classes != 1000:
            raise ValueError(
                f"ResNet50: the classifier of weights='imagenet' tells 1000 classes apart. Received: "
                f"classes={classes}. Write: include_top=False, and add a Dense layer of your own; or weights=None."
            )
        shape = obtain_input_shape(input_shape, 224, least, None, include_top, weights)
        if input_tensor is None:
            inputs = sources = layers.Input(shape=shape)
        else:
            from kbridge.backend.symbolic import is_symbol
            from kbridge.utils.session import get_source_inputs

            inputs = input_tensor if is_symbol(input_tensor) else layers.Input(tensor=input_tensor, shape=shape)
            sources = get_source_inputs(inputs)
        made = model(sources, head(self.features(inputs, padded_pool)), name="resnet50")
        if weights == "imagenet":
            top = "" if include_top else "_notop"
            origin = weights_path("v0.2", "resnet50", top=top)
            name = origin.rpartition("/")[2]
            made.load_weights(get_file(name, origin, cache_subdir="models", md5_hash=_RESNET_HASHES[top]))
        elif weights is not None:
            made.load_weights(weights)
        return made

    def pool(self, x, pooling):
        """The features, pooled as ``pooling`` says."""
        from kbridge.applications.common import Wish

        with made_of(*parts(self.generation)):
            return pooled(x, Wish(include_top=False, pooling=pooling))


# -- music

TAGS = (
    "rock|pop|alternative|indie|electronic|female vocalists|dance|00s|alternative rock|jazz|beautiful|metal|chillout|"
    "male vocalists|classic rock|soul|indie rock|Mellow|electronica|80s|folk|90s|chill|instrumental|punk|oldies|blues|"
    "hard rock|ambient|acoustic|experimental|female vocalist|guitar|Hip-Hop|70s|party|country|easy listening|sexy|"
    "catchy|funk|electro|heavy metal|Progressive rock|60s|rnb|indie pop|sad|House|happy"
).split("|")
_RATE, _SECONDS = 12000, 29.12


def melgram(audio_path, dim_ordering="default"):
    """29.12 seconds from the middle of a piece of music as a spectrogram of 96 bands, in decibels.

    It is read by librosa, which must be installed.
    """
    try:
        import librosa
    except ImportError as error:
        raise ImportError("preprocess_input needs librosa to read music. Run: pip install librosa") from error
    samples, rate = librosa.load(audio_path, sr=_RATE)
    wanted = int(_SECONDS * rate)
    if len(samples) < wanted:
        samples = np.pad(samples, (0, wanted - len(samples)))
    begin = (len(samples) - wanted) // 2
    samples = samples[begin : begin + wanted]
    bands = librosa.feature.melspectrogram(y=samples, sr=rate, hop_length=256, n_fft=512, n_mels=96)
    x = librosa.power_to_db(bands**2, ref=1.0)
    return x[None] if ordering(dim_ordering) == "channels_first" else x[..., None]


def decode_tags(preds, top_n=5):
    """The ``top_n`` tags of each row of predictions: lists of (tag, score)."""
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != len(TAGS):
        raise ValueError(
            f"decode_predictions takes predictions of the shape (samples, {len(TAGS)}). Received the shape "
            f"{preds.shape}."
        )
    return [sorted(zip(TAGS, row), key=lambda pair: pair[1], reverse=True)[:top_n] for row in preds]
