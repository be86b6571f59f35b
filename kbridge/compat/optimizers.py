"""Optimizers of Keras 1 and 2: their numbers are Variables, their updates can be had as a graph, and users write both.

An optimizer of theirs is one of today's, and trains as such: by ``rule``, on all engines. Beside that,
``get_updates`` gives the same mathematics as symbols, for ``K.function``. A class of one's own that defines
``get_updates`` is turned round: its updates are made once, of stand-ins for the gradients, and run in each step.
"""

import inspect
import sys
from contextlib import contextmanager
from difflib import get_close_matches

import numpy as np

from kbridge import config, objects, ops, optimizers
from kbridge.backend import registry
from kbridge.backend.frame import entered, get_frame
from kbridge.backend.symbolic import KerasTensor, is_symbol
from kbridge.backend.variable import Variable
from kbridge.compat import computing, notes
from kbridge.compat.backend import graph
from kbridge.compat.backend.values import KVariable
from kbridge.compat.door import parse

_OF_TODAY = tuple(inspect.signature(optimizers.Optimizer.__init__).parameters)[2:-1]  # weight_decay, clipnorm, ...


def clip_norm(g, c, n):
    """``g`` scaled so that the norm ``n`` becomes ``c``, where it is larger; ``c`` = 0 leaves it alone."""
    return ops.where(n >= c, g * c / n, g) if c > 0 else g


