"""Models in the words of tf.keras, of every family of layers, for its files. Each is made by ``f(K, tf)``.

``K`` is tf_keras and ``tf`` TensorFlow. What one of them is called on follows from its inputs: see ``arrays``.
"""

import numpy as np

MODELS = {}
AS_FOLDERS = set()  # those that are written as SavedModel too, which takes long


def model(f=None, *, folder=False):
    """Register a model."""

    def register(f):
        MODELS[f.__name__] = f
        if folder:
            AS_FOLDERS.add(f.__name__)
        return f

    return register if f is None else register(f)


def arrays(shapes):
    """Inputs of these shapes and dtypes: pairs ((None, ...), dtype)."""
    rng = np.random.default_rng(5)
    found = []
    for shape, dtype in shapes:
        shape = (3, *[5 if n is None else n for n in shape[1:]])
        if dtype == "string":
            found.append(rng.choice(np.array(["a", "b", "c", "A d!", "zz", ""]), shape))
        elif dtype.startswith(("int", "uint")):
            found.append(rng.integers(0, 9, shape).astype(dtype))
        else:
            found.append(rng.normal(size=shape).astype(dtype))
    return found


def scattered(weights):
    """Values for variables, none at a special point: (name, value) -> value. What was adapted stays as it is."""
    rng = np.random.default_rng(3)
    found = []
    for name, value in weights:
        adapted = name.split("/")[-1].split(":")[0] in ("mean", "variance", "count")
        if value.dtype.kind in "iub" or adapted or "idf" in name:
            found.append(value)
            continue
        drawn = (rng.normal(size=value.shape) / 2).astype(value.dtype)
        found.append(np.abs(drawn) + value.dtype.type(0.5) if "variance" in name else drawn)
    return found


def on(K, shape, *parts, dtype=None):
    """A model of one input, each part an output."""
    x = K.Input(shape, dtype=dtype)
    return K.Model(x, [part(x) for part in parts])


# -- layer by layer


@model(folder=True)
def dense(K, tf):
    L = K.layers
    more = {"kernel_regularizer": "l2", "bias_constraint": "non_neg", "activity_regularizer": K.regularizers.L1(0.1)}
    made = L.Dense(3, "relu", kernel_initializer=K.initializers.VarianceScaling(2.0, seed=1), **more)
    inner = K.Sequential([K.Input((4,)), L.Dense(4), L.BatchNormalization(trainable=False)], name="inner")
    y = K.Input((4,))
    other = K.Model(y, [L.Dense(4, trainable=False)(y), y], name="other")
    x = K.Input((4,), name="x")
    a, b = other(inner(x))
    c, d = other(x)
    outputs = {"a": a, "b": L.add([b, c, d]), "z": L.Dropout(0.5)(inner(a)), "m": made(x)}
    return K.Model({"x": x}, outputs)


@model
def sequential(K, tf):
    built = K.Sequential([K.layers.Flatten(), K.layers.Dense(4, name="first"), K.layers.Dense(2)])
    built.build((None, 2, 3))
    return built


@model
def sequential_once_called(K, tf):
    called = K.Sequential([K.layers.Dense(4), K.layers.Dense(2, use_bias=False)])
    called(np.zeros((2, 3), "float32"))
    return called


@model
def einsum_and_embedding(K, tf):
    L = K.layers
    x = K.Input((4,), dtype="int32")
    y = L.Embedding(9, 3, mask_zero=True, input_length=4, embeddings_regularizer="l1")(x)
    z = L.EinsumDense("abc,cd->abd", (None, 6), bias_axes="d", activation="tanh")(y)
    return K.Model(x, [L.LSTM(3)(y), z, L.GRU(2)(L.Masking(0.5)(z))])


