"""The formats that the data sets come in. Two of them are pickles, of which only arrays and plain data are read."""

import gzip
import io
import pickle
import zipfile

import numpy as np


def _to_bytes(text, encoding):
    """How Python 3 writes bytes into a pickle that Python 2 can read."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"The file asks for the encoding {encoding!r}, which no data set needs.")
    return text.encode("latin-1")


def _from_buffer(buffer, dtype, shape, order, axis_order=None):
    """An array as the newest pickles hold it."""
    if axis_order is not None:
        raise pickle.UnpicklingError("The file holds an array with axes in an order that no data set has.")
    return np.frombuffer(buffer, dtype).reshape(shape, order=order).copy()


class _Plain(pickle.Unpickler):
    """Makes numbers, strings, containers and arrays; whatever else a pickle asks for is refused."""

    # What a pickled array asks for, by the names that NumPy's versions have written.
    _allowed = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy._core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy.core.numeric", "_frombuffer"): _from_buffer,
        ("numpy._core.numeric", "_frombuffer"): _from_buffer,
        ("_codecs", "encode"): _to_bytes,
    }

    def find_class(self, module, name):
        if (module, name) not in self._allowed:
            raise pickle.UnpicklingError(
                f"The file asks for {module}.{name}, which no data set needs. It is damaged or malicious; it was not "
                f"read further."
            )
        return self._allowed[module, name]


def read_plain(path, encoding="bytes"):
    """What a pickle (it may be gzipped) holds, if that is plain data and arrays; Python 2's strings by ``encoding``."""
    with (gzip.open if str(path).endswith(".gz") else open)(path, "rb") as file:
        return _Plain(file, encoding=encoding).load()


def read_pickle(path):
    """The dict in a pickle that Python 2 wrote, its keys as strings."""
    found = read_plain(path)
    return {key.decode() if isinstance(key, bytes) else key: value for key, value in found.items()}


def read_npz(path, *names):
    """The arrays called ``names`` in an npz file; they may hold lists of numbers."""
    with zipfile.ZipFile(path) as archive:
        members = {name.removesuffix(".npy"): name for name in archive.namelist()}
        missing = [name for name in names if name not in members]
        if missing:
            raise ValueError(f"{path} holds {sorted(members)}, but not {missing}: it is not the file that was meant.")
        return [_read_npy(archive.read(members[name])) for name in names]


def _read_npy(data):
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    _, _, dtype = read_header(file)
    if dtype.hasobject:
        return _Plain(file, encoding="latin-1").load()
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def read_idx(path):
    """The array in a gzipped file of the IDX format, of bytes."""
    with gzip.open(path, "rb") as file:
        data = file.read()
    axes = data[3] if len(data) > 4 else 0
    if data[:3] != b"\0\0\x08" or not 1 <= axes <= 4:
        raise ValueError(f"{path} is no file of the IDX format that holds bytes.")
    shape = np.frombuffer(data, ">u4", axes, offset=4).astype(int)
    values = np.frombuffer(data, "uint8", offset=4 + 4 * axes)
    if values.size != shape.prod():
        raise ValueError(f"{path} should hold an array of the shape {tuple(shape)}, but has {values.size} bytes of it.")
    return values.reshape(shape).copy()  # writable


def shuffled(seed, *arrays):
    """Arrays of one length, brought into the same random order, of a seed or of a RandomState."""
    order = np.arange(len(arrays[0]))
    (seed if isinstance(seed, np.random.RandomState) else np.random.RandomState(seed)).shuffle(order)
    return [array[order] for array in arrays]


def split(test_split, *arrays):
    """((first parts of the arrays), (last parts, ``test_split`` of them))."""
    if not 0 <= test_split < 1:
        raise ValueError(f"load_data: test_split must be at least 0 and below 1. Received: test_split={test_split!r}.")
    cut = int(len(arrays[0]) * (1 - test_split))
    return tuple(a[:cut] for a in arrays), tuple(a[cut:] for a in arrays)
