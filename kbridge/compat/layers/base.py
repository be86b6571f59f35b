"""What every layer of Keras 1 and 2 had, and what users' own layers may do as they did then.

``Keras1Layer`` and ``Keras2Layer`` are mixins: they come before a class of today, in a door or in ``Layer`` itself.
They translate; what computes is the class behind them. ``Layer.__call__`` is left alone.
"""

import functools
import inspect

import numpy as np

from kbridge import constraints, regularizers
from kbridge.backend import dtypes, names, registry
from kbridge.backend.frame import get_frame
from kbridge.backend.symbolic import KerasTensor, is_symbol, met_symbols
from kbridge.backend.tree import flatten
from kbridge.backend.variable import Variable
from kbridge.compat import computing
from kbridge.compat.initializers import for_layers
from kbridge.compat.inplace import out_of_place
from kbridge.compat.layers import nodes, outer
from kbridge.compat.renames import constraint_of, regularizer_of
from kbridge.layers.layer import Layer, is_shape
from kbridge.objects import by_reference


def initializer_of(initializer):
    """``initializer``, as layers take it: functions of old took (shape), (shape, name) or (shape, dtype)."""
    return initializer if isinstance(initializer, str) else for_layers(initializer)


class OldLayer:
    """What the layers of both generations had. Not used by itself: see ``Keras1Layer`` and ``Keras2Layer``."""

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls, *args, **kwargs)
        # Users' constructors may use these before they call ours.
        self.__dict__.update(_trained=[], _untrained=[], _outbound=[])
        self.__dict__.update(_registered_losses=[], _registered_updates=[], _symbolic_losses=[])
        return self

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        own = cls.__dict__
        for function in list(own.values()):
            out_of_place(function)
        if "get_output_shape_for" in own and "compute_output_shape" not in own:
            cls.compute_output_shape = _as_get_output_shape_for
        if "build" in own:
            cls.build = _built_as_then(own["build"])
        call = own.get("call")
        if call is not None:
            mask = inspect.signature(call).parameters.get("mask")
            if mask is not None and mask.default is mask.empty and mask.kind is mask.POSITIONAL_OR_KEYWORD:
                cls.call = _with_optional_mask(call)

    def __init__(self, *args, **kwargs):
        # Layers of the time set it before they called the constructor of their base.
        penalty = self.__dict__.get("activity_regularizer")
        kwargs["activity_regularizer"] = regularizer_of(kwargs.get("activity_regularizer"))
        if kwargs["activity_regularizer"] is None:
            del kwargs["activity_regularizer"]
        super().__init__(*args, **kwargs)
        if penalty is not None and self.activity_regularizer is None:
            self.activity_regularizer = regularizers.get(regularizer_of(penalty))

    # -- variables

    def add_weight(self, *args, **kwargs):
        """A new variable, in any generation's form.

        Keras 1: ``add_weight(shape, initializer, name, trainable, regularizer, constraint)``.
        Keras 2: ``add_weight(name, shape, dtype, initializer, regularizer, trainable, constraint)``.
        """
        given = _weight_arguments(args, kwargs, type(self).__name__)
        given["initializer"] = self._initializer(given.get("initializer"))
        given["regularizer"] = regularizer_of(given.get("regularizer"))
        given["constraint"] = constraint_of(given.get("constraint"))
        given["name"] = given["name"].replace("/", "_") if given.get("name") else None
        shape = given.get("shape")
        given["shape"] = tuple(int(n) for n in shape) if isinstance(shape, (list, tuple)) else shape
        with computing.running():
            variable = super().add_weight(**given)
        variable.__class__ = _weight_class()  # outside of computations its operators make graphs
        (self._trained if variable.trainable else self._untrained).append(variable)
        return variable

    _initializer = staticmethod(initializer_of)

    def _ensure_built(self, args, kwargs):
        if self.built:
            return
        super()._ensure_built(args, kwargs)
        for variable in self.weights:  # those of cells and of layers inside, too
            if type(variable) is Variable:
                variable.__class__ = _weight_class()

    def _own_variables(self):
        """The variables in its lists, and those of today's kind that it holds; the trainable ones first."""
        self._told_apart()
        listed = {id(v): v for v in (*self._trained, *self._untrained)}
        made = {id(v) for v in self._variables}
        for v in super()._own_variables():
            # A K.variable that is in none of the lists was no weight then either.
            if type(v) is Variable and not v.host and id(v) not in made:
                listed.setdefault(id(v), v)
        return sorted(listed.values(), key=lambda v: not v.trainable)

    def _told_apart(self):
        for v in self._untrained:
            v.trainable = False

    @property
    def trainable_weights(self):
        return _Weights(self.trainable_variables, self._trained)

    @trainable_weights.setter
    def trainable_weights(self, variables):
        variables = _once(variables)
        self._trained = _variables(variables, self, "trainable_weights")

    @property
    def non_trainable_weights(self):
        trained = {id(v) for v in self.trainable_variables}
        return _Weights([v for v in self.weights if id(v) not in trained], self._untrained)

    @non_trainable_weights.setter
    def non_trainable_weights(self, variables):
        variables = _once(variables)
        self._untrained = _variables(variables, self, "non_trainable_weights")

    _trainable_weights = property(lambda self: self._trained, trainable_weights.fset)
    _non_trainable_weights = property(lambda self: self._untrained, non_trainable_weights.fset)

    def set_weights(self, weights):
        super().set_weights(self._weights_of_today(list(weights)))

    def get_weights(self):
        return self._weights_of_then(super().get_weights())

    def _weights_of_then(self, arrays):
        """The arrays of ``weights`` in the shapes and the order that the generation gave them in."""
        return self._by_layers(arrays, "_weights_of_then", [len(layer.weights) for layer in self._sublayers()])

    def _weights_of_today(self, arrays):
        """The other way. Arrays that are in today's shapes and order stay as they are."""
        return self._by_layers(arrays, "_weights_of_today", [_count_then(layer) for layer in self._sublayers()])

    def _by_layers(self, arrays, change, counts):
        """``arrays``, with what belongs to each layer inside (``counts`` of them) as its method ``change`` gives it."""
        if not counts:
            return arrays
        first = len(self._own_variables())
        if first + sum(counts) != len(arrays):
            return arrays  # of today; or layers inside share weights, so that they are in no layer's order
        found = list(arrays[:first])
        for layer, count in zip(self._sublayers(), counts):
            own = list(arrays[first : first + count])
            first += count
            found += getattr(layer, change)(own) if isinstance(layer, OldLayer) else own
        return found

    @property
    def regularizers(self):
        return _Regularizers()

    @regularizers.setter
    def regularizers(self, values):
        for value in values:
            _Regularizers().append(value)

    @property
    def constraints(self):
        found = {id(v): v for v in self._own_variables() if v.constraint is not None}
        return _Constraints((v, v.constraint) for v in found.values())

    @constraints.setter
    def constraints(self, values):
        for variable, constraint in dict(values).items():
            _Constraints()[variable] = constraint

    # -- shapes

    def get_output_shape_for(self, input_shape):
        """The output's shape for an input of this shape."""
        for cls in type(self).__mro__:
            function = cls.__dict__.get("compute_output_shape")
            if function is not None and function is not _as_get_output_shape_for:
                shape = function(self, input_shape)
                return tuple(shape) if is_shape(shape) else shape
        return input_shape

    def _output_symbols(self, args, kwargs):
        outputs, self.__dict__["_outer_symbols"] = outer.output_symbols(self, super()._output_symbols, args, kwargs)
        if _says_its_shape(type(self)) and args and not self.__dict__.get("_is_asked"):
            # Where running it on shapes leaves a dimension open, what the layer says fills it in.
            self._is_asked = True  # what it says may come from here
            try:
                said = self.compute_output_shape(_shapes_of(args[0]))
            except (TypeError, IndexError, ValueError, AttributeError):
                return outputs
            finally:
                del self._is_asked
            shapes = [said] if is_shape(said) else list(said)
            for symbol, shape in zip(flatten(outputs), shapes):
                if is_symbol(symbol) and len(symbol.shape) == len(shape):
                    symbol.shape = tuple(a if a is not None else b for a, b in zip(symbol.shape, shape))
        return outputs

    def assert_input_compatibility(self, inputs):
        from kbridge.layers.input_spec import assert_input_compatibility

        if self.input_spec is not None:
            assert_input_compatibility(self.input_spec, inputs, self.name)
        return True

    @property
    def batch_input_shape(self):
        told = self.__dict__.get("_input_arguments", {})
        if "_batch_input_shape" in self.__dict__:
            return self._batch_input_shape
        if told.get("batch_input_shape") is not None:
            return tuple(told["batch_input_shape"])
        if told.get("input_shape") is not None:
            return (told.get("batch_size"), *told["input_shape"])
        from kbridge.models.sequential import input_of

        symbol = input_of(self) if told else None
        if symbol is None:
            raise AttributeError(f"Layer '{self.name}' was not given an input shape, so it has no batch_input_shape.")
        return symbol.shape

    @batch_input_shape.setter
    def batch_input_shape(self, shape):
        self._batch_input_shape = tuple(shape)
        self.__dict__.setdefault("_input_arguments", {})["batch_input_shape"] = tuple(shape)

    def create_input_layer(self, batch_input_shape, input_dtype=None, name=None):
        """Begin a graph with an input of this shape, and call the layer on it."""
        from kbridge.layers.input_layer import Input

        self(Input(batch_shape=tuple(batch_input_shape), dtype=input_dtype, name=name))

    # -- masks

    def compute_mask(self, inputs, mask=None, **other_name):
        """The mask of the output: the input's, where the layer supports masks."""
        mask = _mask_argument(mask, other_name)
        if not self.supports_masking and not _computes_mask(type(self), after=OldLayer):
            return None
        return super().compute_mask(inputs, mask)

    @classmethod
    def _info(cls):
        if cls.__dict__.get("_call_info") is None:
            info = super()._info()
            info.computes_mask = _computes_mask(cls)
        return cls._call_info

    # -- losses and updates

    def add_loss(self, losses, inputs=None):
        """Add to what training minimises: tensors of this call, or symbols, which are computed anew in each step."""
        for loss in losses if isinstance(losses, (list, tuple)) else [losses]:
            if loss is None:
                continue
            if not is_symbol(loss):
                super().add_loss(loss)
                continue
            from kbridge.compat.backend import graph

            self._registered_losses.append((inputs, loss))
            if graph.sources([loss]):
                self._symbolic_losses.append(loss)  # the model computes it beside its outputs
            else:
                super().add_loss(_Evaluated(loss))

    @property
    def losses(self):
        return super().losses

    @losses.setter
    def losses(self, values):
        self.add_loss(values)

    def get_losses_for(self, inputs):
        """What was added for these inputs; for None, what depends on no input."""
        wanted = None if inputs is None else [id(x) for x in flatten([inputs])]
        found = [loss for given, loss in self._registered_losses if _ids(given) == wanted]
        if inputs is None:
            return found + [v.regularizer(v) for v in self.trainable_variables if v.regularizer is not None]
        for node in self._nodes if self.activity_regularizer is not None else ():
            if [id(x) for x in node.inputs] == wanted:
                found.extend(self.activity_regularizer(x) for x in flatten(node.outputs))
        return found

    def add_update(self, updates, inputs=None):
        """Pairs (variable, next value) that are assigned when training runs."""
        if isinstance(updates, tuple) and len(updates) == 2 and getattr(updates[0], "is_variable", False):
            updates = [updates]
        frame = get_frame()
        abstract = frame.engine is not None and frame.engine.abstract
        for update in updates if isinstance(updates, (list, tuple)) else [updates]:
            if update is None:
                continue
            if isinstance(update, Variable):  # the result of an assignment that was done at once
                continue
            if not (isinstance(update, tuple) and len(update) == 2):
                raise TypeError(
                    f"Layer '{self.name}': add_update takes pairs (variable, next value), or what K.update gives. "
                    f"Received: {update!r}."
                )
            variable, value = update
            if any(is_symbol(leaf) for leaf in flatten([value])) or not computing.computing():
                self._registered_updates.append((inputs, update))
                self._update_when_called(variable, value)
            elif abstract:
                self._note_written(variable)
            elif not getattr(update, "applied", False) and computing.phase_here():
                variable.assign(registry.current().convert(value, variable.dtype))

    def _update_when_called(self, variable, value):
        """Let each call in training end with this assignment, which was added outside of a call."""
        from kbridge.compat.backend import graph

        if graph.sources([x for x in flatten([value]) if is_symbol(x)]):
            raise NotImplementedError(
                f"Layer '{self.name}': add_update was given a value that depends on the inputs of a model. "
                f"Write: self.add_update([(variable, value)], x) in the layer's call(self, x)."
            )
        call, evaluated = self.call, _Evaluated(value) if is_symbol(value) else None

        @functools.wraps(call)
        def run(*args, **kwargs):
            outputs = call(*args, **kwargs)
            frame = get_frame()
            if computing.phase_here() and not (frame.engine is not None and frame.engine.abstract):
                engine = registry.current()
                found = evaluated() if evaluated is not None else value
                variable.assign(engine.convert(found, variable.dtype))
            return outputs

        self.__dict__["call"] = run

    def _note_written(self, variable):
        from kbridge.compat.backend.graph import Written

        if not any(getattr(update, "variable", None) is variable for _, update in self._registered_updates):
            self._registered_updates.append((True, Written(variable)))

    @property
    def updates(self):
        if not self.trainable and not self.stateful:
            return []
        return [update for _, update in self._all_updates()]

    @updates.setter
    def updates(self, values):
        self._registered_updates = []
        self.add_update(list(values))

    def _all_updates(self):
        """(inputs that it belongs to, None or True for all, update): of its own, and of the layer behind it."""
        from kbridge.compat.backend.graph import Written

        found = list(self._registered_updates)
        known = {id(getattr(update, "variable", None)) for _, update in found}
        for v in self._writes():
            if id(v) not in known:
                found.append((True, Written(v)))
        return found

    def _writes(self):
        """The variables that the class of today behind it assigns as it runs."""
        return [v for v in self._own_variables() if not v.trainable] if _is_todays_own(type(self)) else []

    def get_updates_for(self, inputs):
        """The updates that belong to these inputs; for None, those that depend on no input."""
        wanted = None if inputs is None else [id(x) for x in flatten([inputs])]
        known = [[id(x) for x in node.inputs] for node in self._nodes]
        found = []
        for given, update in self._all_updates():
            if given is True:
                if wanted is not None and wanted in known:
                    found.append(update)
            elif _ids(given) == wanted:
                found.append(update)
        return found

    stateful = False

    def _add_activity_penalty(self, outputs):
        for output in flatten(outputs):
            if getattr(output, "ndim", 0):
                self.add_loss(self.activity_regularizer(output))

    # -- nodes

    def _call_on_symbols(self, args, kwargs):
        watcher = met_symbols.get()
        if watcher is not None:
            return watcher.call_layer(self, args, kwargs)
        outputs = super()._call_on_symbols(args, kwargs)
        node = self._nodes[-1] if self._nodes else None
        outside = self.__dict__.pop("_outer_symbols", None)
        if outside:
            node.implied = {**node.implied, outer.ARGUMENT: outside}
        if node is not None and is_symbol(next(iter(flatten(outputs)), None)):
            for symbol in node.inputs:
                layer = getattr(symbol.node, "operation", None)
                if isinstance(layer, OldLayer) and not any(known is node for known in layer._outbound):
                    layer._outbound.append(node)
        return outputs

    @property
    def inbound_nodes(self):
        return [nodes.of(node) for node in self._nodes]

    @property
    def outbound_nodes(self):
        return [nodes.of(node) for node in self._outbound]

    @outbound_nodes.setter
    def outbound_nodes(self, kept):
        self._outbound = [node for node in self._outbound if any(nodes.of(node) is one for one in kept)]

    _inbound_nodes = inbound_nodes
    _outbound_nodes = outbound_nodes

    def add_inbound_node(self, inbound_layers, node_indices=None, tensor_indices=None):
        """Call the layer on outputs of other layers."""
        layers = inbound_layers if isinstance(inbound_layers, (list, tuple)) else [inbound_layers]
        places = [x if isinstance(x, (list, tuple)) else [x or 0] for x in (node_indices, tensor_indices)]
        node_indices, tensor_indices = (x if len(x) == len(layers) else [0] * len(layers) for x in places)
        symbols = [
            layer._nodes[n].output_tensors[t] for layer, n, t in zip(layers, node_indices, tensor_indices, strict=True)
        ]
        self(symbols[0] if len(symbols) == 1 else symbols)

    _add_inbound_node = add_inbound_node

    def get_input_at(self, node_index):
        return self._node_then(node_index).get("input_tensors")

    def get_output_at(self, node_index):
        return self._node_then(node_index).get("output_tensors")

    def get_input_mask_at(self, node_index):
        return self._node_then(node_index).get("input_masks")

    def get_output_mask_at(self, node_index):
        return self._node_then(node_index).get("output_masks")

    def _node_then(self, node_index):
        return nodes.of(self._node_at(node_index))

    @property
    def input_mask(self):
        self._one_node("input_mask")
        return self.get_input_mask_at(0)

    @property
    def output_mask(self):
        self._one_node("output_mask")
        return self.get_output_mask_at(0)

    def get_input(self, train=False):
        return self.input

    def get_output(self, train=False):
        return self.output

    def set_input(self, symbol):
        """Call the layer on ``symbol``."""
        self(symbol)

    # -- configuration

    def get_config(self):
        with by_reference():
            config = super().get_config()
        if _records_its_config(type(self)):
            config.update(self._recorded_arguments())
        try:
            config["batch_input_shape"] = self.batch_input_shape
        except AttributeError:
            pass  # it was given none
        translation = getattr(type(self), "_translation", None)
        return config if translation is None else Config(config, translation)

    def _config_for_files(self):
        """Its config, as files hold it: there an input layer says the shape."""
        config = self.get_config()
        if isinstance(config, dict):
            config.pop("batch_input_shape", None)
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if _records_its_config(cls):
            from kbridge import objects

            config = {k: objects.deserialize_keras_object(v) for k, v in config.items()}
        left = {}
        parameters = inspect.signature(cls.__init__).parameters
        translation = getattr(cls, "_translation", None)
        if translation is not None and "_translation" not in cls.__dict__:
            config = _in_words_of(parameters, config, translation)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            # A constructor of the time may not know what every config holds today.
            left = {
                k: config.pop(k)
                for k in ("name", "trainable", "dtype", "batch_input_shape")
                if k in config and k not in parameters
            }
        layer = super().from_config(config)
        layer.name = left.get("name", layer.name)
        layer.trainable = left.get("trainable", layer.trainable)
        if "batch_input_shape" in left:
            layer.batch_input_shape = left["batch_input_shape"]
        return layer

    def __getstate__(self):
        state = super().__getstate__()
        state.pop("call", None)
        state.update(_outbound=[], _registered_losses=[], _registered_updates=[], _symbolic_losses=[])
        return state


