"""``keras.optimizers`` of Keras 2."""
# ruff: noqa: F401 (this is an index)

from kbridge import optimizers as _today
from kbridge.compat import named as _named
from kbridge.compat import optimizers as _old
from kbridge.compat.optimizers import Optimizer, TFOptimizer, clip_norm

# Beside the order of 2.3, that of the releases before it.
SGD = _old.made(_old.SGD, "learning_rate=0.01, momentum=0.0, nesterov=False, **kwargs", "lr momentum decay nesterov")
RMSprop = _old.made(_old.RMSprop, "learning_rate=0.001, rho=0.9, **kwargs", "lr rho epsilon decay")
Adagrad = _old.made(_old.Adagrad, "learning_rate=0.01, **kwargs", "lr epsilon decay")
Adadelta = _old.made(_old.Adadelta, "learning_rate=1.0, rho=0.95, **kwargs", "lr rho epsilon decay")
Adam = _old.made(
    _old.Adam,
    "learning_rate=0.001, beta_1=0.9, beta_2=0.999, amsgrad=False, **kwargs",
    "lr beta_1 beta_2 epsilon decay amsgrad",
)
Adamax = _old.made(
    _old.Adamax, "learning_rate=0.002, beta_1=0.9, beta_2=0.999, **kwargs", "lr beta_1 beta_2 epsilon decay"
)
Nadam = _old.made(
    _old.Nadam, "learning_rate=0.002, beta_1=0.9, beta_2=0.999, **kwargs", "lr beta_1 beta_2 epsilon schedule_decay"
)

sgd, rmsprop, adagrad, adadelta = SGD, RMSprop, Adagrad, Adadelta
adam, adamax, nadam = Adam, Adamax, Nadam

_family = _named.extended(_today._family, _named.public(globals(), type))


def get(identifier):
    """The optimizer for a name, a config or an Optimizer."""
    return _old.get(_family, identifier)


def deserialize(config, custom_objects=None):
    """The optimizer for a config, or a name, with ``custom_objects`` for names of your own."""
    return _family.deserialize(config, custom_objects)


def serialize(optimizer):
    """The name of an optimizer that is a function; the config of any other."""
    return _named.serialize(optimizer)


__getattr__ = _named.otherwise(__name__, "kbridge.optimizers")
