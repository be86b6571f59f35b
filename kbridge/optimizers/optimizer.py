"""``Optimizer``: how gradients change variables.

An optimizer's mathematics is one function, ``rule``, from a gradient, a value
and its slots to the new value and slots, written in operators and ops. The
engine decides how to apply it to many tensors at a time.
"""

import math
import re
import warnings
from typing import NamedTuple

import numpy as np

from kbridge import objects, ops
from kbridge.backend import names, registry
from kbridge.backend.frame import entered, get_frame
from kbridge.backend.variable import Variable
from kbridge.optimizers.schedules import InverseTimeDecay, LearningRateSchedule


class Rule:
    """An optimizer's ``rule`` as engines get it: callable, with what they may exploit.

    name:        the optimizer's own name for its mathematics; equal name and ``settings`` mean equal mathematics.
    elementwise: whether each element's update depends on that element alone, so that tensors may be joined.
    settings:    the Python numbers it depends on.
    """

    __slots__ = ("name", "function", "elementwise", "settings")

    def __init__(self, name, function, elementwise, settings):
        self.name = name
        self.function = function
        self.elementwise = elementwise
        self.settings = settings

    def __call__(self, gradient, value, slots, scalars):
        return self.function(gradient, value, slots, scalars)


class Recipe(NamedTuple):
    """How one variable is updated: by the method called ``rule``, with these slots, after this decay."""

    slots: tuple
    weight_decay: float | None = None
    rule: str = "rule"
    elementwise: bool = True


class _Group(NamedTuple):
    """Variables that are updated together: of one recipe and one dtype. ``places`` says where their gradients are."""

    recipe: Recipe
    dtype: str
    places: list
    variables: list
    slots: list


_SUM = Rule("sum", lambda g, total, slots, s: (total + g, ()), True, ())
_AVERAGE = Rule("average", lambda w, mean, slots, s: (mean * s["old"] + w * s["new"], ()), True, ())


