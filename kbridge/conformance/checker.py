"""How a sample is checked: what an engine makes of it, what it should, and how far they are apart."""

import copy
import importlib
import pkgutil
from functools import cache
from types import FunctionType

import numpy as np

import kbridge.ops
from kbridge.backend import abstract, dtypes, registry
from kbridge.backend.frame import entered, get_frame
from kbridge.backend.op import OPS, implement
from kbridge.backend.tree import flatten
from kbridge.conformance import samples, samples_nn  # noqa: F401  (they fill SAMPLES)
from kbridge.conformance.draws import SAMPLES, numpy_dtype

for _module in pkgutil.iter_modules(kbridge.ops.__path__):
    importlib.import_module(f"kbridge.ops.{_module.name}")

# What is checked: every op, and the public functions that are written with ops but are none themselves.
FUNCTIONS = {name: f for name, f in vars(kbridge.ops).items() if isinstance(f, FunctionType) and not hasattr(f, "spec")}
FUNCTIONS.update(OPS)

VALUE = {"float64": 1e-9, "float32": 1e-5, "float16": 4e-3, "bfloat16": 3e-2, "complex64": 1e-5, "complex128": 1e-9}
GRADIENT = {"float64": 1e-6, "float32": 3e-4}
SECOND = {"float64": 1e-5}
STEP = 1e-5  # of central differences
BATCH = 16  # ops compiled as one where an engine traces


def on(engine):
    """The frame in which ``engine`` is in charge."""
    return entered(get_frame().child(engine=engine, device=None))


def is_required(name):
    return name in OPS and OPS[name].spec.required


def has_gradient(name):
    return name not in OPS or OPS[name].spec.gradient


def lacking(engine):
    """The required ops that ``engine`` has no function for."""
    return [name for name in sorted(OPS) if is_required(name) and engine.native(name) is None]


# -- what an engine makes of a sample


class Outcome:
    """The results of one sample in one dtype on one engine, in host memory.

    leaves:   the parts of the result: arrays, or what is not a tensor as it is.
    types:    (shape, dtype) of each, None for what is not a tensor.
    measured: what is compared with the reference.
    first, second: the gradient of the projection, and of that gradient's squared norm; None where not asked for.
    errors:   "value", "first" or "second" -> the exception met there.
    """

    def __init__(self, sample, dtype):
        self.sample = sample
        self.dtype = dtype
        self.leaves = self.types = self.measured = self.first = self.second = None
        self.errors = {}

    def __repr__(self):
        return f"{self.sample} in {self.dtype}"


def _place(engine, sample, dtype):
    """The arrays of a sample as ``engine`` receives them."""
    return [
        array if draw.host and engine.eager else engine.convert(array)
        for draw, array in zip(sample.call.draws, sample.arrays(dtype))
    ]


def _project(engine, sample, result):
    """A fixed random combination of the floats in ``result``, None where there are none."""
    total = None
    for n, leaf in enumerate(flatten(result)):
        dtype = engine.dtype(leaf) if engine.is_tensor(leaf) else "static"
        if not (dtypes.is_float(dtype) or dtypes.is_complex(dtype)):
            continue
        generator = sample.generator(f"weights of {n}")
        parts = [OPS["real"](leaf), OPS["imag"](leaf)] if dtypes.is_complex(dtype) else [leaf]
        for part in parts:
            weights = generator.standard_normal(engine.shape(part)).astype("float32")
            term = OPS["sum"](part * engine.convert(weights.astype(numpy_dtype(engine.dtype(part)))))
            total = term if total is None else total + term
    return total


def _functions(engine, sample, tensors):
    """Three functions of the tensors that the sample is differentiated with respect to: what it gives, as
    (result, measured); a number made of that; and the squared norm of that number's gradient.
    """

    def forward(*floats):
        values = list(tensors)
        for place, tensor in zip(sample.differentiable, floats):
            values[place] = tensor
        result = sample.apply(FUNCTIONS[sample.name], values)
        return result, sample.measured(result, values)

    def objective(*floats):
        both = forward(*floats)
        return _project(engine, sample, both[1]), both

    def norm(*floats):
        (_, both), gradients = engine.value_and_grad(objective, list(floats), has_aux=True)
        total = 0.0
        for gradient in gradients:
            if gradient is not None:
                total = total + OPS["sum"](gradient * gradient)
        return total, (both, gradients)

    return forward, objective, norm


