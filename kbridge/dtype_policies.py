"""Dtype policies: which dtype a layer computes in, and which its variables have."""

from kbridge import config
from kbridge.backend import dtypes
from kbridge.objects import publish


class DTypePolicy:
    """The dtypes of a layer: "float32", "bfloat16", "mixed_float16", ...

    A mixed policy computes in the narrow dtype and keeps variables in float32.
    """

    def __init__(self, name=None):
        if name is None:
            name = dtype_policy().name
        if not isinstance(name, str):
            raise TypeError(f"DTypePolicy: name must be a string. Received: {name!r}.")
        self._name = name
        if name.startswith("mixed_"):
            self.compute_dtype, self.variable_dtype = dtypes.standardize(name[len("mixed_") :]), "float32"
            if self.compute_dtype not in ("float16", "bfloat16"):
                raise ValueError(f"Unknown dtype policy {name!r}. Mixed policies: 'mixed_float16', 'mixed_bfloat16'.")
        else:
            self.compute_dtype = self.variable_dtype = dtypes.standardize(name)

    @property
    def name(self):
        return self._name

    @property
    def quantization_mode(self):
        return None

    def convert_input(self, x, autocast, dtype):
        """``x`` as a tensor, cast to ``dtype`` where it is a float and ``autocast`` is on."""
        from kbridge import ops

        x = ops.convert_to_tensor(x)
        if autocast and dtypes.is_float(ops.dtype(x)) and ops.dtype(x) != dtype:
            x = ops.cast(x, dtype)
        return x

    def get_config(self):
        return {"name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __eq__(self, other):
        return type(other) is type(self) and other.name == self.name

    def __hash__(self):
        return hash(self.name)

    def __repr__(self):
        return f'<DTypePolicy "{self.name}">'


FloatDTypePolicy = DTypePolicy
publish("keras", DTypePolicy, FloatDTypePolicy=FloatDTypePolicy)

_policy = None  # None: the plain one of floatx


def dtype_policy():
    """The policy of layers that are given none."""
    return _policy or DTypePolicy(config.floatx())


def set_dtype_policy(policy):
    """Make ``policy`` (a name or a DTypePolicy) that of layers that are given none."""
    global _policy
    _policy = policy if isinstance(policy, DTypePolicy) or policy is None else DTypePolicy(policy)


def get(identifier):
    """The policy for a name, a dtype, a config, a DTypePolicy, or None (the global one)."""
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return DTypePolicy.from_config(identifier.get("config", identifier))
    if isinstance(identifier, str):
        return DTypePolicy(identifier)
    return DTypePolicy(dtypes.standardize(identifier))


def serialize(policy):
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": policy.get_config(),
        "registered_name": None,
    }


def deserialize(config, custom_objects=None):
    return get(config)
