"""Every layer against Keras, on every engine: values, gradients, masks, shapes, dtypes, configs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kbridge
from kbridge import layers, ops
from kbridge.backend import registry
from kbridge.backend.symbolic import KerasTensor
from kbridge.layers.masks import mask_of, remember_mask

sys.path.insert(0, str(Path(__file__).parent))
from layer_cases import CASES, coefficients, leaves, open_shapes, refill  # noqa: E402

PER_CASE = pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])


@pytest.fixture(scope="session")
def references(tmp_path_factory):
    """What Keras gives for every case, computed by another process: case -> (arrays, facts)."""
    folder = tmp_path_factory.mktemp("keras")
    path = folder / "reference.npz"
    environment = {**os.environ, "KERAS_BACKEND": "torch", "KERAS_HOME": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
    program = [sys.executable, str(Path(__file__).parent / "layer_cases.py"), str(path)]
    subprocess.run(program, env=environment, check=True, timeout=600)
    stored = np.load(path)
    found = {case: ({}, facts) for case, facts in zip(CASES, json.loads(str(stored["facts"])))}
    for name in stored.files:
        number, _, item = name.partition("/")
        if item:
            found[CASES[int(number)]][0][item] = stored[name]
    return found


@pytest.fixture
def reference(references, case):
    arrays, facts = references[case]
    assert "error" not in facts, f"Keras cannot do this: {facts['error']}"
    return arrays, facts


def numbered(arrays, kind):
    return [arrays[f"{kind}{i}"] for i in range(len(arrays)) if f"{kind}{i}" in arrays]


def same(ours, expected, tolerance, what):
    """Whether two arrays agree within ``tolerance`` of the largest value."""
    assert ours.shape == expected.shape, f"{what}: shape {ours.shape}, not {expected.shape}"
    assert ours.dtype == expected.dtype, f"{what}: dtype {ours.dtype}, not {expected.dtype}"
    if expected.dtype == bool:
        assert (ours == expected).all(), f"{what}: {ours}, not {expected}"
    elif expected.size:
        apart = np.abs(ours - expected).max()
        assert apart <= tolerance * max(1.0, np.abs(expected).max()), f"{what}: {apart} apart:\n{ours}\nnot\n{expected}"


def built(case, layer=None):
    """The case's layer, with the weights that the reference has too."""
    layer = layer or case.make(layers)
    args, kwargs = case.arguments()
    layer(*args, **kwargs)
    layer.set_weights(case.weights(layer.weights))
    return layer


def outputs_of(case, layer):
    args, kwargs = case.arguments()
    engine = registry.current()
    return [engine.to_numpy(y) for y in leaves([layer(*args, **kwargs)])]


@PER_CASE
def test_computes_what_keras_does(case, engine, reference):
    arrays, _ = reference
    layer = built(case)
    args, kwargs = case.arguments()
    fixed = {place: engine.convert(mask) for place, mask in case.masks.items()}
    given = [engine.convert(x) for x in leaves([args, kwargs])]
    floats = [i for i, x in enumerate(leaves([args, kwargs])) if x.dtype.kind == "f"]

    def compute(*tensors):
        found = {}

        def objective(*watched):
            values = list(tensors)
            for i, x in zip(floats, watched):
                values[i] = ops.multiply(x, 1.0)
            for place, mask in fixed.items():
                remember_mask(values[place], mask)
            values = iter(values)
            found["outputs"] = leaves([layer(*refill(args, values), **refill(kwargs, values))])
            found["masks"] = {i: m for i, y in enumerate(found["outputs"]) if (m := mask_of(y)) is not None}
            total = sum(ops.sum(ops.multiply(y, coefficients(tuple(y.shape)))) for y in found["outputs"])
            return total, (found["outputs"], found["masks"])

        watched = [tensors[i] for i in floats] + layer.trainable_variables
        (_, (outputs, masks)), gradients = engine.value_and_grad(objective, watched, has_aux=True)
        gradients = [ops.zeros_like(x) if g is None else g for g, x in zip(gradients, watched)]
        return list(outputs), masks, gradients

    outputs, masks, gradients = engine.compile(compute)(*given)
    for i, (ours, expected) in enumerate(zip(outputs, numbered(arrays, "output"), strict=True)):
        same(engine.to_numpy(ours), expected, case.tolerance, f"output {i}")
    assert {f"mask{i}" for i in masks} == {name for name in arrays if name.startswith("mask")}
    for i, ours in masks.items():
        same(engine.to_numpy(ours), arrays[f"mask{i}"], 0, f"mask {i}")
    for i, (ours, expected) in enumerate(zip(gradients if case.gradients else (), numbered(arrays, "gradient") if case.gradients else ())):
        same(engine.to_numpy(ours), expected, 4 * case.tolerance, f"gradient {i}")
    state = [v for v in layer.weights if not any(v is w for w in layer.trainable_weights)]
    for ours, expected in zip(state, numbered(arrays, "after"), strict=True):
        same(ours.numpy(), expected, case.tolerance, ours.path)


