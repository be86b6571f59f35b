"""What all applications share: their arguments, the head, and weights from a file."""

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import kbridge.layers
from kbridge import backend, config
from kbridge.models import Model

_parts = ContextVar("kbridge_applications_parts", default=(kbridge.layers, Model))


class _Layers:
    """The layers that models are made of: those of kbridge, or what ``made_of`` says."""

    def __getattr__(self, name):
        return getattr(_parts.get()[0], name)


layers = _Layers()


@contextmanager
def made_of(own_layers, own_model):
    """Within this context models are made of the classes in the module ``own_layers``, as ``own_model``."""
    token = _parts.set((own_layers, own_model))
    try:
        yield
    finally:
        _parts.reset(token)


@dataclass
class Wish:
    """What a caller asked for: see ``application`` for the meaning of each."""

    include_top: bool = True
    weights: object = "imagenet"
    input_tensor: object = None
    input_shape: tuple | None = None
    pooling: str | None = None
    classes: int = 1000
    classifier_activation: object = "softmax"
    name: str | None = None


ARGUMENTS = """

    Args:
        include_top: whether it ends in the classifier; else in features, for a classifier of one's own.
        weights: None for random ones, "imagenet" for those that were trained on ImageNet, or the path of a file.
        input_tensor: a symbol to begin with, instead of a new input.
        input_shape: the shape of an image; it can be chosen freely without the classifier.
        pooling: what is done with the features without the classifier: None, "avg" or "max".
        classes: how many classes the classifier tells apart; 1000 with the weights of ImageNet.
        classifier_activation: the classifier's activation; None gives logits.
        name: the model's name.
    """


def application(size, least, head=None, name=None):
    """From a function of the input's symbol, which gives that of the features, to one that makes the whole model.

    name:  what models are called unless told; else like the function.
    """

    def decorate(features):
        default = name or features.__name__.lower()

        def make(
            include_top=True,
            weights="imagenet",
            input_tensor=None,
            input_shape=None,
            pooling=None,
            classes=1000,
            classifier_activation="softmax",
            name=default,
        ):
            wish = Wish(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
            return assemble(features, features.__name__, wish, size, least, head)

        make.__name__ = make.__qualname__ = features.__name__
        make.__module__ = features.__module__
        make.__doc__ = features.__doc__ + ARGUMENTS
        return make

    return decorate


def assemble(features, model, wish, size, least, head=None, variant="", fixed=False):
    """The model called ``model``: its input, ``features``, and the head; with weights if there are to be any.

    size:  the height and width of an image, unless told.
    least: the smallest that still goes through.
    fixed: whether the size must be known, without the classifier too.
    """
    check(model, wish)
    inputs = first_symbol(model, wish, size, least, fixed)
    x = (head or classifier)(features(inputs), wish)
    source = inputs if wish.input_tensor is None else _sources(wish.input_tensor)
    made = _parts.get()[1](source, x, name=wish.name)
    if wish.weights == "imagenet":
        from kbridge.applications.files import pretrained

        made.load_weights(pretrained(model, wish.include_top, variant))
    elif wish.weights is not None:
        made.load_weights(wish.weights)
    return made


def check(model, wish):
    """Refuse what cannot be had together."""
    if wish.pooling not in (None, "avg", "max"):
        raise ValueError(f"{model}: pooling must be None, 'avg' or 'max'. Received: pooling={wish.pooling!r}.")
    if wish.weights != "imagenet" or not wish.include_top:
        return
    if wish.classes != 1000:
        raise ValueError(
            f"{model}: the classifier of weights='imagenet' tells 1000 classes apart. Received: classes="
            f"{wish.classes}. Write: include_top=False, and add a Dense layer of your own; or weights=None."
        )
    if wish.classifier_activation not in ("softmax", None):
        raise ValueError(
            f"{model}: with weights='imagenet', classifier_activation must be 'softmax' or None. "
            f"Received: classifier_activation={wish.classifier_activation!r}."
        )


def first_symbol(model, wish, size, least, fixed):
    """The symbol of the images."""
    if wish.input_tensor is not None and backend.is_keras_tensor(wish.input_tensor):
        return wish.input_tensor
    shape = shape_of_images(model, wish, size, least, fixed)
    return layers.Input(shape=shape, tensor=wish.input_tensor)


def shape_of_images(model, wish, size, least, fixed):
    """The shape of an image, in the order of axes that ``image_data_format`` says."""
    first = config.image_data_format() == "channels_first"

    def ordered(height, width, channels):
        return (channels, height, width) if first else (height, width, channels)

    shape = wish.input_shape
    if shape is None:
        side = size if wish.include_top or fixed else None
        return ordered(side, side, 3)
    shape = tuple(shape)
    if len(shape) != 3:
        raise ValueError(f"{model}: input_shape must have three axes, as {ordered(size, size, 3)}. Received: {shape}.")
    channels, *sides = shape if first else (shape[2], *shape[:2])
    if wish.weights == "imagenet" and channels != 3:
        raise ValueError(f"{model}: weights='imagenet' are for images of 3 channels. Received: input_shape={shape}.")
    if any(side is not None and side < least for side in sides):
        raise ValueError(f"{model}: images must be at least {least} by {least}. Received: input_shape={shape}.")
    return shape


def _sources(symbol):
    from kbridge.utils import get_source_inputs

    return symbol if symbol.node is None else get_source_inputs(symbol)


# -- the ends


def pooled(x, wish):
    """The features, pooled as was asked for."""
    if wish.pooling == "avg":
        return layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return layers.GlobalMaxPooling2D(name="max_pool")(x) if wish.pooling == "max" else x


def classifier(x, wish, dropout=None, initializer="glorot_uniform"):
    """The usual head: the mean over the image, and one dense layer."""
    if not wish.include_top:
        return pooled(x, wish)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    if dropout:
        x = layers.Dropout(dropout, name="top_dropout")(x)
    return layers.Dense(
        wish.classes, activation=wish.classifier_activation, kernel_initializer=initializer, name="predictions"
    )(x)


# -- parts


def by_eight(filters):
    """The multiple of 8 that is nearest, but not less than nine tenths of it."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * filters else rounded


def channels():
    """The axis of the channels."""
    return 3 if config.image_data_format() == "channels_last" else 1


def normed(x, name=None, **kwargs):
    """Batch normalization over the channels."""
    return layers.BatchNormalization(axis=channels(), name=name, **kwargs)(x)


def active(x, name=None, kind="relu"):
    """An activation as a layer."""
    return layers.Activation(kind, name=name)(x)


def halving_pad(x, kernel):
    """The padding before a convolution with stride 2 and "valid" padding, by which it halves even and odd sides."""
    sides = [dim for axis, dim in enumerate(x.shape[1:], 1) if axis != channels()]
    return tuple((kernel // 2 - (side is not None and side % 2 == 0), kernel // 2) for side in sides)
