"""Keras 2, as code of 2017 to 2019 knew it: names, arguments and meanings of release 2.3.1.

Names of Keras 1 and of later ones are found, too: programs mix them.
"""

from kbridge.compat import computing, paths
from kbridge.lazy import later

paths.serve()
computing.enable()  # what scripts asked of symbols and Variables

__version__ = "2.3.1"

_MODULES = (
    "activations applications backend callbacks constraints datasets engine initializations initializers layers legacy "
    "losses metrics models objectives optimizers preprocessing regularizers utils wrappers"
).split()

_find, __dir__ = later(__name__, _MODULES, {"layers": ["Input"], "models": ["Model", "Sequential"]})
__getattr__ = paths.newer(__name__, _find)
