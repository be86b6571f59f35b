"""Where ``kbridge run`` starts a program, each Python process that it starts in turn reads this file first.

It lets ``import keras`` mean the same there as in the program. kbridge itself is imported
when ``keras`` is. After it comes the sitecustomize that would have been read without this one.
"""

import os
import sys


def _start():
    generation = os.environ.get("KBRIDGE_KERAS", "")
    if generation not in ("1", "2", "3") or sys.version_info < (3, 11):
        return
    from importlib.util import module_from_spec, spec_from_file_location

    name = "kbridge.compat.alias"
    path = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "alias.py")
    spec = spec_from_file_location(name, path)
    sys.modules[name] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.install(int(generation), children=False)  # they have what this process has
    if os.environ.get("KBRIDGE_PYTHON2") and "--multiprocessing-fork" in getattr(sys, "orig_argv", ()):
        _read_python2()


def _read_python2():
    import runpy

    original = runpy.run_path

    def run_path(*args, **kwargs):
        from kbridge.compat import python2

        return python2.run_path(original, *args, **kwargs)

    runpy.run_path = run_path


def _next():
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    here = os.path.dirname(os.path.abspath(__file__))
    spec = PathFinder.find_spec("sitecustomize", [p for p in sys.path if os.path.abspath(p) != here])
    if spec is not None and spec.loader is not None:
        sys.modules["sitecustomize"] = module = module_from_spec(spec)
        spec.loader.exec_module(module)


_start()
_next()
