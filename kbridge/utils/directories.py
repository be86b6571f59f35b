"""Data sets read from a directory that has a directory for each class: images, texts, sounds."""

import os
import wave

import numpy as np

from kbridge import config
from kbridge.backend import seeds
from kbridge.utils import images, resampling
from kbridge.utils.dataset import gathered, stack
from kbridge.utils.messages import say

IMAGE_FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
TEXT_FORMATS = (".txt",)
AUDIO_FORMATS = (".wav",)
_CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
_WORKERS = min(8, os.cpu_count() or 1)  # threads that read files


def image_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    color_mode="rgb",
    batch_size=32,
    image_size=(256, 256),
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    interpolation="bilinear",
    follow_links=False,
    crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False,
    data_format=None,
    format="tf",
    verbose=True,
):
    """The images below ``directory``, as a ``Dataset`` of float32 batches with values from 0 to 255.

    Args:
        directory: holds a directory of images (bmp, gif, jpeg, png) for each class.
        labels: "inferred" from the directories, a list with a label for each file in the order of their paths,
            or None.
        label_mode: "int", "categorical" (one-hot), "binary" (one float) or None for no labels.
        class_names: the classes to read, in the order of their numbers; all, sorted, unless told.
        color_mode: "grayscale", "rgb" or "rgba".
        batch_size: images in a batch; None gives single images.
        image_size: (height, width) that all are brought to.
        shuffle: whether each epoch has an order of its own; without it files come in the order of their paths.
        seed: of the order; needed where a part is kept for validation.
        validation_split: the part kept for validation, between 0 and 1.
        subset: "training", "validation", or "both" for a list of the two.
        interpolation: "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian" or
            "mitchellcubic".
        follow_links: whether links to directories are followed.
        crop_to_aspect_ratio: cut what does not fit the shape of ``image_size``, instead of squeezing.
        pad_to_aspect_ratio: fill up with black what is missing from that shape.
        data_format: "channels_last" or "channels_first".
        format: "tf" or "grain", as in Keras; what comes is a ``Dataset`` for every engine in either case.
        verbose: whether to say how many files were found.
    """
    what = "image_dataset_from_directory"
    if color_mode not in _CHANNELS:
        raise ValueError(f"{what}: color_mode must be one of {list(_CHANNELS)}. Received: color_mode={color_mode!r}.")
    size = (image_size, image_size) if isinstance(image_size, int) else image_size
    if not isinstance(size, (list, tuple)) or len(size) != 2 or not all(isinstance(n, int) and n > 0 for n in size):
        raise ValueError(f"{what}: image_size must be (height, width). Received: image_size={image_size!r}.")
    interpolation = str(interpolation).lower()
    if interpolation not in resampling.IMAGE_INTERPOLATIONS:
        raise ValueError(
            f"{what}: interpolation must be one of {list(resampling.IMAGE_INTERPOLATIONS)}. "
            f"Received: interpolation={interpolation!r}."
        )
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(f"{what}: crop_to_aspect_ratio and pad_to_aspect_ratio exclude each other. Pass only one.")
    check_format(what, format)
    data_format = config.standardize_data_format(data_format)
    images.pillow(what)
    channels = _CHANNELS[color_mode]

    def load(path):
        return images.read_image(
            path, channels, tuple(size), interpolation, data_format, crop_to_aspect_ratio, pad_to_aspect_ratio
        )

    return _datasets(
        what,
        load,
        IMAGE_FORMATS,
        batch_size=batch_size,
        found=_Files(what, directory, labels, label_mode, class_names, seed, follow_links),
        split=(validation_split, subset, shuffle, seed),
        verbose=verbose,
    )


def text_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    batch_size=32,
    max_length=None,
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    follow_links=False,
    format="tf",
    verbose=True,
):
    """The ``.txt`` files below ``directory``, as a ``Dataset`` of batches of strings (arrays of dtype object).

    ``max_length``: how many characters are kept of each. Files are read as UTF-8; what is none becomes "\\ufffd".
    The other arguments are those of ``image_dataset_from_directory``.
    """
    what = "text_dataset_from_directory"
    check_format(what, format)
    if max_length is not None and (not isinstance(max_length, int) or max_length < 1):
        raise ValueError(f"{what}: max_length must be a positive integer. Received: max_length={max_length!r}.")

    def load(path):
        with open(path, encoding="utf-8", errors="replace", newline="") as file:
            return file.read(-1 if max_length is None else max_length)

    return _datasets(
        what,
        load,
        TEXT_FORMATS,
        batch_size=batch_size,
        found=_Files(what, directory, labels, label_mode, class_names, seed, follow_links),
        split=(validation_split, subset, shuffle, seed),
        verbose=verbose,
    )


