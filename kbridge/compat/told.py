"""What callbacks of older generations were told: more parameters, logs under the names of any generation."""

from kbridge.callbacks import CallbackList, History
from kbridge.compat.logs import OldLogs
from kbridge.training.logs import LazyLogs


class OldHistory(History):
    """A History whose values are found by the names of any generation."""

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.history = OldLogs()


class BatchLogs(LazyLogs):
    """The logs of a batch, which are filled when somebody looks, and answer to the names of any generation."""

    def __getitem__(self, key):
        return OldLogs(self.items())[key] if not super().__contains__(key) else super().__getitem__(key)

    def __contains__(self, key):
        return super().__contains__(key) or key in OldLogs(self.items())

    def get(self, key, default=None):
        try:
            return self[key]
        except KeyError:
            return default


class OldCallbackList(CallbackList):
    """The callbacks of a fit, told as in older generations."""

    def __init__(self, callbacks=None, add_history=False, add_progbar=False, model=None, **params):
        from kbridge.callbacks import hooks

        found = list(hooks.flattened(callbacks))
        if add_history and not any(isinstance(c, History) for c in found):
            found.append(OldHistory())
        super().__init__(found, add_history=add_history, add_progbar=add_progbar, model=model, **params)

    def set_model(self, model):
        super().set_model(model)
        model._by_batch = self.act_on_batches and model.steps_per_execution in ("auto", 1)
        for callback in self.callbacks:
            callback.validation_data = getattr(model, "validation_data", None)
        if not isinstance(getattr(self.history, "history", None), OldLogs) and self.history is not None:
            self.history.history = OldLogs(self.history.history)

    def set_params(self, params):
        told = getattr(self.model, "_told", None) or {}
        super().set_params({**params, **told, "nb_epoch": params.get("epochs")})
        self._means = None

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        history = self.history
        if history is not None and not isinstance(history.history, OldLogs):
            history.history = OldLogs(history.history)

    def get_state(self):
        means = getattr(self, "_means", None)
        return {"callbacks": super().get_state(), "means": means and means.get_state()}

    def set_state(self, state):
        super().set_state(state["callbacks"])
        self._means = Means(*state["means"]) if state["means"] else None

    def on_epoch_begin(self, epoch, logs=None):
        self._means = Means() if self.model._by_batch else None
        super().on_epoch_begin(epoch, OldLogs(logs or {}))

    def on_epoch_end(self, epoch, logs=None):
        logs = OldLogs(logs or {})
        if self._means is not None:
            logs.update(self._means.values(self.model))
        super().on_epoch_end(epoch, logs)

    def on_train_batch_begin(self, batch, logs=None):
        super().on_train_batch_begin(batch, OldLogs({"batch": batch, "size": self._size(batch)}))

    def on_train_batch_end(self, batch, logs=None):
        logs, size = logs or {}, self._size(batch)
        if self._means is not None:
            logs = dict(logs)
            self._means.add(logs, size)
        told = BatchLogs(lambda: {"batch": batch, "size": size, **logs})
        for callback in self._listeners["on_train_batch_end"]:
            callback.on_train_batch_end(batch, logs if getattr(callback, "watches_only", False) else told)

    def _size(self, batch):
        """The number of samples in a batch, as far as it is known beforehand."""
        params = self.params or {}
        size, samples = params.get("batch_size"), params.get("samples")
        if size is None:
            return self.model._seen_size or 0
        return size if samples is None else max(0, min(size, samples - batch * size))


class Means:
    """The means over an epoch of what was told of its batches."""

    def __init__(self, sums=None, count=0):
        self._sums, self._count = sums or {}, count

    def get_state(self):
        return [self._sums, self._count]

    def add(self, logs, size):
        size = size or 1
        self._count += size
        for name, value in logs.items():
            self._sums[name] = self._sums.get(name, 0.0) + value * size

    def values(self, model):
        means = model._names_of_means()
        return {name: total / max(1, self._count) for name, total in self._sums.items() if name in means}
