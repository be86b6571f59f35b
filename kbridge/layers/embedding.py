"""Embeddings: integers to vectors, and back to scores of the integers."""

from kbridge import constraints, initializers, ops, regularizers
from kbridge.backend import dtypes
from kbridge.layers.dense import refuse_quantization
from kbridge.layers.low_rank import LowRank, adaptable


class Embedding(LowRank):
    """Integers to vectors, by a learned table.

    Args:
        input_dim: how many integers there are: 0 to ``input_dim - 1``.
        output_dim: the size of a vector.
        mask_zero: whether 0 marks a place that is empty.
        embeddings_initializer, embeddings_regularizer, embeddings_constraint: of the table.
        weights: a list with the table to begin with.
        lora_rank, lora_alpha: see ``enable_lora``.
        quantization_config: None; layers are not quantized here.
    """

    adapted = "embeddings"
    embeddings = adaptable
    default_input_dtype = "int32"

    def __init__(
        self,
        input_dim,
        output_dim,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        weights=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        length = kwargs.pop("input_length", None)
        if length is not None and "input_shape" not in kwargs and "batch_input_shape" not in kwargs:
            kwargs["input_shape"] = (length,) if isinstance(length, int) else tuple(length)
        if weights is not None and not isinstance(weights, (list, tuple)):
            weights = [weights]
        super().__init__(lora_rank, lora_alpha, weights=weights, **kwargs)
        refuse_quantization(self, quantization_config=quantization_config)
        for name, value in (("input_dim", input_dim), ("output_dim", output_dim)):
            if not hasattr(value, "__index__") or value < 1:
                raise ValueError(
                    f"{type(self).__name__}: {name} must be a positive integer. Received: {name}={value!r}."
                )
        self.input_dim, self.output_dim = int(input_dim), int(output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.autocast = False

    def build(self, input_shape=None):
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="embeddings",
        )
        self._begin_low_rank()

    def call(self, inputs):
        if ops.dtype(inputs) not in ("int32", "int64"):
            inputs = ops.cast(inputs, "int32")
        found = ops.take(self._plain, inputs, axis=0)
        if self.lora_enabled:  # the change of the rows in question, not of the whole table
            a, b = self._factors
            found = ops.add(found, ops.matmul(ops.take(a, inputs, axis=0), b) * self._scale)
        return ops.cast(found, self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.output_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero,
        }


class ReversibleEmbedding(Embedding):
    """An embedding that, called with ``reverse=True``, gives vectors' scores for each of the integers.

    Args:
        tie_weights: whether both directions share one table; else the way back has one of its own.
        reverse_dtype: the dtype the scores are computed in; that of the inputs if None.
        logit_soft_cap: if given, the scores are bent so that they stay between it and its negative.
        input_dim, output_dim and the rest: as in Embedding.
    """

    def __init__(
        self,
        input_dim,
        output_dim,
        tie_weights=True,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        reverse_dtype=None,
        logit_soft_cap=None,
        **kwargs,
    ):
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer,
            embeddings_regularizer,
            embeddings_constraint,
            mask_zero,
            **kwargs,
        )
        self.tie_weights = tie_weights
        self.reverse_dtype = None if reverse_dtype is None else dtypes.standardize(reverse_dtype)
        if logit_soft_cap is not None and not logit_soft_cap > 0:
            raise ValueError(
                f"ReversibleEmbedding: logit_soft_cap must be positive or None. Received: {logit_soft_cap!r}."
            )
        self.logit_soft_cap = logit_soft_cap

    def build(self, input_shape=None):
        super().build(input_shape)
        if not self.tie_weights:
            self.reverse_embeddings = self.add_weight(
                (self.output_dim, self.input_dim), self.embeddings_initializer, name="reverse_embeddings"
            )

    def call(self, inputs, reverse=False):
        if not reverse:
            return super().call(inputs)
        table = ops.transpose(self.embeddings) if self.tie_weights else self.reverse_embeddings
        if self.reverse_dtype is not None:
            inputs, table = ops.cast(inputs, self.reverse_dtype), ops.cast(table, self.reverse_dtype)
        scores = ops.matmul(inputs, table)
        if self.logit_soft_cap is None:
            return scores
        return ops.tanh(scores / self.logit_soft_cap) * self.logit_soft_cap

    def _carry_mask(self, args, kwargs, outputs):
        if _embedded(args, outputs):
            super()._carry_mask(args, kwargs, outputs)

    def _carry_symbolic_mask(self, args, outputs):
        if _embedded(args, outputs):
            super()._carry_symbolic_mask(args, outputs)

    def compute_output_shape(self, input_shape, reverse=False):
        return (*input_shape[:-1], self.input_dim) if reverse else super().compute_output_shape(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "tie_weights": self.tie_weights,
            "reverse_dtype": self.reverse_dtype,
            "logit_soft_cap": self.logit_soft_cap,
        }


def _embedded(args, outputs):
    """Whether a call went from integers to vectors, which adds an axis; only then zeros are masked."""
    return len(outputs.shape) > len(args[0].shape)
