"""Which engine does the arithmetic: names, loading, and the choice.

The choice, highest first: ``use_backend`` (for a block of code), ``set_backend``
(for the process), the environment variables KBRIDGE_BACKEND and KERAS_BACKEND,
``keras.json``, NumPy.
"""

import functools
import importlib
import importlib.util
import inspect
import threading
import warnings
from difflib import get_close_matches

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


def canonical(name):
    """``name`` in lower case, and in full where it is a short one."""
    name = str(name).lower()
    return ALIASES.get(name, name)


def names():
    """Every engine known here: kbridge's own, those of installed packages, and those given to ``register``."""
    return list(dict.fromkeys([*BUILT_IN, *_entry_points(), *_engines]))


def is_installed(name):
    """Whether the engine ``name`` could be loaded here, found out without loading it."""
    name = canonical(name)
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
    """Make ``engine`` (a Backend, or a class of such) known under ``name`` in this process."""
    _engines[str(name).lower()] = engine() if isinstance(engine, type) else engine


def load(name, where=""):
    """The engine called ``name``; ``where`` says in a message where that name comes from."""
    engine = _engines.get(name)
    if engine is not None:
        return engine
    name = canonical(name)
    with _lock:
        if name not in _engines:
            register(name, _import(name, where))
        return _engines[name]


def _import(name, where):
    if name in BUILT_IN:
        try:
            return importlib.import_module(BUILT_IN[name]).engine
        except ModuleNotFoundError as error:
            if error.name and error.name.partition(".")[0].startswith("kbridge"):
                raise
            raise BackendNotInstalledError(
                f'The backend "{name}"{where} needs {error.name}, which is not installed. '
                f'Write: pip install "kbridge[{name}]". Installed here: {", ".join(available())}.'
            ) from error
    points = _entry_points()
    if name in points:
        try:
            return points[name].load()
        except (ImportError, AttributeError) as error:
            brought_by = f" of the package {points[name].dist.name}" if points[name].dist else ""
            raise BackendNotInstalledError(
                f'The backend "{name}"{brought_by} does not load: {error}. Installed here: {", ".join(available())}.'
            ) from error
    close = get_close_matches(name, [*names(), *ALIASES], 1)
    hint = f' Did you mean "{canonical(close[0])}"?' if close else ""
    raise UnknownBackendError(f'Unknown backend "{name}"{where}.{hint} Known: {", ".join(names())}.')


def resolve(name, where=""):
    """Load ``name``, or the substitute if it is an engine that no longer exists."""
    if str(name).lower() in RETIRED:
        used = substitute()
        warnings.warn(
            f'The backend "{name}"{where} is no longer made; "{used}" is used in its place. '
            f'To be rid of this warning, write "{used}" there, or another of: {", ".join(available())}.',
            stacklevel=3,
        )
        name = used
    return load(name, where)


def substitute():
    """The engine that is used where one is asked for that is no longer made."""
    return next((name for name in ("torch", "jax", "tensorflow") if is_installed(name)), "numpy")


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
        self._scopes = {}  # frame -> its scope: one object may be in use in several threads and tasks at once

    def __enter__(self):
        scope = entered(get_frame().child(engine=self.engine, device=None))
        self._scopes[scope.__enter__()] = scope
        return self.engine

    def __exit__(self, *error):
        return self._scopes.pop(get_frame()).__exit__(*error)

    def __call__(self, function):
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"use_backend cannot decorate the generator {function.__qualname__}: its caller would run on the same "
                f"engine between two values. Write: with use_backend(...): inside it, around what computes."
            )
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run(*args, **kwargs):
                with self:
                    return await function(*args, **kwargs)
        else:

            @functools.wraps(function)
            def run(*args, **kwargs):
                with self:
                    return function(*args, **kwargs)

        return run
