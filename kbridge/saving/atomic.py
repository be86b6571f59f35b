"""Writing that loses nothing: to a file beside the target, flushed to the disk, then renamed."""

import contextlib
import glob
import os
import secrets
import shutil
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


def _new_file(folder, name):
    """A new file beside the target, and its path; where the system can, it is locked as long as it is open."""
    while True:
        # (names of files may have 255 bytes in most systems, and those of targets are shorter than that)
        start = name.encode("utf-8", "surrogateescape")[:200].decode("utf-8", "ignore")
        temporary = os.path.join(folder, f".{start}.{secrets.token_hex(6)}{_ENDING}")
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
    return "The file that was there is as it was." if os.path.exists(path) else "Nothing was left there."


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
            if fcntl is None:
                os.unlink(found)
                continue
            with open(found, "rb") as file:  # whoever still writes it holds the lock
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(found)
