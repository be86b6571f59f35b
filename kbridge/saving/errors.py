"""The two ways in which a file can be refused."""


class FileRefusedError(ValueError):
    """A file is refused: ``file``, the ``place`` in it, and ``why``."""

    def __init__(self, file, place, why):
        self.file, self.place, self.why = str(file), place, why
        super().__init__(f"{self.file}: {place + ': ' if place else ''}{why}")

    def __reduce__(self):
        return type(self), (self.file, self.place, self.why)


class UnsafeFileError(FileRefusedError):
    """The file asks for something that no file may: to run code, to reach outside itself, to take what it likes."""


class CorruptFileError(FileRefusedError):
    """The file is damaged, or does not hold what it should."""
