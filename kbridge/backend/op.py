"""``@op``: from one function to an op that runs on every engine.

The decorated function is the signature, the docstring and a portable body
written in other ops. The decorator reads which parameters are tensors from the
annotations and adds the rest: the engine in charge is looked up, arguments are
converted and cast by the op's dtype rule, an engine's own function of the same
name runs in place of the body, and a symbolic argument makes a graph node.

    @op(floating)                                    # ints become floats
    def relu6(x: Tensor):
        return minimum(maximum(x, 0.0), 6.0)

    @op.required(promote, shape=shapes.matmul)       # no body: every engine has its own
    def matmul(x1: Tensor, x2: Tensor): ...

Annotations: ``Tensor`` takes part in the dtype rule; ``Tensors`` is a sequence
of such; ``Other`` is converted but keeps its dtype (indices, conditions).
Each may be None where that is the default. A parameter without one of these
is passed on as it is.
"""

import inspect
from functools import wraps
from typing import Any

import numpy as np

from kbridge.backend import dtypes, registry
from kbridge.backend.frame import get_frame

OPS = {}  # name -> the op, for operators, engines and the conformance suite

Tensor = Any
Tensors = Any
Other = Any


class Spec:
    """What is known of an op: see ``op`` for the fields."""

    def __init__(self, function, rule, out, shape, required, gradient):
        self.name = function.__name__
        self.body = function
        self.rule = rule
        self.out = out
        self.shape = shape
        self.required = required
        self.gradient = gradient
        self.signature = inspect.signature(function)
        kinds = {name: _kind(p.annotation) for name, p in self.signature.parameters.items()}
        self.parameters = list(kinds)
        self.kinds = {name: kind for name, kind in kinds.items() if kind}
        # by position, for arguments given by position; *args repeats its kind
        by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = self.signature.parameters.items()
        self.positions = [kinds[name] for name, p in parameters if p.kind in by_position]
        self.variadic = next((kinds[name] for name, p in parameters if p.kind is p.VAR_POSITIONAL), None)

    def kind_at(self, position):
        return self.positions[position] if position < len(self.positions) else self.variadic

    def __repr__(self):
        return f"<op {self.name}{self.signature}>"


def _kind(annotation):
    text = annotation if isinstance(annotation, str) else ""
    word = text.split("|")[0].strip()
    return word if word in ("Tensor", "Tensors", "Other") else None


def _make(function, rule=None, *, out=None, shape=None, required=False, gradient=True):
    spec = Spec(function, rule, out, shape, required, gradient)
    table = _Implementations(spec)

    @wraps(function)
    def call(*args, **kwargs):
        return table[get_frame().engine](*args, **kwargs)

    call.spec = spec
    call.implementations = table
    OPS[spec.name] = call
    return call


def op(rule=None, **options):
    """Define an op with a portable body.

    rule:     how the dtypes of its tensors make one: ``promote``, ``floating``, ``summed``,
              ``integral``, ``first``, or None to leave each as it is.
    out:      the dtype of the result, where it is not that of the tensors ("bool", "int32").
    shape:    for a required op, the rule that gives the result's shape from the arguments:
              a tuple, an ``Abstract``, or a structure of these. The default broadcasts.
    gradient: False where the mathematics has none.
    """
    if _is_bare(rule):
        return _make(rule)
    return lambda function: _make(function, rule, **options)


def _required(rule=None, **options):
    """Define an op that every engine must bring: the function has no body."""
    if _is_bare(rule):
        return _make(rule, required=True)
    return lambda function: _make(function, rule, required=True, **options)


op.required = _required


def _is_bare(rule):
    """Whether the decorator was written without parentheses, so that ``rule`` is the op itself."""
    return callable(rule) and rule.__module__ != dtypes.__name__


class _Implementations(dict):
    """engine -> the callable that runs the op on it, made at the first use."""

    def __init__(self, spec):
        super().__init__()
        self.spec = spec

    def __missing__(self, engine):
        if engine is None:
            return self[registry.current()]
        self[engine] = made = implement(self.spec, engine)
        return made


