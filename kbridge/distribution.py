"""Distribution over devices: the names of ``keras.distribution``, for one process and one device.

A ``DataParallel`` over one device is what training on it is anyway. Meshes of more devices, and models spread over
devices, are left for later and say so.
"""

import math
from collections.abc import MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from kbridge.backend import registry
from kbridge.backend.frame import entered, get_frame, process

_distribution = ContextVar("kbridge_distribution", default=None)
_process = {"distribution": None}


def list_devices(device_type=None):
    """The devices of the engine in charge: those of a kind ("cpu", "gpu", "tpu"), or the fastest kind there is."""
    found = registry.current().devices()
    if device_type is None:
        return [name for name in found if not name.startswith("cpu")] or found
    return [name for name in found if name.startswith(device_type.lower())]


def get_device_count(device_type=None):
    """How many devices ``list_devices`` lists."""
    return len(list_devices(device_type))


def initialize(job_addresses=None, num_processes=None, process_id=None):
    """Begin to work as one of several processes: available for one process, for which there is nothing to do."""
    several = [address for address in str(job_addresses or "").split(",") if address.strip()][1:]
    if several or num_processes not in (None, 1) or process_id not in (None, 0):
        raise NotImplementedError(
            f"distribution.initialize: several processes are left for later. Received: "
            f"job_addresses={job_addresses!r}, num_processes={num_processes!r}, "
            f"process_id={process_id!r}. Leave the call out."
        )


class DeviceMesh:
    """Devices as a grid.

    Args:
        shape: the shape of the grid.
        axis_names: a name for each of its axes.
        devices: names of devices, as many as the grid has places; all that there are unless told.
    """

    def __init__(self, shape, axis_names, devices=None):
        devices = list_devices() if devices is None else devices
        devices = np.asarray(devices).reshape(-1)
        if not shape or len(shape) != len(axis_names):
            raise ValueError(
                f"DeviceMesh: axis_names must name each axis of shape. Received: shape={shape}, "
                f"axis_names={axis_names}."
            )
        if math.prod(shape) != len(devices):
            raise ValueError(
                f"DeviceMesh: shape {tuple(shape)} has {math.prod(shape)} places for {len(devices)} devices: "
                f"{devices.tolist()}."
            )
        self._shape = tuple(shape)
        self._axis_names = list(axis_names)
        self._devices = devices.reshape(self._shape)

    @property
    def shape(self):
        return self._shape

    @property
    def axis_names(self):
        return self._axis_names

    @property
    def devices(self):
        """The names of the devices, as an array of the grid's shape."""
        return self._devices

    @property
    def backend_mesh(self):
        """The name of its device, which is all that an engine needs to know of a mesh of one."""
        return _only_device(self)

    def __repr__(self):
        return f"<DeviceMesh shape={self.shape}, axis_names={self.axis_names}>"


def _only_device(mesh):
    if mesh.devices.size > 1:
        raise NotImplementedError(
            f"{mesh!r}: distribution over several devices is left for later. Make a mesh of one device: "
            f"DeviceMesh((1,), ['batch'], ['{mesh.devices.flat[0]}'])."
        )
    return str(mesh.devices.flat[0])


class TensorLayout:
    """Along which axes of a mesh the axes of a tensor are cut; None where one is whole on each device."""

    def __init__(self, axes, device_mesh=None):
        self._axes = tuple(axes)
        self._device_mesh = None
        if device_mesh is not None:
            self.device_mesh = device_mesh

    @property
    def axes(self):
        return self._axes

    @property
    def device_mesh(self):
        return self._device_mesh

    @device_mesh.setter
    def device_mesh(self, mesh):
        if self._device_mesh is not None:
            raise ValueError(f"TensorLayout: the mesh is set already: {self._device_mesh}.")
        unknown = set(self._axes) - set(mesh.axis_names) - {None}
        if unknown:
            raise ValueError(f"TensorLayout: the axes {sorted(unknown)} are not among those of {mesh}.")
        self._device_mesh = mesh

    @property
    def backend_layout(self):
        """The name of the device that the whole tensor lies on."""
        if self._device_mesh is None:
            raise ValueError("TensorLayout: it has no device_mesh yet. Set it first.")
        return _only_device(self._device_mesh)

    def __repr__(self):
        return f"<TensorLayout axes={self.axes}, device_mesh={self.device_mesh}>"


