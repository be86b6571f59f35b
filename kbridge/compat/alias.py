"""``import keras`` means kbridge, while those who need the real package ``keras`` still get it.

The modules of the chosen generation stand in ``sys.modules`` under both of their names, so
pickles, ``find_spec`` and look-ups find them. TensorFlow and its kin work with the real
package, some of them at the very end of a program: what they import is looked up in another
set of entries, the *real world*, which is put into ``sys.modules`` meanwhile.

This file is also loaded by itself when a child process starts (see ``children``), so it
imports nothing of kbridge before ``keras`` is asked for, and little else.
"""

import builtins
import importlib
import importlib.util
import os
import sys
from _thread import RLock
from contextlib import contextmanager
from importlib.machinery import ModuleSpec

# generation -> the package that `keras` means
GENERATIONS = {1: "kbridge.compat.keras1", 2: "kbridge.compat.keras2", 3: "kbridge"}
VARIABLE = "KBRIDGE_KERAS"

# The packages that work with the real Keras, and the engine which it must have then (None: whatever it chooses).
REAL_KERAS_USERS = {
    "keras": None,
    "tensorflow": "tensorflow",
    "tf_keras": "tensorflow",
    "tensorboard": None,
    "tensorflow_addons": "tensorflow",
    "tensorflow_datasets": "tensorflow",
    "tensorflow_decision_forests": "tensorflow",
    "tensorflow_estimator": "tensorflow",
    "tensorflow_hub": "tensorflow",
    "tensorflow_model_optimization": "tensorflow",
    "tensorflow_probability": "tensorflow",
    "tensorflow_text": "tensorflow",
    "keras_core": None,
    "keras_cv": None,
    "keras_hub": None,
    "keras_nlp": None,
    "keras_remote": None,
    "keras_rs": None,
    "keras_tuner": None,
    "kerastuner": None,
    "autokeras": None,
    "tf2onnx": "tensorflow",
    "transformers": None,
}
# Names that only the real package has: they are the same in both worlds.
_REAL_ONLY = ("keras.src", "keras._tf_keras")

_lock = RLock()
_PATIENCE = 60  # seconds
_generation = None  # what is installed
_turns = 0  # counts the beginnings and the ends of changes between worlds
_real_in_charge = False  # whether the real world's entries are in sys.modules
_absent = {}  # the entries of the world that is not in charge
# what others are put in the place of, while installed
_original_import, _original_import_module = builtins.__import__, importlib.import_module
_original_find_spec = importlib.util.find_spec


def generation():
    """The generation that ``import keras`` means: 1, 2, 3, or None where nothing is installed."""
    return _generation


def install(chosen, children=True):
    """Let ``import keras`` mean generation ``chosen``: 1, 2 or 3. Its child processes follow if ``children``."""
    global _generation, _original_import, _original_import_module, _original_find_spec
    if chosen not in GENERATIONS:
        raise ValueError(f"Keras has the generations 1, 2 and 3. Received: {chosen!r}.")
    with _lock:
        if _generation is None:
            _absent.update(_taken())  # if the real Keras has been imported
            _original_import, _original_import_module = builtins.__import__, importlib.import_module
            _original_find_spec = importlib.util.find_spec
            builtins.__import__, importlib.import_module, importlib.util.find_spec = _import, _import_module, _find_spec
            sys.meta_path.insert(0, _Finder)
        elif chosen != _generation:
            (_absent.clear if _real_in_charge else _taken)()
        _generation = chosen
        if children:
            _tell_children()


def uninstall():
    """Let ``import keras`` mean what it meant before ``install``, here and in child processes."""
    global _generation
    with _lock:
        if _generation is None:
            return
        builtins.__import__, importlib.import_module = _original_import, _original_import_module
        importlib.util.find_spec = _original_find_spec
        sys.meta_path.remove(_Finder)
        _taken()
        _follow_numpy(False)
        sys.modules.update(_absent)
        _absent.clear()
        _generation = None
        os.environ.pop(VARIABLE, None)
        here = _children()
        kept = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part and part != here]
        if kept:
            os.environ["PYTHONPATH"] = os.pathsep.join(kept)
        else:
            os.environ.pop("PYTHONPATH", None)


