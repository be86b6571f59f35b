"""kbridge: Keras on NumPy, PyTorch, JAX and TensorFlow. One model, any engine, switched while it lives.

import kbridge
model = kbridge.Sequential([kbridge.layers.Dense(1)])
with kbridge.use_backend("torch"):
    model.compile("adam", "mse")
    model.fit(x, y)
with kbridge.use_backend("jax"):
    model.predict(x)
"""

__version__ = "0.1.0"


from kbridge import activations as activations
from kbridge import backend as backend
from kbridge import callbacks as callbacks
from kbridge import config as config
from kbridge import constraints as constraints
from kbridge import dtype_policies as dtype_policies
from kbridge import initializers as initializers
from kbridge import layers as layers
from kbridge import losses as losses
from kbridge import metrics as metrics
from kbridge import models as models
from kbridge import ops as ops
from kbridge import optimizers as optimizers
from kbridge import random as random
from kbridge import regularizers as regularizers
from kbridge import tree as tree
from kbridge import utils as utils
from kbridge.backend.devices import device as device
from kbridge.backend.devices import devices as devices
from kbridge.backend.names import name_scope as name_scope
from kbridge.backend.operation import Operation as Operation
from kbridge.backend.registry import available as available
from kbridge.backend.registry import set_backend as set_backend
from kbridge.backend.registry import use_backend as use_backend
from kbridge.backend.remat import RematScope as RematScope
from kbridge.backend.remat import remat as remat
from kbridge.backend.scopes import StatelessScope as StatelessScope
from kbridge.backend.scopes import SymbolicScope as SymbolicScope
from kbridge.backend.symbolic import KerasTensor as KerasTensor
from kbridge.backend.variable import Variable as Variable
from kbridge.dtype_policies import DTypePolicy as DTypePolicy
from kbridge.dtype_policies import FloatDTypePolicy as FloatDTypePolicy
from kbridge.initializers import Initializer as Initializer
from kbridge.layers import Input as Input
from kbridge.layers import InputSpec as InputSpec
from kbridge.layers import Layer as Layer
from kbridge.lazy import later as _later
from kbridge.losses import Loss as Loss
from kbridge.metrics import Metric as Metric
from kbridge.models import Model as Model
from kbridge.models import Sequential as Sequential
from kbridge.models.function import Function as Function
from kbridge.optimizers import Optimizer as Optimizer
from kbridge.regularizers import Regularizer as Regularizer
from kbridge.training.autodiff import grad as grad
from kbridge.training.autodiff import value_and_grad as value_and_grad

# Parts that most programs do without are imported when they are first asked for.
__getattr__, __dir__ = _later(
    __name__,
    modules=(
        "applications",
        "datasets",
        "distillation",
        "distribution",
        "export",
        "legacy",
        "mixed_precision",
        "preprocessing",
        "quantizers",
        "saving",
        "visualization",
        "wrappers",
    ),
    names={"quantizers": ("Quantizer",)},
)


def version():
    """The version of kbridge."""
    return __version__
