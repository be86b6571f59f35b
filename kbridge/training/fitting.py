"""``fit``: epochs of steps, run in as large pieces as the callbacks and the engine allow."""

import time

from kbridge import callbacks as callbacks_module
from kbridge.backend import registry
from kbridge.training import data as data_module
from kbridge.training.logs import LazyLogs, to_floats

# A piece of work runs about so long before callbacks that watch, and Ctrl-C, get their turn.
_PIECE_SECONDS = 0.25
_LARGEST_PIECE = 1 << 22  # indices in a piece


def fit(
    model,
    x,
    y,
    batch_size,
    epochs,
    verbose,
    callbacks,
    validation_split,
    validation_data,
    shuffle,
    class_weight,
    sample_weight,
    initial_epoch,
    steps_per_epoch,
    validation_steps,
    validation_batch_size,
    validation_freq,
):
    """See ``Trainer.fit``."""
    if validation_split and validation_data is None:
        (x, y, sample_weight), validation_data = data_module.split((x, y, sample_weight), validation_split)
    data = data_module.adapt(x, y, sample_weight, batch_size, steps_per_epoch, shuffle, class_weight)
    validation = None
    if validation_data is not None:
        validation = _validation(validation_data, validation_batch_size or batch_size, validation_steps)
    model.stop_training = False
    model._prepare(data.sample(), training=True)
    watchers = callbacks_module.CallbackList(
        callbacks,
        add_history=True,
        add_progbar=verbose != 0,
        model=model,
        verbose=verbose,
        epochs=epochs,
        steps=data.steps,
    )
    run = Run(model, data, watchers, validation, validation_freq, initial_epoch, epochs)
    with model._steady():
        run.all_epochs()
    return model.history


def _validation(given, batch_size, steps):
    if isinstance(given, (list, tuple)) and len(given) in (2, 3) and not _is_stream(given):
        x, y, weight = (*given, None)[:3]
        return data_module.adapt(x, y, weight, batch_size, steps)
    return data_module.adapt(given, None, None, batch_size, steps)


def _is_stream(given):
    return hasattr(given, "__next__")