# -- the two worlds


def _is_keras(name):
    return name == "keras" or name.startswith("keras.")


def _real_only(name):
    return name.startswith(_REAL_ONLY)


def _taken():
    """The entries of ``sys.modules`` that a world has for itself, which are taken out."""
    return {name: sys.modules.pop(name) for name in list(sys.modules) if _is_keras(name) and not _real_only(name)}


def _change(real):
    """Put the entries of this world into ``sys.modules``, if they are not there."""
    global _real_in_charge, _absent, _turns
    if real == _real_in_charge:
        return
    _turns += 1
    _absent, coming = _taken(), _absent
    sys.modules.update(coming)
    _real_in_charge = real
    _turns += 1


@contextmanager
def _world(real, backend=None):
    """Meanwhile, ``sys.modules`` has the entries of this world. The real Keras starts on the engine ``backend``."""
    # Two threads may each hold what the other waits for: Python's lock of a module that is being imported, and this
    # one. As Python does with its own, the wait comes to an end, and what is there is taken.
    held = _lock.acquire(timeout=_PATIENCE)
    try:
        before, variable = _real_in_charge, os.environ.get("KERAS_BACKEND")
        _change(real)
        begins = real and backend is not None and "keras.src" not in sys.modules
        if begins:
            os.environ["KERAS_BACKEND"] = backend
        try:
            yield
        finally:
            if begins and variable is None:
                os.environ.pop("KERAS_BACKEND", None)
            elif begins:
                os.environ["KERAS_BACKEND"] = variable
            _change(before)
    finally:
        if held:
            _lock.release()


def _user(name):
    """The package of the module ``name``, if it is one that works with the real Keras."""
    top = name.partition(".")[0] if isinstance(name, str) else None
    return top if top in REAL_KERAS_USERS else None


def _import(name, globals=None, locals=None, fromlist=(), level=0):
    """``__import__``, which knows who asks."""
    if name[:5] != "keras" and not level:  # nearly always
        return _original_import(name, globals, locals, fromlist)
    original = _original_import
    if level or not _is_keras(name):
        # Relative imports within the real Keras are of names that need no world, but for its first level.
        if not level or (globals or {}).get("__package__") != "keras":
            return original(name, globals, locals, fromlist, level)
        name, level = importlib.util.resolve_name("." * level + name, "keras"), 0
    if _generation is None:  # a program that has kept a reference
        return original(name, globals, locals, fromlist, level)
    user = _user((sys._getframe(1).f_globals if globals is None else globals).get("__name__"))
    if user is None:
        if (found := _loaded(name, fromlist, real=False)) is not None:
            return found
        with _world(real=False):  # no other thread changes worlds while something is loaded
            return _for_program(original, name, globals, locals, fromlist)
    if (found := _loaded(name, fromlist, real=True)) is not None:
        return found
    with _world(real=True, backend=REAL_KERAS_USERS[user]):
        return original(name, globals, locals, fromlist, level)


def _loaded(name, fromlist, real):
    """What the import gives, where all of it is loaded already; None where it is not, or where it may be changing."""
    turn = _turns
    if turn % 2 or (_real_in_charge and not real):
        return None
    world = _absent if real and not _real_in_charge else sys.modules
    found, first = (sys.modules if _real_only(name) else world).get(name), world.get("keras")
    if found is None or first is None or turn != _turns or _is_partial(found):
        return None
    if not fromlist:
        return first
    # "*" may stand for modules that are not loaded
    return found if all(part != "*" and hasattr(found, part) for part in fromlist) else None


def _is_partial(module):
    return getattr(getattr(module, "__spec__", None), "_initializing", False)


