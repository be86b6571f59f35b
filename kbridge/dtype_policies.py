"""Dtype policies: which dtype a layer computes in, and which its variables have."""

import re
from collections.abc import MutableMapping

from kbridge import config
from kbridge.backend import dtypes
from kbridge.objects import publish


class DTypePolicy:
    """The dtypes of a layer: "float32", "bfloat16", "mixed_float16", ...

    A mixed policy computes in the narrow dtype and keeps variables in float32.
    """

    quantization_mode = None

    def __init__(self, name=None):
        if name is None:
            name = dtype_policy().name
        if not isinstance(name, str):
            raise TypeError(f"DTypePolicy: name must be a string. Received: {name!r}.")
        _refuse_quantized(name)
        self._name = name
        self._compute_dtype, self._variable_dtype = _dtypes_of(name)

    @property
    def name(self):
        return self._name

    @property
    def compute_dtype(self):
        """The dtype that a layer computes in."""
        return self._compute_dtype

    @property
    def variable_dtype(self):
        """The dtype that its variables have."""
        return self._variable_dtype

    @property
    def scales_losses(self):
        """Whether gradients may vanish under it, so that losses should be scaled: float16 with wider variables."""
        return self.compute_dtype == "float16" != self.variable_dtype

    def for_path(self, path):
        """The policy of the layer at ``path`` (None where that is not known yet): this one, for all layers."""
        return self

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


_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


def _dtypes_of(name):
    """(the dtype to compute in, that of variables) for the name of a policy."""
    if name in _MIXED:
        return _MIXED[name], "float32"
    try:
        dtype = dtypes.standardize(name)
    except (TypeError, ValueError):
        raise ValueError(
            f"Unknown dtype policy {name!r}. Expected 'mixed_float16', 'mixed_bfloat16', or a dtype such as 'float32'."
        ) from None
    return dtype, dtype


def _refuse_quantized(name):
    if "_from_" in name:
        raise NotImplementedError(
            f"The dtype policy {name!r} is not available, since quantization is left for later. "
            f"Write the policy behind 'from', or 'mixed_bfloat16' for less memory."
        )


FloatDTypePolicy = DTypePolicy