@model
def activations(K, tf):
    L = K.layers
    names = "relu elu selu softplus softsign tanh sigmoid exponential hard_sigmoid swish gelu mish softmax linear"
    parts = [L.Activation(name) for name in names.split()]
    parts += [L.LeakyReLU(alpha=0.2), L.ELU(alpha=0.2), L.PReLU(shared_axes=[1]), L.ThresholdedReLU(theta=0.3)]
    parts += [L.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2), L.Softmax(axis=1), L.Softmax(axis=[1, 2])]
    return on(K, (4, 5), *parts, L.Dense(3, activation=K.activations.relu), L.Activation(tf.nn.relu))


def _of_rank(K, rank, size):
    L = K.layers
    of = lambda kind: getattr(L, kind.replace("#", f"{rank}D"))  # noqa: E731
    parts = [of("Conv#")(6, 3, strides=2, padding="same", activation="relu")]
    parts += [of("Conv#Transpose")(3, 3, strides=2, padding="same"), of("Conv#")(4, 2, dilation_rate=2, use_bias=False)]
    parts += [of("MaxPooling#")(2, 1, padding="same"), of("AveragePooling#")(2, padding="same")]
    parts += [of("GlobalMaxPooling#")(), of("GlobalAveragePooling#")(keepdims=True)]
    parts += [of("ZeroPadding#")(2), of("Cropping#")(1), of("UpSampling#")(2), of("SpatialDropout#")(0.2)]
    if rank < 3:
        parts += [of("Conv#")(4, 2, groups=2), of("SeparableConv#")(3, 2, depth_multiplier=2)]
        parts += [of("DepthwiseConv#")(2, depth_multiplier=2)]
    if rank == 1:
        parts.append(L.Conv1D(3, 2, padding="causal"))
    if rank == 2:
        parts += [L.Conv2DTranspose(3, 3, strides=2, output_padding=1), L.DepthwiseConv2D(2, dilation_rate=2)]
        parts += [L.ZeroPadding2D(((1, 2), (3, 4))), L.UpSampling2D((2, 3), interpolation="bilinear")]
        parts.append(L.SeparableConv2D(3, 2, depthwise_initializer="he_normal", pointwise_regularizer="l2"))
    return on(K, (size,) * rank + (4,), *parts)


@model
def images_1d(K, tf):
    return _of_rank(K, 1, 6)


@model
def images_2d(K, tf):
    return _of_rank(K, 2, 6)


@model
def images_3d(K, tf):
    return _of_rank(K, 3, 4)


@model
def locally_connected(K, tf):
    L = K.layers
    x, y = K.Input((8, 4)), K.Input((6, 5, 2))
    parts = [L.LocallyConnected1D(3, 2, strides=2)(x), L.LocallyConnected2D(3, (2, 3))(y)]
    for implementation in (2, 3):
        more = {"implementation": implementation, "padding": "same"}
        parts += [L.LocallyConnected1D(3, 2, **more)(x), L.LocallyConnected2D(3, (2, 3), strides=(2, 1), **more)(y)]
        parts.append(L.LocallyConnected1D(3, 3, implementation=implementation, strides=3)(x))
    return K.Model([x, y], parts)


@model
def normalizations(K, tf):
    L = K.layers
    parts = [L.BatchNormalization(axis=[2], momentum=0.9, epsilon=1e-2, scale=False, fused=False)]
    parts += [L.BatchNormalization(axis=1, center=False), L.BatchNormalization(synchronized=True)]
    parts += [L.LayerNormalization(axis=[1, 2], center=False), L.LayerNormalization(epsilon=1e-2)]
    parts += [L.GroupNormalization(groups=2), L.UnitNormalization(axis=1), L.ActivityRegularization(0.1)]
    parts += [L.AlphaDropout(0.1), L.GaussianDropout(0.1), L.GaussianNoise(0.1), L.Dropout(0.1, (None, 1, 4), seed=3)]
    return on(K, (6, 4), *parts)


@model
def normalized_together(K, tf):
    parts = [K.layers.experimental.SyncBatchNormalization(), K.layers.Dense(3)]
    return on(K, (6, 4), *parts, K.layers.experimental.SyncBatchNormalization(axis=1))


