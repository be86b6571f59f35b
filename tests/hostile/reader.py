"""Reads hostile files, one behind the other, and tells of each what came of it. Run as a program, in a process of
its own: what would crash, hang or have an effect does so here.

It writes a line of JSON before and after each file. ``effects``: what a file may not lead to, as Python's audit
events, a connection to a port, a file that appeared, or a setting that changed tell it.
"""

import contextlib
import gc
import json
import os
import resource
import signal
import socket
import sys
import tempfile
import time
import warnings

ROOM = 1 << 30  # bytes of address space beyond what the process has when it begins
LONGEST = 20  # seconds of the process's own

_watching = False
_found = []
_allowed = ()
_OF_PYTHON = (sys.prefix, sys.base_prefix, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
_HARMLESS = ("/proc/self/", "/dev/null", "/dev/urandom")
_KINDS = ("os.", "shutil.", "subprocess.", "socket.", "pickle.", "ctypes.", "urllib.", "ftplib.", "sqlite3.", "pty.")
_MEANT = ("os.listdir", "os.scandir", "os.walk", "os.fwalk", "shutil.rmtree", "shutil.copymode", "os.putenv")


def _hook(event, args):
    if not _watching:
        return
    if event == "open":
        path, mode = args[0], args[1] if len(args) > 1 else None
        if isinstance(path, int):
            return
        path = os.path.realpath(os.fsdecode(path))
        reading = isinstance(mode, str) and not set(mode) & set("wax+")
        if path.startswith(_allowed) or path.startswith(_HARMLESS) or (reading and path.startswith(_OF_PYTHON)):
            return
        if path.startswith(_OF_PYTHON) and mode is None:  # a compiled module
            return
        _found.append(f"open {path} {mode}")
    elif event == "import":
        if args[0].split(".")[0] not in _MODULES and not args[0].startswith("_sysconfigdata"):
            _found.append(f"import {args[0]}")
    elif event.startswith(_KINDS) and event not in _MEANT:
        if event in ("os.mkdir", "os.remove", "os.rmdir", "os.rename", "os.truncate", "os.chmod"):
            path = args[0]
            if isinstance(path, int) or os.path.realpath(os.fsdecode(path)).startswith((*_allowed, *_OF_PYTHON)):
                return
            if event in ("os.rmdir", "os.remove") and not os.path.isabs(os.fsdecode(path)):
                return  # shutil.rmtree of a temporary folder, by a descriptor
        _found.append(f"{event} {str(args)[:100]}")


_MODULES = {"kbridge", "kbridge_numpy", "numpy", "ml_dtypes", *sys.stdlib_module_names} - {"antigravity", "this"}


class TooLong(BaseException):
    """A file took longer than any may."""


def _ring(*_):
    raise TooLong


def _status(key):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key)) * 1024


@contextlib.contextmanager
def measured(collect=True):
    """A dict that is given the seconds and the bytes of additional memory that the block took, and its effects."""
    global _watching
    told = {}
    if collect:
        gc.collect()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = _status("VmRSS")
    start = time.process_time()  # other processes do not count
    _found.clear()
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    _watching = True
    try:
        yield told
    finally:
        _watching = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        told["seconds"] = time.process_time() - start
        told["bytes"] = max(0, _status("VmHWM") - before)
        told["effects"] = list(dict.fromkeys(_found))


