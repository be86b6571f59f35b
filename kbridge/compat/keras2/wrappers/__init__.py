"""Models for other libraries."""

from kbridge.lazy import later as _later

__getattr__, __dir__ = _later(__name__, ("scikit_learn",))
