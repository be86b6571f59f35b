"""Arrays in HDF5 files: as data for ``fit``, and as a dict."""

import io
import os

import numpy as np

HDF5_OBJECT_HEADER_LIMIT = 64512  # bytes that one attribute may have


def h5py_for(asking):
    """The module h5py, or an error that says what to install."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError(f"{asking} needs h5py, which is not installed. Run: pip install kbridge[h5]") from error
    return h5py


class HDF5Matrix:
    """A data set in an HDF5 file, in place of an array: only the rows that are asked for are read.

    Args:
        datapath: the file.
        dataset: the name of the data set in it.
        start: the first row that belongs to it.
        end: the row after the last one; all, unless told.
        normalizer: a function of rows, for what they are to become.
    """

    refs = {}  # the files that are open, by path

    def __init__(self, datapath, dataset, start=0, end=None, normalizer=None):
        h5py = h5py_for("HDF5Matrix")
        if not self.refs.get(datapath):  # a closed file is false
            self.refs[datapath] = h5py.File(datapath, "r")
        file = self.refs[datapath]
        if dataset not in file:
            raise KeyError(f"HDF5Matrix: {datapath} holds {sorted(file)}, but not {dataset!r}.")
        self.data = file[dataset]
        self.start = start
        self.end = self.data.shape[0] if end is None else end
        self.normalizer = normalizer
        first = self._normal(self.data[0:1])
        self._base_shape, self._base_dtype = first.shape[1:], first.dtype

    def _normal(self, rows):
        return rows if self.normalizer is None else self.normalizer(rows)

    def __len__(self):
        return self.end - self.start

    def __getitem__(self, key):
        count = len(self)
        if isinstance(key, slice):
            start, stop, step = key.start or 0, count if key.stop is None else key.stop, key.step
            if min(start, stop) < 0 or (step or 1) < 1:
                start, stop, step = key.indices(count)
            if stop > count:
                raise IndexError(f"HDF5Matrix: there are {count} rows. Received: {key}.")
            return self._normal(self.data[start + self.start : stop + self.start : step])
        if isinstance(key, (int, np.integer)):
            if not -count <= key < count:
                raise IndexError(f"HDF5Matrix: there are {count} rows. Received: {key}.")
            return self._normal(self.data[self.start + key % count])
        rows = np.asarray(key)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        if rows.size and not -count <= rows.min() <= rows.max() < count:
            raise IndexError(f"HDF5Matrix: there are {count} rows. Received: {rows.min()} to {rows.max()}.")
        if not rows.size:
            return self._normal(self.data[0:0])
        wanted, places = np.unique(rows % count, return_inverse=True)  # a file gives rows in order, and each once
        return self._normal(self.data[wanted + self.start][places])

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[0 : len(self)], dtype=dtype)

    @property
    def shape(self):
        """The shape of all rows together, normalized."""
        return (len(self), *self._base_shape)

    @property
    def dtype(self):
        """The dtype of the rows, normalized."""
        return self._base_dtype

    @property
    def ndim(self):
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self):
        """The number of values."""
        return int(np.prod(self.shape))


class H5Dict:
    """A group of an HDF5 file as a dict: arrays are data sets, other values attributes, and groups such dicts.

    Args:
        path: a file, a group of h5py, or a dict, which takes the place of a file.
        mode: "r" to read, "w" to begin anew, "a" to add.
    """

    def __init__(self, path, mode="a"):
        self.read_only = mode == "r"
        self._is_file = isinstance(path, (str, os.PathLike))
        if self._is_file:
            self.data = h5py_for("H5Dict").File(path, mode)
        elif self.is_supported_type(path):
            self.data = path
            if isinstance(path, dict) and mode == "w":
                path.clear()
        else:
            raise TypeError(f"H5Dict takes a path, a group of h5py or a dict. Received: {type(path).__name__}.")

    @staticmethod
    def is_supported_type(path):
        """Whether an ``H5Dict`` can be made of it."""
        if isinstance(path, (str, os.PathLike, dict)):
            return True
        return isinstance(path, h5py_for("H5Dict").Group)

    @property
    def _in_memory(self):
        return isinstance(self.data, dict)

    def __setitem__(self, attr, val):
        attr = _text(attr)
        if self.read_only:
            raise ValueError(f"H5Dict: {attr!r} cannot be set, since mode='r'. Write: mode='a'")
        is_array = isinstance(val, (np.ndarray, np.generic))
        if self._in_memory:
            self.data[attr] = np.array(val) if is_array else val
            return
        if attr in self.data:
            raise KeyError(f"H5Dict: there is a group or data set {attr!r} already.")
        if is_array:
            self.data.create_dataset(attr, data=val)
        elif isinstance(val, (list, tuple)):
            self._set_list(attr, val)
        else:
            self.data.attrs[attr] = val

    def _set_list(self, attr, val):
        val = [item.encode() if isinstance(item, str) else item for item in val]
        long = [item for item in val if isinstance(item, bytes) and len(item) > HDF5_OBJECT_HEADER_LIMIT]
        if long:
            raise RuntimeError(
                f"H5Dict: {attr!r} has items of more than {HDF5_OBJECT_HEADER_LIMIT} bytes, which no attribute of "
                f"HDF5 can hold: {long[0][:60]}..."
            )
        whole = np.asarray(val)
        parts = 1
        while any(part.nbytes > HDF5_OBJECT_HEADER_LIMIT for part in np.array_split(whole, parts)):
            parts += 1
        if parts == 1:
            self.data.attrs[attr] = whole
            return
        for number, part in enumerate(np.array_split(whole, parts)):
            self.data.attrs[f"{attr}{number}"] = part

    def __getitem__(self, attr):
        attr = _text(attr)
        if self._in_memory:
            if attr not in self.data:
                self._refuse_new(attr)
                self.data[attr] = {}
            found = self.data[attr]
            return H5Dict(found, self._mode) if isinstance(found, dict) else found
        if attr in self.data.attrs:
            found = self.data.attrs[attr]
            return found.tolist() if isinstance(found, np.ndarray) and found.dtype.kind == "S" else found
        if attr in self.data:
            found = self.data[attr]
            return H5Dict(found, self._mode) if hasattr(found, "keys") else np.asarray(found)
        if f"{attr}0" in self.data.attrs:
            parts = []
            while f"{attr}{len(parts)}" in self.data.attrs:
                parts.append(self.data.attrs[f"{attr}{len(parts)}"])
            return [item.decode() if isinstance(item, bytes) else item for part in parts for item in part.tolist()]
        self._refuse_new(attr)
        return H5Dict(self.data.create_group(attr))

    @property
    def _mode(self):
        return "r" if self.read_only else "a"

    def _refuse_new(self, attr):
        if self.read_only:
            raise ValueError(f"H5Dict: there is no {attr!r}, and none can be made, since mode='r'.")

    def __contains__(self, key):
        return key in self.data or (not self._in_memory and key in self.data.attrs)

    def __len__(self):
        return len(self.data)

    def __iter__(self):
        return iter(self.data)

    def iter(self):
        """The names in it, one by one."""
        return iter(self.data)

    def keys(self):
        """The names in it."""
        return self.data.keys()

    @property
    def attrs(self):
        """The attributes of the group."""
        return self.data.attrs

    def get(self, key, default=None):
        """What ``key`` names, or ``default``; no group is made."""
        return self[key] if key in self else default

    def update(self, *args):
        """Set what the dicts in ``args`` hold."""
        for given in args:
            for key, value in dict(given).items():
                self[key] = value

    def close(self):
        """Write everything to the file, and close it if it was opened here."""
        if not self._in_memory:
            self.data.file.flush()
            if self._is_file:
                self.data.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def _text(key):
    return key.decode() if isinstance(key, bytes) else key


def save_to_binary_h5py(save_function, stream):
    """What ``save_function`` writes into a file of h5py, as bytes, into ``stream``; what it returns is returned."""
    buffer = io.BytesIO()
    with h5py_for("save_to_binary_h5py").File(buffer, "w") as file:
        result = save_function(file)
    stream.write(buffer.getvalue())
    return result


def load_from_binary_h5py(load_function, stream):
    """What ``load_function`` makes of the file of h5py whose bytes are in ``stream``."""
    with h5py_for("load_from_binary_h5py").File(io.BytesIO(stream.read()), "r") as file:
        return load_function(file)


def save_array(array, name):
    """Write one array into an HDF5 file called ``name``."""
    with h5py_for("save_array").File(name, "w") as file:
        file.create_dataset("data", data=array)


def load_array(name):
    """The array that ``save_array`` wrote."""
    with h5py_for("load_array").File(name, "r") as file:
        return file["data"][...]


def ask_to_proceed_with_overwrite(filepath):
    """Ask on the terminal whether a file may be replaced."""
    answer = input(f"[WARNING] {filepath} already exists - overwrite? [y/n] ").strip().lower()
    while answer not in ("y", "n"):
        answer = input('Enter "y" (overwrite) or "n" (cancel). ').strip().lower()
    if answer == "y":
        print("[TIP] Next time specify overwrite=True!")
    return answer == "y"
