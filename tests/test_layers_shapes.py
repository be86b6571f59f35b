"""Convolutions, pooling, changes of shape, einsums, embeddings: what the table of layers cannot say."""

import json

import numpy as np
import pytest

import kbridge
from kbridge import layers, ops
from kbridge.backend.symbolic import KerasTensor
from kbridge.layers.masks import mask_of

# -- training: one model each of one, two and three dimensions

MODELS = {
    "1D": (
        (12, 2),
        "ZeroPadding1D(1), SeparableConv1D(4, 3), Conv1DTranspose(4, 3, strides=2), DepthwiseConv1D(3, padding='same'),"
        "Cropping1D(2), UpSampling1D(2), EinsumDense('...a,ab->...b', 4, activation='tanh', bias_axes='b'),"
        "AdaptiveAveragePooling1D(4), AdaptiveMaxPooling1D(2), Flatten(), Dense(3, activation='softmax')",
    ),
    "2D": (
        (6, 6, 2),
        "ZeroPadding2D(1), SeparableConv2D(4, 3), Conv2DTranspose(4, 3, strides=2, padding='same', activation='relu'),"
        "DepthwiseConv2D(3, depth_multiplier=2), Cropping2D(1), UpSampling2D(2, interpolation='bilinear'),"
        "AdaptiveMaxPooling2D(4), AdaptiveAveragePooling2D(2), UpSampling2D(), GlobalAveragePooling2D(),"
        "Dense(3, activation='softmax')",
    ),
    "3D": (
        (4, 4, 4, 1),
        "Conv3D(3, 2, padding='same', activation='relu'), MaxPooling3D(), ZeroPadding3D(1), Cropping3D((0, 1, 1)),"
        "UpSampling3D(1), Conv3DTranspose(2, 2), AveragePooling3D(2), AdaptiveAveragePooling3D(1),"
        "GlobalMaxPooling3D(), Dense(3, activation='softmax')",
    ),
    "1D, channels first": (
        (2, 12),
        "Conv1DTranspose(4, 3, strides=2, data_format='channels_first'),"
        "SeparableConv1D(4, 3, data_format='channels_first'), DepthwiseConv1D(3, data_format='channels_first'),"
        "GlobalMaxPooling1D(data_format='channels_first'), Dense(3, activation='softmax')",
    ),
    "2D, channels first": (
        (2, 6, 6),
        "Conv2DTranspose(4, 3, strides=2, padding='same', data_format='channels_first', activation='relu'),"
        "DepthwiseConv2D(3, data_format='channels_first'), SeparableConv2D(4, 3, data_format='channels_first'),"
        "MaxPooling2D(data_format='channels_first'), GlobalAveragePooling2D(data_format='channels_first'),"
        "Dense(3, activation='softmax')",
    ),
}


def made(names):
    return eval(f"[{names}]", dict(vars(layers)))


