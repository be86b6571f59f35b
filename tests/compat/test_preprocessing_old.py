"""``keras.preprocessing`` of both generations: images, sequences and texts, in NumPy and Pillow."""

import io
import os
import pickle
import threading

import numpy as np
import pytest
from PIL import Image

from kbridge import config
from kbridge.compat import affine
from kbridge.compat.keras1.preprocessing import image as image1
from kbridge.compat.keras1.preprocessing import text as text1
from kbridge.compat.keras2.preprocessing import image as image2
from kbridge.compat.keras2.preprocessing import sequence, text

BOTH = pytest.mark.parametrize("image", (image1, image2), ids=("keras1", "keras2"))


def pictures(count=10, height=6, width=5, seed=0):
    return (np.random.RandomState(seed).rand(count, height, width, 3) * 255).astype("float32")


# -- affine maps


@pytest.mark.parametrize("mode", affine.FILL_MODES)
@pytest.mark.parametrize("order", (0, 1))
def test_images_are_warped_as_scipy_does(mode, order):
    from scipy import ndimage

    random = np.random.RandomState(0)
    for _ in range(40):
        height, width = random.randint(1, 12, 2)
        x = (random.rand(height, width, 3) * 255).astype(random.choice(["float32", "uint8"]))
        matrix = affine.rotation(random.uniform(-3, 3)) @ affine.shift(*random.uniform(-15, 15, 2))
        matrix = matrix @ affine.shear(random.uniform(-1, 1)) @ affine.zoom(*random.uniform(0.3, 3, 2))
        matrix = affine.transform_matrix_offset_center(matrix, height, width)
        channels = [
            ndimage.affine_transform(channel, matrix[:2, :2], matrix[:2, 2], order=order, mode=mode, cval=7.0)
            for channel in np.moveaxis(x, -1, 0)
        ]
        got = affine.warp(x, matrix, 2, mode, 7.0, order)
        assert got.dtype == x.dtype
        away = np.abs(got.astype(float) - np.stack(channels, -1))
        assert away.max() <= (1 if x.dtype == "uint8" else 1e-3)


def test_higher_orders_are_splines():
    x = pictures(1)[0]
    kept = affine.warp(x, np.eye(3), 2, order=3)
    np.testing.assert_allclose(kept, x, atol=1e-2)
    with pytest.raises(ValueError, match="fill_mode"):
        affine.warp(x, np.eye(3), 2, "mirror")


def test_named_changes():
    x = pictures(1)[0]
    quarter = image2.apply_affine_transform(x[:5], theta=180, fill_mode="constant")
    assert quarter.shape == x[:5].shape
    moved = image2.apply_affine_transform(x, tx=2, ty=-1, fill_mode="constant", cval=9.0)
    np.testing.assert_array_equal(moved[:-2, 1:], x[2:, :-1])
    assert (moved[-2:] == 9).all() and (moved[:, 0] == 9).all()
    np.testing.assert_array_equal(image2.flip_axis(x, 1), x[:, ::-1])
    np.testing.assert_array_equal(image2.apply_channel_shift(x, 300.0, channel_axis=2), np.full_like(x, x.max()))
    dark = image2.apply_brightness_shift(x, 0.0)
    assert dark.max() == 0 and dark.shape == x.shape
    np.testing.assert_array_equal(image1.apply_transform(x, affine.shift(1, 0), 2)[:-1], x[1:])


@pytest.mark.parametrize("name", ("rotation", "shift", "shear", "zoom", "channel_shift"))
@BOTH
def test_random_changes_keep_the_shape_and_follow_numpys_seed(image, name):
    x = pictures(1, 8, 8)[0].transpose(2, 0, 1)
    reach = {"rotation": (40,), "shift": (0.3, 0.3), "shear": (0.4,), "zoom": ((0.5, 1.5),), "channel_shift": (50.0,)}
    change = getattr(image, f"random_{name}")
    found = []
    for _ in range(2):
        np.random.seed(7)
        found.append(change(x, *reach[name]))
    np.testing.assert_array_equal(*found)
    assert found[0].shape == x.shape and found[0].dtype == x.dtype and not (found[0] == x).all()
    assert x.min() - 1e-3 <= found[0].min() and found[0].max() <= x.max() + 1e-3