def implement(spec, engine):
    """Join an op and an engine: argument handling around the engine's function or the portable body."""
    run = engine.native(spec.name)
    native = run is not None
    if run is None:
        if spec.required:
            raise NotImplementedError(
                f'The backend "{engine.name}" lacks the required op "{spec.name}". '
                f"Its module needs a function {spec.name}{spec.signature}."
            )
        run = spec.body
    if spec.out is not None:
        run = _with_result_dtype(_declinable(run, spec.body), spec.out, engine)
    body = spec.body  # what takes the place of ``run`` where that leaves a case to it

    tensor_types = engine.tensor_types
    # every rule leaves a float as it is, and only these leave everything else
    accepted = None if spec.rule in (None, dtypes.promote, dtypes.first) else engine.float_dtypes
    leading = spec.positions[:2]

    def slow(args, kwargs):
        return _slow(spec, engine, _declinable(run, body), native, args, kwargs)

    if leading[:1] == ["Tensor"] and list(spec.kinds.values()) == ["Tensor"]:

        def unary(*args, **kwargs):
            if args:
                x = args[0]
                if type(x) in tensor_types and (accepted is None or x.dtype in accepted):
                    result = run(*args, **kwargs)
                    return body(*args, **kwargs) if result is NotImplemented else result
            return slow(args, kwargs)

        return unary

    if leading == ["Tensor", "Tensor"] and list(spec.kinds.values()) == ["Tensor", "Tensor"] and spec.rule:

        def binary(*args, **kwargs):
            if len(args) > 1:
                a, b = args[0], args[1]
                if type(a) in tensor_types:
                    if getattr(b, "is_variable", False):
                        b = b.value
                        args = (a, b, *args[2:])
                    if type(b) in tensor_types:
                        fits = a.dtype == b.dtype and (accepted is None or a.dtype in accepted)
                    else:
                        fits = native and type(b) in (float, int) and a.dtype in engine.float_dtypes
                    if fits:
                        result = run(*args, **kwargs)
                        return body(*args, **kwargs) if result is NotImplemented else result
            return slow(args, kwargs)

        return binary

    kinds, uniform, tensor_names = spec.kinds, spec.rule is not None, frozenset(spec.kinds)
    known = [(i, kind == "Tensors", uniform and kind != "Other") for i, kind in enumerate(spec.positions) if kind]

    def general(*args, **kwargs):
        """Straight on where all tensors are the engine's (or Variables), and of one dtype that the rule keeps."""
        dtype, values, count = None, args, len(args)
        if count > len(spec.positions) and spec.variadic:
            places = known + [(i, False, uniform) for i in range(len(spec.positions), count)]
        else:
            places = known
        for index, several, weighs in places:
            if index >= count:
                break
            value = args[index]
            if value is None:
                continue
            if getattr(value, "is_variable", False):
                value = value.value
                if values is args:
                    values = list(args)
                values[index] = value
            for item in value if several and isinstance(value, (list, tuple)) else (value,):
                if type(item) not in tensor_types:
                    return slow(args, kwargs)
                if weighs:
                    if dtype is None:
                        dtype = item.dtype
                        if accepted is not None and dtype not in accepted:
                            return slow(args, kwargs)
                    elif item.dtype != dtype:
                        return slow(args, kwargs)
        if kwargs and not tensor_names.isdisjoint(kwargs) and any(kwargs.get(name) is not None for name in kinds):
            return slow(args, kwargs)
        result = run(*values, **kwargs)
        return body(*values, **kwargs) if result is NotImplemented else result

    return general


def _declinable(native, body):
    """An engine's function may return NotImplemented for a case it leaves to the portable body."""

    def run(*args, **kwargs):
        result = native(*args, **kwargs)
        return body(*args, **kwargs) if result is NotImplemented else result

    return wraps(native)(run)


def _with_result_dtype(run, dtype, engine):
    def cast(result):
        return result if engine.dtype(result) == dtype else engine.cast(result, dtype)

    return lambda *args, **kwargs: cast(run(*args, **kwargs))


# Scalars take the dtype of the tensors they meet; NumPy's default scalars count as Python's.
_WEAK = {
    bool: "bool",
    int: "int",
    float: "float",
    complex: "complex",
    np.bool_: "bool",
    np.int64: "int",
    np.float64: "float",
    np.complex128: "complex",
}


def dtype_of(value, engine=None):
    """The dtype of a tensor, array, Variable, symbol or nested list; that of a Python number is weak."""
    dtype = getattr(value, "dtype", None)
    if dtype is None and type(value) in _WEAK:
        return _WEAK[type(value)]
    if dtype is not None:
        return dtypes.standardize(dtype)
    engine = engine or registry.current()
    return engine.dtype(engine.convert(value, None))


def _tensor_arguments(spec, args, kwargs):
    """(kind, value) of each tensor among the arguments, sequences taken apart."""
    named = [(spec.kind_at(i), value) for i, value in enumerate(args)]
    named += [(spec.kinds.get(name), value) for name, value in kwargs.items()]
    found = []
    for kind, value in named:
        if kind is None or value is None:
            continue
        if kind == "Tensors":
            found.extend(("Tensor", item) for item in (value if isinstance(value, (list, tuple)) else (value,)))
        else:
            found.append((kind, value))
    return found


def _slow(spec, engine, run, native, args, kwargs):
    """Whatever the fast paths leave: variables, scalars, arrays of any kind, symbols, mixed dtypes."""
    tensors = _tensor_arguments(spec, args, kwargs)
    for _, value in tensors:
        symbolic = getattr(type(value), "apply_op", None)
        if symbolic is not None and not (engine.abstract and type(value) in engine.tensor_types):
            return symbolic(spec, args, kwargs)

    dtype = None
    scalars_stay = False
    if spec.rule is not None:
        # a Variable weighs in with the dtype it is read in here
        weigh_in = [
            value.value if getattr(value, "is_variable", False) and not value.host else value
            for kind, value in tensors
            if kind == "Tensor"
        ]
        found = [_WEAK.get(type(value)) or dtype_of(value, engine) for value in weigh_in]
        scalars_stay = any(type(value) not in _WEAK for value in weigh_in)
        if not scalars_stay:
            found = [str(value.dtype) if isinstance(value, np.generic) else d for d, value in zip(found, weigh_in)]
        if any(isinstance(value, np.inexact) and type(value) in engine.tensor_types for value in weigh_in):
            # where scalars are tensors, they are results: they give way to other floats only
            if not any(dtypes.is_float(d) or dtypes.is_complex(d) for d in found):
                found = [str(v.dtype) if isinstance(v, np.inexact) else d for d, v in zip(found, weigh_in)]
        dtype = spec.rule(*found)
        scalars_stay = scalars_stay and native  # a body may use them alone, in another dtype

    def convert(kind, value):
        if value is None or kind is None:
            return value
        if kind == "Tensors" and isinstance(value, (list, tuple)):
            return [convert("Tensor", item) for item in value]
        if scalars_stay and kind != "Other" and type(value) in _WEAK:
            return value.item() if isinstance(value, np.generic) else value
        if getattr(value, "is_variable", False):
            value = value.value
        return engine.convert(value, None if kind == "Other" else dtype)

    args = [convert(spec.kind_at(i), value) for i, value in enumerate(args)]
    kwargs = {name: convert(spec.kinds.get(name), value) for name, value in kwargs.items()}
    return run(*args, **kwargs)
