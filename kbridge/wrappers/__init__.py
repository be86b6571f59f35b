"""Models as estimators of scikit-learn. This is the only part that needs it."""

try:
    import sklearn as sklearn
except ImportError as error:
    raise ImportError("kbridge.wrappers needs scikit-learn. Run: pip install kbridge[sklearn]") from error

from kbridge.wrappers.estimators import SKLearnClassifier as SKLearnClassifier
from kbridge.wrappers.estimators import SKLearnRegressor as SKLearnRegressor
from kbridge.wrappers.estimators import SKLearnTransformer as SKLearnTransformer
