"""Layers whose kernel can rest while a change of low rank is trained (LoRA)."""

from kbridge import initializers, ops
from kbridge.layers.layer import Layer


class LowRank(Layer):
    """Base of layers with a kernel that may be adapted: ``kernel + a @ b * alpha / rank``.

    ``adapted`` is the name of the attribute that holds the kernel. A subclass declares that as ``adaptable``, sets it
    in ``build`` as any other, and calls ``_begin_low_rank`` at the end.

    Args:
        lora_rank: the rank of the change, from the start; none if None.
        lora_alpha: what scales the change, together with the rank; the rank itself if None.
    """

    adapted = "kernel"
    lora_enabled = False

    def __init__(self, lora_rank=None, lora_alpha=None, **kwargs):
        super().__init__(**kwargs)
        if lora_rank is not None:
            _check_rank(self, "lora_rank", lora_rank)
        self.lora_rank = lora_rank
        self.lora_alpha = lora_rank if lora_alpha is None else lora_alpha
        self._plain = None

    def _adapted_value(self):
        if self._plain is None:
            raise AttributeError(
                f"{type(self).__name__} layer '{self.name}' has no {self.adapted} before it is built. "
                f"Call it on data, or write: layer.build(input_shape)."
            )
        return ops.cast(self._sum(), self.compute_dtype) if self.lora_enabled else self._plain

    def _sum(self):
        a, b = self._factors
        return ops.add(self._plain, ops.matmul(a, b) * self._scale)

    def _hold(self, variable):
        self._plain = variable

    @property
    def _factors(self):
        return getattr(self, f"lora_{self.adapted}_a"), getattr(self, f"lora_{self.adapted}_b")

    @property
    def _scale(self):
        return self.lora_alpha / self.lora_rank

    def _begin_low_rank(self):
        self.built = True
        if self.lora_rank is not None:
            self.enable_lora(self.lora_rank, self.lora_alpha)

    def enable_lora(self, rank, lora_alpha=None, a_initializer="he_uniform", b_initializer="zeros"):
        """Train no longer the kernel but a change of it: the product of two matrices of ``rank`` columns and rows.

        A model that was compiled before must be compiled again.
        """
        what = f"{type(self).__name__} layer '{self.name}': enable_lora"
        if self._plain is None:
            raise ValueError(f"{what} needs a layer that is built. Write before: layer.build(input_shape).")
        if self.lora_enabled:
            raise ValueError(f"{what} was called before, with rank={self.lora_rank}. Call it once.")
        if self._plain.constraint is not None:
            raise ValueError(
                f"{what} cannot hold a changing kernel to a constraint. Leave {self.adapted}_constraint out."
            )
        _check_rank(self, "rank", rank)
        shape, regularizer = self._plain.shape, self._plain.regularizer
        names = [f"lora_{self.adapted}_{side}" for side in "ab"]
        shapes = (*shape[:-1], rank), (rank, shape[-1])
        for name, shape, initializer in zip(names, shapes, (a_initializer, b_initializer)):
            # In float32 even where the kernel is not, since the change is small.
            factor = self.add_weight(
                shape, initializers.get(initializer), "float32", regularizer=regularizer, name=name
            )
            setattr(self, name, factor)
        self._plain.trainable = False
        self.lora_enabled = True
        self.lora_rank = rank
        self.lora_alpha = rank if lora_alpha is None else lora_alpha

    def _own_variables(self):
        # The kernel keeps its place though it rests.
        return list(self._variables) if self.lora_enabled else super()._own_variables()

    def _lasting_variables(self):
        """Those that are saved: all but the factors of the change."""
        factors = {id(factor) for factor in self._factors}
        return [v for v in self._variables if id(v) not in factors]

    def save_own_variables(self, store):
        """Put the values of its own variables into ``store``; of an adapted kernel the sum."""
        if not self.lora_enabled:
            return super().save_own_variables(store)
        for i, variable in enumerate(self._lasting_variables()):
            value = self._sum() if variable is self._plain else variable
            store[str(i)] = ops.convert_to_numpy(ops.cast(value, variable.dtype))

    def load_own_variables(self, store):
        """Take the values of its own variables from ``store``; a change of low rank begins again at zero."""
        if not self.lora_enabled:
            return super().load_own_variables(store)
        kept = self._lasting_variables()
        if len(store.keys()) != len(kept):
            raise ValueError(
                f"Layer '{self.name}' has {len(kept)} variables besides its change of low rank, but the store holds "
                f"{len(store.keys())}."
            )
        for i, variable in enumerate(kept):
            variable.assign(store[str(i)])
        # One factor of zeros makes the change nothing; were both so, neither would have a gradient.
        b = self._factors[1]
        b.assign(ops.zeros(b.shape, b.dtype))

    def get_config(self):
        found = super().get_config()
        if self.lora_rank is not None:
            found |= {"lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha}
        return found


adaptable = property(
    LowRank._adapted_value, LowRank._hold, doc="The kernel; with its change of low rank, where that is trained."
)


def _check_rank(layer, name, rank):
    if not hasattr(rank, "__index__") or rank < 1:
        raise ValueError(f"{type(layer).__name__}: {name} must be a positive integer. Received: {name}={rank!r}.")