# -- recurrent


@model
def recurrent(K, tf):
    L = K.layers
    parts = [L.LSTM(3, return_sequences=True, unroll=True, implementation=1, go_backwards=True, time_major=False)]
    parts += [L.LSTM(3, recurrent_activation="hard_sigmoid", unit_forget_bias=False, dropout=0.2)]
    parts += [L.LSTM(2, use_bias=False, kernel_regularizer="l2"), L.GRU(3, return_sequences=True)]
    parts += [L.GRU(3, reset_after=False, recurrent_dropout=0.1), L.GRU(3, return_state=True), L.SimpleRNN(3)]
    return on(K, (5, 4), *parts)


@model
def cells(K, tf):
    L = K.layers
    parts = [L.RNN([L.LSTMCell(3), L.GRUCell(2), L.SimpleRNNCell(4)], return_sequences=True)]
    parts += [L.RNN(L.StackedRNNCells([L.GRUCell(3, reset_after=False), L.LSTMCell(2)])), L.RNN(L.GRUCell(3))]
    parts += [L.RNN(L.LSTMCell(3), return_state=True), L.Bidirectional(L.RNN([L.LSTMCell(3), L.GRUCell(2)]))]
    return on(K, (5, 4), *parts)


@model
def two_ways(K, tf):
    L = K.layers
    parts = [L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode="sum"), L.Bidirectional(L.GRU(3))]
    return on(K, (5, 4), *parts)


@model
def two_ways_and_each_step(K, tf):
    L = K.layers
    parts = [L.Bidirectional(L.GRU(3), backward_layer=L.LSTM(3, go_backwards=True))]
    parts += [L.Bidirectional(L.SimpleRNN(3), merge_mode=None), L.TimeDistributed(L.Dense(3))]
    inner = K.Sequential([K.Input((4,)), L.Dense(3), L.BatchNormalization()])
    return on(K, (5, 4), *parts, L.TimeDistributed(inner), lambda x: L.RepeatVector(3)(L.Flatten()(x)))


@model
def recurrent_images(K, tf):
    L = K.layers
    x, y, z = K.Input((3, 6, 2)), K.Input((3, 5, 5, 2)), K.Input((2, 3, 3, 3, 2))
    parts = [L.ConvLSTM1D(3, 2, padding="same", return_sequences=True)(x), L.ConvLSTM2D(3, 2, strides=2)(y)]
    parts += [L.Bidirectional(L.ConvLSTM2D(2, 2, recurrent_activation="sigmoid"))(y), L.ConvLSTM3D(2, 2)(z)]
    parts.append(L.TimeDistributed(L.Conv2D(3, 2))(y))
    return K.Model([x, y, z], parts)


@model
def states(K, tf):
    L = K.layers
    a, b = K.Input((5, 4), name="first"), K.Input((6, 4), name="second")
    _, h, c = L.LSTM(3, return_state=True)(a)
    _, s = L.GRU(3, return_state=True)(a)
    found = [L.LSTM(3, return_sequences=True)(b, initial_state=[h, c]), L.GRU(3)(b, initial_state=s)]
    return K.Model([a, b], [*found, L.Bidirectional(L.SimpleRNN(3))(b, initial_state=[s, h])])


@model
def masks(K, tf):
    L = K.layers
    x = K.Input((5,), dtype="int32")
    embed = L.Embedding(9, 4, mask_zero=True)
    y = L.LSTM(4, return_sequences=True)(embed(x))
    return K.Model(x, [L.GRU(3)(y, mask=embed.compute_mask(x)), L.Bidirectional(L.SimpleRNN(2))(y)])


@model
def stateful(K, tf):
    return K.Sequential([K.Input(batch_shape=(3, 5, 4)), K.layers.LSTM(3, stateful=True)])


# -- several tensors


