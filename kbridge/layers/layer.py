"""``Layer``: variables, and the computation that uses them."""

import inspect
from contextlib import nullcontext
from contextvars import ContextVar

from kbridge import constraints, dtype_policies, initializers, objects, regularizers
from kbridge.backend import dtypes, names, registry, remat
from kbridge.backend.frame import entered, get_frame
from kbridge.backend.operation import Operation
from kbridge.backend.scopes import stateless_scope
from kbridge.backend.symbolic import KerasTensor, Node, any_symbol, output_symbols
from kbridge.backend.tree import flatten, map_structure
from kbridge.backend.variable import Variable
from kbridge.layers import tracking
from kbridge.layers.input_spec import assert_input_compatibility
from kbridge.layers.masks import mask_of, remember_mask
from kbridge.layers.stateless import Stateless

# What the call going on here says to the calls inside it.
current_call = ContextVar("kbridge_call", default=None)

# Arguments that describe the input instead of the layer: Sequential reads them.
INPUT_ARGUMENTS = ("input_shape", "batch_input_shape", "input_dim", "input_length", "batch_size", "input_dtype")

_TEXT = frozenset("OSUT")  # the kinds of NumPy's dtypes that hold text: not every engine has tensors of it


class Call:
    """The outermost layer call going on: whether it trains, and which layer it began with."""

    __slots__ = ("training", "root")

    def __init__(self, training, root):
        self.training = training
        self.root = root


class _within:
    """Inside, ``call`` is the call going on."""

    __slots__ = ("call", "token")

    def __init__(self, call):
        self.call = call

    def __enter__(self):
        self.token = current_call.set(self.call)

    def __exit__(self, *error):
        current_call.reset(self.token)


def within_call(layer, training):
    """As ``layer`` would be called from outside: what the layers inside read of training, and where losses go."""
    return layer._scope(current_call.get(), training)


