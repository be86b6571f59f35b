"""HDF5 files that reach out of themselves, lie about sizes, or turn back on themselves, in all that hold HDF5."""

import functools
import io
import json
import struct
from functools import partial

import h5py
import numpy as np

from hostile import good

KEY = "layers/dense/vars/0"


def written(fill, without=(KEY,), libver=None, **kwargs):
    """A weights file of the model in ``good``, but for what ``fill`` does to it."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=libver, **kwargs) as file:
        for path, shapes in good.SHAPES.items():
            for i, shape in enumerate(shapes):
                if f"{path}/{i}" not in without:
                    file[f"{path}/{i}"] = np.ones(shape, "float32")
        fill(file)
    return buffer.getvalue()


def old_file(config, training=None, fill=None, arrays=True):
    """A whole model as Keras 2 wrote it; ``config`` may be a text. It has the weights of the model in ``good``."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        _attribute(file, "model_config", config if isinstance(config, (str, bytes)) else json.dumps(config))
        file.attrs["keras_version"], file.attrs["backend"] = b"2.15.0", b"tensorflow"
        if training is not None:
            _attribute(file, "training_config", json.dumps(training))
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"dense", b"dense_1"]
        group.attrs["keras_version"], group.attrs["backend"] = b"2.15.0", b"tensorflow"
        for layer, shapes in (("dense", ((4, 3), (3,))), ("dense_1", ((3, 2), (2,)))):
            inner = group.create_group(layer)
            inner.attrs["weight_names"] = [f"{layer}/kernel:0".encode(), f"{layer}/bias:0".encode()]
            for name, shape in zip(("kernel", "bias"), shapes):
                if arrays or (layer, name) != ("dense", "kernel"):
                    inner[f"{layer}/{name}:0"] = np.ones(shape, "float32")
        if fill is not None:
            fill(file)
    return buffer.getvalue()


def _attribute(file, name, text):
    """A text in an attribute; one that is long takes the form that has room for it."""
    text = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    file.attrs[name] = np.array(text, h5py.string_dtype()) if len(text) > 60_000 else np.bytes_(text)


