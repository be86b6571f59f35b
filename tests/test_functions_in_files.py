"""What is told of functions and classes that a file cannot hold: when a model is saved, and when it is loaded."""

import functools
import warnings

import numpy as np
import pytest

import kbridge
from kbridge import layers, ops, saving
from kbridge.saving import CorruptFileError, UnsafeFileError

pytest.importorskip("h5py")

X = np.ones((2, 3), "float32")
ENDINGS = (".keras", ".h5")


def scaled(x, by=2.0):
    return x * by


class Thing:
    def act(self, x):
        return x + 1

    @staticmethod
    def plain(x):
        return x + 1


def inner():
    def local(x):
        return x + 1

    class Local(layers.Dense):
        pass

    return local, Local


def of(*stack, **compiled):
    made = kbridge.Sequential([kbridge.Input((3,)), *stack], name="m")
    if compiled:
        made.compile("sgd", **compiled)
    return made


def save(made, path):
    """What the user is told, who must be shown the own line."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        made.save(path)
    assert {warning.filename for warning in told} <= {__file__}
    return " ".join(str(warning.message) for warning in told)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    "layer, names",
    [
        (lambda: layers.Dense(3, lambda x: x + 1, name="it"), ["it.activation"]),
        (lambda: layers.Dense(3, kernel_regularizer=lambda w: ops.sum(w), name="it"), ["it.kernel_regularizer"]),
        (lambda: layers.Lambda(lambda x: x + 1, name="it"), ["it"]),
        (
            lambda: layers.LSTM(2, activation=lambda x: x, recurrent_activation=lambda x: x, name="it"),
            ["it.activation", "it.recurrent_activation"],
        ),
    ],
)
def test_lambdas_are_told_by_the_names_they_are_given_under(tmp_path, ending, layer, names):
    path = tmp_path / f"a{ending}"
    before = [layers.Reshape((3, 1))] if "it.recurrent_activation" in names else []
    made = of(*before, layer())
    told = save(made, path)
    given = ", ".join(f"{name!r}: function" for name in names)
    assert "'m' is saved, but without what its lambdas do" in told and f"custom_objects={{{given}}})." in told
    with pytest.raises(UnsafeFileError, match=rf"custom_objects={{{names[0]!r}: function}} in this call"):
        saving.load_model(path)
    found = made.layers[-1]
    functions = [functools.reduce(getattr, name.split(".")[1:] or ["function"], found) for name in names]
    again = saving.load_model(path, dict(zip(names, functions)))
    np.testing.assert_allclose(again.predict(X, verbose=0), made.predict(X, verbose=0), rtol=1e-5)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("compiled", [{"loss": lambda y, p: ops.mean(y - p)}, {"metrics": [lambda y, p: ops.mean(y)]}])
def test_lambdas_in_compile(tmp_path, ending, compiled):
    path = tmp_path / f"a{ending}"
    made = of(layers.Dense(2), **{"loss": "mse", **compiled})
    told = save(made, path)
    if ending == ".h5":
        assert "saved, but not how it is trained: its loss or a metric is a lambda" in told
        with pytest.warns(UserWarning, match="Write: model.compile"):
            again = saving.load_model(path)
    else:
        name = "m.loss" if "loss" in compiled else "m.metrics[0]"
        assert f"custom_objects={{{name!r}: function}}), or compile=False" in told
        with pytest.raises(UnsafeFileError, match="or compile=False in this call"):
            saving.load_model(path)
        again = saving.load_model(path, compile=False)
        assert saving.load_model(path, {name: lambda y, p: ops.mean(p)}).optimizer is not None
    np.testing.assert_allclose(again.predict(X, verbose=0), made.predict(X, verbose=0), rtol=1e-6)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    "make, given",
    [
        (lambda: layers.Dense(3, scaled, name="it"), "'scaled': scaled"),
        (lambda: layers.Dense(3, inner()[0], name="it"), "'local': local"),
        (lambda: layers.Dense(3, Thing.plain, name="it"), "'plain': Thing.plain"),
        (lambda: layers.Dense(3, Thing().act, name="it"), r"'act': Thing\(...\).act"),
        (lambda: inner()[1](3, name="it"), "'Local': Local"),
    ],
)
def test_functions_and_classes_of_ones_own(tmp_path, ending, make, given):
    path = tmp_path / f"a{ending}"
    told = save(of(make()), path)
    assert given.replace("\\", "") in told and "define it at the top of a module, and decorate it" in told
    kind = "'m': Unknown class" if "Local" in given else "'it': Unknown (function|activation)"
    with pytest.raises(CorruptFileError, match=f"{kind} {given.split(':')[0]}.*custom_objects"):
        saving.load_model(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_has_no_name_is_refused_with_its_place(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    half = functools.partial(scaled, by=0.5)
    hint = "Write a function with `def` that does the same, and decorate it"
    with pytest.raises(TypeError, match=f"^Dense 'it': functools.partial.*{hint}"):
        of(layers.Dense(3, half, name="it")).save(path)
    with pytest.raises(TypeError, match=f"^Sequential 'm', loss: functools.partial.*{hint}"):
        of(layers.Dense(3), loss=half).save(path)
    assert not path.exists()
