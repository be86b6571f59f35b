"""Hostile .safetensors, .npz and index files, and files of no format."""

import io
import json
import pickle
import zipfile

import numpy as np

from hostile import good

KEY = "layers/dense/vars/0"


class _Effect:
    def __reduce__(self):
        return open, ("effect", "w")


def cases(aim):
    yield from _safetensors(aim)
    yield from _npz(aim)
    yield from _indexes(aim)
    for name, data in {
        "a pickle": pickle.dumps(_Effect()),
        "zeros": bytes(10_000),
        "text": b"hello\n" * 100,
        "a script": b"#!/bin/sh\ntouch effect\n",
        "ones": b"\xff" * 10_000,
        "one byte": b"\x89",
        "a gzip": b"\x1f\x8b\x08" + bytes(100),
        "a protocol buffer": b"\x08\x01\x12\x04abcd" * 50,
    }.items():
        for how, ending in (("model", ".keras"), ("model", ".h5"), ("weights", ".weights.h5"), ("weights", ".npz")):
            yield f"{name} as {ending}", how, data, ending, "corrupt"
    for of in (".npz", ".safetensors", ".weights.h5"):
        yield f"a {of} as .keras", "model", good.file(of), ".keras", "corrupt"
        yield f"a {of} as .h5", "model", good.file(of), ".h5", "corrupt"
    yield "a config as .keras", "model", json.dumps(good.config()).encode(), ".keras", "corrupt"
    yield "a config as .npz", "weights", json.dumps(good.config()).encode(), ".npz", "corrupt"


# -- .safetensors


