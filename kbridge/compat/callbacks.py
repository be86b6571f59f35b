"""Callbacks as older generations had them: today's, with the arguments and the counting of their time."""

import os
import warnings

from kbridge import callbacks as today
from kbridge.callbacks.checkpoints import ModelCheckpoint as _ModelCheckpoint
from kbridge.callbacks.course import Monitor, rate_of
from kbridge.compat.logs import OldLogs
from kbridge.compat.told import OldHistory


class Callback(today.Callback):
    """Something that is told of the course of training, and may change it. Define any of the ``on_*`` methods.

    ``self.model`` is the model, ``self.params`` a dict with what ``fit`` was told, ``self.validation_data`` what it
    evaluates with. (The first releases called ``set_params`` and ``set_model`` ``_set_params`` and ``_set_model``.)
    """

    params = None
    validation_data = None

    @property
    def model(self):
        return getattr(self, "_model", None)

    @model.setter
    def model(self, model):
        self._model = model

    def set_params(self, params):
        self.params = params
        if type(self)._set_params is not Callback._set_params:
            self._set_params(params)

    def set_model(self, model):
        self._model = model
        if type(self)._set_model is not Callback._set_model:
            self._set_model(model)

    def _set_params(self, params):
        self.params = params

    def _set_model(self, model):
        self._model = model


class CallbackList(today.CallbackList):
    """Several callbacks as one, for training loops of one's own."""

    def __init__(self, callbacks=None, queue_length=10):
        super().__init__(callbacks)
        self.queue_length = queue_length  # of the times that were measured to tell of slow callbacks

    def on_batch_begin(self, batch, logs=None):
        self.on_train_batch_begin(batch, logs)

    def on_batch_end(self, batch, logs=None):
        self.on_train_batch_end(batch, logs)

    _set_params = today.CallbackList.set_params
    _set_model = today.CallbackList.set_model


class BaseLogger(Callback):
    """Puts the means over an epoch of what was told of its batches into the logs.

    Those named in ``stateful_metrics`` are means already: of them the last is taken.
    """

    def __init__(self, stateful_metrics=None):
        super().__init__()
        self.stateful_metrics = set(stateful_metrics or ())
        self.seen, self.totals = 0, {}

    def get_state(self):
        return {"seen": self.seen, "totals": self.totals}

    def set_state(self, state):
        self.seen, self.totals = state["seen"], state["totals"]

    def on_epoch_begin(self, epoch, logs=None):
        self.seen, self.totals = 0, {}

    def on_batch_end(self, batch, logs=None):
        logs = logs or {}
        size = logs.get("size", 0)
        self.seen += size
        for name, value in logs.items():
            self.totals[name] = value if name in self.stateful_metrics else self.totals.get(name, 0.0) + value * size

    def on_epoch_end(self, epoch, logs=None):
        for name in (self.params or {}).get("metrics", ()) if logs is not None else ():
            if name in self.totals:
                logs[name] = self.totals[name] / (1 if name in self.stateful_metrics else max(1, self.seen))


class ProgbarLogger(Callback, today.ProgbarLogger):
    """Prints how training goes. ``count_mode`` is "samples" or "steps": what the bar counts."""

    def __init__(self, count_mode="samples", stateful_metrics=None):
        super().__init__()
        if count_mode not in ("samples", "steps"):
            raise ValueError(f"ProgbarLogger: count_mode must be 'samples' or 'steps'. Received: {count_mode!r}.")
        self.use_steps = count_mode == "steps"
        self.stateful_metrics = set(stateful_metrics or ())

    def _samples(self):
        params = self.params or {}
        samples, size = params.get("samples"), params.get("batch_size")
        return None if self.use_steps or not samples or not size else (samples, size)

    def _begin(self):
        super()._begin()
        counted = self._samples()
        if counted is not None:
            self._bar.target, self._bar.unit_name = counted[0], "sample"

    def _on_batch(self, batch, logs):
        counted = self._samples()
        if counted is not None:
            batch = min((batch + 1) * counted[1], counted[0]) - 1
        super()._on_batch(batch, logs)


class History(Callback, OldHistory):
    """Keeps the logs of each epoch: ``history`` is a dict of lists, ``epoch`` the list of their numbers."""


class _Following(Callback, Monitor):
    """What follows one value of the logs, by any of its spellings."""

    def _instead_of(self, mode):
        own = type(self).__name__
        warnings.warn(f"{own}: the mode {mode!r} is unknown; 'auto' is taken.", RuntimeWarning, stacklevel=4)
        return "auto"

    def _value(self, logs):
        return super()._value(logs if isinstance(logs, OldLogs) else OldLogs(logs or {}))

    def _upwards(self):
        if self.mode == "auto" and self.monitor.startswith("fmeasure"):
            return True
        return super()._upwards()


