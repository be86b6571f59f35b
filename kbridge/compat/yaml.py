"""YAML, as far as configs of models go: what is written here, and what Keras 1 and 2 wrote with PyYAML.

Read are block and flow collections, plain and quoted scalars, anchors and aliases, and tuples. Nothing is ever made
but plain data.
"""

import json
import math
import re


class YamlError(ValueError):
    """Text that is not YAML of the kind that is understood here."""


# -- writing


def dump(value, **kwargs):
    """``value`` (dicts, lists, tuples, numbers, texts, flags, None) as YAML. ``kwargs`` say how PyYAML would print."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value):
    if isinstance(value, dict) and value:
        lines = []
        for key, item in value.items():
            lines += _entry(f"{_scalar(key)}:", item, "  ")
        return lines
    if isinstance(value, (list, tuple)) and value:
        return [line for item in value for line in _entry("-", item, "  ")]
    return [_scalar(value)]


def _entry(head, item, indent):
    inner = _lines(item)
    if not isinstance(item, (dict, list, tuple)) or not item:
        return [f"{head} {inner[0]}"]
    if head == "-":
        return [f"- {inner[0]}", *(indent + line for line in inner[1:])]
    return [head, *(indent + line for line in inner)]


def _scalar(value):
    if isinstance(value, str):
        plain = re.fullmatch(r"[A-Za-z_][\w./-]*", value) and _read_plain(value) == value
        return value if plain else json.dumps(value)
    if isinstance(value, float):
        return ".nan" if math.isnan(value) else (".inf" if value > 0 else "-.inf") if math.isinf(value) else repr(value)
    if value is None or isinstance(value, (bool, int)):
        return json.dumps(value)
    if isinstance(value, (dict, list, tuple)):
        return "{}" if isinstance(value, dict) else "[]"
    return _scalar(value.item() if hasattr(value, "item") else str(value))


# -- reading

_ANCHOR = re.compile(r"&(\S+)(?:\s+|$)")
_TAG = re.compile(r"!(\S*)(?:\s+|$)")
_KEY = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s#\[\]{},"'&*!-][^#]*?|-[^\s#][^#]*?)\s*:(?:\s+|$)""")


def load(text):
    """The data in ``text``."""
    if not isinstance(text, str):
        text = text.read()
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if bare and not bare.startswith("#") and bare not in ("---", "...") and not bare.startswith("%"):
            if "\t" in line[: len(line) - len(line.lstrip())]:
                raise YamlError(f"line {number}: YAML is indented by spaces, not by tabs.")
            lines.append((len(line) - len(line.lstrip(" ")), bare, number))
    if not lines:
        return None
    reader = _Reader(lines)
    found = reader.node(-1)
    if reader.place < len(lines):
        raise reader.error("this does not belong to what is above it")
    return found


class _Reader:
    def __init__(self, lines):
        self.lines, self.place, self.anchors = lines, 0, {}

    def error(self, what):
        number = self.lines[min(self.place, len(self.lines) - 1)][2]
        return YamlError(f"line {number}: {what}.")

    def node(self, parent, same=False):
        """The node that begins at this line, indented by more than ``parent`` (or as much, with ``same``)."""
        if self.place >= len(self.lines):
            return None
        indent, text, _ = self.lines[self.place]
        if indent < parent or (indent == parent and not (same and _is_item(text))):
            return None
        anchor, tag, rest = _properties(text)
        if not rest:
            self.place += 1
            return self.kept(anchor, tag, self.node(parent, same))
        if _is_item(rest) and rest is text:
            return self.sequence(indent)
        if _KEY.match(rest) and rest[0] not in "[{":
            if rest is not text:
                self.lines[self.place] = (indent + len(text) - len(rest), rest, self.lines[self.place][2])
                indent = self.lines[self.place][0]
            return self.kept(anchor, tag, self.mapping(indent))
        self.place += 1
        return self.kept(anchor, tag, self.inline(rest, parent))

    def kept(self, anchor, tag, value):
        if tag and tag.endswith("python/tuple"):
            value = tuple(value or ())
        elif tag and tag.endswith("python/unicode") or tag in ("!str",):
            value = str(value)
        elif tag and "python/object" in tag:
            raise self.error(f"objects of Python ({tag}) are not read")
        if anchor:
            self.anchors[anchor] = value
        return value

    def sequence(self, indent):
        found = []
        while self.place < len(self.lines):
            here, text, number = self.lines[self.place]
            if here != indent or not _is_item(text):
                if here > indent:
                    raise self.error("this is indented too far")
                break
            rest = text[1:].lstrip()
            if not rest:
                self.place += 1
                found.append(self.node(indent))
            else:
                self.lines[self.place] = (indent + len(text) - len(rest), rest, number)
                found.append(self.node(indent))
        return found

    def mapping(self, indent):
        found = {}
        while self.place < len(self.lines):
            here, text, _ = self.lines[self.place]
            if here != indent:
                if here > indent:
                    raise self.error("this is indented too far")
                break
            match = _KEY.match(text)
            if match is None:
                break
            key, rest = _read_scalar(match.group(1)), text[match.end() :].strip()
            if rest[:1] == "#":
                rest = ""
            anchor, tag, rest = _properties(rest)
            self.place += 1
            value = self.inline(rest, indent) if rest else self.node(indent, same=True)
            found[key] = self.kept(anchor, tag, value)
        return found

    def inline(self, text, parent):
        """A scalar, an alias or a flow collection, that may go on in the lines below."""
        if text[0] in "[{" or text[0] in "\"'":
            while not _is_closed(text):
                if self.place >= len(self.lines):
                    raise self.error(f"{text[:40]!r} is never closed")
                text += " " + self.lines[self.place][1]
                self.place += 1
        else:
            while self.place < len(self.lines) and self.lines[self.place][0] > max(parent, 0):
                text += " " + self.lines[self.place][1]
                self.place += 1
        flow = _Flow(text, self)
        value = flow.value("")
        if flow.rest().strip() and flow.rest().strip()[0] != "#":
            raise self.error(f"{flow.rest()[:40]!r} was not expected")
        return value


