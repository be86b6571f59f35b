"""Attention: weighted means of values, the weights found by comparing queries with keys."""

import functools
import math

from kbridge import constraints, initializers, objects, ops, random, regularizers
from kbridge.layers.activations import masked_softmax
from kbridge.layers.layer import Layer


class Attention(Layer):
    """Attention by products of queries and keys (Luong et al., 2015).

    It is called on a list: [query, value] or [query, value, key]; without a key the value is its own. Their shapes are
    (batch, targets, features) and (batch, sources, features); the masks' are (batch, targets) and (batch, sources).
    Results at masked targets are 0; masked sources have no part in any result.

    Args:
        use_scale: whether scores are multiplied by a learned scalar.
        score_mode: "dot" for products, "concat" for the sum of the tanh of query + key.
        dropout: the share of weights dropped while training.
        seed: of the dropout.
    """

    supports_masking = True

    def __init__(self, use_scale=False, score_mode="dot", dropout=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        name = type(self).__name__
        if score_mode not in ("dot", "concat"):
            raise ValueError(f"{name}: score_mode must be 'dot' or 'concat'. Received: score_mode={score_mode!r}.")
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = _checked_dropout(self, dropout)
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed) if dropout else None
        self.scale = self.concat_score_weight = None

    def build(self, input_shape):
        self._three(input_shape)
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def _three(self, inputs, what="inputs"):
        """Query, value and key of a list of two or three."""
        several = isinstance(inputs, (list, tuple)) and not any(isinstance(item, int) for item in inputs)
        if not several or len(inputs) not in (2, 3):
            found = f"{len(inputs)} items" if several else repr(inputs)
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}' is called on a list, [query, value] or "
                f"[query, value, key]. Received for {what}: {found}."
            )
        return inputs[0], inputs[1], inputs[-1]

    def call(self, inputs, mask=None, training=False, return_attention_scores=False, use_causal_mask=False):
        query, value, key = self._three(inputs)
        query_mask, value_mask = (None, None) if mask is None else self._three(mask, "mask")[:2]
        scores = self._scores(query, key)
        hidden = self._hidden(scores, value_mask, use_causal_mask)
        if hidden is not None:
            scores = scores - ops.multiply(ops.cast(hidden, scores.dtype), _far(scores))
        weights = ops.softmax(scores, axis=-1)
        if training and self.dropout:
            weights = random.dropout(weights, self.dropout, None, self.seed_generator)
        outputs = ops.matmul(weights, value)
        if query_mask is not None:
            outputs = ops.where(ops.expand_dims(ops.cast(query_mask, "bool"), -1), outputs, 0.0)
        return (outputs, weights) if return_attention_scores else outputs

    def _scores(self, query, key):
        """How well each query goes with each key: (batch, targets, sources)."""
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.swapaxes(key, -2, -1))
            return scores if self.scale is None else scores * self.scale
        sums = ops.expand_dims(query, -2) + ops.expand_dims(key, -3)
        return self.concat_score_weight * ops.sum(ops.tanh(sums if self.scale is None else self.scale * sums), axis=-1)

    @staticmethod
    def _hidden(scores, value_mask, causal):
        """True where a target must not look at a source; None if it may look everywhere."""
        hidden = None
        if value_mask is not None:
            hidden = ops.expand_dims(ops.logical_not(ops.cast(value_mask, "bool")), -2)
        if causal:
            targets, sources = ops.shape(scores)[-2:]
            later = ops.expand_dims(ops.arange(targets), -1) < ops.arange(sources)
            hidden = later if hidden is None else ops.logical_or(hidden, later)
        return hidden

    def compute_mask(self, inputs, mask=None):
        """The output counts where the query does."""
        return None if mask is None else self._three(mask, "mask")[0]

    def compute_output_shape(self, input_shape):
        query, value, _ = self._three(input_shape)
        return (*query[:-1], value[-1])

    def get_config(self):
        return {
            **super().get_config(),
            "use_scale": self.use_scale,
            "score_mode": self.score_mode,
            "dropout": self.dropout,
            "seed": self.seed,
        }


