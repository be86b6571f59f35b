"""Models of the engines' own libraries as layers.

What knows such a library is the engine: ``Backend.bridge`` gives what runs its models. On another engine these
layers say so.
"""

from kbridge.backend import registry
from kbridge.backend.symbolic import KerasTensor
from kbridge.layers.layer import Layer, map_shapes
from kbridge.random import SeedGenerator


class _Bridge(Layer):
    """A layer that runs what its engine alone can run."""

    kind = None
    expects = None

    def _engine(self):
        """The engine in charge, if it is the one that this was made for."""
        engine = registry.current()
        if engine.abstract:
            # The shapes of the output are then found by running it.
            raise TypeError(f"{type(self).__name__} '{self.name}' cannot be run on shapes alone.")
        made_on = self.__dict__.get("_made_on", engine)
        if engine is not made_on:
            raise NotImplementedError(
                f"{type(self).__name__} '{self.name}' wraps {self.expects}, which runs on the backend "
                f'"{made_on.name}" only. The backend in charge is "{engine.name}". '
                f'Write: with kbridge.use_backend("{made_on.name}"): ...'
            )
        return engine

    def _bridge(self):
        """What runs the wrapped model, from the engine in charge, which has to be able to."""
        engine = registry.current()
        try:
            found = engine.bridge(self.kind)
        except NotImplementedError:
            raise NotImplementedError(
                f'{type(self).__name__} wraps {self.expects}. The backend in charge, "{engine.name}", cannot run it: '
                f"choose the one that can, with kbridge.use_backend(...) around making and using the layer."
            ) from None
        self._made_on = engine
        return found

    def get_config(self):
        raise NotImplementedError(
            f"{type(self).__name__} '{self.name}' cannot be written into a config, since it would hold {self.expects}, "
            f"and nothing in a config is ever run. Make the layer in the __init__ of a Layer or Model of your own, and "
            f"save the weights."
        )


class TorchModuleWrapper(_Bridge):
    """A ``torch.nn.Module`` as a layer, on the torch engine.

    Its parameters are variables of the layer that share their memory: what an optimizer does to the one is seen in the
    other. Its buffers are non-trainable variables. It is put into training and evaluation mode as the layer is called.
    With a mixed policy it computes as ``torch.autocast`` has it.

    Args:
        module: the module.
        name: the layer's name.
        output_shape: the shape of the output, the batch included, where it cannot be found by running the module.
    """

    kind = "module"
    expects = "a torch.nn.Module"

    def __init__(self, module, name=None, output_shape=None, **kwargs):
        super().__init__(name=name, **kwargs)
        self._given_shape = output_shape
        self._runner = self._bridge()(module)
        for variable in self._runner.variables:
            variable.path = f"{self.name}/{variable.name}"
            self._variables.append(variable)
        self.built = True

    @property
    def module(self):
        """The module; it holds the values that the layer has."""
        return self._runner.module

    def parameters(self, recurse=True):
        """The module's parameters, as torch's optimizers take them."""
        return self.module.parameters(recurse)

    def call(self, *args, training=None, **kwargs):
        self._engine()
        narrow = self.compute_dtype if self.compute_dtype != self.variable_dtype else None
        return self._runner(args, kwargs, bool(training), narrow)

    def _output_symbols(self, args, kwargs):
        if self._given_shape is None:
            return super()._output_symbols(args, kwargs)
        return map_shapes(lambda shape: KerasTensor(shape, self.compute_dtype), self._given_shape)

    def save_own_variables(self, store):
        for variable in self._variables:
            store[variable.name] = variable.numpy()

    def load_own_variables(self, store):
        known = {variable.name: variable for variable in self._variables}
        if set(store.keys()) != set(known):
            raise ValueError(
                f"Layer '{self.name}' has the variables {sorted(known)}, but the store holds {sorted(store.keys())}."
            )
        for name, variable in known.items():
            variable.assign(store[name])