# old arguments that are one number of today's
_SIDES = {
    **dict.fromkeys(("nb_row", "filter_length", "kernel_dim1"), ("kernel_size", 0)),
    **dict.fromkeys(("nb_col", "kernel_dim2"), ("kernel_size", 1)),
    "kernel_dim3": ("kernel_size", 2),
    "pool_length": ("pool_size", 0),
}


def _in_words_of(parameters, config, translation):
    """``config`` for a program's own class: what its constructor has by an older name is given under that."""
    config, split = dict(config), set()
    for name in parameters:
        new, place = _SIDES.get(name, (translation.new_name(name), None))
        if name in config or new not in config:
            continue
        if place is None:
            config[name] = config.pop(new)
        else:
            sizes = config[new]
            config[name] = sizes[place] if isinstance(sizes, (list, tuple)) else sizes
            split.add(new)
    return {key: value for key, value in config.items() if key not in split}


class Config(dict):
    """The config of a layer, which may be asked for an argument by the name it had in another generation."""

    def __init__(self, config, translation):
        super().__init__(config)
        self._name = translation.new_name

    def __missing__(self, key):
        new = self._name(key) if isinstance(key, str) else None
        if new is None or not dict.__contains__(self, new):
            raise KeyError(key)
        return dict.__getitem__(self, new)

    def get(self, key, default=None):
        try:
            return self[key]
        except KeyError:
            return default

    def __setitem__(self, key, value):
        new = None if key in self or not isinstance(key, str) else self._name(key)
        super().__setitem__(new if new in self else key, value)

    def __reduce__(self):
        return dict, (dict(self),)