class Optimizer:
    """Base of all optimizers.

    One of your own defines either ``rule`` (and ``slots``, the names of the tensors it keeps for each variable),
    or ``update_step`` in assignments, with state made in ``build`` by ``add_variable``.

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
    late_slots = ()  # those of them that come after all others in ``variables``
    elementwise = True  # whether ``rule`` treats each element by itself
    hyperparameters = ()  # the names of the arguments, kept as attributes, that ``rule`` depends on

    def __init__(
        self,
        learning_rate,
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
        own = type(self).__name__
        if kwargs.pop("decay", None):
            raise TypeError(
                f"{own} no longer takes the argument `decay`. Write: learning_rate="
                f"keras.optimizers.schedules.InverseTimeDecay({learning_rate}, decay_steps=1, decay_rate=...)."
            )
        if kwargs:
            raise TypeError(
                f"{own} does not know the argument(s) {sorted(kwargs)}. "
                f"It takes learning_rate, weight_decay, clipnorm, ... (see its documentation)."
            )
        if sum(value is not None for value in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                f"{own}: only one of clipnorm, clipvalue and global_clipnorm can be set. Received: "
                f"clipnorm={clipnorm}, clipvalue={clipvalue}, global_clipnorm={global_clipnorm}."
            )
        for argument, value in (("clipnorm", clipnorm), ("clipvalue", clipvalue), ("global_clipnorm", global_clipnorm)):
            if value is not None and value < 0:
                raise ValueError(f"{own}: {argument} must not be negative. Received: {value}.")
        if use_ema and not 0 <= ema_momentum <= 1:
            raise ValueError(f"{own}: ema_momentum must be in [0, 1]. Received: {ema_momentum}.")
        for argument, value, least in (
            ("ema_overwrite_frequency", ema_overwrite_frequency, 1),
            ("gradient_accumulation_steps", gradient_accumulation_steps, 2),
        ):
            if value and (not isinstance(value, int) or value < least):
                raise ValueError(f"{own}: {argument} must be an integer of at least {least}. Received: {value!r}.")
        self.name = name or names.unique(names.snake_case(own))
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.built = False
        self._extra = []  # variables of a subclass: those of ``add_variable``, and attributes
        self._trainable_variables = []
        self._slots = []  # for each variable a tuple of Variables
        self._averages = []
        self._accumulators = []
        self._index = {}
        self._groups = {}
        self._not_decayed = ((), None)  # variables, and a pattern of names
        self._iterations = self._control(0, "int32", "iteration")
        self._schedule = None
        self._learning_rate = None
        self._set_learning_rate(learning_rate)

    def __setattr__(self, name, value):
        if isinstance(value, Variable) and name not in ("_iterations", "_learning_rate"):
            self._track(value)
        elif name.endswith("weight_decay"):
            self._groups = {}
        super().__setattr__(name, value)

    def _track(self, variable):
        if all(variable is not known for known in self._extra):
            self._extra.append(variable)

    def _control(self, value, dtype, name):
        """A number that steers the steps: one that an engine which runs eagerly reads as Python's."""
        variable = Variable(value, dtype=dtype, trainable=False, aggregation="only_first_replica", name=name, host=True)
        variable.path = f"{self.name}/{name}"
        return variable

    # -- learning rate

    def _set_learning_rate(self, value):
        if isinstance(value, Variable):
            self._schedule, self._learning_rate = None, value
        elif isinstance(value, LearningRateSchedule) or callable(value):
            self._schedule, self._learning_rate = value, None
        elif self._learning_rate is None:
            self._learning_rate = self._control(float(value), None, "learning_rate")
        else:
            self._learning_rate.assign(value)

    @property
    def learning_rate(self):
        """The learning rate: a Variable, or the value of the schedule at this step."""
        if self._schedule is None:
            return self._learning_rate
        return (
            self._schedule(self._iterations) if isinstance(self._schedule, LearningRateSchedule) else self._schedule()
        )

    @learning_rate.setter
    def learning_rate(self, value):
        if self._schedule is not None and not callable(value):
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

    @property
    def iterations(self):
        """How many updates there have been."""
        every = self.gradient_accumulation_steps
        return self._iterations // every if every else self._iterations

    # -- state

    def build(self, variables):
        """Create the state for ``variables``. The first ``apply`` does so by itself."""
        if self.built:
            return
        variables = list(variables)
        self._trainable_variables = variables
        self._index = {id(v): i for i, v in enumerate(variables)}
        self._averages, self._accumulators, self._slots = [], [], []
        self._make_state(variables)
        self.built = True

    def _make_state(self, variables):
        if self.use_ema:
            self._averages += [self._state(v, "average", np.zeros(v.shape)) for v in variables]
        if self.gradient_accumulation_steps:
            self._accumulators += [self._state(v, "gradient_accumulator", np.zeros(v.shape)) for v in variables]
        self._slots += [
            ()
            if v.overwrite_with_gradient
            else tuple(self._state(v, slot, self.initial(slot, v)) for slot in self.recipe(v).slots)
            for v in variables
        ]

    def extend(self, variables):
        """Be built for these variables, too: then one optimizer can train several models."""
        if not self.built:
            return self.build(variables)
        new = [v for v in variables if id(v) not in self._index]
        self._trainable_variables = [*self._trainable_variables, *new]
        self._index = {id(v): i for i, v in enumerate(self._trainable_variables)}
        self._make_state(new)

    def initial(self, slot, variable):
        """What ``slot`` of ``variable`` begins with, as a NumPy array."""
        return np.zeros(variable.shape)

    def _state(self, variable, name, value):
        name = f"{variable.path.replace('/', '_')}_{name}"
        dtype = variable.dtype if value.dtype.kind == "f" else value.dtype.name
        state = Variable(value, dtype=dtype, trainable=False, name=name)
        state.path = f"{self.name}/{name}"
        return state

    def add_variable(self, shape, initializer="zeros", dtype=None, aggregation="none", layout=None, name=None):
        """A new state variable, for optimizers of one's own."""
        from kbridge import initializers

        variable = Variable(
            initializers.get(initializer),
            shape=shape,
            dtype=dtype,
            trainable=False,
            aggregation=aggregation,
            layout=layout,
            name=name,
        )
        variable.path = f"{self.name}/{variable.name}"
        self._track(variable)
        return variable

    def add_variable_from_reference(self, reference_variable, name=None, initializer="zeros"):
        """A new state variable of the shape and dtype of ``reference_variable``."""
        name = f"{reference_variable.path.replace('/', '_')}_{name or 'var'}"
        return self.add_variable(reference_variable.shape, initializer, reference_variable.dtype, name=name)

    def add_optimizer_variables(self, trainable_variables, name, initializer="zeros"):
        """A list of new state variables, one for each of ``trainable_variables`` (lists of them for several names).

        It holds None for a variable that is overwritten with its gradient.
        """
        kinds = [name] if isinstance(name, str) else list(name)
        begin = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(kinds)
        if len(begin) != len(kinds):
            raise ValueError(
                f"{type(self).__name__}: there must be one initializer for all names or one for each. "
                f"Received: name={name}, initializer={initializer}."
            )
        found = tuple([] for _ in kinds)
        for variable in trainable_variables:
            for made, kind, one in zip(found, kinds, begin):
                skip = variable.overwrite_with_gradient
                made.append(None if skip else self.add_variable_from_reference(variable, kind, one))
        return found[0] if isinstance(name, str) else found

    @property
    def variables(self):
        """Its whole state, in the order that Keras keeps in files."""
        found = [self._iterations]
        if self._learning_rate is not None:
            found.append(self._learning_rate)
        found += self._averages + self._accumulators
        late = [[] for _ in self.late_slots]
        for variable, slots in zip(self._trainable_variables, self._slots):
            for name, slot in zip(self.recipe(variable).slots, slots):
                (late[self.late_slots.index(name)] if name in self.late_slots else found).append(slot)
        return found + [slot for column in late for slot in column] + self._extra

    def get_weights(self):
        return [v.numpy() for v in self.variables]

    def set_weights(self, weights):
        """Set the whole state, from arrays in the order of ``variables``."""
        if not self.built:
            raise ValueError(
                f"{type(self).__name__} has no state to set yet. Write: optimizer.build(model.trainable_variables)."
            )
        if len(weights) != len(self.variables):
            raise ValueError(
                f"{type(self).__name__} has {len(self.variables)} state variables. Received a list of {len(weights)}."
            )
        for variable, value in zip(self.variables, weights):
            variable.assign(value)

    def _get_variable_index(self, variable):
        """Where ``variable`` stands among those it was built with, for ``update_step`` of one's own."""
        return self._index[id(variable)]

    # -- the mathematics, for subclasses

    def scalars(self, learning_rate, step):
        """Numbers that are the same for every variable, computed once a step. ``step`` counts from 1."""
        return {"lr": learning_rate}

    def rule(self, g, w, slots, s):
        """(new value, new slots) for the gradient ``g`` of a value ``w``; ``s`` is what ``scalars`` gave."""
        raise NotImplementedError(f"{type(self).__name__} must define rule(g, w, slots, s) or update_step(...).")

    def recipe(self, variable):
        """How ``variable`` is updated, for optimizers that do not treat all alike."""
        return Recipe(self.slots, self.weight_decay, "rule", self.elementwise)

    def settings(self):
        """The Python numbers that ``rule`` depends on."""
        return tuple([getattr(self, name) for name in self.hyperparameters])

    def update_step(self, gradient, variable, learning_rate):
        """The update of one variable. An optimizer of one's own may define it, in assignments, instead of ``rule``."""
        groups = self._grouped([variable], decay=False)
        self._apply_rules(groups, [gradient], self._number(learning_rate))

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
        if not grads:
            return
        variables = self._known(grads, trainable_variables)
        grads, variables = self._with_gradients(grads, variables)
        convert = registry.current().convert
        grads = [convert(g, v.dtype) for g, v in zip(grads, variables)]
        if any([v.overwrite_with_gradient for v in variables]):
            grads, variables = self._overwrite(grads, variables)
        if variables:
            if self.loss_scale_factor is not None:
                grads = [g / self.loss_scale_factor for g in grads]
            if self.gradient_accumulation_steps:
                self._accumulate(grads, variables)
            else:
                self._update(grads, variables)
            if self.use_ema:
                self._update_averages()
            for v in variables:
                if v.constraint is not None:
                    v.assign(v.constraint(v.value))
        self._iterations.assign(self._iterations.value + 1)

    def apply_gradients(self, grads_and_vars):
        """``apply`` for pairs of a gradient and its variable."""
        grads, variables = zip(*grads_and_vars)
        self.apply(grads, variables)
        return self._iterations

    def stateless_apply(self, optimizer_variables, grads, trainable_variables):
        """(values of the trainable variables, values of the state) after ``apply``, from those given on.

        No variable changes.
        """
        if not self.built:
            raise ValueError(
                f"{type(self).__name__} must be built before stateless_apply(). "
                f"Write first: optimizer.build(model.trainable_variables)."
            )
        own, trained = self.variables, self._trainable_variables
        for what, given, expected in (
            ("optimizer_variables", optimizer_variables, own),
            ("trainable_variables", trainable_variables, trained),
        ):
            if len(given) != len(expected):
                raise ValueError(
                    f"{type(self).__name__}.stateless_apply: {what} must hold {len(expected)} tensors. "
                    f"Received: {len(given)}."
                )
        frame, engine = get_frame(), registry.current()
        bindings = dict(frame.bindings or {})
        for variable, value in zip([*trained, *own], [*trainable_variables, *optimizer_variables]):
            bindings[id(variable)] = engine.convert(value, variable.dtype)
        with entered(frame.child(engine=engine, bindings=bindings, written={})):
            self.apply(grads)
        return [bindings[id(v)] for v in trained], [bindings[id(v)] for v in own]

    def _known(self, grads, variables):
        """The variables that ``grads`` belong to; with the first ones it is built."""
        own = type(self).__name__
        if variables is None:
            if not self.built:
                raise ValueError(f"{own} does not know its variables yet. Write: optimizer.apply(grads, variables).")
            variables = self._trainable_variables
        else:
            variables = list(variables)
            if not self.built:
                self.build(variables)
        if len(grads) != len(variables):
            raise ValueError(f"{own}: {len(grads)} gradients were given for {len(variables)} variables.")
        if not all(map(self._index.__contains__, map(id, variables))):
            unknown = next(v for v in variables if id(v) not in self._index)
            raise ValueError(
                f"{own} was built for other variables: it has no state for {unknown.path!r}. "
                f"Make a new optimizer, or build this one with all variables: optimizer.build(variables)."
            )
        return variables

    def _with_gradients(self, grads, variables):
        if all([g is not None for g in grads]):
            return grads, variables
        missing = [v.path for g, v in zip(grads, variables) if g is None]
        kept = [(g, v) for g, v in zip(grads, variables) if g is not None]
        if not kept:
            raise ValueError(
                f"{type(self).__name__}: no gradient reached any variable ({missing}). Does the loss depend on them?"
            )
        warnings.warn(
            f"The loss does not depend on {missing}: they have no gradient and stay as they are.", stacklevel=3
        )
        grads, variables = zip(*kept)
        return list(grads), list(variables)

    def _overwrite(self, grads, variables):
        """Some variables just take the value of their gradient (statistics in float8 training); returns the others."""
        every = self.gradient_accumulation_steps
        for g, v in zip(grads, variables):
            if not v.overwrite_with_gradient:
                continue
            if not every:
                v.assign(g)
                continue
            total = self._accumulators[self._index[id(v)]]
            largest = ops.maximum(total.value, g)
            ends = (self._iterations.value + 1) % every == 0
            v.assign(ops.where(ends, largest, v.value))
            total.assign(ops.where(ends, ops.zeros_like(largest), largest))
        kept = [(g, v) for g, v in zip(grads, variables) if not v.overwrite_with_gradient]
        return [g for g, _ in kept], [v for _, v in kept]

    def _accumulate(self, grads, variables):
        every = self.gradient_accumulation_steps
        sums = [self._accumulators[self._index[id(v)]] for v in variables]
        registry.current().update(_SUM, grads, sums, [()] * len(sums), {})

        def update():
            self._update([total.value / every for total in sums], variables)
            for total in sums:
                total.assign(ops.zeros(total.shape, total.dtype))
            return ()

        ops.cond((self._iterations.value + 1) % every == 0, update, lambda: ())

    def _update(self, grads, variables):
        grads = self._clip(grads)
        if self._schedule is None:
            learning_rate = self._number(self._learning_rate)
        else:
            learning_rate = registry.current().on_host(lambda: self._number(self.learning_rate))
        if type(self).update_step is Optimizer.update_step:
            self._apply_rules(self._grouped(variables), grads, learning_rate)
            return
        for v in variables:
            decay = self._decay_of(v)
            if decay is not None:
                v.assign(v.value - v.value * ops.cast(decay * learning_rate, v.dtype))
        for g, v in zip(grads, variables):
            self.update_step(g, v, learning_rate)

    def _grouped(self, variables, decay=True):
        key = (decay, *map(id, variables))
        groups = self._groups.get(key)
        if groups is None:
            found = {}
            for i, v in enumerate(variables):
                recipe = self.recipe(v)._replace(weight_decay=self._decay_of(v) if decay else None)
                group = found.setdefault((recipe, v.dtype), _Group(recipe, v.dtype, [], [], []))
                group.places.append(i)
                group.variables.append(v)
                group.slots.append(self._slots[self._index[id(v)]])
            groups = self._groups[key] = list(found.values())
        return groups

    def _apply_rules(self, groups, grads, learning_rate):
        engine = registry.current()
        for recipe, dtype, places, variables, slots in groups:
            scalars = engine.on_host(self._scalars, learning_rate, dtype, recipe.weight_decay)
            chosen = grads if len(groups) == 1 else [grads[i] for i in places]
            engine.update(self._rule(recipe), chosen, variables, slots, scalars)

    def _rule(self, recipe):
        function = getattr(self, recipe.rule)
        name = names.snake_case(type(self).__name__)
        if recipe.rule != "rule":
            name = f"{name}_{recipe.rule}"
        if recipe.weight_decay is None:
            return Rule(name, function, recipe.elementwise, self.settings())

        def decayed(g, w, slots, s):
            return function(g, w * s["keep"], slots, s)

        return Rule(f"{name}_decayed", decayed, recipe.elementwise, self.settings())

    def _scalars(self, learning_rate, dtype, decay):
        """``scalars`` as numbers, or as tensors of ``dtype``; these are computed in float32 at least."""
        step = self._step()
        known = type(step) is float and type(learning_rate) is float
        if not known:
            wide = "float64" if dtype == "float64" else "float32"
            learning_rate, step = ops.cast(learning_rate, wide), ops.cast(step, wide)
        found = self.scalars(learning_rate, step)
        if decay is not None:
            found["keep"] = 1.0 - decay * learning_rate
        if known:
            return found
        return {name: x if type(x) in (int, float) else ops.cast(x, dtype) for name, x in found.items()}

    def _number(self, x):
        """The value of a Variable or number: Python's float where it is known without asking a device."""
        if isinstance(x, Variable):
            x = x.value
        return float(x) if isinstance(x, (int, float, np.generic)) else x

    def _step(self):
        """How many updates there will have been after this one: a float, or a tensor in a trace."""
        step = self._iterations.value
        if self.gradient_accumulation_steps:
            step = step // self.gradient_accumulation_steps
        return float(step + 1) if isinstance(step, int) else ops.cast(step + 1, "float32")

    def _clip(self, grads):
        if self.clipvalue:
            return [ops.clip(g, -self.clipvalue, self.clipvalue) for g in grads]
        if self.clipnorm:
            return [_clipped(g, ops.sqrt(ops.sum(ops.square(g))), self.clipnorm) for g in grads]
        if self.global_clipnorm:
            total = None
            for g in grads:
                part = ops.sum(ops.square(g))
                total = part if total is None else ops.add(total, part)
            norm = ops.sqrt(total)
            norm = norm + (norm - norm)  # an infinite norm makes NaN of all, not just of some
            return [_clipped(g, norm, self.global_clipnorm) for g in grads]
        return grads

    # -- weight decay and averages

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """Name variables (by themselves, or by patterns found in their names) that ``weight_decay`` leaves alone."""
        self._not_decayed = (tuple(var_list or ()), "|".join(var_names) if var_names else None)
        self._groups = {}

    def _decay_of(self, variable):
        listed, pattern = self._not_decayed
        if any(v is variable for v in listed) or (pattern is not None and re.search(pattern, variable.name)):
            return None
        return self.recipe(variable).weight_decay

    def _update_averages(self):
        def step():
            found = self._iterations.value
            return found // self.gradient_accumulation_steps if self.gradient_accumulation_steps else found

        def known():
            """The share of the old averages; the first step's values are the first averages."""
            return (self.ema_momentum if step() else 0.0) if isinstance(step(), int) else None

        old = registry.current().on_host(known)
        kinds = {}
        for average, v in zip(self._averages, self._trainable_variables):
            kinds.setdefault(v.dtype, []).append((average, v))
        for dtype, pairs in kinds.items():
            kept = ops.cast(step() != 0, dtype) * self.ema_momentum if old is None else old
            averages, variables = zip(*pairs)
            scalars = {"old": kept, "new": 1.0 - kept}
            registry.current().update(_AVERAGE, [v.value for v in variables], averages, [()] * len(pairs), scalars)
        every = self.ema_overwrite_frequency
        if every:

            def overwrite():
                for average, v in zip(self._averages, self._trainable_variables):
                    v.assign(average.value)
                return ()

            ops.cond((step() + 1) % every == 0, overwrite, lambda: ())

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
        else:
            rate = objects.serialize_keras_object(self._schedule)
        return {
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
            **{name: getattr(self, name) for name in self.hyperparameters},
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        rate, decay = config.get("learning_rate"), config.pop("decay", None)
        if isinstance(rate, dict):
            config["learning_rate"] = objects.deserialize_keras_object(rate, custom_objects=custom_objects)
        elif decay:  # in files of older releases, where the rate fell by itself
            config["learning_rate"] = InverseTimeDecay(rate, decay_steps=1, decay_rate=decay)
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
        # Identity does not survive copying: what is found by it is made anew.
        return {k: v for k, v in self.__dict__.items() if k not in ("_index", "_groups")}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._index = {id(v): i for i, v in enumerate(self._trainable_variables)}
        self._groups = {}

    def __repr__(self):
        rate = self._schedule or f"{float(self._learning_rate.numpy()):.6g}"
        return f"<{type(self).__name__} learning_rate={rate}>"


def _clipped(g, norm, limit):
    """``g`` scaled so that a norm of ``norm`` becomes ``limit``, where it is larger."""
    return g * ops.cast(limit / ops.maximum(norm, limit), g.dtype)


def complement(beta, step):
    """1 - beta ** step, without the loss of digits that it would mean for a tensor."""
    if beta == 0 or isinstance(step, float):
        return 1.0 - beta**step
    return -ops.expm1(step * math.log(beta))
