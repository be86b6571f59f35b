"""Optimizers: how gradients change variables."""

from kbridge.objects import Family
from kbridge.optimizers import legacy as legacy
from kbridge.optimizers import schedules as schedules
from kbridge.optimizers.adam import Adam as Adam
from kbridge.optimizers.adam import Adamax as Adamax
from kbridge.optimizers.adam import AdamW as AdamW
from kbridge.optimizers.adam import Nadam as Nadam
from kbridge.optimizers.adam import ScheduleFreeAdamW as ScheduleFreeAdamW
from kbridge.optimizers.adaptive import Adadelta as Adadelta
from kbridge.optimizers.adaptive import Adagrad as Adagrad
from kbridge.optimizers.adaptive import Lion as Lion
from kbridge.optimizers.adaptive import RMSprop as RMSprop
from kbridge.optimizers.ftrl import Ftrl as Ftrl
from kbridge.optimizers.layerwise import Adafactor as Adafactor
from kbridge.optimizers.layerwise import Lamb as Lamb
from kbridge.optimizers.layerwise import Muon as Muon
from kbridge.optimizers.loss_scale import LossScaleOptimizer as LossScaleOptimizer
from kbridge.optimizers.multi import MultiOptimizer as MultiOptimizer
from kbridge.optimizers.multi import OptimizerMap as OptimizerMap
from kbridge.optimizers.optimizer import Optimizer as Optimizer
from kbridge.optimizers.sgd import SGD as SGD


class _Optimizers(Family):
    """Optimizers by name, in capitals or not."""

    def accepts(self, member):
        return isinstance(member, Optimizer)

    def named(self, name):
        return super().named(self._known_as(name))

    def deserialize(self, config, custom_objects=None):
        if isinstance(config, dict) and isinstance(config.get("class_name"), str):
            config = {**config, "class_name": self._known_as(config["class_name"])}
        return super().deserialize(config, custom_objects)

    def _known_as(self, name):
        found = self.members.get(name.lower())
        return name if found is None else found.__name__


_family = _Optimizers(
    "optimizer",
    "keras.optimizers",
    [
        Adadelta,
        Adafactor,
        Adagrad,
        Adam,
        AdamW,
        Adamax,
        Ftrl,
        Lamb,
        Lion,
        LossScaleOptimizer,
        MultiOptimizer,
        Muon,
        Nadam,
        Optimizer,
        OptimizerMap,
        RMSprop,
        SGD,
        ScheduleFreeAdamW,
    ],
    also=str.lower,
)
get = _family.get


def serialize(optimizer):
    """The optimizer as data from which ``deserialize`` makes its equal."""
    return _family.serialize(optimizer)


def deserialize(config, custom_objects=None):
    """The optimizer for a config, or a name, with ``custom_objects`` for names of your own."""
    return _family.deserialize(config, custom_objects)
