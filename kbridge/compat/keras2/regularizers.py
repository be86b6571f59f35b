"""``keras.regularizers`` of Keras 2."""
# ruff: noqa: F401 (this is an index)

from kbridge import regularizers as _today
from kbridge.compat import named as _named
from kbridge.compat.regularizers import L1L2, EigenvalueRegularizer, Regularizer
from kbridge.regularizers import L1, L2, OrthogonalRegularizer, orthogonal_regularizer

WeightRegularizer = ActivityRegularizer = L1L2Regularizer = L1L2


def l1(l=0.01, l1=None):  # noqa: E741 (its name then)
    """``l * sum(|x|)``."""
    return L1L2(l1=float(l if l1 is None else l1))


def l2(l=0.01, l2=None):  # noqa: E741 (its name then)
    """``l * sum(x ** 2)``."""
    return L1L2(l2=float(l if l2 is None else l2))


def l1_l2(l1=0.01, l2=0.01):
    """``l1 * sum(|x|) + l2 * sum(x ** 2)``."""
    return L1L2(l1=float(l1), l2=float(l2))


l1l2 = activity_l1l2 = l1_l2
activity_l1, activity_l2 = l1, l2

_functions = {f.__name__: f for f in (l1, l2, l1_l2)}
_functions |= {"l1l2": l1_l2, "activity_l1": l1, "activity_l2": l2, "activity_l1l2": l1_l2}
_family = _named.extended(_today._family, {**_named.public(globals(), type), **_functions})


def get(identifier):
    """The regularizer for a name ("l2"), a config or a function; None for None."""
    found = _family.get(identifier)
    return found() if isinstance(identifier, str) and found is _functions.get(identifier) else found


def deserialize(config, custom_objects=None):
    """The regularizer for a name or config, with ``custom_objects`` for names of your own."""
    found = _family.deserialize(config, custom_objects)
    return found() if isinstance(config, str) and found is _functions.get(config) else found


def serialize(regularizer):
    """The name of a regularizer that is a function; the config of any other."""
    return _named.serialize(regularizer)
