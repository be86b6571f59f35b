"""The members of a zip file, bounded: none is read before all are found harmless."""

import os
import re
import stat
import struct
import zipfile
import zlib

from kbridge.saving.errors import CorruptFileError, UnsafeFileError

MOST_MEMBERS = 10_000
LARGEST_DIRECTORY = 8 << 20  # bytes of the list of members
HIGHEST_RATIO = 200  # between a member's size and its compressed size, where it is larger than
RATIO_MATTERS = 1 << 20

_PART = re.compile(r"[\w][\w .+@=-]*\Z")  # a part of a member's name
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|\Z)", re.IGNORECASE)


def is_plain(part):
    """Whether a part of a name can be a file's name anywhere, and nothing else."""
    return bool(_PART.match(part)) and not part.endswith((".", " ")) and not _RESERVED.match(part)


class Archive:
    """A zip file opened for reading; ``file`` is a binary file object, ``name`` what it is called in errors."""

    def __init__(self, file, name):
        self.name = name
        self._size = file.seek(0, os.SEEK_END)
        self._check_directory(file)
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, NotImplementedError, struct.error, ValueError, OverflowError, EOFError) as error:
            raise CorruptFileError(name, "", f"it is no zip file that can be read ({error}).") from None
        self.members = self._checked()

    def _check_directory(self, file):
        """Look at what the end of the file says of the list of members, before that is read."""
        length = min(self._size, 22 + 0xFFFF)
        file.seek(self._size - length)
        end = file.read(length)
        at = end.rfind(b"PK\5\6")
        if at < 0 or len(end) - at < 22:
            raise CorruptFileError(self.name, "", "it is no whole zip file: its list of members is missing.")
        count, size = struct.unpack("<HI", end[at + 10 : at + 16])
        at64 = end.rfind(b"PK\6\6", 0, at)
        if at64 >= 0 and len(end) - at64 >= 56:
            count, size = struct.unpack("<QQ", end[at64 + 32 : at64 + 48])
        if size > self._size:
            raise CorruptFileError(self.name, "", "its list of members is said to be larger than the whole file.")
        if count > MOST_MEMBERS or size > LARGEST_DIRECTORY:
            raise UnsafeFileError(self.name, "", f"it has {count:,} members, where at most {MOST_MEMBERS:,} are read.")

    def _checked(self):
        found, total = {}, 0
        for info in self._zip.infolist():
            name = info.filename
            self._check_name(info)
            if name.casefold() in found:
                raise UnsafeFileError(self.name, name, "two members have this name.")
            found[name.casefold()] = info
            if info.flag_bits & 0x1:
                raise UnsafeFileError(self.name, name, "it is encrypted.")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise UnsafeFileError(self.name, name, f"it is compressed by method {info.compress_type}, not deflate.")
            if info.compress_type == zipfile.ZIP_STORED and info.file_size != info.compress_size:
                raise CorruptFileError(self.name, name, "its two sizes differ, though it is not compressed.")
            if info.file_size > max(RATIO_MATTERS, HIGHEST_RATIO * info.compress_size):
                raise UnsafeFileError(
                    self.name, name, f"{info.compress_size:,} bytes would become {info.file_size:,}: a zip bomb."
                )
            total += info.compress_size
        if len(found) > MOST_MEMBERS:
            raise UnsafeFileError(self.name, "", f"it has {len(found):,} members; at most {MOST_MEMBERS:,} are read.")
        if total > self._size:
            raise UnsafeFileError(self.name, "", "its members overlap: together they are larger than the file.")
        return {info.filename: info for info in found.values()}

    def _check_name(self, info):
        name = info.filename
        if stat.S_ISLNK(info.external_attr >> 16):
            raise UnsafeFileError(self.name, name, "it is a link.")
        parts = name.removesuffix("/").split("/")
        if len(name) > 1000 or info.orig_filename.rstrip("\0") != name or not all(map(is_plain, parts)):
            raise UnsafeFileError(self.name, name[:200], "its name is no plain relative path.")

    def _info(self, member):
        if member not in self.members:
            raise CorruptFileError(self.name, member, "this part of the file is missing.")
        return self.members[member]

    def open(self, member):
        """A binary file object to read a member from."""
        try:
            return self._zip.open(self._info(member))
        except (zipfile.BadZipFile, NotImplementedError, struct.error, RuntimeError, ValueError, OSError) as error:
            raise CorruptFileError(self.name, member, f"it cannot be read ({error}).") from None

    def read(self, member, largest):
        """The bytes of a member, if they are at most ``largest``."""
        size = self._info(member).file_size
        if size > largest:
            raise UnsafeFileError(self.name, member, f"it has {size:,} bytes, where at most {largest:,} are read.")
        with self.open(member) as file:
            data = self.part(file, size + 1, member)
        if len(data) != size:
            raise CorruptFileError(self.name, member, f"it is said to have {size:,} bytes, but has {len(data):,}.")
        return data

    def copy(self, member, target):
        """Write a member's bytes to a binary file object, a piece at a time."""
        left = self._info(member).file_size
        with self.open(member) as file:
            while piece := self.part(file, 1 << 20, member):
                left -= len(piece)
                target.write(piece)
        if left:
            raise CorruptFileError(self.name, member, "it is shorter than it is said to be.")

    def part(self, file, size, member):
        """The next bytes of an opened member, ``size`` at most."""
        try:
            return file.read(size)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
            raise CorruptFileError(self.name, member, f"it cannot be read ({error}).") from None
