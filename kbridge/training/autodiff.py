"""``value_and_grad``: gradients for training loops of one's own."""

from kbridge.backend import registry


def value_and_grad(fn, variables, has_aux=False):
    """The value of ``fn`` and its gradients, on the engine in charge.

    >>> loss, grads = kbridge.value_and_grad(lambda: loss_of(model(x)), model.trainable_variables)
    >>> optimizer.apply(grads, model.trainable_variables)

    Args:
        fn: a function that returns a scalar; with ``has_aux``, a pair of that and anything else.
        variables: a list of what to differentiate with respect to, or one such thing. Variables are
            read by ``fn`` itself; tensors are passed to it as arguments, in order.
        has_aux: whether ``fn`` returns a pair.

    Returns:
        ``(value, grads)``, or ``((value, aux), grads)``. ``grads`` has the form of ``variables``; a
        gradient is None where the value does not depend on the variable. Calls may be nested.
    """
    engine = registry.current()
    if isinstance(variables, (list, tuple)):
        result, grads = engine.value_and_grad(fn, list(variables), has_aux)
        return result, list(grads)
    result, grads = engine.value_and_grad(fn, [variables], has_aux)
    return result, grads[0]


def grad(fn, variables):
    """The gradients of ``fn`` alone: see ``value_and_grad``."""
    return value_and_grad(fn, variables)[1]