def audio_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    batch_size=32,
    sampling_rate=None,
    output_sequence_length=None,
    ragged=False,
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    follow_links=False,
    verbose=True,
):
    """The ``.wav`` files below ``directory``, as a ``Dataset`` of float32 batches (files, samples, channels), -1 to 1.

    Args:
        sampling_rate: samples a second that all files are brought to; as they are, unless told.
        output_sequence_length: the number of samples that each is cut or filled up to; unless told, those of a batch
            are filled up with zeros to the longest among them.
        ragged: not supported; there are no ragged tensors.

    The other arguments are those of ``image_dataset_from_directory``.
    """
    what = "audio_dataset_from_directory"
    if ragged and output_sequence_length is not None:
        raise ValueError(f"{what}: ragged and output_sequence_length exclude each other. Pass only one.")
    if ragged:
        raise NotImplementedError(
            f"{what}: ragged=True is not supported, since no engine has ragged tensors for it. Leave ragged=False (a "
            f"batch is filled up to its longest file), or write output_sequence_length=..."
        )
    for name, value in (("sampling_rate", sampling_rate), ("output_sequence_length", output_sequence_length)):
        if value is not None and (not isinstance(value, int) or value < 1):
            raise ValueError(f"{what}: {name} must be a positive integer. Received: {name}={value!r}.")

    def load(path):
        sound, rate = read_wav(path)
        if sampling_rate is not None:
            sound = resampling.resample(sound, rate, sampling_rate)
        return sound if output_sequence_length is None else _of_length(sound, output_sequence_length)

    return _datasets(
        what,
        load,
        AUDIO_FORMATS,
        batch_size=batch_size,
        found=_Files(what, directory, labels, label_mode, class_names, seed, follow_links),
        split=(validation_split, subset, shuffle, seed),
        verbose=verbose,
        join=_filled_up,
    )


def check_format(what, format):
    if format not in ("tf", "grain"):
        raise ValueError(f"{what}: format must be 'tf' or 'grain'. Received: format={format!r}.")


# -- sound


