"""``OrbaxCheckpoint``: the state of a model in checkpoints that Orbax keeps."""

import os

from kbridge.callbacks.checkpoints import Periodic
from kbridge.callbacks.course import Monitor
from kbridge.training.logs import to_floats


class OrbaxCheckpoint(Periodic, Monitor):
    """Saves the model's state tree with Orbax, every epoch or every so many batches.

    To go on from one: ``tree = manager.restore(step, args=StandardRestore(model.get_state_tree("numpy_array")))``
    with a ``CheckpointManager`` of the folder, then ``model.set_state_tree(tree)``.

    Args:
        directory: the folder.
        monitor: the value of the logs that ``save_best_only`` goes by.
        verbose: 1 tells of each checkpoint.
        save_best_only: save only when the value is better than ever before.
        mode: "min", "max", or "auto", which goes by the name.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: a value that the first one saved has to better.
        max_to_keep: how many checkpoints are kept, the newest; None keeps all.
        save_on_background: whether files are written while training goes on.
        save_weights_only: save the weights, without the state of the optimizer and of metrics.
    """

    def __init__(
        self,
        directory,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        mode="auto",
        save_freq="epoch",
        initial_value_threshold=None,
        max_to_keep=1,
        save_on_background=True,
        save_weights_only=False,
    ):
        super().__init__(monitor, mode, 0)
        try:
            import orbax.checkpoint
        except ImportError as error:
            raise ImportError(
                f"OrbaxCheckpoint needs Orbax ({error}). Write: pip install orbax-checkpoint. "
                f"ModelCheckpoint needs nothing."
            ) from None
        self._act_every(save_freq)
        self.directory = os.path.abspath(os.fspath(directory))
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.best = initial_value_threshold
        self._orbax = orbax.checkpoint
        options = self._orbax.CheckpointManagerOptions(
            max_to_keep=max_to_keep, enable_async_checkpointing=save_on_background
        )
        self.manager = self._orbax.CheckpointManager(self.directory, options=options)

    def is_multihost_enabled(self):
        """Whether several processes save together: there is one."""
        return False

    def is_primary_host(self):
        """Whether this process is the one that saves."""
        return True

    def on_train_batch_end(self, batch, logs=None):
        if self.save_freq != "epoch" and self._counter.reached(batch):
            self._save(self._counter.batches, logs)

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch":
            self._save(epoch, logs)

    def on_train_end(self, logs=None):
        self.wait_until_finished()

    def wait_until_finished(self):
        """Wait until all checkpoints are written."""
        self.manager.wait_until_finished()

    def _save(self, step, logs):
        if self.save_best_only:
            value = self._value(to_floats(dict(logs or {})))
            if value is None or not self._better(value, self.best):
                return
            self.best = value
        tree = self.model.get_state_tree("numpy_array")
        if self.save_weights_only:
            tree = {kind: tree[kind] for kind in ("trainable_variables", "non_trainable_variables")}
        self.manager.save(step, args=self._orbax.args.StandardSave(tree))
        if self.verbose:
            print(f"\nThe state of the model at step {step} is saved to {self.directory}")
