"""Optimizers: how gradients change variables."""

from kbridge.objects import Family
from kbridge.optimizers import schedules as schedules
from kbridge.optimizers.adam import Adam as Adam
from kbridge.optimizers.adam import AdamW as AdamW
from kbridge.optimizers.adaptive import Adadelta as Adadelta
from kbridge.optimizers.adaptive import Adagrad as Adagrad
from kbridge.optimizers.adaptive import Adamax as Adamax
from kbridge.optimizers.adaptive import Lion as Lion
from kbridge.optimizers.adaptive import Nadam as Nadam
from kbridge.optimizers.adaptive import RMSprop as RMSprop
from kbridge.optimizers.ftrl import Ftrl as Ftrl
from kbridge.optimizers.layerwise import Lamb as Lamb
from kbridge.optimizers.optimizer import Optimizer as Optimizer
from kbridge.optimizers.sgd import SGD as SGD


class _Optimizers(Family):
    def accepts(self, member):
        return isinstance(member, Optimizer)


_family = _Optimizers(
    "optimizer",
    "keras.optimizers",
    [Adadelta, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, Lion, Nadam, Optimizer, RMSprop, SGD],
    also=str.lower,
)
get = _family.get
serialize = _family.serialize
deserialize = _family.deserialize


class LossScaleOptimizer:
    pass
