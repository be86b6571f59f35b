"""Zip files that lie, overflow, or reach out; as .keras and as .npz files."""

import io
import struct
import tarfile
import warnings
import zipfile
import zlib
from functools import partial

from hostile import good, others


def _info(name, **values):
    found = zipfile.ZipInfo(name)
    for key, value in values.items():
        setattr(found, key, value)
    return found


def cases(aim):
    for name, extra, expected, advisory in _members(aim):
        yield f"{name} in .keras", "model", partial(_with, good.parts, extra), ".keras", expected, advisory
        yield f"{name} in .npz", "weights", partial(_with, others.arrays, extra), ".npz", expected, advisory
    yield from _whole()
    for ending, how in ((".keras", "model"), (".npz", "weights")):
        data = good.file(ending)
        for name, changed, expected in _damaged(data):
            yield f"{name} in {ending}", how, changed, ending, expected
        step = max(1, len(data) // 60)
        marks = [data.rfind(b"PK\5\6") + n for n in (0, 4, 10, 16, 21)] + [
            data.find(b"PK\1\2") + n for n in (0, 20, 46)
        ]
        for place in sorted({*range(1, len(data), step), *marks, len(data) - 1}):
            yield f"{ending} cut at {place}", how, data[:place], ending, "corrupt"


def _with(parts, extra):
    with warnings.catch_warnings(action="ignore"):  # zipfile's, of names that are there already
        return good.zipped([*parts().items(), *extra])


def _members(aim):
    """(name, further members, what should come of it, advisory)."""
    slip = "CVE-2026-12479"
    for name in (
        *("../effect", "../../effect", "assets/../../effect", "/effect", f"{aim.folder}/effect", "//host/effect"),
        *("C:effect", "C:\\effect", "..\\effect", "assets\\..\\..\\effect", "assets/./effect", "assets//effect", "."),
        *("..", "assets/..", "assets/.../effect", "assets/con", "assets/NUL.txt", "assets/com1", "assets/a:b"),
        *("assets/ ", "assets/a ", "assets/a.", "~/effect", "assets/~/effect", "assets/\x01", "assets/a\nb", "", "/"),
        *("assets/\u202eeffect", "assets/" + "a" * 60_000, "a/" * 20_000 + "b", "$HOME/effect", "assets/*", "-rf"),
    ):
        if name:
            yield f"the name {name[:30]!r}", [(name, b"effect")], "unsafe", slip
    link = "CVE-2026-12481"
    for target in ("/etc/passwd", "../../secret.txt", aim.folder):
        described = _info("assets/link", external_attr=0o120777 << 16, create_system=3)
        yield f"a link to {target[:9]}", [(described, target)], "unsafe", link
        through = [(described, target), ("assets/link/effect", b"effect")]
        yield f"a file through a link to {target[:9]}", through, "unsafe", link
    config = _info("config.json", external_attr=0o120777 << 16, create_system=3)
    yield "a link as config", [(config, "secret.txt")], "unsafe", link
    for kind, mode in (("pipe", 0o010644), ("device", 0o060644), ("socket", 0o140644)):
        yield f"a {kind}", [(_info("assets/x", external_attr=mode << 16), b"")], "harmless", link
    yield "a member twice", [("assets/a", b"1"), ("assets/a", b"2")], "unsafe", None
    yield "members that differ in case", [("assets/a", b"1"), ("assets/A", b"2")], "unsafe", None
    yield "the config twice", [("config.json", b"{}"), ("config.json", b"[]")], "unsafe", None
    yield "20000 members", [(f"assets/{i}", b"") for i in range(20_000)], "unsafe", None
    for name, size in (("64 MB", 64 << 20), ("3 MB", 3 << 20)):
        bomb = _info("assets/zeros", compress_type=zipfile.ZIP_DEFLATED)
        yield f"a bomb of {name}", [(bomb, bytes(size))], "unsafe", None
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield f"method {method}", [(_info("assets/x", compress_type=method), b"x" * 100)], "unsafe", None
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name in ("../effect", "/tmp/effect"):
            info = tarfile.TarInfo(name)
            info.size = 1
            archive.addfile(info, io.BytesIO(b"x"))
    yield "a tar of paths", [("assets/x.tar", tar.getvalue())], "harmless", "CVE-2025-12060"
    yield (
        "pickled weights",
        [("model.weights.npz", b"x"), ("model.pkl", b"cos\nsystem\n(S'touch effect'\ntR.")],
        "harmless",
        None,
    )


def _whole():
    parts = good.parts()
    for name in parts:
        left = {key: value for key, value in parts.items() if key != name}
        yield f"no {name}", "model", good.zipped(left), ".keras", "corrupt"
        yield f"an empty {name}", "model", good.zipped({**parts, name: b""}), ".keras", "corrupt"
        yield f"a {name} of zeros", "model", good.zipped({**parts, name: bytes(5000)}), ".keras", "corrupt"
        large = _info(name, compress_type=zipfile.ZIP_DEFLATED)
        bomb = partial(_with, left.copy, [(large, b" " * (70 << 20))])
        yield f"a {name} that is a bomb", "model", bomb, ".keras", "unsafe"
        folder = good.zipped([*left.items(), (f"{name}/", b"")])
        yield f"a folder in place of {name}", "model", folder, ".keras", "corrupt"
    npz = {key: value for key, value in parts.items() if key != "model.weights.h5"}
    pickled = good.zipped({**npz, "model.weights.npz": b"cos\nsystem\n(S'touch effect'\ntR."})
    yield "pickled weights in place of HDF5", "model", pickled, ".keras", "unsafe", "GHSA-hqp4-2352-xf5r"
    yield "nothing", "model", b"", ".keras", "corrupt"
    yield "an empty zip", "model", good.zipped({}), ".keras", "corrupt"
    yield "a zip in a zip", "model", good.zipped({**parts, "config.json": good.zipped(parts)}), ".keras", "corrupt"
    yield (
        "weights of a zip",
        "model",
        good.zipped({**parts, "model.weights.h5": good.zipped(parts)}),
        ".keras",
        "corrupt",
    )
    yield "a zip behind something", "model", b"MZ" + good.zipped(parts), ".keras", "refused"
    yield "a comment of zip", "model", good.zipped(parts)[:-2] + b"\x16\0PK\5\6" + bytes(18), ".keras", "refused"
    for head in (b"PK\3\4", b"PK\5\6", b"PK\5\6" + bytes(18), b"PK\3\4" * 50_000, b"PK\5\6" * 20_000):
        yield f"only {head[:8]!r}, {len(head)} bytes", "model", head, ".keras", "corrupt"


def _damaged(data):
    """(name, changed bytes, what should come of it): fields that lie."""
    listed, end = data.find(b"PK\1\2"), data.rfind(b"PK\5\6")
    fields = {
        "needed version": (6, 2),
        "flags": (8, 2),
        "method": (10, 2),
        "checksum": (16, 4),
        "compressed size": (20, 4),
        "size": (24, 4),
        "length of the name": (28, 2),
        "length of the extra": (30, 2),
        "length of the comment": (32, 2),
        "disk": (34, 2),
        "offset": (42, 4),
    }
    for name, (place, width) in fields.items():
        for value in (0, 1, 0x7F, (1 << 8 * width) - 1, (1 << 8 * width - 1)):
            changed = bytearray(data)
            changed[listed + place : listed + place + width] = value.to_bytes(width, "little")
            harmless = name in ("needed version", "disk", "flags") or (name == "offset" and value == 0)
            yield f"{name} {value:#x}", bytes(changed), "harmless" if harmless or value == 0 else "refused"
    for name, (place, width) in {
        "count": (10, 2),
        "directory": (12, 4),
        "directory's offset": (16, 4),
        "comment": (20, 2),
    }.items():
        for value in (0, 1, (1 << 8 * width) - 1, (1 << 8 * width - 1)):
            changed = bytearray(data)
            changed[end + place : end + place + width] = value.to_bytes(width, "little")
            yield f"{name} at the end {value:#x}", bytes(changed), "harmless"
    local = {"flags": (6, 2), "method": (8, 2), "length of the name": (26, 2), "length of the extra": (28, 2)}
    for name, (place, width) in local.items():
        for value in (1, 8, (1 << 8 * width) - 1):
            changed = bytearray(data)
            changed[place : place + width] = value.to_bytes(width, "little")
            yield f"local {name} {value:#x}", bytes(changed), "harmless"
    # two members of the list that share one place
    changed = bytearray(data)
    second = data.find(b"PK\1\2", listed + 4)
    changed[second + 42 : second + 46] = data[listed + 42 : listed + 46]
    yield "members at one place", bytes(changed), "refused"
    # the record of large files
    record = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1 << 40, 1 << 40, 1 << 40, 1 << 40)
    locator = b"PK\6\7" + struct.pack("<IQI", 0, end, 1)
    yield "huge counts", data[:end] + record + locator + data[end:], "refused"
    yield "huge counts far off", data[:end] + locator[:4] + struct.pack("<IQI", 0, 1 << 60, 1) + data[end:], "harmless"
    # members on top of one another: one stream of zeros under many names
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = stream.compress(bytes(1 << 20)) + stream.flush()
    names = [f"assets/{i}".encode() for i in range(200)]
    crc = zlib.crc32(bytes(1 << 20))
    body = (
        struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 8, 0, 0, crc, len(packed), 1 << 20, len(names[0]), 0)
        + names[0]
        + packed
    )
    central = b"".join(
        struct.pack(
            "<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, 0, 8, 0, 0, crc, len(packed), 1 << 20, len(n), 0, 0, 0, 0, 0, 0
        )
        + n
        for n in names
    )
    tail = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, len(names), len(names), len(central), len(body), 0)
    yield "members on top of one another", body + central + tail, "unsafe"