class DTypePolicyMap(DTypePolicy, MutableMapping):
    """Policies for layers by their paths, for models whose layers differ.

    >>> policies = DTypePolicyMap(default_policy="mixed_bfloat16")
    >>> policies["classifier/head"] = "float32"
    >>> model = Classifier(dtype=policies)

    A key is a path, or a regular expression that matches whole paths. A layer that no key fits
    has ``default_policy``; None means the global policy.
    """

    def __init__(self, default_policy=None, policy_map=None):
        if isinstance(default_policy, DTypePolicyMap):
            raise ValueError("DTypePolicyMap: default_policy cannot be a DTypePolicyMap itself.")
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(
                f"DTypePolicyMap: policy_map must be a dict from paths to policies. Received: {policy_map!r}."
            )
        self._given = default_policy
        self._default = None if default_policy is None else get(default_policy)
        self._map = {path: get(policy) for path, policy in (policy_map or {}).items()}

    @property
    def name(self):
        return f"map_{self.default_policy.name}"

    @property
    def default_policy(self):
        """The policy of layers that no key fits."""
        if self._default is not None:
            return self._default
        found = dtype_policy()
        return found.default_policy if isinstance(found, DTypePolicyMap) else found

    @property
    def compute_dtype(self):
        return self.default_policy.compute_dtype

    @property
    def variable_dtype(self):
        return self.default_policy.variable_dtype

    @property
    def quantization_mode(self):
        return self.default_policy.quantization_mode

    @property
    def scales_losses(self):
        return any(policy.scales_losses for policy in (self.default_policy, *self._map.values()))

    def for_path(self, path):
        return self.default_policy if path is None else self[path]

    def __getitem__(self, key):
        if key in self._map:
            return self._map[key]
        fitting = [path for path in self._map if re.fullmatch(path, key)]
        if len(fitting) > 1:
            raise ValueError(
                f"DTypePolicyMap: the path {key!r} fits several keys: {fitting}. Write keys of which one fits."
            )
        return self._map[fitting[0]] if fitting else self.default_policy

    def __setitem__(self, key, policy):
        if key in self._map:
            raise ValueError(
                f"DTypePolicyMap: the key {key!r} is there already, with {self._map[key]}. Delete it first."
            )
        self._map[key] = get(policy)

    def __delitem__(self, key):
        del self._map[key]

    def __contains__(self, key):
        return key in self._map

    def __len__(self):
        return len(self._map)

    def __iter__(self):
        return iter(self._map)

    def get_config(self):
        default = self._default
        return {
            "default_policy": None if default is None else default.name,
            "policy_map": {path: serialize(policy) for path, policy in self._map.items()},
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        policies = {path: deserialize(policy) for path, policy in (config.get("policy_map") or {}).items()}
        return cls(config.get("default_policy"), policies)

    def __eq__(self, other):
        return type(other) is type(self) and (other._default, other._map) == (self._default, self._map)

    __hash__ = object.__hash__

    def __repr__(self):
        policies = {path: policy.name for path, policy in self._map.items()}
        return f"<DTypePolicyMap of {self.default_policy.name!r}, {policies}>"


class QuantizedDTypePolicy(DTypePolicy):
    """The policy of a quantized layer: left for later."""

    def __init__(self, mode, source_name=None):
        _refuse_quantized(f"{mode}_from_{source_name or dtype_policy().name}")


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """Left for later, as QuantizedDTypePolicy is."""

    default_amax_history_length = 1024

    def __init__(self, mode, source_name=None, amax_history_length=1024):
        super().__init__(mode, source_name)

    @property
    def amax_history_length(self):
        return self.default_amax_history_length


class Int4DTypePolicy(QuantizedDTypePolicy):
    """Left for later, as QuantizedDTypePolicy is."""


class GPTQDTypePolicy(QuantizedDTypePolicy):
    """Left for later, as QuantizedDTypePolicy is."""


class AWQDTypePolicy(QuantizedDTypePolicy):
    """Left for later, as QuantizedDTypePolicy is."""


publish("keras", DTypePolicy, FloatDTypePolicy=FloatDTypePolicy)
publish("keras.dtype_policies", DTypePolicyMap, DTypePolicy=DTypePolicy, FloatDTypePolicy=FloatDTypePolicy)

_policy = None  # None: the plain one of floatx


def dtype_policy():
    """The policy of layers that are given none."""
    return _policy or DTypePolicy(config.floatx())


def set_dtype_policy(policy):
    """Make ``policy`` (a name or a DTypePolicy) that of layers that are given none."""
    global _policy
    _policy = policy if policy is None else get(policy)


def get(identifier):
    """The policy for a name, a dtype, a config, a DTypePolicy, or None (the global one)."""
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return DTypePolicy(identifier)
    try:
        return DTypePolicy(dtypes.standardize(identifier))
    except (TypeError, ValueError):
        raise ValueError(
            f"Could not understand {identifier!r} as a dtype policy. Expected a name such as 'mixed_bfloat16', "
            f"a dtype, a config, or a DTypePolicy."
        ) from None


def serialize(dtype_policy):
    """The config of a policy."""
    is_map = isinstance(dtype_policy, DTypePolicyMap)
    return {
        "module": "keras.dtype_policies" if is_map else "keras",
        "class_name": "DTypePolicyMap" if is_map else "DTypePolicy",
        "config": dtype_policy.get_config(),
        "registered_name": None,
    }


def deserialize(config, custom_objects=None):
    """The policy for a config; ``custom_objects`` may name classes of your own."""
    if not isinstance(config, dict):
        return get(config)
    known = {
        cls.__name__: cls
        for cls in (
            DTypePolicyMap,
            DTypePolicy,
            QuantizedDTypePolicy,
            QuantizedFloat8DTypePolicy,
            Int4DTypePolicy,
            GPTQDTypePolicy,
            AWQDTypePolicy,
        )
    }
    known |= {"FloatDTypePolicy": DTypePolicy, **(custom_objects or {})}
    name = config.get("class_name", "DTypePolicy")
    if name not in known:
        raise ValueError(f"Unknown dtype policy class {name!r}. Known: {', '.join(sorted(known))}.")
    return known[name].from_config(config.get("config", config))