def test_shears_are_radians_in_keras_1_and_degrees_in_keras_2():
    x = pictures(1, 30, 30)[0]
    for image, reach in ((image1, np.pi / 6), (image2, 30)):
        generator = image.ImageDataGenerator(shear_range=reach)
        angles = [generator.get_random_transform(x.shape)["shear"] for _ in range(200)]
        assert 25 < max(angles) <= 30 and -30 <= min(angles) < -25


# -- files


@BOTH
def test_images_to_files_and_back(image, tmp_path):
    x = np.round(pictures(1)[0])
    path = str(tmp_path / "a.png")
    image.array_to_img(x, scale=False).save(path)
    np.testing.assert_array_equal(image.img_to_array(image.load_img(path)), x)
    grey = image.load_img(path, True, target_size=(4, 3))
    assert grey.size == (3, 4) and image.img_to_array(grey).shape == (4, 3, 1)
    image.save_img(str(tmp_path / "b.jpg"), np.concatenate([x, x[..., :1]], -1))
    assert Image.open(tmp_path / "b.jpg").mode == "RGB"
    assert sorted(os.path.basename(name) for name in image.list_pictures(str(tmp_path))) == ["a.png", "b.jpg"]
    # the largest value becomes 255, and nothing but the negative is moved
    stretched = np.asarray(image.array_to_img(np.array([[[2.0], [4.0]]])))
    np.testing.assert_array_equal(stretched, [[127, 255]])
    np.testing.assert_array_equal(np.asarray(image.array_to_img(np.array([[[-1.0], [1.0]]]))), [[0, 255]])


def test_orders_of_axes():
    x = pictures(1)[0]
    first = x.transpose(2, 0, 1)
    img = image1.array_to_img(first, dim_ordering="th", scale=False)
    assert image1.img_to_array(img, "th").shape == first.shape and image1.img_to_array(img, "tf").shape == x.shape
    assert image2.img_to_array(img, "channels_first").shape == first.shape
    config.set_image_data_format("channels_first")
    assert image1.img_to_array(img).shape == image2.img_to_array(img).shape == first.shape
    assert image1.ImageDataGenerator().dim_ordering == "th"
    assert image2.ImageDataGenerator().data_format == "channels_last"
    assert image2.ImageDataGenerator(dim_ordering="th").data_format == "channels_first"


# -- ImageDataGenerator


@BOTH
def test_everything_at_once(image):
    changes = dict(
        rotation_range=20,
        width_shift_range=0.2,
        height_shift_range=0.2,
        shear_range=0.2,
        zoom_range=0.2,
        channel_shift_range=10.0,
        horizontal_flip=True,
        vertical_flip=True,
        rescale=1 / 255,
        fill_mode="reflect",
        brightness_range=(0.8, 1.2),
    )
    x, y = pictures(10), np.arange(10)
    first = image.ImageDataGenerator(**changes).flow(x, y, batch_size=4, seed=5)
    second = image.ImageDataGenerator(**changes).flow(x, y, batch_size=4, seed=5)
    seen = []
    for _ in range(3):
        (a, la), (b, lb) = next(first), second.next()
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(la, lb)
        assert a.dtype == "float32" and 0 <= a.min() and a.max() <= 1
        seen += list(la)
    assert sorted(seen) == list(range(10))
    again = [next(first)[1] for _ in range(3)]
    assert sorted(np.concatenate(again)) == list(range(10)) and list(np.concatenate(again)) != seen


