"""How the calls of Keras 1's layers are read: what the doors' ``before`` and ``prepare`` do."""

import numpy as np

from kbridge import initializers, objects


def last(filled, today):
    """Sequences have their channels last, whatever the order of images."""
    today.setdefault("data_format", "channels_last")


def sides(*names):
    """A ``before`` and a ``prepare`` for kernels whose sides were told one by one: ``nb_row``, ``nb_col``.

    A call as today's, ``Conv2D(4, (3, 3))`` or ``Conv2D(4, 3)``, is known by its form.
    """
    order = ("kernel_size", "strides", "padding", "data_format", "dilation_rate")

    def before(args, kwargs):
        args = list(args)
        second_is_size = len(args) > 1 and (
            isinstance(args[1], (tuple, list)) or (len(args) == 2 and not any(name in kwargs for name in names))
        )
        if second_is_size:
            for name, value in zip(order, args[1:]):
                if name in kwargs:
                    raise TypeError(f"{name!r} was given twice.")
                kwargs[name] = value
            args = args[:1]
        return args, kwargs

    def prepare(filled, today):
        given = [filled.pop(name) for name in names if name in filled]
        if "kernel_size" in today:
            if given:
                raise TypeError(f"kernel_size and {', '.join(names)} are the same argument, and both were given.")
            return
        if len(given) != len(names):
            raise TypeError(
                f"The size of the kernel is missing: {', '.join(names)} (today: kernel_size). Received: {given}."
            )
        today["kernel_size"] = tuple(given)

    return {"before": before, "prepare": prepare}


def padded(names):
    """A ``prepare`` for ZeroPadding: ``padding`` as numbers, one for each end, or a dict."""

    def prepare(filled, today):
        if len(names) == 2:
            last(filled, today)
        padding = filled.get("padding")
        if isinstance(padding, dict):
            unknown = sorted(set(padding) - set(names))
            if unknown:
                raise ValueError(f"ZeroPadding: the pads are called {', '.join(names)}. Received: {unknown}.")
            padding = tuple(padding.get(name, 0) for name in names)
        if isinstance(padding, (tuple, list)) and len(padding) == 4:
            padding = (tuple(padding[:2]), tuple(padding[2:]))
        filled["padding"] = tuple(padding) if isinstance(padding, list) else padding

    return prepare


def length_told(filled, today):
    """Embedding: as the first layer it takes sequences of ``input_length``, or of any length."""
    length = filled.pop("input_length", None)
    if "input_shape" not in today and "batch_input_shape" not in today:
        today["input_shape"] = tuple(length) if isinstance(length, (tuple, list)) else (length,)


class ForgetBias(initializers.Initializer):
    """An LSTM's bias that begins with 0, but for the forget gate, where it begins as ``forget`` says."""

    def __init__(self, forget):
        self.forget = initializers.get(forget)

    def draw(self, shape, dtype=None):
        units = shape[0] // 4
        bias = np.zeros(shape, "float32")
        bias[units : 2 * units] = initializers.get(self.forget).draw((units,), dtype=dtype)
        return bias

    def get_config(self):
        return {"forget": initializers.serialize(self.forget)}


objects.publish("keras.legacy.initializers", ForgetBias)


def forget_gate(filled, today):
    """LSTM: what the forget gate's bias begins with."""
    if "forget_bias_init" not in filled:
        return
    start = filled.pop("forget_bias_init")
    if "unit_forget_bias" in today or "bias_initializer" in today:
        return
    today["unit_forget_bias"] = start in ("one", "ones")
    if start not in ("one", "ones", "zero", "zeros"):
        from kbridge.compat.initializers import for_layers

        today["bias_initializer"] = ForgetBias(for_layers(start))


def reset_first(filled, today):
    """GRU: the reset gate came before the product."""
    today.setdefault("reset_after", False)


def both_kernels(filled, today):
    """SeparableConvolution2D: one initialization for both kernels."""
    start = filled.pop("init", None)
    for name in ("depthwise_initializer", "pointwise_initializer"):
        today.setdefault(name, start)


def all_of(*prepares):
    """Several of them, one after the other."""

    def prepare(filled, today):
        for one in prepares:
            one(filled, today)

    return prepare
