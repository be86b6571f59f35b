"""Data prepared for models: images, sequences, texts."""

from kbridge.lazy import later as _later

_MODULES = ("image", "sequence", "text")
_TODAY = ("image_dataset_from_directory", "text_dataset_from_directory", "timeseries_dataset_from_array")

_find, __dir__ = _later(__name__, _MODULES)


def __getattr__(name):
    if name in _TODAY:
        from kbridge import preprocessing

        return getattr(preprocessing, name)
    return _find(name)
