"""``keras.losses`` of Keras 2."""
# ruff: noqa: F401 (this is an index)

from kbridge import losses as _today
from kbridge.compat import losses as _old
from kbridge.compat import named as _named
from kbridge.compat.door import door as _door
from kbridge.compat.losses import (
    cosine_proximity,
    hinge,
    is_categorical_crossentropy,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from kbridge.losses import (
    LossFunctionWrapper,
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
)
from kbridge.losses import huber as huber_loss
from kbridge.losses import kl_divergence as kullback_leibler_divergence
from kbridge.losses import log_cosh as logcosh

mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kullback_leibler_divergence
cosine = cosine_similarity = cosine_proximity


class Reduction:
    """How a Loss joins the values of the samples."""

    NONE = "none"
    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"

    @classmethod
    def all(cls):
        return cls.NONE, cls.SUM, cls.SUM_OVER_BATCH_SIZE

    @classmethod
    def validate(cls, key):
        if key not in cls.all():
            raise ValueError(f"Reduction must be one of {', '.join(map(repr, cls.all()))}. Received: {key!r}.")


_R = "reduction='sum_over_batch_size'"
_BCE = f"from_logits=False, label_smoothing=0, {_R}"

Loss = _door(_today.Loss, f"{_R}, name=None")
MeanSquaredError = _door(_today.MeanSquaredError, f"{_R}, name='mean_squared_error'")
MeanAbsoluteError = _door(_today.MeanAbsoluteError, f"{_R}, name='mean_absolute_error'")
MeanAbsolutePercentageError = _door(_today.MeanAbsolutePercentageError, f"{_R}, name='mean_absolute_percentage_error'")
MeanSquaredLogarithmicError = _door(_today.MeanSquaredLogarithmicError, f"{_R}, name='mean_squared_logarithmic_error'")
BinaryCrossentropy = _door(_today.BinaryCrossentropy, f"{_BCE}, name='binary_crossentropy'")
CategoricalCrossentropy = _door(_today.CategoricalCrossentropy, f"{_BCE}, name='categorical_crossentropy'")
SparseCategoricalCrossentropy = _door(
    _today.SparseCategoricalCrossentropy, f"from_logits=False, {_R}, name='sparse_categorical_crossentropy'"
)
CategoricalHinge = _door(_today.CategoricalHinge, f"{_R}, name='categorical_hinge'")
Huber = _door(_today.Huber, f"delta=1.0, {_R}, name='huber_loss'")
KLDivergence = _door(_today.KLDivergence, f"{_R}, name='kullback_leibler_divergence'")
LogCosh = _door(_today.LogCosh, f"{_R}, name='logcosh'")
Poisson = _door(_today.Poisson, f"{_R}, name='poisson'")
CosineSimilarity = _door(_today.CosineSimilarity, f"axis=-1, {_R}, name='cosine_similarity'")


class Hinge(_today.LossFunctionWrapper):
    """``max(1 - y_true * y_pred, 0)``, with labels -1 and 1."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="hinge", dtype=None):
        super().__init__(hinge, reduction, name, dtype)


class SquaredHinge(_today.LossFunctionWrapper):
    """The square of the hinge loss."""

    def __init__(self, reduction=Reduction.SUM_OVER_BATCH_SIZE, name="squared_hinge", dtype=None):
        super().__init__(squared_hinge, reduction, name, dtype)


_not_losses = ("Reduction", "is_categorical_crossentropy")
_family = _named.extended(
    _today._family, {name: x for name, x in _named.public(globals()).items() if name not in _not_losses}
)


def get(identifier):
    """The loss for a name, a config or a function; None for None."""
    return _family.get(identifier)


def deserialize(name, custom_objects=None):
    """The loss for a name or config, with ``custom_objects`` for names of your own."""
    return _family.deserialize(name, custom_objects)


def serialize(loss):
    """The name of a loss that is a function; the config of any other."""
    return _named.serialize(loss)