class Layer(Stateless, Operation):
    """A computation with its variables.

    A subclass creates variables in ``build(input_shape)`` with ``add_weight`` and computes in
    ``call(inputs)``. ``call`` may take ``training`` and ``mask``; they are passed when known.

    Args:
        activity_regularizer: a penalty on the output.
        trainable: whether its variables may be trained.
        dtype: a dtype or a policy ("mixed_float16").
        autocast: whether float inputs are cast to the dtype the layer computes in.
        name: its name, unique within a model.
    """

    supports_masking = False
    input_spec = None
    runs_on_host = False  # whether a model runs it before its compiled steps: layers of text
    _path = None  # once it was called or built: its name, behind those of the layers it is part of

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        self.__dict__["_constructed_with"] = (args, kwargs)
        return self

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _recorded(cls.__dict__["build"])
        cls._call_info = None

    def __init__(
        self, *, activity_regularizer=None, trainable=True, dtype=None, autocast=True, name=None, weights=None, **kwargs
    ):
        self.name = name if name is not None else names.unique(names.snake_case(type(self).__name__))
        if not isinstance(self.name, str):
            raise ValueError(f"{type(self).__name__}: name must be a string. Received: name={name!r}.")
        if "/" in self.name:
            raise ValueError(f"{type(self).__name__}: name cannot contain '/'. Received: name={name!r}.")
        self.dtype_policy = dtype
        self._remat_mode = remat.current_mode.get()
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.autocast = autocast
        self._trainable = bool(trainable)
        self.built = False
        self._variables = []
        self._nodes = []
        self._losses = []
        self._has_losses = False
        self._build_shapes = None
        self._input_arguments = {k: kwargs.pop(k) for k in INPUT_ARGUMENTS if kwargs.get(k) is not None}
        for key in INPUT_ARGUMENTS:
            kwargs.pop(key, None)
        self._initial_weights = weights
        if kwargs:
            raise _unknown_arguments(self, kwargs)

    # -- variables

    def build(self, input_shape):
        """Create the variables. Called once, with the shape (or structure of shapes) of the first input."""
        self.built = True

    def add_weight(
        self,
        shape=None,
        initializer=None,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        aggregation="none",
        overwrite_with_gradient=False,
        name=None,
    ):
        """A new Variable of this layer."""
        dtype = dtypes.standardize(dtype or self.variable_dtype)
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float(dtype) else "zeros"
        variable = Variable(
            initializers.get(initializer),
            shape=() if shape is None else shape,
            dtype=dtype,
            trainable=trainable,
            autocast=autocast,
            aggregation=aggregation,
            name=name or "variable",
        )
        with names.name_scope(self.name, caller=self):
            variable.path = names.path(variable.name)
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        self._variables.append(variable)
        return variable

    def _sublayers(self):
        """The layers that attributes of this one hold, in the order they were set."""
        return tracking.held(self, Layer)

    def _own_variables(self):
        """Its own variables, those set as attributes included, the trainable ones first."""
        found = {id(v): v for v in self._variables}
        found.update((id(v), v) for v in tracking.held(self, Variable) if not getattr(v, "host", False))
        return sorted(found.values(), key=lambda v: not v.trainable)

    def _flatten_layers(self, include_self=True):
        """This layer and all inside it, each once, outermost first."""
        found = {}
        stack = [self]
        while stack:
            layer = stack.pop()
            if id(layer) in found:
                continue
            found[id(layer)] = layer
            stack.extend(reversed(layer._sublayers()))
        layers = list(found.values())
        return layers if include_self else layers[1:]

    @property
    def weights(self):
        """Its variables and those of the layers inside it, without the state of metrics and random seeds."""
        found = {id(v): v for v in self._own_variables()}
        for layer in self._sublayers():
            found.update((id(v), v) for v in layer.weights)
        return list(found.values())

    @property
    def variables(self):
        """Its ``weights`` and the state of its random seeds; that of metrics is in ``metrics_variables``."""
        found = {id(v): v for v in self.weights}
        for layer in self._flatten_layers():
            found.update((id(generator.state), generator.state) for generator in tracking.seeds(layer))
        return list(found.values())

    @property
    def trainable_variables(self):
        """The variables that training may change now."""
        return self._select(lambda v: v.trainable, only_trainable_layers=True)

    @property
    def trainable_weights(self):
        return self.trainable_variables

    @property
    def non_trainable_weights(self):
        trained = {id(v) for v in self.trainable_variables}
        return [v for v in self.weights if id(v) not in trained]

    @property
    def non_trainable_variables(self):
        trained = {id(v) for v in self.trainable_variables}
        return [v for v in self.variables if id(v) not in trained]

    def _select(self, wanted, only_trainable_layers):
        if only_trainable_layers and not self.trainable:
            return []
        found = {id(v): v for v in self._own_variables() if wanted(v)}
        for layer in self._sublayers():
            found.update((id(v), v) for v in layer._select(wanted, only_trainable_layers))
        return list(found.values())

    @property
    def trainable(self):
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        self._trainable = bool(value)
        for layer in self._sublayers():
            layer.trainable = value

    @property
    def metrics(self):
        """The metrics that this layer and those inside it hold."""
        from kbridge.metrics import Metric

        return [holder for layer in self._flatten_layers() for holder in tracking.held(layer, Metric)]

    @property
    def metrics_variables(self):
        return [v for metric in self.metrics for v in metric.variables]

    def get_weights(self):
        """The values of ``weights``, as NumPy arrays."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights):
        """Set ``weights`` from a list of arrays of the same shapes, in the same order. All or none are set."""
        variables, values = self.weights, list(weights)
        if len(values) != len(variables):
            raise ValueError(
                f"Layer '{self.name}' has {len(variables)} weights: {[(v.path, v.shape) for v in variables]}. "
                f"Received a list of {len(values)}."
            )
        arrays = [_as_array(value) for value in values]
        for variable, array in zip(variables, arrays):
            if array.shape != variable.shape:
                raise ValueError(
                    f"Weight {variable.path!r} of layer '{self.name}' has the shape {variable.shape}. "
                    f"Received an array of the shape {array.shape}."
                )
        for variable, array in zip(variables, arrays):
            variable.assign(array)

    def count_params(self):
        """The number of parameters in ``weights``."""
        if not self.built:
            raise ValueError(
                f"Layer '{self.name}' is not built, so its parameters are not known. "
                f"Call it on data, or write: layer.build(input_shape)."
            )
        return sum(variable.size for variable in self.weights)

    # -- dtypes

    @property
    def dtype_policy(self):
        """What says which dtypes it computes in and keeps its variables in."""
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value):
        self._dtype_policy = dtype_policies.get(value)
        self._look_up_dtypes()

    def _look_up_dtypes(self):
        policy = self._dtype_policy.for_path(self._path)
        self._dtypes = policy.compute_dtype, policy.variable_dtype  # they are asked for in every call

    @property
    def dtype(self):
        return self.variable_dtype

    @property
    def variable_dtype(self):
        return self._dtypes[1]

    @property
    def compute_dtype(self):
        return self._dtypes[0]

    @property
    def input_dtype(self):
        return self.compute_dtype

    # -- calling

    def __call__(self, *args, **kwargs):
        if self._path is None:
            with self._own_scope():  # the layers built inside have their names behind this one's
                return self(*args, **kwargs)
        if any_symbol(args, kwargs):
            return self._call_on_symbols(args, kwargs)
        args, kwargs = self._convert_arguments(args, kwargs)
        self._ensure_built(args, kwargs)
        if self.input_spec is not None:
            assert_input_compatibility(self.input_spec, args[0] if args else None, self.name)
        info = self._info()
        outer = current_call.get()
        training = kwargs.get("training")
        if training is None:
            training = outer.training if outer is not None else None
        if info.takes_training:
            kwargs["training"] = training if training is not None else info.default_training
        elif "training" in kwargs and not info.takes_anything:
            del kwargs["training"]
        for name, position in info.masks.items():
            if kwargs.get(name) is None and position < len(args):
                mask = map_structure(mask_of, args[position])
                if any(m is not None for m in flatten(mask)):
                    kwargs[name] = mask
        with self._scope(outer, training):
            with self._autocast_scope():
                call = self.call if self._remat_mode is None else self.rematerialized_call(self.call, *args, **kwargs)
                outputs = call(*args, **kwargs)
            if self.activity_regularizer is not None:
                self._add_activity_penalty(outputs)
        if self.supports_masking or info.computes_mask:
            self._carry_mask(args, kwargs, outputs)
        return outputs

    def _own_scope(self):
        """The scope of names in which it creates variables and layers; it has its path from then on."""
        scope = names.name_scope(self.name, caller=self)
        if self._path is None:
            with scope:
                self._path = names.path()
            self._look_up_dtypes()
        return scope

    def _scope(self, outer, training):
        if outer is None:
            if self._has_losses:
                self._clear_losses()
            return _within(Call(training, self))
        return nullcontext() if outer.training == training else _within(Call(training, outer.root))

    def _autocast_scope(self):
        if self.autocast and self.compute_dtype != self.variable_dtype:
            return entered(get_frame().child(autocast=self.compute_dtype))
        return nullcontext() if get_frame().autocast is None else entered(get_frame().child(autocast=None))

    def _convert_arguments(self, args, kwargs):
        engine = registry.current()
        tensor_types, own = engine.tensor_types, self.compute_dtype

        def convert(leaf):
            if type(leaf) not in tensor_types and not engine.is_tensor(leaf):
                if not hasattr(leaf, "shape") or not hasattr(leaf, "dtype") or getattr(leaf, "is_variable", False):
                    return leaf
                if getattr(leaf.dtype, "kind", None) in _TEXT:
                    return leaf
                leaf = engine.convert(leaf)
            if self.autocast:
                found = engine.dtype(leaf)
                if found != own and dtypes.is_float(found):
                    return engine.cast(leaf, own)
            return leaf

        if args and isinstance(args[0], (list, tuple)) and _is_nest_of_numbers(args[0]):
            args = (engine.convert(args[0]), *args[1:])
        args = tuple(convert(a) if not isinstance(a, (list, tuple, dict)) else map_structure(convert, a) for a in args)
        for name, value in kwargs.items():
            if value is not None and not isinstance(value, (bool, str)):
                kwargs[name] = map_structure(convert, value)
        return args, kwargs

    def _ensure_built(self, args, kwargs):
        if self.built:
            return
        shapes = self._shapes_for_build(args, kwargs)
        with entered(get_frame().child(autocast=None)):
            self.build(**shapes) if isinstance(shapes, dict) and self._info().build_names else self.build(shapes)
        self.built = True
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)
            self._initial_weights = None

    def _shapes_for_build(self, args, kwargs):
        """What ``build`` is given: the shape of the first input; of each, if it asks for `query_shape` and the like."""
        info = self._info()
        if not info.build_names:
            return map_structure(_shape_of, args[0]) if args else None
        values = {**dict(zip(info.parameters, args)), **kwargs}
        return {
            name: map_structure(_shape_of, values[name[: -len("_shape")]])
            for name in info.build_names
            if values.get(name[: -len("_shape")]) is not None
        }

    def _call_on_symbols(self, args, kwargs):
        self._ensure_built(args, kwargs)
        info = self._info()
        if self.input_spec is not None and args:
            assert_input_compatibility(self.input_spec, args[0], self.name)
        implied = {}
        for name, position in info.masks.items():
            if kwargs.get(name) is None and position < len(args):
                mask = map_structure(lambda x: getattr(x, "mask", None), args[position])
                if any(m is not None for m in flatten(mask)):
                    implied[name] = mask
        with _within(Call(kwargs.get("training"), self)):
            outputs = self._output_symbols(args, {**kwargs, **implied})
        node = Node(self, args, kwargs, outputs)
        node.implied = implied
        self._nodes.append(node)
        if self.supports_masking or info.computes_mask:
            self._carry_symbolic_mask(args, outputs)
        return outputs

    def _output_symbols(self, args, kwargs):
        info = self._info()

        def run(*args, **kwargs):
            args, kwargs = self._convert_arguments(args, kwargs)
            if info.takes_training:
                kwargs.setdefault("training", info.default_training)
            with self._autocast_scope():
                return self.call(*args, **kwargs)

        had = list(self._losses)
        try:
            return output_symbols(run, args, kwargs)
        except Exception:
            # A layer that cannot be run on shapes may say its shape itself, unless that asks us again.
            if type(self).compute_output_shape is Layer.compute_output_shape or "_is_asked" in self.__dict__:
                raise
            self.__dict__["_is_asked"] = True
            try:
                shape = self.compute_output_shape(map_structure(lambda x: x.shape, args[0]))
            finally:
                del self.__dict__["_is_asked"]
            return _symbols_of_shapes(shape, self.compute_dtype)
        finally:
            self._losses = had

    def compute_output_shape(self, *args, **kwargs):
        """The output's shape for an input of this shape (None where unknown)."""
        spec = self.compute_output_spec(
            *(map_shapes(lambda shape: KerasTensor(shape, self.compute_dtype), arg) for arg in args), **kwargs
        )
        return map_structure(lambda x: x.shape, spec)

    def compute_output_spec(self, *args, **kwargs):
        """Symbols with the shape and dtype of the output, for symbols as inputs."""
        self._ensure_built(args, kwargs)
        return self._output_symbols(args, kwargs)

    def symbolic_call(self, *args, **kwargs):
        return self.compute_output_spec(*args, **kwargs)

    @classmethod
    def _info(cls):
        if cls.__dict__.get("_call_info") is None:
            cls._call_info = _CallInfo(cls)
        return cls._call_info

    # -- masks

    def compute_mask(self, inputs, previous_mask):
        """The mask of the output. The default hands on the input's mask."""
        return previous_mask

    def _carry_mask(self, args, kwargs, outputs):
        if not args:
            return
        previous = kwargs.get("mask")
        if previous is None:
            previous = map_structure(mask_of, args[0])
        computes = self._info().computes_mask
        if not computes and all(m is None for m in flatten(previous)):
            return
        masks = self.compute_mask(args[0], previous)
        if masks is not None:
            for output, mask in zip(flatten(outputs), _one_each(masks, outputs)):
                if mask is not None:
                    remember_mask(output, mask)

    def _carry_symbolic_mask(self, args, outputs):
        if not args:
            return
        previous = map_structure(lambda x: getattr(x, "mask", None), args[0])
        computes = self._info().computes_mask
        if not computes and all(m is None for m in flatten(previous)):
            return
        operation = ComputeMask(self)
        found = operation.symbols(args[0], previous)
        if found is None:
            return
        if not any_symbol(flatten([args[0], previous])):
            return
        Node(operation, (args[0], previous), {}, found)
        for output, mask in zip(flatten(outputs), _one_each(found, outputs)):
            if isinstance(mask, KerasTensor):
                output.mask = mask

    # -- losses

    def add_loss(self, loss):
        """Add a scalar tensor (or a list of them) to what training minimises."""
        scope = stateless_scope()
        if scope is not None and scope.collect_losses:
            for item in flatten([loss]):
                scope.add_loss(item)
        if get_frame().engine is not None and get_frame().engine.abstract:
            return
        call = current_call.get()
        if call is not None:
            call.root._has_losses = True
        self._has_losses = True
        self._losses.extend(flatten([loss]))

    def _add_activity_penalty(self, outputs):
        for output in flatten(outputs):
            if getattr(output, "ndim", 0):
                # The penalty is a mean over the batch, so that it does not grow with its size.
                self.add_loss(self.activity_regularizer(output) / _batch_size(output))

    @property
    def losses(self):
        """What ``add_loss`` was given in the last call, and the penalties of regularized variables."""
        added = [loss() if callable(loss) else loss for layer in self._flatten_layers() for loss in layer._losses]
        return added + [v.regularizer(v) for v in self.trainable_variables if v.regularizer is not None]

    def _clear_losses(self):
        for layer in self._flatten_layers():
            layer._losses = [loss for loss in layer._losses if callable(loss)]

    # -- graph

    def _node_at(self, index):
        if not -len(self._nodes) <= index < len(self._nodes):
            raise ValueError(f"Layer '{self.name}' has {len(self._nodes)} nodes. Received: node_index={index}.")
        return self._nodes[index]

    def get_input_at(self, node_index):
        return _one_or_list(self._node_at(node_index).inputs)

    def get_output_at(self, node_index):
        return self._node_at(node_index).outputs

    def get_input_shape_at(self, node_index):
        return map_structure(lambda x: x.shape, self.get_input_at(node_index))

    def get_output_shape_at(self, node_index):
        return map_structure(lambda x: x.shape, self.get_output_at(node_index))

    def _common_shape(self, what, shape_at):
        if not self._nodes:
            self._one_node(what)
        shapes = [shape_at(i) for i in range(len(self._nodes))]
        if any(shape != shapes[0] for shape in shapes):
            raise AttributeError(
                f"Layer '{self.name}' has nodes of different {what} shapes. "
                f"Write: layer.get_{what}_shape_at(node_index)."
            )
        return shapes[0]

    @property
    def input_shape(self):
        return self._common_shape("input", self.get_input_shape_at)

    @property
    def output_shape(self):
        return self._common_shape("output", self.get_output_shape_at)

    # -- configuration

    def get_config(self):
        """Arguments from which ``from_config`` makes an equal layer, as data."""
        layer_config = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": dtype_policies.serialize(self.dtype_policy),
        }
        if self.activity_regularizer is not None:
            layer_config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        if type(self).get_config is Layer.get_config:
            layer_config.update(self._recorded_arguments())
        return layer_config

    def _recorded_arguments(self):
        """The constructor's arguments, for layers that do not say their config themselves."""
        if type(self).__init__ is Layer.__init__:
            return {}
        args, kwargs = self._constructed_with
        bound = inspect.signature(type(self).__init__).bind(self, *args, **kwargs)
        given = dict(list(bound.arguments.items())[1:])
        for name, parameter in inspect.signature(type(self).__init__).parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                given.update(given.pop(name, {}))
            elif parameter.kind is parameter.VAR_POSITIONAL and name in given:
                raise NotImplementedError(
                    f"{type(self).__name__} takes *{name}, which a config cannot hold. Define get_config()."
                )
        known = ("name", "trainable", "dtype")
        return {k: objects.serialize_keras_object(v) for k, v in given.items() if k not in known}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if isinstance(config.get("dtype"), dict):
            config["dtype"] = dtype_policies.deserialize(config["dtype"])
        if cls.get_config is Layer.get_config:
            config = {k: objects.deserialize_keras_object(v) for k, v in config.items()}
        return cls(**config)

    def get_build_config(self):
        """The shapes it was built for."""
        if self._build_shapes is None:
            return None
        by_name = isinstance(self._build_shapes, dict) and self._info().build_names
        return {"shapes_dict" if by_name else "input_shape": self._build_shapes}

    def build_from_config(self, config):
        config = config or {}
        shape, shapes = config.get("input_shape"), config.get("shapes_dict")
        if shapes:
            self.build(**{name: _as_shape(one) for name, one in shapes.items()})
        elif shape is not None:
            self.build(_as_shape(shape))

    def save_own_variables(self, store):
        """Put the values of its own variables into ``store``, a mapping."""
        for i, variable in enumerate(self._own_variables()):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store):
        """Take the values of its own variables from ``store``."""
        variables = self._own_variables()
        if len(store.keys()) != len(variables):
            raise ValueError(
                f"Layer '{self.name}' has {len(variables)} variables of its own, but the store holds "
                f"{len(store.keys())}. Is the layer built, and is it the one that was saved?"
            )
        for i, variable in enumerate(variables):
            variable.assign(store[str(i)])

    @property
    def path(self):
        """Its name, behind those of the layers that it was first used in."""
        return self._path or self.name

    def _described(self):
        return f"Layer '{self.name}'"

    def __repr__(self):
        built = "built" if self.built else "not built"
        shapes = ""
        if self.built and self._variables:
            shapes = ", " + ", ".join(f"{v.path.rpartition('/')[2]}={v.shape}" for v in self._variables)
        return f"<{type(self).__name__} name={self.name}, {built}{shapes}>"

    def __getstate__(self):
        # Nodes belong to a graph; a model that is a graph writes them down itself.
        return {k: v for k, v in self.__dict__.items() if k != "_nodes"}

    def __setstate__(self, state):
        self.__dict__.update(state, _nodes=[])


