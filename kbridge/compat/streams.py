"""Batches from generators: epochs of so many samples (Keras 1) or so many batches (Keras 2)."""

import numpy as np

from kbridge.compat import standard
from kbridge.training.data import StreamData


class Batches(StreamData):
    """Batches of a generator or a Sequence, in the order in which the model takes them.

    Args:
        model: the model they are for.
        source: an iterator of batches, or what can be indexed and has a length.
        steps: the batches of an epoch.
        samples: the samples of an epoch, instead.
        shuffle: whether what can be indexed is taken in a new order in each epoch.
        class_weight: a weight for each class.
        with_targets: whether batches are (x, y) or (x, y, weights), and not inputs alone.
    """

    def __init__(self, model, source, steps=None, samples=None, shuffle=False, class_weight=None, with_targets=True):
        # What is both an iterator and can be indexed, as those of images are, goes on where it is told how far.
        indexed = is_indexed(source) or (steps is None and samples is None and _has_items(source))
        self.model, self.samples, self.with_targets = model, samples, with_targets
        self.classes = class_weight
        self.order = np.random.permutation if shuffle else np.arange
        iterator = None if indexed else iter(source)
        if steps is None and samples is None:
            if not indexed:
                raise ValueError(
                    "A generator does not say when an epoch ends. Write: steps_per_epoch=..., or samples_per_epoch=..."
                    " in the words of Keras 1 (steps=... or val_samples=... to evaluate and predict)."
                )
            steps = len(source)

        def begin():
            if not indexed:
                return iterator
            if hasattr(source, "batches") and not shuffle:
                return iter(source.batches())
            return (source[int(i)] for i in self.order(len(source)))

        super().__init__(
            begin,
            None if steps is None else int(steps),
            endless=not indexed,
            on_epoch_end=getattr(source, "on_epoch_end", None) if indexed else None,
            name=type(source).__name__,
        )
        self.whole = indexed and samples is None and steps == len(source)

    def _prepare(self, batch):
        if not self.with_targets:
            x = batch[0] if isinstance(batch, tuple) else batch
            return super()._prepare((standard.inputs(self.model, x),))
        if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
            kind = f"a {type(batch).__name__} of {len(batch)}" if isinstance(batch, (tuple, list)) else repr(batch)[:80]
            raise ValueError(
                f"A generator must give tuples (x, y) or (x, y, sample_weight). The {self.name} gave {kind}."
            )
        x, y, own = (*batch, None)[:3]
        batch = ready(self.model, x, y, own, self.classes)
        self.model._seen_size = standard.samples(batch[0])
        return super()._prepare(batch)

    def sample(self):
        first = super().sample()
        if self.samples is not None and self.steps is None:
            self.steps = max(1, -(-int(self.samples) // (standard.samples(first[0]) or 1)))
        return first

    def epoch(self):
        if self.samples is None:
            yield from super().epoch()
            return
        seen, steps = 0, self.steps
        self.steps = None  # as many as it takes
        try:
            for batch in super().epoch():
                seen += standard.samples(batch[0]) or 1
                yield batch
                if seen >= self.samples:
                    break
        finally:
            self.steps = steps


def ready(model, x, y, sample_weight=None, class_weight=None):
    """(x, y, weights) as the steps of the model take them."""
    x, y = standard.inputs(model, x), standard.targets(model, y)
    weights = standard.weights(model, y, sample_weight, class_weight)
    size = standard.samples(x)
    return x, _whole(y, size, np.zeros), _whole(weights, size, np.ones)


def _whole(column, size, fill):
    """A column of arrays in which none is missing."""
    if not isinstance(column, list) or all(value is not None for value in column):
        return column
    return None if all(v is None for v in column) else [fill(size, "float32") if v is None else v for v in column]


def is_indexed(source):
    """Whether ``source`` is a set of batches that can be indexed, and not an iterator of them."""
    if hasattr(source, "batches") and hasattr(source, "num_batches"):
        return True
    return _has_items(source) and not hasattr(source, "__next__")


def _has_items(source):
    return hasattr(source, "__getitem__") and hasattr(source, "__len__")


def is_stream(x):
    """Whether ``x`` gives batches of (x, y): a generator, an iterator, a Sequence."""
    if hasattr(x, "shape") or isinstance(x, (list, tuple, dict)) or x is None:
        return False
    if type(x).__module__.partition(".")[0] == "pandas":
        return False
    return hasattr(x, "__next__") or is_indexed(x)