class ModelCheckpoint(_Following, _ModelCheckpoint):
    """Saves the model, or its weights, every ``period`` epochs.

    Args:
        filepath: the file; "{epoch:02d}" and the names of the logs in it are filled in.
        monitor: the value of the logs that ``save_best_only`` goes by.
        verbose: 1 tells of each file.
        save_best_only: save only when the value is better than ever before.
        save_weights_only: save the weights in place of the whole model.
        mode: "min", "max", or "auto", which goes by the name.
        period: how many epochs lie between two files.
    """

    first_epoch = 1  # what the first epoch is called in names of files
    remembered = ("best", "epochs_since_last_save")

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=False,
        mode="auto",
        period=1,
    ):
        _Following.__init__(self, monitor, mode, 0)
        self._act_every("epoch")
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.period = period
        self.epochs_since_last_save = 0
        self.best = None

    def on_epoch_end(self, epoch, logs=None):
        self.epochs_since_last_save += 1
        if self.epochs_since_last_save >= self.period:
            self.epochs_since_last_save = 0
            self._save(epoch, None, OldLogs(logs or {}))

    def _path(self, epoch, batch, logs):
        known = OldLogs(logs, epoch=epoch + self.first_epoch)
        try:
            return self.filepath.format_map(known)
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise KeyError(
                f"ModelCheckpoint: the name {self.filepath!r} cannot be filled in ({type(error).__name__}: {error}). "
                f"Known are: {', '.join(sorted(known))}."
            ) from None


class ModelCheckpoint1(ModelCheckpoint):
    first_epoch = 0


class _Patient(_Following):
    """What waits for a value to improve, for ``patience`` epochs; in Keras 1 for one more."""

    waits_for_one_more = False

    def _waited_enough(self):
        """Count an epoch without improvement, and say whether there have been enough."""
        self.wait += 1
        return self.wait - self.waits_for_one_more >= self.patience


class EarlyStopping(_Patient):
    """Stops training when a value has not improved for some epochs.

    Args:
        monitor: the name of the value.
        min_delta: how much counts as an improvement.
        patience: how many epochs without one are waited for.
        verbose: whether stopping is told.
        mode: "min", "max", or "auto", which goes by the name.
        baseline: a value that must be bettered.
        restore_best_weights: whether a model that is stopped gets back the weights of its best epoch.
    """

    remembered = ("best", "best_weights", "wait", "stopped_epoch")

    def __init__(
        self,
        monitor="val_loss",
        min_delta=0,
        patience=0,
        verbose=0,
        mode="auto",
        baseline=None,
        restore_best_weights=False,
    ):
        super().__init__(monitor, mode, min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.wait = self.stopped_epoch = 0
        self.best = self.best_weights = None

    def on_train_begin(self, logs=None):
        self.wait = self.stopped_epoch = 0
        self.best, self.best_weights = self.baseline, None

    def on_epoch_end(self, epoch, logs=None):
        value = self.get_monitor_value(logs)
        if value is None:
            return
        if self._better(value, self.best):
            self.best, self.wait = value, 0
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
        elif self._waited_enough():
            self.stopped_epoch = epoch
            self.model.stop_training = True
            if self.best_weights is not None:
                if self.verbose:
                    print("The weights of the best epoch are restored.")
                self.model.set_weights(self.best_weights)

    def on_train_end(self, logs=None):
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1:05d}: early stopping")


class EarlyStopping1(EarlyStopping):
    waits_for_one_more = True

    def __init__(self, monitor="val_loss", min_delta=0, patience=0, verbose=0, mode="auto", **kwargs):
        super().__init__(monitor, min_delta, patience, verbose, mode, **kwargs)


class ReduceLROnPlateau(_Patient, today.ReduceLROnPlateau):
    """Lowers the learning rate when a value has not improved for some epochs.

    ``min_delta`` was once called ``epsilon``; for the other arguments see ``kbridge.callbacks.ReduceLROnPlateau``.
    """

    rate_in_logs = "lr"

    def __init__(
        self,
        monitor="val_loss",
        factor=0.1,
        patience=10,
        verbose=0,
        mode="auto",
        min_delta=1e-4,
        cooldown=0,
        min_lr=0,
        epsilon=None,
    ):
        min_delta = min_delta if epsilon is None else epsilon
        super().__init__(monitor, factor, patience, verbose, mode, min_delta, cooldown, min_lr)

    @property
    def epsilon(self):
        return self.min_delta

    def _waited_already(self):
        return int(self.waits_for_one_more)  # where one more is waited for, this epoch counts for the next time

    def _may_fall(self, rate):
        return rate > self.min_lr * (1 + 1e-4)

    def _called(self, epoch):
        return f"Epoch {epoch + 1:05d}"


