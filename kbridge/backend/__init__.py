"""The bridge: what stands between the frontend and the engines.

The module is ``keras.backend`` too: calling code asks it which engine is in charge, and for a few small things.
"""

from kbridge.backend.dtypes import result_type as result_type
from kbridge.backend.dtypes import standardize as _standardize
from kbridge.backend.names import get_uid as get_uid
from kbridge.backend.registry import available as available
from kbridge.backend.registry import backend as backend
from kbridge.backend.registry import current as current
from kbridge.backend.registry import register as register
from kbridge.backend.registry import set_backend as set_backend
from kbridge.backend.registry import use_backend as use_backend
from kbridge.config import epsilon as epsilon
from kbridge.config import floatx as floatx
from kbridge.config import image_data_format as image_data_format
from kbridge.config import set_epsilon as set_epsilon
from kbridge.config import set_floatx as set_floatx
from kbridge.config import set_image_data_format as set_image_data_format


def standardize_dtype(dtype):
    """The name of a dtype, in whatever form: "float32", np.float32, an engine's dtype; None is floatx."""
    return _standardize(dtype)


def is_float_dtype(dtype):
    """Whether ``dtype`` is one of floats."""
    from kbridge.backend import dtypes

    return dtypes.is_float(_standardize(dtype))


def is_int_dtype(dtype):
    """Whether ``dtype`` is one of integers, signed or not."""
    from kbridge.backend import dtypes

    return dtypes.is_int(_standardize(dtype))


def is_keras_tensor(x):
    """Whether ``x`` is a symbol: a KerasTensor."""
    from kbridge.backend.symbolic import KerasTensor

    return isinstance(x, KerasTensor)


def clear_session(free_memory=True):
    """Begin anew: see ``kbridge.utils.clear_session``."""
    from kbridge.utils.session import clear_session

    clear_session(free_memory)
