"""Models of older generations: the models of today, compiled, trained and asked as they were then."""

import functools
import inspect
from contextlib import contextmanager
from importlib import import_module

import numpy as np

from kbridge import models as core
from kbridge import objects, ops
from kbridge.backend.symbolic import is_symbol
from kbridge.backend.tree import flatten
from kbridge.compat import computing, notes, standard, streams, traced
from kbridge.compat.compiled import MeanOf, OldLosses, OldMetrics, is_mean, named_values
from kbridge.compat.door import DoorType, Translation, automatic_name, parse
from kbridge.compat.inplace import out_of_place
from kbridge.compat.networks import OldNetwork, is_of
from kbridge.compat.stacks import OldSequential
from kbridge.compat.told import OldCallbackList
from kbridge.layers.layer import within_call
from kbridge.training import data as data_module
from kbridge.training import fitting
from kbridge.training.objectives import flat_by_name
from kbridge.training.trainer import Trainer, sample_count, weights_by_name


class OldModel(OldNetwork):
    """What models of older generations had, mixed into those of today. ``_dialect`` says which generation."""

    _dialect = "keras2"
    _callback_list = OldCallbackList
    _collected = None  # the variables that are trained, as they were when it was compiled
    _beside = None  # the plan of the outputs and of what is computed beside them
    _targets_now = None  # the targets of the step going on, where something beside the outputs needs them
    _training_now = False
    _is_extended = False  # whether the optimizer is built for what is trained
    _keeps_metrics = False  # whether a batch is added to those before
    _by_batch = False  # whether batches are told of one by one
    _seen_size = None
    _told = None
    _phase = None
    _weight_modes = None
    _target_tensors = None
    validation_data = None

    # -- making

    def __init__(self, *args, **kwargs):
        if kwargs.get("name") is None:
            kwargs["name"] = automatic_name(type(self))
        self._symbolic_losses, self._watched = [], Kept()
        self._phase = computing.phase()
        super().__init__(*args, **kwargs)

    def _find(self, module, given):
        """What ``given`` means in a module of the generation that the model is of, if it is a name."""
        return dialect_module(self._dialect, module).get(given) if isinstance(given, str) else given

    def _kinds(self):
        found = dialect_classes(self._dialect)
        return found["Sequential"], found["Model"]

    @classmethod
    def _classes_of_then(cls):
        return dialect_classes(cls._dialect)

    # -- compile

    def _compile(
        self,
        optimizer,
        loss=None,
        metrics=None,
        loss_weights=None,
        sample_weight_mode=None,
        weighted_metrics=None,
        target_tensors=None,
        run_eagerly=False,
        steps_per_execution="auto",
        jit_compile="auto",
        class_mode=None,
    ):
        if class_mode is not None:
            notes.corrected("model.compile(optimizer, loss)", "class_mode= says nothing any more: the loss does")
        for function in flatten([loss, metrics, weighted_metrics]):
            out_of_place(function)
        Trainer.compile(
            self,
            dialect_module(self._dialect, "optimizers").get(optimizer),
            loss,
            loss_weights,
            metrics,
            weighted_metrics,
            run_eagerly,
            steps_per_execution,
            jit_compile,
        )
        self.loss_weights, self.sample_weight_mode = loss_weights, sample_weight_mode
        self._weight_modes, self._target_tensors = sample_weight_mode, _values_of(target_tensors)
        for name in ("train_function", "test_function", "predict_function"):
            self.__dict__.pop(name, None)
        self.__dict__.pop("_loss_graph", None)
        self._collected = self._beside = None
        self._losses_from(loss)  # a name that nothing has is refused here
        if self.built and self._plan is not None:
            self._collect()
            self._objectives(self._plan.outputs)

    def _losses_from(self, loss):
        """What names of losses mean in this generation."""
        find = functools.partial(self._find, "losses" if self._dialect == "keras2" else "objectives")
        if isinstance(loss, dict):
            return {name: find(one) for name, one in loss.items()}
        return [find(one) for one in loss] if isinstance(loss, (list, tuple)) else find(loss)

    def _collect(self):
        """Remember which variables are trained: those that may be at the time of compiling."""
        self._collected, self._is_extended = Kept(super().trainable_variables), False
        self._penalised = Kept(v for v in self.weights if v.regularizer is not None)

    @property
    def _collected_trainable_weights(self):
        return self.trainable_weights if self._collected is None else list(self._collected.items)

    def _weighs_steps(self, index):
        modes = self._weight_modes
        if isinstance(modes, dict):
            modes = modes.get(self.output_names[index])
        elif isinstance(modes, (list, tuple)):
            modes = modes[index]
        return modes == "temporal"

    def _objectives(self, y_pred):
        if self._losses_of_outputs is None:
            names, arguments = self._names_of(y_pred), self._compile_arguments
            given = self._losses_from(arguments["loss"])
            losses = OldLosses(given, arguments["loss_weights"], names, self._dialect == "keras1")
            self._losses_of_outputs = losses
            self._metrics_of_outputs = OldMetrics(
                arguments["metrics"],
                arguments["weighted_metrics"],
                names,
                losses,
                self._dialect,
                functools.partial(self._find, "metrics"),
            )
            self._look_beside(losses)
        return self._losses_of_outputs, self._metrics_of_outputs

    def _look_beside(self, losses):
        """Find out what is to be computed beside the outputs: losses and metrics that are symbols of this model."""
        self._beside = None
        plan = self._plan
        if plan is None or any(x.dtype == "string" for x in plan.flat_inputs):
            return
        outputs = plan.flat_outputs
        placed = [traced.placeholder(s, f"{name}_target") for s, name in zip(outputs, losses.names)]
        for i, loss in enumerate(losses.per_output):
            function = getattr(loss, "fn", None)
            if function is not None and not _is_own(function):
                found = traced.trace(function, placed[i], outputs[i])
                if found is not None:
                    losses.symbols[i] = found
        self._updates_beside = Kept(self._symbolic_updates())
        extras = [
            *losses.symbols.values(),
            *self._added_losses(),
            *(s for s, _ in self._watched.items),
            *(s for _, s in self._updates_beside.items),
        ]
        if extras:
            self._beside = traced.Beside(plan, placed, extras)

    def _added_losses(self):
        """The symbols that were handed to ``add_loss`` of the model or of layers, and belong to its graph."""
        found = {id(s): s for s in self._symbolic_losses}
        inputs = {id(s) for s in self._plan.flat_inputs}
        for layer in self._flatten_layers(include_self=False):
            symbols = layer.symbolic_losses() if hasattr(layer, "symbolic_losses") else ()
            found.update((id(s), s) for s in symbols if is_of(s, inputs))
        return list(found.values())

    def symbolic_losses(self):
        """The symbols that were handed to ``add_loss``."""
        return list(self._symbolic_losses)

    def _symbolic_updates(self):
        """(variable, symbol) for each update that layers were given and that belongs to this graph."""
        inputs = {id(s) for s in self._plan.flat_inputs}
        found = []
        for layer in self._flatten_layers(include_self=False):
            updates = layer.symbolic_updates() if hasattr(layer, "symbolic_updates") else ()
            found += [(v, s) for v, s in updates if is_symbol(s) and is_of(s, inputs)]
        return found

    def add_loss(self, losses, inputs=None):
        """Add a symbol of the model's graph, or a tensor, to what training makes small."""
        symbols = traced.symbols_in(losses)
        self._symbolic_losses.extend(symbols)
        rest = [loss for loss in flatten([losses]) if not is_symbol(loss)]
        if rest:
            super().add_loss(rest)
        self._losses_of_outputs = self._metrics_of_outputs = None
        self._forget_functions()

    def add_metric(self, value, aggregation=None, name=None):
        """Watch the mean of a symbol of the model's graph."""
        if not is_symbol(value):
            raise ValueError(
                f"add_metric: expected a symbol of the model's graph. Received: {value!r}. In a layer's call(), keep a "
                f"keras.metrics.Mean() and update it."
            )
        if aggregation not in (None, "mean"):
            raise ValueError(f"add_metric: aggregation must be 'mean' or None. Received: {aggregation!r}.")
        self._watched.items.append((value, MeanOf(None, name or value.name)))
        self._losses_of_outputs = self._metrics_of_outputs = None
        self._forget_functions()

    @property
    def metrics_tensors(self):
        """The symbols that are watched."""
        return [symbol for symbol, _ in self._watched.items]

    @property
    def losses(self):
        found = super().losses
        return found if self._known is not None else [*found, *self._symbolic_losses]

    # -- one step

    @contextmanager
    def _steady(self):
        with super()._steady():
            if self._collected is None and self.compiled:
                self._collect()
            if self._collected is not None:
                self._known.variables = self._collected.items
                self._known.regularized = self._penalised.items
            yield

    def _prepare(self, data, training):
        if training and self.optimizer is not None and not self._is_extended:
            super()._prepare(data, False)
            if self._collected is None:
                self._collect()
            self._extend_optimizer()
        super()._prepare(data, training)

    def _extend_optimizer(self):
        """Build the optimizer for what is trained here; it may be that of another model as well."""
        optimizer, variables = self.optimizer, self._collected.items
        if not optimizer.built:
            optimizer.build(variables)
        elif hasattr(optimizer, "extend"):
            optimizer.extend(variables)
        self._is_extended = True

    def _train_on(self, data):
        with self._stepping(data, True):
            super()._train_on(data)

    def _test_on(self, data):
        with self._stepping(data, False):
            super()._test_on(data)

    def predict_step(self, data):
        with computing.running(False if self._phase is None else self._phase):
            return super().predict_step(data)

    @contextmanager
    def _stepping(self, data, training):
        if self._beside is not None:
            _, y, _ = data_module.unpack_x_y_sample_weight(data)
            self._targets_now = flat_by_name(y, self.output_names, "targets")
        self._training_now = training
        try:
            with computing.running(training if self._phase is None else self._phase):
                yield
        finally:
            self._targets_now = None

    def _train_alone(self, data):
        """A step whose metrics are those of its batch."""
        for metric in self.metrics:
            if is_mean(metric):
                metric.reset_state()
        self._train_on(data)

    def _function(self, kind):
        return super()._function("alone" if kind == "train" and self._by_batch else kind)

    def _make_function(self, kind, engine):
        if kind != "alone":
            return super()._make_function(kind, engine)
        if self.run_eagerly:
            return self._train_alone
        return engine.compile(self._train_alone, self._state(training=True), self._jit())

    def _forward(self, inputs, training):
        training = training if self._phase is None else self._phase
        if self._targets_now is None:
            return super()._forward(inputs, training)
        with within_call(self, training):
            return self._beside.run(self, inputs, self._targets_now, training)

    def _split(self, y_pred):
        """The outputs, and what was computed beside them: losses by output, those added, metrics and updates."""
        values = flatten([y_pred])
        if self._targets_now is None or self._beside is None:
            return values, {}, [], []
        count, losses = self._beside.count, self._losses_of_outputs.symbols
        own = dict(zip(losses, values[count:]))
        rest = values[count + len(losses) :]
        added = len(rest) - len(self._watched.items) - len(self._updates_beside.items)
        return values[:count], own, rest[:added], rest[added:]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        losses, _ = self._objectives(y_pred)
        names = losses.names
        outputs, own, added, _ = self._split(y_pred)
        total, parts = losses(flat_by_name(y, names, "targets"), outputs, weights_by_name(sample_weight, names), own)
        if losses.trackers:
            losses.track(parts, sample_count(x))
        for penalty in [*Trainer.losses.fget(self), *added]:
            penalty = ops.mean(penalty) if len(getattr(penalty, "shape", ())) else penalty
            total = penalty if total is None else total + ops.cast(penalty, total.dtype)
        if total is None:
            raise ValueError(
                f"Model '{self.name}' has nothing to minimise: no loss was given to compile(), no targets to the loss, "
                f"and nothing to add_loss(). Write: model.compile(optimizer, loss=...)."
            )
        return total

    def _update_metrics(self, x, y, y_pred, sample_weight):
        outputs, _, _, rest = self._split(y_pred)
        super()._update_metrics(x, y, outputs, sample_weight)
        if not rest:
            return
        for value, (_, metric) in zip(rest, self._watched.items):
            metric.update_with(value, outputs[0])
        if self._training_now:
            for value, (variable, _) in zip(rest[len(self._watched.items) :], self._updates_beside.items):
                variable.assign(ops.cast(value, variable.dtype))

    def _all_metrics(self):
        found = super()._all_metrics()
        known = {id(m) for m in found}
        return found + [m for _, m in self._watched.items if id(m) not in known]

    def _names_of_means(self):
        return {name for metric in self.metrics if is_mean(metric) for name in named_values(metric)}

    @property
    def metrics_names(self):
        """The names of what ``evaluate`` and ``train_on_batch`` return, in that order."""
        self._require_compiled("metrics_names")
        if self._plan is not None and (self._metrics_of_outputs is None or self._metrics_of_outputs.entries is None):
            _, metrics = self._objectives(self._plan.outputs)
            outputs = self._plan.flat_outputs
            metrics.build(self._expected_targets(), outputs)
        return [name for metric in self.metrics for name in named_values(metric)]

    def _expected_targets(self):
        """Symbols for the targets, as far as their shapes can be told; None where an output has no loss."""
        losses, _ = self._objectives(self._plan.outputs)
        outputs = self._plan.flat_outputs
        return [s if e is None else e for e, s in zip(losses.expected_shapes(outputs), outputs)]

    # -- fit, evaluate, predict

    def _fit_on(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose=1,
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_freq=1,
        validation_batch_size=None,
        show_accuracy=False,
    ):
        self._require_compiled("fit")
        if show_accuracy:
            self._show_accuracy()
        if streams.is_stream(x):
            return self._fit_batches(
                x, steps_per_epoch, epochs, verbose, callbacks, validation_data, validation_steps, class_weight,
                initial_epoch=initial_epoch, validation_freq=validation_freq, shuffle=shuffle is True,
            )  # fmt: skip
        y = self._targets_or_own(y)
        batch_size = self._batch_size(batch_size)
        x, y, weights = self._checked(x, y, sample_weight, class_weight, batch_size)
        if validation_split and validation_data is None:
            if 0.0 < validation_split < 1.0:
                (x, y, weights), validation_data = data_module.split((x, y, weights), validation_split)
                validation = data_module.ArrayData(*validation_data, batch_size=batch_size)
            else:
                raise ValueError(f"fit: validation_split must lie between 0 and 1. Received: {validation_split}.")
        else:
            validation = self._validation(validation_data, validation_batch_size or batch_size, validation_steps)
        data = data_module.adapt(x, y, weights, batch_size, steps_per_epoch, shuffle)
        return self._run_fit(
            data, epochs, verbose, callbacks, validation, initial_epoch, validation_freq, standard.samples(x)
        )

    def _run_fit(self, data, epochs, verbose, callbacks, validation, initial_epoch, validation_freq, samples):
        self._tell(data, validation, samples)
        try:
            return fitting.fit(
                self, data, None, None, epochs, verbose, callbacks, 0.0, validation, True, None, None, initial_epoch,
                None, None, None, validation_freq,
            )  # fmt: skip
        finally:
            self._by_batch = False

    def _tell(self, data, validation, samples):
        """What callbacks are told of this fit beside today's parameters."""
        names = self._known_names(data)
        arrays = isinstance(validation, data_module.ArrayData)
        self.validation_data = _as_list_of_arrays(validation.columns) if arrays else None
        batch_size = getattr(data, "batch_size", None)
        self._told = {
            "batch_size": batch_size,
            "samples": samples,
            "nb_sample": samples,
            "do_validation": validation is not None,
            "metrics": names + ([f"val_{name}" for name in names] if validation is not None else []),
        }

    def _known_names(self, data):
        self._prepare(data.sample(), training=True)
        return self.metrics_names

    def _batch_size(self, batch_size):
        if batch_size is None and self._keeps_states() and self._plan is not None:
            return self._plan.flat_inputs[0].shape[0] or 32
        return 32 if batch_size is None else batch_size

    def _keeps_states(self):
        """``stateful``, looked for once."""
        found = self.__dict__.get("_found_stateful")
        if found is None:
            found = self.__dict__["_found_stateful"] = self.stateful
        return found

    def _forget_functions(self):
        super()._forget_functions()
        self.__dict__.pop("_found_stateful", None)

    def _checked(self, x, y, sample_weight=None, class_weight=None, batch_size=None, fewer=False):
        x, y, weights = streams.ready(self, x, y, sample_weight, class_weight)
        size = standard.samples(x)
        uneven = size % batch_size if batch_size and size else 0
        if uneven and self._keeps_states() and not (fewer and size < batch_size):
            raise ValueError(
                f"Model '{self.name}' is stateful: the number of samples must be a multiple of the batch size. "
                f"Received {size} samples and batch_size={batch_size}."
            )
        return x, y, weights

    def _targets_or_own(self, y):
        return self._target_tensors if y is None else y

    def _validation(self, given, batch_size, steps):
        if given is None:
            return None
        if streams.is_stream(given):
            return streams.Batches(self, given, steps=steps)
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            raise ValueError(
                f"validation_data must be (x, y) or (x, y, sample_weight), or give batches. Received: {type(given)}."
            )
        x, y, weight = (*given, None)[:3]
        return data_module.adapt(*self._checked(x, y, weight), batch_size, steps)

    def _show_accuracy(self):
        notes.corrected("model.compile(..., metrics=['accuracy'])", "show_accuracy= belongs to compile now")
        metrics = self._compile_arguments["metrics"]
        if metrics is None or isinstance(metrics, list) and not any(m in ("accuracy", "acc") for m in metrics):
            self._compile_arguments["metrics"] = [*(metrics or []), "accuracy"]
            self._losses_of_outputs = self._metrics_of_outputs = None
            self._forget_functions()

    def _evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose=1,
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        show_accuracy=False,
    ):
        self._require_compiled("evaluate")
        if show_accuracy:
            self._show_accuracy()
        if isinstance(x, (data_module.ArrayData, data_module.StreamData)):  # from inside fit
            return Trainer.evaluate(self, x, verbose=verbose, callbacks=callbacks, return_dict=return_dict)
        if streams.is_stream(x):
            data = streams.Batches(self, x, steps=steps)
        else:
            batch_size = self._batch_size(batch_size)
            y = self._targets_or_own(y)
            data = data_module.adapt(*self._checked(x, y, sample_weight, None, batch_size), batch_size, steps)
        return Trainer.evaluate(self, data, verbose=verbose, callbacks=callbacks, return_dict=return_dict)

    def _predict(self, x, batch_size=None, verbose=0, steps=None, callbacks=None):
        if streams.is_stream(x):
            data = streams.Batches(self, x, steps=steps, with_targets=False)
        else:
            batch_size = self._batch_size(batch_size)
            x, _, _ = self._checked(x, None, batch_size=batch_size, fewer=True)
            data = data_module.adapt(x, None, None, batch_size, steps)
        return Trainer.predict(self, data, verbose=verbose, callbacks=callbacks)

    def _fit_batches(
        self,
        generator,
        steps_per_epoch=None,
        epochs=1,
        verbose=1,
        callbacks=None,
        validation_data=None,
        validation_steps=None,
        class_weight=None,
        initial_epoch=0,
        validation_freq=1,
        shuffle=True,
        samples=None,
        validation_samples=None,
    ):
        self._require_compiled("fit_generator")
        data = streams.Batches(self, generator, steps_per_epoch, samples, shuffle, class_weight)
        if validation_data is not None and streams.is_stream(validation_data):
            if validation_samples is None and validation_steps is None and not streams.is_indexed(validation_data):
                raise ValueError(
                    "fit_generator: validation_data is a generator, so say how much of it is to be used. "
                    "Write: validation_steps=..., or nb_val_samples=... in the words of Keras 1."
                )
            validation = streams.Batches(self, validation_data, validation_steps, validation_samples)
        else:
            validation = self._validation(validation_data, 32, None)
        return self._run_fit(data, epochs, verbose, callbacks, validation, initial_epoch, validation_freq, samples)

    def _evaluate_batches(self, generator, steps=None, callbacks=None, verbose=0, samples=None):
        self._require_compiled("evaluate_generator")
        data = streams.Batches(self, generator, steps, samples)
        return Trainer.evaluate(self, data, verbose=verbose, callbacks=callbacks)

    def _predict_batches(self, generator, steps=None, callbacks=None, verbose=0, samples=None):
        data = streams.Batches(self, generator, steps, samples, with_targets=False)
        return Trainer.predict(self, data, verbose=verbose, callbacks=callbacks)

    def _step_on(self, kind, x, y, sample_weight, class_weight, reset_metrics=True):
        self._require_compiled(f"{kind}_on_batch")
        x, y, weights = streams.ready(self, x, self._targets_or_own(y), sample_weight, class_weight)
        self._keeps_metrics = not reset_metrics
        try:
            return self._on_batch(kind, x, y, weights, None, False)
        finally:
            self._keeps_metrics = False

    def reset_metrics(self):
        if not self._keeps_metrics:
            super().reset_metrics()

    def predict_on_batch(self, x):
        """The outputs for this batch, as NumPy arrays."""
        return Trainer.predict_on_batch(self, standard.inputs(self, x))

    def predict_proba(self, x, batch_size=32, verbose=1):
        """The outputs for data; a note where these cannot be probabilities."""
        found = self.predict(x, batch_size, verbose)
        if np.min(found) < 0.0 or np.max(found) > 1.0:
            import warnings

            warnings.warn(
                f"predict_proba: some outputs of model '{self.name}' are not between 0 and 1. "
                f"Its last layer should have the activation 'softmax' or 'sigmoid'.",
                stacklevel=2,
            )
        return found

    def predict_classes(self, x, batch_size=32, verbose=1):
        """The class of each sample: the place of the largest output, or whether the only one is above a half."""
        found = self.predict(x, batch_size, verbose)
        return found.argmax(axis=-1) if found.shape[-1] > 1 else (found > 0.5).astype("int32")

    # -- pickling and copying

    def __getstate__(self):
        beside = self._symbolic_losses or self._watched.items
        if beside or (self._losses_of_outputs is not None and self._losses_of_outputs.symbols):
            raise TypeError(
                f"Model '{self.name}' has losses or metrics that are symbols of its graph, which no copy would have. "
                f"Make the copy anew and write: copy.set_weights(model.get_weights())."
            )
        state = super().__getstate__()
        for name in ("_beside", "_loss_graph", "_updates_beside"):
            state.pop(name, None)
        return state

    # -- steps as functions of lists

    def _make_train_function(self):
        self.train_function = self.train_function or StepFunction(self, "train")

    def _make_test_function(self):
        self.test_function = self.test_function or StepFunction(self, "test")

    def _make_predict_function(self):
        self.predict_function = self.predict_function or StepFunction(self, "predict")


