"""Coverage-guided fuzzing of the parse stage, with atheris; not part of the tests that run by themselves.

python tests/fuzz/parse.py CORPUS_FOLDER -max_total_time=600

The first byte of an input says what the others are read as. Whatever is neither plain data nor one of the two
exceptions ends the run, and the input is left in a file. Sound files are put into the folder to begin with.
"""

import inspect
import io
import os
import sys

import atheris

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.dirname(os.path.dirname(HERE))]

from kbridge import saving  # noqa: E402
from kbridge.saving import (  # noqa: E402  # noqa: E402
    check,
    hdf5_format,
    npz,
    old_configs,
    old_hdf5,
    parse_hdf5,
    parse_json,
    parse_zip,
    protobuf,
    safetensors,
    snappy,
    yaml,
)

WATCHED = (check, hdf5_format, npz, old_configs, parse_hdf5, parse_json, parse_zip, protobuf, safetensors, snappy, yaml)
LARGEST = 1 << 24  # bytes that the arrays of a file may have here


def _json(data):
    found = parse_json.parse_json(data, "file", "")
    if isinstance(found, dict):
        check.check_config(found, "file", "")


def _old_json(data):
    found = parse_json.parse_json(data, "file", "")
    if isinstance(found, dict) and isinstance(found.get("class_name"), str):
        check.check_config(old_hdf5.translated(found, 2, "file", ""), "file", "")


def _yaml(data):
    yaml.load(data.decode("utf-8", "replace"), "file")


def _zip(data):
    archive = parse_zip.Archive(io.BytesIO(data), "file")
    for name in archive.members:
        archive.read(name, LARGEST)


def _npz(data):
    _read_all(npz.Npz(parse_zip.Archive(io.BytesIO(data), "file")))


def _safetensors(data):
    _read_all(safetensors.SafeTensors(io.BytesIO(data), "file"))


def _hdf5(data):
    with parse_hdf5.Hdf5(io.BytesIO(data), "file") as source:
        for group in source.groups:
            source.attributes(group)
        _read_all(source)


def _read_all(source):
    for path, entry in source.entries.items():
        if entry.nbytes <= LARGEST:
            source.read(path)


def _protobuf(data):
    fields = protobuf.Fields("file", "")
    for part in fields.messages(data, 1):
        for _, value in fields.of(part):
            if isinstance(value, bytes):
                fields.text(value)


def _snappy(data):
    try:
        snappy.unpacked(data, LARGEST)
    except snappy.SnappyError:
        pass  # as it should be


PARTS = (_json, _old_json, _yaml, _zip, _npz, _safetensors, _hdf5, _protobuf, _snappy)


def one(data):
    if data:
        try:
            PARTS[data[0] % len(PARTS)](data[1:])
        except (saving.UnsafeFileError, saving.CorruptFileError):
            pass  # as it should be


def _begin(folder):
    """Put sound files into the folder."""
    from hostile import good

    os.makedirs(folder, exist_ok=True)
    texts = {0: good.parts()["config.json"], 1: good.old_text().encode(), 2: good.yaml_text().encode()}
    files = {3: good.file(".keras"), 4: good.file(".npz"), 5: good.file(".safetensors"), 6: good.file(".weights.h5")}
    for number, data in {**texts, **files}.items():
        with open(os.path.join(folder, f"sound{number}"), "wb") as file:
            file.write(bytes([number]) + data)


def _watch():
    """Let atheris see which ways the parsers go."""
    for module in WATCHED:
        for found in vars(module).values():
            for function in vars(found).values() if inspect.isclass(found) else [found]:
                if inspect.isfunction(function) and function.__module__ == module.__name__:
                    atheris.instrument_func(function)


if __name__ == "__main__":
    _watch()
    _begin(next(argument for argument in sys.argv[1:] if not argument.startswith("-")))
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
