"""The files of CIFAR-10 and CIFAR-100: pickles of rows of pixels, the red ones first."""

import os

import numpy as np

from kbridge import config
from kbridge.datasets.reading import read_pickle
from kbridge.datasets.sources import CIFAR_ORIGIN, fetch


def load(name, directory, train, test, labels, dtype):
    """((images, labels) to train, (images, labels) to test): uint8 in ``image_data_format``, labels in ``dtype``."""
    folder = fetch(f"{name}.tar.gz", f"{directory}-target", CIFAR_ORIGIN, extract=True)
    return read(os.path.join(folder, directory), train, test, labels, dtype)


def read(folder, train, test, labels, dtype):
    """What ``load`` gives, from the files in ``folder``."""

    def part(files):
        batches = [read_pickle(os.path.join(folder, file)) for file in files]
        x = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)
        y = np.concatenate([np.asarray(batch[labels], dtype) for batch in batches])
        if config.image_data_format() == "channels_last":
            x = x.transpose(0, 2, 3, 1)
        return x, y.reshape(-1, 1)

    return part(train), part(test)