def _for_program(original, name, globals, locals, fromlist):
    """An import of the program's own, with hints where it fails."""
    try:
        module = original(name, globals, locals, fromlist, 0)
    except ModuleNotFoundError as error:
        if error.name and _is_keras(error.name) and not getattr(error, "_explained", False):
            raise _explained(ModuleNotFoundError(_hints().module(error.name), name=error.name)) from None
        raise
    for part in fromlist or ():
        if part != "*" and not hasattr(module, part):
            raise _explained(ImportError(_hints().name(name, part, module), name=name, path=None))
    return module


def _explained(error):
    error._explained = True
    return error


def _hints():
    return importlib.import_module("kbridge.compat.hints")


def _import_module(name, package=None):
    """``importlib.import_module``, which knows who asks."""
    if name.startswith("."):
        if not package:
            raise TypeError(f"the 'package' argument is required to perform a relative import for {name!r}")
        name = importlib.util.resolve_name(name, package)
    if not _is_keras(name):
        return _original_import_module(name)
    # with a name to import from it, the module itself is returned, not the first of its parents
    return _import(name, sys._getframe(1).f_globals, None, ("__name__",))


def _find_spec(name, package=None):
    """``importlib.util.find_spec``, which knows who asks."""
    asks = sys._getframe(1).f_globals.get("__name__")
    if not isinstance(name, str) or not _is_keras(name) or bool(_user(asks)) == _real_in_charge:
        return _original_find_spec(name, package)
    with _world(real=not _real_in_charge):
        return _original_find_spec(name, package)


def _follow_numpy(follow):
    """In Keras 1 and 2 ``np.random.seed(7)`` made initial weights and shuffles the same in each run."""
    seeds = importlib.import_module("kbridge.backend.seeds")
    random = importlib.import_module("numpy").random
    seeds.follow((lambda: random.randint(2**31 - 1)) if follow else None)


class _Finder:
    """Finds the modules of the installed generation under the names of ``keras``."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if not _is_keras(name) or _real_only(name) or _real_in_charge or _generation is None:
            return None
        own = GENERATIONS[_generation] + name[len("keras") :]
        try:
            spec = importlib.util.find_spec(own)
        except ModuleNotFoundError:  # a parent of it is no package
            spec = None
        if spec is None:
            return None
        found = ModuleSpec(
            name, _Alias(own), origin=spec.origin, is_package=spec.submodule_search_locations is not None
        )
        if found.submodule_search_locations is not None:
            found.submodule_search_locations.extend(spec.submodule_search_locations)
        return found


class _Alias:
    """A loader that gives a module which already has a name of its own."""

    def __init__(self, own):
        self.own = own

    def create_module(self, spec):
        module = importlib.import_module(self.own)
        self.spec = module.__spec__
        if self.own == GENERATIONS[_generation]:
            _follow_numpy(_generation < 3)
        return module

    def exec_module(self, module):
        module.__spec__ = self.spec  # which the import system has just replaced

    def _delegated(self, what):
        spec = importlib.util.find_spec(self.own)
        return getattr(spec.loader, what)(self.own)

    def get_code(self, name):
        return self._delegated("get_code")

    def get_source(self, name):
        return self._delegated("get_source")

    def is_package(self, name):
        return self._delegated("is_package")


# -- child processes


def _children():
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "children")


def roots():
    """The folders that kbridge and its engines are imported from, without those every Python of this kind looks in."""
    import site
    import sysconfig

    own = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    beside = os.path.join(own, "backends")  # of a checkout
    found = [own, beside] if os.path.isdir(beside) and "__init__.py" not in os.listdir(beside) else [own]
    usual = {*site.getsitepackages(), site.getusersitepackages(), *sysconfig.get_paths().values()}
    usual = {os.path.realpath(path) for path in usual}
    return [path for path in found if os.path.realpath(path) not in usual]


def _tell_children():
    os.environ[VARIABLE] = str(_generation)
    before = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    first = _children()
    parts = [first, *(part for part in before if part != first)]
    parts += [root for root in roots() if root not in parts]
    os.environ["PYTHONPATH"] = os.pathsep.join(parts)
