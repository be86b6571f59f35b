"""Configuration: keras.json, environment variables, and what they say.

The file is ``$KERAS_HOME/keras.json``, or ``~/.keras/keras.json``. It is read when a value is
first needed and never written unless ``save`` is called.
"""

import json
import os
import shutil
import threading
import warnings
from difflib import get_close_matches
from pathlib import Path

FLOATX = ("float16", "bfloat16", "float32", "float64")
DATA_FORMATS = ("channels_last", "channels_first")
DEFAULTS = {
    "backend": "numpy",
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
}
# Keras 1's names for the two orders of axes
DIM_ORDERINGS = {"tf": "channels_last", "th": "channels_first"}
# Entries that Keras itself writes and that mean nothing here
_FOREIGN = ("nnx_enabled",)
BACKEND_VARIABLES = ("KBRIDGE_BACKEND", "KERAS_BACKEND")


class ConfigError(ValueError):
    """keras.json cannot be read, or says something that has no meaning."""


_set = {}  # what set_floatx and the like were given
_file = None  # what keras.json says, once read
_floatx_listeners = []
_floatx = None  # the value in force, once resolved: it is asked for often


def path():
    """Where keras.json is looked for."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home).expanduser() if home else Path.home() / ".keras") / "keras.json"


def from_file():
    """What keras.json says: a dict of checked values, {} if there is none."""
    global _file
    if _file is None:
        try:
            where = path()
            text = where.read_text(encoding="utf-8-sig")
        except (FileNotFoundError, NotADirectoryError, RuntimeError):
            _file = {}
        except UnicodeDecodeError as error:
            raise ConfigError(
                f"{where}: byte {error.start}: this is no UTF-8. Save it as UTF-8, or delete it to use the defaults."
            ) from error
        except OSError as error:
            raise ConfigError(
                f"{where} cannot be read: {error.strerror}. Make it a file that you may read, or delete it to use the "
                f"defaults."
            ) from error
        else:
            _file = parse(text, where)
    return _file


def parse(text, where="keras.json"):
    """The checked values in the text of a keras.json."""

    def refuse(what, fix):
        raise ConfigError(f"{where}: {what} {fix}".rstrip())

    if not text.strip():
        refuse("the file is empty.", 'Write {"backend": "numpy"}, or delete it to use the defaults.')
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        refuse(
            f"line {error.lineno}, column {error.colno}: {error.msg}; the file is malformed or only half written.",
            "Correct that place, or delete the file to use the defaults.",
        )
    except (ValueError, RecursionError) as error:
        refuse(f"it holds what no configuration does ({error}).", 'Write {"backend": "numpy"}.')
    if not isinstance(found, dict):
        refuse(f"expected an object, found {type(found).__name__}.", 'Write {"backend": "numpy"}.')
    values = {}
    for key, value in found.items():
        if key == "image_dim_ordering":
            if not isinstance(value, str) or value not in DIM_ORDERINGS:
                refuse(f'"image_dim_ordering" is {value!r}.', 'Write "tf" or "th".')
            values.setdefault("image_data_format", DIM_ORDERINGS[value])
        elif key == "image_data_format":
            values[key] = _checked_data_format(value, lambda m: refuse(m, ""))
        elif key == "floatx":
            values[key] = _checked_floatx(value, lambda m: refuse(m, ""))
        elif key == "epsilon":
            values[key] = _checked_epsilon(value, lambda m: refuse(m, ""))
        elif key == "backend":
            if not isinstance(value, str) or not value:
                refuse(f'"backend" is {value!r}.', 'Write the name of an engine, such as "numpy".')
            values[key] = value
        elif key not in _FOREIGN:
            close = get_close_matches(key, [*DEFAULTS, "image_dim_ordering"], 1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            warnings.warn(f"{where}: the entry {key!r} is not known and does nothing.{hint}", stacklevel=2)
    return values


def _raise(message):
    raise ValueError(message)


def _checked_floatx(value, refuse=_raise):
    name = value if isinstance(value, str) else getattr(value, "name", None) or getattr(value, "__name__", str(value))
    name = name.rpartition(".")[2]  # a dtype object may print itself with the name of its library
    if name not in FLOATX:
        refuse(f"floatx is {value!r}. Expected one of: {', '.join(FLOATX)}.")
    return name


def _checked_epsilon(value, refuse=_raise):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1:
        refuse(f"epsilon is {value!r}. Expected a number between 0 and 1, such as 1e-07.")
    return float(value)


def _checked_data_format(value, refuse=_raise):
    if value not in DATA_FORMATS:
        refuse(f"image_data_format is {value!r}. Expected 'channels_last' or 'channels_first'.")
    return value


def _get(key):
    if key in _set:
        return _set[key]
    return from_file().get(key, DEFAULTS[key])


def on_floatx_change(listener):
    """Call ``listener()`` whenever ``floatx`` changes (caches that hold it must forget it)."""
    _floatx_listeners.append(listener)


def floatx():
    """The float dtype used where none is named: "float32" unless set."""
    global _floatx
    if _floatx is None:
        _floatx = _get("floatx")
    return _floatx


def set_floatx(value):
    """Set ``floatx``: "float16", "bfloat16", "float32" or "float64"."""
    global _floatx
    _floatx = _set["floatx"] = _checked_floatx(value)
    for listener in _floatx_listeners:
        listener()


def epsilon():
    """The small number that keeps divisions and logarithms finite."""
    return _get("epsilon")


def set_epsilon(value):
    """Set ``epsilon``."""
    _set["epsilon"] = _checked_epsilon(value)


def image_data_format():
    """Where images have their channels: "channels_last" or "channels_first"."""
    return _get("image_data_format")


def set_image_data_format(data_format):
    """Set ``image_data_format``: "channels_last" or "channels_first"."""
    _set["image_data_format"] = _checked_data_format(data_format)


def standardize_data_format(data_format):
    """``data_format`` checked; None means ``image_data_format()``."""
    if data_format is None:
        return image_data_format()
    data_format = str(data_format).lower()
    if data_format not in DATA_FORMATS:
        raise ValueError(f"data_format must be 'channels_last' or 'channels_first'. Received: {data_format!r}.")
    return data_format


def backend_choice():
    """The engine's name as configured, and where that was said (for messages)."""
    for variable in BACKEND_VARIABLES:
        name = os.environ.get(variable, "").strip()
        if name:
            return name, f" (in the environment variable {variable})"
    if "backend" in from_file():
        return from_file()["backend"], f" (in {path()})"
    return DEFAULTS["backend"], ""