class ComputeMask:
    """The operation of a mask's node: what ``layer.compute_mask`` makes of inputs and masks."""

    def __init__(self, layer):
        self.layer = layer
        self.name = f"{layer.name}_mask"

    def __call__(self, inputs, masks):
        return self.layer.compute_mask(inputs, masks)

    def symbols(self, inputs, masks):
        return output_symbols(self, (inputs, masks), {})


class _CallInfo:
    """What the signatures of a layer class's ``call`` and ``build`` say."""

    def __init__(self, cls):
        signature = inspect.signature(cls.call)
        parameters = list(signature.parameters.values())[1:]
        self.takes_anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
        self.parameters = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        known = {p.name: p for p in parameters}
        self.takes_training = "training" in known
        default = known["training"].default if self.takes_training else None
        self.default_training = False if default in (None, inspect.Parameter.empty) else default
        # which argument each mask argument belongs to: `mask` to the first, `value_mask` to `value`
        self.masks = {}
        for name in known:
            if name == "mask":
                self.masks[name] = 0
            elif name.endswith("_mask") and name[: -len("_mask")] in self.parameters:
                self.masks[name] = self.parameters.index(name[: -len("_mask")])
        self.computes_mask = cls.compute_mask is not Layer.compute_mask
        build = [p.name for p in list(inspect.signature(cls.build).parameters.values())[1:]]
        self.build_names = build if len(build) > 1 and all(name.endswith("_shape") for name in build) else None