class Run:
    """One call of ``fit``."""

    def __init__(self, model, data, callbacks, validation, validation_freq, initial_epoch, epochs):
        self.model = model
        self.data = data
        self.callbacks = callbacks
        self.validation = validation
        self.validation_freq = validation_freq
        self.initial_epoch = initial_epoch
        self.epochs = epochs
        self.epoch = initial_epoch
        self.engine = registry.current()
        self.own_step = model._has_own_train_step()
        self.step_seconds = None  # of one compiled step, once measured
        self.compile_seconds = 0.0
        # Single steps: where every batch matters to someone, or batches cannot be indexed.
        self.by_steps = (
            self.own_step
            or callbacks.act_on_batches
            or not isinstance(data, data_module.ArrayData)
            or model.run_eagerly
            or not data.full_steps
        )
        self.free_epochs = not callbacks.act_on_epochs and validation is None

    def all_epochs(self):
        model, callbacks = self.model, self.callbacks
        model.reset_metrics()
        callbacks.on_train_begin()
        logs = {}
        try:
            while self.epoch < self.epochs and not model.stop_training:
                logs = self._several_epochs() if self._may_join_epochs() else self._one_epoch()
        except KeyboardInterrupt:
            # What was learned is kept: the model is usable, and the history holds the epochs that ended.
            model.stop_training = True
            print(f"\nTraining was stopped by the user in epoch {self.epoch + 1}.")
        if model.optimizer is not None:
            model.optimizer.finalize_variable_values(model.trainable_variables)
        callbacks.on_train_end(logs)

    # -- one epoch

    def _one_epoch(self):
        self.model.reset_metrics()
        self.callbacks.on_epoch_begin(self.epoch)
        logs = self._steps() if self.by_steps or not self._loop_pays() else self._loop()
        self.data.end_epoch()
        if self.validation is not None and self._validates():
            found = self.model.evaluate(self.validation, verbose=0, return_dict=True, callbacks=self.callbacks.for_evaluation())
            logs.update({f"val_{name}": value for name, value in found.items()})
            self.model.reset_metrics()
        self.callbacks.on_epoch_end(self.epoch, logs)
        self.epoch += 1
        return logs

    def _validates(self):
        if isinstance(self.validation_freq, int):
            return (self.epoch + 1) % self.validation_freq == 0
        return self.epoch + 1 in self.validation_freq

    def _steps(self):
        """An epoch of single steps."""
        model, callbacks = self.model, self.callbacks
        step = model._function("train")
        logs = {}
        every = model.steps_per_execution if isinstance(model.steps_per_execution, int) else 1
        watched = callbacks.watch_batches or callbacks.act_on_batches
        begun = last = time.perf_counter()
        done = 0
        for i, batch in enumerate(self._batches()):
            if callbacks.act_on_batches and i % every == 0:
                callbacks.on_train_batch_begin(i)
            found = step(batch)
            done = i + 1
            if i == 0 and self.step_seconds is None:
                self.engine.synchronize()
                self.compile_seconds, begun = time.perf_counter() - begun, time.perf_counter()
            elif i == 4 and self.step_seconds is None:
                self.engine.synchronize()
                self.step_seconds = (time.perf_counter() - begun) / 4
            if watched and done % every == 0:
                logs = LazyLogs(lambda found=found: self._logs(found))
                if callbacks.act_on_batches:
                    callbacks.on_train_batch_end(i, logs)
                elif time.perf_counter() - last > _PIECE_SECONDS:
                    last = time.perf_counter()
                    callbacks.on_train_batch_end(i, logs)
            if model.stop_training:
                break
        if not done:
            raise ValueError("There was no batch to train on in this epoch: the data has ended.")
        if self.step_seconds is None and done > 1:
            self.step_seconds = (time.perf_counter() - begun) / (done - 1)
        if self.data.steps is None:
            callbacks.set_steps(done)
        return self._logs(found)

    def _logs(self, found):
        return to_floats(found if self.own_step else self.model._function("logs")())

    def _batches(self):
        """The batches of this epoch as tensors."""
        if isinstance(self.data, data_module.ArrayData):
            columns, size = self.data.on_device(), self.data.batch_size
            order = self.data.order()
            for start in range(0, self.data.size, size):
                yield self.engine.gather(columns, order[start : start + size])
        else:
            for batch in self.data.epoch():
                yield self.model._as_tensors(batch)

    # -- loops on the engine

    def _loop_pays(self):
        """Whether the rest of the work is better done by a compiled loop than by single steps."""
        if self.engine.eager:
            return False
        steps = self.model.steps_per_execution
        if isinstance(steps, int):
            return steps > 1
        if self.step_seconds is None:
            return False
        left = (self.epochs - self.epoch) * self.data.steps * self.step_seconds
        return self.engine.prefers_loop(self.step_seconds) and left > self.compile_seconds

    def _may_join_epochs(self):
        """Whether several epochs may run as one piece, the callbacks being told afterwards."""
        if self.by_steps or not self.free_epochs or self.epochs - self.epoch < 2:
            return False
        return self.engine.eager and self._epoch_seconds() < _PIECE_SECONDS or self._loop_pays()

    def _epoch_seconds(self):
        return self.data.steps * self.step_seconds if self.step_seconds is not None else float("inf")

    def _several_epochs(self):
        """A piece of as many epochs as take about the time of a piece."""
        indices = self.data.full_steps * self.data.batch_size
        count = max(1, int(_PIECE_SECONDS / max(self._epoch_seconds(), 1e-7)))
        count = min(count, max(1, _LARGEST_PIECE // max(indices, 1)), self.epochs - self.epoch)
        begun = time.perf_counter()
        logs = self._run_loop(count)
        seconds = (time.perf_counter() - begun) / count
        self.step_seconds = seconds / self.data.steps
        self.callbacks.params["seconds"] = seconds  # how long each of these epochs took: they are told of afterwards
        names = list(logs)
        columns = [logs[name].tolist() for name in names]
        for values in zip(*columns):
            last = dict(zip(names, values))
            self.callbacks.on_epoch_begin(self.epoch)
            self.callbacks.on_epoch_end(self.epoch, last)
            self.epoch += 1
        del self.callbacks.params["seconds"]
        return last

    def _run_loop(self, count):
        rows, tail = self.data.rows(count)
        self.model.reset_metrics()
        return self.model._function("loop")(self.data.on_device(), rows, tail)

    def _loop(self):
        """One epoch as one loop, or as several where it takes long."""
        logs = self._run_loop(1)
        return {name: values[0].item() if values[0].ndim == 0 else values[0] for name, values in logs.items()}


