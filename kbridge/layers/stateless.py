"""What a layer offers to code that keeps the state itself, and to code of older or later Keras."""

from kbridge.backend.operation import no_quantization
from kbridge.backend.scopes import StatelessScope


class Stateless:
    """The part of ``Layer`` that works on values given instead of its variables' own."""

    def stateless_call(self, trainable_variables, non_trainable_variables, *args, return_losses=False, **kwargs):
        """The layer called as if its variables had these values; no variable changes.

        Args:
            trainable_variables: values for ``self.trainable_variables``, in their order.
            non_trainable_variables: values for ``self.non_trainable_variables``.
            *args, **kwargs: what the layer is called on.
            return_losses: whether the layers' losses are returned too.

        Returns:
            ``outputs, non_trainable_variables``, the latter as the call left them; with ``return_losses``
            ``outputs, non_trainable_variables, losses``.
        """
        if not self.built:
            raise ValueError(
                f"Layer '{self.name}' must be built before stateless_call(), so that it has the variables that the "
                f"values are for. Call it on data, or write: layer.build(input_shape)."
            )
        state = [
            *self._with_values("trainable_variables", trainable_variables),
            *self._with_values("non_trainable_variables", non_trainable_variables),
        ]
        left = self.non_trainable_variables
        with StatelessScope(state) as scope:
            outputs = self(*args, **kwargs)
            losses = list(self.losses) if return_losses else None
            values = [scope.get_current_value(variable) for variable in left]
        if self._has_losses:
            self._clear_losses()  # they belong to the values given
        return (outputs, values, losses) if return_losses else (outputs, values)

    def _with_values(self, what, values):
        """Pairs of the variables that the property ``what`` holds and ``values``."""
        variables, values = getattr(self, what), list(values)
        if len(variables) != len(values):
            raise ValueError(
                f"Layer '{self.name}' has {len(variables)} {what}: {[v.path for v in variables]}. "
                f"Received {len(values)} values."
            )
        return zip(variables, values)

    # -- names that Keras keeps

    def add_variable(
        self,
        shape,
        initializer,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        name=None,
    ):
        """An older name of ``add_weight``."""
        return self.add_weight(
            shape, initializer, dtype, trainable, autocast, regularizer, constraint=constraint, name=name
        )

    def add_metric(self, *args, **kwargs):
        """No longer there: a metric is made once, and updated in ``call``."""
        raise NotImplementedError(
            f"Layer '{self.name}': add_metric() is no longer there. Write compile(metrics=[...]), or make a metric in "
            f"__init__ and call its update_state() in call()."
        )

    # -- left for later

    @property
    def quantization_mode(self):
        return self.dtype_policy.quantization_mode

    def quantize(self, mode=None, type_check=True, config=None):
        raise no_quantization(self, f"quantize(mode={mode!r})")

    def quantized_build(self, input_shape, mode):
        raise no_quantization(self, f"quantized_build(mode={mode!r})")
