"""Models as estimators of scikit-learn, the way the first two generations had them: a function that builds the model,
and parameters for it and for ``fit`` and ``predict`` side by side. Only duck typing; scikit-learn is not needed.
"""

import types

import numpy as np

from kbridge.compat.generic import has_arg
from kbridge.compat.numbers import to_categorical

_PREDICT = {"batch_size", "verbose", "steps", "callbacks", "max_queue_size", "workers", "use_multiprocessing"}
# What a model's methods take, in the words of all generations.
_METHODS = {
    "fit": {
        *("batch_size", "epochs", "nb_epoch", "verbose", "callbacks", "validation_split", "validation_data", "shuffle"),
        *("class_weight", "sample_weight", "initial_epoch", "steps_per_epoch", "validation_steps", "validation_freq"),
        *("max_queue_size", "workers", "use_multiprocessing", "show_accuracy"),
    },
    "predict": _PREDICT,
    "predict_classes": _PREDICT,
    "predict_proba": _PREDICT,
    "evaluate": {*_PREDICT, "sample_weight"},
}


class BaseWrapper:
    """What the classifier and the regressor have in common.

    Args:
        build_fn: a function (or an object that can be called) that returns a compiled model; none where a subclass
            defines ``__call__`` itself.
        sk_params: arguments of ``build_fn``, and of the model's ``fit``, ``predict``, ``evaluate``.
    """

    def __init__(self, build_fn=None, **sk_params):
        self.build_fn = build_fn
        self.sk_params = sk_params
        self.check_params(sk_params)

    def _builder(self):
        """The function whose arguments are those of the model."""
        if self.build_fn is None:
            if not callable(self):
                raise ValueError(
                    f"{type(self).__name__}: build_fn is missing: a function that returns a compiled model. "
                    f"Write: {type(self).__name__}(build_fn=...)"
                )
            return self.__call__
        plain = isinstance(self.build_fn, (types.FunctionType, types.MethodType, type))
        return self.build_fn if plain else self.build_fn.__call__

    def check_params(self, params):
        """Refuse parameters that neither ``build_fn`` nor the model's methods take."""
        builder = self._builder()
        for name in params:
            if not has_arg(builder, name) and not any(_takes(name, known) for known in _METHODS):
                raise ValueError(
                    f"{name} is not a legal parameter: neither {getattr(builder, '__name__', 'build_fn')} nor fit, "
                    f"predict or evaluate takes it."
                )

    def get_params(self, deep=True, **params):
        """All parameters by name; scikit-learn's ``deep`` makes no difference."""
        return {**self.sk_params, "build_fn": self.build_fn}

    def set_params(self, **params):
        """Set parameters by name."""
        if "build_fn" in params:
            self.build_fn = params.pop("build_fn")
        self.check_params(params)
        self.sk_params.update(params)
        return self

    def filter_sk_params(self, fn, override=None):
        """Those of the parameters that ``fn`` takes, and ``override``."""
        taken = {name: value for name, value in self.sk_params.items() if _takes(name, fn)}
        return {**taken, **(override or {})}

    def fit(self, x, y, **kwargs):
        """Build a model and train it; ``kwargs`` go before the parameters. Returns what the model's ``fit`` does."""
        builder = self._builder()
        self.model = (self.build_fn or self)(**self.filter_sk_params(builder))
        return self.model.fit(x, self._targets(y), **self.filter_sk_params("fit", kwargs))

    def _targets(self, y):
        """One-hot rows where the loss wants such and ``y`` are numbers of classes."""
        y = np.asarray(y) if not hasattr(y, "shape") else y
        return to_categorical(y) if len(y.shape) != 2 and _is_categorical(self.model.loss) else y

    def __sklearn_is_fitted__(self):
        return hasattr(self, "model")

    def __sklearn_tags__(self):
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        kind = self._estimator_type
        return Tags(
            estimator_type=kind,
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(poor_score=True) if kind == "classifier" else None,
            regressor_tags=RegressorTags(poor_score=True) if kind == "regressor" else None,
            input_tags=InputTags(three_d_array=True),
            non_deterministic=True,
        )

    _estimator_type = None


class Classifier(BaseWrapper):
    """A classifier."""

    __doc__ = BaseWrapper.__doc__.replace("What the classifier and the regressor have in common", "A classifier")
    _estimator_type = "classifier"

    def fit(self, x, y, sample_weight=None, **kwargs):
        """Build a model and train it on the classes ``y``: one for each sample, or one-hot rows."""
        y = np.array(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
        elif y.ndim in (1, 2):
            self.classes_ = np.unique(y)
            y = np.searchsorted(self.classes_, y)
        else:
            raise ValueError(f"{type(self).__name__}: y must have one or two axes. Received the shape {y.shape}.")
        self.n_classes_ = len(self.classes_)
        if sample_weight is not None:
            kwargs["sample_weight"] = sample_weight
        return super().fit(x, y, **kwargs)

    def predict(self, x, **kwargs):
        """The most likely class of each sample."""
        outputs = np.asarray(self.model.predict(x, **self.filter_sk_params("predict", kwargs)))
        if outputs.shape[-1] > 1:
            return self.classes_[outputs.argmax(axis=-1)]
        return self.classes_[(outputs > 0.5).astype(int)]

    def predict_proba(self, x, **kwargs):
        """The probabilities of the classes; of both, where the model has one output."""
        outputs = np.asarray(self.model.predict(x, **self.filter_sk_params("predict", kwargs)))
        return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs

    def score(self, x, y, **kwargs):
        """The mean accuracy."""
        y = np.asarray(y)
        if y.ndim == 1 or y.shape[1] == 1:
            y = np.searchsorted(self.classes_, y)
        found = self.model.evaluate(x, self._targets(y), **self.filter_sk_params("evaluate", kwargs))
        found = found if isinstance(found, (list, tuple)) else [found]
        for name, value in zip(self.model.metrics_names, found):
            if name in ("accuracy", "acc"):
                return value
        raise ValueError(
            f"{type(self).__name__}.score: the model computes no accuracy. Write: model.compile(..., "
            f'metrics=["accuracy"])'
        )


class Regressor(BaseWrapper):
    """A regressor."""

    __doc__ = BaseWrapper.__doc__.replace("What the classifier and the regressor have in common", "A regressor")
    _estimator_type = "regressor"

    def predict(self, x, **kwargs):
        """What the model foretells for each sample."""
        outputs = np.asarray(self.model.predict(x, **self.filter_sk_params("predict", kwargs)))
        return outputs[..., 0] if outputs.shape[-1] == 1 else outputs

    def score(self, x, y, **kwargs):
        """The loss with its sign turned, so that more is better."""
        return -self._loss(x, y, kwargs)

    def _loss(self, x, y, kwargs):
        found = self.model.evaluate(x, y, **self.filter_sk_params("evaluate", kwargs))
        return found[0] if isinstance(found, (list, tuple)) else found


def _takes(name, function):
    """Whether a function, or the method of a model called so, takes the argument ``name``."""
    known = function if isinstance(function, str) else getattr(function, "__name__", None)
    if known in _METHODS and (isinstance(function, str) or "." in getattr(function, "__qualname__", "")):
        if name in _METHODS[known]:
            return True
        if isinstance(function, str):
            return False
    return has_arg(function, name)


def _is_categorical(loss):
    if isinstance(loss, str):
        return loss == "categorical_crossentropy"
    return getattr(loss, "__name__", type(loss).__name__) in ("categorical_crossentropy", "CategoricalCrossentropy")