class AdditiveAttention(Attention):
    """Attention by the sum of the tanh of query + key (Bahdanau et al., 2015).

    It is called as Attention is. ``use_scale`` says whether the features of that sum have learned factors.
    """

    def __init__(self, use_scale=True, dropout=0.0, **kwargs):
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape):
        features = self._three(input_shape)[0][-1]
        if self.use_scale:
            self.scale = self.add_weight((features,), "glorot_uniform", name="scale")

    def _scores(self, query, key):
        bent = ops.tanh(ops.expand_dims(query, -2) + ops.expand_dims(key, -3))
        return ops.sum(bent if self.scale is None else self.scale * bent, axis=-1)

    def get_config(self):
        found = super().get_config()
        del found["score_mode"]
        return found


def _far(scores):
    """What is taken from a score so that its weight vanishes; in narrow floats, as much as leaves it finite."""
    return 3e4 if ops.dtype(scores) == "float16" else 1e9


def _checked_dropout(layer, rate):
    if not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise ValueError(f"{type(layer).__name__}: dropout must be in [0, 1]. Received: dropout={rate!r}.")
    return rate


_OF_PROJECTIONS = (
    "kernel_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "bias_regularizer",
    "activity_regularizer",
    "kernel_constraint",
    "bias_constraint",
)


