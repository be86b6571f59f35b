"""Optimizers on every engine, against Keras; and what they promise beyond the numbers."""

import copy
import functools
import inspect
import pickle
import warnings

import numpy as np
import pytest

from kbridge import Sequential, constraints, dtype_policies, layers, ops, optimizers
from kbridge.backend import registry
from kbridge.backend.variable import Variable
from kbridge.optimizers import schedules
from tests.oracle import keras

STEPS = 20
SHAPES = [((3,), "float32"), ((4, 3), "float32"), ((2, 3, 4), "float32"), ((2, 2), "float64"), ((), "float32")]


def decay(module):
    return module.schedules.ExponentialDecay(0.05, 5, 0.7)


def cosine(module):
    return module.schedules.CosineDecay(0.01, 12, warmup_target=0.05, warmup_steps=4)


def tenth(module):
    return lambda: 0.1


# One line a configuration. A function stands for what it makes of Keras's module, or of ours.
CONFIGS = [
    ("SGD", {}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.1, "clipnorm": 0.5}),
    ("SGD", {"learning_rate": decay}),
    ("SGD", {"learning_rate": cosine, "momentum": 0.5, "gradient_accumulation_steps": 3}),
    ("SGD", {"learning_rate": tenth, "loss_scale_factor": 8.0}),
    ("RMSprop", {}),
    ("RMSprop", {"learning_rate": 0.02, "rho": 0.8, "momentum": 0.7, "epsilon": 1e-3}),
    ("RMSprop", {"learning_rate": 0.02, "centered": True}),
    ("RMSprop", {"learning_rate": 0.02, "momentum": 0.7, "centered": True, "clipvalue": 0.3}),
    ("Adam", {}),
    ("Adam", {"learning_rate": 0.05, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-4}),
    ("Adam", {"learning_rate": 0.05, "beta_1": 0.0}),
    ("Adam", {"learning_rate": 0.05, "amsgrad": True}),
    ("Adam", {"learning_rate": 0.05, "clipnorm": 0.4}),
    ("Adam", {"learning_rate": 0.05, "clipvalue": 0.2}),
    ("Adam", {"learning_rate": 0.05, "global_clipnorm": 0.6}),
    ("Adam", {"learning_rate": 0.05, "weight_decay": 0.2}),
    ("Adam", {"learning_rate": 0.05, "loss_scale_factor": 16.0}),
    ("Adam", {"learning_rate": 0.05, "use_ema": True, "ema_momentum": 0.8}),
    ("Adam", {"learning_rate": 0.05, "use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3}),
    ("Adam", {"learning_rate": 0.05, "gradient_accumulation_steps": 4}),
    ("Adam", {"learning_rate": 0.05, "gradient_accumulation_steps": 3, "clipnorm": 0.5, "weight_decay": 0.1}),
    ("Adam", {"gradient_accumulation_steps": 2, "use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2}),
    ("Adam", {"learning_rate": decay, "weight_decay": 0.1, "amsgrad": True}),
    ("Adam", {"learning_rate": cosine, "loss_scale_factor": 4.0, "global_clipnorm": 1.0, "use_ema": True}),
    ("AdamW", {}),
    ("AdamW", {"learning_rate": 0.05, "weight_decay": 0.1}),
    ("Adamax", {}),
    ("Adamax", {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.9, "weight_decay": 0.1}),
    ("Nadam", {}),
    ("Nadam", {"learning_rate": 0.05, "beta_1": 0.8, "gradient_accumulation_steps": 2}),
    ("Adagrad", {}),
    ("Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.5, "epsilon": 1e-3}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adadelta", {"learning_rate": decay, "rho": 0.8, "epsilon": 1e-4}),
    ("Ftrl", {"learning_rate": 0.1}),
    ("Ftrl", {"learning_rate": 0.1, "l1_regularization_strength": 0.02, "l2_regularization_strength": 0.03}),
    ("Ftrl", {"learning_rate": 0.1, "learning_rate_power": -0.3, "l2_shrinkage_regularization_strength": 0.1}),
    ("Ftrl", {"learning_rate": decay, "beta": 0.2, "initial_accumulator_value": 0.3}),
    ("Lion", {}),
    ("Lion", {"learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.7, "weight_decay": 0.1}),
    ("Lamb", {}),
    ("Lamb", {"learning_rate": 0.05, "weight_decay": 0.1, "beta_2": 0.9}),
    ("Adafactor", {}),
    ("Adafactor", {"learning_rate": 0.5, "relative_step": False, "clip_threshold": 0.5, "weight_decay": 0.1}),
    ("Adafactor", {"learning_rate": decay, "beta_2_decay": -0.5, "epsilon_1": 1e-8, "epsilon_2": 0.1}),
    ("Muon", {}),
    ("Muon", {"learning_rate": 0.05, "nesterov": False, "momentum": 0.8, "rms_rate": None, "ns_steps": 3}),
    ("Muon", {"learning_rate": 0.05, "exclude_layers": ["v1"], "adam_weight_decay": None, "adam_lr_ratio": 0.5}),
    ("ScheduleFreeAdamW", {}),
    ("ScheduleFreeAdamW", {"learning_rate": 0.05, "warmup_steps": 6, "weight_decay": 0.1, "beta_1": 0.7}),
]


def label(config):
    name, arguments = config
    return name + "".join(f"-{k}={v.__name__ if callable(v) else v}" for k, v in arguments.items())


each_config = pytest.mark.parametrize("config", CONFIGS, ids=label)


def make(module, config):
    name, arguments = config
    return getattr(module, name)(**{k: v(module) if inspect.isfunction(v) else v for k, v in arguments.items()})


@functools.cache
def data():
    """Initial values, and gradients for each step."""
    rng = np.random.default_rng(7)

    def draw():
        return [rng.normal(size=shape).astype(dtype) for shape, dtype in SHAPES]

    return draw(), [draw() for _ in range(STEPS)]


def fresh(dtype=None):
    return [Variable(value, name=f"v{i}", dtype=dtype or str(value.dtype)) for i, value in enumerate(data()[0])]


@functools.cache
def by_keras(index):
    """The variables and the optimizer's state after all steps, by Keras, which computes in float32 at most here."""
    variables = [keras.Variable(value, name=f"v{i}", dtype="float32") for i, value in enumerate(data()[0])]
    optimizer = make(keras.optimizers, CONFIGS[index])
    for grads in data()[1]:
        optimizer.apply([g.astype("float32") for g in grads], variables)
    return [np.array(v.numpy()) for v in variables], [np.array(v.numpy()) for v in optimizer.variables]


@functools.cache
def in_float64(index):
    """The same by kbridge on NumPy, in float64."""
    with registry.use_backend("numpy"):
        optimizer, variables = make(optimizers, CONFIGS[index]), fresh("float64")
        for grads in data()[1]:
            optimizer.apply(grads, variables)
        return [v.numpy() for v in variables], [v.numpy() for v in optimizer.variables]


def assert_close(optimizer, variables, reference, rtol, atol):
    values, state = reference
    assert [v.shape for v in optimizer.variables] == [value.shape for value in state]
    for ours, value in zip([*variables, *optimizer.variables], [*values, *state]):
        np.testing.assert_allclose(ours.numpy(), value, rtol, atol, err_msg=ours.path)


@each_config
def test_the_result_is_that_of_keras(config):
    # 1 - beta_2 ** step is good to five digits in float32, and Keras computes it so
    with registry.use_backend("numpy"):
        optimizer, variables = make(optimizers, config), fresh()
        for grads in data()[1]:
            optimizer.apply(grads, variables)
        assert_close(optimizer, variables, by_keras(CONFIGS.index(config)), rtol=1e-5, atol=1e-5)


@each_config
def test_all_engines_agree(engine, config):
    optimizer, variables = make(optimizers, config), fresh()
    for grads in data()[1]:
        optimizer.apply([engine.convert(g) for g in grads], variables)
    assert_close(optimizer, variables, in_float64(CONFIGS.index(config)), rtol=5e-6, atol=5e-6)


@each_config
def test_compiled_steps_give_the_same(engine, config):
    optimizer, variables = make(optimizers, config), fresh()
    optimizer.build(variables)
    step = engine.compile(lambda grads: optimizer.apply(grads, variables), [*variables, *optimizer.variables])
    for grads in data()[1]:
        step([engine.convert(g) for g in grads])
    assert_close(optimizer, variables, in_float64(CONFIGS.index(config)), rtol=5e-6, atol=5e-6)


# -- names, configs, signatures

NAMES = sorted({name for name, _ in CONFIGS})


def keras_names(cls):
    return inspect.signature(cls.__init__).parameters


@pytest.mark.parametrize("name", [*NAMES, "Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"])
def test_arguments_and_defaults_are_those_of_keras(name):
    ours, reference = keras_names(getattr(optimizers, name)), keras_names(getattr(keras.optimizers, name))
    assert {k: (p.default, p.kind) for k, p in ours.items()} == {k: (p.default, p.kind) for k, p in reference.items()}
    assert list(ours) == list(reference)


@each_config
def test_configs_are_those_of_keras_and_make_equals(config):
    if config[1].get("learning_rate") is tenth:
        pytest.skip("a lambda has no config")
    optimizer = make(optimizers, config)
    data = optimizers.serialize(optimizer)
    reference = keras.optimizers.serialize(make(keras.optimizers, config))
    reference["config"]["name"] = data["config"]["name"]
    assert data == reference
    again = optimizers.deserialize(data)
    assert type(again) is type(optimizer) and again.get_config() == optimizer.get_config()
    assert optimizers.get(data).get_config() == optimizer.get_config()


def test_state_has_keras_names_and_order():
    arguments = {"amsgrad": True, "use_ema": True, "gradient_accumulation_steps": 2, "name": "best"}
    optimizer, reference = optimizers.Adam(**arguments), keras.optimizers.Adam(**arguments)
    optimizer.build([Variable(np.zeros(2), name="a"), Variable(np.zeros(3), name="b")])
    reference.build([keras.Variable(np.zeros(2), name="a"), keras.Variable(np.zeros(3), name="b")])
    assert [v.path for v in optimizer.variables] == [v.path for v in reference.variables]
    assert [v.name for v in optimizer.variables] == [v.name for v in reference.variables]


def test_names_may_be_written_in_any_case():
    for name in ("adam", "Adam", "ADAM"):
        assert type(optimizers.get(name)) is optimizers.Adam
    assert type(optimizers.get("rmsprop")) is type(optimizers.get("RMSprop")) is optimizers.RMSprop
    assert type(optimizers.get("ScheduleFreeAdamW")) is optimizers.ScheduleFreeAdamW
    assert optimizers.get({"class_name": "SGD", "config": {"learning_rate": 0.5}}).learning_rate.numpy() == 0.5
    assert type(optimizers.get({"class_name": "sgd", "config": {}})) is optimizers.SGD
    assert type(optimizers.get(optimizers.Lion)) is optimizers.Lion
    assert optimizers.get(None) is None
    with pytest.raises(ValueError, match="Unknown optimizer 'adamm'. Did you mean 'adam'"):
        optimizers.get("adamm")
    with pytest.raises(ValueError, match="as an optimizer"):
        optimizers.get(3)


def test_optimizers_without_a_name_are_told_apart():
    first, second = optimizers.RMSprop(), optimizers.RMSprop()
    assert first.name.startswith("rm_sprop") and first.name != second.name


def test_legacy_names_say_what_to_write():
    for name in ("Adagrad", "Adam", "Ftrl", "Optimizer", "RMSprop", "SGD"):
        with pytest.raises(ImportError, match=r"Write keras.optimizers.Adam"):
            getattr(optimizers.legacy, name)(0.1)


# -- learning rates


def test_the_learning_rate_can_be_set(engine):
    w = Variable([1.0, 2.0])
    optimizer = optimizers.SGD(0.5)
    optimizer.apply([engine.convert([1.0, 1.0])], [w])
    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == float(optimizer.lr) == 0.25
    optimizer.apply([engine.convert([1.0, 1.0])], [w])
    np.testing.assert_allclose(w.numpy(), [0.25, 1.25])
    assert optimizer.get_config()["learning_rate"] == 0.25
    optimizer.learning_rate = schedules.PiecewiseConstantDecay([2], [0.0, 0.125])
    assert len(optimizer.variables) == 1  # no rate is kept any more
    optimizer.apply([engine.convert([1.0, 1.0])], [w])
    np.testing.assert_allclose(w.numpy(), [0.25, 1.25])
    optimizer.apply([engine.convert([1.0, 1.0])], [w])
    np.testing.assert_allclose(w.numpy(), [0.125, 1.125])
    with pytest.raises(TypeError, match="follows a schedule .*cannot be set to 0.1"):
        optimizer.learning_rate = 0.1


def test_a_compiled_step_sees_a_new_learning_rate(engine):
    w = Variable([1.0])
    optimizer = optimizers.SGD(0.5)
    optimizer.build([w])
    step = engine.compile(lambda g: optimizer.apply([g], [w]), [w, *optimizer.variables])
    step(engine.convert([1.0]))
    optimizer.learning_rate = 0.125
    step(engine.convert([1.0]))
    np.testing.assert_allclose(w.numpy(), [0.375])


def test_a_variable_may_be_the_learning_rate(engine):
    rate, w = Variable(0.5, trainable=False), Variable([1.0])
    optimizer = optimizers.Adam(rate)
    rate.assign(0.25)
    optimizer.apply([engine.convert([3.0])], [w])
    np.testing.assert_allclose(w.numpy(), [0.75], rtol=1e-6)


# -- mistakes

WRONG = [
    (lambda: optimizers.SGD(momentum=2.0), ValueError, r"momentum must be in \[0, 1\]"),
    (lambda: optimizers.SGD(clipnorm=1.0, clipvalue=1.0), ValueError, "only one of clipnorm, clipvalue"),
    (lambda: optimizers.SGD(clipnorm=-1.0), ValueError, "clipnorm must not be negative"),
    (lambda: optimizers.SGD(use_ema=True, ema_momentum=2), ValueError, r"ema_momentum must be in \[0, 1\]"),
    (lambda: optimizers.SGD(use_ema=True, ema_overwrite_frequency=-1), ValueError, "integer of at least 1"),
    (lambda: optimizers.SGD(gradient_accumulation_steps=1), ValueError, "integer of at least 2. Received: 1"),
    (lambda: optimizers.Adam(momentum=0.9), TypeError, r"does not know the argument\(s\) \['momentum'\]"),
    (lambda: optimizers.SGD(0.1, decay=0.01), TypeError, r"InverseTimeDecay\(0.1, decay_steps=1"),
    (lambda: optimizers.AdamW(weight_decay=None), ValueError, "write Adam"),
    (lambda: optimizers.Lion(beta_1=0.0), ValueError, "beta_1 must be in"),
    (lambda: optimizers.Ftrl(learning_rate_power=0.5), ValueError, "learning_rate_power must not be above 0"),
    (lambda: optimizers.Ftrl(l1_regularization_strength=-0.5), ValueError, "l1_regularization_strength must not"),
    (lambda: optimizers.SGD().apply([np.ones(2)]), ValueError, r"Write: optimizer.apply\(grads, variables\)"),
    (lambda: optimizers.SGD().set_weights([]), ValueError, r"optimizer.build\(model.trainable_variables\)"),
    (lambda: optimizers.SGD().apply([None], [Variable([1.0])]), ValueError, "no gradient reached any variable"),
    (lambda: optimizers.SGD().apply([np.ones(1)] * 2, [Variable([1.0])]), ValueError, "2 gradients .* 1 variables"),
    (lambda: optimizers.SGD().stateless_apply([], [], []), ValueError, "must be built before stateless_apply"),
    (lambda: optimizers.Optimizer(0.1).apply([np.ones(1)], [Variable([1.0])]), NotImplementedError, "must define rule"),
    (lambda: optimizers.LossScaleOptimizer(optimizers.SGD(), clipnorm=1.0), ValueError, "to the inner optimizer"),
    (lambda: optimizers.LossScaleOptimizer(optimizers.SGD(), dynamic=False), ValueError, "loss_scale_factor="),
    (lambda: optimizers.LossScaleOptimizer("sgd"), TypeError, "must be an Optimizer"),
    (lambda: optimizers.MultiOptimizer(3), TypeError, "an OptimizerMap or a function"),
    (lambda: optimizers.OptimizerMap("sgd"), TypeError, "must be an Optimizer"),
]


@pytest.mark.parametrize("wrong, error, message", WRONG, ids=[message for _, _, message in WRONG])
def test_mistakes_are_explained(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()


def test_a_variable_it_was_not_built_for_is_named():
    a, b = Variable([1.0], name="a"), Variable([1.0], name="b")
    optimizer = optimizers.Adam()
    optimizer.apply([np.ones(1, "float32")], [a])
    with pytest.raises(ValueError, match="no state for 'b'"):
        optimizer.apply([np.ones(1, "float32")], [b])


def test_variables_without_gradient_stay_as_they_are(engine):
    a, b = Variable([1.0], name="a"), Variable([1.0], name="b")
    optimizer = optimizers.Adam(0.5, weight_decay=0.1)
    with pytest.warns(UserWarning, match=r"does not depend on \['b'\]"):
        optimizer.apply([engine.convert([1.0]), None], [a, b])
    assert a.numpy() != 1 and b.numpy() == 1
    optimizer.apply([engine.convert([1.0])], [a])  # a part of the variables is as good
    optimizer.apply([])
    assert int(optimizer.iterations) == 2


# -- what surrounds the rule


def test_some_variables_can_be_kept_from_weight_decay(engine):
    variables = [Variable([1.0], name=name) for name in ("kernel", "bias", "gamma")]
    optimizer = optimizers.SGD(0.5, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[variables[2]], var_names=["bia"])
    optimizer.apply([engine.convert([0.0])] * 3, variables)
    np.testing.assert_allclose([float(v) for v in variables], [0.75, 1.0, 1.0])
    optimizer.weight_decay = 1.0
    optimizer.exclude_from_weight_decay(var_names=["kernel"])
    optimizer.apply([engine.convert([0.0])] * 3, variables)
    np.testing.assert_allclose([float(v) for v in variables], [0.75, 0.5, 0.5])


def test_constraints_hold_after_each_step(engine):
    w = Variable([0.5, 0.5])
    w.constraint = constraints.NonNeg()
    optimizer = optimizers.SGD(1.0, momentum=0.5)
    for _ in range(2):
        optimizer.apply([engine.convert([1.0, -1.0])], [w])
    np.testing.assert_allclose(w.numpy(), [0.0, 3.0])


def test_averages_become_the_values_at_the_end(engine):
    a, b = Variable([1.0]), Variable([1.0])
    optimizer = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
    for _ in range(2):
        optimizer.apply([engine.convert([1.0]), engine.convert([0.0])], [a, b])
    optimizer.finalize_variable_values([a, b])
    np.testing.assert_allclose([*a.numpy(), *b.numpy()], [-0.5, 1.0])


def test_statistics_take_the_value_of_their_gradient(engine):
    scale, w = Variable([1.0]), Variable([1.0])
    scale.overwrite_with_gradient = True
    optimizer = optimizers.Adam(0.5, clipvalue=0.1)
    optimizer.apply([engine.convert([7.0]), engine.convert([1.0])], [scale, w])
    assert scale.numpy() == 7 and abs(w.numpy() - 0.5) < 1e-4
    assert [v.path.rpartition("_")[2] for v in optimizer.variables[2:]] == ["momentum", "velocity"]


def test_gradients_may_be_of_any_dtype_or_plain_lists(engine):
    for gradient in ([1.0, 2.0], np.array([1.0, 2.0]), np.array([1, 2]), np.array([1.0, 2.0], "float16")):
        w = Variable(np.zeros(2, "float32"))
        optimizers.SGD(0.5, momentum=0.5, global_clipnorm=100.0).apply([gradient], [w])
        np.testing.assert_allclose(w.numpy(), [-0.5, -1.0])
        assert str(w.numpy().dtype) == "float32"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", NAMES)
def test_low_precision_variables_are_updated_in_their_dtype(engine, name, dtype):
    w = Variable(np.ones((4, 3), "float32"), dtype=dtype)
    optimizer = getattr(optimizers, name)(0.25)
    for _ in range(2):
        optimizer.apply([ops.cast(engine.convert(np.ones((4, 3), "float32")), dtype)], [w])
    assert engine.dtype(w.value) == dtype
    value = w.numpy().astype("float32")
    assert np.isfinite(value).all() and (value <= 1).all()


def test_an_infinite_global_norm_shows(engine):
    a, b = Variable([1.0]), Variable([1.0])
    optimizers.SGD(global_clipnorm=1.0).apply([engine.convert([np.inf]), engine.convert([1.0])], [a, b])
    assert np.isnan(a.numpy()) and np.isnan(b.numpy())


# -- optimizers of one's own


class OwnMomentum(optimizers.Optimizer):
    """As Keras's documentation shows it."""

    def __init__(self, learning_rate=0.1, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.momentum = 0.9

    def build(self, variables):
        super().build(variables)
        self.momentums = [self.add_variable_from_reference(v, name="momentum") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        learning_rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        m = self.momentums[self._get_variable_index(variable)]
        self.assign(m, ops.subtract(ops.multiply(m, self.momentum), ops.multiply(gradient, learning_rate)))
        self.assign_add(variable, m)


class OwnRule(optimizers.Optimizer):
    slots = ("momentum",)
    hyperparameters = ("momentum",)

    def __init__(self, learning_rate=0.1, momentum=0.9, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.momentum = momentum

    def rule(self, g, w, slots, s):
        m = slots[0] * self.momentum - g * s["lr"]
        return w + m, (m,)


class Hurried(optimizers.SGD):
    """Twice the step of its base."""

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient * 2.0, variable, learning_rate)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("arguments", [{}, {"weight_decay": 0.1, "clipnorm": 0.5, "gradient_accumulation_steps": 2}])
def test_optimizers_of_ones_own(engine, arguments, compiled):
    results = []
    for cls in (OwnMomentum, OwnRule, functools.partial(optimizers.SGD, momentum=0.9)):
        optimizer, variables = cls(learning_rate=0.1, **arguments), fresh()
        optimizer.build(variables)

        def step(grads, optimizer=optimizer, variables=variables):
            optimizer.apply(grads, variables)

        step = engine.compile(step, [*variables, *optimizer.variables]) if compiled else step
        for grads in data()[1][:6]:
            step([engine.convert(g) for g in grads])
        results.append([v.numpy() for v in [*variables, *optimizer.variables]])
    for own in results[:2]:
        for found, value in zip(own, results[2], strict=True):
            np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-6)


def test_a_step_may_build_on_its_base(engine):
    w = Variable([1.0])
    Hurried(0.125).apply([engine.convert([1.0])], [w])
    np.testing.assert_allclose(w.numpy(), [0.75])


def test_variables_as_attributes_belong_to_the_state():
    optimizer = OwnRule()
    optimizer.count = Variable(0, name="count")
    optimizer.count = optimizer.count
    assert [v.name for v in optimizer.variables] == ["iteration", "learning_rate", "count"]
    made, other = optimizer.add_optimizer_variables([Variable([1.0], name="w")], ["x", "y"], ["zeros", "ones"])
    assert [v.name for v in made + other] == ["w_x", "w_y"] and float(other[0]) == 1


def test_own_optimizers_are_written_and_read_with_their_own_arguments():
    optimizer = OwnRule(0.5, momentum=0.25, clipnorm=1.0)
    again = optimizers.deserialize(optimizers.serialize(optimizer), custom_objects={"OwnRule": OwnRule})
    assert again.momentum == 0.25 and again.get_config() == optimizer.get_config()


# -- copies, engines, state


def mixture():
    """Optimizers with every kind of state."""
    return [
        optimizers.SGD(0.1, momentum=0.9, weight_decay=0.1),
        optimizers.Adam(0.05, amsgrad=True, use_ema=True, ema_overwrite_frequency=3),
        optimizers.Nadam(0.05, gradient_accumulation_steps=2),
        optimizers.Adafactor(0.05),
        optimizers.Muon(decay(optimizers)),
        optimizers.LossScaleOptimizer(optimizers.AdamW(0.05), initial_scale=4.0, dynamic_growth_steps=3),
        optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizers.Lion(0.05), {"v[12]": optimizers.Ftrl(0.1)})),
    ]


def state(optimizer, variables):
    return [v.numpy() for v in [*variables, *optimizer.variables]]


def scaled(optimizer, grads):
    scale = float(optimizer.dynamic_scale) if isinstance(optimizer, optimizers.LossScaleOptimizer) else 1.0
    return [g * scale for g in grads]


@functools.cache
def stayed(index):
    """The state of one of ``mixture`` after 8 steps on NumPy."""
    with registry.use_backend("numpy"):
        optimizer, variables = mixture()[index], fresh()
        optimizer.build(variables)
        for grads in data()[1][:8]:
            optimizer.apply(scaled(optimizer, grads), variables)
        return state(optimizer, variables)


each_kind = pytest.mark.parametrize("index", range(7))


@each_kind
def test_switching_engines_midway_changes_nothing(index):
    optimizer, variables = mixture()[index], fresh()
    optimizer.build(variables)
    names = ["numpy", "torch", "jax", "tensorflow", "torch", "numpy", "tensorflow", "jax"]
    for name, grads in zip(names, data()[1]):
        with registry.use_backend(name) as engine:
            optimizer.apply([engine.convert(g) for g in scaled(optimizer, grads)], variables)
    for found, value in zip(state(optimizer, variables), stayed(index), strict=True):
        np.testing.assert_allclose(found, value, rtol=2e-5, atol=5e-6)


@each_kind
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["copy", "pickle"])
def test_copies_go_on_where_the_original_was(engine, index, copied):
    optimizer, variables = mixture()[index], fresh()
    optimizer.build(variables)
    for grads in data()[1][:5]:
        optimizer.apply([engine.convert(g) for g in scaled(optimizer, grads)], variables)
    before = state(optimizer, variables)
    twin, twins = copied((optimizer, variables))
    for grads in data()[1][5:8]:
        twin.apply([engine.convert(g) for g in scaled(twin, grads)], twins)
    for found, value in zip(state(twin, twins), stayed(index), strict=True):
        np.testing.assert_allclose(found, value, rtol=2e-5, atol=5e-6)
    for found, value in zip(state(optimizer, variables), before, strict=True):
        np.testing.assert_array_equal(found, value)


@each_kind
def test_saved_state_makes_a_new_optimizer_go_on(index):
    optimizer, variables = mixture()[index], fresh()
    optimizer.build(variables)
    for grads in data()[1][:5]:
        optimizer.apply(scaled(optimizer, grads), variables)
    store = {}
    optimizer.save_own_variables(store)
    other = mixture()[index]
    other.build(variables)
    other.load_own_variables(store)
    for grads in data()[1][5:8]:
        other.apply(scaled(other, grads), variables)
    for found, value in zip(state(other, variables), stayed(index), strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-6)
    with pytest.warns(UserWarning, match="state of the optimizer was not loaded"):
        optimizers.Adagrad().load_own_variables(store)


def test_weights_are_the_state_as_arrays():
    optimizer, variables = optimizers.Adam(), fresh()
    optimizer.apply(data()[1][0], variables)
    other = optimizers.Adam()
    other.build(variables)
    other.set_weights(optimizer.get_weights())
    for a, b in zip(optimizer.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="12 state variables. Received a list of 1"):
        other.set_weights([1])


@each_kind
def test_a_stateless_step_is_the_step_and_changes_nothing(engine, index):
    optimizer, variables = mixture()[index], fresh()
    optimizer.build(variables)
    before = state(optimizer, variables)
    values, own = [v.value for v in variables], [engine.convert(v.numpy()) for v in optimizer.variables]
    for grads in data()[1][:3]:
        grads = [engine.convert(g) for g in scaled(optimizer, grads)]
        values, own = optimizer.stateless_apply(own, grads, values)
    for found, value in zip(state(optimizer, variables), before, strict=True):
        np.testing.assert_array_equal(found, value)
    for grads in data()[1][:3]:
        optimizer.apply([engine.convert(g * (4.0 if index == 5 else 1.0)) for g in grads], variables)
    for found, value in zip([*values, *own], state(optimizer, variables), strict=True):
        np.testing.assert_allclose(engine.to_numpy(found), value, rtol=1e-5, atol=1e-6)


# -- engines' joined updates


@pytest.mark.parametrize("name", ["SGD", "Adam", "Lion"])
def test_values_assigned_between_steps_count(engine, name):
    """An engine may keep many variables in one buffer; who assigns to one of them, or to a slot, must not notice."""
    results = []
    for moves in (False, True):
        optimizer, variables = getattr(optimizers, name)(0.1, weight_decay=0.1), fresh()
        optimizer.exclude_from_weight_decay(var_names=["v1", "v4"])
        for i, grads in enumerate(data()[1][:8]):
            optimizer.apply([engine.convert(g) for g in grads], variables)
            if i == 2:
                variables[0].assign(variables[0].numpy() + 1.0)
                for slot in optimizer.variables[2:4]:
                    slot.assign(slot.numpy() * 0.5)
            if i == 4 and moves:
                for other in ("numpy", "torch"):
                    with registry.use_backend(other):
                        [v.value for v in variables[1:3]]
        results.append(state(optimizer, variables))
    for found, value in zip(*results, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-6)
    with registry.use_backend("numpy"):
        optimizer, variables = getattr(optimizers, name)(0.1, weight_decay=0.1), fresh("float64")
        optimizer.exclude_from_weight_decay(var_names=["v1", "v4"])
        for i, grads in enumerate(data()[1][:8]):
            for v, g in zip(variables, grads):  # one at a time: nothing to join
                optimizer.build(variables)
                optimizer.apply([g], [v])
                optimizer.iterations.assign(i)
            optimizer.iterations.assign(i + 1)
            if i == 2:
                variables[0].assign(variables[0].numpy() + 1.0)
                for slot in optimizer.variables[2:4]:
                    slot.assign(slot.numpy() * 0.5)
        for found, value in zip(results[0], state(optimizer, variables), strict=True):
            np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-5)


def test_a_second_optimizer_takes_over_the_same_variables(engine):
    variables = fresh()
    for optimizer in (
        optimizers.SGD(0.1),
        optimizers.Adam(0.1),
        optimizers.Adam(0.1),
        optimizers.SGD(0.1, momentum=0.5),
    ):
        before = [v.numpy() for v in variables]
        for _ in range(2):
            optimizer.apply([engine.convert(np.ones_like(v.numpy())) for v in variables], variables)
        for v, old in zip(variables, before):
            assert (v.numpy() < old).all()
    first, second = optimizers.Adam(0.1), optimizers.SGD(0.1)
    for _ in range(2):  # turn by turn
        for optimizer in (first, second):
            optimizer.apply([engine.convert(np.ones_like(v.numpy())) for v in variables], variables)
    for slot in first.variables[2::2]:
        np.testing.assert_allclose(slot.numpy(), 0.19, rtol=1e-5)


def test_a_value_read_before_a_compiled_or_eager_step_can_be_copied(engine):
    optimizer, variables = optimizers.Adam(0.1), fresh()
    optimizer.build(variables)
    before = [v.numpy() for v in variables]
    kept = [v.copy() for v in before]
    optimizer.apply([engine.convert(g) for g in data()[1][0]], variables)
    for a, b in zip(before, kept):
        np.testing.assert_array_equal(a, b)


# -- loss scaling


@pytest.mark.parametrize("compiled", [False, True])
def test_loss_scaling_skips_and_adapts_like_keras(engine, compiled):
    arguments = {"initial_scale": 8.0, "dynamic_growth_steps": 3}
    optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(0.5, momentum=0.5), **arguments)
    reference = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5, momentum=0.5), **arguments)
    ours, theirs = [Variable([1.0, 2.0]), Variable([3.0])], [keras.Variable([1.0, 2.0]), keras.Variable([3.0])]
    optimizer.build(ours)

    def step(a, b):
        optimizer.apply([a, b], ours)
        return optimizer.scale_loss(engine.convert(1.0))

    step = engine.compile(step, [*ours, *optimizer.variables]) if compiled else step
    for value in (1.0, 2.0, np.inf, 1.0, 1.0, 1.0, np.nan, -1.0, 4.0, 3.0, 2.0):
        a, b = np.array([1.0, value], "float32"), np.array([2.0], "float32")
        loss = step(engine.convert(a), engine.convert(b))
        reference.apply([a, b], theirs)
        assert float(engine.to_numpy(loss)) == float(reference.scale_loss(1.0))
    for found, value in zip([*ours, *optimizer.variables], [*theirs, *reference.variables], strict=True):
        np.testing.assert_allclose(found.numpy(), np.array(value.numpy()), rtol=1e-6)
    assert int(optimizer.iterations) == 9
    assert float(optimizer.learning_rate) == 0.5
    optimizer.learning_rate = 0.25
    assert float(optimizer.inner_optimizer.learning_rate) == 0.25


