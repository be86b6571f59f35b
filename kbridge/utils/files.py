"""``get_file``: files from the net, kept in a cache, checked, and unpacked without trusting what is in them."""

import contextlib
import hashlib
import os
import shutil
import tempfile
import threading
import warnings
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kbridge import config
from kbridge.utils.messages import say

_SCHEMES = ("http", "https", "ftp", "file")
_PIECE = 1 << 20
_PATIENCE = 60  # seconds to wait for the next bytes
# What an archive may hold: more is taken for an attack (or a mistake), not for data.
MAX_MEMBERS = 5_000_000
MAX_RATIO = 200  # unpacked bytes for each byte of the archive ...
ALWAYS_ALLOWED = 1 << 30  # ... where that is more than this


def get_file(
    fname=None,
    origin=None,
    untar=False,
    md5_hash=None,
    file_hash=None,
    cache_subdir="datasets",
    hash_algorithm="auto",
    extract=False,
    archive_format="auto",
    cache_dir=None,
    force_download=False,
):
    """The path of the file at ``origin``, which is fetched unless the cache has it.

    A file appears in the cache only when it is whole and its hash is right; so does what is unpacked.

    Args:
        fname: its name in the cache; that in ``origin`` unless told. With ``extract``, the name of the directory.
        origin: a URL: http, https, ftp or file.
        untar: as ``extract=True, archive_format="tar"``.
        md5_hash: an md5 hash to check; the older way of saying ``file_hash``.
        file_hash: the hash that the file must have, in hexadecimal digits.
        cache_subdir: the directory below the cache's.
        hash_algorithm: "md5", "sha256", or "auto", which tells by the hash's length.
        extract: whether to unpack it; the path is then that of a directory.
        archive_format: "tar", "zip", a list of such, "auto" for either, or None to unpack nothing.
        cache_dir: the cache; that of keras.json ("~/.keras") unless told.
        force_download: fetch it even if the cache has it.
    """
    if origin is None:
        raise ValueError('get_file: origin is missing: the URL of the file. Write: origin="https://..."')
    scheme = urlsplit(str(origin)).scheme.lower()
    if scheme not in _SCHEMES:
        raise ValueError(f"get_file: origin must be a URL that begins with one of {_SCHEMES}. Received: {origin!r}.")
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    formats = ("tar",) if untar else _formats(archive_format)
    unpack = (extract or untar) and formats
    given = None if fname is None else os.fspath(fname)
    name = given or os.path.basename(unquote(urlsplit(str(origin)).path))
    _check_name(name, origin)
    directory = _cache(cache_dir, cache_subdir)
    target, unpacked = directory / name, None
    if unpack:
        if given and "." in name:
            unpacked = directory / f"{name.partition('.')[0]}_extracted"
        else:
            target, unpacked = directory / f"{name}_archive", directory / name
    fresh = force_download or not target.exists()
    if not fresh and file_hash is not None and not is_valid(target, file_hash, hash_algorithm):
        say(f"The file {target} in the cache has not the hash {file_hash}, so it is fetched anew.")
        fresh = True
    if fresh:
        _fetch(str(origin), target, file_hash, hash_algorithm)
    if unpacked is None:
        return str(target)
    if (fresh or not unpacked.is_dir()) and not extract_archive(target, unpacked, formats):
        warnings.warn(
            f"get_file: {target} is no archive of the format {' or '.join(formats)}; it was not unpacked.", stacklevel=2
        )
    return str(unpacked)


def _check_name(name, origin):
    if not name:
        raise ValueError(f"get_file: the URL {origin!r} ends in no name of a file. Write: fname=...")
    if name in (".", "..") or any(mark and mark in name for mark in ("/", "\\", os.sep, os.altsep, "\0")):
        raise ValueError(
            f"get_file: fname must be a name, not a path. Received: {name!r}. Say where it goes by cache_dir=... and "
            f"cache_subdir=..."
        )


def _cache(cache_dir, subdir):
    """The directory to keep files in, made if need be; one among the temporary files where it cannot be written."""
    base = config.path().parent if cache_dir is None else Path(cache_dir).expanduser()
    directory = base / subdir
    with contextlib.suppress(OSError):
        directory.mkdir(parents=True, exist_ok=True)
        if os.access(directory, os.W_OK):
            return directory
    user = str(os.getuid()) if hasattr(os, "getuid") else "user"
    base = Path(tempfile.gettempdir()) / f"keras-{user}"
    base.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and (base.is_symlink() or base.stat().st_uid != os.getuid()):
        raise PermissionError(
            f"get_file: nothing can be written to {directory}, and {base} belongs to somebody else. "
            f"Write: cache_dir=..., or set KERAS_HOME."
        )
    (base / subdir).mkdir(parents=True, exist_ok=True)
    return base / subdir


# -- hashes


def _hasher(algorithm, file_hash):
    if algorithm == "auto":
        algorithm = "sha256" if len(file_hash) == 64 else "md5"
    if algorithm not in ("md5", "sha256"):
        raise ValueError(
            f"get_file: hash_algorithm must be 'md5', 'sha256' or 'auto'. Received: hash_algorithm={algorithm!r}."
        )
    return hashlib.new(algorithm, usedforsecurity=False)


