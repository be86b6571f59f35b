"""One K function in the words of each generation: other names and another order of arguments, as data."""

import inspect
from functools import lru_cache, wraps

from kbridge.compat.backend.settings import format_of

# A name of some generation -> the names it has in others, of which a function has one.
NAMES = {
    "border_mode": ("padding",),
    "dim_ordering": ("data_format",),
    "dim": ("axis",),
    "std": ("stddev",),
    "low": ("minval",),
    "high": ("maxval",),
    "nb_classes": ("num_classes",),
    "n": ("rep",),
    "X": ("x",),
    "variable": ("x",),
    "xs": ("ops",),
    "predict": ("predictions",),
    "broatcastable": ("broadcastable",),
    "stride": ("strides",),
    "filter_dilation": ("dilation_rate",),
    "axes": ("axis",),
}
# What only said again what is seen in the tensors.
NEEDLESS = frozenset(("image_shape", "filter_shape", "volume_shape", "dynamic_axis_num"))


@lru_cache(None)
def _signature(text):
    space = {}
    exec(f"def function({text}): pass", space)  # a parameter list of this module's callers, not of users
    return inspect.signature(space["function"])


def spelled(function, text=None):
    """``function`` with the parameters ``text``, in that order; names of other generations are taken, too."""
    own = inspect.signature(function)
    signature = own if text is None else _signature(text)
    names = [p.name for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]

    def known(name):
        if name in own.parameters or name in NEEDLESS:
            return name
        return next((new for new in NAMES.get(name, ()) if new in own.parameters), name)

    straight = text is None
    defaults = {}
    if not straight:  # defaults that the old signature has and the function has not
        for p in signature.parameters.values():
            new = own.parameters.get(known(p.name))
            if p.default is not p.empty and new is not None and p.default != new.default:
                defaults[new.name] = p.default

    @wraps(function)
    def call(*args, **kwargs):
        if straight and not kwargs:
            return function(*args)
        if len(args) > len(names):
            raise TypeError(f"K.{function.__name__} takes {len(names)} arguments: {', '.join(names)}. Got {len(args)}.")
        given = dict(defaults)
        for name, value in (*zip(names, args), *kwargs.items()):
            new = known(name)
            if new not in NEEDLESS:
                given[new] = format_of(value) if new == "data_format" else value
        return function(**given)

    call.__signature__ = signature
    return call