def packed(header, data, length=None):
    """A .safetensors file of a header, data or text, and the bytes of the arrays."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def unpacked():
    """(header, bytes of the arrays) of the model's file."""
    data = good.file(".safetensors")
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def _safetensors(aim):
    def case(name, data, expected="refused"):
        return f"{name} in .safetensors", "weights", data, ".safetensors", expected

    def changed(**values):
        header, data = unpacked()
        header[KEY] = {**header[KEY], **values}
        return packed(header, data)

    header, values = unpacked()
    whole = good.file(".safetensors")
    for length in (0, 1, len(whole), len(whole) - 8, 1 << 30, 1 << 39, (1 << 64) - 1, 1 << 63, 100_000_001):
        yield case(f"a header of {length:#x}", length.to_bytes(8, "little") + whole[8:])
    for offsets in ([0, 0], [48, 0], [-48, 0], [0, 1 << 62], [1 << 62, (1 << 62) + 48], [0, 47], [1, 49], [0.0, 48.0]):
        yield case(f"offsets {offsets}", changed(data_offsets=offsets))
    for offsets in (None, [], [0], [0, 48, 96], "0", [None, None], [True, False], {"a": 1}, [10**30, 10**30 + 48]):
        yield case(f"offsets {str(offsets)[:30]}", changed(data_offsets=offsets))
    for shape in (
        [],
        [12],
        [3, 4],
        [4, 3, 1],
        [1 << 40, 1 << 40],
        [0],
        [0, 1 << 62],
        [-4, -3],
        [4.0, 3],
        ["4", 3],
        None,
    ):
        yield case(f"shape {shape}", changed(shape=shape))
    for shape in ([1] * 33 + [12], [1] * 100_000, [10**30], "x", [[4, 3]], {"a": 4}, [True] * 3, [0] * 33):
        yield case(f"shape {str(shape)[:30]}", changed(shape=shape))
    for dtype in (
        "F64",
        "I32",
        "F32 ",
        "f4",
        "O",
        "object",
        "V4",
        "U1",
        None,
        3,
        [],
        {},
        "",
        "BF16",
        "F8_E4M3",
        "BOOL",
    ):
        yield case(f"dtype {dtype}", changed(dtype=dtype))
    for described in (None, 3, [], {}, "x", {"dtype": "F32"}):
        yield case(f"described as {described}", packed({**header, KEY: described}, values))
    first, second = KEY, "layers/dense/vars/1"
    yield case("an overlap", packed({**header, second: {**header[second], "data_offsets": [0, 12]}}, values))
    same = {**header, "other": header[first]}
    yield case("two arrays of one place", packed(same, values))
    yield case("a hole", packed({k: v for k, v in header.items() if k != first}, values))
    yield case("what follows", whole + b"x")
    yield case(
        "another array",
        packed(
            {**header, "x": {"dtype": "F32", "shape": [1], "data_offsets": [len(values), len(values) + 4]}},
            values + b"abcd",
        ),
        "harmless",
    )
    yield case(
        "an empty array",
        packed({**header, "x": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}, values),
        "harmless",
    )
    text = json.dumps(header)
    yield case("a key twice", packed(text.replace("{", '{"__metadata__": {}, ', 1).encode(), values), "unsafe")
    yield case("an array twice", packed(text.replace("{", f'{{"{KEY}": {{}}, ', 1).encode(), values), "unsafe")
    for name, inner in (
        ("nesting", "[" * 50_000),
        ("a list", "[]"),
        ("a number", "1"),
        ("nothing", ""),
        ("no JSON", "{x"),
        ("a huge number", '{"a": ' + "9" * 9000 + "}"),
    ):
        yield case(name, packed(inner.encode(), values))
    yield case(
        "metadata that nest",
        packed({"__metadata__": {"a": json.loads("[" * 140 + "]" * 140)}, **header}, values),
        "harmless",
    )
    yield case("spaces", packed(b" " * 3_000_000 + text.encode(), values), "refused")
    yield case("spaces behind", packed(text.encode() + b" " * 3_000_000, values), "harmless")
    many = {f"x/{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(20_000)}
    yield case("20000 arrays", packed({**many, **header}, values), "harmless")
    for name in (
        "../../effect",
        "/etc/passwd",
        "",
        "\0",
        "a" * 100_000,
        "\ud800",
        "optimizer/vars/0/0",
        "__metadata__/x",
    ):
        renamed = {name if key == KEY else key: value for key, value in header.items()}
        yield case(f"the name {name[:20]!r}", packed(renamed, values), "refused")
    for place in [*range(0, 17), *range(20, len(whole), len(whole) // 40), len(whole) - 1]:
        yield case(f"cut at {place}", whole[:place], "corrupt")


# -- .npz


def arrays():
    """The members of a .npz file."""
    with zipfile.ZipFile(io.BytesIO(good.file(".npz"))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _npz(aim):
    members = arrays()
    name = f"{KEY}.npy"

    def case(what, array, expected="refused", advisory=None):
        return f"{what} in .npz", "weights", good.zipped({**members, name: array}), ".npz", expected, advisory

    def header(text, data=b"", version=1, length=None):
        text = text.encode("latin-1")
        width = 2 if version == 1 else 4
        return (
            b"\x93NUMPY"
            + bytes([version, 0])
            + (len(text) if length is None else length).to_bytes(width, "little")
            + text
            + data
        )

    def array(value):
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, value, allow_pickle=True)
        return buffer.getvalue()

    pickled = "GHSA-hqp4-2352-xf5r"
    yield case("objects", array(np.array([[_Effect()] * 3] * 4, object)), "unsafe", pickled)
    yield case("a pickle", pickle.dumps(_Effect()), "refused", pickled)
    record = np.zeros((4, 3), [("a", "f4"), ("b", "i4")])
    for value in (
        record,
        np.zeros((4, 3), "V4"),
        np.zeros((4, 3), "U5"),
        np.zeros((4, 3), "S5"),
        np.zeros((4, 3), "M8[s]"),
    ):
        yield case(f"the dtype {value.dtype}", array(value))
    for value in (
        np.zeros((4, 3), "complex64"),
        np.zeros((4, 3), "longdouble"),
        np.zeros((4, 3), "int32"),
        np.zeros((3, 4), "f4"),
    ):
        yield case(f"{value.dtype} {value.shape}", array(value))
    yield case("values by columns", array(np.asfortranarray(np.ones((4, 3), "f4"))))
    good_text = "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), }"
    for text in (
        good_text.replace("(4, 3)", f"({10**9}, {10**9})"),
        good_text.replace("(4, 3)", f"({10**30},)"),
        good_text.replace("(4, 3)", "(-4, -3)"),
        good_text.replace("(4, 3)", "(0, 99999999999999999999)"),
        good_text.replace("(4, 3)", "(True, 12)"),
        good_text.replace("(4, 3)", "(1,) * 1000"),
        good_text.replace("(4, 3)", "(" + "1, " * 2000 + ")"),
        good_text.replace("(4, 3)", "[4, 3]"),
        good_text.replace("'<f4'", "__import__('os').system('touch effect')"),
        good_text.replace("'<f4'", "'|O'"),
        good_text.replace("'<f4'", "'O8'"),
        good_text.replace("'<f4'", "[('a', '|O')]"),
        good_text.replace("'<f4'", "[" * 500 + "]" * 500),
        good_text.replace("'<f4'", "'<f4,' * 100000"),
        good_text.replace("'<f4'", "'(1000000000,)f4'"),
        good_text.replace("'<f4'", "('<f4', (1000000000,))"),
        good_text.replace("'<f4'", "'V1000000000'"),
        good_text.replace("'<f4'", "'canary_module.run'"),
        "[" * 9000,
        "(" * 9000,
        "{" * 9000,
        "-" * 9000 + "1",
        "'" + "a" * 9000,
        "0" * 9000,
        "9" * 9000,
        "{'descr': 3}",
        "3",
        "",
        "\0" * 100,
        "{**{}}",
        "lambda: 0",
        good_text + "\n" + good_text,
    ):
        for version in (1, 2):
            yield case(f"the header {text[:40]!r} {version}", header(text, bytes(48), version))
    for version, length in ((1, 0), (1, 65535), (2, 1 << 31), (2, (1 << 32) - 1), (3, 60), (9, 60), (0, 0)):
        yield case(f"version {version}, {length} bytes", header(good_text, bytes(48), version, length))
    yield case("too few values", header(good_text, bytes(47)))
    yield case("too many values", header(good_text, bytes(49)))
    for place in range(0, len(members[name]), 8):
        yield case(f"an array cut at {place}", members[name][:place])
    for names in (["a"], ["arr_0", "arr_2"], ["arr_0"], [f"arr_{i}" for i in range(3000)]):
        some = array(np.zeros(3, "f4"))
        yield (
            f"arrays {names[:3]} in .npz",
            "weights",
            good.zipped({f"{n}.npy": some for n in names}),
            ".npz",
            "refused",
        )


# -- indexes of several files


def _indexes(aim):
    def case(name, index, expected="refused", **beside):
        text = index if isinstance(index, bytes) else json.dumps(index).encode()
        found = {f"{key}.weights.h5": value for key, value in beside.items()}
        return f"{name} in an index", "weights", text, ".weights.json", expected, "CVE-2026-1669", found

    whole = good.file(".weights.h5")
    for name in (
        *("../other.weights.h5", "/etc/passwd", f"{aim.folder}/x.weights.h5", "a/b.weights.h5", "..\\x.weights.h5"),
        *(
            aim.url,
            "secret.txt",
            "",
            ".weights.h5",
            "x.weights.h5\0",
            "x.weights.h5\n",
            "\ud800.weights.h5",
            3,
            None,
            {},
            [[]],
        ),
    ):
        yield case(f"the name {str(name)[-20:]!r}", {"weight_map": {"/layers/dense/vars": [name]}}, "unsafe")
        if isinstance(name, str):
            yield case(f"the name {name[-20:]!r} alone", {"weight_map": {"/layers/dense/vars": name}}, "unsafe")
    yield case("an absent file", {"weight_map": {"/vars": ["absent.weights.h5"]}}, "corrupt")
    yield case("itself", {"weight_map": {"/vars": ["case.weights.json"]}}, "unsafe")
    yield case("a damaged file", {"weight_map": {"/vars": ["a.weights.h5"]}}, "corrupt", a=whole[:3000])
    yield case("a file twice", {"weight_map": {"/vars": ["a.weights.h5", "b.weights.h5"]}}, "unsafe", a=whole, b=whole)
    names = [f"{i}.weights.h5" for i in range(20_000)]
    yield case("20000 files", {"weight_map": {"/vars": names}}, "refused")
    token = {"metadata": {"save": "x" * 1000}, "weight_map": {"/vars": ["a.weights.h5"]}}
    yield case("another save", token, "corrupt", a=whole)
    for index in (b"{", b"{}", {"weight_map": []}, {"weight_map": {}}, {"weight_map": 3}, b'{"a":' * 100_000):
        yield case(f"{str(index)[:20]}", index)
    for metadata in (3, [], {"save": 3}, {"save": []}, {"save": {}}):
        listed = {"metadata": metadata, "weight_map": {"/vars": ["a.weights.h5"]}}
        yield case(f"metadata {metadata}", listed, "harmless", a=whole)
