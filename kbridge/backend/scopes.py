"""Scopes in which variables stay as they are: ``StatelessScope`` and ``SymbolicScope``."""

from contextvars import ContextVar

from kbridge.backend import registry
from kbridge.backend.frame import entered, get_frame
from kbridge.backend.variable import Variable

_stateless = ContextVar("kbridge_stateless", default=None)
_symbolic = ContextVar("kbridge_symbolic", default=None)


class StatelessScope:
    """Inside, variables have the values given, and what is assigned to them stays in the scope.

    Args:
        state_mapping: pairs (variable, value).
        collect_losses: whether what layers ``add_loss`` is kept in ``losses``.
        initialize_variables: kept for callers of Keras: variables have their values from the start here.
    """

    def __init__(self, state_mapping=None, collect_losses=False, initialize_variables=True):
        self.collect_losses = collect_losses
        self.initialize_variables = initialize_variables
        self.losses = []
        self.state_mapping = {}  # id(variable) -> its value in here
        self._given = []
        for variable, value in _pairs(state_mapping):
            if not isinstance(variable, Variable):
                raise ValueError(
                    f"StatelessScope: state_mapping must hold pairs (Variable, value). Received: {variable!r}."
                )
            self._given.append((variable, value))

    def __enter__(self):
        frame, engine = get_frame(), registry.current()
        bindings = dict(frame.bindings or {})
        for variable, value in self._given:
            value = engine.convert(value, variable.dtype)
            variable._check_shape(value.shape)
            bindings[id(variable)] = value
        self.state_mapping = bindings
        touched = frame.touched if frame.captures else {}
        self._frame = entered(frame.child(engine=engine, bindings=bindings, captures=True, touched=touched, written={}))
        self._frame.__enter__()
        self._token = _stateless.set(self)
        return self

    def __exit__(self, *error):
        _stateless.reset(self._token)
        self._frame.__exit__(*error)

    def add_loss(self, loss):
        """Keep a loss in ``losses``."""
        self.losses.append(loss)

    def add_update(self, update):
        """Set a variable in here: a pair (variable, value)."""
        variable, value = update
        self.state_mapping[id(variable)] = registry.current().convert(value, variable.dtype)

    def get_current_value(self, variable):
        """What the variable holds in here, or None where the scope knows nothing of it."""
        return self.state_mapping.get(id(variable))


def _pairs(given):
    """Pairs, be they in a dict or a list."""
    return list(given.items()) if hasattr(given, "items") else list(given or ())


class SymbolicScope:
    """Marks that code inside works out shapes only: assignments to variables come to nothing."""

    def __enter__(self):
        frame = get_frame()
        self._frame = entered(frame.child(bindings=dict(frame.bindings or {}), captures=True, touched={}, written={}))
        self._frame.__enter__()
        self._token = _symbolic.set(self)
        return self

    def __exit__(self, *error):
        _symbolic.reset(self._token)
        self._frame.__exit__(*error)


def stateless_scope():
    """The StatelessScope that this runs in, or None."""
    return _stateless.get()


def in_symbolic_scope():
    """Whether this runs in a SymbolicScope."""
    return _symbolic.get() is not None
