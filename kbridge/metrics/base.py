"""What metrics have in common, and the means and sums that most of them are."""

from kbridge import config, dtype_policies, initializers, losses, ops
from kbridge.backend import names, registry
from kbridge.backend.frame import entered, get_frame
from kbridge.backend.tree import flatten, is_nested
from kbridge.backend.variable import Variable
from kbridge.objects import serialize_keras_object

_NUMBERS_AND_TEXTS = (bool, int, float, str)  # what holds no variable


class Metric:
    """A number about predictions, gathered over batches. To write one, define ``update_state`` and ``result``.

    What is gathered is held in variables made by ``add_weight``, and changed with ops alone: then a metric
    runs inside a compiled step, on every engine.

    Args:
        dtype: the dtype it computes in; a dtype policy will do.
        name: its name.
    """

    size = None  # how long its state is, where only the data tell; see ``build``

    def __init__(self, dtype=None, name=None):
        self.name = name or names.unique(names.snake_case(type(self).__name__))
        self._dtype = config.floatx() if dtype is None else dtype_policies.get(dtype).compute_dtype
        self._variables = []

    @property
    def dtype(self):
        """The dtype it computes in."""
        return self._dtype

    # -- state

    def add_variable(self, shape, initializer, dtype=None, aggregation="sum", name=None):
        """A new variable of its state."""
        self._check_constructed()
        variable = Variable(
            initializers.get("zeros" if initializer is None else initializer),
            shape=shape,
            dtype=dtype,
            trainable=False,
            autocast=False,
            aggregation=aggregation,
            name=name or "variable",
        )
        variable.path = f"{self.name}/{variable.name}"
        self._variables.append(variable)
        return variable

    def add_weight(self, shape=(), initializer=None, dtype=None, name=None):
        """A new variable of its state."""
        return self.add_variable(shape=shape, initializer=initializer, dtype=dtype, name=name)

    @property
    def variables(self):
        """Its variables, and those of metrics that it holds."""
        self._check_constructed()
        found = {id(variable): variable for variable in self._variables}
        for value in vars(self).values():
            if value is None or type(value) in _NUMBERS_AND_TEXTS:
                continue
            for item in flatten(value) if is_nested(value) else (value,):
                if isinstance(item, Variable):
                    found[id(item)] = item
                elif isinstance(item, Metric) and item is not self:
                    found.update((id(variable), variable) for variable in item.variables)
        return list(found.values())

    @property
    def weights(self):
        return self.variables

    def ensure_size(self, size):
        """Make the state, if that was left until the ``size`` of the data is known."""
        if self.size is None:
            self.build(size)
            self.size = size

    def build(self, size):
        """Make the variables that depend on the data."""

    def _check_constructed(self):
        if "_variables" not in vars(self):
            raise RuntimeError(
                f"{type(self).__name__}: the constructor did not call super().__init__(). Call it before anything else."
            )

    # -- what a metric does

    def update_state(self, *args, **kwargs):
        """Take a batch into account."""
        raise NotImplementedError(f"{type(self).__name__} needs a method update_state(self, y_true, y_pred, ...).")

    def result(self):
        """The number, as a tensor."""
        raise NotImplementedError(f"{type(self).__name__} needs a method result(self).")

    def reset_state(self):
        """Forget all batches."""
        for variable in self.variables:
            variable.assign(ops.zeros(variable.shape, variable.dtype))

    def reset_states(self):
        self.reset_state()

    def merge_state(self, metrics):
        """Take into account what other metrics of this kind have gathered."""
        for metric in metrics:
            if metric.size is not None:
                self.ensure_size(metric.size)
            own, other = self.variables, metric.variables
            if [v.shape for v in own] != [v.shape for v in other]:
                raise ValueError(
                    f"Metric {self.name!r} cannot take over the state of {metric.name!r}: its variables have the "
                    f"shapes {[v.shape for v in own]}, the other's {[v.shape for v in other]}."
                )
            for variable, more in zip(own, other):
                variable.assign_add(more.value)

    def __call__(self, *args, **kwargs):
        """Take a batch into account, and return the result so far."""
        self._check_constructed()
        self.update_state(*args, **kwargs)
        return self.result()

    # -- the same as functions of the state

    def stateless_update_state(self, metric_variables, *args, **kwargs):
        """The values of ``variables`` after an update, if before they are ``metric_variables``."""
        return self._with_state(metric_variables, self.update_state, *args, **kwargs)[1]

    def stateless_result(self, metric_variables):
        """The result if the values of ``variables`` are ``metric_variables``."""
        return self._with_state(metric_variables, self.result)[0]

    def stateless_reset_state(self):
        """The values of ``variables`` after a reset."""
        return self._with_state([variable.value for variable in self.variables], self.reset_state)[1]

    def _with_state(self, values, method, *args, **kwargs):
        """What ``method`` returns, and the state it leaves, from ``values`` on; the variables stay as they are."""
        variables = self.variables
        if len(values) != len(variables):
            raise ValueError(
                f"Metric {self.name!r} has {len(variables)} variables. "
                f"Expected metric_variables to hold one value for each. Received: {len(values)} values."
            )
        frame, engine = get_frame(), registry.current()
        bindings = dict(frame.bindings or {})
        bindings.update((id(v), engine.convert(value, v.dtype)) for v, value in zip(variables, values))
        with entered(frame.child(bindings=bindings, written={})):
            result = method(*args, **kwargs)
        return result, [bindings[id(variable)] for variable in variables]

    # -- configuration

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}>"