class Keras1Layer(OldLayer):
    """What the layers of Keras 1 had."""

    @staticmethod
    def _prefix_of(name):
        return name.lower()

    def __init__(self, *args, **kwargs):
        given = self.__dict__.get("_initial_weights")  # it may have been set before
        super().__init__(*args, **kwargs)
        if self._initial_weights is None:
            self._initial_weights = given

    @property
    def initial_weights(self):
        """The arrays that its weights are to begin with, or None."""
        return self.__dict__.get("_initial_weights")

    @initial_weights.setter
    def initial_weights(self, arrays):
        self._initial_weights = arrays

    @initial_weights.deleter
    def initial_weights(self):
        self._initial_weights = None

    @staticmethod
    def _initializer(value):
        from kbridge.compat.keras1 import initializations

        return for_layers(value, initializations._family)


class Keras2Layer(OldLayer):
    """What the layers of Keras 2 had."""

    _prefix_of = staticmethod(names.snake_case)


# -- attributes that a layer of the time could set, and that say something today


def _settable(name):
    """The attribute ``name`` of today's layers, which a layer of the time may set to what it likes."""
    kept = f"_set_{name}"

    def get(self):
        return self.__dict__[kept] if kept in self.__dict__ else getattr(super(OldLayer, self), name)

    def set_(self, value):
        self.__dict__[kept] = value

    return property(get, set_, doc=f"``{name}``; a layer of the time may set it.")


