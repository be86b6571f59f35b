"""Models as estimators of scikit-learn, the way Keras 1 and 2 had them."""

import importlib

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone, is_classifier, is_regressor  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import Pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

from kbridge.backend import registry  # noqa: E402

GENERATIONS = pytest.mark.parametrize("generation", ("keras1", "keras2"))
EPOCHS = {"keras1": "nb_epoch", "keras2": "epochs"}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

random = np.random.RandomState(0)
X = random.randn(90, 4).astype("float32")
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0).astype(int)
TARGET = X[:, 0] - 2 * X[:, 1] + 0.5


class World:
    """A generation's classes, and functions that build models with them."""

    def __init__(self, generation):
        self.layers = importlib.import_module(f"kbridge.compat.{generation}.layers")
        self.models = importlib.import_module(f"kbridge.compat.{generation}.models")
        wrappers = importlib.import_module(f"kbridge.compat.{generation}.wrappers.scikit_learn")
        self.Classifier, self.Regressor = wrappers.KerasClassifier, wrappers.KerasRegressor
        self.epochs = EPOCHS[generation]

    def __deepcopy__(self, memo):
        return self  # scikit-learn copies parameters, and with a method what it belongs to

    def build(self, hidden=8, outputs=3, activation="softmax", loss="categorical_crossentropy", metrics=("accuracy",)):
        model = self.models.Sequential()
        model.add(self.layers.Dense(hidden, input_dim=4, activation="tanh"))
        model.add(self.layers.Dense(outputs, activation=activation))
        model.compile(loss=loss, optimizer="rmsprop", metrics=list(metrics))
        return model

    def classifier(self, hidden=8):
        return self.build(hidden)

    def binary(self):
        return self.build(4, 1, "sigmoid", "binary_crossentropy")

    def regressor(self, hidden=8):
        return self.build(hidden, 1, "linear", "mse", ())


@pytest.fixture
def world(request, generation):
    with registry.use_backend("numpy"):
        yield World(generation)


@GENERATIONS
def test_classifier(world):
    estimator = world.Classifier(build_fn=world.classifier, hidden=12, batch_size=10, verbose=0, **{world.epochs: 30})
    history = estimator.fit(X, Y)
    assert len(history.history["loss"]) == 30 and estimator.model.layers[0].output_shape == (None, 12)
    predicted, likely = estimator.predict(X), estimator.predict_proba(X)
    assert predicted.shape == (90,) and likely.shape == (90, 3)
    np.testing.assert_array_equal(likely.argmax(-1), predicted)
    assert estimator.score(X, Y) == pytest.approx((predicted == Y).mean(), abs=1e-5)
    assert estimator.score(X, Y) > 0.6
    assert len(estimator.fit(X, np.eye(3)[Y], **{world.epochs: 2}).history["loss"]) == 2
    assert is_classifier(estimator) and not is_regressor(estimator)


@GENERATIONS
def test_classes_may_be_called_anything(world):
    names = np.array(["low", "middle", "high"])
    estimator = world.Classifier(world.classifier, verbose=0, **{world.epochs: 20})
    estimator.fit(X, names[Y])
    assert set(estimator.predict(X)) <= set(names) and list(estimator.classes_) == ["high", "low", "middle"]
    assert estimator.score(X, names[Y]) == pytest.approx((estimator.predict(X) == names[Y]).mean(), abs=1e-5)


@GENERATIONS
def test_two_classes_with_one_output(world):
    estimator = world.Classifier(world.binary, verbose=0, **{world.epochs: 5})
    estimator.fit(X, Y > 0, sample_weight=np.ones(90))
    likely = estimator.predict_proba(X)
    assert likely.shape == (90, 2) and estimator.predict(X).shape == (90, 1)
    np.testing.assert_allclose(likely.sum(-1), 1, rtol=1e-5)


@GENERATIONS
def test_parameters(world):
    estimator = world.Classifier(world.classifier, hidden=5, callbacks=[])
    assert estimator.get_params() == {"build_fn": world.classifier, "hidden": 5, "callbacks": []}
    copy = clone(estimator)
    assert copy is not estimator and copy.get_params() == estimator.get_params()
    assert copy.set_params(hidden=7, verbose=0) is copy and copy.get_params()["hidden"] == 7
    assert copy.filter_sk_params(world.classifier, {"more": 1}) == {"hidden": 7, "more": 1}
    with pytest.raises(ValueError, match="hiden is not a legal parameter"):
        world.Classifier(world.classifier, hiden=5)
    with pytest.raises(ValueError, match="build_fn"):
        world.Classifier()


@GENERATIONS
def test_what_builds_the_model_may_be_an_object_or_the_estimator(world):
    class Builder:
        def __call__(self, hidden=8):
            return world.classifier(hidden)

    class Own(world.Classifier):
        def __call__(self, hidden=8):
            return world.classifier(hidden)

    for estimator in (world.Classifier(Builder(), hidden=6, verbose=0), Own(hidden=6, verbose=0)):
        estimator.fit(X, Y)
        assert estimator.model.layers[0].output_shape == (None, 6)


@GENERATIONS
def test_regressor(world, generation):
    estimator = world.Regressor(world.regressor, hidden=16, batch_size=10, verbose=0, **{world.epochs: 30})
    estimator.fit(X, TARGET)
    predicted = estimator.predict(X)
    assert predicted.shape == (90,) and is_regressor(estimator)
    loss = ((predicted - TARGET) ** 2).mean()
    assert loss < TARGET.var() / 2
    assert estimator.score(X, TARGET) == pytest.approx(loss if generation == "keras1" else -loss, rel=1e-3)


@GENERATIONS
def test_searches_and_pipelines(world):
    estimator = world.Classifier(world.classifier, batch_size=10, verbose=0)
    search = GridSearchCV(estimator, {"hidden": [2, 12], world.epochs: [1, 20]}, cv=2)
    search.fit(X, Y)
    assert search.best_params_[world.epochs] == 20 and len(search.cv_results_["params"]) == 4
    assert search.predict(X).shape == (90,)
    scores = cross_val_score(estimator, X, Y, cv=3, scoring="neg_log_loss")
    assert len(scores) == 3 and (scores < 0).all()
    line = Pipeline([("scale", StandardScaler()), ("model", estimator)])
    line.set_params(model__hidden=3).fit(X, Y)
    assert line.named_steps["model"].model.layers[0].output_shape == (None, 3)
    assert line.predict_proba(X).shape == (90, 3) and 0 <= line.score(X, Y) <= 1
    search = GridSearchCV(world.Regressor(world.regressor, verbose=0), {"hidden": [4]}, cv=2, scoring="r2")
    assert np.isfinite(search.fit(X, TARGET).best_score_)


@GENERATIONS
def test_accuracy_must_be_among_the_metrics(world):
    def build():
        return world.build(metrics=())

    estimator = world.Classifier(build, verbose=0)
    estimator.fit(X, Y)
    with pytest.raises(ValueError, match="metrics="):
        estimator.score(X, Y)
