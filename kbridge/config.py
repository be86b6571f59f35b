"""Configuration: floatx, epsilon, image_data_format."""

_floatx = "float32"
_epsilon = 1e-7
_image_data_format = "channels_last"
_floatx_listeners = []


def on_floatx_change(listener):
    """Call ``listener()`` whenever ``floatx`` changes (caches that hold it must forget it)."""
    _floatx_listeners.append(listener)


def floatx():
    return _floatx


def set_floatx(value):
    global _floatx
    _floatx = value
    for listener in _floatx_listeners:
        listener()


def epsilon():
    return _epsilon


def set_epsilon(value):
    global _epsilon
    _epsilon = float(value)


def image_data_format():
    return _image_data_format


def set_image_data_format(value):
    global _image_data_format
    _image_data_format = value


def backend_choice():
    """The engine's name as configured, and where that was said (for messages)."""
    import os

    for variable in ("KBRIDGE_BACKEND", "KERAS_BACKEND"):
        if os.environ.get(variable):
            return os.environ[variable], f" (in the environment variable {variable})"
    return "numpy", ""
