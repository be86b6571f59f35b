"""The part of YAML that configs of Keras 1 and 2 are written in: data alone, bounded, without any object.

Mappings, lists, quoted and plain texts, numbers, anchors. Tags are read where they say no more than what a value is
(``!!python/tuple``, ``!!str``); any other is refused, so nothing is ever made or called.
"""

import json
import re

from kbridge.saving.errors import CorruptFileError, UnsafeFileError
from kbridge.saving.parse_json import DEEPEST, LONGEST_NUMBER

LARGEST = 4 << 20  # characters
MOST_VALUES = 200_000  # those that stand again for an anchor included

_KEY = re.compile(
    r"""(?:("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')\s*|([^\s\[\]{},#&*!|>%@`"'?-][^#]*?|-?[^\s\[\]{},'"]+?)):(?:\s+|$)"""
)
_LONGEST_KEY = 1000  # characters
_MOST_WORDS = 2 * MOST_VALUES  # of one value, signs included
_DASHES = re.compile(rf"(?:- +){{{DEEPEST}}}")
_PROPERTY = re.compile(r"(&|!)([^\s\[\]{},]*)\s*")
_ALIAS = re.compile(r"\*([\w-]+)\s*")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "on", "On"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "off", "Off"), False),
    **{".inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan")},
}
_TAGS = ("!python/tuple", "!python/unicode", "!python/str", "!str", "!int", "!float", "!bool", "!null", "!seq", "!map")


def load(text, name="<yaml>", place=""):
    """The data that ``text`` is the YAML of; ``name`` and ``place`` are for errors."""
    if len(text) > LARGEST:
        raise UnsafeFileError(name, place, f"it has {len(text):,} characters, where at most {LARGEST:,} are read.")
    return _Reader(text, name, place).document()