def explain():
    """For each entry: its value and where that comes from."""
    name, where = backend_choice()
    found = {"backend": (name, where.strip(" ()").removeprefix("in ") or "default")}
    for key in ("floatx", "epsilon", "image_data_format"):
        origin = "set in this process" if key in _set else str(path()) if key in from_file() else "default"
        found[key] = (_get(key), origin)
    return found


def save(**values):
    """Write ``values`` into keras.json, keeping its other entries; the file is replaced in one step."""
    unknown = [key for key in values if key not in DEFAULTS]
    if unknown:
        raise ValueError(f"keras.json has no entry {unknown[0]!r}. Its entries are: {', '.join(DEFAULTS)}.")
    reload()
    from_file()  # a file that cannot be understood is not overwritten
    where = path()
    kept = json.loads(where.read_text(encoding="utf-8-sig")) if where.exists() else {}
    if "image_data_format" in values:
        kept.pop("image_dim_ordering", None)
    text = json.dumps(kept | values, indent=4) + "\n"
    parse(json.dumps(values), where)
    where.parent.mkdir(parents=True, exist_ok=True)
    where = where.resolve()  # a link stays one
    temporary = where.with_name(f"{where.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if where.exists():
            shutil.copymode(where, temporary)
        os.replace(temporary, where)
    finally:
        temporary.unlink(missing_ok=True)
    reload()


def reload():
    """Forget what was read from keras.json, so that it is read again."""
    global _file, _floatx
    _file = _floatx = None
    for listener in _floatx_listeners:
        listener()


# -- the rest of ``keras.config``


def backend():
    """The name of the engine in charge here."""
    from kbridge.backend import registry

    return registry.backend()


def set_backend(backend):
    """Make ``backend`` the engine of this process; live models go on with it."""
    from kbridge.backend import registry

    registry.set_backend(backend)


def dtype_policy():
    """The dtype policy of layers that are given none."""
    from kbridge import dtype_policies

    return dtype_policies.dtype_policy()


def set_dtype_policy(policy):
    """Set the dtype policy of layers that are given none: a name, a DTypePolicy or a DTypePolicyMap."""
    from kbridge import dtype_policies

    dtype_policies.set_dtype_policy(policy)


_limits = {}  # what set_max_epochs and set_max_steps_per_epoch were given


def _limit(name, variable):
    if name in _limits:
        return _limits[name]
    text = os.environ.get(variable, "").strip()
    return _checked_limit(variable, int(text) if text.isdecimal() else text) if text else None


def _checked_limit(name, value):
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise ValueError(f"{name} must be a positive integer or None. Received: {value!r}.")
    return value


def max_epochs():
    """The most epochs that ``fit`` runs, whatever it is asked for; None where there is no such limit."""
    return _limit("max_epochs", "KERAS_MAX_EPOCHS")


def set_max_epochs(max_epochs):
    """Limit the epochs of ``fit``, to try out a program quickly; None lifts the limit."""
    _limits["max_epochs"] = _checked_limit("max_epochs", max_epochs)


def max_steps_per_epoch():
    """The most steps an epoch of ``fit`` has, and ``evaluate`` and ``predict`` take; None without a limit."""
    return _limit("max_steps_per_epoch", "KERAS_MAX_STEPS_PER_EPOCH")


def set_max_steps_per_epoch(max_steps_per_epoch):
    """Limit the steps of an epoch, to try out a program quickly; None lifts the limit."""
    _limits["max_steps_per_epoch"] = _checked_limit("max_steps_per_epoch", max_steps_per_epoch)


_interactive = True


def is_interactive_logging_enabled():
    """Whether progress is shown on the screen as it happens."""
    return _interactive


def enable_interactive_logging():
    """Show progress on the screen: ``verbose="auto"`` draws a progress bar."""
    global _interactive
    _interactive = True


def disable_interactive_logging():
    """For logs that are kept: ``verbose="auto"`` prints a line an epoch, and messages go to Python's logging."""
    global _interactive
    _interactive = False


_flash_attention = None


def is_flash_attention_enabled():
    """Whether attention may use a fused kernel: True, False, or None where that is left to the engine."""
    return _flash_attention


def enable_flash_attention():
    """Let attention use a fused kernel wherever the engine has one."""
    global _flash_attention
    _flash_attention = True


def disable_flash_attention():
    """Attention computes its scores one step after the other, unless a call asks for a fused kernel."""
    global _flash_attention
    _flash_attention = False


def is_traceback_filtering_enabled():
    """Always False: tracebacks are shown whole."""
    return False


def disable_traceback_filtering():
    """Show tracebacks whole, which is how they are always shown."""


def enable_traceback_filtering():
    """Not available: a warning says so, and tracebacks stay whole."""
    warnings.warn("Traceback filtering is not available: kbridge shows tracebacks whole.", stacklevel=2)


def is_nnx_enabled():
    """Always False: models are not Flax modules."""
    return False


def enable_unsafe_deserialization():
    """Not available: a warning says so. Code in a file needs ``safe_mode=False`` in the call that opens it."""
    warnings.warn(
        "Unsafe deserialization cannot be enabled for a whole program. "
        "Pass your classes and functions as custom_objects, or write load_model(..., safe_mode=False).",
        stacklevel=2,
    )
