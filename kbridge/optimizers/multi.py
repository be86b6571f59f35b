"""Several optimizers for one model: which of them updates which variable."""

import re
from collections.abc import MutableMapping

from kbridge import objects
from kbridge.optimizers.loss_scale import LossScaleOptimizer
from kbridge.optimizers.optimizer import Optimizer


class OptimizerMap(MutableMapping):
    """Optimizers by the paths of variables, or by regular expressions that match a path as a whole.

    >>> optimizers = OptimizerMap(SGD(0.1))
    >>> optimizers["encoder/.*"] = Adam()

    Args:
        default_optimizer: the optimizer of all variables that nothing else is said about.
        optimizer_map: a dict to begin with.
    """

    def __init__(self, default_optimizer, optimizer_map=None):
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(f"OptimizerMap: default_optimizer must be an Optimizer. Received: {default_optimizer!r}.")
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise TypeError(f"OptimizerMap: optimizer_map must be a dict. Received: {optimizer_map!r}.")
        self._default_optimizer = default_optimizer
        self._optimizers = {}
        self.update(optimizer_map or {})

    @property
    def default_optimizer(self):
        """The optimizer of all variables that nothing else is said about."""
        return self._default_optimizer

    def __getitem__(self, key):
        if key in self._optimizers:
            return self._optimizers[key]
        matching = [pattern for pattern in self._optimizers if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(f"OptimizerMap: several of its patterns match {key!r}: {matching}. Make them exclusive.")
        return self._optimizers[matching[0]] if matching else self.default_optimizer

    def __setitem__(self, key, optimizer):
        if not isinstance(key, str):
            raise ValueError(f"OptimizerMap: keys are paths or patterns. Received: {key!r}.")
        if key in self._optimizers:
            raise ValueError(
                f"OptimizerMap has an optimizer for {key!r}: {self._optimizers[key]!r}. Write first: del map[{key!r}]."
            )
        if not isinstance(optimizer, Optimizer):
            raise ValueError(f"OptimizerMap: {key!r} must be given an Optimizer. Received: {optimizer!r}.")
        _check_single(optimizer)
        self._optimizers[key] = optimizer

    def __delitem__(self, key):
        del self._optimizers[key]

    def __len__(self):
        return len(self._optimizers)

    def __iter__(self):
        return iter(self._optimizers)

    def __call__(self, variable):
        return self[variable.path]

    def get_config(self):
        return {
            "default_optimizer": objects.serialize_keras_object(self._default_optimizer),
            "optimizer_map": objects.serialize_keras_object(self._optimizers),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**{k: objects.deserialize_keras_object(v, custom_objects=custom_objects) for k, v in config.items()})


class MultiOptimizer(Optimizer):
    """Leaves each variable to one of several optimizers.

    Args:
        optimizer_map: an ``OptimizerMap``, or a function from a variable to its optimizer.
        loss_scale_factor: the loss is multiplied by it and the gradients divided by it, in place of what the
            optimizers say themselves.
        name: its name.
    """

    def __init__(self, optimizer_map, loss_scale_factor=None, name=None):
        if not callable(optimizer_map):
            raise TypeError(
                f"MultiOptimizer: optimizer_map must be an OptimizerMap or a function from a variable to its "
                f"optimizer. Received: {optimizer_map!r}."
            )
        self._optimizers = []
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)
        self._map = optimizer_map
        if isinstance(optimizer_map, OptimizerMap):
            for optimizer in (*optimizer_map.values(), optimizer_map.default_optimizer):
                self._add(optimizer)

    def _add(self, optimizer):
        """Its place among the optimizers; it becomes one of them."""
        for i, known in enumerate(self._optimizers):
            if known is optimizer:
                return i
        if not isinstance(optimizer, Optimizer):
            raise ValueError(f"MultiOptimizer: a variable must be given an Optimizer. Received: {optimizer!r}.")
        _check_single(optimizer)
        optimizer.loss_scale_factor = self.loss_scale_factor
        self._optimizers.append(optimizer)
        return len(self._optimizers) - 1

    def build(self, variables):
        if self.built:
            return
        variables = list(variables)
        super().build(variables)
        self._places = [self._add(self._map(v)) for v in variables]
        for i, optimizer in enumerate(self._optimizers):
            chosen = [v for v, place in zip(variables, self._places) if place == i]
            if chosen:
                optimizer.build(chosen)

    @property
    def optimizers(self):
        """The optimizers it consists of."""
        return self._optimizers

    @property
    def variables(self):
        return super().variables + [v for optimizer in self._optimizers for v in optimizer.variables]

    @property
    def loss_scale_factor(self):
        return self._loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, value):
        self._loss_scale_factor = value
        for optimizer in self._optimizers:
            optimizer.loss_scale_factor = value

    @property
    def learning_rate(self):
        raise AttributeError(
            "MultiOptimizer has no learning rate of its own. Write: optimizer.optimizers[0].learning_rate."
        )

    @learning_rate.setter
    def learning_rate(self, value):
        raise AttributeError(
            f"MultiOptimizer has no learning rate of its own. Write: optimizer.optimizers[0].learning_rate = {value!r}."
        )

    @property
    def iterations(self):
        """How many steps there have been."""
        return self._iterations

    def _per_optimizer(self, variables):
        """Pairs of an optimizer and the indices of its variables."""
        places = [self._places[self._index[id(v)]] for v in variables]
        for i, optimizer in enumerate(self._optimizers):
            chosen = [n for n, place in enumerate(places) if place == i]
            if chosen:
                yield optimizer, chosen

    def apply(self, grads, trainable_variables=None):
        grads = list(grads)
        if not grads:
            return
        variables = self._known(grads, trainable_variables)
        self._with_gradients(grads, variables)  # says what is missing
        for optimizer, chosen in self._per_optimizer(variables):
            chosen = [i for i in chosen if grads[i] is not None]
            optimizer.apply([grads[i] for i in chosen], [variables[i] for i in chosen])
        self._iterations.assign(self._iterations.value + 1)

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        for optimizer in self._optimizers:
            optimizer.exclude_from_weight_decay(var_list, var_names)

    def finalize_variable_values(self, var_list):
        var_list = [v for v in var_list if id(v) in self._index]
        for optimizer, chosen in self._per_optimizer(var_list):
            optimizer.finalize_variable_values([var_list[i] for i in chosen])

    def get_config(self):
        return {
            "optimizer_map": objects.serialize_keras_object(self._map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        found = objects.deserialize_keras_object(config.pop("optimizer_map"), custom_objects=custom_objects)
        return cls(found, **config)

    def __repr__(self):
        return f"<MultiOptimizer of {self._optimizers!r}>"


def _check_single(optimizer):
    if isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
        raise ValueError(
            f"A {type(optimizer).__name__} cannot be one of several optimizers. Give the optimizers inside it; "
            f"a MultiOptimizer itself may be wrapped: LossScaleOptimizer(MultiOptimizer(...))."
        )
