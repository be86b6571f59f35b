"""Convolutions, pooling, normalization, losses, images, signals and CTC against Keras 3, on each engine."""

import itertools

import numpy as np
import pytest
from oracle import close, keras

from kbridge import ops
from kbridge.backend import registry
from kbridge.backend.tree import flatten, map_structure

# Keras's own NumPy code
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning:keras.src", "ignore::UserWarning:keras.src")


def f(*shape, seed=0, scale=1.0):
    return (np.random.RandomState(seed + len(shape)).randn(*shape) * scale).astype("float32")


def positive(*shape, seed=1):
    return (np.random.RandomState(seed).rand(*shape) + 0.1).astype("float32")


def ints(*shape, low=0, high=5, seed=2):
    return np.random.RandomState(seed).randint(low, high, shape).astype("int32")


CASES = []


def case(name, *args, **kwargs):
    CASES.append((name, args, kwargs))


# Every layout, padding, stride and dilation in one dimension; some in two and three.
for layout, padding, (stride, dilation) in itertools.product(
    ("channels_last", "channels_first"), ("valid", "same"), ((1, 1), (2, 1), (1, 2), (3, 1))
):
    x = f(2, 9, 4) if layout == "channels_last" else f(2, 4, 9)
    options = dict(strides=stride, padding=padding, data_format=layout)
    case("conv", x, f(3, 2, 6), dilation_rate=dilation, **options)
    case("depthwise_conv", x, f(2, 4, 2), dilation_rate=dilation, **options)
    for extra in (None, 0, 1)[: 3 if stride > 1 else 2]:
        case("conv_transpose", x, f(2, 6, 4), dilation_rate=dilation, output_padding=extra, **options)
    if dilation == 1:
        case("max_pool", x, 3, **options)
        case("average_pool", x, 3, **options)
case("conv", f(2, 9, 8, 3), f(3, 2, 3, 4), (2, 1), "same")
case("conv", f(2, 6, 5, 4, 3), f(3, 2, 2, 3, 4), 2, "same")
case("conv_transpose", f(2, 5, 4, 3), f(3, 2, 4, 3), (2, 3), "same")
case("conv_transpose", f(2, 3, 4, 2, 3), f(3, 2, 2, 4, 3), 2)
case("separable_conv", f(2, 7, 8, 3), f(3, 3, 3, 2), f(1, 1, 6, 5), 2, "same")
case("average_pool", f(2, 8, 8, 3), (2, 3), (1, 2), "same")
for mode in ("average", "max"):
    case(f"adaptive_{mode}_pool", f(2, 8, 7, 3), (4, 3))
    case(f"adaptive_{mode}_pool", f(2, 3, 8, 7), (2, 5), data_format="channels_first")
case("unfold", f(2, 3, 8, 9), (2, 3), stride=(2, 1))
case("unfold", f(2, 3, 8, 9), 3, padding=1, dilation=2)
case("fold", f(2, 18, 28), (8, 9), (2, 3), stride=(2, 1))
case("fold", f(2, 27, 42), (8, 9), 3, dilation=2, padding=1)
case("depth_to_space", f(2, 8, 3, 4), 2, "channels_first")
case("space_to_depth", f(2, 4, 6, 3), 2)

case("normalize", f(3, 5), axis=0, order=3)
case("normalize", np.zeros((2, 3), "float32"))
case("moments", f(2, 3, 4), axes=[0, 1])
case("batch_normalization", f(2, 3, 4), f(3), positive(3), 1, f(3, seed=4), f(3, seed=5), 1e-2)
case("layer_normalization", f(2, 3, 4), f(3, 4), f(3, 4, seed=3), axis=(1, 2))
case("layer_normalization", f(2, 3, 4), f(3), f(3, seed=3), axis=1, epsilon=1e-2)
case("rms_normalization", f(2, 3, 4), f(4))
case("one_hot", ints(3, 4, low=-1), 5, axis=1, dtype="int32")
case("multi_hot", ints(3, 4), 6)
case("dot_product_attention", f(2, 5, 4, 6), f(2, 7, 4, 6, seed=3), f(2, 7, 4, 6, seed=4), is_causal=True)
case(
    "dot_product_attention",
    f(2, 5, 4, 6),
    f(2, 7, 4, 6, seed=3),
    f(2, 7, 4, 6, seed=4),
    bias=f(2, 4, 5, 7),
    mask=ints(2, 1, 5, 7, high=2).astype(bool),
    scale=0.3,
)
_targets, _scores = np.eye(5, dtype="float32")[[0, 2, 1, 4]], positive(4, 5)
case("categorical_crossentropy", _targets, _scores)
case("categorical_crossentropy", _targets, _scores, from_logits=True, axis=0)
case("sparse_categorical_crossentropy", ints(4, 1), _scores)
case("sparse_categorical_crossentropy", ints(4, 3), f(4, 3, 5), from_logits=True)
case("binary_crossentropy", _targets, _scores * 0.9)
case("binary_crossentropy", _targets, f(4, 5, scale=5), from_logits=True)