class Kept:
    """Things that a model refers to without holding them as its own."""

    def __init__(self, items=()):
        self.items = list(items)


class StepFunction:
    """A step of a model as a function of one list: the inputs, the targets, the weights of the samples."""

    def __init__(self, model, kind):
        self.model, self.kind = model, kind

    def __call__(self, values):
        model, kind = self.model, self.kind
        if hasattr(values, "__next__"):
            return model._made_of_iterator(kind)(values)
        values = list(values)
        count = len(model.inputs)
        x, rest = values[:count], values[count:]
        x = x[0] if count == 1 else x
        if kind == "predict":
            return flatten([model.predict_on_batch(x)])
        outputs = len(model.targets)
        y, weights = rest[:outputs], rest[outputs : 2 * outputs]
        y = y[0] if outputs == 1 else y
        weights = None if not weights else weights[0] if outputs == 1 else weights
        found = model._step_on(kind, x, y, weights, None)
        return found if isinstance(found, list) else [found]


# -- doors


def method(run, signature, name, **rules):
    """A method that takes the arguments of an older generation, and is ``run`` with those of today."""
    translation = Translation(name, signature, _named(run, f"model.{name}"), **rules)

    def call(self, *args, **kwargs):
        return run(self, **translation(args, kwargs))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = getattr(getattr(core.Model, name, None), "__doc__", None)
    call.__signature__ = _with_self(translation.signature)
    return call


