"""HDF5 files in every form that HDF5's own library writes, read without it, whole or damaged."""

import io
import random
import struct
import time

import numpy as np
import pytest

import kbridge
from kbridge import layers, saving
from kbridge.saving import hdf5_format
from kbridge.saving.parse_hdf5 import Hdf5

h5py = pytest.importorskip("h5py")

FORMS = ("earliest", ("v108", "v108"), ("v110", "v110"), "latest")
X = np.random.default_rng(0).normal(size=(50, 33)).astype("float32")
FILTERS = {
    "plain": {},
    "gzip": {"compression": "gzip"},
    "shuffled": {"compression": "gzip", "shuffle": True, "fletcher32": True},
    "summed": {"fletcher32": True},
    "lzf": {"compression": "lzf", "shuffle": True},
}
# One for each kind of index that the newest form has: one chunk, a list, one in pages, a list without end along
# either axis, a tree
CHUNKS = {
    "one": ((50, 33), (50, 33)),
    "some": ((16, 16), (60, 40)),
    "many": ((1, 1), (50, 33)),
    "endless": ((4, 5), (None, 33)),
    "endless_2": ((3, 16), (70, None)),
    "tree": ((7, 4), (None, None)),
}


def written(fill, **kwargs):
    """(the bytes of a file that ``fill(file)`` filled, what that returned)"""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **kwargs) as file:
        told = fill(file)
    return buffer.getvalue(), told


def opened(data):
    return Hdf5(io.BytesIO(data), "file.h5")


def assert_reads(data, expected):
    with opened(data) as source:
        assert set(source.entries) == set(expected)
        for path, value in expected.items():
            found = source.read(path)
            assert found.shape == value.shape and found.dtype == value.dtype.newbyteorder("="), path
            np.testing.assert_array_equal(found, value, err_msg=path)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_arrays_in_chunks_of_every_kind(form):
    def fill(file):
        for how, filters in FILTERS.items():
            for kind, (chunks, limits) in CHUNKS.items():
                file.create_dataset(f"{kind}/{how}", data=X, chunks=chunks, maxshape=limits, **filters)
        large = np.arange(100_001, dtype="float32")  # more than is summed up at once, in an odd number of chunks
        file.create_dataset("large", data=large, chunks=(50_000,), fletcher32=True)
        alike = np.repeat(np.arange(500), 9)
        file.create_dataset("alike", data=alike, chunks=(4000,), compression="lzf")
        early = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        early.set_chunk((16, 16))
        early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)  # chunks one behind the other, without an index
        space = h5py.h5s.create_simple(X.shape, (60, 40))
        h5py.Dataset(h5py.h5d.create(file.id, b"early", h5py.h5t.IEEE_F32LE, space, early))[...] = X
        everything = {f"{kind}/{how}": X for how in FILTERS for kind in CHUNKS}
        return {**everything, "large": large, "alike": alike, "early": X}

    assert_reads(*written(fill, libver=form))


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_numbers_of_every_kind(form):
    values = {
        **{f"{order}{kind}": X[:5].astype(order + kind) for order in "<>" for kind in ("f2", "f4", "f8", "i2", "i8")},
        **{f"u{size}": np.arange(9, dtype=f"u{size}") for size in (1, 2, 4, 8)},
        **{"bool": X > 0, "scalar": np.array(2.5, "f4"), "none": np.zeros((0, 3), "f4")},
    }

    def fill(file):
        for name, value in values.items():
            file[f"here/{name}"] = value
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((9,))
        h5py.Dataset(h5py.h5d.create(file.id, b"compact", h5py.h5t.STD_U8LE, space, compact))[...] = values["u1"]
        return {**{f"here/{name}": value for name, value in values.items()}, "compact": values["u1"]}

    assert_reads(*written(fill, libver=form))


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("ordered", (False, True))
def test_many_members_and_many_attributes(form, ordered):
    told = {
        **{f"number {i}": i for i in range(200)},
        **{f"list {i}": np.arange(i * 200, dtype=">i4" if i % 2 else "f8") for i in range(12)},
        **{"text": "é", "texts": ["a", "bé"], "long": "z" * 70_000 if form != "earliest" else "z" * 60_000},
        **{"fixed": np.bytes_("ab"), "half": np.float16(0.5)},
    }

    def fill(file):
        for i in range(700):
            file.create_group(f"all/layer_{i}", track_order=ordered)["vars"] = np.float32(i)
        group = file.create_group("told", track_order=ordered)
        for name, value in told.items():
            group.attrs[name] = value
        group.attrs["nothing"] = h5py.Empty("f4")
        return {f"all/layer_{i}/vars": np.array(i, "float32") for i in range(700)}

    data, arrays = written(fill, libver=form, track_order=ordered)
    assert_reads(data, arrays)
    with opened(data) as source:
        found = source.attributes("told")
    assert found.pop("nothing") is None and set(found) == set(told)
    for name, value in told.items():
        value = value.tolist() if isinstance(value, np.generic | np.ndarray) else value
        assert found[name] == (value.decode() if isinstance(value, bytes) else value), name


# -- models repacked


def repacked(path, **kwargs):
    """The file at ``path`` written anew, all arrays in chunks, as HDF5's own tools do it."""
    target = path.with_name(f"repacked_{path.name}")
    with h5py.File(path) as old, h5py.File(target, "w", libver="latest") as new:
        new.attrs.update(old.attrs)

        def copy(name, item):
            if isinstance(item, h5py.Dataset):
                new.create_dataset(name, data=item[()], **(kwargs if item.shape else {}))
            new.require_group(name) if isinstance(item, h5py.Group) else None
            new[name].attrs.update(item.attrs)

        old.visititems(copy)
    return target


