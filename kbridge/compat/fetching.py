"""``get_file`` as it was: an archive is unpacked beside itself, and the path is that of the archive."""

import os
import shutil
import tempfile
from pathlib import Path

from kbridge import config
from kbridge.utils import files


def get_file(
    fname,
    origin=None,
    untar=False,
    md5_hash=None,
    file_hash=None,
    cache_subdir="datasets",
    hash_algorithm="auto",
    extract=False,
    archive_format="auto",
    cache_dir=None,
):
    """The path of the file at ``origin``, which is fetched unless the cache has it.

    Args:
        fname: its name in the cache. With a path of a file of your own, that is taken as it is.
        origin: a URL: http, https, ftp or file.
        untar: whether it is a tar archive (in the cache: ``fname`` with ".tar.gz") that holds a directory ``fname``,
            whose path is wanted.
        md5_hash: an md5 hash to check; the older way of saying ``file_hash``.
        file_hash: the hash that the file must have, in hexadecimal digits.
        cache_subdir: the directory below the cache's.
        hash_algorithm: "md5", "sha256", or "auto", which tells by the hash's length.
        extract: whether to unpack it into the directory that it lies in.
        archive_format: "tar", "zip", a list of such, "auto" for either, or None to unpack nothing.
        cache_dir: the cache; that of keras.json ("~/.keras") unless told.
    """
    own = os.fspath(fname)
    if os.path.dirname(own) and os.path.exists(own):
        return own
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    wanted = cached(own, cache_subdir, cache_dir)
    if untar and wanted.is_dir():
        return str(wanted)
    if origin is None:
        raise ValueError(f'get_file: {wanted} is not there, and origin is missing. Write: origin="https://..."')
    path = files.get_file(
        f"{own}.tar.gz" if untar else own,
        origin,
        file_hash=file_hash,
        cache_subdir=cache_subdir,
        hash_algorithm=hash_algorithm,
        cache_dir=cache_dir,
    )
    if untar:
        _unpack_beside(path, ("tar",))
        return str(Path(path).parent / own)
    if extract:
        _unpack_beside(path, files._formats(archive_format))
    return path


def cached(name, cache_subdir="datasets", cache_dir=None):
    """Where a file called ``name`` is kept."""
    base = config.path().parent if cache_dir is None else Path(cache_dir).expanduser()
    return base / cache_subdir / name


def _unpack_beside(path, formats):
    """Unpack an archive into its own directory; what is there already is replaced, file by file."""
    directory = Path(path).parent
    with tempfile.TemporaryDirectory(prefix=".unpacked.", dir=directory) as temporary:
        inside = Path(temporary) / "new"
        if not formats or not files.extract_archive(path, inside, formats):
            return
        for folder, _, names in os.walk(inside):
            target = directory / Path(folder).relative_to(inside)
            if target.exists() and not target.is_dir():
                target.unlink()
            if not target.exists():
                shutil.move(folder, target)
                continue
            for name in names:
                os.replace(Path(folder) / name, target / name)


def validate_file(fpath, file_hash, algorithm="auto", chunk_size=65535):
    """Whether a file has this hash. ``chunk_size``: how much would be read at a time; it makes no difference."""
    return files.is_valid(fpath, file_hash, algorithm)