@model
def attention(K, tf):
    L = K.layers
    a, b = K.Input((5, 4)), K.Input((6, 4))
    y, scores = L.MultiHeadAttention(2, 3, value_dim=2, output_shape=5)(a, b, return_attention_scores=True)
    found = [y, scores, L.MultiHeadAttention(2, 3)(query=a, value=b, key=b), L.AdditiveAttention()([a, b, b])]
    found += [L.MultiHeadAttention(2, 3, use_bias=False)(a, a, use_causal_mask=True), L.Attention(True)([a, b])]
    found += [L.Attention(score_mode="concat")([a, b]), L.Attention()([a, a], use_causal_mask=True)]
    wide = K.Input((5, 3, 4))
    return K.Model([a, b, wide], [*found, L.MultiHeadAttention(2, 3, attention_axes=(1, 2))(wide, wide)])


@model
def merging(K, tf):
    L = K.layers
    a, b = K.Input((5, 4)), K.Input((5, 4))
    parts = [L.Add(), L.Subtract(), L.Multiply(), L.Average(), L.Maximum(), L.Minimum(), L.Concatenate(axis=1)]
    found = [part([a, b]) for part in [*parts, L.Dot(axes=2), L.Dot(axes=(1, 1), normalize=True)]]
    return K.Model([a, b], [*found, L.Permute((2, 1))(a), L.Flatten()(L.Reshape((2, -1))(b)), L.Dot(2)([a, b])])


# -- what prepares data


@model(folder=True)
def normalization_of_data(K, tf):
    data = np.random.default_rng(0).normal(2, 3, (50, 4, 3)).astype("float32")
    parts = [K.layers.experimental.preprocessing.Normalization(axis=axis) for axis in (-1, None, (1, 2))]
    for part in parts:
        part.adapt(data)
    given = K.layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 2.0, 3.0], invert=True)
    return on(K, (4, 3), *parts, given, K.layers.Dense(2))


@model(folder=True)
def discretization(K, tf):
    adapted = K.layers.Discretization(num_bins=4)
    adapted.adapt(np.random.default_rng(0).normal(0, 1, (50, 1)).astype("float32"))
    given = K.layers.Discretization([-1.0, 0.0, 1.0])
    return on(K, (4,), adapted, given, K.layers.Discretization([-1.0, 0.5], output_mode="multi_hot"))


@model
def numbers(K, tf):
    L = K.layers
    counted = [L.CategoryEncoding(10, output_mode=mode) for mode in ("multi_hot", "count")]
    parts = [L.IntegerLookup(vocabulary=[3, 4, 5], num_oov_indices=2, mask_token=0)]
    parts += [L.IntegerLookup(vocabulary=[3, 4, 5], output_mode="multi_hot"), L.Hashing(5)]
    return on(K, (4,), *counted, *parts, dtype="int64")


@model(folder=True)
def texts(K, tf):
    L = K.layers
    data = np.array(["a b c", "b c D!", "a a"])
    words = np.array([["a", "b"], ["a", "c"], ["d", "a"]])
    parts = [L.StringLookup(), L.StringLookup(output_mode="tf_idf"), L.StringLookup(output_mode="count", max_tokens=4)]
    vectors = [L.TextVectorization(output_sequence_length=5)]
    vectors.append(L.TextVectorization(output_mode="tf_idf", ngrams=2, max_tokens=9))
    for part in [*parts, *vectors]:
        part.adapt(data if part in vectors else words)
    integers = L.IntegerLookup()
    integers.adapt(np.array([3, 4, 3, 5, 9]))
    x, y, z = K.Input((2,), dtype="string"), K.Input((1,), dtype="string"), K.Input((2,), dtype="int64")
    found = [part(x) for part in parts] + [L.Embedding(9, 2)(vectors[0](y)), L.Dense(2)(vectors[1](y)), integers(z)]
    return K.Model([x, y, z], found)