for _name in ("path", "variables", "metrics", "input_dtype", "dtype"):
    setattr(OldLayer, _name, _settable(_name))


class _AsksForPhase:
    """Whether a layer asks whether it trains; a layer may say so itself."""

    def __get__(self, layer, cls):
        return cls._info().takes_training if layer is not None else False


OldLayer.uses_learning_phase = _AsksForPhase()


class _Weights(list):
    """``layer.trainable_weights`` and the like: what is added, or taken out, is so in the layer."""

    def __init__(self, variables, kept):
        super().__init__(variables)
        self.kept = kept

    def append(self, variable):
        self.extend([variable])

    def extend(self, variables):
        variables = list(variables)
        self.kept.extend(variables)
        super().extend(variables)

    def __iadd__(self, variables):
        self.extend(variables)
        return self

    def insert(self, index, variable):
        self.kept.insert(index, variable)
        super().insert(index, variable)

    def remove(self, variable):
        for variables in (self.kept, self):
            variables[:] = [v for v in variables if v is not variable]

    def __reduce__(self):
        return list, (list(self),)


class _Regularizers(list):
    """``layer.regularizers``: a regularizer that was told its variable (``set_param``) is given to that."""

    def append(self, regularizer):
        variable = getattr(regularizer, "p", None)
        if isinstance(variable, Variable):
            variable.regularizer = regularizer

    def extend(self, regularizers_):
        for regularizer in regularizers_:
            self.append(regularizer)

    def __iadd__(self, regularizers_):
        self.extend(regularizers_)
        return self