class ReduceLROnPlateau1(ReduceLROnPlateau):
    waits_for_one_more = True

    def __init__(
        self,
        monitor="val_loss",
        factor=0.1,
        patience=10,
        verbose=0,
        mode="auto",
        epsilon=1e-4,
        cooldown=0,
        min_lr=0,
        min_delta=None,
    ):
        min_delta = epsilon if min_delta is None else min_delta
        super().__init__(monitor, factor, patience, verbose, mode, min_delta, cooldown, min_lr)


class LearningRateScheduler(Callback, today.LearningRateScheduler):
    """Sets the learning rate at the beginning of each epoch to ``schedule(epoch)`` or ``schedule(epoch, rate)``."""

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["lr"] = rate_of(self.model.optimizer)


class LearningRateScheduler1(LearningRateScheduler):
    def on_epoch_end(self, epoch, logs=None):
        """Keras 1 did not log the rate."""


class TerminateOnNaN(Callback, today.TerminateOnNaN):
    """Stops training when the loss is no finite number any more."""


class CSVLogger(Callback, today.CSVLogger):
    """Writes the logs of each epoch as a line of a CSV file."""


class RemoteMonitor(Callback, today.RemoteMonitor):
    """Posts the epoch and its logs to a server, as JSON."""


class LambdaCallback(Callback, today.LambdaCallback):
    """A callback made of functions, named like the methods they stand for."""

    def __init__(
        self,
        on_epoch_begin=None,
        on_epoch_end=None,
        on_batch_begin=None,
        on_batch_end=None,
        on_train_begin=None,
        on_train_end=None,
        **kwargs,
    ):
        super().__init__(
            on_epoch_begin,
            on_epoch_end,
            on_train_begin,
            on_train_end,
            on_batch_begin=on_batch_begin,
            on_batch_end=on_batch_end,
            **kwargs,
        )


class TensorBoard(Callback, today.TensorBoard):
    """Writes event files for TensorBoard: ``tensorboard --logdir=logs`` shows them.

    Args:
        log_dir: the folder.
        histogram_freq: every so many epochs the weights are written as histograms; 0 never.
        batch_size: not needed: nothing is run for the histograms.
        write_graph: whether the model's graph is written.
        write_grads: not available; a warning says so.
        write_images: whether weights are also written as images, whenever histograms are.
        embeddings_freq: every so many epochs the weights of Embedding layers are written for the projector; 0 never.
        embeddings_layer_names: the names of the layers meant; all, if None.
        embeddings_metadata: a file with names of the rows, or a dict from layers' names to such files.
        embeddings_data: not available; a warning says so.
        update_freq: "epoch", "batch", or every how many batches the logs are written too.
    """

    def __init__(
        self,
        log_dir="./logs",
        histogram_freq=0,
        batch_size=None,
        write_graph=True,
        write_grads=False,
        write_images=False,
        embeddings_freq=0,
        embeddings_layer_names=None,
        embeddings_metadata=None,
        embeddings_data=None,
        update_freq="epoch",
        **kwargs,
    ):
        super().__init__(
            log_dir,
            histogram_freq,
            write_graph,
            write_images,
            embeddings_freq=embeddings_freq,
            embeddings_metadata=embeddings_metadata,
            update_freq=update_freq,
            **kwargs,
        )
        self.batch_size = batch_size
        self.embeddings_layer_names = embeddings_layer_names
        for name, given, why in (
            ("write_grads", write_grads, "gradients are not kept after a step"),
            ("embeddings_data", embeddings_data is not None, "what is written are the weights of Embedding layers"),
        ):
            if given:
                warnings.warn(f"TensorBoard: {name} has no effect here: {why}. Leave it out.", stacklevel=2)

    def _embedding_layers(self):
        names = self.embeddings_layer_names
        return [layer for layer in super()._embedding_layers() if not names or layer.name in names]


class TensorBoard1(TensorBoard):
    def __init__(self, log_dir="./logs", histogram_freq=0, write_graph=True, write_images=False, **kwargs):
        super().__init__(log_dir, histogram_freq, write_graph=write_graph, write_images=write_images, **kwargs)


for _later in (
    ModelCheckpoint1,
    EarlyStopping1,
    ReduceLROnPlateau1,
    LearningRateScheduler1,
    TensorBoard1,
):
    _later.__name__ = _later.__qualname__ = _later.__name__.removesuffix("1")
    _later.__doc__ = _later.__doc__ or _later.__base__.__doc__