def test_a_loss_in_float16_is_scaled_in_float32(engine):
    optimizer = optimizers.LossScaleOptimizer(optimizers.SGD())
    loss = optimizer.scale_loss(ops.cast(engine.convert(4.0), "float16"))
    assert float(engine.to_numpy(loss)) == 4 * 2**15


def test_models_in_mixed_float16_are_trained_with_loss_scaling(engine):
    dtype_policies.set_dtype_policy("mixed_float16")
    try:
        model = Sequential([layers.Dense(1)])
    finally:
        dtype_policies.set_dtype_policy(None)
    model.compile(optimizers.SGD(0.125), loss="mse")
    assert isinstance(model.optimizer, optimizers.LossScaleOptimizer)
    x = np.linspace(-1, 1, 8, dtype="float32")[:, None]
    history = model.fit(x, x, batch_size=8, epochs=3, verbose=0).history["loss"]
    assert history[2] < history[0] and int(model.optimizer.iterations) == 3
    before = model.get_weights()
    model.fit(x * 1e30, x, batch_size=8, verbose=0)
    assert float(model.optimizer.dynamic_scale) == 2.0**14 and int(model.optimizer.iterations) == 3
    for a, b in zip(model.get_weights(), before):
        np.testing.assert_array_equal(a, b)