class Optimizer(optimizers.Optimizer):
    """Base of all optimizers. One of your own defines ``get_updates``, which returns updates made with K.

    Args:
        clipnorm: the gradients together are scaled down to at most this norm.
        clipvalue: each element of a gradient is clipped to this magnitude.
    """

    _schedule = _learning_rate = None  # classes of one's own may set the rate before they call the constructor
    _program = _stand_in = _listed_weights = None

    def __init__(self, **kwargs):
        rate = kwargs.pop("lr", kwargs.pop("learning_rate", None))
        unknown = sorted(set(kwargs) - set(_OF_TODAY))
        if unknown:
            raise TypeError(
                f"{type(self).__name__} does not know the argument(s) {unknown}. It takes: clipnorm, clipvalue."
            )
        clips = {name: kwargs.pop(name, None) for name in ("clipnorm", "clipvalue")}
        before = {name: value for name, value in vars(self).items() if isinstance(value, Variable)}
        optimizers.Optimizer.__init__(self, 0.0 if rate is None else rate, **kwargs)
        if rate is None:
            self._learning_rate = None
        for name, value in before.items():
            setattr(self, name, value)
        vars(self).update(clips)  # both at a time, if need be
        self.updates = []

    def __setattr__(self, name, value):
        held = vars(self).get(name)
        if isinstance(held, Variable) and isinstance(value, (int, float, np.generic)) and not isinstance(value, bool):
            held.assign(value)  # a number that was made a Variable stays one
        elif isinstance(value, Variable) and "_extra" not in vars(self):
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def _control(self, value, dtype, name):
        variable = KVariable(value, dtype=dtype, trainable=False, name=name, host=True)
        variable.path = f"{self.name}/{name}"
        return variable

    def _number_variable(self, value, name):
        """A number of this optimizer, as a Variable."""
        return self._control(float(value), config.floatx(), name)

    # -- what could be read and set

    def _set_learning_rate(self, value):
        if is_symbol(value):
            self._schedule, self._learning_rate = None, value
        else:
            super()._set_learning_rate(value)

    @property
    def iterations(self):
        """How many updates there have been."""
        return self._iterations

    @iterations.setter
    def iterations(self, value):
        if isinstance(value, Variable):
            self._iterations = value
        else:
            self._iterations.assign(value)

    @property
    def weights(self):
        """Its state: the count of updates, and then all Variables of a kind after those of another."""
        if self._listed_weights is not None:
            return self._listed_weights
        columns = zip(*(slots for slots in self._slots if slots))
        return [self._iterations, *(slot for column in columns for slot in column)]

    @weights.setter
    def weights(self, weights):
        self._listed_weights = list(weights)

    def get_weights(self):
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights):
        """Set the state, from arrays in the order of ``weights``."""
        own, weights = self.weights, list(weights)
        if len(weights) < len(own) and (not weights or np.shape(weights[0]) != ()):
            weights = [np.zeros(())] * (len(own) - len(weights)) + weights  # releases that did not count updates
        while len(weights) > len(own) and np.shape(weights[-1]) == (1,):
            weights.pop()  # Keras 2 kept an empty maximum for each variable where it kept none
        if len(own) != len(weights):
            hint = "" if self.built else " Train for a step first, or write: optimizer.build(model.trainable_weights)."
            raise ValueError(f"{type(self).__name__} has {len(own)} weights. Received a list of {len(weights)}.{hint}")
        for variable, value in zip(own, weights):
            if variable.shape != np.shape(value):
                raise ValueError(
                    f"{type(self).__name__}: the weight {variable.name!r} has the shape {variable.shape}. "
                    f"Received an array of the shape {np.shape(value)}."
                )
            variable.assign(np.asarray(value))

    # -- gradients and updates as symbols

    def get_gradients(self, loss, params):
        """Symbols for the gradients of ``loss`` with respect to ``params``, clipped."""
        params = list(params)
        if self._stand_in is not None and loss is self._stand_in[0] and all(id(p) in self._stand_in[1] for p in params):
            return self._clip([self._stand_in[1][id(p)] for p in params])
        found = graph.gradients(loss, params)
        if any(g is None for g in found):
            missing = [getattr(p, "name", p) for p, g in zip(params, found) if g is None]
            raise ValueError(f"{type(self).__name__}: the loss does not depend on {missing}, so there is no gradient.")
        return self._clip(found)

    def get_updates(self, *args, **kwargs):
        """Updates that make one step: ``get_updates(loss, params)``, or ``(params, constraints, loss)`` in Keras 1."""
        raise NotImplementedError(f"{type(self).__name__} must define get_updates(self, loss, params).")

    def _clip(self, grads):
        for limit in filter(None, (self.clipnorm, self.global_clipnorm)):  # then, both were of all gradients together
            norm = ops.sqrt(sum(ops.sum(ops.square(g)) for g in grads))
            grads = [clip_norm(g, limit, norm) for g in grads]
        return [ops.clip(g, -self.clipvalue, self.clipvalue) for g in grads] if self.clipvalue else grads

    # -- classes of one's own: their updates as a step

    def _has_own_updates(self):
        return not getattr(type(self).get_updates, "of_rule", False)

    def build(self, variables):
        if self.built or not self._has_own_updates():
            return super().build(variables)
        variables = list(variables)
        self._trainable_variables, self._index = variables, {id(v): i for i, v in enumerate(variables)}
        self._slots = [() for _ in variables]
        with entered(get_frame().child(bindings=None, captures=False, autocast=None)), computing.graphing():
            with _in_graphs(variables):
                self._trace(variables)
        self.built = True

    def _trace(self, variables):
        """Make the graph of a step from stand-ins for the gradients.

        The stand-in for the loss is such that its gradients are these: sum(g * w).
        """
        grads = [KerasTensor(v.shape, v.dtype, name=f"gradient_of_{v.name}") for v in variables]
        loss = sum(ops.sum(g * graph.read(v)) for g, v in zip(grads, variables))
        self._stand_in = loss, dict(zip(map(id, variables), grads))
        try:
            updates = _by_names(self.get_updates, loss, variables)
        finally:
            self._stand_in = None
        pairs, kept, run = graph.flat_updates(updates)
        own = type(self).__name__
        if not pairs:
            raise ValueError(
                f"{own}.get_updates returned no updates. Expected a list of K.update(variable, new). "
                f"Received: {updates!r}."
            )
        self._program = graph.Program(grads, run, pairs, kept, name=f"{own}.get_updates")
        steps = self._program.plan.nodes if self._program.plan is not None else []
        if any(s is loss for step in steps for s in step.inputs):
            raise NotImplementedError(
                f"{own}.get_updates computes with the value of the loss, which is not known where gradients are "
                f"applied. Use its gradients alone: self.get_gradients(loss, params)."
            )
        found = [v for step in steps for v in graph.variables_of(step)] + [pair.variable for pair in pairs]
        for v in found:
            if id(v) not in self._index and v is not self._iterations and v is not self._learning_rate:
                self._track(v)
        self._counts_itself = any(pair.variable is self._iterations for pair in pairs)

    def apply(self, grads, trainable_variables=None):
        if not self._has_own_updates():
            return super().apply(grads, trainable_variables)
        grads = list(grads)
        variables = self._known(grads, trainable_variables)
        missing = [v.path for g, v in zip(grads, variables) if g is None]
        if missing or len(variables) != len(self._trainable_variables):
            raise ValueError(
                f"{type(self).__name__}: get_updates was called for all {len(self._trainable_variables)} variables, so "
                f"each needs a gradient. Without one: {missing or 'those that were left out'}."
            )
        convert = registry.current().convert
        by_variable = {id(v): convert(g, v.dtype) for g, v in zip(grads, variables)}
        self._program._run(True, *[by_variable[id(v)] for v in self._trainable_variables])
        if not self._counts_itself:
            self._iterations.assign(self._iterations.value + 1)

    def __getstate__(self):
        state = super().__getstate__()
        if self._program is not None:  # the graph is of these very Variables: a copy makes its own
            state |= {"_program": None, "built": False, "_listed_weights": None}
        return state

    # -- configuration

    def get_config(self):
        """Arguments from which ``from_config`` makes an equal optimizer."""
        found = {name: getattr(self, name) for name in ("clipnorm", "clipvalue", "global_clipnorm", "weight_decay")}
        return {name: value for name, value in found.items() if value is not None}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


