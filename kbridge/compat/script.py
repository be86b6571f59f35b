"""Running a program as Python itself would, with ``keras`` meaning kbridge."""

import builtins
import contextlib
import importlib
import os
import sys
from importlib.machinery import SourceFileLoader
from types import ModuleType

from kbridge.compat import alias, hints
from kbridge.compat.python2 import CannotConvertError

_HERE = os.path.dirname(os.path.abspath(__file__))
# The files whose frames are not part of the program, nor of what it calls.
_OURS = {os.path.join(_HERE, name) for name in ("alias.py", "script.py", "hints.py", "python2.py", "python2_names.py")}


def prepare(first):
    """Put ``first`` where a program's own folder is in ``sys.path``; kbridge stays within reach."""
    if not sys.flags.safe_path:  # otherwise Python has put nothing there
        if sys.path:
            del sys.path[0]
        sys.path.insert(0, first)
    sys.path.extend(root for root in alias.roots() if root not in sys.path)


def fresh_main(path=None, loader=None):
    """A new module ``__main__``, in the place of the one that has started kbridge."""
    main = ModuleType("__main__")
    main.__builtins__ = builtins
    main.__loader__ = loader
    main.__annotations__ = {}
    if path is not None:
        main.__file__, main.__cached__ = path, None
    _kept.append(sys.modules.get("__main__"))  # its functions are still running
    sys.modules["__main__"] = main
    return main


_kept = []


def run(source, name, arguments, quiet=False):
    """Run the program ``source``; ``name`` is its ``sys.argv[0]``. Returns its exit status."""
    sys.argv[:] = [name, *arguments]
    is_file = source.path == name
    source.path = os.path.abspath(name) if is_file else source.path
    prepare(os.path.dirname(os.path.realpath(name)) if is_file else "")
    path = source.path if is_file else None
    main = fresh_main(path, SourceFileLoader("__main__", path) if is_file else None)
    return guarded(_execute, source, main, quiet)


def _execute(source, main, quiet):
    try:
        code = source.compiled()
    except SyntaxError as error:
        raise error.with_traceback(None)  # noqa: B904
    except CannotConvertError as error:
        sys.exit(f"kbridge run: {error}")
    if source.why_old is not None and not quiet:
        print(source.note, file=sys.stderr, flush=True)
    exec(code, main.__dict__)


def run_folder(path, arguments):
    """Run the ``__main__.py`` in a folder or in a zip file."""
    import runpy

    sys.argv[:] = [path, *arguments]
    prepare(os.path.abspath(path))
    fresh_main()
    return guarded(runpy._run_module_as_main, "__main__", False)


def run_module(name, arguments):
    """Run a module, as ``python -m`` does."""
    import runpy

    sys.argv[:] = ["-m", *arguments]
    prepare(os.getcwd())
    fresh_main()
    return guarded(runpy._run_module_as_main, name)


def guarded(call, *arguments):
    """Call; returns the exit status. What the program leaves uncaught is shown without the frames around it."""
    try:
        call(*arguments)
    except SystemExit:
        raise
    except BaseException as error:
        show(error)
        if isinstance(error, KeyboardInterrupt):  # Python ends such a process by the signal, once it has cleaned up
            sys.excepthook = _silent
            raise
        return 1
    return 0


def show(error):
    """Show an error by ``sys.excepthook``, as Python does at a program's end."""
    clean(error)
    if isinstance(error, ModuleNotFoundError):
        importlib.import_module("kbridge.compat.hints").of_others(error)
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, error.__traceback__
    sys.last_exc = error
    with contextlib.suppress(OSError, ValueError, AttributeError):  # it may be closed, or nothing at all
        sys.stdout.flush()
    try:
        sys.excepthook(type(error), error, error.__traceback__)
        hint = hints.known(error)
        if hint is not None:
            print(f"kbridge: {hint}", file=sys.stderr)
    except SystemExit:
        raise
    except BaseException as another:  # as Python words it
        print("Error in sys.excepthook:", file=sys.stderr)
        sys.__excepthook__(type(another), another, another.__traceback__)
        print("\nOriginal exception was:", file=sys.stderr)
        sys.__excepthook__(type(error), error, error.__traceback__)


def clean(error, seen=None):
    """Take the frames out of the tracebacks of ``error`` that come of its being run and imported by kbridge."""
    seen = set() if seen is None else seen
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        error.__traceback__ = _without_ours(error.__traceback__)
        for inner in getattr(error, "exceptions", ()):
            clean(inner, seen)
        clean(error.__cause__, seen)
        error = error.__context__


def _without_ours(traceback):
    frames = []
    while traceback is not None:
        frames.append(traceback)
        traceback = traceback.tb_next
    kept = None
    for frame in reversed(frames):
        name = frame.tb_frame.f_code.co_filename
        if name not in _OURS and name != "<frozen runpy>":
            frame.tb_next = kept
            kept = frame
    return kept


def _silent(*error):
    """Nothing: the error has been shown."""
