"""Keras 1, as code of 2015 to 2017 knew it: names, arguments and meanings of release 1.2.2.

Names that came later are found, too: programs mix them.
"""

from kbridge.compat import computing, paths
from kbridge.lazy import later

paths.serve()
computing.enable()  # what scripts asked of symbols and Variables

__version__ = "1.2.2"

_MODULES = (
    "activations applications backend callbacks constraints datasets engine initializations initializers layers losses "
    "metrics models objectives optimizers preprocessing regularizers utils wrappers"
).split()

_find, __dir__ = later(__name__, _MODULES, {"layers": ["Input"], "models": ["Model", "Sequential"]})
__getattr__ = paths.newer(__name__, _find)