@model
def texts_given(K, tf):
    L = K.layers
    x, y = K.Input((1,), dtype="string"), K.Input((1,), dtype="int64")
    found = [L.StringLookup(vocabulary=["a", "b", "c"], mask_token="")(x), L.Hashing(5, mask_value="a")(x)]
    found += [L.Hashing(5, salt=[3, 4])(x), L.HashedCrossing(6, output_mode="one_hot")((x, y))]
    found.append(L.TextVectorization(vocabulary=["b", "a"], split="character")(x))
    found.append(L.StringLookup(vocabulary=["a", "b"], idf_weights=[0.5, 2.0], output_mode="tf_idf")(x))
    return K.Model([x, y], found)


@model
def pictures(K, tf):
    L, E = K.layers, K.layers.experimental.preprocessing
    parts = [L.Resizing(4, 5), L.Resizing(4, 5, interpolation="nearest", crop_to_aspect_ratio=True)]
    parts += [E.Rescaling(1 / 127.5, offset=-1), E.Rescaling([1.0, 2.0, 3.0]), E.CenterCrop(4, 5)]
    parts += [L.RandomFlip("horizontal", seed=1), L.RandomContrast(0.1), L.RandomRotation(0.1), L.RandomZoom(0.1)]
    parts += [L.RandomTranslation(0.1, 0.1), L.RandomBrightness(0.1), L.RandomCrop(4, 5)]
    parts += [L.RandomHeight(0.1), L.RandomWidth((-0.1, 0.2))]
    return on(K, (8, 6, 3), *parts)


# -- dtypes


@model
def mixed_precision(K, tf):
    K.mixed_precision.set_global_policy("mixed_float16")
    try:
        L = K.layers
        x = L.LayerNormalization()(L.Dense(4)(inputs := K.Input((4,))))
        return K.Model(inputs, L.Activation("softmax", dtype="float32")(x))
    finally:
        K.mixed_precision.set_global_policy("float32")


@model
def other_dtypes(K, tf):
    L = K.layers
    policy = K.mixed_precision.Policy("float64")
    return K.Sequential([K.Input((4,)), L.Dense(4, dtype="float64"), L.Dense(2, dtype=policy)])


# -- functions of TensorFlow on symbols


@model(folder=True)
def arithmetic(K, tf):
    return on(
        K,
        (4, 5),
        lambda x: -((1 - (2 * x + 1) / 3) ** 2) + x * x - x,
        lambda x: abs(x) % 2 + x // 2,
        lambda x: tf.cast(x > 0.2, "float32") + tf.cast(x <= tf.constant(0.3), tf.float32),
        lambda x: tf.cast(tf.logical_and(x > 0, tf.logical_not(x < 1)), tf.int32),
        lambda x: tf.subtract(tf.multiply(tf.add(x, 1.0), x), tf.divide(x, 3.0)),
        lambda x: tf.math.floordiv(x, 2.0) + tf.math.floormod(x, 2.0) + tf.pow(x, 2.0),
        lambda x: tf.maximum(tf.minimum(x, 0.5), 0.1) + tf.math.squared_difference(x, 1.0),
        lambda x: tf.math.divide_no_nan(x, tf.nn.relu(x)),
        lambda x: tf.add_n([x, x, x]),
        lambda x: tf.where(x > 0, x, tf.zeros_like(x)) + tf.where(x > 0, x, 0.1) + tf.ones_like(x),
        lambda x: tf.clip_by_value(x, -0.5, clip_value_max=0.5),
        lambda x: tf.stop_gradient(tf.identity(tf.ensure_shape(x, (None, 4, 5)))),
    )


@model
def functions(K, tf):
    names = "exp log1p sqrt square sign sin cos tan tanh sigmoid softplus sinh cosh atan asinh erf expm1 floor ceil"
    names += " round negative rsqrt reciprocal is_nan is_finite softsign log_sigmoid rint abs"
    parts = [lambda x, name=name: getattr(tf.math, name)(x * x + 0.1) for name in names.split()]
    names = "log asin acos atanh"
    parts += [lambda x, name=name: getattr(tf.math, name)(tf.sigmoid(x)) for name in names.split()]
    names = "relu relu6 elu selu gelu silu softplus softsign leaky_relu softmax log_softmax crelu"
    parts += [lambda x, name=name: getattr(tf.nn, name)(x) for name in names.split()]
    parts += [lambda x: tf.nn.softmax(x, axis=1), lambda x: tf.nn.leaky_relu(x, alpha=0.3)]
    parts += [lambda x: tf.nn.gelu(x, approximate=True), lambda x: tf.math.l2_normalize(x, 1)]
    return on(K, (4, 5), *parts)


