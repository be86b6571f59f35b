"""Functions of JAX arrays, and Flax's modules, as layers of kbridge."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np


class FunctionRunner:
    """``call_fn(params, state, rng, inputs, training)`` with its parameters and state as flat lists of tensors."""

    def __init__(self, call_fn, init_fn, params, state):
        self.call_fn = call_fn
        self.init_fn = init_fn
        self.params = params
        self.state = state
        takes = _parameters(call_fn, "call_fn", ("params", "state", "rng", "inputs", "training"), ("params", "inputs"))
        self.takes_state = "state" in takes
        self.takes_rng = "rng" in takes
        self.takes_training = "training" in takes
        self.init_takes = (
            () if init_fn is None else _parameters(init_fn, "init_fn", ("rng", "inputs", "training"), ("rng", "inputs"))
        )
        if state is not None and not self.takes_state:
            raise ValueError("JaxLayer was given a state, but call_fn has no argument `state`.")
        self._trees = None

    def given(self):
        """The parameters and the state that it was made with, as pairs (name, array)."""
        return self._flat(self.params, self.state)

    def initial(self, shapes, dtype, seed):
        """Those that ``init_fn`` makes for inputs of these shapes."""
        if self.init_fn is None:
            raise ValueError("JaxLayer: call_fn takes a state, and none was given. Pass state=..., or init_fn.")
        kwargs = {"training": True} if "training" in self.init_takes else {}
        inputs = jax.tree.map(lambda shape: jnp.zeros(shape, dtype), shapes, is_leaf=_is_shape)
        with jax.ensure_compile_time_eval():
            made = self.init_fn(rng=_key(seed), inputs=inputs, **kwargs)
        params, state = made if self.takes_state else (made, None)
        return self._flat(params if self.params is None else self.params, state)

    def _flat(self, params, state):
        named, trees = [], []
        for tree in (params, state):
            paths, structure = jax.tree_util.tree_flatten_with_path(tree)
            trees.append(structure)
            named.append([(_name(path), np.asarray(leaf)) for path, leaf in paths])
        self._trees = trees
        return named

    def __call__(self, params, state, seed, inputs, training):
        """``outputs, new_state``, the latter as a flat list."""
        kwargs = {"params": jax.tree.unflatten(self._trees[0], params), "inputs": inputs}
        if self.takes_state:
            kwargs["state"] = jax.tree.unflatten(self._trees[1], state)
        if self.takes_rng:
            kwargs["rng"] = _key(seed)
        if self.takes_training:
            kwargs["training"] = training
        if not self.takes_state:
            return self.call_fn(**kwargs), []
        outputs, new_state = self.call_fn(**kwargs)
        if jax.tree.structure(new_state) != self._trees[1]:
            raise ValueError(
                f"JaxLayer: call_fn returned a state of another structure. Expected: {self._trees[1]}. "
                f"Received: {jax.tree.structure(new_state)}."
            )
        return outputs, jax.tree.leaves(new_state)


def _parameters(function, called, known, needed):
    """The names of the arguments of ``function``, which must be among those known."""
    names = list(inspect.signature(function).parameters)
    unknown = [name for name in names if name not in known]
    missing = [name for name in needed if name not in names]
    if unknown or missing:
        raise ValueError(
            f"JaxLayer: {called} must take arguments named {', '.join(known)}, of which {', '.join(needed)} are "
            f"needed. Received a function of: {', '.join(names)}."
        )
    return names


def _is_shape(value):
    return isinstance(value, (list, tuple)) and all(isinstance(dim, int) for dim in value)


def _key(seed):
    """A key of JAX's for a seed (key, counter), which may be a tracer."""
    seed = jnp.asarray(seed)
    return jax.random.fold_in(jax.random.PRNGKey(seed[0]), seed[1])


def _name(path):
    """The path to a leaf as the name of a variable: "dense.kernel"."""
    parts = [str(getattr(key, "key", getattr(key, "idx", getattr(key, "name", key)))) for key in path]
    return ".".join(parts).replace("/", ".") or "value"


def linen(module, method, variables):
    """``call_fn, init_fn, params, state`` for a ``flax.linen.Module``."""
    try:
        import flax.linen
    except ImportError:
        raise ImportError("FlaxLayer needs flax, which is not installed. Write: pip install flax") from None
    if not isinstance(module, flax.linen.Module):
        raise TypeError(f"FlaxLayer wraps a flax.linen.Module. Received: {module!r} (of type {type(module).__name__}).")
    function = getattr(type(module), method) if isinstance(method, str) else method or type(module).__call__
    takes_training = "training" in inspect.signature(function).parameters
    chosen = {} if method is None else {"method": method}

    def mode(training):
        return {"training": training} if takes_training else {}

    def call_fn(params, state, rng, inputs, training):
        rngs = dict(zip(("params", "dropout"), jax.random.split(rng)))
        return module.apply(
            {**params, **state}, inputs, rngs=rngs, mutable=flax.core.DenyList(["params"]), **chosen, **mode(training)
        )

    def init_fn(rng, inputs, training):
        rngs = dict(zip(("params", "dropout"), jax.random.split(rng)))
        return split(module.init(rngs, inputs, **chosen, **mode(training)))

    def split(made):
        made = dict(made)
        params = {"params": made.pop("params")} if "params" in made else {}
        return params, made

    return call_fn, init_fn, *((None, None) if variables is None else split(variables))


BRIDGES = {"function": FunctionRunner, "linen": linen}
