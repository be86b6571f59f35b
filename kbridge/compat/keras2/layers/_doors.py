"""What the doors of Keras 2's layers have in common: parts of signatures, and how calls of Keras 1 are read."""

from kbridge.compat.activations import of_name
from kbridge.compat.door import door
from kbridge.compat.layers.base import Keras2Layer, initializer_of

KERNEL = (
    "use_bias=True, kernel_initializer='glorot_uniform', bias_initializer='zeros', kernel_regularizer=None, "
    "bias_regularizer=None, activity_regularizer=None, kernel_constraint=None, bias_constraint=None"
)

_INITIALIZERS = "kernel bias recurrent embeddings beta gamma alpha depthwise pointwise moving_mean moving_variance"


_VALUES = {
    "activation": of_name,
    "recurrent_activation": of_name,
    **{f"{part}_initializer": initializer_of for part in _INITIALIZERS.split()},
}


def layer(core, signature="", name=None, mixins=(), **rules):
    """The door of a layer class of Keras 2: see ``kbridge.compat.door.door``."""
    signature = f"{signature}, **kwargs" if signature else "**kwargs"
    rules["values"] = {**_VALUES, **rules.get("values", {})}
    made = door(core, signature, name, (*mixins, Keras2Layer), **rules)
    made.__module__ = "kbridge.compat.keras2.layers"
    return made


# -- convolutions: Convolution2D(64, 3, 3), Convolution2D(nb_filter=64, nb_row=3, nb_col=3)

_SIDES = {2: ("nb_row", "nb_col"), 3: ("kernel_dim1", "kernel_dim2", "kernel_dim3")}


def sides(rank):
    """A ``before`` for a door: reads the sides of a kernel, which Keras 1 was given one by one."""

    def before(args, kwargs):
        args, kwargs = list(args), dict(kwargs)
        given = [kwargs.pop(side) for side in _SIDES[rank] if side in kwargs]
        if len(args) == 1 + rank and not given and all(_is_integer(n) for n in args[1:]):
            today = [key for key in ("padding", "strides", "data_format") if key in kwargs]
            if today:
                raise ValueError(
                    f"{tuple(args)} may be a kernel of {' by '.join(map(str, args[1:]))}, as in Keras 1, or a kernel "
                    f"and strides, as {today[0]}= would have it. Write: kernel_size=..., strides=..."
                )
            given, args = args[1:], args[:1]
        elif given and len(args) > 1:
            args, given = args[:1], [*args[1:], *given]
        if given:
            if len(given) != rank:
                raise TypeError(f"A kernel has {rank} sides here. Received: {tuple(given)}. Write: kernel_size=...")
            kwargs["kernel_sides"] = tuple(given)
        return args, kwargs

    return before


def sides_of_deconvolution(args, kwargs):
    """As ``sides(2)``, without the output shape that Keras 1 wanted to be told."""
    kwargs = {key: value for key, value in kwargs.items() if key != "output_shape"}
    if len(args) == 4 and isinstance(args[3], (tuple, list)) and all(_is_integer(n) for n in args[1:3]):
        args = args[:3]
    return sides(2)(args, kwargs)


def sides_of_separable(args, kwargs):
    """As ``sides(2)``; the initializer of Keras 1 was of both kernels."""
    if "init" in kwargs:
        kwargs = {**kwargs, "depthwise_initializer": kwargs["init"], "pointwise_initializer": kwargs["init"]}
        del kwargs["init"]
    return sides(2)(args, kwargs)


def _is_integer(value):
    return hasattr(value, "__index__") and not isinstance(value, bool)


def pads_by_name(args, kwargs):
    """A ``before`` for ZeroPadding2D: a dict of pads, or the four of them."""
    args, kwargs = list(args), dict(kwargs)
    padding = args[0] if args else kwargs.get("padding")
    if isinstance(padding, dict):
        unknown = set(padding) - {"top_pad", "bottom_pad", "left_pad", "right_pad"}
        if unknown:
            raise ValueError(f"ZeroPadding2D: unknown pads {sorted(unknown)}. Write: padding=((1, 1), (1, 1)).")
        top, bottom, left, right = (padding.get(f"{side}_pad", 0) for side in ("top", "bottom", "left", "right"))
    elif isinstance(padding, (tuple, list)) and len(padding) == 4:
        top, bottom, left, right = padding
    else:
        return args, kwargs
    args[:1], kwargs["padding"] = [], ((top, bottom), (left, right))
    return args, kwargs


# -- sequences: LSTM(32, input_dim=64, input_length=10)


def sequence_input(filled, today):
    """A ``prepare`` for a door: sizes of the input one by one."""
    if "input_dim" in today and "input_shape" not in today:
        today["input_shape"] = (today.pop("input_length", None), today.pop("input_dim"))


def forget_gate(args, kwargs):
    """A ``before`` for a door: what Keras 1 filled the forget gate's bias with."""
    if "forget_bias_init" not in kwargs:
        return args, kwargs
    kwargs = dict(kwargs)
    start = kwargs.pop("forget_bias_init")
    if start not in ("one", "ones", "zero", "zeros"):
        raise ValueError(
            f"forget_bias_init={start!r} cannot be honoured here. Write: unit_forget_bias=True for ones, or "
            f"unit_forget_bias=False for what bias_initializer gives."
        )
    kwargs["unit_forget_bias"] = start.startswith("one")
    return args, kwargs