class LayoutMap(MutableMapping):
    """Layouts of variables, by regular expressions for their paths."""

    def __init__(self, device_mesh):
        self._device_mesh = device_mesh
        self._layouts = {}

    @property
    def device_mesh(self):
        return self._device_mesh

    def __getitem__(self, key):
        import re

        if key in self._layouts:
            return self._layouts[key]
        fitting = [pattern for pattern in self._layouts if re.search(pattern, key)]
        if len(fitting) > 1:
            raise ValueError(f"LayoutMap: the path {key!r} fits several keys: {fitting}.")
        return self._layouts[fitting[0]] if fitting else None

    def __setitem__(self, key, layout):
        if key in self._layouts:
            raise ValueError(f"LayoutMap: the key {key!r} is there already. Delete it first.")
        layout = layout if isinstance(layout, TensorLayout) else TensorLayout(layout)
        if layout.device_mesh is None and self._device_mesh is not None:
            layout.device_mesh = self._device_mesh
        self._layouts[key] = layout

    def __delitem__(self, key):
        del self._layouts[key]

    def __len__(self):
        return len(self._layouts)

    def __iter__(self):
        return iter(self._layouts)


class Distribution:
    """How tensors lie on the devices of a mesh."""

    def __init__(self, device_mesh, batch_dim_name=None, auto_shard_dataset=True):
        self.device_mesh = device_mesh
        self.batch_dim_name = batch_dim_name or device_mesh.axis_names[0]
        self.auto_shard_dataset = auto_shard_dataset
        self._device = _only_device(device_mesh)

    num_processes = 1
    data_shard_id = 0

    def distribute_dataset(self, dataset):
        """The part of a data set that this process trains on: all of it."""
        return dataset

    distribute_tf_dataset = distribute_dataset

    @property
    def num_model_replicas(self):
        """How many copies of the model there are."""
        return self.device_mesh.shape[self.device_mesh.axis_names.index(self.batch_dim_name)]

    @contextmanager
    def scope(self):
        """Inside, this is the distribution, and its device the one that tensors are put on."""
        token = _distribution.set(self)
        try:
            with entered(get_frame().child(device=self._device)):
                yield self
        finally:
            _distribution.reset(token)


class DataParallel(Distribution):
    """Batches cut along their first axis over the devices, with the model whole on each. For one device.

    Args:
        device_mesh: a mesh of one axis.
        devices: names of devices, in place of a mesh.
        auto_shard_dataset: whether data sets are cut for each process; there is one process.
    """

    def __init__(self, device_mesh=None, devices=None, auto_shard_dataset=True):
        if device_mesh is None:
            devices = list_devices() if devices is None else list(np.asarray(devices).reshape(-1))
            device_mesh = DeviceMesh((len(devices),), ["batch"], devices)
        if len(device_mesh.shape) != 1:
            raise ValueError(f"DataParallel needs a mesh of one axis. Received: {device_mesh}.")
        super().__init__(device_mesh, auto_shard_dataset=auto_shard_dataset)

    def get_data_layout(self, data_shape):
        """The layout of a batch of this shape."""
        return TensorLayout([self.batch_dim_name, *[None] * (len(data_shape) - 1)], self.device_mesh)

    def get_variable_layout(self, variable):
        """The layout of a variable: whole."""
        return variable.layout or TensorLayout([None] * variable.ndim, self.device_mesh)

    def get_tensor_layout(self, path):
        """The layout of an intermediate result: none of its own."""
        return None

    def __repr__(self):
        return f"<DataParallel device_mesh={self.device_mesh}>"


class ModelParallel(Distribution):
    """Models spread over devices: left for later."""

    def __init__(self, *, layout_map=None, batch_dim_name=None, auto_shard_dataset=True, **kwargs):
        raise NotImplementedError(
            "ModelParallel is left for later: a model lies on one device as yet. Leave it out, or write DataParallel()."
        )


def distribution():
    """The distribution in force, or None."""
    return _distribution.get() or _process["distribution"]


def set_distribution(value):
    """Make ``value`` the distribution of this process; None ends it."""
    if value is not None and not isinstance(value, Distribution):
        raise ValueError(f"set_distribution takes a DataParallel or None. Received: {value!r}.")
    _process["distribution"] = value
    device = None if value is None else value._device
    process.device = None if device == registry.current().default_device() else device


def distribute_tensor(tensor, layout):
    """``tensor`` on the device that ``layout`` names."""
    device = layout.backend_layout if isinstance(layout, TensorLayout) else str(layout)
    with entered(get_frame().child(device=device)):
        return registry.current().convert(tensor)
