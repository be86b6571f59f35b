"""JSON from a file as plain data, bounded."""

import json

from kbridge.saving.errors import CorruptFileError, UnsafeFileError

LARGEST = 64 << 20  # bytes
DEEPEST = 150
LONGEST_NUMBER = 40  # characters


def parse_json(data, file, place):
    """The data that ``data`` (bytes) is the JSON of: no duplicate keys, no huge numbers, not too deep."""
    if len(data) > LARGEST:
        raise UnsafeFileError(file, place, f"it has {len(data):,} bytes, where at most {LARGEST:,} are read.")

    def integer(text):
        if len(text) > LONGEST_NUMBER:
            raise UnsafeFileError(file, place, f"it holds a number of {len(text):,} digits.")
        return int(text)

    def once(pairs):
        found = dict(pairs)
        if len(found) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
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