class _Reader:
    def __init__(self, text, name, place):
        self.name, self.place = name, place
        lines = [line.rstrip() for line in text.splitlines()]
        self.lines = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
        if self.lines and self.lines[0].startswith("---"):
            self.lines[0] = self.lines[0][3:].lstrip()
            self.lines = self.lines if self.lines[0] else self.lines[1:]
        self.at = 0
        self.anchors = {}
        self.count = 0

    def _corrupt(self, why):
        return CorruptFileError(self.name, self.place, f"it is no YAML that is read here: {why}")

    def _unsafe(self, why):
        return UnsafeFileError(self.name, self.place, why)

    def document(self):
        found = self._block(0, 0)
        if self.at < len(self.lines) and self.lines[self.at] != "...":
            raise self._corrupt(f"{self.lines[self.at][:60]!r} belongs to nothing.")
        return found

    def _counted(self, value, size=1):
        self.count += size
        if self.count > MOST_VALUES:
            raise self._unsafe(f"it holds more than {MOST_VALUES:,} values.")
        return value

    def _indent(self):
        line = self.lines[self.at]
        return len(line) - len(line.lstrip(" "))

    # -- blocks

    def _block(self, least, depth):
        """The value that begins at the next line, if that is indented by at least ``least``."""
        if self.at >= len(self.lines) or self._indent() < least:
            return self._counted(None)
        if depth > DEEPEST:
            raise self._unsafe(f"it is nested more than {DEEPEST} deep.")
        indent = self._indent()
        line = self.lines[self.at][indent:]
        if line == "-" or line.startswith("- "):
            return self._sequence(indent, depth)
        if line[0] not in "[{&!*" and _KEY.match(line[:_LONGEST_KEY]):
            return self._mapping(indent, depth)
        return self._value(line, indent, depth, least)

    def _here(self, indent):
        return self.at < len(self.lines) and self._indent() == indent

    def _sequence(self, indent, depth):
        found = self._counted([])
        if _DASHES.match(self.lines[self.at], indent):
            raise self._unsafe(f"it is nested more than {DEEPEST} deep.")
        while self._here(indent) and (self.lines[self.at][indent:] + " ").startswith("- "):
            rest = self.lines[self.at][indent + 1 :]
            inner = len(rest) - len(rest.lstrip()) + 1
            if rest.strip():
                self.lines[self.at] = " " * (indent + inner) + rest.lstrip()
            else:
                self.at += 1
            found.append(self._block(indent + 1, depth + 1))
        return found

    def _mapping(self, indent, depth):
        found = self._counted({})
        while self._here(indent):
            line = self.lines[self.at][indent:]
            match = _KEY.match(line[:_LONGEST_KEY])
            if match is None or line.startswith("- "):
                break
            key = self._quoted_text(match[1]) if match[1] else match[2].strip()
            if key in found:
                raise self._unsafe(f"the key {key[:60]!r} stands twice in one mapping.")
            found[key] = self._value(line[match.end() :], indent, depth, indent + 1, in_mapping=True)
        return found

    def _key(self, text):
        return self._quoted_text(text) if text[0] in "'\"" else text.strip()

    def _value(self, text, indent, depth, least, in_mapping=False):
        """The value that ``text``, the rest of the line, begins."""
        anchor = None
        for _ in "&!":  # one of each at most
            if match := _PROPERTY.match(text):
                anchor = self._property(match[1], match[2]) or anchor
                text = text[match.end() :]
        before = self.count
        if not text or text.startswith("#"):
            self.at += 1
            on_same = in_mapping and self._here(indent) and (self.lines[self.at][indent:] + " ").startswith("- ")
            found = self._block(indent if on_same else least, depth + 1)
        elif match := _ALIAS.match(text):
            self.at += 1
            found = self._again(match[1])
        elif text[0] in "[{":
            found = self._flow(text, depth)
        elif text[0] in "'\"":
            found = self._counted(self._quoted_text(self._words_of(text)[0]))
        elif text[0] in "|>?@`%&!":
            raise self._corrupt(f"{text[:20]!r} is not understood.")
        else:
            found = self._counted(self._plain(text, least))
        if anchor is not None:
            self.anchors[anchor] = found, self.count - before
        return found

    def _property(self, sign, name):
        """The name of an anchor; of a tag, nothing."""
        if sign == "&":
            return name
        if name not in _TAGS:
            raise self._unsafe(f"the tag !{name[:60]} asks for an object, and none is made.")
        return None

    def _again(self, name):
        if name not in self.anchors:
            raise self._corrupt(f"nothing is called &{name[:60]}.")
        value, size = self.anchors[name]
        return self._counted(value, max(1, size))

    def _plain(self, text, least):
        parts = [text]
        self.at += 1
        while self.at < len(self.lines) and self._indent() >= least:
            parts.append(self.lines[self.at].strip())
            self.at += 1
        return self._scalar(" ".join(part.split(" #")[0].rstrip() for part in parts))

    def _scalar(self, text):
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.match(text):
            if len(text) > LONGEST_NUMBER:
                raise self._unsafe(f"it holds a number of {len(text):,} digits.")
            return int(text.replace("_", ""))
        return float(text.replace("_", "")) if _FLOAT.match(text) else text

    def _words_of(self, text):
        """The words of what begins with a quotation mark or a bracket, over as many lines as it takes."""
        words = _Words()
        while not words.take(text):
            if len(words.found) > _MOST_WORDS:
                raise self._unsafe(f"it holds more than {MOST_VALUES:,} values.")
            self.at += 1
            if self.at >= len(self.lines):
                raise self._corrupt("a quotation has no end, or a bracket is not closed.")
            text = self.lines[self.at].strip()
        if words.rest and not words.rest.startswith("#"):
            raise self._corrupt(f"{words.rest[:40]!r} follows a quotation or a closing bracket.")
        self.at += 1
        return words.found

    def _quoted_text(self, text):
        if text[0] == "'":
            return text[1:-1].replace("''", "'")
        try:
            return json.loads(_ESCAPE.sub(_in_json, text), strict=False)
        except ValueError:
            raise self._corrupt(f"{text[:40]!r} is not understood.") from None

    # -- lists and mappings in brackets, over as many lines as they take

    def _flow(self, text, depth):
        self._tokens, self._next = self._words_of(text), 0
        found = self._item(depth)
        if self._next != len(self._tokens):
            raise self._corrupt("something follows a closing bracket.")
        return found

    def _item(self, depth):
        if depth > DEEPEST:
            raise self._unsafe(f"it is nested more than {DEEPEST} deep.")
        token = self._take()
        anchor = None
        while token[0] in "&!":
            anchor = self._property(token[0], token[1:]) or anchor
            token = self._take()
        before = self.count
        if token == "[":
            found = self._counted([])
            while self._peek() != "]":
                found.append(self._item(depth + 1))
                self._comma("]")
            self._take()
        elif token == "{":
            found = self._counted({})
            while self._peek() != "}":
                key = self._key(self._take())
                value = None
                if self._peek() == ":":
                    self._take()
                    value = self._item(depth + 1) if self._peek() not in (",", "}") else None
                if key in found:
                    raise self._unsafe(f"the key {key[:60]!r} stands twice in one mapping.")
                found[key] = value
                self._comma("}")
            self._take()
        elif token[0] == "*":
            found = self._again(token[1:])
        elif token[0] in "'\"":
            found = self._counted(self._quoted_text(token))
        elif token in "]},:":
            raise self._corrupt(f"{token!r} stands where a value should.")
        else:
            found = self._counted(self._scalar(token))
        if anchor is not None:
            self.anchors[anchor] = found, self.count - before
        return found

    def _peek(self):
        if self._next >= len(self._tokens):
            raise self._corrupt("a bracket is not closed.")
        return self._tokens[self._next]

    def _take(self):
        token = self._peek()
        self._next += 1
        return token

    def _comma(self, end):
        if self._peek() == ",":
            self._take()
        elif self._peek() != end:
            raise self._corrupt(f"a comma is missing before {self._peek()[:40]!r}.")


