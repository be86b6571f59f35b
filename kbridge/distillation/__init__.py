"""Training a small model to do what a large one does: ``Distiller`` and what it can be told to match."""

from kbridge.distillation.distiller import Distiller as Distiller
from kbridge.distillation.strategies import DistillationLoss as DistillationLoss
from kbridge.distillation.strategies import FeatureDistillation as FeatureDistillation
from kbridge.distillation.strategies import LogitsDistillation as LogitsDistillation