class _Flow:
    """Values in one line: ``{a: [1, 2.0], b: 'x'}``."""

    def __init__(self, text, reader):
        self.text, self.place, self.reader = text, 0, reader

    def rest(self):
        return self.text[self.place :]

    def skip(self):
        while self.place < len(self.text) and self.text[self.place] == " ":
            self.place += 1

    def value(self, ends):
        self.skip()
        anchor, tag, rest = _properties(self.rest())
        self.place = len(self.text) - len(rest)
        first = rest[:1]
        if first == "[":
            found = self.items("]")
        elif first == "{":
            found = dict(self.items("}"))
        elif first == "*":
            name = re.match(r"\*([^\s,\]}]+)", rest)
            self.place += name.end()
            if name.group(1) not in self.reader.anchors:
                raise self.reader.error(f"nothing is called {name.group(0)!r}")
            found = self.reader.anchors[name.group(1)]
        elif first and first in "\"'":
            quoted = re.match(r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'""", rest)
            if quoted is None:
                raise self.reader.error("a quote is never closed")
            self.place += quoted.end()
            found = _read_scalar(quoted.group())
        else:
            pattern = r"(?:(?!: |\s#)[^,\[\]{}])*" if ends else r".*?(?=\s#|$)"
            plain = re.match(pattern, rest)
            self.place += plain.end()
            found = _read_plain(plain.group().rstrip(": ").strip() if ends else plain.group().strip())
        return self.reader.kept(anchor, tag, found)

    def items(self, end):
        self.place += 1
        found = []
        while True:
            self.skip()
            if self.rest()[:1] == end:
                self.place += 1
                return found
            if not self.rest():
                raise self.reader.error(f"{end!r} is missing")
            item = self.value(",]}")
            self.skip()
            if end == "}":
                if self.rest()[:1] == ":":
                    self.place += 1
                    item = item, self.value(",]}")
                    self.skip()
                else:
                    item = item, None
            found.append(item)
            if self.rest()[:1] == ",":
                self.place += 1


def _is_item(text):
    return text == "-" or text.startswith("- ")


def _properties(text):
    """(anchor, tag, what comes behind them)."""
    anchor = tag = None
    while text[:1] in ("&", "!") and text:
        match = _ANCHOR.match(text) or _TAG.match(text)
        if match.re is _ANCHOR:
            anchor = match.group(1)
        else:
            tag = match.group(1) or "!"
        text = text[match.end() :]
    return anchor, tag, text


def _is_closed(text):
    depth, quote, i = 0, "", 0
    while i < len(text):
        c = text[i]
        if quote:
            if c == "\\" and quote == '"':
                i += 1
            elif c == quote:
                quote = ""
        elif c in "\"'" and (i == 0 or text[i - 1] in " [{,:"):
            quote = c
        elif c in "[{":
            depth += 1
        elif c in "]}":
            depth -= 1
        i += 1
    return not quote and depth <= 0


def _read_scalar(text):
    if text[:1] == '"':
        return json.loads(re.sub(r"\\([^\"\\/bfnrtu])", r"\1", text))
    if text[:1] == "'":
        return text[1:-1].replace("''", "'")
    return _read_plain(text)


_PLAIN = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_INT = re.compile(r"[-+]?(0|[1-9]\d*)")
_FLOAT = re.compile(r"[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?")


def _read_plain(text):
    if text in _PLAIN:
        return _PLAIN[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    special = text.lower().lstrip("+-")
    if special in (".inf", ".nan"):
        return math.nan if special == ".nan" else -math.inf if text[0] == "-" else math.inf
    return text