@PER_CASE
def test_weights_have_the_names_and_order_of_keras(case, reference):
    if case.like == case.layer:
        assert [v.name for v in built(case).weights] == reference[1]["names"]


def symbols(x, axes):
    if isinstance(x, list):
        return [symbols(item, axes) for item in x]
    return KerasTensor(open_shapes(x, axes), str(x.dtype))


def check(found, known, what):
    """Whether symbols have the shapes that Keras gives; what it does not know we may."""
    shapes = [list(y.shape) for y in found]
    assert len(shapes) == len(known) and all(len(a) == len(b) for a, b in zip(shapes, known)), f"{what}: {shapes}"
    apart = [(m, n) for a, b in zip(shapes, known) for m, n in zip(a, b) if m != n and n is not None]
    assert not apart, f"{what}: {shapes}, not {known}"


@PER_CASE
def test_shapes_are_known_beforehand(case, reference):
    """Symbolic call, compute_output_shape and the values agree, and with Keras where axes are unknown."""
    arrays, facts = reference
    args, kwargs = case.arguments()
    plain = {name: value for name, value in kwargs.items() if not leaves([value])}
    expected = numbered(arrays, "output")
    layer = case.make(layers)
    found = leaves([layer(*symbols(args, ()), **plain)])
    assert [y.shape for y in found] == [y.shape for y in expected]
    assert [y.dtype for y in found] == [str(y.dtype) for y in expected]
    for axes in ((0,), (0, 1)):
        known = facts["shapes"][str(axes)]
        if isinstance(known, str):
            continue
        layer = built(case)
        found = leaves([layer(*symbols(args, axes), **plain)])
        if plain.get("return_attention_scores"):
            found, known = found[:1], known[:1]  # of the scores Keras thinks that all lengths are the query's
        check(found, known, f"axes {axes} unknown")
        shapes = [open_shapes(x, axes) for x in args]
        told = layer.compute_output_shape(*shapes)
        several = isinstance(told, (list, tuple)) and told and isinstance(told[0], (list, tuple))
        told = [KerasTensor(shape) for shape in _flat_shapes(told if several else [told])]
        check(told, known, f"compute_output_shape with axes {axes} unknown")


def _flat_shapes(shapes):
    for shape in shapes:
        if any(isinstance(item, (list, tuple)) for item in shape):
            yield from _flat_shapes(shape)
        else:
            yield shape


@PER_CASE
def test_config_makes_an_equal_layer(case, reference):
    """from_config(get_config()) computes the same; so does a layer made from the config that Keras writes."""
    if "Lambda" in case.layer:
        pytest.skip("A lambda cannot be written into a config.")
    with kbridge.use_backend("numpy"):
        layer = built(case)
        expected = outputs_of(case, layer)
        copies = [type(layer).from_config(layer.get_config())]
        if "config" in reference[1]:
            copies.append(layers.deserialize(reference[1]["config"]))
            copies.append(layers.deserialize(json.loads(json.dumps(layers.serialize(layer)))))
        for copy in copies:
            assert type(copy) is type(layer)
            copy = built(case, copy)
            for ours, theirs in zip(outputs_of(case, copy), expected, strict=True):
                same(ours, theirs, 1e-6, "output of the copy")