case("segment_sum", f(7, 2), np.array([0, 1, 1, 3, 0, -1, 2]), num_segments=5)
case("segment_max", f(7, 2), np.array([0, 1, 1, 3, 0, 3, 2]), num_segments=5)
case("rearrange", f(2, 12, 3), "b (h w) c -> b c h w", h=3)
case("lstsq", f(6, 3), f(6, 2))
case("lu_factor", f(4, 4))
for order in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
    case("norm", f(2, 3, 4), ord=order, axis=(1, 2), keepdims=True)
case("fft2", (f(2, 4, 6), f(2, 4, 6, seed=5)))
case("rfft", f(3, 7), fft_length=12)
for length in (None, 6, 9, 12):
    case("irfft", (f(3, 5), f(3, 5, seed=4)), fft_length=length)
case("stft", f(2, 40), 8, 3, 16)
case("stft", f(2, 40), 8, 3, 8, window=None, center=False)
case("istft", (f(2, 10, 9), f(2, 10, 9, seed=4)), 16, 5, 16, length=30)
case("istft", (f(2, 10, 9), f(2, 10, 9, seed=4)), 16, 5, 16, window="hamming", center=False)

case("ctc_loss", ints(3, 4, low=1, high=6), f(3, 10, 6), np.array([4, 2, 3]), np.array([10, 9, 8]))
case("ctc_decode", f(3, 10, 6), np.array([10, 8, 5]))
case("ctc_decode", f(3, 10, 6), np.array([10, 8, 5]), merge_repeated=False, mask_index=5)
case("ctc_decode", f(3, 6, 4), np.array([6, 5, 3]), strategy="beam_search", beam_width=20, top_paths=3)

_images, _first = positive(2, 9, 11, 3), positive(2, 3, 9, 11)
for method, antialias in itertools.product(("nearest", "bilinear", "bicubic", "lanczos3"), (False, True)):
    case("image.resize", _images, (5, 14), method, antialias)
case("image.resize", _first, (18, 6), data_format="channels_first")
case("image.resize", _images, (6, 12), crop_to_aspect_ratio=True)
case("image.resize", _images, (12, 5), pad_to_aspect_ratio=True, fill_value=0.5)
_transform = np.array([1.13, 0.17, -1.03, 0.07, 0.91, 0.53, 0, 0], "float32")
for method, mode in itertools.product(("nearest", "bilinear"), ("constant", "nearest", "wrap", "mirror", "reflect")):
    case("image.affine_transform", _images, np.stack([_transform, _transform * 0.9]), method, mode)
case("image.map_coordinates", f(5, 4, 3), f(3, 7, scale=2), 1, "nearest")
_corners = np.array([[[0, 0], [0, 8], [10, 0], [10, 8]]] * 2, "float32")
case("image.perspective_transform", _images, _corners, _corners + f(2, 4, 2))
case("image.gaussian_blur", _images, (3, 5), (1.0, 2.0))
case("image.ssim", positive(2, 16, 15, 3), positive(2, 16, 15, 3) * 0.9)
case("image.extract_patches", _images, (3, 2), strides=(1, 2), padding="same")
case("image.extract_patches", _first, 2, strides=1, dilation_rate=2, data_format="channels_first")
case("image.scale_and_translate", _images, (2, 5, 14, 3), positive(2), f(2), (1, 2), "cubic")
case("image.rgb_to_hsv", _images)
case("image.hsv_to_rgb", _images)


def _find(root, name):
    for part in name.split("."):
        root = getattr(root, part)
    return root


@pytest.mark.parametrize("index", range(len(CASES)), ids=[f"{i}-{name}" for i, (name, _, _) in enumerate(CASES)])
def test_as_in_keras(engine, index):
    name, args, kwargs = CASES[index]

    def tensor(leaf):
        return keras.ops.convert_to_tensor(leaf) if isinstance(leaf, np.ndarray) else leaf

    reference = _find(keras.ops, name)(*map_structure(tensor, args), **map_structure(tensor, kwargs))
    result = _find(ops, name)(*args, **kwargs)
    for ours, theirs in zip(flatten(result), flatten(reference), strict=True):
        close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_sparsemax_along_another_axis(engine):
    x = registry.current().to_numpy(ops.sparsemax(f(2, 3, 4), axis=1))
    np.testing.assert_allclose(x.sum(1), 1.0, rtol=1e-5)
    assert (x >= 0).all() and (x == 0).any()


