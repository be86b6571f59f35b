"""Which engine does the arithmetic: names, loading, and the choice.

The choice, highest first: ``use_backend`` (for a block of code), ``set_backend``
(for the process), the environment variables KBRIDGE_BACKEND and KERAS_BACKEND,
``keras.json``, NumPy.
"""

import importlib
import importlib.util
import threading
import warnings

from kbridge import config
from kbridge.backend.frame import entered, get_frame, process

# The engines that come with kbridge: name -> the module that holds `engine`.
# This is the one place in the frontend that names them.
BUILT_IN = {
    "numpy": "kbridge_numpy",
    "torch": "kbridge_torch",
    "jax": "kbridge_jax",
    "tensorflow": "kbridge_tensorflow",
}
ALIASES = {"pytorch": "torch", "tf": "tensorflow", "np": "numpy"}
RETIRED = ("theano", "cntk", "mxnet", "plaidml")

_engines = {}  # name -> Backend, once loaded
_lock = threading.RLock()


class UnknownBackendError(ValueError):
    """No engine of that name is known."""


class BackendNotInstalledError(ImportError):
    """The engine is known, but what it needs is not installed."""


def _entry_points():
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group="kbridge.backends")}


def names():
    """Every engine known here, kbridge's own and those that installed packages register."""
    return [*BUILT_IN, *(name for name in _entry_points() if name not in BUILT_IN)]


def is_installed(name):
    """Whether the engine ``name`` could be loaded here, found out without loading it."""
    if name in _engines:
        return True
    if name in BUILT_IN:
        library = "numpy" if name == "numpy" else name
        return importlib.util.find_spec(BUILT_IN[name]) is not None and importlib.util.find_spec(library) is not None
    return name in _entry_points()


def available():
    """The names of the engines that can be used here."""
    return [name for name in names() if is_installed(name)]


def register(name, engine):
    """Make ``engine`` (a Backend) known under ``name`` in this process."""
    _engines[name] = engine


def load(name):
    """The engine called ``name``."""
    engine = _engines.get(name)
    if engine is not None:
        return engine
    name = ALIASES.get(str(name).lower(), str(name).lower())
    with _lock:
        if name not in _engines:
            _engines[name] = _import(name)
        return _engines[name]


def _import(name):
    if name in BUILT_IN:
        try:
            return importlib.import_module(BUILT_IN[name]).engine
        except ModuleNotFoundError as error:
            if error.name and error.name.partition(".")[0].startswith("kbridge"):
                raise
            raise BackendNotInstalledError(
                f'The backend "{name}" needs {error.name}, which is not installed. '
                f'Write: pip install "kbridge[{name}]". Installed here: {", ".join(available())}.'
            ) from error
    points = _entry_points()
    if name in points:
        found = points[name].load()
        return found() if isinstance(found, type) else found
    from difflib import get_close_matches

    close = get_close_matches(name, names(), 1)
    hint = f' Did you mean "{close[0]}"?' if close else ""
    raise UnknownBackendError(f'Unknown backend "{name}".{hint} Known: {", ".join(names())}.')


def resolve(name, where=""):
    """Load ``name``, or the substitute if it is an engine that no longer exists."""
    if str(name).lower() in RETIRED:
        substitute = _substitute()
        warnings.warn(
            f'The backend "{name}"{where} is no longer made; "{substitute}" is used in its place. '
            f'To choose another, write "backend": "{substitute}".',
            stacklevel=3,
        )
        name = substitute
    return load(name)


def _substitute():
    for name in ("torch", "jax", "tensorflow"):
        if is_installed(name):
            return name
    return "numpy"


def current():
    """The engine in charge here."""
    return get_frame().engine or _default()


def _default():
    with _lock:
        if process.engine is None:
            name, where = config.backend_choice()
            process.engine = resolve(name, where)
        return process.engine


def backend():
    """The name of the engine in charge here: "numpy", "torch", "jax", "tensorflow" or a third party's."""
    return current().name


def set_backend(name):
    """Make ``name`` the engine of this process, wherever no ``use_backend`` says otherwise."""
    process.engine = resolve(name)


class use_backend:
    """Run a block of code (or, as a decorator, a function) on the engine ``name``.

    >>> with kbridge.use_backend("jax"):
    ...     model.predict(x)

    Only the code inside the block is affected, in this thread or asyncio task alone.
    """

    def __init__(self, name):
        self.engine = resolve(name)
        self._entered = []

    def __enter__(self):
        scope = entered(get_frame().child(engine=self.engine, device=None))
        scope.__enter__()
        self._entered.append(scope)
        return self.engine

    def __exit__(self, *error):
        return self._entered.pop().__exit__(*error)

    def __call__(self, function):
        import functools

        @functools.wraps(function)
        def run(*args, **kwargs):
            with use_backend(self.engine.name):
                return function(*args, **kwargs)

        return run
