"""Models as estimators of scikit-learn."""

from kbridge.compat.estimators import BaseWrapper as BaseWrapper
from kbridge.compat.estimators import Classifier, Regressor


class KerasClassifier(Classifier):
    __doc__ = Classifier.__doc__


class KerasRegressor(Regressor):
    __doc__ = Regressor.__doc__
