from kbridge.optimizers.optimizer import Optimizer


class SGD(Optimizer):
    """Gradient descent, with momentum (Nesterov's, if asked)."""

    hyperparameters = ("momentum", "nesterov")

    def __init__(
        self, learning_rate=0.01, momentum=0.0, nesterov=False, weight_decay=None, clipnorm=None, clipvalue=None,
        global_clipnorm=None, use_ema=False, ema_momentum=0.99, ema_overwrite_frequency=None,
        loss_scale_factor=None, gradient_accumulation_steps=None, name=None, **kwargs,
    ):  # fmt: skip
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
            ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, **kwargs,
        )  # fmt: skip
        if not 0 <= momentum <= 1:
            raise ValueError(f"SGD: momentum must be in [0, 1]. Received: momentum={momentum}.")
        self.momentum, self.nesterov = momentum, nesterov
        self.slots = ("momentum",) if momentum else ()

    def rule(self, g, w, slots, s):
        if not slots:
            return w - g * s["lr"], ()
        velocity = slots[0] * self.momentum - g * s["lr"]
        step = velocity * self.momentum - g * s["lr"] if self.nesterov else velocity
        return w + step, (velocity,)
