"""torch's modules as layers of kbridge, and kbridge's models as modules of torch."""

from contextlib import nullcontext

import torch

from kbridge.backend import registry
from kbridge.backend.frame import entered, get_frame
from kbridge.backend.shared import SharedVariable
from kbridge.backend.tree import map_structure
from kbridge_torch import tensors


def _engine():
    from kbridge_torch import engine

    return engine


class ModuleRunner:
    """A ``torch.nn.Module`` that computes with the values of Variables, which share its memory."""

    def __init__(self, module):
        if not isinstance(module, torch.nn.Module):
            raise TypeError(
                f"TorchModuleWrapper wraps a torch.nn.Module. Received: {module!r} (of type {type(module).__name__})."
            )
        if any(isinstance(p, torch.nn.parameter.UninitializedTensorMixin) for p in module.parameters()):
            raise ValueError(
                "TorchModuleWrapper: the module has lazy parameters. Run it once on an example before wrapping it."
            )
        self.module = module.to(tensors.current_device())
        trained = {name: _shared(name, p, p.requires_grad) for name, p in module.named_parameters()}
        self.buffers = {name: _shared(name, b, False) for name, b in module.named_buffers()}
        self.parameters = trained
        self.variables = [*trained.values(), *self.buffers.values()]

    def __call__(self, args, kwargs, training, narrow):
        """What the module gives; ``narrow`` is the dtype to compute in where it may be narrower than the weights'."""
        module = self.module
        if module.training != training:
            module.train(training)
        # Clones, since a module writes to its buffers: only what it assigned goes into the variables.
        buffers = {name: variable.value.clone() for name, variable in self.buffers.items()}
        values = {name: variable.value for name, variable in self.parameters.items()}
        before = {name: buffer._version for name, buffer in buffers.items()}
        with nullcontext() if narrow is None else torch.autocast(_device_type(values), tensors.torch_dtype(narrow)):
            outputs = torch.func.functional_call(module, {**values, **buffers}, args, kwargs)
        if narrow is not None:
            outputs = map_structure(lambda leaf: _narrowed(leaf, narrow), outputs)
        for name, buffer in buffers.items():
            # torch does not count what batch_norm writes to running statistics
            if training or buffer._version != before[name]:
                self.buffers[name].assign(buffer.detach())
        return outputs


def _shared(name, tensor, trainable):
    def show(storage):
        tensor.data = storage
        return storage

    storage = tensor.data
    return SharedVariable(
        tensors.to_numpy(storage), _engine(), storage, show, trainable=trainable, name=name, autocast=False
    )


def _device_type(values):
    return next((value.device.type for value in values.values()), tensors.current_device().type)


def _narrowed(leaf, dtype):
    return tensors.cast(leaf, dtype) if isinstance(leaf, torch.Tensor) and leaf.is_floating_point() else leaf


BRIDGES = {"module": ModuleRunner}


class KerasModule(torch.nn.Module):
    """A model of kbridge as a module of torch: see ``as_module``."""

    def __init__(self, model):
        super().__init__()
        if not model.built:
            raise ValueError(
                f"Model '{model.name}' must be built first. Call it on data, or write: model.build(shape)."
            )
        self.__dict__["model"] = model
        self.__dict__["places"] = []  # (the submodule, the name in it, the Variable)
        trained = {id(variable) for variable in model.trainable_variables}
        prefix = f"{model.name}/"
        for variable in model.weights:
            *parts, name = variable.path.removeprefix(prefix).split("/")
            place = self
            for part in parts:
                if not hasattr(place, part):
                    place.add_module(part, torch.nn.Module())
                place = getattr(place, part)
            if name in place._parameters or name in place._buffers:
                raise ValueError(
                    f"Two weights of model '{model.name}' have the path {variable.path!r}. Give its layers names of "
                    f"their own, so that each weight has a key in the state_dict."
                )
            with registry.use_backend("torch"):
                storage = variable.storage
            if id(variable) in trained and storage.is_floating_point():
                place.register_parameter(name, torch.nn.Parameter(storage))
            else:
                place.register_buffer(name, storage)
            self.places.append((place, name, variable))

    def _tensor(self, place, name):
        return place._parameters[name] if name in place._parameters else place._buffers[name]

    def _follow(self):
        """Let parameters and buffers lie where the variables' values are by now."""
        with registry.use_backend("torch"):
            for place, name, variable in self.places:
                self._tensor(place, name).data = variable.storage

    def forward(self, *args, **kwargs):
        self._follow()
        engine = _engine()
        buffers = [variable for place, name, variable in self.places if name in place._buffers]
        bound = {id(variable): self._tensor(place, name) for place, name, variable in self.places}
        frame = get_frame().child(engine=engine, bindings=bound, captures=True, touched={}, written={})
        with entered(frame):
            outputs = self.model(*args, training=self.training, **kwargs)
        with entered(get_frame().child(engine=engine)):
            for key, variable in frame.written.items():
                value = bound[key]
                variable.assign(value.detach() if isinstance(value, torch.Tensor) else value)
        if buffers:
            self._follow()
        return outputs

    def state_dict(self, *args, **kwargs):
        self._follow()
        return super().state_dict(*args, **kwargs)

    def load_state_dict(self, *args, **kwargs):
        self._follow()
        return super().load_state_dict(*args, **kwargs)

    def _apply(self, fn, recurse=True):
        self._follow()
        super()._apply(fn, recurse)
        for place, name, variable in self.places:
            tensor = self._tensor(place, name)
            if tensor.dtype != tensors.torch_dtype(variable.dtype):
                raise TypeError(
                    f"The weight {variable.path!r} is {variable.dtype} and stays so. To compute in another dtype, make "
                    f"the model with dtype='mixed_bfloat16'."
                )
            variable.set_storage(_engine(), tensor.data)
        return self


def as_module(model):
    """A built ``model`` as a ``torch.nn.Module``.

    Its parameters share their memory with the model's trainable variables, its buffers with the others; their names
    are the variables' paths, with dots. It can be part of other modules, trained by torch's optimizers, and saved by
    its ``state_dict``; the model goes on with the values that result.
    """
    return KerasModule(model)