def watch(allowed=()):
    """Bound the address space, be ready to end what takes too long, and see what is opened outside of ``allowed``."""
    global _allowed
    _allowed = tuple(map(os.path.realpath, allowed))
    gc.collect()
    gc.freeze()  # so that a collection before each file takes no time
    sys.addaudithook(_hook)
    signal.signal(signal.SIGPROF, _ring)
    resource.setrlimit(resource.RLIMIT_AS, (_status("VmSize") + ROOM,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _settings():
    import kbridge
    from kbridge import config, dtype_policies

    policy = dtype_policies.dtype_policy().name
    known = len(kbridge.saving.get_custom_objects())
    return config.floatx(), config.epsilon(), config.image_data_format(), policy, known, dict(os.environ), os.getcwd()


def read(how, path, safe_mode=True):
    """Open a file the way ``how`` says; returns (the name of what came of it, the text of the error)."""
    from hostile import good
    from kbridge import saving

    target = good.model() if how == "weights" else None
    before = target.get_weights() if target else ()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if how == "model":
                saving.load_model(path, safe_mode=safe_mode)
            elif how == "weights":
                target.load_weights(path)
            elif how == "backup":
                good.fit(os.path.dirname(path))
            elif how == "inspect":
                str(saving.inspect(path))
            else:
                with open(path, "rb") as file:
                    text = file.read()
                with contextlib.suppress(UnicodeDecodeError):
                    text = text.decode("utf-8", "surrogatepass")
                (saving.model_from_json if how == "json" else saving.model_from_yaml)(text)
        return "loaded", ""
    except saving.UnsafeFileError as error:
        outcome, refusal = "unsafe", error
    except saving.CorruptFileError as error:
        outcome, refusal = "corrupt", error
    except TooLong:
        return "too long", ""
    except BaseException as error:
        return f"{type(error).__module__}.{type(error).__name__}", str(error)[:300]
    if any((one != other).any() for one, other in zip(before, target.get_weights() if target else ())):
        return "changed", str(refusal)[:300]
    text = str(refusal)
    named = how in ("json", "yaml") or refusal.file.startswith(os.path.dirname(path))
    return (outcome if named and len(text) < 6000 and refusal.why else "says too little"), text[:300]


def main(every=1, *parts):
    """Read the corpus, or one file out of ``every``, or some ``parts`` of it."""
    global _allowed
    from hostile import corpus, good

    server = socket.create_server(("127.0.0.1", 0))
    server.setblocking(False)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        tempfile.tempdir = os.path.join(folder, "scratch")
        os.makedirs(tempfile.tempdir)
        files = os.path.join(folder, "files")
        os.makedirs(files)
        with open("canary_module.py", "w") as file:
            file.write("open('effect', 'w').close()\ndef run(*args, **kwargs):\n    open('effect', 'w').close()\n")
        sys.path.insert(0, folder)
        with open("secret.txt", "w") as file:
            file.write("alpha\nbeta\n")
        aim = corpus.Aim(folder, f"http://127.0.0.1:{server.getsockname()[1]}/x")
        for ending, how in ((".keras", "model"), (".h5", "model"), (".weights.h5", "weights"), (".npz", "weights")):
            path = os.path.join(files, f"good{ending}")
            with open(path, "wb") as file:
                file.write(good.file(ending))
            assert read(how, path)[0] == "loaded", (ending, read(how, path))
            assert read("inspect", path)[0] == "loaded", (ending, read("inspect", path))
        watch()
        listed = set(os.listdir(folder))
        settings = _settings()
        for case in corpus.cases(aim, every, parts or corpus.PARTS):
            path = os.path.join(files, f"case{case.ending}")
            with open(path, "wb") as file:
                file.write(case.data)
            for extra, data in case.beside.items():
                with open(os.path.join(files, extra), "wb") as file:
                    file.write(data)
            _allowed = (os.path.realpath(path), os.path.realpath(tempfile.tempdir))
            if case.ending == ".weights.json":
                names = [*case.beside, "absent.weights.h5"]  # what an index may name
                _allowed += tuple(os.path.realpath(os.path.join(files, name)) for name in names)
            hows = [case.how]
            hows += [f"{case.how} unsafely"] if case.how == "model" and case.expected == "unsafe" else []
            hows += ["inspect"] if case.how in ("model", "weights", "json") else []
            for how in hows:
                told = {"name": case.name, "how": how, "expected": case.expected, "advisory": case.advisory}
                print(json.dumps(told), flush=True)
                with measured() as seen:
                    outcome, why = read(how.split()[0], path, safe_mode="unsafely" not in how)
                new = set(os.listdir(folder)) - listed
                left = os.listdir(tempfile.tempdir)
                if new:
                    seen["effects"].append(f"files appeared: {sorted(new)}")
                    listed |= new
                if left:
                    seen["effects"].append(f"debris: {left[:3]}")
                now = _settings()
                if now != settings:
                    seen["effects"].append(f"settings: {[a for a, b in zip(now, settings) if a != b]}"[:200])
                    settings = now
                with contextlib.suppress(BlockingIOError):
                    server.accept()
                    seen["effects"].append("a connection")
                print(json.dumps({**told, "outcome": outcome, "why": why, **seen}), flush=True)
            for extra in case.beside:
                os.unlink(os.path.join(files, extra))
        print(json.dumps({"done": True}), flush=True)
        os.chdir("/")


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from hostile import reader  # the one that others know too

    reader.main(*map(int, sys.argv[1:2]), *sys.argv[2:])