class JaxLayer(_Bridge):
    """A function of parameters and inputs as a layer, on the JAX engine.

    Args:
        call_fn: ``call_fn(params, state, rng, inputs, training)``, with arguments of these names; it may leave out
            ``state``, ``rng`` and ``training``. With ``state`` it returns ``outputs, new_state``.
        init_fn: ``init_fn(rng, inputs, training)``, which returns ``params``, or ``params, state`` where ``call_fn``
            takes a state. ``training`` may be left out.
        params: the parameters, in any structure, in place of ``init_fn``.
        state: the initial state, likewise.
        seed: a seed for ``rng``.
        native_serialization_platforms: not available: exporting is left for later.
    """

    kind = "function"
    expects = "a function of JAX arrays"

    def __init__(
        self,
        call_fn,
        init_fn=None,
        params=None,
        state=None,
        seed=None,
        native_serialization_platforms=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if native_serialization_platforms is not None:
            raise NotImplementedError(
                f"{type(self).__name__}: native_serialization_platforms is for exporting, which is left for later. "
                f"Leave it out."
            )
        if init_fn is None and params is None:
            raise ValueError(f"{type(self).__name__} needs init_fn, or params (and state, where call_fn takes one).")
        self.call_fn = call_fn
        self.init_fn = init_fn
        self.seed_generator = SeedGenerator(seed)
        self._runner = self._bridge()(call_fn, init_fn, params, state)
        if params is not None and (state is not None or not self._runner.takes_state):
            self._add_weights(*self._runner.given())

    def _add_weights(self, params, state):
        """Make variables of the leaves: lists of pairs (name, array)."""
        self._params = [self._add(name, array, True) for name, array in params]
        self._state = [self._add(name, array, False) for name, array in state]
        self.built = True

    def _add(self, name, array, trainable):
        dtype, initial = str(array.dtype), lambda *_, **__: array
        return self.add_weight(array.shape, initial, dtype, trainable, autocast=trainable, name=name)

    def build(self, input_shape):
        shapes = map_shapes(lambda shape: tuple(1 if dim is None else dim for dim in shape), input_shape)
        seed = self.seed_generator.state.numpy()
        self._add_weights(*self._runner.initial(shapes, self.compute_dtype, seed))

    def call(self, inputs, training=False):
        self._engine()
        params, state = ([variable.value for variable in own] for own in (self._params, self._state))
        seed = self.seed_generator.next() if self._runner.takes_rng else None
        outputs, new_state = self._runner(params, state, seed, inputs, bool(training))
        for variable, value in zip(self._state, new_state):
            variable.assign(value)
        return outputs


class FlaxLayer(JaxLayer):
    """A ``flax.linen.Module`` as a layer, on the JAX engine.

    Args:
        module: the module.
        method: the method to call, by name or as a function of the module; ``__call__`` unless told. It takes
            ``inputs`` and, if it wants, ``training``.
        variables: its variables, as ``module.init`` gives them, in place of new ones.
    """

    expects = "a flax.linen.Module"

    def __init__(self, module, method=None, variables=None, **kwargs):
        self.kind = "linen"
        made = self._bridge()(module, method, variables)
        self.kind = "function"
        super().__init__(*made, **kwargs)
        self.module = module
        self.method = method


class TFSMLayer(_Bridge):
    """A program that TensorFlow saved in a folder (a SavedModel), or a ``tf.Module``, as a layer on its engine.

    Args:
        filepath: the folder, or the module itself.
        call_endpoint: the name of the function or signature to call.
        call_training_endpoint: that to call in training, where it is another.
        trainable: whether its variables are trained.
        name: the layer's name.
        dtype: the layer's dtype or policy.
    """

    kind = "saved"
    expects = "a SavedModel or tf.Module"

    def __init__(
        self, filepath, call_endpoint="serve", call_training_endpoint=None, trainable=True, name=None, dtype=None
    ):
        super().__init__(trainable=trainable, name=name, dtype=dtype)
        self.filepath = filepath
        self.call_endpoint = call_endpoint
        self.call_training_endpoint = call_training_endpoint
        self._runner = self._bridge()(filepath, call_endpoint, call_training_endpoint)
        for variable in self._runner.variables:
            variable.path = f"{self.name}/{variable.name}"
            self._variables.append(variable)
        self.built = True

    def call(self, inputs, training=False, **kwargs):
        self._engine()
        return self._runner(inputs, kwargs, bool(training))

    def get_config(self):
        if not isinstance(self.filepath, (str, bytes)) and not hasattr(self.filepath, "__fspath__"):
            return super().get_config()
        raise NotImplementedError(
            f"TFSMLayer '{self.name}' cannot be written into a config: a config that names a folder of programs would "
            f"have them run when it is read. Make the layer in code, and save the weights."
        )