def test_loss_scaling_leaves_a_good_optimizer_as_it_is(engine):
    plain, wrapped = optimizers.Adam(0.1), optimizers.LossScaleOptimizer(optimizers.Adam(0.1, loss_scale_factor=3.0))
    ours, theirs = fresh(), fresh()
    for grads in data()[1][:5]:
        plain.apply([engine.convert(g) for g in grads], ours)
        wrapped.apply([engine.convert(g * 2.0**15) for g in grads], theirs)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6, atol=1e-6)


# -- several optimizers


@pytest.mark.parametrize("compiled", [False, True])
def test_each_variable_has_its_own_optimizer(engine, compiled):
    adam, sgd = optimizers.Adam(0.05), optimizers.SGD(0.1)
    multi = optimizers.MultiOptimizer(optimizers.OptimizerMap(sgd, {"v[13]": adam}), loss_scale_factor=2.0)
    assert multi.optimizers == [adam, sgd] and adam.loss_scale_factor == 2.0
    variables, alone = fresh(), fresh()
    multi.build(variables)
    step = lambda grads: multi.apply(grads, variables)  # noqa: E731
    step = engine.compile(step, [*variables, *multi.variables]) if compiled else step
    others = optimizers.Adam(0.05), optimizers.SGD(0.1)
    for grads in data()[1][:4]:
        step([engine.convert(g * 2.0) for g in grads])
        for optimizer, places in zip(others, ([1, 3], [0, 2, 4])):
            optimizer.apply([engine.convert(grads[i]) for i in places], [alone[i] for i in places])
    for a, b in zip(variables, alone):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6, atol=1e-6)
    assert int(multi.iterations) == int(adam.iterations) == 4
    with pytest.raises(AttributeError, match=r"optimizers\[0\].learning_rate"):
        multi.learning_rate.numpy()
    with pytest.raises(AttributeError, match=r"learning_rate = 0.5"):
        multi.learning_rate = 0.5