def small():
    x = given = kbridge.Input((8, 8, 3))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, activation="relu")(x))
    return kbridge.Model(given, layers.Dense(5)(layers.Flatten()(x)))


@pytest.mark.parametrize("filters", FILTERS)
def test_repacked_models_and_weights_open(tmp_path, filters):
    model = small()
    for weight in model.weights:
        weight.assign(np.random.default_rng(weight.size).random(weight.shape))
    model.compile("adam", "mse")
    x = np.random.default_rng(1).random((2, 8, 8, 3))
    model.train_on_batch(x, np.zeros((2, 5)))
    expected = model.predict(x, verbose=0)
    for ending in (".h5", ".weights.h5"):
        path = tmp_path / f"a{ending}"
        (model.save if ending == ".h5" else model.save_weights)(path)
        path = repacked(path, chunks=True, **FILTERS[filters])
        if ending == ".h5":
            again = saving.load_model(path)
            assert int(again.optimizer.iterations) == 1
        else:
            again = small()
            again.load_weights(path)
        np.testing.assert_allclose(again.predict(x, verbose=0), expected, atol=1e-6)


# -- what is refused


def test_what_no_file_of_weights_holds_is_refused_with_what_to_write():
    data, _ = written(lambda file: file.create_dataset("x", data=X, chunks=X.shape, scaleoffset=3))
    with pytest.raises(saving.UnsafeFileError, match="file.h5.*x.*filters that are not read.*h5repack"):
        opened(data)
    for texts in (["a", "b"], np.array([b"a", b"b"])):
        data, _ = written(lambda file, texts=texts: file.create_dataset("x", data=texts))
        with pytest.raises(saving.UnsafeFileError, match="its values are no numbers"):
            opened(data)
    data, _ = written(lambda file: file.create_dataset("x", data=h5py.Empty("f4")))
    with pytest.raises(saving.CorruptFileError, match="no shape"):
        opened(data)


def test_chunks_that_no_one_wrote_are_refused():
    def fill(file):
        for kind, (_, limits) in CHUNKS.items():
            array = file.create_dataset(kind, X.shape, "f4", chunks=(7, 5), maxshape=limits, compression="gzip")
            array[:7] = X[:7]

    data, _ = written(fill, libver="latest")
    with opened(data) as source:
        for kind in CHUNKS:
            with pytest.raises(saving.CorruptFileError, match=f"{kind}.*49 of its chunks are missing"):
                source.read(kind)


def everything(file):
    x = np.arange(240, dtype="float32").reshape(40, 6)
    for kind, limits in {"list": (90, 9), "endless": (None, 6), "endless_2": (40, None), "tree": (None, None)}.items():
        file.create_dataset(f"{kind}/plain", data=x, chunks=(1, 6), maxshape=limits)
        file.create_dataset(f"{kind}/packed", data=x, chunks=(7, 4), maxshape=limits, compression="gzip", shuffle=True)
        file.create_dataset(f"{kind}/quick", data=x, chunks=(40, 6), maxshape=limits, compression="lzf")
    for i in range(60):
        file[f"many/{i}"] = np.float32(i)
        file.attrs[f"a{i}"] = ["x" * i, "y"]
    file.attrs["long"] = "z" * 5000


def read_all(data):
    with opened(data) as source:
        for path in source.groups:
            source.attributes(path)
        return {path: source.read(path) for path in source.entries}


def test_a_changed_byte_of_structure_is_seen():
    data, _ = written(everything, libver="latest")
    for signature in b"OHDR OCHK FRHP FHDB BTHD BTLF FAHD FADB EAHD EAIB EADB".split():
        place = data.find(signature)
        assert place > 0, signature
        changed = bytearray(data)
        changed[place + 12] ^= 1
        with pytest.raises(saving.CorruptFileError, match="file.h5"):
            read_all(bytes(changed))


class Agreeing(int):
    def __ne__(self, other):
        return False


_NUMBERS = [struct.pack("<Q", n) for n in (0, 1, 255, 1 << 31, (1 << 32) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 2)]
_SIGNATURES = b"OHDR OCHK FAHD FADB EAHD EAIB EADB EASB BTHD BTLF BTIN FRHP FHIB FHDB TREE SNOD GCOL HEAP".split()


def mutated(data, draw):
    data = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 5))):
        place = draw.randrange(len(data))
        if draw.random() < 0.6:  # in some structure
            place = max(0, data.find(draw.choice(_SIGNATURES), place)) + draw.randrange(60)
        width = draw.choice((1, 2, 4, 8))
        kind = draw.randrange(4)
        if kind == 0:
            data[place : place + width] = draw.choice(_NUMBERS)[:width]
        elif kind == 1:
            data[place : place + 1] = bytes([draw.randrange(256)])
        elif kind == 2:
            other = draw.randrange(len(data))
            data[place : place + 8 * width] = data[other : other + 8 * width]
        else:
            del data[place : place + width if draw.random() < 0.9 else None]
    return bytes(data)


@pytest.mark.parametrize("form", ("earliest", "latest"))
@pytest.mark.parametrize("sums", ("checked", "agreeing"))
def test_mutated_files_are_read_or_refused(monkeypatch, form, sums):
    """With checksums that always agree, as whoever makes a file could see to, the rest must hold, too."""
    if sums == "agreeing":
        monkeypatch.setattr(hdf5_format, "checksum", lambda data: Agreeing())
    data, _ = written(everything, libver=form)
    draw, refused = random.Random(f"{form} {sums}"), 0
    for _ in range(150):
        changed, begun = mutated(data, draw), time.process_time()
        try:
            read_all(changed)
        except (saving.UnsafeFileError, saving.CorruptFileError) as error:
            assert "file.h5" in str(error)
            refused += 1
        assert time.process_time() - begun < 1
    assert refused > 30
