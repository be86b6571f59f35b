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
from kbridge.saving import (  # noqa: E402
    check,
    hdf5_chunks,
    hdf5_format,
    npz,
    of_tensorflow,
    old_configs,
    old_hdf5,
    parse_hdf5,
    parse_json,
    parse_zip,
    protobuf,
    report,
    safetensors,
    saved_model,
    shards,
    snappy,
    tables,
    tensor_bundle,
    yaml,
)

WATCHED = (check, hdf5_format, npz, old_configs, old_hdf5, parse_hdf5, parse_json, parse_zip, protobuf, report)
WATCHED += (safetensors, saved_model, shards, snappy, tensor_bundle, yaml, hdf5_chunks, of_tensorflow, tables)
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
        if old_hdf5.is_old(source):
            _old(old_hdf5.OldFile(source))
        _read_all(source)


def _old(old):
    old.json("training_config")
    check.check_config(old_hdf5.config_of(old), "file", "")


def _inspect(data):
    str(report.inspect(io.BytesIO(data)))


def _index(data):
    shards._checked(data, "file")


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


class _Folder:
    """The files of a SavedModel in memory."""

    name = "folder"

    def __init__(self, files):
        self.files = files

    def has(self, place):
        return place in self.files

    def open(self, place):
        if place not in self.files:
            raise saving.CorruptFileError(self.name, place, "this file is missing.")
        return io.BytesIO(self.files[place]), len(self.files[place])

    def read(self, place, most):
        file, size = self.open(place)
        return file.read(most)


class _Any(int):
    """A checksum that is always right, so that what lies behind it is reached."""

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    __hash__ = int.__hash__


def _bundle(data):
    """The first two bytes say how much of the rest is the table, the others being the bytes of arrays."""
    size = int.from_bytes(data[:2], "little")
    files = {"v.index": data[2 : 2 + size], "v.data-00000-of-00001": data[2 + size :]}
    saved = saved_model.SavedModel(_Folder(files), "v", whole=False)
    saved.sizes()
    _read_all(saved.bundle)


def _graph(data):
    """The graph of objects in a checkpoint, and the way through it."""
    saved = saved_model.SavedModel(_Folder({saved_model.MODEL: b""}), "v", whole=True)
    saved.bundle.text = lambda path: data
    saved.nodes = saved_model._graph(saved.bundle)
    saved.root, saved.names = saved._root(), saved._names()
    saved.sizes()
    _layers_of(saved, saved.root, 50)


def _layers_of(saved, node, depth):
    for inner in saved._layers_of(node) if depth else ():
        saved._in_order(inner)
        _layers_of(saved, inner, depth - 1)


def _metadata(data):
    _old(saved_model.SavedModel(_Folder({saved_model.MODEL: b"", saved_model.METADATA: data}), "v", whole=True))


def _older_metadata(data):
    _old(saved_model.SavedModel(_Folder({saved_model.MODEL: data}), "v", whole=True))


PARTS = (_json, _old_json, _yaml, _zip, _npz, _safetensors, _hdf5, _protobuf, _snappy)
PARTS += (_inspect, _index, _bundle, _graph, _metadata, _older_metadata)


def one(data):
    if data:
        try:
            PARTS[data[0] % len(PARTS)](data[1:])
        except (saving.UnsafeFileError, saving.CorruptFileError):
            pass  # as it should be


def _begin(folder):
    """Put sound files into the folder."""
    from hostile import good, mutations

    os.makedirs(folder, exist_ok=True)
    texts = [good.parts()["config.json"], good.old_text().encode(), good.yaml_text().encode()]
    files = [good.file(ending) for ending in (".keras", ".npz", ".safetensors", ".weights.h5")]
    found = [*enumerate([*texts, *files]), (6, good.file(".h5")), *((9, data) for data in files)]
    found.append((10, mutations.sharded_files()["case.weights.json"]))
    pieces = {}
    for older in (False, True):
        written = mutations.saved_model_files(lambda kind, data: (pieces.setdefault(kind, data), data)[1], older)
        found.append((14, written["case/saved_model.pb"]))
    index, data = (written[f"case/variables/variables.{end}"] for end in ("index", "data-00000-of-00001"))
    found += [(11, len(index).to_bytes(2, "little") + index + data), (12, pieces["graph"]), (13, pieces["metadata"])]
    for i, (number, data) in enumerate(found):
        with open(os.path.join(folder, f"sound{i}"), "wb") as file:
            file.write(bytes([number]) + data)


def _watch():
    """Let atheris see which ways the parsers go."""
    for module in WATCHED:
        for found in vars(module).values():
            for function in vars(found).values() if inspect.isclass(found) else [found]:
                if inspect.isfunction(function) and function.__module__ == module.__name__:
                    atheris.instrument_func(function)


if __name__ == "__main__":
    tensor_bundle.masked_crc32c = tensor_bundle.masked = lambda *_: _Any()
    _watch()
    _begin(next(argument for argument in sys.argv[1:] if not argument.startswith("-")))
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
