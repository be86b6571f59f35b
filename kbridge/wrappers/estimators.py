"""Estimators of scikit-learn that hold a model: for pipelines, cross-validation and searches."""

import copy

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.utils.metadata_routing import MetadataRequest
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from kbridge.models import Model, clone_model


class _Estimator(BaseEstimator):
    """What the three have in common.

    Args:
        model: a compiled model, of which each ``fit`` trains a copy with new weights; or a function that makes one:
            ``model(X, y, **model_kwargs)``.
        warm_start: whether another ``fit`` goes on with the model that the one before has trained.
        model_kwargs: further arguments of the function.
        fit_kwargs: arguments of the model's ``fit``.
    """

    def __init__(self, model, warm_start=False, model_kwargs=None, fit_kwargs=None):
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def fit(self, X, y, **kwargs):
        """Train on the samples ``X`` and the targets ``y``; ``kwargs`` come before ``fit_kwargs``."""
        X, y = validate_data(self, X, y, multi_output=True)
        targets = self._encode(y, kwargs.get("sample_weight"))
        if not (self.warm_start and hasattr(self, "model_")):
            self.model_ = self._new_model(X, targets)
        self.history_ = self.model_.fit(X, targets, **{**(self.fit_kwargs or {}), **kwargs})
        return self

    def predict(self, X):
        """The predictions for ``X``, in the form of the targets."""
        return self._decode(self._outputs(X))

    def _outputs(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        return self.model_.predict(X, verbose=(self.fit_kwargs or {}).get("verbose", "auto"))

    def _new_model(self, X, y):
        if not isinstance(self.model, Model):
            if not callable(self.model):
                raise TypeError(
                    f"{type(self).__name__}: model must be a compiled model or a function that makes one. "
                    f"Received: {self.model!r}."
                )
            made = self.model(X=X, y=y, **(self.model_kwargs or {}))
        elif self.model_kwargs:
            raise ValueError(
                f"{type(self).__name__}: model_kwargs are arguments of a function that makes a model, but model is a "
                f"model already."
            )
        else:
            made = clone_model(self.model)
            if self.model.compiled:
                made.compile_from_config(self.model.get_compile_config())
        if not getattr(made, "compiled", False) or not made.loss or made.optimizer is None:
            raise RuntimeError(
                f"{type(self).__name__}: the model must be compiled with an optimizer and a loss. "
                f"Write: model.compile(optimizer=..., loss=...)."
            )
        return made

    @property
    def epoch_(self):
        """How many epochs the last ``fit`` took."""
        return len(self.history_.epoch) if hasattr(self, "history_") else 0

    def set_fit_request(self, **kwargs):
        """For metadata routing: which further arguments ``fit`` is to be given."""
        import sklearn

        if not sklearn.get_config()["enable_metadata_routing"]:
            raise RuntimeError(
                "set_fit_request needs metadata routing. Write: sklearn.set_config(enable_metadata_routing=True)."
            )
        self._metadata_request = MetadataRequest(owner=type(self).__name__)
        for param, alias in kwargs.items():
            self._metadata_request.fit.add_request(param=param, alias=alias)
        return self

    # -- targets

    def _encode(self, y, sample_weight):
        """The targets as the model learns them: always with an axis for what belongs to one sample."""
        self._target_ndim = y.ndim
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def _decode(self, outputs):
        return outputs[:, 0] if self._target_ndim == 1 and outputs.ndim == 2 and outputs.shape[1] == 1 else outputs

    # -- what scikit-learn asks

    def __sklearn_clone__(self):
        # A model holds its weights: a copy of it, as it is, and not one made anew from its config.
        parameters = self.get_params(deep=False)
        if isinstance(self.model, Model):
            parameters["model"] = copy.deepcopy(self.model)
        for name in ("model_kwargs", "fit_kwargs"):
            parameters[name] = copy.deepcopy(parameters[name])
        return type(self)(**parameters)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        return tags

    def __getstate__(self):
        state = dict(super().__getstate__())
        history = state.get("history_")
        if history is not None:  # its model is ``model_`` itself, which is there anyway
            kept = copy.copy(history)
            kept.__dict__ = {k: v for k, v in history.__dict__.items() if k not in ("model", "_model")}
            state["history_"] = kept
        return state


class SKLearnClassifier(ClassifierMixin, _Estimator):
    """A classifier. The targets reach the model one-hot, so its loss is "categorical_crossentropy" or the like."""

    __doc__ += _Estimator.__doc__.partition("\n\n")[2].join(["\n\n", ""])

    def decision_function(self, X):
        """The model's score for each class; of two classes, by how much the second's exceeds the first's."""
        scores = self._outputs(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def _encode(self, y, sample_weight):
        kind = type_of_target(y, raise_unknown=True)
        if kind not in ("binary", "multiclass"):
            raise ValueError(
                f"{type(self).__name__}: only binary and multiclass targets are supported. Unknown label type: {kind}."
            )
        self.classes_, numbers = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        if len(self.classes_) == 1:
            raise ValueError(f"{type(self).__name__} cannot learn from one class alone: {self.classes_[0]!r}.")
        if sample_weight is not None and len(np.unique(numbers[np.asarray(sample_weight) != 0])) == 1:
            raise ValueError(f"{type(self).__name__}: one class alone has a sample_weight other than 0.")
        return np.eye(len(self.classes_), dtype="float32")[numbers]

    def _decode(self, outputs):
        return self.classes_[outputs.argmax(axis=-1)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags


class SKLearnRegressor(RegressorMixin, _Estimator):
    """A regressor. Its predictions are float64, as those of scikit-learn's own."""

    __doc__ += _Estimator.__doc__.partition("\n\n")[2].join(["\n\n", ""])

    def _decode(self, outputs):
        return super()._decode(outputs).astype("float64")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        tags.target_tags.multi_output = True
        return tags


class SKLearnTransformer(TransformerMixin, _Estimator):
    """A transformer: what the model gives for samples is what they become."""

    __doc__ += _Estimator.__doc__.partition("\n\n")[2].join(["\n\n", ""])

    def transform(self, X):
        """The model's outputs for ``X``."""
        return self._outputs(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        tags.target_tags.multi_output = True
        return tags
