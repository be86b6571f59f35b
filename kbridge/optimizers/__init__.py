"""Optimizers: how gradients change variables."""

from kbridge.objects import Family
from kbridge.optimizers.adam import Adam
from kbridge.optimizers.optimizer import Optimizer
from kbridge.optimizers.sgd import SGD


class _Optimizers(Family):
    def accepts(self, member):
        return isinstance(member, Optimizer)


_family = _Optimizers("optimizer", "keras.optimizers", [Adam, SGD, Optimizer], also=str.lower)
get = _family.get
serialize = _family.serialize
deserialize = _family.deserialize


class LossScaleOptimizer:
    pass
