"""``fit``: epochs of steps, run in as large pieces as the callbacks and the engine allow."""

import contextlib
import itertools
import operator
import time

from kbridge import config
from kbridge.backend import registry, seeds
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
    if config.max_epochs() is not None:
        epochs = min(epochs, config.max_epochs())
    model.stop_training = False
    model._prepare(data.sample(), training=True)
    data = model._preprocessed(data, training=True)
    validation = validation and model._preprocessed(validation)
    watchers = model._callback_list(
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
        # Kept with the model's functions: another fit need not measure again.
        key = ("clock", self.engine, getattr(data, "batch_size", None))
        self.clock = model._functions.setdefault(key, _Clock())
        self.clock.begin()
        # Single steps: where every batch matters to someone, or batches cannot be indexed.
        self.by_steps = (
            self.own_step
            or callbacks.act_on_batches
            or not isinstance(data, data_module.ArrayData)
            or data.holds_text
            or not data.full_steps
        )
        self.free_epochs = not self.by_steps and not callbacks.act_on_epochs and validation is None
        self.left_off = None  # the position of an earlier run that is gone on from
        self.interrupted = False  # whether the user stopped it
        self.fresh = False  # whether the metrics have been reset since they were last used
        self.found = None  # what a step of one's own returned last
        self.skip = 0  # steps of the coming epoch that an earlier process has done
        self.began = None  # the state of the data when this epoch began
        self.kept = False  # whether some callback keeps positions

    # -- where training is, and going on from there

    def position(self, epoch, step):
        """What ``resume`` needs to go on, when ``step`` steps of ``epoch`` are done: plain data."""
        return {
            "epoch": epoch,
            "step": step,
            "data": self.began if step else self.data.get_state(),
            "seeds": seeds.get_state(),
            "stopped": self.model.stop_training,
            "logs": to_floats(self.found) if self.own_step and step else None,
            "callbacks": self.callbacks.get_state(),
        }

    def resume(self, position, guard=contextlib.nullcontext):
        """Go on at a ``position`` of an earlier run; the variables are the caller's to set.

        Callbacks are given what they knew later, within ``guard()``.
        """
        self.epoch, self.skip = map(operator.index, (position["epoch"], position["step"]))
        self.fresh = self.skip > 0  # the metrics hold the steps that are done
        self.data.set_state(position["data"])
        self.began = position["data"]
        seeds.set_state(position["seeds"])
        self.model.stop_training = position["stopped"]
        self.found = position["logs"]
        self.left_off = position
        self.guard = guard

    def all_epochs(self):
        model, callbacks = self.model, self.callbacks
        keepers = [callback for callback in callbacks if hasattr(callback, "set_run")]
        for callback in keepers:
            callback.set_run(self)
        self.kept = bool(keepers)
        callbacks.on_train_begin()
        if self.left_off is not None:
            with self.guard():
                callbacks.set_state(self.left_off["callbacks"])
        logs = {}
        try:
            # (an epoch that was stopped in its midst has its end yet to come)
            while self.epoch < self.epochs and not (model.stop_training and not self.skip):
                logs = self._several_epochs() if self._may_join_epochs() else self._one_epoch()
        except KeyboardInterrupt:
            # What was learned is kept: the model is usable, and the history holds the epochs that ended.
            model.stop_training = self.interrupted = True
            print(f"\nTraining was stopped by the user in epoch {self.epoch + 1}.")
        if model.optimizer is not None:
            model.optimizer.finalize_variable_values(model.trainable_variables)
        callbacks.on_train_end(logs)

    # -- one epoch

    def _one_epoch(self):
        if not self.fresh:
            self.model.reset_metrics()
        if self.kept and not self.skip:
            self.began = self.data.get_state()
        if self.skip:
            self.callbacks.go_on(self.epoch)
        else:
            self.callbacks.on_epoch_begin(self.epoch)
        if self.by_steps or self.skip or not self._loop_pays():
            logs = self._steps()
        else:
            logs = {name: values[0] for name, values in self._run_epochs(1)[0].items()}
        self.data.end_epoch()
        if self.validation is not None and self._validates():
            watchers = self.callbacks.for_evaluation()
            found = self.model.evaluate(self.validation, verbose=0, return_dict=True, callbacks=watchers)
            logs.update({f"val_{name}": value for name, value in found.items()})
            self.fresh = False
        self.callbacks.on_epoch_end(self.epoch, logs)
        self.epoch += 1
        return logs

    def _validates(self):
        if isinstance(self.validation_freq, int):
            return (self.epoch + 1) % self.validation_freq == 0
        return self.epoch + 1 in self.validation_freq

    def _steps(self):
        """An epoch of single steps, with a look at the callbacks in between."""
        model, callbacks, clock = self.model, self.callbacks, self.clock
        step = model._function("train")
        every = model.steps_per_execution if isinstance(model.steps_per_execution, int) else 1
        first, self.skip = self.skip, 0
        found, done, last = self.found if first else None, first, time.perf_counter()
        for i, batch in enumerate(() if first and model.stop_training else self._batches(first), first):
            if callbacks.act_on_batches and i % every == 0:
                callbacks.on_train_batch_begin(i)
            found = self.found = step(batch)
            done = i + 1
            clock.tick(self.engine)
            if callbacks.act_on_batches:
                if done % every == 0:
                    callbacks.on_train_batch_end(i, LazyLogs(lambda found=found: self._logs(found)))
            elif callbacks.watch_batches and time.perf_counter() - last > _PIECE_SECONDS:
                last = time.perf_counter()
                callbacks.on_train_batch_end(i, LazyLogs(lambda found=found: self._logs(found)))
            if model.stop_training:
                break
        if not done:
            raise ValueError("There was no batch to train on in this epoch: the data has ended.")
        if callbacks.act_on_batches and done % every:
            callbacks.on_train_batch_end(done - 1, LazyLogs(lambda: self._logs(found)))
        if self.data.steps is None:
            callbacks.set_steps(done)
        self.fresh = not self.own_step
        return to_floats((found or {}) if self.own_step else model._function("finish")())

    def _logs(self, found):
        return to_floats(found if self.own_step else self.model._function("logs")())

    def _batches(self, first):
        """The batches of this epoch as tensors, from the ``first`` on."""
        if isinstance(self.data, data_module.ArrayData) and not self.data.holds_text:
            columns, order, size = self.data.on_device(), self.data.order(), self.data.batch_size
            for start in range(first * size, len(order), size):
                yield self.engine.gather(columns, order[start : start + size])
        else:
            batches = self.data.epoch()
            for _ in itertools.islice(batches, first):
                continue  # an earlier process has trained on them
            if first:  # they have been drawn again
                seeds.set_state(self.left_off["seeds"])
            for batch in batches:
                yield self.model._as_tensors(batch)

    # -- whole epochs

    def _loop_pays(self):
        """Whether the rest of the work is better done by a loop that the engine compiles than by single steps."""
        if self.engine.eager or self.model.run_eagerly:
            return False
        steps = self.model.steps_per_execution
        if isinstance(steps, int):
            return steps > 1
        clock = self.clock
        if clock.seconds is None:
            return False
        if clock.looped is not None:
            return clock.looped <= clock.seconds
        if not self.engine.prefers_loop(clock.seconds):
            return False
        # What single steps have cost so far, in earlier fits too, counts like what is to come: at worst the
        # loop is compiled when as much could have been saved as that takes.
        steps = (self.epochs - self.epoch) * self.data.steps + clock.singly
        return steps * clock.expected_gain() > clock.compiling

    def _may_join_epochs(self):
        """Whether several epochs may run as one piece, the callbacks being told afterwards."""
        seconds = self.clock.seconds
        return (
            self.free_epochs
            and self.epochs - self.epoch > 1
            and seconds is not None
            and seconds * self.data.steps < _PIECE_SECONDS
        )

    def _several_epochs(self):
        """A piece of as many epochs as take about the time of a piece."""
        steps, clock = self.data.steps, self.clock
        looped = self._loop_pays()
        count = clock.epochs(steps, looped, _LARGEST_PIECE // (steps * self.data.batch_size))
        logs, seconds = self._run_epochs(min(count, self.epochs - self.epoch))
        self.callbacks.params["seconds"] = seconds  # how long each of these epochs took: they are told of afterwards
        for values in zip(*logs.values()):
            last = dict(zip(logs, values))
            self.callbacks.on_epoch_begin(self.epoch)
            self.callbacks.on_epoch_end(self.epoch, last)
            self.epoch += 1
        del self.callbacks.params["seconds"]
        return last

    def _run_epochs(self, count):
        """Run whole epochs; returns each log's values as a list, and the seconds an epoch took."""
        if not self.fresh:
            self.model.reset_metrics()
        begun = time.perf_counter()
        rows, tail = self.data.rows(count)
        looped = self._loop_pays()
        run = self.model._function("loop" if looped else "steps")
        self.fresh = True
        logs = {name: values.tolist() for name, values in run(self.data.on_device(), rows, tail).items()}
        seconds = (time.perf_counter() - begun) / count
        self.clock.took(seconds / self.data.steps, count * self.data.steps, looped)
        return logs, seconds


class _Clock:
    """What steps cost: the first one, compiling included, one after that, and one inside a compiled loop."""

    def __init__(self):
        self.compiling = 0.0
        self.seconds = None  # of a single step
        self.looped = None  # of a step in a compiled loop, once that is compiled
        self.singly = 0  # how many single steps there have been
        self._compiled = False
        self._piece = {}  # epochs in a piece, kept: a loop of another length may have to be compiled

    def begin(self):
        self._steps = 0
        self._begun = time.perf_counter()

    def tick(self, engine):
        """A step has been started (an engine may still be at it)."""
        self.singly += 1
        if self.seconds is not None:
            return
        self._steps += 1
        if self._steps == 1:
            engine.synchronize()
            self.compiling = time.perf_counter() - self._begun
            self._begun = time.perf_counter()
        elif self._steps == 5 or time.perf_counter() - self._begun > _PIECE_SECONDS:
            engine.synchronize()
            self.seconds = (time.perf_counter() - self._begun) / (self._steps - 1)

    def expected_gain(self):
        """Seconds that a step in a loop is likely to save: those between steps, and a little of its own."""
        return min(self.seconds, 1e-4 + self.seconds / 8)

    def took(self, seconds, steps, looped):
        """Each of the ``steps`` of a piece took ``seconds``; the first piece in a loop compiled it, too."""
        if not looped:
            self.seconds = seconds
            self.singly += steps
        elif self._compiled:
            self.looped = min(seconds, self.looped or seconds)
        self._compiled |= looped

    def epochs(self, steps, looped, most):
        """How many epochs make a piece."""
        # A loop that has not run yet is likely to be several times as fast as short single steps.
        seconds = (self.looped or self.seconds - self.expected_gain() * 7 / 8) if looped else self.seconds
        wanted = max(1, min(most, int(_PIECE_SECONDS / max(seconds * steps, 1e-9))))
        kept = self._piece.get((steps, looped), 0)
        if not kept / 8 < wanted <= kept * 8:
            kept = self._piece[steps, looped] = wanted
        return kept
