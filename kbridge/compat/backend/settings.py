"""K functions of settings, names and sessions."""

import warnings
from importlib import import_module

import numpy as np

from kbridge import config
from kbridge.backend import names, registry
from kbridge.backend.symbolic import is_symbol
from kbridge.compat import computing
from kbridge.compat.backend import graph
from kbridge.config import epsilon as epsilon
from kbridge.config import floatx as floatx
from kbridge.config import image_data_format as image_data_format

_ORDERINGS = {**config.DIM_ORDERINGS, "default": None}
_NAMES = {value: key for key, value in config.DIM_ORDERINGS.items()}


def backend():
    """The name of the engine in charge."""
    return registry.backend()


def set_epsilon(e):
    """Set the small number that keeps divisions and logarithms finite."""
    config.set_epsilon(float(e))


def set_floatx(floatx):
    """Set the float dtype used where none is named."""
    config.set_floatx(floatx)


def set_image_data_format(data_format):
    """Set where images have their channels: "channels_last" or "channels_first"."""
    config.set_image_data_format(format_of(data_format))


def image_dim_ordering():
    """Where images have their channels, in the words of Keras 1: "tf" for last, "th" for first."""
    return _NAMES[config.image_data_format()]


def set_image_dim_ordering(dim_ordering):
    """Set where images have their channels: "tf" for last, "th" for first."""
    if dim_ordering not in config.DIM_ORDERINGS:
        raise ValueError(f'K.set_image_dim_ordering takes "tf" or "th". Received: {dim_ordering!r}.')
    config.set_image_data_format(config.DIM_ORDERINGS[dim_ordering])


def format_of(dim_ordering):
    """A data format, also in the words of Keras 1; None and "default" stay open."""
    if isinstance(dim_ordering, str) and dim_ordering in _ORDERINGS:
        return _ORDERINGS[dim_ordering]
    return dim_ordering


def normalize_data_format(value):
    """A data format, checked; None is that of images."""
    return config.standardize_data_format(format_of(value))


def cast_to_floatx(x):
    """``x`` in ``floatx``: values become an array."""
    if is_symbol(x) or graph.is_variable(x):
        from kbridge.compat.backend.arrays import cast

        return cast(x, config.floatx())
    if isinstance(x, (np.ndarray, np.generic, list, tuple, int, float)):
        # [()]: a number becomes a NumPy number, which tensors of all engines can be multiplied by
        return np.asarray(x, dtype=config.floatx())[()]
    from kbridge import ops

    return ops.cast(x, config.floatx())


def get_uid(prefix=""):
    """How often this was asked for ``prefix``: 1, 2, ..."""
    return names.get_uid(prefix)


def reset_uids():
    """Begin to count names anew."""
    names.forget()


def clear_session():
    """Begin anew: automatic names, the learning phase, and the streams of seeds."""
    from kbridge.compat.backend.random import forget_streams
    from kbridge.utils.session import clear_session

    computing.set_phase(None)
    forget_streams()
    clear_session()


def manual_variable_initialization(value):
    """Once said whether the user initializes Variables. Here they have their values from the start, either way."""


def name_scope(name):
    """A block in which what is created has ``name`` in its path."""
    return names.name_scope(str(name).strip("/").replace("/", "_"))


def get_session():
    """There are no sessions: an error that says what to write."""
    raise RuntimeError(
        "K.get_session: kbridge computes without sessions. In place of session.run(tensor, feed_dict={x: value}) "
        "write K.function([x], [tensor])([value]); for a Variable K.get_value(variable)."
    )


def set_session(session):
    """Accepted with a warning: there are no sessions, and what they were configured for (memory) changes no result."""
    warnings.warn(
        "K.set_session: kbridge computes without sessions, so this one is not used. Leave the line out; choose "
        "the engine with KBRIDGE_BACKEND and its device with kbridge.distribution or the library's own variables.",
        stacklevel=2,
    )


def legacy_weight_ordering():
    """Whether weights have the order of the very first Keras: never."""
    return False


def set_legacy_weight_ordering(value):
    """The order of weights of the very first Keras: only False can be had."""
    if value:
        raise ValueError(
            "K.set_legacy_weight_ordering: the order of weights of the very first Keras is not supported. "
            "Write K.set_legacy_weight_ordering(False)."
        )


def pattern_broadcast(x, broadcastable):
    """``x``: which axes may be broadcast is seen from their lengths here."""
    return x


def is_explicit_shape(shape):
    """Whether ``shape`` is a tuple or list of whole numbers and None."""
    return isinstance(shape, (tuple, list)) and all(dim is None or type(dim) is int for dim in shape)


def is_symbolic(x):
    """Whether ``x`` is a symbol."""
    return is_symbol(x)


def transpose_shape(shape, target_format, spatial_axes):
    """A shape with its channels last, in the order ``target_format``."""
    if normalize_data_format(target_format) == "channels_last":
        return shape
    order = [*shape[: spatial_axes[0]], shape[-1], *(shape[axis] for axis in spatial_axes)]
    return type(shape)(order)


def configuration():
    """What keras.json would say of this process."""
    return {
        "backend": registry.backend(),
        "floatx": config.floatx(),
        "epsilon": config.epsilon(),
        "image_data_format": config.image_data_format(),
        "image_dim_ordering": image_dim_ordering(),
    }


def attribute(name, module):
    """What a backend module held beside its functions: its settings, and the library it was made of."""
    if name in ("_BACKEND", "_config", "_FLOATX", "_EPSILON", "_keras_dir", "_keras_base_dir", "_config_path"):
        return {
            "_BACKEND": registry.backend,
            "_config": configuration,
            "_FLOATX": config.floatx,
            "_EPSILON": config.epsilon,
            "_keras_dir": lambda: str(config.path().parent),
            "_keras_base_dir": lambda: str(config.path().parent.parent),
            "_config_path": lambda: str(config.path()),
        }[name]()
    if name == "_get_available_gpus":
        return lambda: [device for device in registry.current().devices() if not device.startswith("cpu")]
    if name == "_to_tensor":
        from kbridge import ops

        return ops.convert_to_tensor
    if name in registry.ALIASES and registry.is_installed(name):
        return import_module(registry.canonical(name))
    raise AttributeError(f"module {module!r} has no attribute {name!r}")
