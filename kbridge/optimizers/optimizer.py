"""``Optimizer``: how gradients change variables.

An optimizer's mathematics is one function, ``rule``, from a gradient, a value
and its slots to the new value and slots, written in operators and ops. The
engine decides how to apply it to many tensors at a time.
"""

import warnings

import numpy as np

from kbridge import config, objects, ops
from kbridge.backend import names, registry
from kbridge.backend.variable import Variable
from kbridge.optimizers.schedules import LearningRateSchedule


class Rule:
    """An optimizer's ``rule`` as engines get it: callable, with what they may exploit.

    name:        the optimizer's own name for its mathematics; equal name and ``settings`` mean equal mathematics.
    elementwise: whether each element's update depends on that element alone, so that tensors may be joined.
    settings:    the Python numbers it depends on.
    """

    def __init__(self, name, function, elementwise, settings):
        self.name = name
        self.function = function
        self.elementwise = elementwise
        self.settings = settings

    def __call__(self, gradient, value, slots, scalars):
        return self.function(gradient, value, slots, scalars)


class Optimizer:
    """Base of all optimizers.

    Args:
        learning_rate: a number, a schedule, or a function of no arguments.
        weight_decay: decoupled decay: each step takes ``learning_rate * weight_decay`` of a variable away.
        clipnorm: each gradient is scaled down to at most this norm.
        clipvalue: each element of a gradient is clipped to this magnitude.
        global_clipnorm: all gradients together are scaled down to at most this norm.
        use_ema: keep an exponential moving average of each variable.
        ema_momentum: how slowly that average moves.
        ema_overwrite_frequency: after so many steps the variables take their averages' values.
        loss_scale_factor: the loss is multiplied by it and the gradients divided by it.
        gradient_accumulation_steps: gradients of so many steps are averaged into one update.
        name: its name.
    """

    slots = ()  # the names of the tensors kept for each variable
    elementwise = True

    def __init__(
        self,
        learning_rate=0.001,
        weight_decay=None,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        **kwargs,
    ):
        if kwargs:
            raise TypeError(
                f"{type(self).__name__} does not know the argument(s) {sorted(kwargs)}. "
                f"It takes learning_rate, weight_decay, clipnorm, ... (see its documentation)."
            )
        if sum(value is not None for value in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                f"{type(self).__name__}: only one of clipnorm, clipvalue and global_clipnorm can be set. Received: "
                f"clipnorm={clipnorm}, clipvalue={clipvalue}, global_clipnorm={global_clipnorm}."
            )
        for argument, value in (("clipnorm", clipnorm), ("clipvalue", clipvalue), ("global_clipnorm", global_clipnorm)):
            if value is not None and value < 0:
                raise ValueError(f"{type(self).__name__}: {argument} must not be negative. Received: {value}.")
        if use_ema and not 0 <= ema_momentum <= 1:
            raise ValueError(f"{type(self).__name__}: ema_momentum must be in [0, 1]. Received: {ema_momentum}.")
        if gradient_accumulation_steps is not None and gradient_accumulation_steps < 2:
            raise ValueError(
                f"{type(self).__name__}: gradient_accumulation_steps must be at least 2. "
                f"Received: {gradient_accumulation_steps}."
            )
        self.name = name or names.unique(names.snake_case(type(self).__name__))
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.iterations = Variable(0, dtype="int32", trainable=False, name="iteration", host=True)
        self._schedule = None
        self._learning_rate = None
        self._set_learning_rate(learning_rate)
        self.built = False
        self._trainable_variables = []
        self._slots = []  # a tuple of Variables for each variable
        self._extra = []  # other variables: averages, accumulators, those of a subclass
        self._averages = []
        self._accumulators = []
        self._index = {}
        self._not_decayed = []

    # -- learning rate

    def _set_learning_rate(self, value):
        if isinstance(value, LearningRateSchedule) or callable(value):
            self._schedule = value
        elif isinstance(value, Variable):
            self._schedule, self._learning_rate = None, value
        else:
            value = float(value)
            self._schedule = None
            if self._learning_rate is None:
                self._learning_rate = Variable(value, dtype="float32", trainable=False, name="learning_rate", host=True)
            else:
                self._learning_rate.assign(value)

    @property
    def learning_rate(self):
        """The learning rate: a Variable, or the value of the schedule at this step."""
        if self._schedule is None:
            return self._learning_rate
        return self._schedule(self.iterations) if isinstance(self._schedule, LearningRateSchedule) else self._schedule()

    @learning_rate.setter
    def learning_rate(self, value):
        if self._schedule is not None and not (callable(value) or isinstance(value, LearningRateSchedule)):
            raise TypeError(
                f"{type(self).__name__}: the learning rate follows a schedule ({self._schedule!r}), so it cannot be "
                f"set to {value!r}. Give the optimizer a number as learning_rate to set it later."
            )
        self._set_learning_rate(value)

    @property
    def lr(self):
        return self.learning_rate

    @lr.setter
    def lr(self, value):
        self.learning_rate = value

    # -- state

    def build(self, variables):
        """Create the state for ``variables``. The first ``apply`` does so by itself."""
        if self.built:
            return
        self._trainable_variables = list(variables)
        self._index = {id(v): i for i, v in enumerate(self._trainable_variables)}
        if not self._overrides_update_step():
            self._slots = [
                tuple(self._state(v, slot, self.initial(slot, v)) for slot in self.slots)
                for v in self._trainable_variables
            ]
        if self.use_ema:
            self._averages = [self._state(v, "average", v.numpy()) for v in self._trainable_variables]
        if self.gradient_accumulation_steps:
            self._accumulators = [
                self._state(v, "gradient_accumulator", np.zeros(v.shape)) for v in self._trainable_variables
            ]
        self.built = True

    def initial(self, slot, variable):
        """What ``slot`` of ``variable`` begins with, as a NumPy array."""
        return np.zeros(variable.shape, "float32")

    def _state(self, variable, name, value):
        state = Variable(value, dtype=variable.dtype, trainable=False, name=name)
        state.path = f"{self.name}/{variable.path.replace('/', '_')}_{name}"
        return state

    def add_variable(self, shape, initializer="zeros", dtype=None, aggregation="none", layout=None, name=None):
        """A new state variable, for optimizers of one's own."""
        from kbridge import initializers

        variable = Variable(
            initializers.get(initializer), shape=shape, dtype=dtype, trainable=False, aggregation=aggregation,
            layout=layout, name=name,
        )
        self._extra.append(variable)
        return variable

    def add_variable_from_reference(self, reference_variable, name=None, initializer="zeros"):
        """A new state variable of the shape and dtype of ``reference_variable``."""
        return self.add_variable(reference_variable.shape, initializer, reference_variable.dtype, name=name)

    def add_optimizer_variables(self, trainable_variables, name, initializer="zeros"):
        """A list of new state variables, one for each of ``trainable_variables`` (lists of them for several names)."""
        several = isinstance(name, (list, tuple))
        kinds = [
            [self.add_variable_from_reference(v, one, initializer) for v in trainable_variables]
            for one in (name if several else [name])
        ]
        return tuple(kinds) if several else kinds[0]

    @property
    def variables(self):
        """Its whole state."""
        found = [self.iterations]
        if self._learning_rate is not None:
            found.append(self._learning_rate)
        found += [slot for slots in self._slots for slot in slots]
        return found + self._averages + self._accumulators + self._extra

    def get_weights(self):
        return [v.numpy() for v in self.variables]

    def set_weights(self, weights):
        if len(weights) != len(self.variables):
            raise ValueError(
                f"{type(self).__name__} has {len(self.variables)} state variables. Received a list of {len(weights)}."
            )
        for variable, value in zip(self.variables, weights):
            variable.assign(value)

    # -- the mathematics, for subclasses

    def scalars(self, learning_rate, step):
        """Numbers that are the same for every variable, computed once a step. ``step`` counts from 1."""
        return {"lr": learning_rate}

    def rule(self, g, w, slots, s):
        """(new value, new slots) for the gradient ``g`` of a value ``w``; ``s`` is what ``scalars`` gave."""
        raise NotImplementedError(f"{type(self).__name__} must define rule(g, w, slots, s) or update_step(...).")

    def settings(self):
        """The Python numbers that ``rule`` depends on."""
        return ()

    def update_step(self, gradient, variable, learning_rate):
        """The update of one variable, in assignments: for optimizers of one's own, instead of ``rule``."""
        raise NotImplementedError

    def _overrides_update_step(self):
        return type(self).update_step is not Optimizer.update_step

    def assign(self, variable, value):
        variable.assign(ops.cast(value, variable.dtype))

    def assign_add(self, variable, value):
        variable.assign_add(ops.cast(value, variable.dtype))

    def assign_sub(self, variable, value):
        variable.assign_sub(ops.cast(value, variable.dtype))

    # -- applying

    def apply(self, grads, trainable_variables=None):
        """One step: change ``trainable_variables`` (those it was built with, unless told) by their gradients."""
        grads = list(grads)
        variables = list(trainable_variables) if trainable_variables is not None else self._trainable_variables
        if not self.built:
            if trainable_variables is None:
                raise ValueError(
                    f"{type(self).__name__} does not know its variables yet. Write: optimizer.apply(grads, variables)."
                )
            self.build(variables)
        if len(grads) != len(variables):
            raise ValueError(f"{type(self).__name__}: {len(grads)} gradients were given for {len(variables)} variables.")
        for variable in variables:
            if id(variable) not in self._index:
                raise ValueError(
                    f"{type(self).__name__} was built for other variables: it has no state for {variable.path!r}. "
                    f"Make a new optimizer, or build this one with all variables: optimizer.build(variables)."
                )
        grads, variables = self._with_gradients(grads, variables)
        if not variables:
            self.iterations.assign(self.iterations.value + 1)
            return
        scale = self.loss_scale_factor
        if scale is not None:
            grads = [g / scale for g in grads]
        every = self.gradient_accumulation_steps
        if every:
            self._accumulate(grads, variables, every)
        else:
            self._update(grads, variables)
        self.iterations.assign(self.iterations.value + 1)

    def apply_gradients(self, grads_and_vars):
        """``apply`` for pairs of a gradient and its variable."""
        grads, variables = zip(*grads_and_vars)
        self.apply(grads, variables)
        return self.iterations

    def _with_gradients(self, grads, variables):
        if all(g is not None for g in grads):
            return grads, variables
        missing = [v.path for g, v in zip(grads, variables) if g is None]
        kept = [(g, v) for g, v in zip(grads, variables) if g is not None]
        if not kept:
            raise ValueError(
                f"{type(self).__name__}: no gradient reached any variable ({missing}). Does the loss depend on them?"
            )
        warnings.warn(f"The loss does not depend on {missing}: they have no gradient and stay as they are.", stacklevel=4)
        grads, variables = zip(*kept)
        return list(grads), list(variables)

    def _accumulate(self, grads, variables, every):
        sums = [self._accumulators[self._index[id(v)]] for v in variables]
        for total, g in zip(sums, grads):
            total.assign(total.value + g)

        def update():
            self._update([total.value / every for total in sums], variables)
            for total in sums:
                total.assign(ops.zeros_like(total.value))
            return ()

        ops.cond((self.iterations.value + 1) % every == 0, update, lambda: ())

    def _update(self, grads, variables):
        grads = self._clip(grads)
        learning_rate = self._current_learning_rate()
        if self._overrides_update_step():
            for g, v in zip(grads, variables):
                if self.weight_decay is not None and self._decays(v):
                    v.assign(v.value - v.value * self.weight_decay * learning_rate)
                self.update_step(g, v, learning_rate)
        else:
            self._apply_rule(grads, variables, learning_rate)
        for v in variables:
            if v.constraint is not None:
                v.assign(v.constraint(v.value))
        if self.use_ema:
            self._update_averages(variables)

    def _apply_rule(self, grads, variables, learning_rate):
        step = self._update_count()
        scalars = self.scalars(learning_rate, step)
        decayed = [self.weight_decay is not None and self._decays(v) for v in variables]
        for decays in (False, True):
            chosen = [i for i, d in enumerate(decayed) if d is decays]
            if not chosen:
                continue
            rule = self._rule(decays)
            if decays:
                scalars = {**scalars, "keep": 1.0 - self.weight_decay * learning_rate}
            registry.current().update(
                rule,
                [grads[i] for i in chosen],
                [variables[i] for i in chosen],
                [self._slots[self._index[id(variables[i])]] for i in chosen],
                scalars,
            )

    def _rule(self, decays):
        name = names.snake_case(type(self).__name__)
        if not decays:
            return Rule(name, self.rule, self.elementwise, self.settings())

        def decayed(g, w, slots, s):
            return self.rule(g, w * s["keep"], slots, s)

        return Rule(f"{name}_decayed", decayed, self.elementwise, self.settings())

    def _current_learning_rate(self):
        found = self.learning_rate
        return found.value if isinstance(found, Variable) else found

    def _update_count(self):
        """How many updates there will have been after this one: a float, or a tensor of floatx in a trace."""
        step = self.iterations.value
        if self.gradient_accumulation_steps:
            step = step // self.gradient_accumulation_steps
        return float(step + 1) if isinstance(step, int) else ops.cast(step + 1, config.floatx())

    def _clip(self, grads):
        if self.clipvalue is not None:
            return [ops.clip(g, -self.clipvalue, self.clipvalue) for g in grads]
        if self.clipnorm is not None:
            return [clip_to_norm(g, ops.sqrt(ops.sum(ops.square(g))), self.clipnorm) for g in grads]
        if self.global_clipnorm is not None:
            total = None
            for g in grads:
                part = ops.sum(ops.square(g))
                total = part if total is None else total + part
            norm = ops.sqrt(total)
            return [clip_to_norm(g, norm, self.global_clipnorm) for g in grads]
        return grads

    # -- weight decay and averages

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """Name variables (by themselves, or by parts of their paths) that ``weight_decay`` leaves alone."""
        self._not_decayed += [("variable", id(v)) for v in var_list or ()]
        self._not_decayed += [("name", name) for name in var_names or ()]

    def _decays(self, variable):
        import re

        return not any(
            found == id(variable) if kind == "variable" else re.search(found, variable.path)
            for kind, found in self._not_decayed
        )

    def _update_averages(self, variables):
        m = self.ema_momentum
        averages = [self._averages[self._index[id(v)]] for v in variables]
        for average, v in zip(averages, variables):
            average.assign(average.value * m + v.value * (1.0 - m))
        every = self.ema_overwrite_frequency
        if every:

            def overwrite():
                for average, v in zip(averages, variables):
                    v.assign(average.value)
                return ()

            ops.cond((self.iterations.value + 1) % every == 0, overwrite, lambda: ())

    def finalize_variable_values(self, var_list):
        """At the end of training: variables take the values of their averages, where ``use_ema`` is on."""
        if self.use_ema and self.built:
            for v in var_list:
                if id(v) in self._index:
                    v.assign(self._averages[self._index[id(v)]].numpy())

    def scale_loss(self, loss):
        """The loss that gradients are taken of."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    # -- configuration

    def get_config(self):
        """Arguments from which ``from_config`` makes an equal optimizer, as data."""
        if self._schedule is None:
            rate = float(self._learning_rate.numpy())
        elif isinstance(self._schedule, LearningRateSchedule):
            rate = objects.serialize_keras_object(self._schedule)
        else:
            rate = objects.serialize_keras_object(self._schedule)
        found = {
            "name": self.name,
            "learning_rate": rate,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }
        return found

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            config["learning_rate"] = objects.deserialize_keras_object(config["learning_rate"], custom_objects=custom_objects)
        return cls(**config)

    def save_own_variables(self, store):
        for i, variable in enumerate(self.variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store):
        if len(store.keys()) != len(self.variables):
            warnings.warn(
                f"The state of the optimizer was not loaded: it has {len(self.variables)} variables, "
                f"the store {len(store.keys())}.",
                stacklevel=2,
            )
            return
        for i, variable in enumerate(self.variables):
            variable.assign(store[str(i)])

    def __getstate__(self):
        # Identity does not survive copying: the index is made anew.
        return {k: v for k, v in self.__dict__.items() if k != "_index"}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._index = {id(v): i for i, v in enumerate(self._trainable_variables)}

    def __repr__(self):
        return f"<{type(self).__name__} learning_rate={self._schedule or float(self._learning_rate.numpy()):.6g}>"


def clip_to_norm(g, norm, limit):
    """``g`` scaled so that a norm of ``norm`` becomes ``limit``, where it is larger."""
    return g * (limit / ops.maximum(norm, limit))