def _by_names(get_updates, loss, params):
    """Call ``get_updates`` of any generation: by what it calls its parameters."""
    given = {"loss": loss, "params": params}
    given["constraints"] = {v: v.constraint for v in params if v.constraint is not None}
    names = [name for name, p in inspect.signature(get_updates).parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    if all(name in given for name in names) and names:
        return get_updates(**{name: given[name] for name in names})
    return get_updates(loss, params)


@contextmanager
def _in_graphs(variables):
    """While a graph is made, operators of these Variables make symbols, too."""
    plain = [v for v in variables if type(v) is Variable]
    for v in plain:
        v.__class__ = KVariable
    try:
        yield
    finally:
        for v in plain:
            v.__class__ = Variable


# -- those of Keras


def _complement(beta, step):
    """1 - beta ** step, without the loss of digits that it would mean for a tensor."""
    if isinstance(beta, float) and isinstance(step, float):
        return 1.0 - beta**step
    return -ops.expm1(step * ops.log(beta))


def _power(base, exponent):
    return base**exponent if isinstance(exponent, float) else ops.power(base, exponent)


class BuiltIn(Optimizer):
    """What the optimizers of Keras have in common.

    ``rate``: the learning rate. ``numbers``: arguments that are kept as Variables. ``plain``: arguments that are not.
    ``orders``: the arguments by position, in the releases that differ in it; the last one where nothing tells.
    """

    rate = 0.01
    numbers = {}
    plain = {}
    decays = True
    orders = ()
    rate_name = "learning_rate"
    fuzz = None  # the default of epsilon; None is ``K.epsilon()``
    _from_config = False

    def __init__(self, *args, **kwargs):
        given = self._by_position(args)
        for name, value in kwargs.items():
            name = "learning_rate" if name == "lr" else name
            if name in given:
                raise TypeError(f"{type(self).__name__} was given {name!r} twice.")
            given[name] = value
        known = ["learning_rate", *self.numbers, *self.plain, *(["decay"] if self.decays else []), *_OF_TODAY]
        unknown = sorted(set(given) - set(known))
        if unknown:
            close = get_close_matches(unknown[0], known, 1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise TypeError(f"{type(self).__name__} does not know the argument(s) {unknown}.{hint}")
        if ("lr" in kwargs or given.get("decay")) and not self._from_config:
            self._note(given)
        rate = given.get("learning_rate", self.rate)
        super().__init__(learning_rate=rate, **{name: given[name] for name in _OF_TODAY if name in given})
        for name, default in self.numbers.items():
            setattr(self, name, self._number_variable(given.get(name, default), name))
        for name, default in self.plain.items():
            value = given.get(name, default)
            if name == "epsilon" and value is None:
                value = self.fuzz or config.epsilon()
            setattr(self, name, value)
        if self.decays:
            self.initial_decay = float(given.get("decay") or 0.0)
            self.decay = self._number_variable(self.initial_decay, "decay")

    def _by_position(self, args):
        """The arguments given by position, by name: a flag in the place of a number tells the releases apart."""
        order = next((order for order in self.orders if _fits(order, args)), None)
        if order is None:
            raise TypeError(f"{type(self).__name__} takes at most {max(map(len, self.orders))} arguments by position.")
        return dict(zip(order, args))

    def _note(self, given):
        rate, decay = given.get("learning_rate", self.rate), given.get("decay")
        wanted = {"learning_rate": rate, **{k: v for k, v in given.items() if k not in ("learning_rate", "decay")}}
        text = notes.call(type(self).__name__, wanted)
        if decay:
            schedule = f"keras.optimizers.schedules.InverseTimeDecay({rate}, decay_steps=1, decay_rate={decay})"
            text = text.replace(f"learning_rate={notes.shown(rate)}", f"learning_rate={schedule}", 1)
        notes.corrected(text)

    # -- the numbers, wherever they are needed

    def _values(self, read):
        """The numbers, and the decay if there is any, as ``read`` gives them."""
        names = [*self.numbers, *(["decay"] if self.decays and self.initial_decay > 0 else [])]
        return {name: read(getattr(self, name)) for name in names}

    def scalars(self, learning_rate, step):
        def read(x):
            x = self._number(x)
            return x if type(x) is float or type(step) is float else ops.cast(x, ops.dtype(step))

        return self._scalars_of(learning_rate, step, self._values(read))

    def _scalars_of(self, rate, step, values):
        decay = values.pop("decay", None)
        if decay is not None:
            rate = rate / (1.0 + decay * (step - 1.0))
        return {**values, **self.computed(rate, step, values)}

    def computed(self, rate, step, values):
        """Numbers that are the same for all variables, beside those in ``values``."""
        return {"lr": rate}

    def settings(self):
        found = [self._number(getattr(self, name)) for name in self.numbers]
        found += [getattr(self, name) for name in self.plain]
        return tuple(found) if all(isinstance(x, (float, int)) for x in found) else ()

    def _held(self, s):
        """The numbers in ``s``; where an engine tries out a rule without them, as they are now."""
        return s if not self.numbers or next(iter(self.numbers)) in s else {**s, **self._values(self._number)}

    # -- the same as a graph

    def get_updates(self, *args, **kwargs):
        """Updates that make one step: of ``(loss, params)``, or ``(params, constraints, loss)`` as in Keras 1."""
        loss, params, constraints = _arguments_of_updates(args, kwargs)
        if not any(self._slots):
            optimizers.Optimizer.build(self, params)
        if any(id(p) not in self._index for p in params):  # it is asked for some variables after others
            optimizers.Optimizer.extend(self, params)
        grads = self.get_gradients(loss, params)

        def read(x):
            return graph.read(x) if isinstance(x, Variable) else x

        self.updates = [graph.Update(self._iterations, read(self._iterations) + 1)]
        step = ops.cast(read(self._iterations), config.floatx()) + 1.0
        s = self._scalars_of(read(self.learning_rate), step, self._values(read))
        for variable, value in self._own_updates(step, s):
            self.updates.append(graph.Update(variable, value))
        for p, g in zip(params, grads):
            slots = self._slots[self._index[id(p)]]
            new, states = self.rule(g, read(p), tuple(read(slot) for slot in slots), s)
            self.updates += [graph.Update(slot, state) for slot, state in zip(slots, states)]
            constraint = p.constraint if constraints is None else constraints.get(p)
            self.updates.append(graph.Update(p, new if constraint is None else constraint(new)))
        return self.updates

    get_updates.of_rule = True

    def _own_updates(self, step, s):
        """Pairs of further Variables and their next values, as symbols."""
        return ()

    # -- configuration

    def get_config(self):
        rate = objects.serialize_keras_object(self._schedule) if self._schedule else _as_float(self._learning_rate)
        found = {**super().get_config(), self.rate_name: rate}
        for name in [*self.numbers, *(["decay"] if self.decays else [])]:
            found[name] = _as_float(getattr(self, name))
        return {**found, **{name: getattr(self, name) for name in self.plain}}

    def _state_for_files(self):
        """Its state as today's optimizer has it: without the numbers, which are in the config."""
        numbers = {id(getattr(self, name)) for name in [*self.numbers, *(["decay"] if self.decays else [])]}
        return [variable for variable in self.variables if id(variable) not in numbers]

    def save_own_variables(self, store):
        for i, variable in enumerate(self._state_for_files()):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store):
        variables = self._state_for_files()
        if len(variables) != len(store.keys()):
            super().load_own_variables(store)
            return
        for i, variable in enumerate(variables):
            variable.assign(store[str(i)])

    def _config_for_files(self):
        """The same in words that today's optimizer of this name takes, as far as it can."""
        config = self.get_config()
        if "lr" in config and type(self).get_config is BuiltIn.get_config:
            config["learning_rate"] = config.pop("lr")
        for name, usual in (("decay", 0.0), ("schedule_decay", Nadam.plain["schedule_decay"])):
            if config.get(name) == usual:
                del config[name]
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = {key: value for key, value in config.items() if value is not None or key not in _OF_TODAY}
        rate = config.get("learning_rate")
        if isinstance(rate, dict):
            config["learning_rate"] = objects.deserialize_keras_object(rate, custom_objects=custom_objects)
        self = cls.__new__(cls)
        vars(self)["_from_config"] = True  # nobody wrote this call
        self.__init__(**config)
        return self


def _as_float(x):
    """The value of a number, a Variable or a symbol."""
    if is_symbol(x):
        x = registry.current().to_numpy(graph.evaluate([x])[0])
    return float(x)


_FLAGS = ("nesterov", "amsgrad")


def _fits(order, args):
    return len(args) <= len(order) and all(
        isinstance(value, bool) == (name in _FLAGS) for name, value in zip(order, args)
    )


def _arguments_of_updates(args, kwargs):
    """(loss, params, constraints) of a call of ``get_updates`` in the words of any generation."""
    names = ("loss", "params")
    if len(args) == 3 or "constraints" in kwargs or args and isinstance(args[0], (list, tuple)):
        names = ("params", "constraints", "loss") if len(args) != 2 or "loss" in kwargs else ("params", "loss")
    given = {**dict(zip(names, args)), **kwargs}
    unknown = sorted(set(given) - {"loss", "params", "constraints"})
    if unknown or "loss" not in given or "params" not in given:
        raise TypeError(f"get_updates takes (loss, params), or (params, constraints, loss). Received: {sorted(given)}.")
    return given["loss"], list(given["params"]), given.get("constraints")


class SGD(BuiltIn, optimizers.SGD):
    """Gradient descent, with momentum (Nesterov's, if asked)."""

    rate = 0.01
    numbers = {"momentum": 0.0}
    plain = {"nesterov": False}
    slots = ("momentum",)

    def rule(self, g, w, slots, s):
        momentum = self._held(s)["momentum"]
        velocity = slots[0] * momentum - g * s["lr"]
        return w + (velocity * momentum - g * s["lr"] if self.nesterov else velocity), (velocity,)


class RMSprop(BuiltIn, optimizers.RMSprop):
    """Steps scaled by a running average of the gradient's square."""

    rate = 0.001
    numbers = {"rho": 0.9}
    plain = {"epsilon": None}
    slots = ("velocity",)

    def rule(self, g, w, slots, s):
        rho = self._held(s)["rho"]
        v = slots[0] * rho + g * g * (1.0 - rho)
        return w - g * s["lr"] / (ops.sqrt(v) + self.epsilon), (v,)


class Adagrad(BuiltIn, optimizers.Adagrad):
    """Steps scaled by the sum of the gradient's squares so far."""

    rate = 0.01
    plain = {"epsilon": None}
    initial_accumulator_value = 0.0

    def rule(self, g, w, slots, s):
        total = slots[0] + g * g
        return w - g * s["lr"] / (ops.sqrt(total) + self.epsilon), (total,)


class Adadelta(BuiltIn, optimizers.Adadelta):
    """Steps scaled by the ratio of past steps to past gradients."""

    rate = 1.0
    numbers = {"rho": 0.95}
    plain = {"epsilon": None}

    def rule(self, g, w, slots, s):
        rho = self._held(s)["rho"]
        gradients, steps = slots
        gradients = gradients * rho + g * g * (1.0 - rho)
        step = g * ops.sqrt(steps + self.epsilon) / ops.sqrt(gradients + self.epsilon)
        return w - step * s["lr"], (gradients, steps * rho + step * step * (1.0 - rho))


class Adam(BuiltIn, optimizers.Adam):
    """Steps scaled by running averages of the gradient and of its square."""

    rate = 0.001
    numbers = {"beta_1": 0.9, "beta_2": 0.999}
    plain = {"epsilon": None, "amsgrad": False}

    @property
    def slots(self):
        return ("momentum", "velocity", "velocity_hat") if self.amsgrad else ("momentum", "velocity")

    def computed(self, rate, step, values):
        up = _complement(values["beta_2"], step)
        return {
            "alpha": rate * (up**0.5 if isinstance(up, float) else ops.sqrt(up)) / _complement(values["beta_1"], step)
        }

    def rule(self, g, w, slots, s):
        h = self._held(s)
        m, v = slots[:2]
        m = m + (g - m) * (1.0 - h["beta_1"])
        v = v + (g * g - v) * (1.0 - h["beta_2"])
        largest = ops.maximum(slots[2], v) if self.amsgrad else v
        w = w - m * s["alpha"] / (ops.sqrt(largest) + self.epsilon)
        return w, (m, v, largest) if self.amsgrad else (m, v)


class Adamax(BuiltIn, optimizers.Adamax):
    """Adam with the largest gradient in the place of the mean square."""

    rate = 0.002
    numbers = {"beta_1": 0.9, "beta_2": 0.999}
    plain = {"epsilon": None}

    def computed(self, rate, step, values):
        return {"alpha": rate / _complement(values["beta_1"], step)}

    def rule(self, g, w, slots, s):
        h = self._held(s)
        m, u = slots
        m = m + (g - m) * (1.0 - h["beta_1"])
        u = ops.maximum(u * h["beta_2"], ops.absolute(g))
        return w - m * s["alpha"] / (u + self.epsilon), (m, u)


class Nadam(BuiltIn, optimizers.Nadam):
    """Adam with Nesterov's momentum."""

    rate = 0.002
    numbers = {"beta_1": 0.9, "beta_2": 0.999}
    plain = {"epsilon": None, "schedule_decay": 0.004}
    decays = False

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.m_schedule = self._number_variable(1.0, "m_schedule")  # the product of all momenta so far

    def build(self, variables):
        if self._has_own_updates():
            super().build(variables)
        else:
            optimizers.Optimizer.build(self, variables)

    @property
    def weights(self):
        found = super().weights
        return found if self._listed_weights is not None else [found[0], self.m_schedule, *found[1:]]

    weights = weights.setter(Optimizer.weights.fset)

    def _values(self, read):
        return {**super()._values(read), "m_schedule": read(self.m_schedule)}

    def settings(self):
        return ()  # one of them is new in each step

    def _momenta(self, beta, step):
        now, ahead = (beta * (1.0 - 0.5 * _power(0.96, t * self.schedule_decay)) for t in (step, step + 1.0))
        return now, ahead

    def computed(self, rate, step, values):
        now, ahead = self._momenta(values["beta_1"], step)
        product = values["m_schedule"] * now
        return {
            "lr": rate,
            "m_scale": ahead / (1.0 - product * ahead),
            "g_scale": (1.0 - now) / (1.0 - product),
            "v_scale": 1.0 / _complement(values["beta_2"], step),
            "product": product,
        }

    def rule(self, g, w, slots, s):
        h = self._held(s)
        m, v = slots
        m = m + (g - m) * (1.0 - h["beta_1"])
        v = v + (g * g - v) * (1.0 - h["beta_2"])
        ahead = m * s["m_scale"] + g * s["g_scale"]
        return w - ahead * s["lr"] / (ops.sqrt(v * s["v_scale"]) + self.epsilon), (m, v)

    def _update(self, grads, variables):
        optimizers.Optimizer._update(self, grads, variables)

        def product():
            now, _ = self._momenta(self._number(self.beta_1), self._step())
            return self._number(self.m_schedule) * now

        self.m_schedule.assign(registry.current().on_host(product))

    def _own_updates(self, step, s):
        return [(self.m_schedule, s["product"])]


def made(base, signature, *orders, **attributes):
    """The class of a generation: ``base``, with the arguments of ``signature``, text as in a ``def``.

    ``orders``: the names of the arguments by position in other releases of the generation.
    """
    parsed = parse(signature)
    names = tuple(p.name for p in parsed.parameters.values() if p.kind is not p.VAR_KEYWORD)
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)

    def __init__(self, *args, **kwargs):
        super(cls, self).__init__(*args, **kwargs)

    __init__.__signature__ = parsed.replace(parameters=[own, *parsed.parameters.values()])
    orders = [tuple("learning_rate" if n == "lr" else n for n in order) for order in (names, *map(str.split, orders))]
    cls = type(
        base.__name__,
        (base,),
        {
            "__init__": __init__,
            "__doc__": base.__doc__,
            "__module__": sys._getframe(1).f_globals["__name__"],
            "orders": orders,
            "rate_name": names[0],
            **attributes,
        },
    )
    objects.stand_in(cls, getattr(optimizers, base.__name__))
    return cls