def _with_self(signature):
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return inspect.Signature([own, *signature.parameters.values()])


def _named(run, name):
    @functools.wraps(run)
    def named(*args, **kwargs):
        return run(*args, **kwargs)

    named.__name__ = name
    return named


def make_model(dialect, module, methods, layer, signature):
    """(Model, what ``Model(inputs, outputs)`` makes) of a generation.

    ``methods``: what is defined in them, by name; ``layer``: what the layers of the generation had; ``signature``:
    how a graph was made then.
    """

    def __new__(cls, *args, **kwargs):
        if cls is model and (args or {"input", "output", "inputs", "outputs"} & kwargs.keys()):
            return super(model, graph).__new__(graph)
        return super(model, cls).__new__(cls)

    def __init__(self, *args, **kwargs):
        args, kwargs = _graph_arguments(type(self), args, kwargs)
        super(model, self).__init__(*args, **kwargs)

    __init__.__signature__ = _with_self(parse(signature))

    def from_config(cls, config, custom_objects=None):
        scope = {**dialect_classes(dialect), **(custom_objects or {})}
        with objects.custom_object_scope(scope):
            if isinstance(config, dict) and "input_layers" in config:
                kind = graph if cls is model else cls
                return core.Functional.from_config.__func__(kind, config)
            return super(model, cls).from_config(config)

    body = {
        "__module__": module,
        "__doc__": core.Model.__doc__,
        "_dialect": dialect,
        "__new__": __new__,
        "__init__": __init__,
        "from_config": classmethod(from_config),
        **methods,
    }
    model = DoorType("Model", (OldModel, layer, core.Model), {**body, "_stands_for": core.Model})
    body = {"__module__": module, "__qualname__": "GraphModel", "__doc__": core.Functional.__doc__}
    graph = DoorType("Model", (model, core.Functional), body)
    objects.stand_in(model, core.Model)
    objects.stand_in(graph, core.Functional)
    return model, graph