class _Constraints(dict):
    """``layer.constraints``: what is put in goes to the variable."""

    def __setitem__(self, variable, constraint):
        variable.constraint = constraints.get(constraint_of(constraint))
        super().__setitem__(variable, constraint)


class _Evaluated:
    """A symbol that depends on no input: called, it is computed, as part of what is being computed."""

    def __init__(self, symbol):
        self.symbol = symbol
        self.plan = None

    def __call__(self):
        from kbridge.models.plan import Plan

        if self.plan is None:
            self.plan = Plan([KerasTensor((), name="nothing")], [self.symbol])
        with computing.running():
            return self.plan.run([0.0])[0]


# -- arguments


def _weight_arguments(args, kwargs, name):
    """The arguments of an ``add_weight`` of any generation, by their names of today."""
    if args and isinstance(args[0], str):
        order = ("name", "shape", "dtype", "initializer", "regularizer", "trainable", "constraint")
    elif len(args) > 2 and _is_dtype(args[2]):
        order = ("shape", "initializer", "dtype", "trainable", "autocast", "regularizer", "constraint")
    else:
        order = ("shape", "initializer", "name", "trainable", "regularizer", "constraint")
    if len(args) > len(order):
        raise TypeError(f"{name}.add_weight takes at most {len(order)} arguments by position ({', '.join(order)}).")
    given = dict(zip(order, args))
    twice = sorted(given.keys() & kwargs.keys())
    if twice:
        raise TypeError(f"{name}.add_weight was given {twice} twice.")
    given.update(kwargs)
    if "init" in given and "initializer" not in given:
        given["initializer"] = given.pop("init")
    for key in ("getter", "use_resource", "synchronization", "partitioner"):  # how TensorFlow 1 kept it
        given.pop(key, None)
    if given.get("trainable", True) is None:
        given["trainable"] = True
    return given