def cases(aim):
    for name, fill, expected, advisory in _filled(aim):
        yield f"{name} in .weights.h5", "weights", partial(written, fill), ".weights.h5", expected, advisory
        yield f"{name} in .keras", "model", partial(_in_keras, partial(written, fill)), ".keras", expected, advisory
        yield f"{name} in .h5", "model", partial(_in_old, fill), ".h5", expected, advisory
    for name, fill, expected in _attributes():
        yield f"{name} in .h5", "model", partial(old_file, good.old_config(), fill=fill), ".h5", expected
    for name, data, expected in _bytes():
        yield f"{name} in .weights.h5", "weights", data, ".weights.h5", expected
        yield f"{name} in .keras", "model", partial(_in_keras, data), ".keras", expected
    whole = good.file(".h5")
    step = max(1, len(whole) // 60)
    for place in sorted({*range(8, len(whole), step), len(whole) - 1}):
        yield f".h5 cut at {place}", "model", whole[:place], ".h5", "corrupt"
    for place in range(0, 8):
        yield f".h5 cut at {place}", "model", whole[:place], ".h5", "corrupt"


def _in_keras(data):
    return good.zipped({**good.parts(), "model.weights.h5": data() if callable(data) else data})


def _in_old(fill):
    return old_file(good.old_config(), fill=lambda file: fill(_Renamed(file)), arrays=False)


class _Renamed:
    """The file of an old model, to be filled as if it were one of today."""

    def __init__(self, file):
        self._file = file

    def _name(self, name):
        return (
            name.replace("layers/dense/vars/0", "model_weights/dense/dense/kernel:0")
            .replace("layers/dense_1/vars/0", "model_weights/dense_1/dense_1/kernel:0")
            .replace("layers/dense/vars", "model_weights/dense/dense")
            .replace("layers", "model_weights")
        )

    def __setitem__(self, name, value):
        if isinstance(value, h5py.SoftLink):
            value = h5py.SoftLink(self._name(value.path))
        self._file[self._name(name)] = value

    def __getitem__(self, name):
        return self._file[self._name(name)]

    def __delitem__(self, name):
        del self._file[self._name(name)]

    def __getattr__(self, name):
        method = getattr(self._file, name)

        def call(first, *args, **kwargs):
            return method(self._name(first), *args, **kwargs)

        return call if callable(method) and name.startswith("create") else method


def _filled(aim):
    """(name, what to do to a file that has all but KEY, what should come of it, advisory)."""

    def dataset(shape=(4, 3), dtype="float32", name=KEY, **kwargs):
        return lambda file: file.create_dataset(name, shape, dtype, **kwargs)

    def value(array, name=KEY):
        return lambda file: file.__setitem__(name, array)

    outside = "CVE-2026-1669"
    for path in ("/etc/passwd", f"{aim.folder}/secret.txt", "secret.txt", "../secret.txt", "/dev/zero", aim.url):
        yield f"values in {path[:12]}", dataset(external=[(path, 0, 48)]), "unsafe", outside
        yield f"a link into {path[:12]}", value(h5py.ExternalLink(path, "/data")), "unsafe", outside
    two = [("secret.txt", 0, 24), ("/etc/passwd", 0, 24)]
    yield "values in two files", dataset(external=two), "unsafe", outside
    yield "unbounded values elsewhere", dataset(external=[("/dev/zero", 0, h5py.h5f.UNLIMITED)]), "unsafe", outside
    for target in ("/layers/dense_1/vars/0", "/", "nowhere", "../../../x", "/layers/dense/vars/0", "."):
        yield f"a soft link to {target}", value(h5py.SoftLink(target)), "unsafe", outside
    for source in ("/etc/passwd", "secret.txt", "."):

        def virtual(file, source=source):
            layout = h5py.VirtualLayout((4, 3), "float32")
            layout[:] = h5py.VirtualSource(source, "data", (4, 3))
            file.create_virtual_dataset(KEY, layout)

        yield f"virtual values of {source}", virtual, "unsafe", outside

    def group_elsewhere(file):
        del file["layers/dense_1"]
        file["layers/dense_1"] = h5py.ExternalLink("/etc/passwd", "/")

    yield "a group elsewhere", group_elsewhere, "unsafe", outside

    def twice(file):
        file[KEY] = file["layers/dense_1/vars/0"]

    def circle(file):
        file["layers/dense/vars/again"] = file["layers"]

    def itself(file):
        file["layers/layers"] = file["layers"]

    yield "an array of two names", twice, "unsafe", None
    yield "groups in a circle", circle, "unsafe", None
    yield "a group in itself", itself, "unsafe", None
    for depth in (151, 600):
        yield (
            f"groups nested {depth} deep",
            lambda f, n=depth: f.create_group("layers/" + "/".join("a" * n)),
            "unsafe",
            None,
        )
    yield "5000 groups", lambda f: [f.create_group(f"layers/g{i}") for i in range(5000)] and None, "refused", None

    bomb = "CVE-2026-0897"
    for shape in ((1 << 30, 1 << 30), (1 << 40,), (1 << 61,), (10**9, 10), (0, 1 << 60), (1 << 20, 1 << 20, 1 << 20)):
        yield f"nothing of the shape {shape}", dataset(shape), "refused", bomb
        if 0 not in shape:
            yield (
                f"no chunks of the shape {shape}",
                dataset(shape, chunks=tuple(min(n, 64) for n in shape)),
                "refused",
                bomb,
            )
    for fill in (0.0, 7.0):
        yield f"no chunks, filled with {fill}", dataset(chunks=(2, 3), fillvalue=fill), "refused", bomb
        yield f"no values, filled with {fill}", dataset(fillvalue=fill), "refused", bomb
    yield "a chunk far larger than all", dataset(chunks=(1 << 14, 1 << 14), maxshape=(None, None)), "refused", bomb
    yield "an array to be grown", dataset(maxshape=(None, None), chunks=(4, 3)), "refused", bomb
    zeros = np.zeros(17 << 20, "float32")
    yield (
        "zeros packed well",
        lambda f: f.create_dataset(KEY, data=zeros, chunks=(1 << 18,), compression="gzip"),
        "refused",
        bomb,
    )
    many = np.zeros(1 << 18, "int8")
    yield "chunks of one number", lambda f: f.create_dataset(KEY, (1 << 40,), "int8", chunks=(1,)), "refused", bomb
    yield "a vector of the wrong type", lambda f: f.create_dataset(KEY, data=many, compression="gzip"), "refused", bomb

    def half(file):
        file.create_dataset(KEY, (4, 3), "float32", chunks=(2, 3), compression="gzip")[:2] = 1.0

    yield "half of the chunks", half, "refused", None

    def raw(data, filters=0, **kwargs):
        def fill(file):
            made = file.create_dataset(KEY, (4, 3), "float32", chunks=(4, 3), **kwargs)
            made.id.write_direct_chunk((0, 0), data, filters)

        return fill

    import zlib

    for name, data in {
        "short": zlib.compress(bytes(40)),
        "long": zlib.compress(bytes(60)),
        "very long": zlib.compress(bytes(32 << 20)),
        "empty": zlib.compress(b""),
        "no": b"not compressed",
        "one byte of": b"x",
        "half a": zlib.compress(bytes(range(48)))[:-8],
    }.items():
        yield f"a chunk of {name} data", raw(data, compression="gzip"), "refused", None
        yield f"a shuffled chunk of {name} data", raw(data, compression="gzip", shuffle=True), "refused", None
    for name, data in {
        "short": b"\x1f" + bytes(32),
        "a cut": b"\x1fabc",
        "far": b"\x00a\xff\xff\xff",
        "endless": b"\x00a" + b"\xe0\xff\x00" * 5000,
    }.items():
        yield f"a chunk of {name} data of lzf", raw(data, compression="lzf"), "refused", None
    yield "a chunk cut short", raw(bytes(40)), "refused", None
    yield "a chunk of too much", raw(bytes(4800)), "refused", None
    yield "a wrong checksum", raw(bytes(48) + b"abcd", fletcher32=True), "refused", None
    for name, kwargs in {
        "scaleoffset": {"scaleoffset": 4},
    }.items():
        yield (
            f"the filter {name}",
            lambda f, k=kwargs: f.create_dataset(KEY, data=np.ones((4, 3), "f4"), chunks=(2, 3), **k),
            "unsafe",
            None,
        )

    for name, array in {
        "a text": "text",
        "texts": np.array([["a", "b", "c"]] * 4, h5py.string_dtype()),
        "texts of a length": np.array([["a", "b", "c"]] * 4, "S8"),
        "records": np.zeros((4, 3), [("a", "f4")]),
        "opaque": np.zeros((4, 3), "V2"),
        "larger opaque": np.zeros((4, 3), "V100"),
        "complex": np.ones((4, 3), "complex64"),
        "nothing": h5py.Empty("f4"),
        "int32": np.ones((4, 3), "int32"),
        "bool": np.ones((4, 3), bool),
        "another shape": np.ones((3, 4), "f4"),
        "a scalar": np.float32(1),
        "one more dimension": np.ones((4, 3, 1), "f4"),
        "32 dimensions": np.ones([1] * 32, "f4"),
    }.items():
        yield f"an array of {name}", value(array), "refused", None

    def of_type(make):
        def fill(file):
            made = make(file)
            if made is not None:
                file.create_dataset(KEY, (4, 3), made)

        return fill

    yield "object references", of_type(lambda f: h5py.ref_dtype), "refused", None
    yield "region references", of_type(lambda f: h5py.regionref_dtype), "refused", None
    yield "lists of varying length", of_type(lambda f: h5py.vlen_dtype("f4")), "refused", None
    yield "arrays in an array", of_type(lambda f: np.dtype(("f4", (1000, 1000)))), "refused", None
    yield "an enumeration", of_type(lambda f: h5py.enum_dtype({"a": 1, "b": 2})), "refused", None

    def named(file):
        file["kind"] = np.dtype("f4")
        file.create_dataset(KEY, (4, 3), file["kind"])

    yield "a type kept elsewhere", named, "refused", None
    for name in ("optimizer/vars/0", "layers/dense/vars/2", "layers/dense/vars/00", "layers/dense/vars/-1", "_effect"):
        yield (
            f"also {name}",
            lambda f, n=name: [value(np.ones((4, 3), "f4"))(f), value(np.ones(3, "f4"), n)(f)] and None,
            "harmless",
            None,
        )
    for name in (
        "layers/..",
        "layers/dense/vars/\u202e",
        "layers/a\\b",
        "\ud800".encode("utf-8", "surrogatepass"),
        b"\xff",
    ):

        def odd(file, name=name):
            inner = getattr(file, "_file", file)
            inner.create_group(name) if isinstance(name, bytes) else file.create_group(name)

        yield f"a group called {name!r}", odd, "refused", None


def _attributes():
    """(name, what to do to an old file, what should come of it)."""

    def told(key, found, group="model_weights"):
        def fill(file):
            where = file[group] if group else file
            where.attrs.pop(key, None)
            where.attrs[key] = found

        return fill

    for key, group in (("layer_names", "model_weights"), ("weight_names", "model_weights/dense")):
        for name, found in {
            "a number": 3,
            "a text": "dense",
            "absent names": [b"nowhere"],
            "paths": [b"../x", b"/", b"dense/../dense"],
            "the same name twice": [b"dense", b"dense"],
            "no names": np.zeros(0, "S4"),
            "numbers": [1, 2],
            "a nothing": h5py.Empty("S4"),
            "a matrix": np.zeros((2, 2), "S4"),
            "no UTF-8": [b"\xff\xfe"],
            "an absolute path": [b"/model_weights/dense"],
            "texts of varying length": np.array(["dense", "dense_1", "x"], h5py.string_dtype()),
        }.items():
            yield f"{key} of {name}", told(key, found, group), "refused"

        def references(file, key=key, group=group):
            del file[group].attrs[key]
            file[group].attrs.create(key, file["model_weights"].ref, dtype=h5py.ref_dtype)

        yield f"{key} of references", references, "refused"
    for name, found in {
        "a number": 3,
        "a list": [b"{}"],
        "a nothing": h5py.Empty("S4"),
        "no UTF-8": np.bytes_(b"\xff\xfe{}"),
        "bytes": np.zeros(8, "uint8"),
        "opaque": np.void(b"cos\nsystem\n(S'touch effect'\ntR."),
        "a record": np.zeros((), [("a", "f4")]),
        "a matrix": np.zeros((2, 2), "S4"),
    }.items():
        yield f"a config that is {name}", told("model_config", found, None), "refused"
    for key, found in (
        ("keras_version", 3),
        ("keras_version", b"99.9"),
        ("keras_version", b"x"),
        ("backend", 3),
        ("backend", b"cntk"),
    ):
        for group in (None, "model_weights"):
            yield f"{key} {found} of {group}", told(key, found, group), "harmless"
    yield (
        "a thousand numbered lists",
        lambda f: [f["model_weights"].attrs.__setitem__(f"layer_names{i}", [b"dense"]) for i in range(1000)] and None,
        "harmless",
    )

    def as_keras_0(count):
        def fill(file):
            file["model_weights"].attrs["nb_layers"] = count

        return fill

    for count in (10**18, -1, 0, 9999, "x", [1, 2], 1.5):
        yield f"nb_layers {count}", as_keras_0(count), "harmless"
    for names in ([b"a"], [b"model_weights"], [b"../model_weights/dense/dense/kernel:0"], [1], 3):

        def state(file, names=names):
            file.create_group("optimizer_weights").attrs["weight_names"] = names
            file.attrs["training_config"] = b'{"optimizer_config": {"class_name": "Adam", "config": {}}, "loss": "mse"}'

        yield f"a state called {names}", state, "refused"


# -- bytes that are not what h5py would write


@functools.cache
def _sound():
    return written(lambda file: file.__setitem__(KEY, np.ones((4, 3), "float32")))


def _patched(place, data):
    found = bytearray(_sound())
    found[place : place + len(data)] = data
    return bytes(found)


def _places(signature):
    data, place = _sound(), -1
    while (place := data.find(signature, place + 1)) >= 0:
        yield place


def _bytes():
    data = _sound()
    whole = struct.pack("<Q", (1 << 64) - 1)
    # the beginning: versions, widths, base and end of the file, the root's header
    for place in range(8, 96):
        for value in (0, 1, 0xFF):
            if data[place] != value:
                yield f"byte {place} = {value}", _patched(place, bytes([value])), "harmless"
    # trees that point at themselves, at one another, at nothing; that have other measures
    trees = list(_places(b"TREE"))
    for place in trees[:4]:
        for target in (place, trees[0], 0, len(data) - 4, len(data), 1 << 62, (1 << 64) - 1):
            yield f"tree {place} to {target}", _patched(place + 32, struct.pack("<Q", target)), "refused"
        for offset, width in ((4, 1), (5, 1), (6, 2)):
            for value in (1, 200, (1 << 8 * width) - 1):
                yield (
                    f"tree {place}+{offset} = {value}",
                    _patched(place + offset, value.to_bytes(width, "little")),
                    "harmless",
                )
        both = bytearray(data)
        both[place + 5] = 1
        both[place + 32 : place + 40] = struct.pack("<Q", place)
        yield f"tree {place} in itself", bytes(both), "refused"
    for place in list(_places(b"SNOD"))[:4]:
        for count in (0, 1, 255, 0xFFFF):
            yield f"members {place}: {count}", _patched(place + 6, struct.pack("<H", count)), "harmless"
        for offset in (8, 16, 24, 48, 56):
            for value in (0, 1 << 40, (1 << 64) - 1, trees[0]):
                yield (
                    f"members {place}+{offset} = {value}",
                    _patched(place + offset, struct.pack("<Q", value)),
                    "harmless",
                )
        yield f"members {place}: a link", _patched(place + 24, struct.pack("<I", 2)), "refused"
    for place in list(_places(b"HEAP"))[:4]:
        for offset in (8, 16, 24):
            for value in (0, 1, 1 << 62, (1 << 64) - 1, len(data)):
                yield (
                    f"names {place}+{offset} = {value}",
                    _patched(place + offset, struct.pack("<Q", value)),
                    "harmless",
                )
    # every eighth byte at once
    for place in range(96, min(len(data), 6000), 24):
        if data[place : place + 8] != whole:
            yield f"all ones at {place}", _patched(place, whole), "harmless"
    for place in [*range(0, 100, 3), *range(100, len(data), max(1, len(data) // 60)), len(data) - 1]:
        yield f"cut at {place}", data[:place], "corrupt"
    shape = data.find(struct.pack("<QQ", 4, 3))
    for rows, columns in ((1 << 62, 3), (4, 1 << 62), (1 << 32, 1 << 32), (0, 0), (3, 4), (4, 4), ((1 << 64) - 1,) * 2):
        yield f"the shape {rows}, {columns}", _patched(shape, struct.pack("<QQ", rows, columns)), "refused"
    # the newer forms of groups, headers, heaps
    for number, libver in enumerate((("v108", "v108"), "latest")):

        def fill(file):
            file[KEY] = np.ones((4, 3), "float32")
            for i in range(40):
                file[f"layers/dense/vars/x{i}"] = np.ones(1, "float32")
                file["layers"].attrs[f"a{i}"] = "x" * 50

        new = written(fill, libver=libver)
        for signature in (b"OHDR", b"OCHK", b"FRHP", b"FHIB", b"FHDB", b"BTHD", b"BTLF", b"BTIN"):
            place = new.find(signature)
            if place < 0:
                continue
            for offset in range(4, 60, 5):
                changed = bytearray(new)
                changed[place + offset : place + offset + 4] = b"\xff\xff\xff\x7f"
                yield f"{signature.decode()}+{offset} of form {number}", bytes(changed), "harmless"
        for place in range(0, len(new), max(1, len(new) // 20)):
            yield f"form {number} cut at {place}", new[:place], "corrupt"