def _in_json(escape):
    """An escape as JSON writes it."""
    return f"\\u00{escape[1]}" if escape[1] else {" ": " ", "0": "\\u0000"}.get(escape[2], escape[0])


_SIGN = re.compile(r"[\[\]{},]|:(?=\s|[\[\]{},]|$)|[&*!][^\s\[\]{},]*")
_MORE = {  # what goes on with a word that begins with a quotation mark, or with none
    '"': re.compile(r'(?:[^"\\]|\\.)*'),
    "'": re.compile(r"(?:[^']|'')*"),
    "": re.compile(r"(?:[^\[\]{},:\n]|:(?=[^\s\[\]{},]))*"),
}


class _Words:
    """``found``: the words of a value in brackets or quotation marks. ``rest``: what follows it on its last line."""

    def __init__(self):
        self.found, self.rest = [], ""
        self._depth = 0
        self._begun, self._parts = None, []  # the mark that a word began with which may go on, and its parts

    def take(self, line):
        """Take in one more line; whether the value ends in it."""
        place = 0
        while place < len(line) and len(self.found) <= _MOST_WORDS:
            if self._begun is not None:
                place = self._go_on(line, place)
            elif line[place].isspace():
                place += 1
            elif match := _SIGN.match(line, place):
                self.found.append(match[0])
                self._depth += (match[0] in ("[", "{")) - (match[0] in ("]", "}"))
                place = match.end()
            else:
                self._begun = line[place] if line[place] in "\"'" else ""
                place += len(self._begun)
                continue
            if self._begun is None and self._depth == 0:
                self.rest = line[place:].strip()
                return True
        return False

    def _go_on(self, line, place):
        mark = self._begun
        part = _MORE[mark].match(line, place)
        place = part.end()
        self._parts.append(part[0])
        if place == len(line):
            self._parts.append(" ")  # for the end of the line
        elif mark == '"' and line[place] == "\\":  # which it takes away
            place += 1
        else:
            word = "".join(self._parts)
            self.found.append(f"{mark}{word}{mark}" if mark else word.strip())
            self._begun, self._parts = None, []
            place += len(mark)
        return place


def dump(value):
    """``value``, plain data, as YAML."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value):
    if isinstance(value, dict) and value:
        for key in value:
            yield from _under(f"{_word(key)}:", value[key])
    elif isinstance(value, (list, tuple)) and any(isinstance(item, (dict, list, tuple)) and item for item in value):
        for item in value:
            first = "- "
            for line in _lines(item):
                yield first + line
                first = "  "
    else:
        yield _flat(value)


def _under(head, value):
    inner = list(_lines(value))
    if isinstance(value, dict) and value:
        yield head
        yield from (f"  {line}" for line in inner)
    elif len(inner) > 1 or inner[0].startswith("- "):
        yield head
        yield from inner
    else:
        yield f"{head} {inner[0]}"


def _flat(value):
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_flat(item) for item in value)}]"
    if isinstance(value, dict):
        return "{}"
    return _word(value) if isinstance(value, str) else _number(value)


def _number(value):
    if isinstance(value, float):
        text = repr(value)
        if "e" in text and "." not in text:  # a number only with a point
            text = text.replace("e", ".0e")
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(text, text)
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _word(text):
    plain = re.match(r"[A-Za-z_][\w./-]*\Z", text) and text not in _WORDS
    return text if plain else json.dumps(text)