def read_wav(path):
    """(float32 samples from -1 to 1 of the shape (samples, channels), samples a second) of a wav file."""
    try:
        with wave.open(os.fspath(path), "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path} is no wav file of whole numbers (PCM): {error or 'it ends early'}.") from error
    data = data[: len(data) // (width * channels) * width * channels]
    if width == 1:  # the only width without a sign
        samples = (np.frombuffer(data, "uint8").astype("float32") - 128) / 128
    elif width == 3:
        wide = np.zeros((len(data) // 3, 4), "uint8")
        wide[:, 1:] = np.frombuffer(data, "uint8").reshape(-1, 3)
        samples = wide.view("<i4")[:, 0].astype("float32") / 2**31
    else:
        samples = np.frombuffer(data, f"<i{width}").astype("float32") / 2 ** (8 * width - 1)
    return samples.reshape(-1, channels), rate


def _of_length(sound, length):
    return np.pad(sound[:length], ((0, max(0, length - len(sound))), (0, 0)))


def _filled_up(samples):
    """A batch of sounds, filled up with zeros to the longest."""
    sounds = [sample[0] if isinstance(sample, tuple) else sample for sample in samples]
    longest = max(map(len, sounds))
    sounds = [_of_length(sound, longest) for sound in sounds]
    if not isinstance(samples[0], tuple):
        return stack(sounds)
    return stack([(sound, label) for sound, (_, label) in zip(sounds, samples)])


# -- files and their labels


class _Files:
    """Which files are wanted: the arguments that every reader has."""

    def __init__(self, what, directory, labels, label_mode, class_names, seed, follow_links):
        if labels not in ("inferred", None) and not isinstance(labels, (list, tuple, np.ndarray)):
            raise ValueError(
                f"{what}: labels must be 'inferred' (from the names of the directories), a list with a label for each "
                f"file, or None. Received: labels={labels!r}."
            )
        if class_names is not None and not (isinstance(labels, str) and label_mode is not None):
            raise ValueError(
                f"{what}: class_names can only be given with labels='inferred' and a label_mode. "
                f"Received: labels={labels!r}, label_mode={label_mode!r}, class_names={class_names!r}."
            )
        if label_mode not in ("int", "categorical", "binary", None):
            raise ValueError(
                f"{what}: label_mode must be 'int', 'categorical', 'binary' or None. "
                f"Received: label_mode={label_mode!r}."
            )
        self.what = what
        self.directory = os.fspath(directory)
        self.labels = None if label_mode is None else labels
        self.label_mode = None if labels is None else label_mode
        self.class_names = class_names
        self.seed = seed
        self.follow_links = follow_links

    def find(self, formats, verbose):
        """(paths, labels or None, class names or None), in the order of the paths."""
        inferred = isinstance(self.labels, str)
        if not os.path.isdir(self.directory):
            raise FileNotFoundError(f"{self.what}: there is no directory {self.directory!r}.")
        names = self._classes() if inferred else [""]
        paths, labels = [], []
        for number, name in enumerate(names):
            found = self._below(os.path.join(self.directory, name), formats)
            paths += found
            labels += [number] * len(found)
        if self.labels is None:
            labels = names = None
        elif not inferred:
            labels = list(self.labels)
            if len(labels) != len(paths):
                raise ValueError(
                    f"{self.what}: labels must have an entry for each file. Received {len(labels)} labels, while "
                    f"{len(paths)} files lie in {self.directory!r}."
                )
            names = [str(label) for label in sorted(set(labels))]
        if verbose:
            classes = "" if names is None else f" belonging to {len(names)} classes"
            say(f"Found {len(paths)} files{classes}.")
        if self.label_mode == "binary" and len(names) != 2:
            raise ValueError(f"{self.what}: label_mode='binary' needs exactly 2 classes. Found: {names}.")
        return paths, labels, names

    def _classes(self):
        with os.scandir(self.directory) as entries:
            found = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
        if self.class_names is None:
            return found
        unknown = [name for name in self.class_names if name not in found]
        if unknown:
            raise ValueError(
                f"{self.what}: class_names has {unknown}, but the directories in {self.directory!r} are {found}."
            )
        return list(self.class_names)

    def _below(self, directory, formats):
        walk = sorted(os.walk(directory, followlinks=self.follow_links), key=lambda entry: entry[0])
        return [
            os.path.join(root, name)
            for root, _, names in walk
            for name in sorted(names)
            if name.lower().endswith(formats)
        ]

    def targets(self, labels, count):
        """The labels as an array, as ``label_mode`` has them."""
        if labels is None:
            return None
        if self.label_mode == "categorical":
            return np.eye(count, dtype="float32")[np.asarray(labels)]
        if self.label_mode == "binary":
            return np.asarray(labels, "float32")[:, None]
        labels = np.asarray(labels)
        return labels.astype("int32") if labels.dtype.kind in "iub" else labels


def _datasets(what, load, formats, *, batch_size, found, split, verbose, join=stack):
    """The data set that was asked for, or [training, validation] for subset="both"."""
    fraction, subset, shuffle, seed = split
    _check_split(what, fraction, subset, shuffle, seed)
    paths, labels, names = found.find(formats, verbose)
    if shuffle:
        # The order that Keras begins with, so that the same files are kept for validation.
        order = np.arange(len(paths))
        np.random.RandomState(int(seeds.generator().integers(10**6)) if seed is None else seed).shuffle(order)
        paths = [paths[i] for i in order]
        labels = None if labels is None else [labels[i] for i in order]
    kept = int(fraction * len(paths)) if fraction else 0
    parts = {None: slice(None), "training": slice(0, len(paths) - kept), "validation": slice(len(paths) - kept, None)}
    targets = found.targets(labels, len(names or ()))

    def make(part, shuffle):
        chosen = paths[parts[part]]
        if not chosen:
            raise ValueError(
                f"{what}: no files {f'for {part} ' if part else ''}were found in {found.directory!r}. Read are files "
                f"that end in {', '.join(formats)}."
            )
        if part and verbose:
            say(f"Using {len(chosen)} files for {part}.")
        y = None if targets is None else targets[parts[part]]
        return gathered(
            chosen, y, load, batch_size, shuffle, seed, join, _WORKERS, class_names=names, file_paths=chosen
        )

    return [make("training", shuffle), make("validation", False)] if subset == "both" else make(subset, shuffle)


def _check_split(what, fraction, subset, shuffle, seed):
    if fraction and not 0 < fraction < 1:
        raise ValueError(f"{what}: validation_split must be between 0 and 1. Received: validation_split={fraction!r}.")
    if subset not in ("training", "validation", "both", None):
        raise ValueError(f"{what}: subset must be 'training', 'validation' or 'both'. Received: subset={subset!r}.")
    if bool(fraction) != bool(subset):
        raise ValueError(
            f"{what}: validation_split and subset belong together. "
            f"Received: validation_split={fraction!r}, subset={subset!r}."
        )
    if fraction and shuffle and seed is None:
        raise ValueError(
            f"{what}: with validation_split and shuffle=True a seed is needed, so that no file is in both parts. "
            f"Write: seed=..."
        )