def _is_dtype(value):
    """Whether ``value`` names a dtype."""
    try:
        dtypes.standardize(value)
    except (TypeError, ValueError):
        return False
    return value is not None


@functools.cache
def _weight_class():
    from kbridge.compat.backend import values

    return values.Weight


def _count_then(layer):
    """How many arrays ``get_weights`` of a layer gives."""
    if not isinstance(layer, OldLayer):
        return len(layer.weights)
    return len(layer._weights_of_then([np.broadcast_to(np.float32(0), v.shape) for v in layer.weights]))


def _once(variables):
    return list({id(v): v for v in variables}.values())


def _variables(values, layer, what):
    values = list(values)
    for value in values:
        if not isinstance(value, Variable):
            raise TypeError(
                f"Layer '{layer.name}': {what} takes a list of variables, such as K.variable(value). "
                f"Received in it: {value!r} (of type {type(value).__name__})."
            )
    return values


# -- classes of users


def _as_get_output_shape_for(self, input_shape):
    return self.get_output_shape_for(input_shape)


def _built_as_then(build):
    @functools.wraps(build)
    def run(self, *args, **kwargs):
        with computing.building():
            return build(self, *args, **kwargs)

    return run


def _with_optional_mask(call):
    signature = inspect.signature(call)
    parameters = [p.replace(default=None) if p.name == "mask" else p for p in signature.parameters.values()]
    after = parameters[[p.name for p in parameters].index("mask") + 1 :]
    if any(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in after):
        return call

    @functools.wraps(call)
    def run(self, *args, **kwargs):
        if "mask" not in kwargs and len(args) < [p.name for p in parameters].index("mask"):
            kwargs["mask"] = None
        return call(self, *args, **kwargs)

    run.__signature__ = signature.replace(parameters=parameters)
    return run