class Sum(Metric):
    """The weighted sum of the values."""

    def __init__(self, name="sum", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", dtype=self.dtype, name="total")

    def update_state(self, values, sample_weight=None):
        values, _ = _per_sample(values, sample_weight, self.dtype, ops.sum)
        self.total.assign_add(ops.sum(values))

    def result(self):
        return ops.convert_to_tensor(self.total)


class Mean(Metric):
    """The weighted mean of the values."""

    def __init__(self, name="mean", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", dtype=self.dtype, name="total")
        self.count = self.add_variable((), "zeros", dtype=self.dtype, name="count")

    def update_state(self, values, sample_weight=None):
        if type(sample_weight) is int and getattr(values, "shape", None) == ():  # the mean of so many: of ones it is 1
            self.total.assign_add(ops.fused.settled(values) * sample_weight)
            self.count.assign_add(sample_weight)
            return
        values, weights = _per_sample(values, sample_weight, self.dtype, ops.mean)
        if weights is not None:
            self.total.assign_add(ops.sum(values))
            self.count.assign_add(ops.sum(weights))
        elif len(values.shape):
            self.total.assign_add(ops.sum(values))
            samples = ops.shape(values)[0]
            self.count.assign_add(samples if isinstance(samples, int) else ops.cast(samples, self.dtype))
        else:
            self.total.assign_add(values)
            self.count.assign_add(1)

    def result(self):
        return ops.divide_no_nan(self.total.value, self.count.value)


class MeanMetricWrapper(Mean):
    """The mean of ``fn(y_true, y_pred, **kwargs)``, which returns a value per sample."""

    def __init__(self, fn, name=None, dtype=None, **kwargs):
        super().__init__(name=name, dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs
        vars(self).update(kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None, mask=None):
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        super().update_state(values, losses.apply_mask(sample_weight, mask, self.dtype))

    def get_config(self):
        config = {**super().get_config(), **serialize_keras_object(self._fn_kwargs)}
        if type(self).__init__ is MeanMetricWrapper.__init__:
            config["fn"] = serialize_keras_object(self._fn)
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**losses.with_function(config))


def _per_sample(values, weights, dtype, reduce):
    """Weighted values, and their weights, with one axis at most: what is beyond is reduced."""
    values = losses.as_dtype(values, dtype)
    if weights is None:
        return _reduce_from(1, values, reduce), None
    weights = losses.as_dtype(weights, dtype)
    values, weights = losses.match_ranks(values, weights)
    values = _reduce_from(len(weights.shape), values, reduce)
    if tuple(weights.shape) != tuple(values.shape) or None in tuple(values.shape):
        weights = ops.broadcast_to(weights, ops.shape(values))
    return _reduce_from(1, values * weights, reduce), _reduce_from(1, weights, reduce)


def _reduce_from(axis, x, reduce):
    rank = len(x.shape)
    return reduce(x, axis=tuple(range(axis, rank))) if rank > axis else x
