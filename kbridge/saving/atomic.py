"""Writing that loses nothing: to a file (or folder) beside the target, flushed to the disk, then renamed."""

import contextlib
import ctypes
import errno
import glob
import os
import secrets
import shutil
import stat
import sys
import tempfile

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be deleted anyway
    fcntl = None

_ENDING = ".saving"


@contextlib.contextmanager
def replacing(path):
    """A new binary file, open for writing, that takes the place of ``path`` when the block ends without an error.

    Whatever happens, ``path`` is the old file or the new one, whole. What an earlier process that was
    killed in the midst of this left behind is removed.
    """
    path = os.path.realpath(os.fspath(path))  # a link stays, and what it points at is replaced
    folder, name = os.path.split(path)
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a folder, so no file can be written there.")
    with _explained(path):
        os.makedirs(folder, exist_ok=True)
        _remove_left_over(folder)
        temporary, file = _new_file(folder, name)
    try:
        with _explained(path), file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if os.path.exists(path):
                shutil.copymode(path, temporary)
            if fcntl is not None:  # while the lock is held, no one takes it for left over
                os.replace(temporary, path)
        if fcntl is None:
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    flush_folder(folder)


@contextlib.contextmanager
def replacing_folder(path):
    """A new folder, by its path, that takes the place of ``path`` when the block ends without an error.

    Whatever happens, ``path`` is the old folder or the new one, whole: the two are exchanged at once. Where the
    system cannot do that, a folder that is there stays, with an error.
    """
    path = os.path.realpath(os.fspath(path))
    folder, name = os.path.split(path)
    if os.path.exists(path) and not os.path.isdir(path):
        raise NotADirectoryError(f"{path} is a file, so no folder can be written there.")
    with _explained(path):
        os.makedirs(folder, exist_ok=True)
        _remove_left_over(folder)
        temporary, lock = _new_folder(folder, name)
    try:
        with _explained(path):
            yield temporary
            _flush_tree(temporary)
            if os.path.exists(path):
                shutil.copymode(path, temporary)
            _take_place(temporary, path)
        flush_folder(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # what did not become whole, or what was there before
        if lock is not None:
            os.close(lock)


def _new_folder(folder, name):
    """A new folder beside the target, and what locks it, if the system can."""
    while True:
        temporary = _new_name(folder, name)
        os.mkdir(temporary)
        if fcntl is None:
            return temporary, None
        lock = None
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(temporary, os.O_RDONLY)
            with contextlib.suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX)
            if os.path.exists(temporary):
                return temporary, lock
        if lock is not None:
            os.close(lock)  # before it was locked, another process took it for left over


def _flush_tree(folder):
    for at, _, names in os.walk(folder, topdown=False):
        for name in names:
            with open(os.path.join(at, name), "rb" if os.name == "posix" else "rb+") as file:
                os.fsync(file.fileno())
        flush_folder(at)


def _take_place(temporary, path):
    """Let the folder ``temporary`` have the name ``path``, and what has it now the other."""
    while True:
        try:
            if os.path.exists(path):
                _exchange(temporary, path)
            else:
                os.rename(temporary, path)
            return
        except FileNotFoundError:  # another process removed it just now
            if not os.path.exists(temporary):
                raise
        except OSError as error:  # another process made one just now
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise


def _exchange(one, other):
    """Let two folders have each other's names, at once."""
    system = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None
    names, here, swap = (os.fsencode(one), os.fsencode(other)), -100, 2
    if sys.platform == "darwin" and hasattr(system, "renamex_np"):
        failed = system.renamex_np(*names, swap)
    elif hasattr(system, "renameat2"):
        failed = system.renameat2(here, names[0], here, names[1], swap)
    else:
        failed = None
    code = ctypes.get_errno() if failed else 0
    if failed is None or code in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        raise OSError(
            errno.ENOTSUP,
            "this system cannot exchange two folders at once. Remove the old one first, choose another name, or write "
            "a .keras file",
        )
    if failed:
        raise OSError(code, os.strerror(code), other)


def _new_name(folder, name):
    # (names of files may have 255 bytes in most systems, and those of targets are shorter than that)
    start = name.encode("utf-8", "surrogateescape")[:200].decode("utf-8", "ignore")
    return os.path.join(folder, f".{start}.{secrets.token_hex(6)}{_ENDING}")


def _new_file(folder, name):
    """A new file beside the target, and its path; where the system can, it is locked as long as it is open."""
    while True:
        temporary = _new_name(folder, name)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        file = os.fdopen(os.open(temporary, flags, 0o666), "w+b")
        if fcntl is None:
            return temporary, file
        with contextlib.suppress(OSError):  # a file system without locks, where nothing counts as left over either
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.path.exists(temporary):
            return temporary, file
        file.close()  # before it was locked, another process took it for left over


@contextlib.contextmanager
def _explained(path):
    """The system's errors while ``path`` is written say which file, and that the old one is untouched."""
    try:
        yield
    except OSError as error:
        raise _saying(error, path) from error
    except RuntimeError as error:  # how h5py tells of some of them
        if "write" not in str(error):
            raise
        raise OSError(f"{path} could not be written: {error}. {_untouched(path)}") from error


def _saying(error, path):
    why = error.strerror or str(error)
    text = f"{path} could not be written: {why}. {_untouched(path)}"
    return OSError(error.errno, text) if error.errno is not None else type(error)(text)


def _untouched(path):
    what = "folder" if os.path.isdir(path) else "file"
    return f"The {what} that was there is as it was." if os.path.exists(path) else "Nothing was left there."


def remove(path):
    """Remove a file that ``replacing`` wrote, if it is there, and what killed processes left behind beside it."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)
    _remove_left_over(os.path.dirname(os.path.realpath(path)))


def flush_folder(folder):
    """Bring the names in a folder to the disk, where the system can."""
    if os.name == "posix":
        handle = os.open(folder or ".", os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def scratch(beside):
    """A nameless file on the same disk as ``beside``, gone when closed."""
    return tempfile.TemporaryFile(dir=os.path.dirname(os.path.realpath(beside)))


def _remove_left_over(folder):
    for found in glob.glob(os.path.join(glob.escape(folder), f".*.{'[0-9a-f]' * 12}{_ENDING}")):
        with contextlib.suppress(OSError):
            kind = os.lstat(found).st_mode
            if fcntl is None and stat.S_ISREG(kind):
                os.unlink(found)
            if fcntl is None or not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
                continue
            handle = os.open(found, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # whoever still writes it holds the lock
                shutil.rmtree(found, ignore_errors=True) if stat.S_ISDIR(kind) else os.unlink(found)
            finally:
                os.close(handle)