def is_valid(path, file_hash, algorithm="auto"):
    """Whether the file has this hash."""
    hasher = _hasher(algorithm, file_hash)
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            hasher.update(piece)
    return hasher.hexdigest() == str(file_hash).lower()


# -- fetching


def _fetch(origin, target, file_hash, algorithm):
    """Bring what ``origin`` names to ``target``, in one step, once its hash has been seen to be right."""
    from urllib.error import HTTPError, URLError
    from urllib.request import urlopen

    hasher = None if file_hash is None else _hasher(algorithm, file_hash)
    say(f"Downloading data from {origin}")
    temporary = target.with_name(f".{target.name[:60]}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with open(temporary, "wb") as file:
            try:
                with urlopen(origin, timeout=_PATIENCE) as source:
                    _copy(source, file, hasher)
            except HTTPError as error:
                raise OSError(f"get_file: {origin} cannot be fetched: {error.code} {error.msg}") from error
            except URLError as error:
                raise OSError(f"get_file: {origin} cannot be fetched: {error.reason}") from error
            file.flush()
            os.fsync(file.fileno())
        if hasher is not None and hasher.hexdigest() != str(file_hash).lower():
            raise ValueError(
                f"get_file: what came from {origin} has the hash {hasher.hexdigest()}, not {file_hash}: it is "
                f"incomplete or not the file that was meant. It was not kept."
            )
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _copy(source, file, hasher):
    from kbridge.callbacks.progress import Progbar

    length = source.headers.get("Content-Length")
    length = int(length) if length and length.isdigit() else None
    bar = Progbar(length or None, unit_name="byte") if config.is_interactive_logging_enabled() else None
    done = 0
    while piece := source.read(_PIECE):
        file.write(piece)
        done += len(piece)
        if hasher is not None:
            hasher.update(piece)
        if bar is not None:
            bar.update(done)
    if length is not None and done < length:
        raise OSError(f"get_file: the transfer ended after {done} of {length} bytes.")
    if bar is not None and length is None and done:
        bar.update(done, finalize=True)


# -- unpacking


def _formats(archive_format):
    if archive_format == "auto":
        return "tar", "zip"
    formats = (archive_format,) if isinstance(archive_format, str) else tuple(archive_format or ())
    for name in formats:
        if name not in ("tar", "zip"):
            raise ValueError(
                f"get_file: archive_format must be 'tar', 'zip', 'auto', None or a list of such. "
                f"Received: archive_format={archive_format!r}."
            )
    return formats


def extract_archive(path, directory, formats=("tar", "zip")):
    """Unpack the archive into ``directory``, which then holds it and nothing else; False if it is no archive.

    Only files and directories come out, never links or devices. An archive that names a place outside of
    ``directory``, or holds more than is reasonable, is refused as a whole.
    """
    import tarfile
    import zipfile

    directory = Path(directory)
    if "tar" in formats and tarfile.is_tarfile(path):
        members = _tar_members
    elif "zip" in formats and zipfile.is_zipfile(path):
        members = _zip_members
    else:
        return False
    directory.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{directory.name[:60]}.", dir=directory.parent))
    try:
        inside = temporary / "new"
        inside.mkdir()
        _unpack(path, inside, members)
        if directory.exists():
            os.replace(directory, temporary / "old")
        os.replace(inside, directory)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return True


def _unpack(path, directory, members):
    allowed = max(ALWAYS_ALLOWED, MAX_RATIO * os.path.getsize(path))
    allowed = min(allowed, shutil.disk_usage(directory).free)
    count = written = 0
    for name, kind, source in members(path):
        count += 1
        if count > MAX_MEMBERS:
            raise ValueError(f"{path} holds more than {MAX_MEMBERS} files, so it was not unpacked.")
        target = _inside(directory, name, path)
        if kind == "other":
            warnings.warn(f"{path}: {name!r} is a link or a device; it was left out.", stacklevel=4)
        elif kind == "directory":
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            with source() as file, open(target, "wb") as out:
                while piece := file.read(_PIECE):
                    written += len(piece)  # what is said of sizes in the archive need not be true
                    if written > allowed:
                        raise ValueError(
                            f"{path} unpacks to more than {allowed} bytes, so it was not unpacked. "
                            f"If you trust it, unpack it by hand."
                        )
                    out.write(piece)


def _inside(directory, name, archive):
    """Where the member called ``name`` goes, or an error if that is outside of ``directory``."""
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or "\0" in name or (os.name == "nt" and ":" in name):
        raise ValueError(f"{archive} holds {name!r}, which lies outside of where it is unpacked. It was refused.")
    return directory.joinpath(*[part for part in parts if part not in ("", ".")])


def _tar_members(path):
    """(name, kind, function that opens it) of each member."""
    import tarfile

    with tarfile.open(path) as archive:
        for member in archive:
            kind = "file" if member.isreg() else "directory" if member.isdir() else "other"
            yield member.name, kind, lambda member=member: archive.extractfile(member)


def _zip_members(path):
    import stat
    import zipfile

    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            form = stat.S_IFMT(member.external_attr >> 16)
            kind = "directory" if member.is_dir() else "file" if form in (0, stat.S_IFREG) else "other"
            yield member.filename, kind, lambda member=member: archive.open(member)