class _ManyHeads(Layer):
    """Base of attentions of several heads: queries, keys and values are projected, compared, and joined again.

    ``activity_regularizer`` is a penalty on what the projections give.
    """

    supports_masking = True
    query_dense = key_dense = value_dense = output_dense = None  # until it is built
    dropout = property(lambda self: self._dropout)
    use_bias = property(lambda self: self._use_bias)

    def __init__(self, given, **kwargs):
        super().__init__(**kwargs)
        name = type(self).__name__
        self._dropout, self._use_bias = _checked_dropout(self, given["dropout"]), given["use_bias"]
        self.use_gate = given["use_gate"]
        self.sliding_window, self.flash_attention = given["sliding_window"], given["flash_attention"]
        if self.flash_attention and self.dropout:
            raise ValueError(f"{name}: flash_attention=True cannot be combined with dropout.")
        if self.sliding_window is not None and (not isinstance(self.sliding_window, int) or self.sliding_window < 1):
            raise ValueError(
                f"{name}: sliding_window must be an integer of at least 1, or None. "
                f"Received: sliding_window={self.sliding_window!r}."
            )
        self._projections = {}
        for argument in _OF_PROJECTIONS:
            self._projections[argument] = _FAMILIES[argument.split("_")[1]].get(given[argument])
        self.seed = given["seed"]
        self.seed_generator = random.SeedGenerator(self.seed) if self.dropout else None
        self._attention_axes = (1,)

    def _positive(self, name, value):
        if not hasattr(value, "__index__") or value < 1:
            raise ValueError(f"{type(self).__name__}: {name} must be a positive integer. Received: {name}={value!r}.")
        return int(value)

    def _check_shapes(self, query_shape, value_shape, key_shape):
        if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}': value and key may differ in their last axis only. "
                f"Received: value of the shape {tuple(value_shape)}, key of {tuple(key_shape)}."
            )

    def _build(self, shapes, heads, key_heads, key_dim, value_dim, outputs):
        """The projections of query, value and key (``shapes``), and of the result to the axes ``outputs``."""
        query, value, key = shapes
        self._check_shapes(query, value, key)
        if None in (query[-1], value[-1], key[-1]):
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}' needs to know the last axes of its inputs. "
                f"Received query {tuple(query)}, value {tuple(value)} and key {tuple(key)}."
            )
        self.query_dense = self._projection("query", query[-1:], (heads, key_dim))
        self.key_dense = self._projection("key", key[-1:], (key_heads, key_dim))
        if self.use_gate:
            self.gate_dense = self._projection("gate", query[-1:], (heads, value_dim), ops.sigmoid)
        self.value_dense = self._projection("value", value[-1:], (key_heads, value_dim))
        self.output_dense = self._projection("attention_output", (heads, value_dim), outputs)
        self._factor = 1.0 / math.sqrt(key_dim)

    def _projection(self, name, inputs, outputs, activation=None):
        settings = {**self._projections, "use_bias": self.use_bias}
        projection = _Projection(inputs, outputs, settings, activation, name=name, dtype=self.dtype_policy)
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
        dropped = bool(training and self.dropout)
        fused = len(query.shape) == 3 and self._attention_axes == (1,) and not return_attention_scores and not dropped
        if self.flash_attention and not fused:
            raise ValueError(
                f"{type(self).__name__} layer '{self.name}': flash_attention=True gives no attention scores, and takes "
                f"inputs (batch, steps, features) only. Write flash_attention=None."
            )
        masks = [query_mask, value_mask, key_mask, attention_mask]
        native = fused and use_causal_mask and self.sliding_window is None and all(m is None for m in masks)
        mask = None if native else self._joined_mask(query, value, *masks, use_causal_mask)
        projected = [self.query_dense(query), self.key_dense(key), self.value_dense(value)]
        if fused:
            attended, scores = (
                ops.dot_product_attention(
                    *projected, None, mask, self._factor, is_causal=native, flash_attention=self.flash_attention
                ),
                None,
            )
        else:
            attended, scores = self._attend(*projected, mask, dropped)
        if self.use_gate:
            attended = attended * self.gate_dense(query)
        outputs = self.output_dense(attended)
        return (outputs, scores) if return_attention_scores else outputs

    def _attend(self, query, key, value, mask, dropped):
        """(attended values, weights), written out, for any axes."""
        groups = query.shape[-2] // key.shape[-2]
        if groups > 1:
            key, value = ops.repeat(key, groups, axis=-2), ops.repeat(value, groups, axis=-2)
        rank = len(query.shape)  # batch, ..., heads, features
        axes = [axis % (rank - 1) for axis in self._attention_axes]
        batch = [i for i in range(rank - 2) if i not in axes]
        letters = "abcdefghijklmnopqrstuvwxyz"
        q = {i: letters[i] for i in range(rank)}
        k = {i: (letters[rank + i] if i in axes else q[i]) for i in range(rank)}
        both = "".join(q[i] for i in batch) + q[rank - 2]
        scores = both + "".join(q[i] for i in axes) + "".join(k[i] for i in axes)
        q_all, k_all = "".join(q.values()), "".join(k.values())
        query = ops.multiply(query, self._factor)
        weights = ops.einsum(f"{q_all},{k_all}->{scores}", query, key)
        if mask is not None and len(mask.shape) < len(weights.shape):
            mask = ops.expand_dims(mask, len(batch))
        kept = weights = masked_softmax(weights, tuple(range(-len(axes), 0)), mask)
        if dropped:
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
        if attention_mask is not None and len(attention_mask.shape) > 3:  # apart for each head, or over several axes
            found[1:] = [ops.expand_dims(mask, 1) for mask in found[1:]]
            return functools.reduce(ops.logical_and, found)
        joined = functools.reduce(ops.logical_and, found)
        return ops.expand_dims(joined, -3)

    def compute_mask(self, query, previous_mask=None):
        """The output counts where the query does."""
        return previous_mask[0] if isinstance(previous_mask, (list, tuple)) else previous_mask

    def get_config(self):
        found = {**super().get_config(), "dropout": self.dropout, "use_bias": self.use_bias}
        found |= {name: getattr(self, name) for name in ("sliding_window", "flash_attention", "use_gate", "seed")}
        for argument in _OF_PROJECTIONS:
            found[argument] = _FAMILIES[argument.split("_")[1]].serialize(self._projections[argument])
        return found


_FAMILIES = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}

for _name in _OF_PROJECTIONS:
    if _name != "activity_regularizer":
        setattr(_ManyHeads, _name, property(lambda self, name=_name: self._projections[name]))


