"""Arrays into an HDF5 file, group by group, in the layout of Keras's weights files."""

import numpy as np


class Hdf5Writer:
    """Writes to a binary file object that can also be read."""

    def __init__(self, file):
        import h5py

        self._file = h5py.File(file, "w")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()

    def store(self, path, name):
        """The mapping that an object's variables are put into; ``name`` is what the object is called."""
        group = self._file.require_group(f"{path}/vars" if path else "vars")
        if name is not None:
            group.attrs["name"] = str(name)
        return _Store(group)

    def keep(self, path, array):
        """Put an array where it was in another file."""
        self._file.create_dataset(path, data=array)

    def note(self, name, text):
        """Add a text of our own, which other readers do not look at."""
        self._file.create_dataset(name, data=np.frombuffer(text.encode("utf-8"), "uint8"))


class _Store:
    """What ``save_own_variables`` is given: names to arrays, each written at once."""

    def __init__(self, group):
        self._group = group

    def __setitem__(self, key, value):
        value = as_array(value)
        if value.dtype.name == "bfloat16":  # a type that HDF5 has no word for
            self._group.create_dataset(key, data=value.view("V2")).attrs["dtype"] = "bfloat16"
        else:
            self._group.create_dataset(key, data=value)

    def __getitem__(self, key):
        return self._group[key][()]

    def keys(self):
        return self._group.keys()

    def __len__(self):
        return len(self._group)

    def __iter__(self):
        return iter(self._group)

    def __contains__(self, key):
        return key in self._group


def as_array(value):
    """A value that a layer saves, as a NumPy array."""
    if isinstance(value, np.ndarray):
        return value
    from kbridge.backend import registry
    from kbridge.backend.variable import Variable

    if isinstance(value, Variable):
        return value.numpy()
    engine = registry.current()
    return engine.to_numpy(value) if engine.is_tensor(value) else np.asarray(value)