def test_the_choice_of_optimizers_is_written_and_read():
    chosen = optimizers.OptimizerMap(optimizers.SGD(0.5), {"encoder/.*": optimizers.Adam(decay(optimizers))})
    multi = optimizers.MultiOptimizer(chosen, name="both")
    reference = keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(
            keras.optimizers.SGD(0.5, name=chosen.default_optimizer.name),
            {"encoder/.*": keras.optimizers.Adam(decay(keras.optimizers), name=chosen["encoder/.*"].name)},
        ),
        name="both",
    )
    written = optimizers.serialize(multi)
    assert written == keras.optimizers.serialize(reference)
    again = optimizers.deserialize(written)
    assert again.get_config() == multi.get_config() and len(again.optimizers) == 2


def test_an_optimizer_map_matches_whole_paths():
    sgd, adam, lion = optimizers.SGD(), optimizers.Adam(), optimizers.Lion()
    chosen = optimizers.OptimizerMap(sgd)
    chosen["encoder/.*"] = adam
    chosen["encoder"] = lion
    assert chosen["encoder/dense/kernel"] is adam and chosen["encoder"] is lion and chosen["decoder/encoder/x"] is sgd
    assert list(chosen) == ["encoder/.*", "encoder"] and len(chosen) == 2
    with pytest.raises(ValueError, match="has an optimizer for 'encoder'"):
        chosen["encoder"] = sgd
    del chosen["encoder"]
    chosen[".*/kernel"] = lion
    with pytest.raises(ValueError, match="several of its patterns match 'encoder/kernel'"):
        chosen["encoder/kernel"]
    for wrong in (optimizers.LossScaleOptimizer(sgd), optimizers.MultiOptimizer(chosen)):
        with pytest.raises(ValueError, match="cannot be one of several optimizers"):
            chosen["other"] = wrong
    with pytest.raises(ValueError, match="must be given an Optimizer"):
        optimizers.MultiOptimizer(lambda variable: None).build([Variable([1.0])])


def test_a_function_may_choose_the_optimizer(engine):
    adam, sgd = optimizers.Adam(0.25), optimizers.SGD(0.5)
    variables = [Variable([1.0], name="a"), Variable([1.0], name="b")]
    multi = optimizers.MultiOptimizer(lambda v: adam if v.path == "a" else sgd)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        multi.apply([engine.convert([1.0]), engine.convert([1.0])], variables)
    assert not told
    np.testing.assert_allclose([float(v) for v in variables], [0.75, 0.5], rtol=1e-5)
    with pytest.raises(ValueError, match="cannot be one of several"):
        optimizers.MultiOptimizer(lambda v: optimizers.LossScaleOptimizer(sgd)).build(variables)