def make_sequential(dialect, module, model, methods):
    """The Sequential of a generation, a subclass of its ``model``."""
    body = {
        "__module__": module,
        "__doc__": core.Sequential.__doc__,
        "_dialect": dialect,
        "_stands_for": core.Sequential,
        **methods,
    }
    sequential = DoorType("Sequential", (OldSequential, model, core.Sequential), body)
    objects.stand_in(sequential, core.Sequential)
    return sequential


def _graph_arguments(cls, args, kwargs):
    """The arguments of Model(inputs, outputs, name) in today's words; a list of one symbol is that symbol."""
    if not args and not {"input", "output", "inputs", "outputs"} & kwargs.keys():
        return args, kwargs
    names = ("inputs", "outputs", "name")
    given = dict(zip(names, args))
    for key, value in kwargs.items():
        new = {"input": "inputs", "output": "outputs"}.get(key, key)
        if new in given:
            raise TypeError(f"Model was given {new!r} twice.")
        given[new] = value
    if "input" in kwargs or "output" in kwargs:
        notes.corrected("Model(inputs=..., outputs=...)")
    unknown = [key for key in given if key not in (*names, "trainable", "dtype")] if cls.__name__ == "Model" else []
    if unknown:
        raise TypeError(
            f"Model does not know the argument(s) {unknown}. Write: Model(inputs=..., outputs=..., name=...)."
        )
    for key in ("inputs", "outputs"):
        if isinstance(given.get(key), (list, tuple)):
            given[key] = list(given[key]) if len(given[key]) != 1 else given[key][0]
    return (), given