class MultiHeadAttention(_ManyHeads):
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
        super().__init__(locals(), **kwargs)
        self._num_heads = self._positive("num_heads", num_heads)
        self._key_dim = self._positive("key_dim", key_dim)
        self._value_dim = self._key_dim if value_dim is None else self._positive("value_dim", value_dim)
        self._output_dims = (output_shape,) if isinstance(output_shape, int) else output_shape and tuple(output_shape)
        if isinstance(attention_axes, int):
            attention_axes = (attention_axes,)
        elif attention_axes is not None and not isinstance(attention_axes, (list, tuple)):
            raise ValueError(
                f"MultiHeadAttention: attention_axes must be an integer or several. Received: {attention_axes!r}."
            )
        self._attention_axes = attention_axes

    num_heads = property(lambda self: self._num_heads)
    key_dim = property(lambda self: self._key_dim)
    value_dim = property(lambda self: self._value_dim)
    attention_axes = property(lambda self: self._attention_axes)

    def build(self, query_shape, value_shape, key_shape=None):
        rank = len(query_shape)
        axes = self._attention_axes or range(1, rank - 1)
        self._attention_axes = tuple(axis % rank for axis in axes)
        shapes = query_shape, value_shape, value_shape if key_shape is None else key_shape
        outputs = self._output_dims or query_shape[-1:]
        self._build(shapes, self.num_heads, self.num_heads, self.key_dim, self.value_dim, outputs)

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        self._check_shapes(query_shape, value_shape, value_shape if key_shape is None else key_shape)
        return (*query_shape[:-1], *(self._output_dims or (query_shape[-1],)))

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "output_shape": self._output_dims,
            "attention_axes": self._attention_axes,
        }


class GroupedQueryAttention(_ManyHeads):
    """Attention whose queries have more heads than its keys and values (Ainslie et al., 2023).

    Args:
        head_dim: the size of a head.
        num_query_heads: how many heads the queries have.
        num_key_value_heads: how many keys and values have, each for an equal share of the queries' heads.
        dropout, use_bias, sliding_window, flash_attention, use_gate, seed: as in MultiHeadAttention.
    """

    def __init__(
        self,
        head_dim,
        num_query_heads,
        num_key_value_heads,
        dropout=0.0,
        use_bias=True,
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
        super().__init__(locals(), activity_regularizer=activity_regularizer, **kwargs)
        self.head_dim = self._positive("head_dim", head_dim)
        self.num_query_heads = self._positive("num_query_heads", num_query_heads)
        self.num_key_value_heads = self._positive("num_key_value_heads", num_key_value_heads)
        if self.num_query_heads % self.num_key_value_heads:
            raise ValueError(
                f"GroupQueryAttention: num_key_value_heads must divide num_query_heads. "
                f"Received: num_query_heads={num_query_heads}, num_key_value_heads={num_key_value_heads}."
            )

    def build(self, query_shape, value_shape, key_shape=None):
        shapes = query_shape, value_shape, value_shape if key_shape is None else key_shape
        if any(len(shape) != 3 for shape in shapes):
            raise ValueError(
                f"GroupQueryAttention layer '{self.name}' takes (batch, steps, features). "
                f"Received the shapes {[tuple(shape) for shape in shapes]}."
            )
        heads = self.num_query_heads, self.num_key_value_heads
        self._build(shapes, *heads, self.head_dim, self.head_dim, query_shape[-1:])

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        self._check_shapes(query_shape, value_shape, value_shape if key_shape is None else key_shape)
        return tuple(query_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "head_dim": self.head_dim,
            "num_query_heads": self.num_query_heads,
            "num_key_value_heads": self.num_key_value_heads,
        }


GroupQueryAttention = GroupedQueryAttention
objects.publish("keras.layers", GroupQueryAttention=GroupedQueryAttention)  # the name that Keras gave it


class _Projection(Layer):
    """A dense product from some trailing axes to others, as heads have it for queries, keys and values."""

    def __init__(self, inputs, outputs, settings, activation, **kwargs):
        super().__init__(activity_regularizer=settings["activity_regularizer"], **kwargs)
        self._inputs, self._outputs, self._settings = tuple(inputs), tuple(outputs), settings
        self.activation = activation
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
        outputs = outputs if self.bias is None else outputs + self.bias
        return outputs if self.activation is None else self.activation(outputs)