def _depth(engine, sample, dtype):
    """How often a sample is differentiated: once, or twice in float64 if it is smooth.

    An engine that compiles, which is slow, differentiates in float32 only one sample of each op.
    """
    if not differentiable(sample):
        return 0
    if dtype != "float64" and not engine.eager and sample is not next(filter(differentiable, SAMPLES[sample.name])):
        return 0
    return 2 if sample.smooth and dtype == "float64" else 1


def _compute(engine, outcome, tensors, depth):
    """Lists of tensors: the result's, the measured, the first and the second gradient. Notes go into ``outcome``.

    What fails is tried again with one derivative less.
    """
    sample = outcome.sample
    floats = [tensors[place] for place in sample.differentiable]
    forward, objective, norm = _functions(engine, sample, tensors)
    first = second = ()
    try:
        if depth == 2:
            (_, (both, first)), second = engine.value_and_grad(norm, floats, has_aux=True)
        elif depth == 1:
            (_, both), first = engine.value_and_grad(objective, floats, has_aux=True)
        if depth == 0 or engine.eager:
            both = forward(*floats)
    except Exception as error:
        outcome.errors[("value", "first", "second")[depth]] = error
        return _compute(engine, outcome, tensors, depth - 1) if depth else [[], [], [], []]
    result, measured = map(flatten, both)
    outcome.leaves = [None if engine.is_tensor(leaf) else leaf for leaf in result]
    outcome.first, outcome.second = ([g is not None for g in gradients] for gradients in (first, second))
    return [
        [leaf for leaf in result if engine.is_tensor(leaf)],
        [leaf if engine.is_tensor(leaf) else engine.convert(leaf) for leaf in measured] if sample.measure else [],
        [g for g in first if g is not None],
        [g for g in second if g is not None],
    ]


def _settle(engine, outcome, found):
    """Bring what ``_compute`` found to the host."""
    if "value" in outcome.errors:
        return
    result, measured, first, second = ([(engine.to_numpy(x), engine.dtype(x)) for x in part] for part in found)
    result = iter(result)
    both = [next(result) if leaf is None else (leaf, None) for leaf in outcome.leaves]
    outcome.leaves = [value for value, _ in both]
    outcome.types = [None if dtype is None else (np.shape(value), dtype) for value, dtype in both]
    outcome.measured = [value for value, _ in measured] if outcome.sample.measure else outcome.leaves
    arrays = outcome.sample.arrays(outcome.dtype)
    arrays = [arrays[place] for place in outcome.sample.differentiable]
    for stage, part in (("first", iter(first)), ("second", iter(second))):
        present = getattr(outcome, stage)
        given = [next(part)[0] if p else np.zeros_like(array) for p, array in zip(present, arrays)]
        setattr(outcome, stage, given if present else None)


def evaluate(engine, cases, compiled=False, deep=True):
    """The Outcomes of ``cases``, pairs (sample, dtype), in one function that ``engine`` may compile."""
    with on(engine):
        outcomes = [Outcome(*case) for case in cases]
        tensors = [_place(engine, *case) for case in cases]
        depths = [_depth(engine, *case) if deep else 0 for case in cases]

        def run(tensors):
            return [_compute(engine, *each) for each in zip(outcomes, tensors, depths)]

        if compiled:
            run = engine.compile(run)
        for outcome, found in zip(outcomes, run(tensors)):
            _settle(engine, outcome, found)
    return outcomes


def cases_of(name, dynamic=None):
    return [
        (sample, dtype)
        for sample in SAMPLES.get(name, ())
        for dtype in sample.dtypes
        if dynamic is None or bool(sample.dynamic) == dynamic
    ]


