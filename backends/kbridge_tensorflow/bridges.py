"""What TensorFlow saved, and its modules, as layers of kbridge."""

import os

from kbridge.backend.scopes import stateless_scope
from kbridge.backend.shared import SharedVariable
from kbridge.backend.tree import flatten, map_structure
from kbridge_tensorflow.load import tf


def _engine():
    from kbridge_tensorflow import engine

    return engine


class SavedRunner:
    """A SavedModel's or a ``tf.Module``'s function; Variables share the storage of its own."""

    def __init__(self, source, endpoint, training_endpoint):
        if isinstance(source, tf.Module):
            self.module = source
        elif os.path.isdir(source):
            self.module = tf.saved_model.load(os.fspath(source))
        else:
            raise ValueError(f"TFSMLayer: filepath must be the folder of a SavedModel. Received: {source!r}.")
        self.function = self._endpoint(endpoint)
        self.training_function = self.function if training_endpoint is None else self._endpoint(training_endpoint)
        trained = list(getattr(self.module, "trainable_variables", ()) or _of_functions(self, True))
        every = list(getattr(self.module, "variables", ()) or _of_functions(self, False))
        others = [v for v in every if not any(v is t for t in trained)]
        others = [v for v in others if v.dtype not in (tf.resource, tf.string)]
        self.trained = trained
        self.variables = [_shared(v, True) for v in trained] + [_shared(v, False) for v in others]

    def _endpoint(self, name):
        found = getattr(self.module, name, None)
        signatures = getattr(self.module, "signatures", {})
        if found is None and name in signatures:
            found = _by_position(signatures[name])
        if found is None and name == "serve" and "serving_default" in signatures:
            found = _by_position(signatures["serving_default"])
        if found is None and name == "serve" and isinstance(self.module, tf.Module) and callable(self.module):
            found = self.module  # a module that is called itself
        if not callable(found):
            known = sorted(signatures) + [n for n in dir(self.module) if not n.startswith("_")]
            raise ValueError(f"TFSMLayer: there is no endpoint {name!r}. There are: {', '.join(known)}.")
        return found

    def __call__(self, inputs, kwargs, training):
        if stateless_scope() is not None:
            raise NotImplementedError(
                "A TFSMLayer computes with its own variables: it cannot be called with other values in their places."
            )
        function = self.training_function if training else self.function
        owned = self.variables[: len(self.trained)]
        leaves = flatten([inputs])
        kept = {}

        @tf.custom_gradient
        def run(*tensors):
            # Its variables are read inside, where no one can put stand-ins: their gradients are handed on to those.
            values = iter(tensors[len(owned) :])
            with tf.GradientTape(watch_accessed_variables=False, persistent=True) as tape:
                given = map_structure(lambda leaf: next(values), inputs)
                smooth = [x for x in flatten([given]) if x.dtype.is_floating]
                tape.watch(smooth)
                tape.watch(self.trained)
                outputs = function(given, **kwargs)
            kept["outputs"] = outputs
            results = flatten([outputs])

            def backward(*upstream, variables=None):
                sources = [*self.trained, *flatten([given])]
                found = tape.gradient(results, sources, list(upstream), unconnected_gradients="zero")
                found = [tf.convert_to_tensor(g) if g is not None else None for g in found]
                return (found, [None] * len(variables)) if variables is not None else found

            return results, backward

        found = iter(run(*(variable.value for variable in owned), *leaves))
        return map_structure(lambda leaf: next(found), kept["outputs"])


def _by_position(signature):
    """A signature takes its inputs by name and gives a dict; here it takes one structure, and gives one output."""
    names = list(signature.structured_input_signature[1])

    def call(inputs):
        given = inputs if isinstance(inputs, dict) else dict(zip(names, flatten([inputs])))
        outputs = signature(**given)
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    call.functions = [signature]
    return call


def _of_functions(runner, trainable):
    """The variables that the endpoints of a loaded program use, where the program lists none."""
    found = {}
    for function in (runner.function, runner.training_function):
        for concrete in getattr(function, "functions", None) or getattr(function, "concrete_functions", ()):
            for v in concrete.trainable_variables if trainable else concrete.variables:
                found[id(v)] = v
    return list(found.values())


def _shared(held, trainable):
    def show(storage):
        if storage is not held:
            held.assign(_engine().read(storage))
        return held

    name = held.name.partition(":")[0].replace("/", ".") or "variable"
    return SharedVariable(held.numpy(), _engine(), held, show, trainable=trainable, name=name, autocast=False)


BRIDGES = {"saved": SavedRunner}