def test_statistics_of_keras_2():
    x = pictures(20)
    generator = image2.ImageDataGenerator(featurewise_std_normalization=True)
    generator.fit(x)
    whole = np.concatenate([b for b, _ in zip(generator.flow(x, batch_size=5, shuffle=False), range(4))])
    np.testing.assert_allclose(whole.mean(axis=(0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(whole.std(axis=(0, 1, 2)), 1, atol=1e-4)
    one = image2.ImageDataGenerator(samplewise_center=True, samplewise_std_normalization=True).standardize(x[0].copy())
    np.testing.assert_allclose([one.mean(), one.std()], [0, 1], atol=1e-4)
    white = image2.ImageDataGenerator(zca_whitening=True, zca_epsilon=1e-3)
    small = x[:, :2, :2]
    white.fit(small)
    flat = np.stack([white.standardize(sample.copy()).ravel() for sample in small])
    np.testing.assert_allclose(flat.T @ flat / len(flat), np.eye(12), atol=1e-2)
    with pytest.warns(UserWarning, match="datagen.fit"):
        image2.ImageDataGenerator(featurewise_center=True).standardize(x[0].copy())


def test_statistics_of_keras_1():
    x = pictures(20)
    generator = image1.ImageDataGenerator(samplewise_center=True, samplewise_std_normalization=True)
    one = generator.standardize(x[0].copy())  # for each place by itself, over its channels
    np.testing.assert_allclose(one.mean(axis=-1), 0, atol=1e-4)
    np.testing.assert_allclose(one.std(axis=-1), 1, atol=1e-3)
    generator = image1.ImageDataGenerator(True, False, True, dim_ordering="th")
    first = x.transpose(0, 3, 1, 2)
    generator.fit(first, augment=True, rounds=2)
    np.testing.assert_allclose(generator.mean.ravel(), x.mean(axis=(0, 1, 2)), rtol=1e-4)
    assert generator.mean.shape == (3, 1, 1)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="zoom_range"):
        image2.ImageDataGenerator(zoom_range=(1, 2, 3))
    with pytest.raises(ValueError, match="validation_split"):
        image2.ImageDataGenerator(validation_split=2)
    with pytest.raises(TypeError, match="zoom"):
        image2.ImageDataGenerator(zoom=1)
    with pytest.raises(ValueError, match="same length"):
        image2.ImageDataGenerator().flow(pictures(3), np.arange(2))
    with pytest.raises(ValueError, match="validation_split=0.2"):
        image2.ImageDataGenerator().flow(pictures(3), subset="validation")


def test_flow_of_keras_2():
    x, y = pictures(10), np.arange(10) % 2
    flow = image2.ImageDataGenerator(validation_split=0.4).flow
    train, valid = flow(x, y, batch_size=4, subset="training"), flow(x, y, subset="validation", shuffle=False)
    assert (train.n, len(train), valid.n, len(valid)) == (6, 2, 4, 1)
    np.testing.assert_array_equal(valid[0][0], x[:4])
    images, labels, weights = flow(x, y, sample_weight=np.arange(10.0), batch_size=10, shuffle=False).next()
    np.testing.assert_array_equal(weights, np.arange(10))
    (images, other), labels = flow((x, np.arange(10)), y, batch_size=10, shuffle=False).next()
    np.testing.assert_array_equal(other, np.arange(10))
    assert flow(x, shuffle=False, batch_size=3).next().shape == (3, 6, 5, 3)
    pieces = flow(x, y, batch_size=3)
    assert len(pieces) == 4 and pieces[3][0].shape[0] == 1
    with pytest.raises(ValueError, match="4 batches"):
        pieces[4]
    copy = pickle.loads(pickle.dumps(flow(x, y, batch_size=3, shuffle=False)))
    np.testing.assert_array_equal(copy.next()[0], x[:3])


@BOTH
def test_several_threads_share_an_iterator(image):
    flow = image.ImageDataGenerator(horizontal_flip=True).flow(pictures(64, 3, 3), np.arange(64), batch_size=4)
    seen = []
    threads = [threading.Thread(target=lambda: [seen.extend(flow.next()[1]) for _ in range(4)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(64))


def test_index_generator_of_keras_1():
    flow = image1.ImageDataGenerator().flow(pictures(10), batch_size=4, shuffle=False)
    found = [next(flow.index_generator) for _ in range(4)]
    assert [(start, count) for _, start, count in found] == [(0, 4), (4, 4), (8, 2), (0, 4)]
    flow.reset()
    np.testing.assert_array_equal(next(flow.index_generator)[0], [0, 1, 2, 3])


@pytest.fixture
def folder(tmp_path):
    for name, colour in (("cats", 40), ("dogs", 200)):
        (tmp_path / name / "more").mkdir(parents=True)
        for i in range(3):
            Image.fromarray(np.full((7, 9, 3), colour + i, "uint8")).save(tmp_path / name / f"{i}.png")
        Image.fromarray(np.full((7, 9), colour + 3, "uint8")).save(tmp_path / name / "more" / "x.BMP")
        (tmp_path / name / "notes.txt").write_text("no image")
    return tmp_path


@BOTH
def test_flow_from_directory(image, folder, tmp_path_factory):
    kept = tmp_path_factory.mktemp("kept")
    generator = image.ImageDataGenerator(rescale=1 / 255)
    how = dict(target_size=(4, 6), batch_size=3, shuffle=False)
    flow = generator.flow_from_directory(str(folder), save_to_dir=str(kept), save_prefix="p", **how)
    assert flow.class_indices == {"cats": 0, "dogs": 1} and list(flow.classes) == [0] * 4 + [1] * 4
    assert (flow.samples, flow.nb_sample, flow.num_classes, flow.nb_class) == (8, 8, 2, 2)
    assert flow.filenames[3] == os.path.join("cats", "more", "x.BMP")
    x, y = flow.next()
    assert x.shape == (3, 4, 6, 3) and x.dtype == "float32"
    np.testing.assert_allclose(x[:, 0, 0, 0] * 255, [40, 41, 42], rtol=1e-5)
    np.testing.assert_array_equal(y, [[1, 0]] * 3)
    assert len(os.listdir(kept)) == 3 and all(name.startswith("p_") for name in os.listdir(kept))
    binary = generator.flow_from_directory(str(folder), class_mode="binary", color_mode="grayscale", **how)
    x, y = [binary.next() for _ in range(2)][1]
    assert x.shape == (3, 4, 6, 1) and y.dtype == "float32" and list(y) == [0, 1, 1]
    sparse = generator.flow_from_directory(str(folder), class_mode="sparse", classes=["dogs", "cats"], **how)
    assert sparse.next()[1].dtype == ("int32" if image is image1 else "float32")
    assert sparse.class_indices == {"dogs": 0, "cats": 1}
    assert generator.flow_from_directory(str(folder), class_mode=None, **how).next().shape == (3, 4, 6, 3)
    with pytest.raises(ValueError, match="class_mode"):
        generator.flow_from_directory(str(folder), class_mode="other")


def test_flow_from_directory_in_parts(folder):
    generator = image2.ImageDataGenerator(validation_split=0.25)
    train = generator.flow_from_directory(str(folder), subset="training")
    valid = generator.flow_from_directory(str(folder), subset="validation", class_mode="input")
    assert (train.samples, valid.samples) == (6, 2) and not set(train.filenames) & set(valid.filenames)
    images, same = valid.next()
    np.testing.assert_array_equal(images, same)


def test_flow_from_dataframe(folder):
    pandas = pytest.importorskip("pandas")
    names = [f"{kind}/{i}.png" for kind in ("cats", "dogs") for i in range(3)]
    table = pandas.DataFrame({"filename": [*names, "lost.png"], "class": ["cat"] * 3 + ["dog"] * 4, "v": range(7)})
    generator = image2.ImageDataGenerator()
    how = dict(directory=str(folder), target_size=(4, 4), batch_size=6, shuffle=False)
    with pytest.warns(UserWarning, match="1 names in the column"):
        flow = generator.flow_from_dataframe(table, **how)
    assert flow.samples == 6 and flow.class_indices == {"cat": 0, "dog": 1}
    np.testing.assert_array_equal(flow.next()[1], np.eye(2)[[0, 0, 0, 1, 1, 1]])
    table = table.iloc[:6]
    raw = generator.flow_from_dataframe(table, y_col="v", class_mode="raw", weight_col="v", **how).next()
    np.testing.assert_array_equal(raw[1], range(6))
    np.testing.assert_array_equal(raw[2], range(6))
    both = generator.flow_from_dataframe(table, y_col=["v", "class"], class_mode="multi_output", **how).next()[1]
    assert len(both) == 2 and list(both[1][:2]) == ["cat", "cat"]
    assert generator.flow_from_dataframe(table, classes=["dog"], **how).samples == 3
    table = table.assign(labels=[["a"], ["a", "b"], ["b"], ["a"], ["c"], ["c", "a"]])
    several = generator.flow_from_dataframe(table, y_col="labels", **how).next()[1]
    np.testing.assert_array_equal(several[:2], [[1, 0, 0], [1, 1, 0]])
    with pytest.raises(TypeError, match="astype"):
        generator.flow_from_dataframe(table, y_col="v", class_mode="sparse", **how)


# -- sequences


def test_pairs_of_words():
    couples, labels = sequence.skipgrams([1, 2, 0, 3], 4, window_size=1, negative_samples=0, shuffle=False)
    assert couples == [[1, 2], [2, 1]] and labels == [1, 1]
    couples, labels = sequence.skipgrams(list(range(1, 20)), 20, negative_samples=2.0, categorical=True, seed=1)
    assert len(couples) == len(labels) and labels.count([1, 0]) == 2 * labels.count([0, 1])
    near = [abs(a - b) for (a, b), label in zip(couples, labels) if label == [0, 1]]
    assert max(near) == 4 and min(near) == 1
    table = sequence.make_sampling_table(100, 1e-3)
    assert table.shape == (100,) and (np.diff(table[1:]) > 0).all() and table.max() <= 1
    frequency = 1 / (50 * (np.log(50) + 0.577) + 0.5 - 1 / 600)
    np.testing.assert_allclose(table[50], np.sqrt(1e-3 / frequency))
    none, _ = sequence.skipgrams([1, 2, 3], 4, sampling_table=np.zeros(4))
    assert none == []
    assert sequence._remove_long_seq(2, [[1], [1, 2]], [0, 1]) == ([[1]], [0])


def test_windows_of_a_series():
    data, targets = np.arange(50)[:, None], np.arange(50)[:, None] * 10
    windows = sequence.TimeseriesGenerator(data, targets, length=10, sampling_rate=2, batch_size=2)
    assert len(windows) == 20
    x, y = windows[0]
    np.testing.assert_array_equal(x[..., 0], [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]])
    np.testing.assert_array_equal(y, [[100], [110]])
    back = sequence.TimeseriesGenerator(data, targets, 3, stride=5, start_index=10, end_index=30, reverse=True)
    x, y = back[0]
    assert len(back) == 1 and list(x[0, :, 0]) == [12, 11, 10] and list(y[:, 0]) == [130, 180, 230, 280]
    again = sequence.timeseries_generator_from_json(back.to_json())
    np.testing.assert_array_equal(again[0][0], x)
    assert len(list(windows)) == 20
    with pytest.raises(ValueError, match="nothing is left"):
        sequence.TimeseriesGenerator(data, targets, 60)


# -- texts

TEXTS = ["The cat sat on the mat.", "The dog sat on the log; the cat ran!", "Dogs and cats"]


def test_words_of_a_text():
    assert text.text_to_word_sequence("Hello, World! it's\tme") == ["hello", "world", "it's", "me"]
    assert text.text_to_word_sequence("A::b", filters="", lower=False, split="::") == ["A", "b"]
    numbers = text.hashing_trick("one two one", 50, "md5")
    assert numbers[0] == numbers[2] != numbers[1] and all(0 < n < 50 for n in numbers)
    assert all(0 < n < 9 for n in text1.one_hot("a b c d", 9)) and len(text.one_hot("a b", 9)) == 2


@pytest.mark.parametrize("module", (text1, text), ids=("keras1", "keras2"))
def test_tokenizer(module):
    tokenizer = module.Tokenizer(4)
    tokenizer.fit_on_texts(TEXTS)
    assert tokenizer.word_index["the"] == 1 and tokenizer.word_counts["the"] == 5 and tokenizer.document_count == 3
    assert tokenizer.word_docs["the"] == 2 and tokenizer.index_docs[1] == 2
    ranked = sorted(tokenizer.word_counts.values(), reverse=True)
    assert [tokenizer.word_counts[w] for w in tokenizer.word_index] == ranked
    numbers = tokenizer.texts_to_sequences(["the cat flew", "mat"])
    assert numbers == [[1, tokenizer.word_index["cat"]], []]
    for mode, value in (("binary", 1), ("count", 2), ("freq", 2 / 3)):
        matrix = tokenizer.sequences_to_matrix([[1, 1, 2], []], mode)
        assert matrix.shape == (2, 4) and matrix[0, 1] == pytest.approx(value) and not matrix[1].any()
    tfidf = tokenizer.texts_to_matrix(["the the"], "tfidf")
    assert tfidf[0, 1] == pytest.approx((1 + np.log(2)) * np.log(1 + 3 / 3))
    with pytest.raises(ValueError, match="mode"):
        tokenizer.sequences_to_matrix([[1]], "counts")
    with pytest.raises(ValueError, match="how many columns"):
        module.Tokenizer().sequences_to_matrix([[1]])
    characters = module.Tokenizer(char_level=True)
    characters.fit_on_texts(["Aab"])
    assert len(characters.word_index) == (3 if module is text1 else 2)


def test_tokenizer_of_keras_1_begins_anew():
    tokenizer = text1.Tokenizer(nb_words=10)
    tokenizer.fit_on_texts(TEXTS)
    tokenizer.fit_on_texts(TEXTS)
    assert tokenizer.document_count == 3 and tokenizer.word_counts["the"] == 10 and tokenizer.nb_words == 10
    later = text.Tokenizer(nb_words=10)
    later.fit_on_texts(TEXTS)
    later.fit_on_texts(TEXTS)
    assert later.document_count == 6 and later.num_words == 10


def test_unknown_words_and_back():
    tokenizer = text.Tokenizer(num_words=5, oov_token="<unk>")
    tokenizer.fit_on_texts(TEXTS)
    tokenizer.fit_on_texts([["The", "Bird"]])
    assert tokenizer.word_index["<unk>"] == 1 and "bird" in tokenizer.word_index
    numbers = tokenizer.texts_to_sequences(["the bird flew"])
    assert numbers == [[2, 1, 1]]
    assert tokenizer.sequences_to_texts(numbers) == ["the <unk> <unk>"]
    again = text.tokenizer_from_json(tokenizer.to_json())
    assert again.get_config() == tokenizer.get_config() and again.texts_to_sequences(TEXTS) == (
        tokenizer.texts_to_sequences(TEXTS)
    )


def test_bytes_are_files_too():
    stream = io.BytesIO()
    image2.save_img(stream, pictures(1)[0], file_format="png")
    stream.seek(0)
    assert image2.load_img(stream, target_size=(2, 3)).size == (3, 2)
