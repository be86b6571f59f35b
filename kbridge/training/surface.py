"""What a model offers to training loops of one's own: its steps as functions, its state as a tree."""

from kbridge.backend import registry
from kbridge.backend.scopes import StatelessScope
from kbridge.backend.tree import map_structure

_KINDS = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")
_FORMATS = ("backend_tensor", "numpy_array")


class Surface:
    """The part of ``Trainer`` that hands out what ``fit`` itself uses."""

    train_function = None
    test_function = None
    predict_function = None
    _run_eagerly = False
    _jit_compile = "auto"

    @property
    def run_eagerly(self):
        """Whether steps run as plain Python, for debugging."""
        return self._run_eagerly

    @run_eagerly.setter
    def run_eagerly(self, value):
        self._run_eagerly = bool(value)
        self._forget_functions()

    @property
    def jit_compile(self):
        """Whether the engine's compiler is used: True, False, or "auto", the engine's choice."""
        return self._jit_compile

    @jit_compile.setter
    def jit_compile(self, value):
        if value not in ("auto", True, False, None):
            raise ValueError(f"jit_compile must be True, False or 'auto'. Received: {value!r}.")
        self._jit_compile = value
        self._forget_functions()

    # -- the steps as functions of an iterator

    def make_train_function(self, force=False):
        """A function that takes an iterator of batches, trains on the next one and returns the logs.

        It is kept as ``train_function``; ``force`` makes a new one. A subclass may make another: ``fit`` uses it.
        """
        return self._made("train", force)

    def make_test_function(self, force=False):
        """A function that takes an iterator of batches, evaluates the next one and returns the logs so far."""
        return self._made("test", force)

    def make_predict_function(self, force=False):
        """A function that takes an iterator of batches and returns the outputs for the next one."""
        return self._made("predict", force)

    def _made(self, kind, force):
        name = f"{kind}_function"
        if getattr(self, name) is None or force:
            if force:
                self._forget_functions()

            def function(iterator):
                batch = next(iterator)
                batch = batch if isinstance(batch, tuple) else (batch,)
                if not self.built or kind == "train" and not self.optimizer.built:
                    self._prepare(batch, training=kind == "train")
                found = self._function(kind)(self._as_tensors(batch))
                return self.get_metrics_result() if found is None else found

            setattr(self, name, function)
        return getattr(self, name)

    def _own_function(self, kind):
        """What a subclass's ``make_train_function`` and the like make, as a function of a batch; or None."""
        name = f"make_{kind}_function"
        if getattr(type(self), name, None) in (None, getattr(Surface, name, None)):
            return None
        function = getattr(self, name)() or getattr(self, f"{kind}_function")
        return lambda batch: function(iter((batch,)))

    # -- the state as values

    def stateless_compute_loss(
        self,
        trainable_variables,
        non_trainable_variables,
        metrics_variables,
        x=None,
        y=None,
        y_pred=None,
        sample_weight=None,
        training=True,
    ):
        """``compute_loss`` as if the variables had these values; no variable changes.

        Returns:
            ``loss, (trainable_variables, non_trainable_variables, metrics_variables)``, as it left them.
        """
        given = (trainable_variables, non_trainable_variables, metrics_variables)
        kinds = ("trainable_variables", "non_trainable_variables", "metrics_variables")
        state = [pair for kind, values in zip(kinds, given) for pair in self._with_values(kind, values)]
        variables = [list(getattr(self, kind)) for kind in kinds]
        with StatelessScope(state) as scope:
            loss = self.compute_loss(x, y, y_pred, sample_weight, training)
            left = tuple([scope.get_current_value(variable) for variable in own] for own in variables)
        return loss, left

    def get_state_tree(self, value_format="backend_tensor"):
        """The values of all variables as nested dicts by their paths.

        Args:
            value_format: "backend_tensor", or "numpy_array" for arrays.

        Returns:
            {"trainable_variables": {"dense": {"kernel": ..., "bias": ...}}, "non_trainable_variables": ...,
            "optimizer_variables": ..., "metrics_variables": ...}
        """
        if value_format not in _FORMATS:
            raise ValueError(f"get_state_tree: value_format must be one of {_FORMATS}. Received: {value_format!r}.")
        convert = registry.current().convert

        def value(variable):
            # a copy: the value of a variable may live where the next step writes to
            return variable.numpy() if value_format == "numpy_array" else convert(variable.numpy())

        return {kind: map_structure(value, _tree(self._variables_of_kind(kind))) for kind in _KINDS}

    def set_state_tree(self, state_tree):
        """Set variables from a tree of the kind that ``get_state_tree`` gives; parts may be missing."""
        for kind, values in state_tree.items():
            if kind not in _KINDS:
                raise ValueError(f"set_state_tree: unknown part {kind!r}. Expected some of: {', '.join(_KINDS)}.")
            known = {variable.path: variable for variable in self._variables_of_kind(kind)}
            for path, value in _leaves(values):
                if path not in known:
                    raise ValueError(
                        f"set_state_tree: model '{self.name}' has no variable {path!r} in its {kind}. "
                        f"It has: {', '.join(known) or 'none'}."
                    )
                known[path].assign(value)

    def _variables_of_kind(self, kind):
        if kind != "optimizer_variables":
            return getattr(self, kind)
        return [] if self.optimizer is None else self.optimizer.variables


def _tree(variables):
    """The variables in nested dicts, by the parts of their paths."""
    tree = {}
    for variable in variables:
        *parts, name = variable.path.split("/")
        place = tree
        for part in parts:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise ValueError(f"The path {variable.path!r} goes on where another variable's ends.")
        if name in place:
            raise ValueError(
                f"Two variables have the path {variable.path!r}, so they have no places of their own in a tree. "
                f"Give the layers that hold them different names."
            )
        place[name] = variable
    return tree


def _leaves(tree, path=""):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}{name}/")
        else:
            yield path + name, value
