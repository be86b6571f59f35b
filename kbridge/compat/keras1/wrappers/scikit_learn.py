"""Models as estimators of scikit-learn."""

import numpy as np

from kbridge.compat.estimators import BaseWrapper as BaseWrapper
from kbridge.compat.estimators import Classifier, Regressor


class KerasClassifier(Classifier):
    __doc__ = Classifier.__doc__


class KerasRegressor(Regressor):
    __doc__ = Regressor.__doc__

    def predict(self, x, **kwargs):
        """What the model foretells for each sample, without axes of length 1."""
        return np.squeeze(super().predict(x, **kwargs))

    def score(self, x, y, **kwargs):
        """The loss: less is better, which scikit-learn's searches do not know; give them ``scoring=...``."""
        return self._loss(x, y, kwargs)
