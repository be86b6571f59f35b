"""``keras.optimizers`` of Keras 1."""
# ruff: noqa: F401 (this is an index)

from kbridge import optimizers as _today
from kbridge.compat import named as _named
from kbridge.compat import optimizers as _old
from kbridge.compat.optimizers import Optimizer, TFOptimizer, clip_norm


def _made(base, signature, *orders):
    return _old.made(base, signature, *orders, fuzz=1e-8)


SGD = _made(_old.SGD, "lr=0.01, momentum=0.0, decay=0.0, nesterov=False, **kwargs", "lr momentum nesterov")
RMSprop = _made(_old.RMSprop, "lr=0.001, rho=0.9, epsilon=1e-08, decay=0.0, **kwargs")
Adagrad = _made(_old.Adagrad, "lr=0.01, epsilon=1e-08, decay=0.0, **kwargs")
Adadelta = _made(_old.Adadelta, "lr=1.0, rho=0.95, epsilon=1e-08, decay=0.0, **kwargs")
Adam = _made(
    _old.Adam,
    "lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-08, decay=0.0, **kwargs",
    "lr beta_1 beta_2 epsilon decay amsgrad",
)
Adamax = _made(_old.Adamax, "lr=0.002, beta_1=0.9, beta_2=0.999, epsilon=1e-08, decay=0.0, **kwargs")
Nadam = _made(_old.Nadam, "lr=0.002, beta_1=0.9, beta_2=0.999, epsilon=1e-08, schedule_decay=0.004, **kwargs")

sgd, rmsprop, adagrad, adadelta = SGD, RMSprop, Adagrad, Adadelta
adam, adamax, nadam = Adam, Adamax, Nadam

_family = _named.extended(_today._family, _named.public(globals(), type))


def get(identifier, kwargs=None):
    """The optimizer for a name (with ``kwargs`` for its arguments), a config or an Optimizer."""
    if kwargs and isinstance(identifier, str):
        return _family.named(identifier)(**kwargs)
    return _old.get(_family, identifier)


def optimizer_from_config(config, custom_objects=None):
    """The optimizer for a config, with ``custom_objects`` for names of your own."""
    return _family.deserialize(config, custom_objects)


deserialize, serialize = optimizer_from_config, _named.serialize
__getattr__ = _named.otherwise(__name__, "kbridge.optimizers")