def _first_with(cls, name, after=None):
    """The class that ``name`` of ``cls`` is from, the mixins here aside."""
    mro = cls.__mro__
    mro = mro[mro.index(after) + 1 :] if after is not None else mro
    return next((c for c in mro if name in c.__dict__ and not _is_mixin(c)), None)


def _is_mixin(cls):
    return cls in (OldLayer, Keras1Layer, Keras2Layer)


def _computes_mask(cls, after=None):
    return _first_with(cls, "compute_mask", after) not in (Layer, None)


def _records_its_config(cls):
    return _first_with(cls, "get_config") is Layer


def _says_its_shape(cls):
    found = _first_with(cls, "compute_output_shape")
    return found is not None and not _is_todays(found)


def _is_todays(cls):
    return cls.__module__.startswith("kbridge.") and not issubclass(cls, OldLayer)


def _is_todays_own(cls):
    """Whether a class of today computes (and assigns), and not a user's ``call``."""
    return _is_todays(_first_with(cls, "call") or Layer)


def _mask_argument(mask, other_name):
    for key, value in other_name.items():
        if key not in ("input_mask", "previous_mask"):
            raise TypeError(f"compute_mask takes (inputs, mask). Received the argument {key!r}.")
        mask = value
    return mask


def _shapes_of(tree):
    if isinstance(tree, (list, tuple)):
        return [_shapes_of(item) for item in tree]
    return tuple(tree.shape)


def _ids(inputs):
    return None if inputs is None else [id(x) for x in flatten([inputs])]
