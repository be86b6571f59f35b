"""Lambdas that files keep as bytecode: refused, unless the call that opens the file says otherwise."""

import base64
import inspect
import json
import marshal
import struct
import textwrap
import types

import numpy as np
import oracle
import pytest

import kbridge
from kbridge import bytecode, layers, saving
from kbridge.backend import registry
from kbridge.compat.keras2 import models as models2
from kbridge.saving import CorruptFileError, UnsafeFileError

keras = oracle.keras
X = np.linspace(-1, 1, 12, dtype="float32").reshape(3, 4)


def predict(model):
    return np.asarray(model.predict(X, verbose=0))


def described(function):
    code, defaults, closure = bytecode.dumped(function)
    return {"class_name": "__lambda__", "config": {"code": code, "defaults": defaults, "closure": closure}}


def configured(function, **more):
    """The config of a model with a Lambda in it, as old programs wrote it."""
    inner = {"name": "own", "function": function, "function_type": "lambda", "arguments": {}, **more}
    first = {"class_name": "InputLayer", "config": {"name": "a", "batch_input_shape": [None, 4]}}
    return {"class_name": "Sequential", "config": {"layers": [first, {"class_name": "Lambda", "config": inner}]}}


def text_of(function, **more):
    return json.dumps(configured(function, **more))


def test_lambdas_of_keras_run_on_request(engine, tmp_path):
    offset = 2.0
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3, activation=lambda x: abs(x) + 0.5, name="dense"),  # which Keras cannot load itself
            keras.layers.Lambda(lambda x, scale=3.0: [scale * part + offset for part in (x, x)][1], name="own"),
        ]
    )
    model.save(tmp_path / "model.keras")
    with pytest.raises(UnsafeFileError, match=r"model\.keras: config\.json: .*write safe_mode=False"):
        saving.load_model(tmp_path / "model.keras")
    found, report = saving.load_model(tmp_path / "model.keras", safe_mode=False, report=True)
    np.testing.assert_allclose(predict(found), predict(model), rtol=1e-5)
    assert not report.refused
    given = {"dense.activation": lambda x: x - 1.0, "own": lambda x: x / 2.0}
    found = saving.load_model(tmp_path / "model.keras", given)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(predict(found), (X @ kernel + bias - 1) / 2, rtol=1e-5, atol=1e-6)


def test_neither_the_file_nor_a_switch_gives_leave(tmp_path):
    with pytest.warns(UserWarning, match="for a whole program"):
        kbridge.config.enable_unsafe_deserialization()
    told = [*bytecode.dumped(lambda x: x)]
    for text in (text_of(told), text_of(told, safe_mode=False), json.dumps({**configured(told), "safe_mode": False})):
        with pytest.raises(UnsafeFileError, match="is not run"):
            saving.model_from_json(text)
    with saving.custom_object_scope({"safe_mode": False}):
        with pytest.raises(UnsafeFileError, match="is not run"):
            saving.model_from_json(text)


def test_a_given_function_stands_for_the_code():
    told = [*bytecode.dumped(lambda x: 1 / 0)]
    model = saving.model_from_json(text_of(told), {"own": lambda x: x + 1}, safe_mode=False)
    np.testing.assert_array_equal(predict(model), X + 1)


@pytest.mark.parametrize("dialect", [kbridge.models, models2])
def test_lambdas_of_old_texts(dialect):
    code, *rest = bytecode.dumped(lambda x, y=2.0: K.abs(x) * y + np.float32(math.pi))  # noqa: F821
    raw = base64.b64decode(code).decode("raw_unicode_escape")
    for text in (code, raw):
        model = dialect.model_from_json(text_of([text, *rest]), safe_mode=False)
        np.testing.assert_allclose(predict(model), np.abs(X) * 2 + np.pi, rtol=1e-6)


def test_names_that_a_lambda_uses():
    told = text_of([*bytecode.dumped(lambda x: own_scale * layers_of_mine.sum(x))])  # noqa: F821
    with pytest.raises(CorruptFileError, match=r"uses layers_of_mine, own_scale\. .*custom_objects=\{'layers_of_mine'"):
        saving.model_from_json(told, safe_mode=False)
    mine = types.SimpleNamespace(sum=lambda x: x + x)
    model = saving.model_from_json(told, {"own_scale": 3.0, "layers_of_mine": mine}, safe_mode=False)
    np.testing.assert_allclose(predict(model), 6 * X, rtol=1e-6)