def _recorded(build):
    """``build``, remembering that it was done and for which shapes."""

    def run(self, *args, **kwargs):
        with self._own_scope():
            result = build(self, *args, **kwargs)
        if args or kwargs:
            shapes = kwargs or args[0]
            self._build_shapes = dict(shapes) if isinstance(shapes, dict) else shapes
        self.built = True
        return result

    run.__wrapped__ = build
    run.__name__, run.__doc__, run.__qualname__ = "build", build.__doc__, build.__qualname__
    return run


def _unknown_arguments(layer, kwargs):
    from difflib import get_close_matches

    known = [name for name in inspect.signature(type(layer).__init__).parameters if name not in ("self", "kwargs")]
    known += ["name", "dtype", "trainable", "activity_regularizer", "input_shape"]
    hints = [f"{k!r}" + "".join(f" (did you mean {m!r}?)" for m in get_close_matches(k, known, 1)) for k in kwargs]
    return TypeError(f"{type(layer).__name__} does not know the argument(s) {', '.join(hints)}.")


def map_shapes(function, shape):
    """``function`` of each shape in a structure of shapes; a shape is a tuple or list of ints and Nones."""
    if isinstance(shape, dict):
        return {key: map_shapes(function, value) for key, value in shape.items()}
    if isinstance(shape, (list, tuple)) and not is_shape(shape):
        return [map_shapes(function, item) for item in shape]
    return function(tuple(shape))


def is_shape(value):
    return isinstance(value, (list, tuple)) and all(dim is None or isinstance(dim, int) for dim in value)


def _as_shape(shape):
    return map_shapes(tuple, shape)


def _symbols_of_shapes(shape, dtype):
    return map_shapes(lambda dims: KerasTensor(dims, dtype), shape)


def _shape_of(leaf):
    shape = getattr(leaf, "shape", None)
    return None if shape is None else tuple(shape)


def _one_or_list(items):
    return items[0] if len(items) == 1 else items


def _one_each(masks, outputs):
    """A mask or None for each output, in order; outputs beyond the masks have none."""
    count = len(flatten(outputs))
    found = flatten([masks])[:count]
    return found + [None] * (count - len(found))


def _batch_size(output):
    from kbridge import ops

    return ops.cast(ops.shape(output)[0], output.dtype)


def _is_nest_of_numbers(value):
    leaves = flatten(value)
    return bool(leaves) and all(isinstance(leaf, (bool, int, float)) for leaf in leaves)


def _as_array(value):
    import numpy as np

    if isinstance(value, Variable):
        return value.numpy()
    engine = registry.current()
    return engine.to_numpy(value) if engine.is_tensor(value) else np.asarray(value)
