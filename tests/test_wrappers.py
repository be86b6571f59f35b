"""Models as estimators of scikit-learn: its own checks, searches, pipelines, clones and pickles."""

import pickle

import numpy as np
import pytest

import kbridge
from kbridge.backend import registry

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_iris, make_regression  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator  # noqa: E402

from kbridge.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer  # noqa: E402


def network(X, y, loss, out_activation="linear", units=8, rate=0.02):
    kbridge.utils.set_random_seed(1)  # some of scikit-learn's checks fit twice and expect the same
    model = kbridge.Sequential(
        [
            kbridge.Input((X.shape[1],)),
            kbridge.layers.Dense(units, activation="relu"),
            kbridge.layers.Dense(y.shape[1], activation=out_activation),
        ]
    )
    model.compile(kbridge.optimizers.Adam(rate), loss=loss)
    return model


QUIET = {"epochs": 1, "verbose": 0}


def classifier(**fit):
    kwargs = {"loss": "categorical_crossentropy", "out_activation": "softmax"}
    return SKLearnClassifier(network, model_kwargs=kwargs, fit_kwargs={**QUIET, **fit})


def regressor(**fit):
    return SKLearnRegressor(network, model_kwargs={"loss": "mse"}, fit_kwargs={**QUIET, **fit})


def transformer(**fit):
    return SKLearnTransformer(network, model_kwargs={"loss": "mse"}, fit_kwargs={**QUIET, **fit})


def own_checks():
    """(estimator, check) for all that scikit-learn asks of an estimator, with names that do not change."""
    for made in (classifier(), regressor(), transformer()):
        for estimator, check in estimator_checks_generator(made, mark="xfail"):
            given = ", ".join(f"{key}={value}" for key, value in getattr(check, "keywords", {}).items())
            name = getattr(check, "func", check).__name__
            yield pytest.param(estimator, check, id=f"{type(made).__name__}-{name}({given})")


@pytest.mark.parametrize(("estimator", "check"), own_checks())
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_a_broken_estimator_does_not_pass_them():
    class Broken(SKLearnRegressor):
        def predict(self, X):
            return super().predict(X)[:-1]

    with pytest.raises(Exception):  # noqa: B017
        check_estimator(Broken(network, model_kwargs={"loss": "mse"}, fit_kwargs=QUIET))


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X, y


def test_training_on_each_engine(engine, iris):
    X, y = iris
    pipeline = make_pipeline(StandardScaler(), classifier(epochs=20))
    pipeline.fit(X, y)
    assert pipeline.score(X, y) > 0.9
    assert set(pipeline.predict(X[:5])) <= {0, 1, 2}
    assert pipeline.decision_function(X[:5]).shape == (5, 3)


def test_labels_may_be_names(iris):
    X, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])
    found = classifier(epochs=15).fit(StandardScaler().fit_transform(X), names[y])
    assert list(found.classes_) == list(names)
    assert set(found.predict(X)) <= set(names)


def test_cross_validation_and_search(iris):
    X, y = iris
    X = StandardScaler().fit_transform(X)
    scores = cross_val_score(classifier(epochs=15), X, y, cv=3)
    assert scores.shape == (3,) and scores.mean() > 0.8
    grid = {
        "model_kwargs": [
            {"loss": "categorical_crossentropy", "out_activation": "softmax", "units": units} for units in (1, 16)
        ],
        "fit_kwargs": [{"epochs": 8, "verbose": 0}],
    }
    search = GridSearchCV(classifier(), grid, cv=2).fit(X, y)
    assert search.best_params_["model_kwargs"]["units"] == 16
    assert search.best_estimator_.epoch_ == 8


def test_a_clone_is_untrained_and_keeps_every_argument():
    X, y = make_regression(20, 3, random_state=0)
    trained = regressor(epochs=2).fit(X, y)
    copied = clone(trained)
    assert not hasattr(copied, "model_")
    assert copied.get_params() == trained.get_params()
    assert copied.fit_kwargs is not trained.fit_kwargs


def test_a_pickle_predicts_the_same_on_another_engine(iris):
    X, y = iris
    trained = classifier(epochs=3).fit(X, y)
    again = pickle.loads(pickle.dumps(trained))
    np.testing.assert_array_equal(again.decision_function(X), trained.decision_function(X))
    assert again.history_.history == trained.history_.history
    with registry.use_backend("torch"):
        np.testing.assert_allclose(again.decision_function(X), trained.decision_function(X), rtol=1e-5)


def test_a_model_is_cloned_not_trained_itself():
    X, y = make_regression(20, 3, random_state=0)
    model = network(X, y[:, None], "mse")
    before = model.get_weights()
    found = SKLearnRegressor(model, fit_kwargs=QUIET).fit(X, y)
    for old, now in zip(before, model.get_weights()):
        np.testing.assert_array_equal(old, now)
    assert found.model_ is not model and found.model_.optimizer is not model.optimizer
    assert found.predict(X).shape == y.shape
    np.testing.assert_array_equal(clone(found).model.get_weights()[0], before[0])


def test_warm_start_goes_on():
    X, y = make_regression(20, 3, random_state=0)
    cold, warm = regressor(), regressor().set_params(warm_start=True)
    for estimator, same in ((cold, False), (warm, True)):
        first = estimator.fit(X, y).model_
        assert (estimator.fit(X, y).model_ is first) is same


def test_arguments_of_fit_come_before_those_of_the_estimator():
    X, y = make_regression(20, 3, random_state=0)
    estimator = regressor(epochs=1)
    assert estimator.fit(X, y, epochs=3).epoch_ == 3
    assert estimator.fit_kwargs["epochs"] == 1


def test_several_targets():
    X, y = make_regression(20, 3, n_targets=2, random_state=0)
    assert regressor().fit(X, y).predict(X).shape == (20, 2)
    assert transformer().fit(X, y).transform(X).shape == (20, 2)


def test_what_is_refused():
    X, y = make_regression(20, 3, random_state=0)
    loose = kbridge.Sequential([kbridge.layers.Dense(1)])
    with pytest.raises(RuntimeError, match="model.compile"):
        SKLearnRegressor(loose).fit(X, y)
    with pytest.raises(TypeError, match="a compiled model or a function that makes one. Received: 3"):
        SKLearnRegressor(3).fit(X, y)
    with pytest.raises(ValueError, match="model_kwargs are arguments of a function"):
        SKLearnRegressor(network(X, y[:, None], "mse"), model_kwargs={"a": 1}).fit(X, y)
    with pytest.raises(ValueError, match="only binary and multiclass targets are supported"):
        classifier().fit(X, y)
