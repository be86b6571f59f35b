"""``SwapEMAWeights``: evaluating with averaged weights."""

from kbridge.callbacks.callback import Callback


class SwapEMAWeights(Callback):
    """Evaluates and predicts with the moving averages that the optimizer keeps (``use_ema=True``), not the weights.

    Args:
        swap_on_epoch: whether the averages are the model's weights from the end of an epoch to the beginning of the
            next too, so that callbacks behind this one save them.
    """

    def __init__(self, swap_on_epoch=False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._trained = None  # the weights proper, while the averages take their place

    def set_model(self, model):
        super().set_model(model)
        optimizer = getattr(model, "optimizer", None)
        if optimizer is not None and not self._averaging(optimizer).use_ema:
            raise ValueError(
                f"SwapEMAWeights needs an optimizer that keeps averages of the weights. Write: "
                f"{type(self._averaging(optimizer)).__name__}(..., use_ema=True)."
            )

    def _averaging(self, optimizer):
        return getattr(optimizer, "inner_optimizer", optimizer)

    def _swap_in(self):
        optimizer = getattr(self.model, "optimizer", None)
        if self._trained is not None or optimizer is None or not optimizer.built:
            return
        variables = self.model.trainable_variables
        self._trained = [(variable, variable.numpy()) for variable in variables]
        self._averaging(optimizer).finalize_variable_values(variables)

    def _swap_out(self):
        for variable, value in self._trained or ():
            variable.assign(value)
        self._trained = None

    def get_state(self):
        return {"trained": self._trained and [value for _, value in self._trained]}

    def set_state(self, state):
        trained = state["trained"]
        self._trained = trained and list(zip(self.model.trainable_variables, trained))

    def on_epoch_begin(self, epoch, logs=None):
        if self.swap_on_epoch:
            self._swap_out()

    def on_epoch_end(self, epoch, logs=None):
        if self.swap_on_epoch:
            self._swap_in()

    def on_train_end(self, logs=None):
        self._trained = None  # at the end of training the averages stay

    def on_test_begin(self, logs=None):
        self._swap_in()

    def on_test_end(self, logs=None):
        self._swap_out()

    def on_predict_begin(self, logs=None):
        self._swap_in()

    def on_predict_end(self, logs=None):
        self._swap_out()