def trains(model, x, epochs=6, **kwargs):
    y = np.arange(len(x)) % 3
    model.compile(kbridge.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    history = model.fit(x, y, batch_size=16, epochs=epochs, shuffle=False, verbose=0, **kwargs).history["loss"]
    assert np.isfinite(history).all() and history[-1] < history[0], history
    return history


@pytest.mark.parametrize("kind", MODELS)
def test_trains(engine, kind):
    shape, names = MODELS[kind]
    kbridge.utils.set_random_seed(3)
    x = np.random.default_rng(5).normal(size=(32, *shape)).astype("float32")
    model = kbridge.Sequential([kbridge.Input(shape), *made(names)])
    before = model.get_weights()
    trains(model, x)
    assert all((a != b).any() for a, b in zip(before, model.get_weights())), "a weight was not trained"


def test_trains_with_unknown_lengths(engine):
    """Images of any size; the channels alone are known."""
    kbridge.utils.set_random_seed(3)
    names = (
        "Conv2D(4, 3, padding='same'), Conv2DTranspose(4, 3, strides=2, padding='same', activation='relu'),"
        "ZeroPadding2D(1), Cropping2D(1), UpSampling2D(2), UpSampling2D(2, interpolation='bilinear'),"
        "DepthwiseConv2D(3), AveragePooling2D(2), GlobalMaxPooling2D(), Dense(3, activation='softmax')"
    )
    model = kbridge.Sequential([kbridge.Input((None, None, 2)), *made(names)])
    rng = np.random.default_rng(5)
    trains(model, rng.normal(size=(32, 4, 5, 2)).astype("float32"), epochs=4)
    assert model.predict(rng.normal(size=(3, 6, 4, 2)), verbose=0).shape == (3, 3)


def test_a_reversible_embedding_trains_both_ways_with_one_table(engine):
    kbridge.utils.set_random_seed(3)
    tied = layers.ReversibleEmbedding(7, 4, mask_zero=True)
    tokens = kbridge.Input((5,), dtype="int32")
    vectors = tied(tokens)
    assert vectors.mask is not None
    scores = tied(layers.Dense(4, activation="tanh")(vectors), reverse=True)
    assert scores.shape == (None, 5, 7) and [w.name for w in tied.weights] == ["embeddings"]
    model = kbridge.Model(tokens, scores)
    x = np.random.default_rng(1).integers(1, 7, (32, 5))
    loss = kbridge.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(kbridge.optimizers.Adam(0.05), loss)
    before = tied.get_weights()[0]
    history = model.fit(x, x, batch_size=16, epochs=6, verbose=0).history["loss"]
    assert history[-1] < history[0] and (tied.get_weights()[0] != before).any()
    assert mask_of(tied(engine.convert(x))) is not None
    assert mask_of(tied(engine.convert(np.ones((2, 5, 4), "float32")), reverse=True)) is None


def test_a_spectrogram_trains(engine):
    kbridge.utils.set_random_seed(3)
    x = np.random.default_rng(5).normal(size=(32, 40, 1)).astype("float32")
    names = "STFTSpectrogram('log', 8), GlobalAveragePooling1D(), Dense(3, activation='softmax')"
    trains(kbridge.Sequential([kbridge.Input((40, 1)), *made(names)]), x)
    assert layers.STFTSpectrogram("real", 8, trainable=False)(x).shape == (32, 9, 5)


# -- changes of low rank

ADAPTED = [
    ("Dense(3)", (2, 4), "kernel"),
    ("Conv2D(3, 2)", (2, 4, 4, 2), "kernel"),
    ("Conv1D(4, 2, groups=2, padding='causal')", (2, 5, 4), "kernel"),
    ("EinsumDense('abc,cde->abde', (None, 2, 3))", (2, 3, 4), "kernel"),
    ("Embedding(6, 4)", None, "embeddings"),
]


@pytest.mark.parametrize(("name", "shape", "adapted"), ADAPTED, ids=[name for name, *_ in ADAPTED])
def test_a_kernel_rests_while_its_change_is_trained(engine, name, shape, adapted):
    rng = np.random.default_rng(2)
    x = np.array([[0, 3], [5, 1]], "int32") if shape is None else rng.normal(size=shape).astype("float32")
    layer = made(name)[0]
    plain = engine.to_numpy(layer(x))
    layer.enable_lora(2, lora_alpha=6)
    names = [f"lora_{adapted}_a", f"lora_{adapted}_b"]
    assert [v.name for v in layer.trainable_variables if v.name != "bias"] == names
    assert [v.name for v in layer.non_trainable_variables] == [adapted]
    np.testing.assert_allclose(engine.to_numpy(layer(x)), plain, rtol=1e-6, err_msg="the change begins as nothing")
    a, b = (getattr(layer, name) for name in names)
    a.assign(rng.normal(size=a.shape))
    b.assign(rng.normal(size=b.shape))
    changed = engine.to_numpy(layer(x))
    assert np.abs(changed - plain).max() > 0.01
    # What is saved is the sum, which a layer without a change gives the same with.
    store = {}
    layer.save_own_variables(store)
    other = made(name)[0]
    other(x)
    other.load_own_variables(store)
    np.testing.assert_allclose(engine.to_numpy(other(x)), changed, rtol=1e-5, atol=1e-5)
    layer.load_own_variables(store)
    np.testing.assert_allclose(engine.to_numpy(layer(x)), changed, rtol=1e-5, atol=1e-5)
    assert (b.numpy() == 0).all() and a.numpy().any()
    config = layer.get_config()
    assert (config["lora_rank"], config["lora_alpha"]) == (2, 6)
    assert type(layer).from_config(json.loads(json.dumps(config))).lora_alpha == 6


def test_only_the_change_is_trained(engine):
    kbridge.utils.set_random_seed(3)
    model = kbridge.Sequential([kbridge.Input((6,)), *made("Dense(8, activation='relu'), Dense(3, 'softmax')")])
    for layer in model.layers:
        layer.enable_lora(2)
    before = [layer._plain.numpy() for layer in model.layers]
    trains(model, np.random.default_rng(5).normal(size=(32, 6)).astype("float32"))
    for layer, kernel in zip(model.layers, before):
        np.testing.assert_array_equal(layer._plain.numpy(), kernel)
        assert layer.lora_kernel_b.numpy().any()


def test_a_kernel_is_adapted_only_where_it_can_be():
    layer = layers.Dense(3, name="adapted")
    with pytest.raises(AttributeError, match="layer 'adapted' has no kernel before it is built"):
        _ = layer.kernel
    with pytest.raises(ValueError, match="needs a layer that is built"):
        layer.enable_lora(2)
    layer.build((None, 4))
    with pytest.raises(ValueError, match="rank must be a positive integer. Received: rank=0"):
        layer.enable_lora(0)
    layer.enable_lora(2)
    with pytest.raises(ValueError, match="was called before, with rank=2"):
        layer.enable_lora(2)
    held = layers.Dense(3, kernel_constraint="non_neg")
    held.build((None, 4))
    with pytest.raises(ValueError, match="Leave kernel_constraint out"):
        held.enable_lora(2)


# -- values


def on(engine, layer, x, **kwargs):
    return engine.to_numpy(layer(engine.convert(x), **kwargs))


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"])
def test_upsampling_interpolates_as_keras(engine, interpolation):
    """Here Keras on NumPy is the measure, since on PyTorch it has other cubic weights, and no Lanczos."""
    from oracle import keras

    x = np.random.default_rng(3).normal(size=(2, 4, 5, 3)).astype("float32")
    expected = np.asarray(keras.layers.UpSampling2D((2, 3), "channels_last", interpolation)(x))
    ours = on(engine, layers.UpSampling2D((2, 3), "channels_last", interpolation), x)
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)
    ours = on(engine, layers.UpSampling2D((2, 3), "channels_first", interpolation), x.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(ours.transpose(0, 2, 3, 1), expected, rtol=1e-5, atol=1e-5)


CHANNELS_FIRST = [
    ("Conv1D(4, 3, strides=2, padding='same', groups=2)", 1),
    ("Conv1D(4, 3, padding='causal', dilation_rate=2)", 1),
    ("Conv2D(3, (3, 2), dilation_rate=(2, 1))", 2),
    ("Conv3D(3, 2, strides=2, padding='same')", 3),
    ("Conv1DTranspose(3, 3, strides=2, padding='same')", 1),
    ("Conv2DTranspose(3, (3, 2), strides=(2, 3), output_padding=(1, 2))", 2),
    ("Conv3DTranspose(3, 2, dilation_rate=2)", 3),
    ("DepthwiseConv1D(3, strides=2, padding='causal', depth_multiplier=2)", 1),
    ("DepthwiseConv2D((2, 3), strides=(1, 2), dilation_rate=2, padding='same')", 2),
    ("SeparableConv1D(3, 3, depth_multiplier=2)", 1),
    ("SeparableConv2D(3, 3, strides=2, padding='same')", 2),
    ("MaxPooling3D((2, 1, 2), padding='same')", 3),
    ("AveragePooling3D(2, strides=1, padding='same')", 3),
    ("AdaptiveMaxPooling3D((2, 3, 1))", 3),
    ("AdaptiveAveragePooling2D((2, 3))", 2),
    ("Cropping3D((1, 0, 2))", 3),
    ("ZeroPadding2D(((0, 1), (2, 0)))", 2),
    ("UpSampling3D((1, 2, 3))", 3),
]


@pytest.mark.parametrize(("name", "rank"), CHANNELS_FIRST, ids=[name for name, _ in CHANNELS_FIRST])
def test_channels_may_come_first(engine, name, rank):
    """Both data formats give the same values, with the axes where they belong."""
    first, last = (made(f"{name[:-1]}, data_format='channels_{place}')")[0] for place in ("first", "last"))
    x = np.random.default_rng(3).normal(size=(2, 6, 5, 6, 4)[: rank + 1] + (4,)).astype("float32")
    last(x)
    expected = on(engine, last, x)
    moved = np.moveaxis(x, -1, 1)
    first(moved)
    first.set_weights(last.get_weights())
    np.testing.assert_allclose(np.moveaxis(on(engine, first, moved), 1, -1), expected, rtol=1e-5, atol=1e-5)
    assert first.compute_output_shape(moved.shape) == np.moveaxis(expected, -1, 1).shape


def test_a_transposed_convolution_is_the_adjoint_of_a_convolution(engine):
    rng = np.random.default_rng(4)
    x, y = (rng.normal(size=shape).astype("float32") for shape in ((1, 7, 8, 2), (1, 3, 7, 3)))
    kernel = rng.normal(size=(3, 2, 2, 3)).astype("float32")
    down, up = (
        layers.Conv2D(3, (3, 2), strides=(2, 1), use_bias=False),
        layers.Conv2DTranspose(2, (3, 2), strides=(2, 1), use_bias=False),
    )
    down.build(x.shape), up.build(y.shape)
    down.set_weights([kernel]), up.set_weights([kernel])
    np.testing.assert_allclose((on(engine, down, x) * y).sum(), (x * on(engine, up, y)).sum(), rtol=1e-4)


def test_einsum_kernels_begin_with_the_variance_of_what_goes_in_and_out():
    """Glorot's variance counts the axes that the equation joins, whatever their places."""
    layer = layers.EinsumDense("abc,dec->abde", (None, 30, 20))
    layer.build((None, 3, 50))
    limit = np.sqrt(6 / (50 + 600))
    kernel = layer.get_weights()[0]
    assert kernel.shape == (30, 20, 50)
    assert 0.99 * limit < np.abs(kernel).max() <= limit


def test_mel_bands_cover_the_frequencies():
    layer = layers.MelSpectrogram(64, 16, sampling_rate=1000, num_mel_bins=8)
    bands = ops.convert_to_numpy(layer.linear_to_mel_weight_matrix(8, 33, 1000, 20.0, 500.0))
    assert bands.shape == (33, 8) and bands[0].max() == 0 and bands.min() == 0 and bands.max() <= 1
    assert (bands > 0).any(0).all() and (np.diff(bands.argmax(0)) > 0).all()
    time = np.arange(1000) / 1000
    tones = np.sin(2 * np.pi * np.array([[100.0], [300.0]]) * time).astype("float32")
    found = ops.convert_to_numpy(layer(tones)).mean(-1)
    middles = bands.argmax(0) * 1000 / 64
    assert np.abs(middles[found.argmax(1)] - [100, 300]).max() < 40


@pytest.mark.parametrize("name", ["STFTSpectrogram('real', 8, window=window)", "MelSpectrogram(8, 4, window=window)"])
def test_a_window_may_be_an_array(name):
    x = np.random.default_rng(1).normal(size=(2, 20, 1) if name.startswith("STFT") else (2, 20)).astype("float32")
    layer = eval(name, dict(vars(layers)), {"window": np.hanning(8)})
    copy = layers.deserialize(json.loads(json.dumps(layers.serialize(layer))))
    expected = ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(ops.convert_to_numpy(copy(x)), expected, rtol=1e-5, atol=1e-5)
    assert (ops.convert_to_numpy(eval(name, dict(vars(layers)), {"window": None})(x)) != expected).any()


def test_samples_without_values_are_reshaped_too(engine):
    empty = np.zeros((2, 0, 3), "float32")
    assert on(engine, layers.Flatten(), empty).shape == (2, 0)
    assert on(engine, layers.Reshape((3, 0)), empty).shape == (2, 3, 0)
    assert on(engine, layers.Flatten(), np.zeros((0, 2, 3), "float32")).shape == (0, 6)
    assert on(engine, layers.Reshape((3, -1)), np.zeros((0, 2, 3), "float32")).shape == (0, 3, 2)


# -- dtypes

FLOATING = [
    ("Conv3D(2, 2)", (2, 3, 3, 3, 2)),
    ("Conv1DTranspose(3, 2, strides=2)", (2, 3, 2)),
    ("Conv2DTranspose(3, 2, padding='same')", (2, 3, 3, 2)),
    ("DepthwiseConv2D(2)", (2, 3, 3, 2)),
    ("DepthwiseConv1D(2, data_format='channels_first')", (2, 2, 4)),
    ("SeparableConv2D(3, 2)", (2, 3, 3, 2)),
    ("Conv2D(3, 2, lora_rank=1)", (2, 3, 3, 2)),
    ("EinsumDense('ab,bc->ac', 3, bias_axes='c')", (2, 4)),
    ("MaxPooling3D()", (2, 2, 2, 2, 2)),
    ("AdaptiveAveragePooling2D(2)", (2, 5, 4, 2)),
    ("ZeroPadding2D()", (2, 2, 2, 1)),
    ("UpSampling2D(interpolation='bilinear')", (2, 3, 3, 2)),
    ("STFTSpectrogram('magnitude', 4)", (2, 9, 1)),
    ("MelSpectrogram(8, 4, sampling_rate=100, num_mel_bins=2)", (2, 20)),
    ("Embedding(5, 3, lora_rank=1)", None),
]
POLICIES = {"mixed_float16": ("float16", 3e-2), "mixed_bfloat16": ("bfloat16", 1e-1), "float64": ("float64", 1e-5)}


@pytest.mark.parametrize("policy", POLICIES)
def test_computes_in_other_dtypes(engine, policy):
    """Outputs have the policy's dtype, and values are near those of float32."""
    compute_dtype, tolerance = POLICIES[policy]
    rng = np.random.default_rng(2)
    for name, shape in FLOATING:
        x = np.array([[0, 3]], "int32") if shape is None else rng.normal(size=shape).astype("float32")
        plain = made(name)[0]
        expected = engine.to_numpy(plain(x))
        layer = made(f"{name[:-1]}{'' if name.endswith('()') else ', '}dtype='{policy}')")[0]
        result = layer(x)
        assert engine.dtype(result) == compute_dtype, name
        layer.set_weights(plain.get_weights())
        ours = engine.to_numpy(layer(x)).astype("float64")
        np.testing.assert_allclose(ours, expected, atol=tolerance, rtol=tolerance, err_msg=name)


def test_trains_in_mixed_precision(engine):
    kbridge.utils.set_random_seed(3)
    policy = "dtype='mixed_bfloat16'"
    names = (
        f"Conv2D(4, 3, {policy}), Conv2DTranspose(4, 2, {policy}), DepthwiseConv2D(2, {policy}),"
        f"AveragePooling2D(2, {policy}), GlobalAveragePooling2D({policy}), Dense(3, activation='softmax')"
    )
    model = kbridge.Sequential([kbridge.Input((6, 6, 1)), *made(names)])
    trains(model, np.random.default_rng(5).normal(size=(32, 6, 6, 1)).astype("float32"))
    assert {v.dtype for v in model.trainable_variables} == {"float32"}


# -- errors

WRONG = [
    ("Conv3D(2, (1, 2))", "Conv3D: kernel_size must be an integer of at least 1, or 3 of them. Received: kernel_size"),
    ("Conv2D(2, 3, lora_rank=0)", "Conv2D: lora_rank must be a positive integer. Received: lora_rank=0"),
    ("Conv2DTranspose(0, 2)", "Conv2DTranspose: filters must be a positive integer"),
    ("Conv2DTranspose(2, 2, strides=2, output_padding=2)", "output_padding must be below strides in every axis"),
    ("Conv1DTranspose(2, 2, padding='causal')", "padding must be one of 'valid', 'same'. Received: 'causal'"),
    ("Conv2DTranspose(2, 2, strides=2, dilation_rate=2)", "cannot both be above 1"),
    ("DepthwiseConv2D(2, depth_multiplier=0)", "depth_multiplier must be a positive integer"),
    ("DepthwiseConv2D(2, padding='full')", "padding must be one of 'valid', 'same'"),
    ("SeparableConv1D(2, 0)", "kernel_size must be an integer of at least 1"),
    ("AdaptiveMaxPooling2D((2, 2, 2))", "output_size must be an integer of at least 1, or 2 of them"),
    ("Cropping1D(-1)", "cropping must be an integer of at least 0, or a pair .before, after.. Received: cropping=-1"),
    ("Cropping2D((1, 2, 3))", "Cropping2D: cropping must be an integer of at least 0, 2 of them, or 2 pairs"),
    ("ZeroPadding3D('a')", "ZeroPadding3D: padding must be an integer"),
    ("UpSampling1D(0)", "size must be a positive integer"),
    ("UpSampling2D(interpolation='cubic')", "interpolation must be one of 'nearest', 'bilinear', 'bicubic'"),
    ("Reshape((2, None))", "target_shape must hold integers of at least 0, or -1 for what is left. Received"),
    ("Reshape((2, -2))", "target_shape must hold integers"),
    ("EinsumDense('ab,bc', 3)", "equation must be 'X,Y->Z'.*Received: equation='ab,bc'"),
    ("EinsumDense('...ab,bc->ac...', 3)", "equation must be"),
    ("EinsumDense('ab,bc->ad', 3)", r"the axes \['d'\] of the output are neither in the input nor in the kernel"),
    ("EinsumDense('ab,bz->a', ())", r"the axes \['z'\] of the kernel are neither in the input nor in the output"),
    ("EinsumDense('ab,bc->ac', 3, bias_axes='d')", "bias_axes must be axes of the output, 'ac'. Received"),
    ("ReversibleEmbedding(5, 0)", "ReversibleEmbedding: output_dim must be a positive integer"),
    ("ReversibleEmbedding(5, 2, logit_soft_cap=0)", "logit_soft_cap must be positive or None"),
    ("STFTSpectrogram('loud')", "mode must be one of log, magnitude"),
    ("STFTSpectrogram(frame_length=8, frame_step=9)", "frame_step must be from 1 to frame_length"),
    ("STFTSpectrogram(frame_length=8, fft_length=4)", "fft_length must be at least frame_length"),
    ("MelSpectrogram(fft_length=8, sequence_length=9)", "fft_length must be at least sequence_length"),
]


@pytest.mark.parametrize(("layer", "text"), WRONG, ids=[layer for layer, _ in WRONG])
def test_a_wrong_argument_is_named(layer, text):
    with pytest.raises(ValueError, match=text):
        made(layer)


@pytest.mark.parametrize("layer", ["Dense(3", "Embedding(3, 2", "EinsumDense('ab,bc->ac', 3"])
def test_quantization_is_refused(layer):
    with pytest.raises(NotImplementedError, match="quantization_config=.* is not supported"):
        made(f"{layer}, quantization_config={{}})")


MISFITS = [
    ("Conv3D(2, 2)", (2, 4, 4, 2), "min_ndim=5"),
    ("Conv2DTranspose(2, 2)", (2, 4, 4, None), "needs to know the number of channels"),
    ("DepthwiseConv2D(3)", (2, 2, 4, 2), "is smaller than the window of .3, 3."),
    ("MaxPooling3D()", (2, 4, 4, 2), "ndim=5"),
    ("AveragePooling2D(3)", (None, 2, 4, 2), "is smaller than the window of .3, 3."),
    ("STFTSpectrogram(frame_length=8)", (None, 7, 1), "is smaller than the window of 8"),
    ("Cropping1D((2, 1))", (2, 3, 4), "would leave nothing of axis 1, of the length 3, with cropping=.2, 1."),
    ("UpSampling2D()", (2, 3, 4), "ndim=4"),
    ("EinsumDense('abc,cd->abd', (4, 2))", (2, 3, 4), "axis 'b' has the size 3 in the input and 4 in output_shape"),
    ("EinsumDense('ab,bc->ac', 3)", (2, 3, 4), "the input has the axes 'ab'"),
    ("EinsumDense('ab,bc->ac', 3)", (2, None), "of which every size must be known"),
    ("STFTSpectrogram(frame_length=8)", (2, 16), "ndim=3"),
    ("TimeDistributed(Dense(2))", (2, 3), "takes .batch, time"),
]


@pytest.mark.parametrize(("layer", "shape", "text"), MISFITS, ids=[f"{layer}{shape}" for layer, shape, _ in MISFITS])
def test_an_input_that_does_not_fit_is_named(layer, shape, text):
    with pytest.raises(ValueError, match=text):
        made(layer)[0](KerasTensor(shape))


def test_a_spectrogram_takes_floats():
    with pytest.raises(TypeError, match="takes floats. Received a signal of dtype int32"):
        layers.STFTSpectrogram(frame_length=4)(np.zeros((2, 8, 1), "int32"))


def test_a_mask_of_other_steps_is_refused():
    layer = layers.TimeDistributed(layers.Dense(2), name="steps")
    with pytest.raises(ValueError, match="layer 'steps' takes a mask that begins with .batch, time."):
        layer(np.zeros((2, 3, 4), "float32"), mask=np.ones((2, 4), bool))