def of_python_3_7():
    """What Python 3.7 wrote for ``lambda x: x * 3``."""
    head = b"\xe3" + struct.pack("<5i", 1, 0, 1, 2, 0x43)
    text = b"s" + struct.pack("<i", 8) + bytes([0x7C, 0, 0x64, 1, 0x14, 0, 0x53, 0])
    names = b")\x02N\xe9" + struct.pack("<i", 3) + b")\x00" + b")\x01\xda\x01x" + b")\x00)\x00"
    return head + text + names + b"\xfa\x03a.py\xda\x08<lambda>" + struct.pack("<i", 1) + b"s\x00\x00\x00\x00"


def with_instructions(*changed):
    """A lambda of this Python, some of whose instructions are others."""
    code = (lambda x: x * 3).__code__
    raw = bytearray(code.co_code)
    for place, value in changed:
        raw[place] = value
    return marshal.dumps(code.replace(co_code=bytes(raw)))


@pytest.mark.parametrize(
    "data",
    [
        of_python_3_7(),
        with_instructions((0, 9)),  # it does not begin as functions do
        with_instructions((2, 7)),  # no version has this instruction
        with_instructions((5, 99)),  # a constant that is not there
        with_instructions((2, 9)),  # two are multiplied where there is one
        with_instructions((4, 9)),
        marshal.dumps("lambda x: x"),
        b"\xe3\x01",
    ],
)
def test_bytecode_of_other_versions_is_refused(data):
    text = text_of([base64.encodebytes(data).decode(), None, None])
    with pytest.raises(CorruptFileError, match=r"layers.*another version of Python than this \(3\.\d+\).*function"):
        saving.model_from_json(text, safe_mode=False)


def test_functions_of_this_version_are_known_as_such():
    of_these = (inspect, textwrap, json.decoder, np.lib._function_base_impl, layers.core)
    found = [member.__code__ for module in of_these for member in vars(module).values() if inspect.isfunction(member)]
    assert len(found) > 100 and all(map(bytecode._runs_here, found))


@pytest.mark.parametrize(
    "function, why",
    [
        ([bytecode.dumped(lambda x: x)[0], 3, None], "no list: "),
        ([bytecode.dumped(lambda x: x)[0], None, [1]], "has 1 values"),
        ([3, None, None], "not what it does"),
        ("code", "no list of a code"),
        ({"class_name": "__lambda__", "config": "code"}, "no list of a code"),
    ],
)
def test_what_is_no_function_is_told(function, why):
    with pytest.raises(CorruptFileError, match=why):
        saving.model_from_json(text_of(function), safe_mode=False)


def test_configs_in_a_program():
    layer = layers.Lambda.from_config({"name": "own", "function": described(lambda x: 2 * x)}, safe_mode=False)
    np.testing.assert_array_equal(registry.current().to_numpy(layer(X)), 2 * X)
    found = saving.deserialize_keras_object({"a": [described(lambda x: x + own_scale)]}, {"own_scale": 5}, False)  # noqa: F821
    assert found["a"][0](1) == 6
    with pytest.raises(ValueError, match="is not run"):
        layers.Lambda.from_config({"function": described(lambda x: x)})


def test_names_of_the_program_are_known(tmp_path):
    import subprocess
    import sys

    (tmp_path / "model.json").write_text(text_of([*bytecode.dumped(lambda x: doubled(x))]))  # noqa: F821
    program = """
        import sys, kbridge
        def doubled(x): return x + x
        model = kbridge.models.model_from_json(open(sys.argv[1]).read(), safe_mode=False)
        print(model.predict([[1.0, 2.0, 3.0, 4.0]], verbose=0).tolist())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), tmp_path / "model.json"], capture_output=True, text=True
    )
    assert done.stdout.strip() == "[[2.0, 4.0, 6.0, 8.0]]", done.stderr
