"""JSON from a file as plain data, bounded."""

import json

from kbridge.saving.errors import CorruptFileError, UnsafeFileError

LARGEST = 64 << 20  # bytes
DEEPEST = 150
LONGEST_NUMBER = 40  # characters
MOST_CONTAINERS = 500_000  # objects and lists, which take far more memory than their signs


def text_of(file, most=LARGEST + 1):
    """What a file still holds, ``most`` bytes of it. Memory is taken for what is there, not for what could be."""
    pieces = []
    while most > 0 and (piece := file.read(min(1 << 20, most))):
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)


def parse_json(data, file, place):
    """The data that ``data`` (bytes) is the JSON of: no duplicate keys, no huge numbers, not too deep."""
    if len(data) > LARGEST:
        raise UnsafeFileError(file, place, f"it has {len(data):,} bytes, where at most {LARGEST:,} are read.")
    if data.count(b"[") + data.count(b"{") > MOST_CONTAINERS or data.count(b",") > MOST_CONTAINERS + len(data) // 10:
        raise UnsafeFileError(file, place, f"it holds more than {MOST_CONTAINERS:,} lists and objects, or values.")

    def integer(text):
        if len(text) > LONGEST_NUMBER:
            raise UnsafeFileError(file, place, f"it holds a number of {len(text):,} digits.")
        return int(text)

    def once(pairs):
        found = dict(pairs)
        if len(found) != len(pairs):
            seen = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))
            raise UnsafeFileError(file, place, f"the key {twice[:60]!r} stands twice in one object.")
        return found

    try:
        found = json.loads(data.decode("utf-8"), parse_int=integer, object_pairs_hook=once)
    except RecursionError:
        raise UnsafeFileError(file, place, f"it is nested more than {DEEPEST} deep.") from None
    except UnicodeDecodeError as error:
        raise CorruptFileError(file, place, f"it is no text: byte {error.start} is no UTF-8.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise CorruptFileError(file, place, f"it is not JSON ({where}: {error.msg}).") from None
    _check_depth(found, file, place)
    return found


def _check_depth(found, file, place):
    level = [found]
    for _ in range(DEEPEST):
        level = (
            [
                item
                for value in level
                for item in (value.values() if isinstance(value, dict) else value)
                if isinstance(item, (dict, list))
            ]
            if level and isinstance(level[0], (dict, list))
            else []
        )
        if not level:
            return
    raise UnsafeFileError(file, place, f"it is nested more than {DEEPEST} deep.")