class TFOptimizer(Optimizer):
    """An optimizer of TensorFlow's own: none of these is run here."""

    def __init__(self, optimizer):
        raise NotImplementedError(refusal_of(optimizer))


def refusal_of(optimizer):
    """What to write in the place of an optimizer of TensorFlow's own."""
    name = type(optimizer).__name__.removesuffix("Optimizer")
    today = {"GradientDescent": "SGD", "Momentum": "SGD", "RMSProp": "RMSprop"}.get(name, name)
    known = today if hasattr(optimizers, today) else "Adam"
    return (
        f"{type(optimizer).__module__}.{type(optimizer).__name__} is an optimizer of TensorFlow's own, which only its "
        f"engine could run. Write: keras.optimizers.{known}(lr=...), which runs on all."
    )


def get(family, identifier):
    """The optimizer that ``family`` knows for a name or config, or ``identifier`` itself if it is one."""
    if hasattr(identifier, "compute_gradients") or hasattr(identifier, "apply_gradients"):
        if not isinstance(identifier, (optimizers.Optimizer, type)):
            raise NotImplementedError(refusal_of(identifier))
    if isinstance(identifier, Optimizer) and "_iterations" not in vars(identifier):
        Optimizer.__init__(identifier)  # a constructor of one's own may not have called it
    return family.get(identifier)