@functools.cache
def dialect_module(dialect, name):
    """A module of a generation."""
    return import_module(f"kbridge.compat.{dialect}.{name}")


@functools.cache
def dialect_classes(dialect):
    """The classes that stand for those of today in models of a generation, by the names of today."""
    found = {}
    own = dialect_module(dialect, "models")
    found.update({"Sequential": own.Sequential, "Functional": own.GraphModel, "Model": own.Model})
    for name in ("layers", "optimizers"):
        members = [m for m in vars(dialect_module(dialect, name)).values() if inspect.isclass(m)]
        # of several for one class of today, the one that was made first
        for member in sorted(members, key=lambda m: m.__dict__.get("_serial", 0)):
            stands_for = objects.name_at_home(member)
            if stands_for is not None and not objects.is_home(member):
                found.setdefault(stands_for, member)
                found.setdefault(member.__name__, member)
    found.setdefault("Merge", dialect_module(dialect, "layers").Merge)
    return found


def _values_of(target_tensors):
    """Targets that were given to compile, as arrays; None where they are symbols, which data are fed to."""
    if target_tensors is None or any(is_symbol(leaf) for leaf in flatten([target_tensors])):
        return None
    from kbridge.backend import registry

    def array(value):
        engine = registry.current()
        if getattr(value, "is_variable", False):
            return value.numpy()
        return engine.to_numpy(value) if engine.is_tensor(value) else np.asarray(value)

    if isinstance(target_tensors, dict):
        return {name: array(value) for name, value in target_tensors.items()}
    return [array(v) for v in target_tensors] if isinstance(target_tensors, list) else array(target_tensors)


def _is_own(function):
    return getattr(function, "__module__", None) in ("kbridge.losses", "kbridge.metrics")


def _as_list_of_arrays(columns):
    """x, y and weights as callbacks found them in ``validation_data``: one flat list."""
    x, y, weights = (*columns, None, None)[:3]
    found = [*flatten([x]), *(flatten([y]) if y is not None else [])]
    size = standard.samples(x)
    count = len(flatten([y])) if y is not None else 0
    given = flatten([weights]) if weights is not None else [None] * count
    return [*found, *(np.ones(size, "float32") if w is None else w for w in given)]
