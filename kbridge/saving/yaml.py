"""The part of YAML that configs of Keras 1 and 2 are written in: data alone, bounded, without any object.

Mappings, lists, quoted and plain texts, numbers, anchors. Tags are read where they say no more than what a value is
(``!!python/tuple``, ``!!str``); any other is refused, so nothing is ever made or called.
"""

import json
import re

from kbridge.saving.errors import CorruptFileError, UnsafeFileError
from kbridge.saving.parse_json import DEEPEST, LARGEST, LONGEST_NUMBER

MOST_VALUES = 1_000_000  # those that stand again for an anchor included

_KEY = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s\[\]{},#&*!|>%@`"'?-][^#]*?|-?[^\s\[\]{},'"]+?)\s*:(?:\s+|$)"""
)
_LONGEST_KEY = 1000  # characters
_MOST_WORK = 1 << 28  # characters looked at, in values that take several lines
_PROPERTY = re.compile(r"(&|!)([^\s\[\]{},]*)\s*")
_ALIAS = re.compile(r"\*([\w-]+)\s*")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
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
        self.count = self.work = 0

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

    def _looked_at(self, text):
        self.work += len(text)
        if self.work > _MOST_WORK:
            raise self._unsafe("its values go on over too many lines.")
        return text

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
            key = self._key(match[1])
            if key in found:
                raise self._unsafe(f"the key {key[:60]!r} stands twice in one mapping.")
            found[key] = self._value(line[match.end() :], indent, depth, indent + 1, in_mapping=True)
        return found

    def _key(self, text):
        return self._quoted_text(text) if text[0] in "'\"" else text.strip()

    def _value(self, text, indent, depth, least, in_mapping=False):
        """The value that ``text``, the rest of the line, begins."""
        anchor = None
        while match := _PROPERTY.match(text):
            if match[1] == "&":
                anchor = match[2]
            elif match[2] not in _TAGS:
                raise self._unsafe(f"the tag !{match[2][:60]} asks for an object, and none is made.")
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
            found = self._counted(self._quoted(text))
        elif text[0] in "|>?@`%":
            raise self._corrupt(f"{text[:20]!r} is not understood.")
        else:
            found = self._counted(self._plain(text, least))
        if anchor is not None:
            self.anchors[anchor] = found, self.count - before
        return found

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

    def _quoted(self, text):
        """A quoted text that may go on in the next lines; what follows it on its line is nothing."""
        pattern = r'"(?:[^"\\]|\\.)*"' if text[0] == '"' else r"'(?:[^']|'')*'(?!')"
        while not (match := re.match(pattern, self._looked_at(text), re.DOTALL)):
            self.at += 1
            if self.at >= len(self.lines):
                raise self._corrupt("a quotation has no end.")
            more = self.lines[self.at].strip()
            text = text[:-1] + more.removeprefix("\\") if text.endswith("\\") else f"{text} {more}"
        if text[match.end() :].split(" #")[0].strip():
            raise self._corrupt(f"{text[match.end() :][:40]!r} follows a quotation.")
        self.at += 1
        return self._quoted_text(match[0])

    def _quoted_text(self, text):
        if text[0] == "'":
            return text[1:-1].replace("''", "'")
        text = re.sub(r"\\x([0-9a-fA-F]{2})", r"\\u00\1", text.replace("\\ ", " ").replace("\\0", "\\u0000"))
        try:
            return json.loads(text, strict=False)
        except ValueError:
            raise self._corrupt(f"{text[:40]!r} is not understood.") from None

    # -- lists and mappings in brackets, over as many lines as they take

    def _flow(self, text, depth):
        parts, tokens = [], None
        while True:
            parts.append(text)
            tokens, closed = None, False
            if "]" in text or "}" in text:
                tokens, closed = _tokens(self._looked_at(" ".join(parts)))
            self.at += 1
            if closed:
                break
            if self.at >= len(self.lines):
                raise self._corrupt("a bracket is not closed.")
            text = self.lines[self.at].strip()
        self._tokens, self._next = tokens, 0
        found = self._item(depth)
        if self._next != len(tokens):
            raise self._corrupt("something follows a closing bracket.")
        return found

    def _item(self, depth):
        if depth > DEEPEST:
            raise self._unsafe(f"it is nested more than {DEEPEST} deep.")
        token = self._take()
        anchor = None
        while token[0] in "&!":
            if token[0] == "&":
                anchor = token[1:]
            elif token[1:] not in _TAGS:
                raise self._unsafe(f"the tag {token[:60]} asks for an object, and none is made.")
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


_TOKEN = re.compile(
    r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[\[\]{},]|:(?=\s|[\[\]{},]|$)|[&*!][^\s\[\]{},]*|(?:[^\s\[\]{},:]|:(?=\S))"""
    r"""(?:[^\[\]{},:\n]|:(?=[^\s\[\]{},]))*)"""
)


def _tokens(text):
    """(the words of a flow value, whether all its brackets are closed at the end)."""
    found, place, depth = [], 0, 0
    text = text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            return found, False
        token = match[1].strip()
        if token in ("[", "{"):
            depth += 1
        elif token in ("]", "}"):
            depth -= 1
        found.append(token)
        place = match.end()
        if depth == 0:
            rest = text[place:].strip()
            return found, not rest or rest.startswith("#")
    return found, False


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
