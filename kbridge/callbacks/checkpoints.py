"""Callbacks that save: ``ModelCheckpoint`` what was learned, ``BackupAndRestore`` all it takes to go on."""

import contextlib
import os

from kbridge.callbacks.callback import Callback
from kbridge.callbacks.course import Monitor
from kbridge.training.logs import to_floats

# what names of files may end in, as in model.save() and model.save_weights()
_MODELS = (".keras", ".h5", ".hdf5", ".hdf")
_WEIGHTS = (".weights.h5", ".h5", ".hdf5", ".hdf", ".safetensors", ".npz")


class Counter:
    """Says when so many batches have gone by, though it may be told of several at a time."""

    def __init__(self, every):
        self.every = every
        self.batches = 0
        self.last = -1

    def begin_epoch(self):
        self.last = -1

    def reached(self, batch):
        before = self.batches
        self.batches += batch - self.last
        self.last = batch
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

    def get_state(self):
        counted = {"epoch": self._epoch, "batches": self._counter.batches, "last": self._counter.last}
        return {**(super().get_state() or {}), **counted}

    def set_state(self, state):
        super().set_state(state)
        self._epoch, self._counter.batches, self._counter.last = state["epoch"], state["batches"], state["last"]

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._counter.begin_epoch()


class ModelCheckpoint(Periodic, Monitor):
    """Saves the model, or its weights, every epoch or every so many batches.

    Args:
        filepath: the file; "{epoch}", "{batch}" and the names of the logs in it are filled in, as by
            ``str.format``: "{epoch:02d}-{val_loss:.2f}.keras". Its ending says what is written, as in
            ``model.save()`` (".keras", ".h5") and, with ``save_weights_only``, in ``model.save_weights()``
            (".weights.h5", ".safetensors", ".npz"; ".h5" as Keras 2 wrote them).
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
        endings = _WEIGHTS if save_weights_only else _MODELS
        if not self.filepath.endswith(endings) or (not save_weights_only and self.filepath.endswith(".weights.h5")):
            raise ValueError(
                f"ModelCheckpoint: with save_weights_only={save_weights_only} the name of the file must end in "
                f"{endings[0]!r}, {', '.join(endings[1:-1])} or {endings[-1]}. Received: filepath={self.filepath!r}."
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


@contextlib.contextmanager
def _told_of(path):
    """Whatever a backup leads to that is not as one should be is told of as a fault of that file."""
    from kbridge.saving.errors import CorruptFileError, FileRefusedError

    try:
        yield
    except FileRefusedError:
        raise
    except Exception as error:
        why = f"{type(error).__name__}: {error} If it is of another program, remove it."
        raise CorruptFileError(path, "", why) from error


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

    def on_train_batch_end(self, batch, logs=None):
        if self.save_freq != "epoch" and self._counter.reached(batch):
            self._backup(self._epoch, batch + 1)

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch":
            self._backup(epoch + 1, 0)

    def on_train_end(self, logs=None):
        from kbridge.saving import atomic

        if self.delete_checkpoint and not self._run.interrupted:
            for path in (self._latest, self._previous):
                atomic.remove(path)
            if os.path.isdir(self.backup_dir) and not os.listdir(self.backup_dir):
                os.rmdir(self.backup_dir)

    def _backup(self, epoch, step):
        from kbridge.saving.weights import write_weights

        if self.double_checkpoint and os.path.exists(self._latest):
            os.replace(self._latest, self._previous)
        position = {
            "position": self._run.position(epoch, step),
            "seeds": [variable.numpy() for variable in self._seeds()],
            "metrics": [variable.numpy() for variable in self._metrics()] if step else [],
            "optimizers": self._optimizers(),
        }
        write_weights(self.model, self._latest, position)

    def _restore(self, path):
        from kbridge.saving.weights import read_weights

        model, run = self.model, self._run
        if not model.built:
            model._ensure_usable(run.data)
        if model.optimizer is not None and not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        with _told_of(path):
            kept = read_weights(model, path, self._build_optimizers)
            self._set(self._seeds(), kept["seeds"], "seeds")
            if kept["position"]["step"]:
                if len(self._metrics()) != len(kept["metrics"]):  # a step of one's own makes them when it first runs
                    model._make_metrics(run.data.sample())
                self._set(self._metrics(), kept["metrics"], "metrics")
            run.resume(kept["position"], lambda: _told_of(path))

    # -- optimizers that the model has beside its own, and that a step of its own builds

    def _optimizers(self):
        """For each built optimizer in the model: its path, and which of the model's variables it is of."""
        numbers = {id(variable): i for i, variable in enumerate(self.model.variables)}
        return {
            path: [numbers[id(variable)] for variable in optimizer._trainable_variables]
            for path, optimizer in self._walked()
            if optimizer._trainable_variables and all(id(v) in numbers for v in optimizer._trainable_variables)
        }

    def _walked(self):
        from kbridge.optimizers import Optimizer
        from kbridge.saving.walk import walk

        return [(path, found) for path, found in walk(self.model) if isinstance(found, Optimizer)]

    def _build_optimizers(self, kept):
        variables = self.model.variables
        for path, optimizer in self._walked():
            if not optimizer.built and path in kept["optimizers"]:
                optimizer.build([variables[i] for i in kept["optimizers"][path]])

    # -- the variables that files of weights leave out

    def _seeds(self):
        from kbridge.ops.seeding import global_seed_generator
        from kbridge.saving.state import saved_variables

        apart = {id(variable) for variable in saved_variables(self.model)} | {id(v) for v in self._metrics()}
        return [*(v for v in self.model.variables if id(v) not in apart), global_seed_generator().state]

    def _metrics(self):
        return list({id(v): v for metric in self.model.metrics for v in metric.variables}.values())

    def _set(self, variables, values, what):
        if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
            raise ValueError(
                f"The backup in {self.backup_dir} has {len(values)} variables of {what}, and the model "
                f"{len(variables)}, or others."
            )
        for variable, value in zip(variables, values):
            variable.assign(value)
