"""``keras.legacy``: what Keras 2 kept of Keras 1. ``interfaces`` are decorators that let arguments have old names."""

import functools
import inspect

from kbridge.compat import notes
from kbridge.compat.keras2.layers import _doors
from kbridge.compat.layers import normalization2
from kbridge.compat.renames import ARGUMENTS

__all__ = ["generate_legacy_interface", "generate_legacy_method_interface", "raise_duplicate_arg_error"]


def generate_legacy_interface(
    allowed_positional_args=None,
    conversions=None,
    preprocessor=None,
    value_conversions=None,
    object_type="class",
):
    """A decorator for a constructor (or a method) that takes arguments by their old names, too.

    Args:
        allowed_positional_args: the names of those that may be given by position; all if None.
        conversions: pairs of an old name and a new one.
        preprocessor: a function (args, kwargs) -> (args, kwargs, pairs of names), for what is read by its form.
        value_conversions: by the old name, a dict from old values to new ones.
        object_type: "class" or "method"; said in messages.
    """

    def legacy_support(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            name = type(args[0]).__name__ if object_type == "class" else function.__name__
            converted = []
            if preprocessor is not None:
                args, kwargs, converted = preprocessor(args, kwargs)
            if allowed_positional_args is not None and len(args) > len(allowed_positional_args) + 1:
                raise TypeError(
                    f"{name} takes at most {len(allowed_positional_args)} positional arguments "
                    f"{tuple(allowed_positional_args)}. Received: {list(args[1:])}."
                )
            for key, values in dict(value_conversions or {}).items():
                if kwargs.get(key) in values:
                    kwargs[key] = values[kwargs[key]]
            for old, new in conversions or ():
                if old in kwargs:
                    if new in kwargs:
                        raise_duplicate_arg_error(old, new)
                    kwargs[new] = kwargs.pop(old)
                    converted.append((old, new))
            if converted:
                notes.corrected(notes.call(name, {**dict(enumerate_arguments(function, args)), **kwargs}))
            return function(*args, **kwargs)

        wrapper._original_function = function
        return wrapper

    return legacy_support


generate_legacy_method_interface = functools.partial(generate_legacy_interface, object_type="method")


def enumerate_arguments(function, args):
    """(name, value) of the arguments given by position, without the first."""
    return list(zip(inspect.signature(function).parameters, args))[1:]


def raise_duplicate_arg_error(old_arg, new_arg):
    """Refuse a call that has one argument by two names."""
    raise TypeError(f"{old_arg!r} and {new_arg!r} are the same argument, and both were given. Write: {new_arg}=...")


# -- calls that are read by their form


def _preprocessor(before, name):
    """A preprocessor, of a ``before`` for doors: those see no ``self``, and say nothing of what they did."""

    def read(args, kwargs):
        first, given = args[:1], dict(kwargs)
        args, kwargs = before(tuple(args[1:]), dict(kwargs))
        if "kernel_sides" in kwargs:
            kwargs["kernel_size"] = kwargs.pop("kernel_sides")
        changed = [(key, None) for key in given if key not in kwargs]
        return (*first, *args), kwargs, changed

    read.__name__ = read.__qualname__ = name
    read.__doc__ = "(args, kwargs, pairs of names) of a call of Keras 1, read by its form."
    return read


def _sizes(args, kwargs):
    """The sizes of a sequence, one by one."""
    args, kwargs = _doors.forget_gate(args, kwargs)
    kwargs = dict(kwargs)
    _doors.sequence_input({}, kwargs)
    return args, kwargs


def _without_dropout(args, kwargs):
    """Embedding's dropout, which there is none of any more."""
    return args, {key: value for key, value in kwargs.items() if key != "dropout"}


def _weight(args, kwargs):
    """The shape, which came before the name."""
    args, kwargs = list(args), dict(kwargs)
    if args and not isinstance(args[0], str):
        args, kwargs["shape"] = args[1:], args[0]
        if args and not isinstance(args[0], str):
            kwargs["initializer"], args = args[0], args[1:]
    return args, kwargs


def _loss(args, kwargs):
    """The constraints, which came before the loss."""
    args, kwargs = list(args), dict(kwargs)
    if len(args) > 2:
        raise TypeError("get_updates takes (loss, params). Received three arguments: constraints belong to variables.")
    if args and isinstance(args[0], (list, tuple)):
        args, kwargs["params"] = args[1:], args[0]
        if args:
            kwargs["loss"], args = args[0], args[1:]
    return args, kwargs


def _steps(args, kwargs):
    """Samples of an epoch, where steps are wanted."""
    kwargs = dict(kwargs)
    generator = args[0] if args else kwargs.get("generator")
    if "samples_per_epoch" in kwargs:
        size = getattr(generator, "batch_size", None) or 1
        kwargs["steps_per_epoch"] = -(-kwargs.pop("samples_per_epoch") // size)
    return args, kwargs


add_weight_args_preprocessing = _preprocessor(_weight, "add_weight_args_preprocessing")
batchnorm_args_preprocessor = _preprocessor(normalization2.no_mode, "batchnorm_args_preprocessor")
conv1d_args_preprocessor = _preprocessor(_sizes, "conv1d_args_preprocessor")
conv2d_args_preprocessor = _preprocessor(_doors.sides(2), "conv2d_args_preprocessor")
conv3d_args_preprocessor = _preprocessor(_doors.sides(3), "conv3d_args_preprocessor")
convlstm2d_args_preprocessor = _preprocessor(
    lambda args, kwargs: _doors.sides(2)(*_doors.forget_gate(args, kwargs)), "convlstm2d_args_preprocessor"
)
deconv2d_args_preprocessor = _preprocessor(_doors.sides_of_deconvolution, "deconv2d_args_preprocessor")
embedding_kwargs_preprocessor = _preprocessor(_without_dropout, "embedding_kwargs_preprocessor")
generator_methods_args_preprocessor = _preprocessor(_steps, "generator_methods_args_preprocessor")
get_updates_arg_preprocessing = _preprocessor(_loss, "get_updates_arg_preprocessing")
recurrent_args_preprocessor = _preprocessor(_sizes, "recurrent_args_preprocessor")
separable_conv2d_args_preprocessor = _preprocessor(_doors.sides_of_separable, "separable_conv2d_args_preprocessor")
zeropadding2d_args_preprocessor = _preprocessor(_doors.pads_by_name, "zeropadding2d_args_preprocessor")

# -- the decorators, as data: name -> (what may be given by position, old names, preprocessor)

_ORDER = {"dim_ordering": {"tf": "channels_last", "th": "channels_first", "default": None}}
_EFFORT = {"consume_less": {"cpu": 0, "mem": 1, "gpu": 2}}
_DENSE = "init W_regularizer b_regularizer W_constraint b_constraint bias"
_WINDOWS = f"nb_filter subsample border_mode dim_ordering {_DENSE}"
_RECURRENT = (
    "output_dim init inner_init inner_activation W_regularizer b_regularizer U_regularizer dropout_W dropout_U "
    "consume_less"
)
_EMBEDDED = {
    "init": "embeddings_initializer",
    "W_regularizer": "embeddings_regularizer",
    "W_constraint": "embeddings_constraint",
}
_GENERATOR = {
    "samples_per_epoch": "steps_per_epoch",
    "val_samples": "steps",
    "nb_epoch": "epochs",
    "nb_val_samples": "validation_steps",
    "nb_worker": "workers",
    "pickle_safe": "use_multiprocessing",
    "max_q_size": "max_queue_size",
}
_WINDOW = "filters kernel_size"
_SUPPORT = {
    "add_weight": ("name shape", "", add_weight_args_preprocessing),
    "batchnorm": ("", "beta_init gamma_init", batchnorm_args_preprocessor),
    "conv1d": (
        _WINDOW,
        f"nb_filter filter_length subsample_length border_mode {_DENSE}",
        conv1d_args_preprocessor,
    ),
    "conv2d": (_WINDOW, _WINDOWS, conv2d_args_preprocessor),
    "conv3d": (_WINDOW, _WINDOWS, conv3d_args_preprocessor),
    "convlstm2d": (
        _WINDOW,
        f"nb_filter subsample border_mode dim_ordering {_RECURRENT.replace('output_dim ', '')} bias",
        convlstm2d_args_preprocessor,
    ),
    "cropping2d": ("cropping", "dim_ordering", None),
    "cropping3d": ("cropping", "dim_ordering", None),
    "deconv2d": (_WINDOW, _WINDOWS, deconv2d_args_preprocessor),
    "dense": ("units", f"output_dim {_DENSE}", None),
    "dropout": ("rate noise_shape seed", "p", None),
    "embedding": ("input_dim output_dim", _EMBEDDED, embedding_kwargs_preprocessor),
    "gaussiandropout": ("rate", "p", None),
    "gaussiannoise": ("stddev", "sigma", None),
    "generator_methods": ("generator steps_per_epoch epochs", _GENERATOR, generator_methods_args_preprocessor),
    "get_updates": (None, "", get_updates_arg_preprocessing),
    "global_pooling": (None, "dim_ordering", None),
    "input": (None, {"input_dtype": "dtype"}, None),
    "lambda": ("function output_shape", "", None),
    "model_constructor": (None, "input output", None),
    "pooling1d": ("pool_size strides padding", "pool_length stride border_mode", None),
    "pooling2d": ("pool_size strides padding", "border_mode dim_ordering", None),
    "pooling3d": ("pool_size strides padding", "border_mode dim_ordering", None),
    "prelu": ("alpha_initializer", {"init": "alpha_initializer"}, None),
    "recurrent": ("units", _RECURRENT, recurrent_args_preprocessor),
    "separable_conv2d": (
        _WINDOW,
        "nb_filter subsample border_mode dim_ordering b_regularizer b_constraint bias",
        separable_conv2d_args_preprocessor,
    ),
    "spatialdropout1d": ("rate", "p", None),
    "spatialdropoutNd": ("rate", "p dim_ordering", None),
    "upsampling1d": ("size", "length", None),
    "upsampling2d": ("size", "dim_ordering", None),
    "upsampling3d": ("size", "dim_ordering", None),
    "zeropadding2d": ("padding", "dim_ordering", zeropadding2d_args_preprocessor),
    "zeropadding3d": ("padding", "dim_ordering", None),
}


def _support(name, positional, old, preprocessor):
    pairs = old if isinstance(old, dict) else {**ARGUMENTS, "consume_less": "implementation"}
    wanted = old if isinstance(old, dict) else old.split()
    decorate = generate_legacy_interface(
        None if positional is None else positional.split(),
        [(key, pairs[key]) for key in wanted],
        preprocessor,
        {**_ORDER, **_EFFORT},
        "method" if name == "generator_methods" else "class",
    )

    def support(func):
        return decorate(func)

    support.__name__ = support.__qualname__ = f"legacy_{name}_support"
    support.__doc__ = "``func``, taking arguments by their names of Keras 1, too."
    return support


for _name, _row in _SUPPORT.items():
    globals()[f"legacy_{_name}_support"] = _support(_name, *_row)

__all__ += [n for n in globals() if n[0] != "_" and ("_support" in n or "_preprocess" in n)]
