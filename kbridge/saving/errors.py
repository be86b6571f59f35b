"""The two ways in which a file can be refused."""


class FileRefusedError(ValueError):
    """A file is refused: ``file``, the ``place`` in it, and ``why``."""

    def __init__(self, file, place, why):
        self.file, self.place, self.why = str(file), shown(place, 500), shown(why, 4000)
        super().__init__(f"{self.file}: {self.place + ': ' if place else ''}{self.why}")

    def __reduce__(self):
        return type(self), (self.file, self.place, self.why)


def shown(text, longest):
    """A text with pieces of a file in it, cut, and such that any terminal can show it."""
    text = text if len(text) <= longest else f"{text[:longest]}..."
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


class UnsafeFileError(FileRefusedError):
    """The file asks for something that no file may: to run code, to reach outside itself, to take what it likes."""


class CorruptFileError(FileRefusedError):
    """The file is damaged, or does not hold what it should."""
