"""Attention."""

import math

from kbridge import constraints, initializers, ops, random, regularizers
from kbridge.layers.activations import masked_softmax
from kbridge.layers.layer import Layer


class MultiHeadAttention(Layer):
    """Several attentions side by side (Vaswani et al., 2017).

    Args:
        num_heads: how many.
        key_dim: the size of a head's queries and keys.
        value_dim: the size of a head's values; ``key_dim`` unless told.
        dropout: the share of attention weights dropped while training.
        use_bias: whether projections add a bias.
        output_shape: the size of the output's last axis (or axes); the query's unless told.
        attention_axes: the axes attended over; all but batch and features unless told.
        sliding_window: each step sees those less than so many steps away, before and (if not causal) behind it.
        flash_attention: whether a fused kernel must (True) or must not (False) be used; None leaves it to the engine.
        use_gate: whether the result is multiplied by a sigmoid of the projected query.
        seed: of the dropout.
    """

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        dropout=0.0,
        use_bias=True,
        output_shape=None,
        attention_axes=None,
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.supports_masking = True
        for name, value in (("num_heads", num_heads), ("key_dim", key_dim)):
            if not hasattr(value, "__index__") or value < 1:
                raise ValueError(f"MultiHeadAttention: {name} must be a positive integer. Received: {name}={value!r}.")
        if flash_attention and dropout > 0:
            raise ValueError("MultiHeadAttention: flash_attention=True cannot be combined with dropout.")
        if sliding_window is not None and sliding_window < 1:
            raise ValueError(f"MultiHeadAttention: sliding_window must be at least 1. Received: {sliding_window}.")
        self.num_heads, self.key_dim = int(num_heads), int(key_dim)
        self.value_dim = value_dim or self.key_dim
        self.dropout = dropout
        self.use_bias = use_bias
        self._output_dims = (output_shape,) if isinstance(output_shape, int) else output_shape and tuple(output_shape)
        self._attention_axes = (attention_axes,) if isinstance(attention_axes, int) else attention_axes
        self.sliding_window = sliding_window
        self.flash_attention = flash_attention
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.use_gate = use_gate
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed) if dropout else None

    @property
    def attention_axes(self):
        return self._attention_axes

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        if query_shape[-1] is None or value_shape[-1] is None:
            raise ValueError(
                f"MultiHeadAttention layer '{self.name}' needs to know the last axes of its inputs. "
                f"Received query {tuple(query_shape)} and value {tuple(value_shape)}."
            )
        rank = len(query_shape)
        self._attention_axes = tuple(self._attention_axes or range(1, rank - 1))
        self.query_dense = self._projection("query", query_shape[-1], (self.num_heads, self.key_dim))
        self.key_dense = self._projection("key", key_shape[-1], (self.num_heads, self.key_dim))
        if self.use_gate:
            self.gate_dense = self._projection("gate", query_shape[-1], (self.num_heads, self.value_dim))
        self.value_dense = self._projection("value", value_shape[-1], (self.num_heads, self.value_dim))
        self.output_dense = self._projection(
            "attention_output", (self.num_heads, self.value_dim), self._output_dims or (query_shape[-1],)
        )

    def _projection(self, name, inputs, outputs):
        inputs = (inputs,) if isinstance(inputs, int) else inputs
        projection = _Projection(inputs, outputs, self, name=name, dtype=self.dtype_policy)
        projection.build(None)
        return projection

    def call(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        key = value if key is None else key
        mask = self._joined_mask(query, value, query_mask, value_mask, key_mask, attention_mask, use_causal_mask)
        projected = [self.query_dense(query), self.key_dense(key), self.value_dense(value)]
        plain = self._attention_axes == (1,) and len(query.shape) == 3
        if plain and not return_attention_scores and not (training and self.dropout):
            attended, scores = (
                ops.dot_product_attention(
                    *projected, mask=mask, scale=1.0 / math.sqrt(self.key_dim), flash_attention=self.flash_attention
                ),
                None,
            )
        else:
            attended, scores = self._attend(*projected, mask, training)
        if self.use_gate:
            attended = attended * ops.sigmoid(self.gate_dense(query))
        outputs = self.output_dense(attended)
        return (outputs, scores) if return_attention_scores else outputs

    def _attend(self, query, key, value, mask, training):
        """(attended values, weights), written out, for any axes."""
        rank = len(query.shape)  # batch, ..., heads, features
        axes = [axis % (rank - 1) for axis in self._attention_axes]
        batch = [i for i in range(rank - 2) if i not in axes]
        letters = "abcdefghijklmnopqrstuvwxyz"
        q = {i: letters[i] for i in range(rank)}
        k = {i: (letters[rank + i] if i in axes else q[i]) for i in range(rank)}
        both = "".join(q[i] for i in batch) + q[rank - 2]
        scores = both + "".join(q[i] for i in axes) + "".join(k[i] for i in axes)
        q_all, k_all = "".join(q.values()), "".join(k.values())
        query = query * (1.0 / math.sqrt(self.key_dim))
        weights = ops.einsum(f"{q_all},{k_all}->{scores}", query, key)
        if mask is not None and len(mask.shape) < len(weights.shape):
            mask = ops.expand_dims(mask, len(batch))
        kept = weights = masked_softmax(weights, tuple(range(-len(axes), 0)), mask)
        if training and self.dropout:
            kept = random.dropout(weights, self.dropout, None, self.seed_generator)
        return ops.einsum(f"{scores},{k_all}->{q_all}", kept, value), weights

    def _joined_mask(self, query, value, query_mask, value_mask, key_mask, attention_mask, causal):
        """(batch, queries, keys) or with a 1 for any of these; None where nothing is masked."""
        found = [] if attention_mask is None else [ops.cast(attention_mask, "bool")]
        if query_mask is not None:
            found.append(ops.expand_dims(ops.cast(query_mask, "bool"), -1))
        for mask in (value_mask, key_mask):
            if mask is not None:
                found.append(ops.expand_dims(ops.cast(mask, "bool"), -2))
        if causal or self.sliding_window is not None:
            length, width = ops.shape(query)[1], ops.shape(value)[1]
            back = ops.expand_dims(ops.arange(length), -1) - ops.expand_dims(ops.arange(width), 0)
            if causal:
                found.append(ops.expand_dims(back >= 0, 0))
            if self.sliding_window is not None:
                found.append(ops.expand_dims(ops.abs(back) < self.sliding_window, 0))
        if not found:
            return None
        joined = found[0]
        for mask in found[1:]:
            if len(mask.shape) > len(joined.shape):
                joined = ops.expand_dims(joined, 1)
            elif len(mask.shape) < len(joined.shape):
                mask = ops.expand_dims(mask, 1)
            joined = ops.logical_and(joined, mask)
        return ops.expand_dims(joined, 1) if len(joined.shape) == 3 else joined

    def compute_mask(self, query, previous_mask=None):
        """The output counts where the query does."""
        return previous_mask[0] if isinstance(previous_mask, (list, tuple)) else previous_mask

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        return (*query_shape[:-1], *(self._output_dims or (query_shape[-1],)))

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "output_shape": self._output_dims,
            "attention_axes": self._attention_axes,
            "sliding_window": self.sliding_window,
            "flash_attention": self.flash_attention,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "use_gate": self.use_gate,
            "seed": self.seed,
        }


class _Projection(Layer):
    """A dense product from some trailing axes to others, as MultiHeadAttention has it for queries, keys and values."""

    def __init__(self, inputs, outputs, owner, **kwargs):
        super().__init__(**kwargs)
        self._inputs, self._outputs = inputs, outputs
        self._settings = {
            name: getattr(owner, name)
            for name in (
                "kernel_initializer",
                "bias_initializer",
                "kernel_regularizer",
                "bias_regularizer",
                "kernel_constraint",
                "bias_constraint",
                "use_bias",
            )
        }
        self.bias = None

    def build(self, input_shape):
        own = self._settings
        self.kernel = self.add_weight(
            (*self._inputs, *self._outputs),
            own["kernel_initializer"],
            regularizer=own["kernel_regularizer"],
            constraint=own["kernel_constraint"],
            name="kernel",
        )
        if own["use_bias"]:
            self.bias = self.add_weight(
                self._outputs,
                own["bias_initializer"],
                regularizer=own["bias_regularizer"],
                constraint=own["bias_constraint"],
                name="bias",
            )

    def call(self, inputs):
        outputs = ops.tensordot(inputs, self.kernel, axes=len(self._inputs))
        return outputs if self.bias is None else outputs + self.bias