class Evaluations:
    """The Outcomes of every op on one engine, found when asked for; many ops at once where that compiles faster."""

    def __init__(self, engine, names):
        self.engine = engine
        self.names = [name for name in names if name in SAMPLES]
        self.known = {}

    def of(self, name):
        if name not in self.known:
            if self.engine.eager:
                self.known[name] = evaluate(self.engine, cases_of(name))
            else:
                self._compile_batch(name)
        return self.known[name]

    def _compile_batch(self, name):
        start = self.names.index(name) // BATCH * BATCH
        names = self.names[start : start + BATCH]
        try:
            cases = [case for n in names for case in cases_of(n, dynamic=False)]
            outcomes = evaluate(self.engine, cases, compiled=True)
        except Exception:  # an op that fails only when all is compiled: find out which
            names = [name]
            outcomes = evaluate(self.engine, cases_of(name, dynamic=False), compiled=True)
        for n in names:
            self.known[n] = [outcome for outcome in outcomes if outcome.sample.name == n]
            self.known[n] += evaluate(self.engine, cases_of(n, dynamic=True))


# -- what it should be


@cache
def reference_engine():
    return registry.load("numpy")


@cache
def expected_types(sample, dtype):
    """[(shape, dtype) of each leaf] by the engine of shapes; what is not a tensor as it is."""
    symbols = [abstract.Abstract(array.shape, dtypes.standardize(array.dtype)) for array in sample.arrays(dtype)]
    with on(abstract.engine):
        leaves = flatten(sample.apply(FUNCTIONS[sample.name], symbols))
    return [(leaf.shape, leaf.dtype) if type(leaf) is abstract.Abstract else leaf for leaf in leaves]


def portable(name):
    """The op ``name`` on the reference engine, by its portable body, whatever function the engine has for it."""
    if name not in OPS:
        return FUNCTIONS[name]
    engine = copy.copy(reference_engine())
    native = engine.native
    engine.native = lambda asked: None if asked == name else native(asked)
    return implement(OPS[name].spec, engine)


def reference_by_body(sample):
    """The measured leaves of a sample by the op's portable body, in float64."""
    engine = reference_engine()
    with on(engine):
        values = _place(engine, sample, "float64")
        result = sample.measured(sample.apply(portable(sample.name), values), values)
        return [engine.to_numpy(leaf) if engine.is_tensor(leaf) else leaf for leaf in flatten(result)]


def _widest(array):
    """Oracles count in float64, and in int64 lest NumPy choose float16 for what it makes of int8."""
    if dtypes.is_float(str(array.dtype)):
        return array.astype("float64")
    return array.astype("int64") if array.dtype.kind in "iu" else array


@cache
def reference(sample):
    """The measured leaves that are right, in float64."""
    if sample.ref is None:
        return reference_by_body(sample)
    args, kwargs = sample.call.fill(map(_widest, sample.arrays("float64")))
    with np.errstate(all="ignore"):
        return flatten(sample.ref(*args, **kwargs))


@cache
def differentiable(sample):
    """Whether the op has a gradient, and the sample floats on both sides."""
    if not has_gradient(sample.name) or not sample.differentiable:
        return False
    return any(
        isinstance(leaf, tuple) and (dtypes.is_float(leaf[1]) or dtypes.is_complex(leaf[1]))
        for leaf in (expected_types(sample, "float64") if not sample.dynamic else _types_by_value(sample))
    )


def _types_by_value(sample):
    return [(np.shape(leaf), dtypes.standardize(np.asarray(leaf).dtype)) for leaf in reference(sample)]


def _directions(n):
    """Along which an array of n numbers is varied: each number alone where there are few."""
    return np.eye(n) if n <= 24 else np.random.default_rng(n).choice([-1.0, 1.0], (8, n))


def differences(function, arrays):
    """For each array, the derivatives of ``function(*arrays)`` in the ``_directions``, by central differences."""
    found = []
    for place, array in enumerate(arrays):

        def along(step, place=place, array=array):
            moved = list(arrays)
            moved[place] = array + step.reshape(array.shape)
            return float(function(*moved))

        steps = STEP * _directions(array.size)
        found.append(np.array([(along(step) - along(-step)) / (2 * STEP) for step in steps]))
    return found


@cache
def numerical(sample, stage):
    """The derivatives of the projection ("first"), or of its gradient's squared norm ("second"), in float64."""
    engine = reference_engine()
    with on(engine), np.errstate(all="ignore"):
        arrays = sample.arrays("float64")
        tensors = _place(engine, sample, "float64")
        _, objective, norm = _functions(engine, sample, tensors)
        function = objective if stage == "first" else norm
        floats = [arrays[place] for place in sample.differentiable]
        return differences(lambda *moved: engine.to_numpy(function(*map(engine.convert, moved))[0]), floats)


