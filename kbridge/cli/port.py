"""``kbridge port``: an old program in today's words."""

import difflib
import io
import os
import sys
import tokenize


def configure(parser):
    parser.add_argument("scripts", nargs="+", metavar="SCRIPT", help="the files to port")
    parser.add_argument("--write", action="store_true", help="change the files, rather than show a diff")
    parser.add_argument(
        "--keras", choices=("1", "2", "auto"), default="auto", help="the generation they are written for (auto: tell)"
    )


def run(arguments):
    from kbridge.compat import port, python2

    for path in arguments.scripts:
        source = python2.of_file(path)
        if source.tree is None:
            raise ValueError(f"{path} is no program of Python: {_why(source)}")
        found = port.port(source, None if arguments.keras == "auto" else int(arguments.keras))
        if found.after == source.text:
            print(f"{path}: nothing to change (Keras {found.generation}).", file=sys.stderr)
        elif arguments.write:
            _write(path, found.after, source.data)
            print(f"{path}: written in today's words (it was Keras {found.generation}).", file=sys.stderr)
        else:
            lines = [text.splitlines(keepends=True) for text in (source.text, found.after)]
            sys.stdout.writelines(difflib.unified_diff(*lines, path, f"{path} (today)"))
        for line, why in found.left:
            print(f"{path}:{line}: left as it is: {why}", file=sys.stderr)
    return 0


def _why(source):
    try:
        source.compiled()
    except (SyntaxError, ImportError) as error:
        return error


def _write(path, text, before):
    """Replace the file in one step, in its own encoding and with its own line ends."""
    if b"\r\n" in before:
        text = text.replace("\n", "\r\n")
    try:
        encoding = tokenize.detect_encoding(io.BytesIO(before).readline)[0]
        text.encode(encoding)
    except (SyntaxError, UnicodeEncodeError):  # it was not in the encoding that it says
        encoding = "utf-8"
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "w", encoding=encoding, newline="") as file:
            file.write(text)
        os.chmod(temporary, os.stat(path).st_mode)
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)
