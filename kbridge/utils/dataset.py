"""``Dataset``: elements of NumPy arrays one after the other, begun anew for each epoch, for every engine alike."""

import os
import threading
from collections import deque
from contextvars import copy_context

import numpy as np

from kbridge.backend import registry, seeds
from kbridge.backend.tree import flatten, map_structure, pack
from kbridge.training.datasets import PyDataset

AHEAD = 2  # batches made while another is used


class Dataset(PyDataset):
    """Elements (arrays, or structures of them) from ``begin()``, which gives an iterator for each epoch.

    It can be iterated over, given to ``fit``, ``evaluate`` and ``predict``, and changed by the methods below, each of
    which gives a new data set.

    Args:
        begin: a function that begins an epoch: it returns an iterator.
        length: the number of elements in an epoch, None where it is not known or has no end.
        batch_size: how many samples an element holds, None where it is one sample.
        class_names: the names of the classes, where labels stand for such.
        file_paths: the files that it is read from.
    """

    def __init__(self, begin, length=None, batch_size=None, class_names=None, file_paths=None):
        super().__init__()
        self._begin = begin
        self._length = length
        self.batch_size = batch_size
        if class_names is not None:
            self.class_names = class_names
        if file_paths is not None:
            self.file_paths = file_paths

    def batches(self):
        """The elements of an epoch."""
        return iter(self._begin())

    __iter__ = batches
    as_numpy_iterator = batches

    @property
    def num_batches(self):
        return self._length

    def __len__(self):
        if self._length is None:
            raise TypeError("The length of this data set is not known: it depends on what its elements are.")
        return self._length

    def __getitem__(self, index):
        raise TypeError("This data set gives its elements in order only. Write: for element in dataset: ...")

    # -- data sets made of this one

    def map(self, map_func, num_parallel_calls=None):
        """``map_func`` of each element; a tuple is passed as several arguments.

        ``num_parallel_calls``: how many elements are made at a time, -1 for as many as there are processors.
        """

        def begin():
            apply = lambda item: map_func(*item) if isinstance(item, tuple) else map_func(item)  # noqa: E731
            if num_parallel_calls is None:
                return map(apply, self)
            return in_threads(apply, self, num_parallel_calls)

        return Dataset(begin, self._length, self.batch_size)

    def filter(self, predicate):
        """The elements for which ``predicate`` (called as in ``map``) is true."""

        def begin():
            for item in self:
                if predicate(*item) if isinstance(item, tuple) else predicate(item):
                    yield item

        return Dataset(begin, None, self.batch_size)

    def batch(self, batch_size, drop_remainder=False):
        """``batch_size`` elements at a time, stacked; the last batch may be smaller, unless that is dropped."""
        check_positive("batch", "batch_size", batch_size)

        count = self._length
        if count is not None:
            count = count // batch_size if drop_remainder else -(-count // batch_size)
        return Dataset(lambda: _joined(self, batch_size, stack, drop_remainder), count, batch_size)

    def unbatch(self):
        """The samples of each element, one by one."""

        def begin():
            for item in self:
                leaves = flatten(item)
                for index in range(len(leaves[0])):
                    yield pack(item, [leaf[index] for leaf in leaves])

        return Dataset(begin)

    def shuffle(self, buffer_size, seed=None, reshuffle_each_iteration=True):
        """The elements in random order: each is drawn from the next ``buffer_size`` of them."""
        check_positive("shuffle", "buffer_size", buffer_size)
        order = Orders(seed, fixed=not reshuffle_each_iteration)

        def begin():
            random = order.next()
            buffer = []
            for item in self:
                buffer.append(item)
                if len(buffer) >= buffer_size:
                    yield _drawn(buffer, random)
            while buffer:
                yield _drawn(buffer, random)

        return Dataset(begin, self._length, self.batch_size)

    def repeat(self, count=None):
        """All of it ``count`` times; without end where that is None."""

        def begin():
            done, empty = 0, False
            while not empty and (count is None or done < count):
                done, empty = done + 1, True
                for item in self:
                    empty = False
                    yield item

        return Dataset(begin, None if None in (count, self._length) else count * self._length, self.batch_size)

    def take(self, count):
        """The first ``count`` elements."""

        def begin():
            left = count
            if left <= 0:
                return
            for item in self:
                yield item
                left -= 1
                if not left:
                    return

        return Dataset(begin, None if self._length is None else min(count, self._length), self.batch_size)

    def skip(self, count):
        """All but the first ``count`` elements."""

        def begin():
            for index, item in enumerate(self):
                if index >= count:
                    yield item

        return Dataset(begin, None if self._length is None else max(0, self._length - count), self.batch_size)

    def enumerate(self, start=0):
        """Pairs of a number, counting from ``start``, and the element."""
        return Dataset(lambda: enumerate(self, start), self._length, self.batch_size)

    def cache(self):
        """The same elements, kept in memory from the first whole epoch on."""
        kept = []

        def begin():
            if kept:
                yield from kept[0]
                return
            items = []
            for item in self:
                items.append(item)
                yield item
            kept[:] = [items]

        return Dataset(begin, self._length, self.batch_size)

    def prefetch(self, buffer_size):
        """The same elements, ``buffer_size`` of them made ahead in a thread; -1 for a few."""
        ahead = AHEAD if buffer_size == -1 else buffer_size
        check_positive("prefetch", "buffer_size", ahead)
        same = Dataset(lambda: _made_ahead(self, ahead), self._length, self.batch_size)
        for name in ("class_names", "file_paths"):
            if hasattr(self, name):
                setattr(same, name, getattr(self, name))
        return same

    def __repr__(self):
        return f"<Dataset of {'?' if self._length is None else self._length} elements, batch_size={self.batch_size}>"