@model
def reductions(K, tf):
    names = "sum mean max min prod std variance logsumexp euclidean_norm"
    parts = [lambda x, name=name: getattr(tf.math, f"reduce_{name}")(x, [1], True) for name in names.split()]
    parts += [lambda x, name=name: getattr(tf.math, f"reduce_{name}")(x, axis=-1) for name in names.split()]
    parts += [lambda x: tf.reduce_any(x > 0, axis=1), lambda x: tf.reduce_all(x > 0, 1, True)]
    parts += [lambda x: tf.argmax(x, axis=-1), lambda x: tf.argmin(x, 1, output_type=tf.int32)]
    parts += [lambda x: tf.math.top_k(x, k=2).values, lambda x: tf.sort(x, axis=1, direction="DESCENDING")]
    parts += [lambda x: tf.cumsum(x, axis=1) + tf.math.cumsum(x, 1, exclusive=True, reverse=True)]
    parts += [lambda x: tf.nn.moments(x, axes=[1])[1], lambda x: tf.norm(x, axis=-1)]
    return on(K, (4, 5), *parts)


@model
def forms(K, tf):
    table = tf.constant(np.arange(10).reshape(5, 2).astype("float32"))
    return on(
        K,
        (4, 5),
        lambda x: x[:, 1:3, ::2],
        lambda x: x[..., 0] + x[:, 0, :4][:, ::-1],
        lambda x: x[:, tf.newaxis, -1],
        lambda x: tf.concat([x, 2 * x], axis=1),
        lambda x: tf.stack([x, x + 1], axis=1),
        lambda x: tf.unstack(x, axis=1)[2],
        lambda x: tf.split(x, 2, axis=1)[1] + tf.split(x, [1, 3], axis=1)[0],
        lambda x: tf.reshape(x, (-1, 2, 10)) + tf.reshape(x, [tf.shape(x)[0], -1, 10]),
        lambda x: tf.reshape(x, tf.concat([tf.shape(x)[:1], [-1]], axis=0)),
        lambda x: tf.matmul(x, tf.transpose(x, [0, 2, 1])) + tf.matmul(x, x, transpose_b=True),
        lambda x: tf.squeeze(tf.expand_dims(x, 1), axis=1) + tf.squeeze(tf.expand_dims(x, -1), [-1]),
        lambda x: tf.matmul(x, table) + tf.tensordot(x, table, axes=1),
        lambda x: tf.gather(x, [0, 2], axis=1),
        lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 1]]) + tf.pad(x, [[0, 0], [1, 2], [1, 0]], mode="REFLECT"),
        lambda x: tf.tile(x, [1, 2, 1]) + tf.repeat(x, 2, axis=1),
        lambda x: tf.reverse(x, axis=[1]) + tf.roll(x, 1, axis=1) + tf.slice(x, [0, 0, 0], [-1, 4, 5]),
        lambda x: tf.linalg.band_part(tf.matmul(x, x, transpose_b=True), -1, 0),
        lambda x: tf.one_hot(tf.cast(tf.abs(x), tf.uint8), depth=4, on_value=2.0),
        lambda x: tf.sequence_mask(tf.cast(x[:, 0], "int32"), 6),
    )


@model
def gathered(K, tf):
    return on(K, (4, 5), lambda x: tf.gather(x, tf.argmax(x, axis=1), axis=1, batch_dims=1))