# -- how far they are apart


def distance(got, want):
    """The greatest difference, relative to the greatest number where that is above 1; infinite if NaNs differ."""
    got, want = (np.asarray(x, complex if np.iscomplexobj(x) else float) for x in (got, want))
    if got.shape != want.shape:
        return float("inf")
    special = ~np.isfinite(want)
    if not np.array_equal(got[special], want[special], equal_nan=True):
        return float("inf")
    got, want = got[~special], want[~special]
    if not np.isfinite(got).all():
        return float("inf")
    return float(np.max(np.abs(got - want), initial=0.0) / max(1.0, np.max(np.abs(want), initial=0.0)))


def _show(array):
    return np.array2string(np.asarray(array), precision=8, threshold=12).replace("\n", "")


def compare(outcome, wanted, what):
    """Complaints about the measured values of ``outcome``."""
    if len(outcome.measured) != len(wanted):
        return [f"{outcome}: {what} has {len(wanted)} parts, the result {len(outcome.measured)}"]
    complaints = []
    for n, (got, want) in enumerate(zip(outcome.measured, wanted)):
        if isinstance(want, str):
            if got != want:
                complaints.append(f"{outcome}: part {n} is {got!r} instead of {want!r}")
            continue
        dtype = str(np.asarray(got).dtype)
        allowed = VALUE.get(dtype, 0.0) * outcome.sample.tolerance
        apart = distance(got, want)
        if not apart <= allowed:
            complaints.append(
                f"{outcome}: part {n} is {apart:.1e} from {what} (allowed {allowed:.1e}): "
                f"{_show(got)} instead of {_show(want)}"
            )
    return complaints


def check_types(outcome):
    """Complaints about shapes and dtypes. What is known without running may be a plain number."""
    sample = outcome.sample
    if sample.dynamic:
        return []
    expected = expected_types(sample, outcome.dtype)
    got = [
        leaf if not isinstance(want, tuple) else kind or ((), dtypes.standardize(type(leaf)))
        for leaf, kind, want in zip(outcome.leaves, outcome.types, expected)
    ]
    if len(outcome.leaves) != len(expected) or got != expected:
        return [f"{outcome}: {got} where the engine of shapes says {expected}"]
    return []


def check_value(outcome):
    """Complaints about values."""
    if "value" in outcome.errors:
        return [_failed(outcome, "value")]
    return [] if outcome.sample.random else compare(outcome, reference(outcome.sample), "the reference")


def check_gradient(outcome, stage="first"):
    """Complaints about the gradient ("first") or the gradient of its squared norm ("second")."""
    if not {"value", stage}.isdisjoint(outcome.errors):
        return [_failed(outcome, "value" if "value" in outcome.errors else stage)]
    gradients = getattr(outcome, stage)
    if gradients is None:
        return []
    allowed = (GRADIENT if stage == "first" else SECOND)[outcome.dtype] * outcome.sample.tolerance
    complaints = []
    for place, got, want in zip(outcome.sample.differentiable, gradients, numerical(outcome.sample, stage)):
        shape = outcome.sample.arrays(outcome.dtype)[place].shape
        if np.shape(got) != shape:
            complaints.append(f"{outcome}: the gradient of array {place} has the shape {np.shape(got)}, not {shape}")
            continue
        derivatives = _directions(got.size) @ np.asarray(got, float).ravel()
        apart = distance(derivatives, want)
        if not apart <= allowed:
            complaints.append(
                f"{outcome}: the {stage} gradient of array {place} is {apart:.1e} from central differences "
                f"(allowed {allowed:.1e}): {_show(derivatives)} instead of {_show(want)}"
            )
    return complaints


def _failed(outcome, stage):
    error = outcome.errors[stage]
    return f"{outcome}: {stage}: {type(error).__name__}: {error}"


def is_lacking(error):
    return isinstance(error, NotImplementedError) and "lacks the required op" in str(error)


def lacks(outcome):
    """The message that a required op is lacking, where that is what went wrong."""
    return next((str(error) for error in outcome.errors.values() if is_lacking(error)), None)
