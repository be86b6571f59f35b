"""``Trainer``: compile, fit, evaluate, predict, and the steps they consist of."""

import contextlib
from functools import cached_property

import numpy as np

from kbridge import callbacks as callbacks_module
from kbridge import ops
from kbridge.backend import registry
from kbridge.backend.frame import get_frame
from kbridge.backend.interface import Backend
from kbridge.backend.symbolic import KerasTensor
from kbridge.backend.tree import flatten, map_structure, pack
from kbridge.training import data as data_module
from kbridge.training.autodiff import value_and_grad
from kbridge.training.data import unpack_x_y_sample_weight
from kbridge.training.logs import LazyLogs, to_floats
from kbridge.training.objectives import Losses, Metrics, flat_by_name
from kbridge.training.settings import settings_of
from kbridge.training.surface import Surface


class Trainer(Surface):
    """The part of ``Model`` that trains."""

    # Attributes that hold compiled functions or one run's state: neither copied nor pickled.
    _made_for_this_process = (
        "_functions",
        "_settings",
        "_known",
        "history",
        "train_function",
        "test_function",
        "predict_function",
    )
    _compile_arguments = None
    _settings = None
    _callback_list = callbacks_module.CallbackList  # what ``fit`` gathers callbacks in
    stop_training = False

    def __init__(self):
        self._functions = {}
        self._known = None
        self._losses_of_outputs = None
        self._metrics_of_outputs = None
        self.optimizer = None
        self.loss = None
        self.compiled = False
        self.stop_training = False

    # -- compile

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        run_eagerly=False,
        steps_per_execution="auto",
        jit_compile="auto",
        auto_scale_loss=True,
    ):
        """Say how to train.

        Args:
            optimizer: a name or an Optimizer.
            loss: a name, a Loss or a function, for all outputs, or a list or dict of such.
            loss_weights: a number for each output, as a list or dict.
            metrics: what to watch: a list, or lists for each output, or a dict.
            weighted_metrics: likewise, but weighted by the sample weights.
            run_eagerly: run steps as plain Python, for debugging.
            steps_per_execution: how many steps run between two looks at the callbacks; "auto" measures.
            jit_compile: whether the engine's compiler is used: True, False, or "auto", the engine's choice.
            auto_scale_loss: whether losses are scaled automatically under "mixed_float16".
        """
        from kbridge import metrics as metrics_module
        from kbridge import optimizers

        if steps_per_execution != "auto" and (not isinstance(steps_per_execution, int) or steps_per_execution < 1):
            raise ValueError(
                f"compile: steps_per_execution must be a positive integer or 'auto'. Received: {steps_per_execution!r}."
            )
        if jit_compile not in ("auto", True, False, None):
            raise ValueError(f"compile: jit_compile must be True, False or 'auto'. Received: {jit_compile!r}.")
        if run_eagerly and jit_compile is True:
            raise ValueError("compile: run_eagerly=True and jit_compile=True contradict each other.")
        if any(isinstance(weight, str) or callable(weight) for weight in flatten(loss_weights)):
            raise TypeError(
                f"compile: loss_weights must be numbers, one for each output. Received: {loss_weights!r}. The third "
                f"argument by position is loss_weights; if these are metrics, write: metrics={loss_weights!r}."
            )
        self._compile_arguments = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
        }
        self.optimizer = optimizers.get(optimizer) if optimizer is not None else None
        if auto_scale_loss and self.optimizer is not None and self._gradients_may_vanish():
            if not isinstance(self.optimizer, optimizers.LossScaleOptimizer):
                self.optimizer = optimizers.LossScaleOptimizer(self.optimizer, name="loss_scale_optimizer")
        self.loss = loss
        self._loss_tracker = metrics_module.Mean(name="loss")
        self._losses_of_outputs = None
        self._metrics_of_outputs = None
        self.run_eagerly = run_eagerly
        self.steps_per_execution = steps_per_execution
        self.jit_compile = jit_compile
        self.compiled = True
        self.stop_training = False
        self._forget_functions()

    def _gradients_may_vanish(self):
        layers = self._flatten_layers() if hasattr(self, "_flatten_layers") else ()
        return any(layer.dtype_policy.scales_losses for layer in layers)

    def _forget_functions(self):
        self._functions = {}
        self._known = None

    def _require_compiled(self, what):
        if not self.compiled:
            raise ValueError(
                f"Model '{self.name}' must be compiled before {what}(). "
                f"Write: model.compile(optimizer='adam', loss=...)."
            )

    # -- names and targets of outputs

    def _names_of(self, y_pred):
        if getattr(self, "_plan", None) is not None:
            return self.output_names
        if isinstance(y_pred, dict):
            return sorted(y_pred)
        count = len(flatten([y_pred]))
        return ["output"] if count == 1 else [f"output_{i + 1}" for i in range(count)]

    def _objectives(self, y_pred):
        """The losses and metrics matched with the outputs, made when first needed."""
        if self._losses_of_outputs is None:
            names = self._names_of(y_pred)
            arguments = self._compile_arguments
            self._losses_of_outputs = Losses(arguments["loss"], arguments["loss_weights"], names)
            self._metrics_of_outputs = Metrics(arguments["metrics"], arguments["weighted_metrics"], names)
        return self._losses_of_outputs, self._metrics_of_outputs

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The scalar that training minimises: the losses of the outputs and the layers' penalties."""
        losses, _ = self._objectives(y_pred)
        names = losses.names
        total, parts = losses(
            flat_by_name(y, names, "targets"), flatten([y_pred]), weights_by_name(sample_weight, names)
        )
        if losses.trackers:
            losses.track(parts, sample_count(x))
        for penalty in self.losses:
            total = penalty if total is None else total + ops.cast(penalty, total.dtype)
        if total is None:
            raise ValueError(
                f"Model '{self.name}' has nothing to minimise: no loss was given to compile(), no targets to the loss, "
                f"and no layer adds a loss. Write: model.compile(optimizer, loss=...)."
            )
        return total

    def _update_metrics(self, x, y, y_pred, sample_weight):
        _, metrics = self._objectives(y_pred)
        y_true, outputs = flat_by_name(y, metrics.names, "targets"), flatten([y_pred])
        if metrics.entries is None:
            metrics.build(y_true, outputs)
        if metrics.entries:
            metrics.update(y_true, outputs, weights_by_name(sample_weight, metrics.names))

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Update the metrics with a batch, and return their values so far, by name."""
        self._update_metrics(x, y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self):
        """The values of all metrics so far, by name."""
        found = {}
        for metric in self.metrics:
            result = metric.result()
            found.update(result if isinstance(result, dict) else {metric.name: result})
        return found

    @property
    def metrics(self):
        """The loss, the metrics given to compile, and those that layers hold."""
        if self._known is not None and not self._has_own_train_step():  # which may make metrics as it goes
            return self._known.metrics
        return self._all_metrics()

    def _all_metrics(self):
        found = []
        if self.compiled:
            found.append(self._loss_tracker)
            if self._losses_of_outputs is not None:
                found += [t for t in self._losses_of_outputs.trackers if t is not None]
            if self._metrics_of_outputs is not None:
                found += self._metrics_of_outputs.metrics
        known = {id(m) for m in found}
        return found + [m for m in super().metrics if id(m) not in known]

    @property
    def metrics_names(self):
        return [metric.name for metric in self.metrics]

    def reset_metrics(self):
        for metric in self.metrics:
            metric.reset_state()

    # -- the steps, which a subclass may define once for all engines

    def train_step(self, data):
        """One step of training on a batch; returns what to log. May be overridden."""
        self._train_on(data)
        return self.get_metrics_result()

    def _train_on(self, data):
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        variables = self.trainable_variables

        def objective():
            y_pred = self._forward(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight, training=True)
            return self.optimizer.scale_loss(loss), (loss, y_pred)

        if variables:
            (_, (loss, y_pred)), gradients = value_and_grad(objective, variables, has_aux=True)
            self.optimizer.apply(gradients, variables)
        else:
            _, (loss, y_pred) = objective()
        self._loss_tracker.update_state(loss, sample_weight=sample_count(x))
        self._update_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data):
        """One step of evaluation; returns what to log. May be overridden."""
        self._test_on(data)
        return self.get_metrics_result()

    def _test_on(self, data):
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self._forward(x, training=False)
        loss = self.compute_loss(x, y, y_pred, sample_weight, training=False)
        self._loss_tracker.update_state(loss, sample_weight=sample_count(x))
        self._update_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data):
        """The outputs for a batch. May be overridden."""
        x, _, _ = unpack_x_y_sample_weight(data)
        return self._forward(x, training=False)

    # -- functions compiled for the engine in charge

    @property
    def trainable_variables(self):
        known = self._known
        return known.variables if known is not None and self.built else super().trainable_variables

    @property
    def losses(self):
        if self._known is None:
            return super().losses
        added = [loss() if callable(loss) else loss for layer in self._known.layers for loss in layer._losses]
        return added + [v.regularizer(v) for v in self._known.regularized]

    @contextlib.contextmanager
    def _steady(self):
        """While steps run, layers and trainable variables stay the same, so they are looked for once."""
        before = self._known
        if before is None:
            self._known = _Known(self)
            self._forget_what_is_outdated()
        try:
            yield
        finally:
            self._known = before
            if self._has_losses:
                self._clear_losses()

    def _forget_what_is_outdated(self):
        """Functions that were compiled with other settings of layers and the optimizer are compiled anew."""
        optimizers = [self.optimizer, getattr(self.optimizer, "inner_optimizer", None)]
        plan = getattr(self, "_plan", None)
        layers = self._known.layers if plan is None else plan.all_layers
        settings = settings_of([*layers, *filter(None, optimizers)])
        settings += [id(getattr(optimizer, "_schedule", None)) for optimizer in optimizers]
        if settings != self._settings:
            self._functions = {key: value for key, value in self._functions.items() if key[0] == "clock"}
            self._settings = settings

    def _function(self, kind):
        """The function of a kind, compiled once: train, test, predict, logs, finish, and loop or steps for epochs."""
        engine = registry.current()
        trained = tuple(map(id, self.trainable_variables)) if kind in ("train", "loop", "steps") else None
        key = (kind, engine, get_frame().device, trained)
        found = self._functions.get(key)
        if found is None:
            found = self._functions[key] = self._make_function(kind, engine)
        return found

    def _make_function(self, kind, engine):
        if kind == "steps":  # epochs as the interface's own loop runs them: step by step
            return Backend.compile_loop(engine, self._function("train"), self._function("finish"))
        state = self._state(training=kind in ("train", "loop"))
        if kind == "loop":
            return engine.compile_loop(self._train_on, self._finish_epoch, state, self._jit())
        own = self._own_function(kind)
        if own is not None:
            return own
        function = {
            "train": self.train_step if self._has_own_train_step() else self._train_on,
            "test": self._test_on if type(self).test_step is Trainer.test_step else self.test_step,
            "predict": self.predict_step,
            "logs": self.get_metrics_result,
            "finish": self._finish_epoch,
        }[kind]
        return function if self.run_eagerly or self._only_on_host() else engine.compile(function, state, self._jit())

    def _jit(self):
        """What ``jit_compile`` was set to; None where that is left to the engine."""
        return None if self.jit_compile in ("auto", None) else bool(self.jit_compile)

    def _has_own_train_step(self):
        cls = type(self)
        return cls.train_step is not Trainer.train_step or cls.make_train_function is not Surface.make_train_function

    def _has_own_test_step(self):
        cls = type(self)
        return cls.test_step is not Trainer.test_step or cls.make_test_function is not Surface.make_test_function

    def _finish_epoch(self):
        logs = self.get_metrics_result()
        self.reset_metrics()
        return logs

    def _state(self, training):
        """The variables that steps are known to touch."""
        found = {id(v): v for v in self.variables}
        for metric in self.metrics:
            found.update((id(v), v) for v in metric.variables)
        if training and self.optimizer is not None:
            found.update((id(v), v) for v in self.optimizer.variables)
        return list(found.values())

    def _prepare(self, data, training):
        """Build what a batch like ``data`` tells the shapes of: layers, metrics, the optimizer's state."""
        own = type(self).train_step if training else type(self).test_step
        if own not in (Trainer.train_step, Trainer.test_step):
            return  # what a step of one's own needs is built when it first runs
        if not self.built or self._metrics_of_outputs is None or self._metrics_of_outputs.entries is None:
            self._make_metrics(data)
        if training and self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)

    def _make_metrics(self, data):
        x, y, _ = unpack_x_y_sample_weight(data)
        y_pred = self._outputs_on_shapes(x)
        _, metrics = self._objectives(y_pred)
        metrics.build(flat_by_name(y, metrics.names, "targets"), flatten([y_pred]))

    def _preprocessed(self, data, training=False):
        """``data`` with its inputs as the layers make them that run on the host, if the model has such."""
        plan = getattr(self, "_plan", None)
        if plan is None or plan.host is None or getattr(data, "preprocessed_by", None) is plan:
            return data
        trained = [v.path for layer in plan.host[0].layers for v in layer.trainable_variables]
        if training and trained:
            raise ValueError(
                f"Model '{self.name}' cannot train {trained}: a layer that runs on the host (of text, or of hashes) "
                f"comes after them, or is in one model with them. Put it first, into the outermost model."
            )
        data = data.mapped(self._preprocess)
        data.preprocessed_by = plan
        return data

    def _only_on_host(self):
        """Whether nothing is left to compute once the layers that run on the host have run."""
        plan = getattr(self, "_plan", None)
        return plan is not None and plan.host is not None and not plan.host[1].nodes

    def _outputs_on_shapes(self, x):
        def symbol(leaf):
            dtype = str(leaf.dtype).rpartition(".")[2]
            return KerasTensor((None, *leaf.shape[1:]), self.compute_dtype if "float" in dtype else dtype)

        if getattr(self, "_plan", None) is not None:
            return self._plan.outputs
        return self.compute_output_spec(map_structure(lambda leaf: leaf if leaf is None else symbol(leaf), x))

    # -- fit, evaluate, predict

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ):
        """Train, and return the ``History``.

        Args:
            x: the inputs: an array (or a list or dict of them), or batches (x, y, sample_weight) from a
                generator, a PyDataset, a DataLoader or a tf.data.Dataset.
            y: the targets, where x holds only inputs.
            batch_size: samples a step; 32 unless told.
            epochs: the epoch to end with, counting from ``initial_epoch``.
            verbose: 0 silent, 1 a progress bar, 2 a line an epoch; "auto" is 1.
            callbacks: a list of Callbacks.
            validation_split: the last part of the arrays that is kept from training and evaluated each epoch.
            validation_data: (x, y), (x, y, sample_weight) or batches, evaluated each epoch.
            shuffle: whether arrays are shuffled each epoch; "batch" keeps batches together.
            class_weight: a weight for each class.
            sample_weight: a weight for each sample (or each step of each sample).
            initial_epoch: the epoch to begin with.
            steps_per_epoch: the number of steps that count as an epoch.
            validation_steps: the number of batches to evaluate.
            validation_batch_size: samples a step in evaluation.
            validation_freq: evaluate every so many epochs, or in the epochs of a list.
        """
        from kbridge.training.fitting import fit

        self._require_compiled("fit")
        return fit(
            self,
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
        )

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        **kwargs,
    ):
        """The loss and the metrics on data: a number, a list in the order of ``metrics_names``, or a dict."""
        if kwargs:
            raise TypeError(f"evaluate() does not know the argument(s) {sorted(kwargs)}.")
        self._require_compiled("evaluate")
        data = data_module.adapt(x, y, sample_weight, batch_size, steps)
        self._prepare(data.sample(), training=False)
        data = self._preprocessed(data)
        watchers = callbacks_module.evaluation_callbacks(self, callbacks, verbose, data.steps)
        with self._steady():
            self.reset_metrics()
            step = self._function("test")
            own = self._has_own_test_step()
            logs = LazyLogs(lambda: to_floats(self.get_metrics_result()))
            watchers.on_test_begin()
            for i, batch in enumerate(data.epoch()):
                watchers.on_test_batch_begin(i)
                found = step(self._as_tensors(batch))
                logs = LazyLogs(lambda found=found: to_floats(found if own else self.get_metrics_result()))
                watchers.on_test_batch_end(i, logs)
                if getattr(self, "stop_evaluating", False):
                    break
            data.end_epoch()
            logs = dict(logs)
            watchers.on_test_end(logs)
        return logs if return_dict else _in_order(logs)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """The outputs for data, as NumPy arrays in the structure of the model's outputs."""
        data = data_module.adapt(x, None, None, batch_size, steps)
        self._ensure_usable(data)
        data = self._preprocessed(data)
        watchers = callbacks_module.evaluation_callbacks(self, callbacks, verbose, data.steps)
        parts, structure = [], None
        with self._steady():
            step = self._function("predict")
            watchers.on_predict_begin()
            for i, batch in enumerate(data.epoch()):
                watchers.on_predict_batch_begin(i)
                structure = step((self._as_tensors(batch[0]),))
                parts.append([data_module.to_array(leaf) for leaf in flatten([structure])])
                watchers.on_predict_batch_end(i, {"outputs": structure})
            data.end_epoch()
            watchers.on_predict_end()
        return pack(structure, [np.concatenate(column) if len(column) > 1 else column[0] for column in zip(*parts)])

    def _ensure_usable(self, data):
        if not self.built:
            x, _, _ = unpack_x_y_sample_weight(data.sample())
            self._outputs_on_shapes(x)

    def _as_tensors(self, tree):
        engine = registry.current()

        def tensor(leaf):
            if leaf is None or leaf.dtype != object:
                return leaf if leaf is None else engine.convert(leaf)
            if engine.eager or self.run_eagerly or self._only_on_host():
                return leaf
            raise ValueError(
                f"Model '{self.name}' was given text, which cannot enter a compiled step. Put the layers that take it "
                f"first in a Sequential or functional model, which runs them before its steps, or map the data "
                f"first, or write: model.compile(..., run_eagerly=True). Received: {str(leaf)[:80]}"
            )

        return map_structure(tensor, tree)

    # -- single batches

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """One step of training on this batch; returns the loss and the metrics of the batch."""
        self._require_compiled("train_on_batch")
        return self._on_batch("train", x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """The loss and the metrics on this batch."""
        self._require_compiled("test_on_batch")
        return self._on_batch("test", x, y, sample_weight, None, return_dict)

    def _on_batch(self, kind, x, y, sample_weight, class_weight, return_dict):
        size = len(flatten([x])[0])
        data = data_module.ArrayData(x, y, sample_weight, size or 1, class_weight=class_weight)
        batch = data.columns
        self._prepare(batch, training=kind == "train")
        batch = self._preprocessed(data, training=kind == "train").columns
        with self._steady():
            self.reset_metrics()
            found = self._function(kind)(self._as_tensors(batch))
        own = found is not None
        logs = to_floats(found if own else self.get_metrics_result())
        return logs if return_dict else _in_order(logs)

    def predict_on_batch(self, x):
        """The outputs for this batch, as NumPy arrays."""
        data = data_module.ArrayData(x, batch_size=max(1, len(flatten([x])[0])))
        self._ensure_usable(data)
        data = self._preprocessed(data)
        with self._steady():
            outputs = self._function("predict")((self._as_tensors(data.columns[0]),))
        return map_structure(data_module.to_array, outputs)


class _Known:
    """What a model consists of, each part found once for many steps."""

    def __init__(self, model):
        self._model = model

    @cached_property
    def variables(self):
        return super(Trainer, self._model).trainable_variables

    @cached_property
    def layers(self):
        return self._model._flatten_layers()

    @cached_property
    def regularized(self):
        return [v for v in self.variables if v.regularizer is not None]

    @cached_property
    def metrics(self):
        return self._model._all_metrics()


def weights_by_name(sample_weight, names):
    """A weight for each output; one array alone counts for all of them."""
    if sample_weight is not None and not isinstance(sample_weight, (list, tuple, dict)):
        return [sample_weight] * len(names)
    return flat_by_name(sample_weight, names, "sample weights")


def sample_count(x):
    """The number of samples in a batch."""
    first = flatten([x])[0]
    return first.shape[0] if first.dtype == object else ops.shape(first)[0]  # text is no engine's tensor


def _in_order(logs):
    """What evaluate returns without ``return_dict``: a number, or a list beginning with the loss."""
    values = list(logs.values())
    return values[0] if len(values) == 1 else values