@model
def sizes(K, tf):
    return on(
        K,
        (None, 5),
        lambda x: tf.reshape(x, [tf.shape(x)[0] * tf.shape(x)[1], 5]),
        lambda x: tf.broadcast_to(x[:, :1], tf.shape(x)),
        lambda x: x / tf.cast(tf.size(x), "float32"),
        lambda x: x / tf.cast(tf.shape(x)[1], tf.float32),
        lambda x: x + tf.cast(tf.range(tf.shape(x)[1]), "float32")[:, tf.newaxis],
        lambda x: tf.ones((tf.shape(x)[0], 4, 5)) + tf.fill([tf.shape(x)[0], 1, 1], 2.0),
    )


@model
def functions_of_images(K, tf):
    preprocess = [K.applications.mobilenet_v2.preprocess_input, K.applications.resnet50.preprocess_input]
    return on(
        K,
        (4, 4, 3),
        lambda x: tf.image.resize(x, (8, 6)),
        lambda x: tf.image.resize(x, [8, 6], method="nearest"),
        lambda x: tf.image.per_image_standardization(x),
        lambda x: tf.nn.depth_to_space(tf.nn.space_to_depth(x, 2), 2),
        lambda x: tf.nn.max_pool2d(x, 2, 2, "SAME") + tf.nn.avg_pool2d(x, 2, 2, "SAME"),
        lambda x: tf.nn.conv2d(x, tf.ones((2, 2, 3, 3)), 1, "SAME"),
        lambda x: tf.image.flip_left_right(x),
        *preprocess,
    )


@model
def functions_of_the_backend(K, tf):
    B = K.backend
    return on(
        K,
        (4, 5),
        lambda x: B.mean(x, axis=1) + B.sum(B.square(x), axis=1),
        lambda x: B.concatenate([B.expand_dims(B.max(x, axis=1), 1), x], axis=1),
        lambda x: B.batch_dot(x, B.permute_dimensions(x, (0, 2, 1))),
        lambda x: B.reshape(B.softmax(B.relu(x)), (-1, 20)),
        lambda x: K.activations.relu(B.l2_normalize(x, axis=-1), max_value=0.5) + K.activations.gelu(x),
        lambda x: K.losses.mean_squared_error(x, 2 * x),
    )


# -- optimizers


OPTIMIZERS = {
    "SGD": {"momentum": 0.9, "nesterov": True},
    "Adam": {"amsgrad": True, "clipnorm": 1.0},
    "AdamW": {"weight_decay": 0.01, "use_ema": True},
    "RMSprop": {"centered": True, "momentum": 0.5},
    "Adagrad": {},
    "Adadelta": {"learning_rate": 0.5},
    "Adamax": {},
    "Nadam": {},
    "Ftrl": {"l1_regularization_strength": 0.01},
    "Lion": {},
    "Adafactor": {},
    **{f"legacy.{name}": {} for name in ("Adagrad", "Adadelta", "Adamax", "Ftrl", "RMSprop")},
    "legacy.SGD": {"momentum": 0.9, "decay": 0.1},
    "legacy.Adam": {"learning_rate": "schedule"},
}


def batches():
    """Two batches to train on."""
    rng = np.random.default_rng(7)
    return [[rng.normal(size=(6, n)).astype("float32") for n in (4, 2)] for _ in range(2)]


def trained(K, name):
    """A model that has made two steps with an optimizer."""
    K.utils.set_random_seed(3)
    made = K.Sequential([K.Input((4,)), K.layers.Dense(3, "tanh"), K.layers.Dense(2)])
    module = K.optimizers.legacy if name.startswith("legacy.") else K.optimizers
    arguments = dict(OPTIMIZERS[name])
    if arguments.get("learning_rate") == "schedule":
        arguments["learning_rate"] = K.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    optimizer = getattr(module, name.removeprefix("legacy."))(**arguments)
    made.compile(optimizer, K.losses.Huber(0.5), metrics=["mae", K.metrics.MeanSquaredError(name="square")])
    for x, y in batches():
        made.train_on_batch(x, y)
    return made
