"""Rematerialisation: intermediate results are not kept for the gradient but computed again when it is taken.

It saves memory for time. An engine does it by ``Backend.rematerialize``; one that cannot keeps what it always keeps.
"""

from contextvars import ContextVar
from functools import wraps

from kbridge.backend import registry
from kbridge.backend.frame import entered, get_frame
from kbridge.backend.symbolic import any_symbol
from kbridge.backend.tree import flatten, pack

MODES = ("full", "activations", "larger_than", "list_of_layers")

current_mode = ContextVar("kbridge_remat", default=None)


class RematScope:
    """Layers created inside compute their intermediate results again instead of keeping them for the gradient.

    Args:
        mode: which of them: "full" all; "activations" only their activation functions; "larger_than" those
            with an output of more than ``output_size_threshold`` items; "list_of_layers" those named in
            ``layer_names``; None none of them.
        output_size_threshold: for "larger_than".
        layer_names: for "list_of_layers".
    """

    def __init__(self, mode="full", output_size_threshold=1024, layer_names=None):
        if mode is not None and mode not in MODES:
            raise ValueError(f"RematScope: mode must be one of {MODES}, or None. Received: mode={mode!r}.")
        self.mode = mode
        self.output_size_threshold = output_size_threshold
        self.layer_names = list(layer_names or ())
        self._tokens = []

    def __enter__(self):
        self._tokens.append(current_mode.set(None if self.mode is None else self))
        return self

    def __exit__(self, *error):
        current_mode.reset(self._tokens.pop())


def remat(f):
    """``f``, whose intermediate results are computed again for the gradient instead of being kept.

    Gradients flow to its tensor arguments and to the variables that it reads.
    """

    @wraps(f)
    def run(*args, **kwargs):
        engine = registry.current()
        if engine.abstract or any_symbol(args, kwargs):
            return f(*args, **kwargs)
        frame = get_frame()
        outer = dict(frame.bindings or {})
        leaves = flatten([list(args), kwargs])
        places = [i for i, leaf in enumerate(leaves) if engine.is_tensor(leaf)]
        bound = [key for key, value in outer.items() if engine.is_tensor(value)]
        before = {}  # what the variables that it assigns held, for when it runs again
        kept = {}

        def pure(tensors):
            """(results, what was assigned) for the tensors among the arguments, then those bound to variables."""
            filled = list(leaves)
            for i, tensor in zip(places, tensors):
                filled[i] = tensor
            given, named = pack([list(args), kwargs], filled)
            bindings = {**outer, **dict(zip(bound, tensors[len(places) :])), **before}
            inside = frame.child(
                engine=engine,
                bindings=bindings,
                captures=True,
                touched=frame.touched if frame.captures else {},
                written={},
            )
            with entered(inside):
                result = f(*given, **named)
            if not kept:
                kept["written"] = list(inside.written.values())
                for variable in kept["written"]:
                    if id(variable) not in outer:
                        before[id(variable)] = variable.value
            return result, [bindings[id(variable)] for variable in kept["written"]]

        result, assigned = engine.rematerialize(pure, [leaves[i] for i in places] + [outer[key] for key in bound])
        for variable, value in zip(kept["written"], assigned):
            variable.assign(value)
        return result

    return run
