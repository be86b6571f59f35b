"""Windows of a time series, as a data set."""

import numpy as np

from kbridge.backend import seeds
from kbridge.utils.dataset import Dataset, Orders, as_numpy, check_positive
from kbridge.utils.directories import check_format


def timeseries_dataset_from_array(
    data,
    targets,
    sequence_length,
    sequence_stride=1,
    sampling_rate=1,
    batch_size=128,
    shuffle=False,
    seed=None,
    start_index=None,
    end_index=None,
    format="tf",
):
    """Windows of ``data``, each of ``sequence_length`` steps, as a ``Dataset`` of batches.

    Args:
        data: an array whose first axis is time.
        targets: ``targets[i]`` belongs to the window that begins at step i; None gives windows only.
        sequence_length: the number of steps in a window.
        sequence_stride: how far apart windows begin.
        sampling_rate: every so many steps one is taken into a window.
        batch_size: windows in a batch; None gives single windows.
        shuffle: whether each epoch has an order of its own.
        seed: of that order.
        start_index: steps before it are left out.
        end_index: it and the steps after it are left out.
        format: "tf" or "grain", as in Keras; what comes is a ``Dataset`` for every engine in either case.
    """
    what = "timeseries_dataset_from_array"
    check_format(what, format)
    data = as_numpy(data)
    targets = None if targets is None else as_numpy(targets)
    length = len(data)
    for name, value in (("start_index", start_index), ("end_index", end_index)):
        if value is not None and not (0 if name == "start_index" else 1) <= value < length:
            raise ValueError(
                f"{what}: {name} must lie within the data, which has {length} steps. Received: {name}={value!r}."
            )
    for name, value in (
        ("sequence_length", sequence_length),
        ("sequence_stride", sequence_stride),
        ("sampling_rate", sampling_rate),
    ):
        if not isinstance(value, (int, np.integer)) or value < 1 or (name != "sequence_length" and value >= length):
            raise ValueError(
                f"{what}: {name} must be a positive integer and less than the {length} steps of the data. "
                f"Received: {name}={value!r}."
            )
    start, end = start_index or 0, length if end_index is None else end_index
    if end <= start:
        raise ValueError(
            f"{what}: end_index must be higher than start_index. Received: start_index={start}, end_index={end}."
        )
    count = end - start - (sequence_length - 1) * sampling_rate
    if targets is not None:
        count = min(count, len(targets))
    if count < 1:
        raise ValueError(
            f"{what}: {end - start} steps hold no window of sequence_length={sequence_length} at "
            f"sampling_rate={sampling_rate}."
        )
    if targets is not None and start + count > len(targets):
        raise ValueError(
            f"{what}: targets must reach to the last window, at step {start + count - 1}. "
            f"Received targets of length {len(targets)}."
        )
    begins = np.arange(start, start + count, sequence_stride)
    if shuffle:
        np.random.RandomState(int(seeds.generator().integers(10**6)) if seed is None else seed).shuffle(begins)
    steps = np.arange(sequence_length) * sampling_rate
    if batch_size is not None:
        check_positive("batch", "batch_size", batch_size)
    orders = Orders(seed)

    def begin():
        order = orders.next().permutation(begins) if shuffle else begins
        chunks = order if batch_size is None else np.split(order, range(batch_size, len(order), batch_size))
        for at in chunks:
            windows = data[np.add.outer(at, steps)]
            yield windows if targets is None else (windows, targets[at])

    elements = len(begins) if batch_size is None else -(-len(begins) // batch_size)
    return Dataset(begin, elements, batch_size)