def test_sobel_edges(engine):
    down, right = np.moveaxis(registry.current().to_numpy(ops.image.sobel_edges(_images)), -1, 0)
    rows = np.pad(_images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    slope, smooth = np.array([-1, 0, 1]), np.array([1, 2, 1])

    def expected(vertical, horizontal):
        return sum(vertical[i] * horizontal[j] * rows[:, i : i + 9, j : j + 11] for i in range(3) for j in range(3))

    np.testing.assert_allclose(down, expected(slope, smooth), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(right, expected(smooth, slope), rtol=1e-4, atol=1e-5)


def test_istft_inverts_stft_without_a_window(engine):
    x = f(2, 61)
    back = ops.istft(ops.stft(x, 16, 5, 16, window=None), 16, 5, 16, length=61, window=None)
    close(back, x, atol=1e-5)


def test_attention_of_grouped_heads_and_soft_caps(engine):
    query, key, value = f(2, 5, 4, 6), f(2, 7, 2, 6, seed=3), f(2, 7, 2, 6, seed=4)
    repeated = [np.repeat(x, 2, axis=2) for x in (key, value)]
    close(
        ops.dot_product_attention(query, key, value),
        registry.current().to_numpy(ops.dot_product_attention(query, *repeated)),
    )
    logits = np.einsum("btnh,bsnh->bnts", query, repeated[0]) / np.sqrt(6)
    weights = np.exp(2.0 * np.tanh(logits / 2.0))
    weights /= weights.sum(-1, keepdims=True)
    capped = ops.dot_product_attention(query, key, value, attn_logits_soft_cap=2.0)
    close(capped, np.einsum("bnts,bsnh->btnh", weights, repeated[1]), atol=1e-5)


def test_beam_search_sums_alignments():
    """With a beam that holds all, the scores are the probabilities of labellings: those that ctc_loss gives."""
    x = f(1, 4, 3)
    with registry.use_backend("numpy"):
        paths, scores = ops.ctc_decode(x, np.array([4]), strategy="beam_search", beam_width=60, top_paths=5)
        for path, score in zip(paths[:, 0], scores[0]):
            labels = path[path >= 0]
            length = max(len(labels), 1)
            target = np.resize(labels if len(labels) else [1], (1, length))
            loss = ops.ctc_loss(target, x, np.array([len(labels)]), np.array([4]))
            np.testing.assert_allclose(-loss[0], score, rtol=1e-4)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ops.conv(f(2, 5, 5, 3), f(3, 3, 2, 4)), "the input has 3 channels .* which the 2 input channels"),
        (lambda: ops.conv(f(2, 5, 3), f(3, 3, 3, 4)), "the kernel has 1 window axes and two of channels"),
        (lambda: ops.conv(f(2, 2, 2, 3), f(3, 3, 3, 4)), 'A window of size 3 .* does not fit .* Use padding="same"'),
        (lambda: ops.conv(f(2, 5, 3), f(3, 3, 4), padding="full"), '"valid" or "same". Received: padding=\'full\''),
        (lambda: ops.max_pool(f(2, 5, 3), (2, 2)), "`pool_size` must be a positive int or 1 of them"),
        (lambda: ops.max_pool(f(2, 5, 3), 2, data_format="last"), 'must be "channels_last" or "channels_first"'),
        (
            lambda: ops.categorical_crossentropy(f(2, 3), f(2, 4)),
            r"should have the shape \(2, 4\).* Received .*\(2, 3\)",
        ),
        (lambda: ops.one_hot([1], 3, sparse=True), "one_hot: sparse tensors are not supported. Write sparse=False"),
        (lambda: ops.image.crop_images(f(5, 5, 3), 1, target_width=2), "give two of top_cropping, bottom_cropping"),
        (lambda: ops.image.resize(f(5, 5, 3), (2, 2), "area"), "`interpolation` must be one of"),
        (lambda: ops.qr(f(3, 3), mode="r"), '`mode` must be "reduced" or "complete". Received: mode=\'r\''),
        (lambda: ops.rearrange(f(2, 6), "a (b c) -> a b c"), "give the lengths of all but one"),
        (lambda: ops.stft(f(2, 40), 8, 0, 8), "`sequence_stride` must be a positive int. Received: 0"),
        (lambda: ops.ctc_decode(f(1, 2, 3), [2], strategy="best"), '"greedy" or "beam_search". Received: \'best\''),
    ],
)
def test_errors(call, message):
    with registry.use_backend("numpy"), pytest.raises(ValueError, match=message):
        call()
