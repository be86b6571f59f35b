"""``TensorBoard``: the course of training as files that TensorBoard shows."""

import os
import time

import numpy as np

from kbridge.backend.symbolic import is_symbol
from kbridge.backend.tree import flatten
from kbridge.callbacks import events
from kbridge.callbacks.callback import Callback

_MOST_IMAGES = 64  # of one weight


class TensorBoard(Callback):
    """Writes event files for TensorBoard: ``tensorboard --logdir=logs`` shows them.

    What training tells goes to the folder "train", what evaluation tells to "validation". The files are written by
    kbridge itself, on every engine.

    Args:
        log_dir: the folder.
        histogram_freq: every so many epochs the weights are written as histograms; 0 never.
        write_graph: whether the model's graph is written, where it has one.
        write_images: whether weights are also written as images, whenever histograms are.
        write_steps_per_second: whether the speed is written.
        update_freq: "epoch", "batch", or every how many batches the logs are written too.
        profile_batch: not available but for 0: each engine's library brings a profiler of its own.
        embeddings_freq: every so many epochs the weights of Embedding layers are written for the projector; 0 never.
        embeddings_metadata: a file with names of the rows, relative to ``log_dir``; or a dict from layers' names to
            such files.
    """

    def __init__(
        self,
        log_dir="logs",
        histogram_freq=0,
        write_graph=True,
        write_images=False,
        write_steps_per_second=False,
        update_freq="epoch",
        profile_batch=0,
        embeddings_freq=0,
        embeddings_metadata=None,
    ):
        super().__init__()
        if profile_batch:
            raise NotImplementedError(
                f"TensorBoard: profile_batch={profile_batch!r} is not available. Leave it at 0, and profile with the "
                f"tool of the engine's own library."
            )
        if update_freq not in ("epoch", "batch") and (not isinstance(update_freq, int) or update_freq < 1):
            raise ValueError(
                f"TensorBoard: update_freq must be 'epoch', 'batch' or a positive integer. Received: {update_freq!r}."
            )
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self._train = events.EventFile(os.path.join(self.log_dir, "train"))
        self._validation = events.EventFile(os.path.join(self.log_dir, "validation"))
        self._steps = 0  # batches trained on since training began
        self._drawn = False
        if self.update_freq != "epoch" or write_steps_per_second:
            # Only then does it have to be told of each batch, which keeps the engine from running many at once.
            self.on_train_batch_end = self._after_batch

    def set_model(self, model):
        super().set_model(model)
        self._drawn = False

    # -- training

    def get_state(self):
        return {"steps": self._steps, "batch": self._batch, "drawn": self._drawn}

    def set_state(self, state):
        self._steps, self._batch, self._drawn = state["steps"], state["batch"], state["drawn"]
        self._epoch_steps = self._iterations()

    def on_train_begin(self, logs=None):
        self._steps, self._batch = self._iterations(), -1
        self._epoch_steps, self._begun = self._steps, time.perf_counter()
        self._epoch_begun = self._begun
        if self.embeddings_freq:
            self._configure_projector()

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_steps, self._epoch_begun = self._iterations(), time.perf_counter()
        self._batch = -1

    def _after_batch(self, batch, logs=None):
        before = self._steps
        self._steps += batch - self._batch  # it may be told of several batches at once
        self._batch = batch
        values = []
        if self.write_steps_per_second:
            now = time.perf_counter()
            speed = (self._steps - before) / max(now - self._begun, 1e-9)
            values.append(events.scalar("batch_steps_per_second", speed))
            self._begun = now
        if self.update_freq != "epoch" and self._steps // self.update_freq > before // self.update_freq:
            values += [events.scalar(f"batch_{name}", value) for name, value in (logs or {}).items()]
        if values:
            self._train.add(self._steps, *values)

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        trained = {name: value for name, value in logs.items() if not name.startswith("val_")}
        validated = {name[len("val_") :]: value for name, value in logs.items() if name.startswith("val_")}
        rate = getattr(self.model.optimizer, "learning_rate", None)
        if rate is not None and "learning_rate" not in trained:
            trained["learning_rate"] = float(rate)
        if self.write_steps_per_second:
            seconds = time.perf_counter() - self._epoch_begun
            trained["steps_per_second"] = (self._iterations() - self._epoch_steps) / max(seconds, 1e-9)
        for file, values in ((self._train, trained), (self._validation, validated)):
            numbers = [events.scalar(f"epoch_{name}", value) for name, value in values.items() if np.ndim(value) == 0]
            if numbers:
                file.add(epoch, *numbers)
        if self.write_graph and not self._drawn:
            self._drawn = True
            if getattr(self.model, "_plan", None) is not None:
                self._train.add_graph(_graph_of(self.model._plan))
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings()
        self._train.flush()
        self._validation.flush()

    def on_train_end(self, logs=None):
        self._train.close()
        self._validation.close()

    def _iterations(self):
        iterations = getattr(getattr(self.model, "optimizer", None), "iterations", None)
        return 0 if iterations is None else int(iterations)

    # -- evaluation

    def on_test_end(self, logs=None):
        values = [events.scalar(f"evaluation_{name}_vs_iterations", value) for name, value in (logs or {}).items()]
        if values:
            self._validation.add(self._iterations(), *values)
            self._validation.flush()

    # -- weights

    def _write_weights(self, epoch):
        for layer in self.model.layers:
            for weight in layer.weights:
                array = weight.numpy().astype("float32")
                values = [events.histogram(f"{weight.path}/histogram", array)]
                if self.write_images:
                    batch = as_images(array)
                    if batch is not None:
                        values.append(events.images(f"{weight.path}/image", batch))
                self._train.add(epoch, *values)

    def _embedding_layers(self):
        from kbridge.layers import Embedding

        return [layer for layer in self.model._flatten_layers() if isinstance(layer, Embedding)]

    def _configure_projector(self):
        """Tell TensorBoard's projector which files hold embeddings."""
        layers = self._embedding_layers()
        names = self.embeddings_metadata
        if isinstance(names, dict):
            unknown = [name for name in names if name not in [layer.name for layer in layers]]
            if unknown:
                raise ValueError(
                    f"TensorBoard: embeddings_metadata names the layers {unknown}. The model's Embedding layers are "
                    f"{[layer.name for layer in layers]}."
                )
        lines = []
        for layer in layers:
            file = names.get(layer.name) if isinstance(names, dict) else names
            lines += ["embeddings {", f'  tensor_name: "{layer.name}"', f'  tensor_path: "{layer.name}.tsv"']
            lines += [f'  metadata_path: "{os.fspath(file)}"'] if file is not None else []
            lines.append("}")
        os.makedirs(self.log_dir, exist_ok=True)
        with open(os.path.join(self.log_dir, "projector_config.pbtxt"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def _write_embeddings(self):
        for layer in self._embedding_layers():
            where = os.path.join(self.log_dir, f"{layer.name}.tsv")
            np.savetxt(where, layer.get_weights()[0].astype("float32"), fmt="%.7g", delimiter="\t")


def as_images(array):
    """A weight as images (count, height, width, 1), uint8 from its least to its largest value; None if it has none."""
    if array.ndim > 4 or not array.size:
        return None
    if array.ndim <= 1:
        batch = array.reshape(1, 1, -1)
    elif array.ndim == 2:
        batch = (array.T if array.shape[0] > array.shape[1] else array)[None]
    else:  # the kernels of a convolution: an image for each pair of channels
        batch = array.reshape(*array.shape[:-2], -1)
        batch = np.moveaxis(batch, -1, 0)
        batch = batch[:, None, :] if batch.ndim == 2 else batch
    batch = batch[:_MOST_IMAGES]
    least, most = float(batch.min()), float(batch.max())
    scaled = (batch - least) * (255.0 / (most - least) if most > least else 0.0)
    return np.nan_to_num(scaled).astype("uint8")[..., None]


def _graph_of(plan):
    """The nodes of a plan: (name, what it is, names of those it takes its inputs from)."""
    names, count, nodes = {}, {}, []
    for node in plan.nodes:
        count[node.name] = count.get(node.name, -1) + 1
        name = node.name if not count[node.name] else f"{node.name}_{count[node.name]}"
        for symbol in flatten(node.outputs):
            names[id(symbol)] = name
        sources = [names[id(s)] for s in flatten([list(node.args), dict(node.kwargs)]) if is_symbol(s)]
        operation = node.operation
        nodes.append((name, getattr(operation, "__name__", type(operation).__name__), list(dict.fromkeys(sources))))
    return nodes
