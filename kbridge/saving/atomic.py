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
    os.makedirs(folder, exist_ok=True)
    _remove_left_over(folder, name)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(6)}{_ENDING}")
    file = os.fdopen(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666), "w+b")
    try:
        with file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
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


def _remove_left_over(folder, name):
    for found in glob.glob(os.path.join(glob.escape(folder), f".{glob.escape(name)}.*{_ENDING}")):
        with contextlib.suppress(OSError):
            if fcntl is None:
                os.unlink(found)
                continue
            with open(found, "rb") as file:  # whoever still writes it holds the lock
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(found)