def _drawn(buffer, random):
    """Take any item out of a list; the last one gets its place."""
    place = random.integers(len(buffer))
    buffer[place], buffer[-1] = buffer[-1], buffer[place]
    return buffer.pop()


def check_positive(method, name, value):
    if not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"Dataset.{method}: {name} must be a positive integer. Received: {name}={value!r}.")


class Orders:
    """A random generator for each epoch: from ``seed`` and the epoch's number, or from the global stream."""

    def __init__(self, seed, fixed=False):
        self.seed = seed
        self.fixed = fixed
        self.epoch = 0
        if fixed and seed is None:
            self.seed = int(seeds.generator().integers(2**31))

    def next(self):
        if self.seed is None:
            return seeds.generator()
        if not self.fixed:
            self.epoch += 1
        return seeds.generator((int(self.seed), self.epoch))


def stack(items):
    """Structures of arrays as one structure of arrays with one axis more."""

    def join(column):
        if isinstance(column[0], str):
            return np.array(column, dtype=object)
        to_numpy = registry.current().to_numpy
        return np.stack([to_numpy(x) if registry.current().is_tensor(x) else np.asarray(x) for x in column])

    columns = zip(*(flatten(item) for item in items))
    return pack(items[0], [join(column) for column in columns])


def in_threads(function, items, workers, ahead=0):
    """``function`` of each item, in their order, made by threads; ``ahead`` of them wait ready."""
    from concurrent.futures import ThreadPoolExecutor

    workers = (os.cpu_count() or 1) if workers == -1 else workers
    ahead = max(ahead, workers)
    with ThreadPoolExecutor(max_workers=workers) as executor:
        ready = deque()
        try:
            for item in items:
                ready.append(executor.submit(copy_context().run, function, item))
                if len(ready) > ahead:
                    yield ready.popleft().result()
            while ready:
                yield ready.popleft().result()
        finally:
            for future in ready:
                future.cancel()


def _made_ahead(items, count):
    """``items``, made in another thread, up to ``count`` of them before they are asked for."""
    from queue import Queue

    waiting, room, stopped = Queue(), threading.Semaphore(count), threading.Event()

    def work():
        try:
            for item in items:
                room.acquire()
                if stopped.is_set():
                    return
                waiting.put((item, None))
            waiting.put((None, StopIteration))
        except BaseException as error:  # raised again where the element is asked for
            waiting.put((None, error))

    threading.Thread(target=copy_context().run, args=(work,), daemon=True).start()
    try:
        while True:
            item, error = waiting.get()
            if error is StopIteration:
                return
            if error is not None:
                raise error
            room.release()
            yield item
    finally:
        stopped.set()
        room.release()


def gathered(x, y, load, batch_size, shuffle, seed, join=stack, workers=0, **described):
    """The data set of samples (load(x[i]), y[i]), in batches; ``y`` is None where there are no labels.

    ``load`` takes an item of ``x``, ``join`` makes a batch of a list of samples, ``workers`` threads load.
    ``described`` goes to ``Dataset``.
    """
    if batch_size is not None:
        check_positive("batch", "batch_size", batch_size)
    orders = Orders(seed)

    def sample(index):
        loaded = load(x[index])
        return loaded if y is None else (loaded, y[index])

    def begin():
        order = orders.next().permutation(len(x)) if shuffle else range(len(x))
        samples = in_threads(sample, order, workers, AHEAD * (batch_size or 1)) if workers else map(sample, order)
        return samples if batch_size is None else _joined(samples, batch_size, join)

    count = len(x) if batch_size is None else -(-len(x) // batch_size)
    return Dataset(begin, count, batch_size, **described)


def _joined(samples, size, join, drop_remainder=False):
    items = []
    for item in samples:
        items.append(item)
        if len(items) == size:
            yield join(items)
            items = []
    if items and not drop_remainder:
        yield join(items)


def as_numpy(tree):
    """``tree`` with every tensor of an engine as a NumPy array."""
    engine = registry.current()

    def convert(leaf):
        if engine.is_tensor(leaf):
            return engine.to_numpy(leaf)
        if hasattr(leaf, "detach"):
            leaf = leaf.detach().cpu()
        return leaf if isinstance(leaf, str) else np.asarray(leaf)

    return map_structure(convert, tree)
