"""Callbacks that save: ``ModelCheckpoint`` what was learned, ``BackupAndRestore`` all it takes to go on."""

import json
import os

import numpy as np

from kbridge.callbacks.callback import Callback
from kbridge.callbacks.course import Monitor
from kbridge.training.logs import to_floats


def _plain(value):
    """A number or array of NumPy as JSON can hold it."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(
        f"BackupAndRestore cannot keep {value!r} ({type(value).__name__}), which the get_state() of a callback "
        f"returned. Expected plain data."
    )


class Counter:
    """Says when so many batches have gone by, though it may be told of several at a time."""

    def __init__(self, every):
        self.every = every
        self.batches = 0
        self._last = -1

    def begin_epoch(self):
        self._last = -1

    def reached(self, batch):
        before = self.batches
        self.batches += batch - self._last
        self._last = batch
        return self.batches // self.every > before // self.every


class Periodic(Callback):
    """A callback that acts every epoch or every so many batches: ``save_freq`` is "epoch" or their number."""

    def _act_every(self, save_freq):
        if save_freq != "epoch" and (not isinstance(save_freq, int) or isinstance(save_freq, bool) or save_freq < 1):
            raise ValueError(
                f"{type(self).__name__}: save_freq must be 'epoch' or a positive number of batches. "
                f"Received: save_freq={save_freq!r}."
            )
        self.save_freq = save_freq
        self._counter = Counter(save_freq)
        self._epoch = 0

    def defines(self, *names):
        # Who acts by epochs has nothing to say between batches, and steps need not stop for it.
        if self.save_freq == "epoch":
            names = [name for name in names if "batch" not in name]
        return super().defines(*names)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._counter.begin_epoch()


class ModelCheckpoint(Periodic, Monitor):
    """Saves the model, or its weights, every epoch or every so many batches.

    Args:
        filepath: the file; "{epoch}", "{batch}" and the names of the logs in it are filled in, as by
            ``str.format``: "{epoch:02d}-{val_loss:.2f}.keras". It ends in ".keras", or in ".weights.h5" with
            ``save_weights_only``.
        monitor: the value of the logs that ``save_best_only`` goes by.
        verbose: 1 tells of each file.
        save_best_only: save only when the value is better than ever before.
        save_weights_only: save the weights in place of the whole model.
        mode: "min", "max", or "auto", which goes by the name.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: a value that the first one saved has to better.
    """

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=False,
        mode="auto",
        save_freq="epoch",
        initial_value_threshold=None,
    ):
        super().__init__(monitor, mode, 0)
        self._act_every(save_freq)
        self.filepath = os.fspath(filepath)
        ending = ".weights.h5" if save_weights_only else ".keras"
        if not self.filepath.endswith(ending):
            raise ValueError(
                f"ModelCheckpoint: with save_weights_only={save_weights_only} the name of the file must end in "
                f"'{ending}'. Received: filepath={self.filepath!r}."
            )
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.best = initial_value_threshold

    def on_train_batch_end(self, batch, logs=None):
        if self.save_freq != "epoch" and self._counter.reached(batch):
            self._save(self._epoch, batch, logs)

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch":
            self._save(epoch, None, logs)

    def _save(self, epoch, batch, logs):
        logs = to_floats(dict(logs or {}))
        if self.save_best_only and not self._is_best(epoch, logs):
            return
        path = self._path(epoch, batch, logs)
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: the {'weights are' if self.save_weights_only else 'model is'} saved to {path}")
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)

    def _is_best(self, epoch, logs):
        value = self._value(logs)
        if value is None or not self._better(value, self.best):
            if value is not None and self.verbose:
                print(f"\nEpoch {epoch + 1}: {self.monitor} is {value:.5g}, no better than {self.best:.5g}")
            return False
        self.best = value
        return True

    def _path(self, epoch, batch, logs):
        known = {**logs, "epoch": epoch + 1}
        if batch is not None:
            known["batch"] = batch + 1
        try:
            return self.filepath.format(**known)
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise KeyError(
                f"ModelCheckpoint: the name {self.filepath!r} cannot be filled in ({type(error).__name__}: {error}). "
                f"Known are: {', '.join(sorted(known))}."
            ) from None


class BackupAndRestore(Periodic):
    """Keeps all it takes to go on with training, so that a process which was killed can be started again.

    The same program, run again, goes on where the last backup was made: with the weights, the optimizer, the
    seeds, the order of the samples, the metrics, and what the other callbacks knew. On a fit that has reached its
    end the backup is removed.

    Args:
        backup_dir: a folder of its own.
        save_freq: "epoch", or a number of batches.
        double_checkpoint: whether the backup before the last is kept too, and used if the last cannot be read.
        delete_checkpoint: whether the backup is removed when training has ended.
    """

    def __init__(self, backup_dir, save_freq="epoch", double_checkpoint=False, delete_checkpoint=True):
        super().__init__()
        self._act_every(save_freq)
        if not backup_dir:
            raise ValueError(f"BackupAndRestore: backup_dir must name a folder. Received: backup_dir={backup_dir!r}.")
        self.backup_dir = os.fspath(backup_dir)
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._run = None

    @property
    def _latest(self):
        return os.path.join(self.backup_dir, "latest.weights.h5")

    @property
    def _previous(self):
        return os.path.join(self.backup_dir, "previous.weights.h5")

    def set_run(self, run):
        """``run`` is the fit going on: it tells its position, and goes on at another."""
        self._run = run

    def get_state(self):
        return {"batches": self._counter.batches}

    def set_state(self, state):
        self._counter.batches = state["batches"]

    def on_train_begin(self, logs=None):
        if self._run is None:
            raise ValueError("BackupAndRestore works within model.fit(). Pass it there: fit(..., callbacks=[...]).")
        found = [path for path in (self._latest, self._previous) if os.path.exists(path)]
        for last, path in [(path == found[-1], path) for path in found]:
            try:
                self._restore(path)
                return
            except ValueError:
                if last:
                    raise

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        if epoch == self._run.epoch and self._run.skip:
            self._counter._last = self._run.skip - 1

    def on_train_batch_end(self, batch, logs=None):
        if self.save_freq != "epoch" and self._counter.reached(batch):
            self._backup(self._epoch, batch + 1)

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch":
            self._backup(epoch + 1, 0)

    def on_train_end(self, logs=None):
        if self.delete_checkpoint:
            for path in (self._latest, self._previous):
                if os.path.exists(path):
                    os.remove(path)
            if os.path.isdir(self.backup_dir) and not os.listdir(self.backup_dir):
                os.rmdir(self.backup_dir)

    def _backup(self, epoch, step):
        from kbridge.saving.weights import write_weights

        if self.double_checkpoint and os.path.exists(self._latest):
            os.replace(self._latest, self._previous)
        position = {"position": self._run.position(epoch, step), "other_variables": self._other_values()}
        write_weights(self.model, self._latest, training=json.dumps(position, default=_plain))

    def _restore(self, path):
        from kbridge.saving.weights import read_weights

        model, run = self.model, self._run
        if not model.built:
            model._ensure_usable(run.data)
        if model.optimizer is not None and not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        notes = read_weights(model, path, "training")
        self._set_other_values(notes["other_variables"])
        run.resume(notes["position"])

    # -- the variables that files of weights leave out: of seeds and metrics

    def _others(self):
        from kbridge.ops.seeding import global_seed_generator
        from kbridge.saving.state import saved_variables

        saved = {id(variable) for variable in saved_variables(self.model)}
        others = [v for v in self.model._state(training=True) if id(v) not in saved]
        return [*others, global_seed_generator().state]

    def _other_values(self):
        return [variable.numpy().tolist() for variable in self._others()]

    def _set_other_values(self, values):
        others = self._others()
        if len(values) != len(others):
            raise ValueError(
                f"The backup in {self.backup_dir} has {len(values)} variables of metrics and seeds, and the model "
                f"{len(others)}. Is it of another program? Then remove it."
            )
        for variable, value in zip(others, values):
            variable.assign(np.array(value, variable.dtype if variable.dtype != "bfloat16" else "float32"))
