"""``kbridge run``: a program for any generation of Keras, as it was written."""

import argparse
import os
import sys
import zipfile

USAGE = "kbridge run [--keras 1|2|3|auto] [--backend NAME] (SCRIPT | -m MODULE | -c CODE | -) [ARGS]"


def parser():
    """The options before SCRIPT; what comes after it is the program's."""
    made = argparse.ArgumentParser(
        prog="kbridge run",
        usage=USAGE,
        description="Run a Python program in which `import keras` means kbridge. Programs for Keras 1, 2 and 3 run as "
        "they are. All that comes after SCRIPT, MODULE or CODE is the program's.",
        epilog="SCRIPT is a file, a folder or zip file with a __main__.py, or - for standard input.",
        allow_abbrev=False,
    )
    made.add_argument(
        "--keras",
        choices=("1", "2", "3", "auto"),
        default="auto",
        help="the generation of Keras that the program is written for (auto: read it and tell)",
    )
    made.add_argument("--backend", metavar="NAME", help="the engine, here and in the processes that the program starts")
    made.add_argument("-q", "--quiet", action="store_true", help="do not say which generation was taken")
    return made


def split(argv):
    """kbridge's own options; "-m", "-c" or "" for a script; MODULE, CODE or SCRIPT; and what is the program's."""
    at = 0
    while at < len(argv):
        word = argv[at]
        if word[:2] in ("-m", "-c"):
            rest = [word[2:], *argv[at + 1 :]] if word[2:] else argv[at + 1 :]
            return argv[:at], word[:2], *(rest[:1] or [None]), rest[1:]
        if word == "--":
            argv = [*argv[:at], *argv[at + 1 :]]
            break
        if word == "-" or not word.startswith("-"):
            break
        at += 2 if word in ("--keras", "--backend") else 1
    return argv[:at], "", *(argv[at : at + 1] or [None]), argv[at + 1 :]


def main(argv):
    """Run the command; returns the exit status of the program."""
    own, kind, program, arguments = split(argv)
    made = parser()
    options = made.parse_args(own)
    if program is None:
        made.error("what is there to run? Write: kbridge run SCRIPT")
    if options.backend is not None:
        os.environ["KBRIDGE_BACKEND"] = os.environ["KERAS_BACKEND"] = _known(options.backend, made)
    from kbridge.compat import aged, alias, detect, python2, script

    try:
        source = _source(kind, program)
    except OSError as error:
        print(f"kbridge run: can't open file {program!r}: {error.strerror}", file=sys.stderr)
        return 2
    if options.keras != "auto":
        generation = int(options.keras)
    else:
        found = detect.of_source(source)
        generation = found.generation
        if not options.quiet:
            print(f"kbridge: {found}", file=sys.stderr, flush=True)
    alias.install(generation)
    if generation < 3:
        aged.restore()
    python2.read_old_modules(source, os.getcwd() if kind == "-m" else None)
    if kind == "-m":
        return script.run_module(program, arguments)
    if not kind and _is_archive(program):
        return script.run_folder(program, arguments)
    return script.run(source, "-c" if kind else program, arguments, quiet=options.quiet)


def _known(name, made):
    from kbridge.backend import registry

    found = registry.canonical(name)
    if found not in registry.names() and found not in registry.RETIRED:
        made.error(f"unknown backend {name!r}. Known: {', '.join(registry.names())}.")
    return found


def _source(kind, program):
    """The text of the program; None for what has to be found first."""
    from kbridge.compat import detect, python2

    if kind == "-c":
        return python2.Source("<string>", program.encode())
    if kind == "-m":
        return detect.of_module(program)
    if program == "-":
        return python2.Source("<stdin>", sys.stdin.buffer.read())
    if not _is_archive(program):
        return python2.of_file(program)
    inside = os.path.join(program, "__main__.py")
    return python2.of_file(inside) if os.path.isfile(inside) else None


def _is_archive(program):
    return os.path.isdir(program) or zipfile.is_zipfile(program)
