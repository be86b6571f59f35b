from kbridge import objects, ops
from kbridge.backend import registry
from kbridge.optimizers.optimizer import Optimizer


class LossScaleOptimizer(Optimizer):
    """Scales the loss so that gradients in float16 do not vanish, and finds the scale by itself.

    A step with a gradient that is not finite is skipped, and the scale halved; after
    ``dynamic_growth_steps`` steps without, it is doubled.

    Args:
        inner_optimizer: the optimizer that applies the gradients, scaled back.
        initial_scale: the scale to begin with; better too high than too low.
        dynamic_growth_steps: after so many good steps the scale is doubled.
        name: its name.
    """

    def __init__(self, inner_optimizer, initial_scale=2.0**15, dynamic_growth_steps=2000, name=None, **kwargs):
        if not isinstance(inner_optimizer, Optimizer):
            raise TypeError(f"LossScaleOptimizer: inner_optimizer must be an Optimizer. Received: {inner_optimizer!r}.")
        if isinstance(inner_optimizer, LossScaleOptimizer):
            raise ValueError("LossScaleOptimizer: inner_optimizer is a LossScaleOptimizer already; use it as it is.")
        if not kwargs.pop("dynamic", True):
            raise ValueError(
                "LossScaleOptimizer: dynamic=False is no longer known. "
                "Write loss_scale_factor=... for the optimizer itself in place of wrapping it."
            )
        for argument, default in _LEFT_TO_INNER.items():
            if kwargs.pop(argument, default) != default:
                raise ValueError(f"LossScaleOptimizer: give {argument} to the inner optimizer.")
        super().__init__(0.0, name=name, **kwargs)
        self.inner_optimizer = inner_optimizer
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        inner_optimizer.loss_scale_factor = None  # or gradients would be scaled twice

    def build(self, variables):
        if self.built:
            return
        self.step_counter = self._control(0, "int32", "step_counter")
        self.dynamic_scale = self._control(self.initial_scale, "float32", "dynamic_scale")
        self.inner_optimizer.build(variables)
        super().build(variables)

    @property
    def variables(self):
        return super().variables + self.inner_optimizer.variables

    def apply(self, grads, trainable_variables=None):
        grads = list(grads)
        if not grads:
            return
        variables = self._known(grads, trainable_variables)
        convert = registry.current().convert
        grads = [None if g is None else convert(g, v.dtype) for g, v in zip(grads, variables)]

        def step():
            scale = self.dynamic_scale.value
            self.inner_optimizer.apply(
                [
                    g if g is None or v.overwrite_with_gradient else g / _as(scale, v.dtype)
                    for g, v in zip(grads, variables)
                ],
                variables,
            )

            def grow():
                self.dynamic_scale.assign(scale * 2.0)
                self.step_counter.assign(0)
                return ()

            def count():
                self.step_counter.assign(self.step_counter.value + 1)
                return ()

            ops.cond(self.step_counter.value >= self.dynamic_growth_steps - 1, grow, count)
            return ()

        def skip():
            self.dynamic_scale.assign(self.dynamic_scale.value * 0.5)
            self.step_counter.assign(0)
            return ()

        ops.cond(self.check_finite(grads), step, skip)

    def check_finite(self, grads):
        """Whether no gradient has an element that is infinite or NaN, as a bool tensor."""
        finite = [ops.all(ops.isfinite(g)) for g in grads if g is not None]
        return ops.all(ops.stack(finite)) if finite else ops.convert_to_tensor(True)

    @property
    def learning_rate(self):
        """The inner optimizer's learning rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self.inner_optimizer.learning_rate = value

    @property
    def iterations(self):
        return self.inner_optimizer.iterations

    def scale_loss(self, loss):
        # Not in float16, where a scaled loss would soon be infinite
        scale = self.dynamic_scale.value if self.built else self.initial_scale
        return ops.cast(loss, "float32") * scale

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def finalize_variable_values(self, var_list):
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self):
        return {
            "name": self.name,
            "inner_optimizer": objects.serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        inner = objects.deserialize_keras_object(config.pop("inner_optimizer"), custom_objects=custom_objects)
        return cls(inner, **config)

    def __repr__(self):
        return f"<LossScaleOptimizer of {self.inner_optimizer!r}>"


# Files hold these too; they mean nothing here.
_LEFT_TO_INNER = {
    "weight_decay": None,
    "clipnorm": None,
    "global_clipnorm": None,
    "clipvalue": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}


def _as(scale, dtype):
    return scale if isinstance(scale, float) else ops.cast(scale, dtype)
