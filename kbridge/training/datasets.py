"""``PyDataset``: batches by index, made by several workers at a time if asked."""

from collections import deque
from contextlib import contextmanager


class PyDataset:
    """Base for data sets of one's own: define ``__getitem__(index)`` (a whole batch) and ``__len__``.

    Args:
        workers: how many batches are made at a time.
        use_multiprocessing: whether the workers are processes (the data set must be picklable) or threads.
        max_queue_size: how many batches may wait ready.
    """

    # A subclass need not call __init__.
    workers = 1
    use_multiprocessing = False
    max_queue_size = 10

    def __init__(self, workers=1, use_multiprocessing=False, max_queue_size=10):
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index):
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(index): the batch at that place.")

    def __len__(self):
        return self.num_batches

    @property
    def num_batches(self):
        """The number of batches in an epoch; None where it has no end."""
        if type(self).__len__ is PyDataset.__len__:
            raise NotImplementedError(f"{type(self).__name__} must define __len__(): its number of batches.")
        return len(self)

    def on_epoch_begin(self):
        """Called before each epoch."""

    def on_epoch_end(self):
        """Called after each epoch: the place to shuffle."""

    def batches(self):
        """The batches of one epoch, in order."""
        workers, waiting = self.workers, self.max_queue_size
        self.on_epoch_begin()
        count = self.num_batches
        indices = iter(range(count)) if count is not None else _counting()
        if workers <= 1 and not self.use_multiprocessing:
            yield from (self[i] for i in indices)
            return
        with self._pool(workers) as (executor, item):
            ready = deque()
            try:
                for i in indices:
                    ready.append(executor.submit(item, i))
                    if len(ready) >= max(waiting, workers):
                        yield ready.popleft().result()
                while ready:
                    yield ready.popleft().result()
            finally:
                for future in ready:
                    future.cancel()

    @contextmanager
    def _pool(self, workers):
        """(an executor with so many workers, the function that makes a batch in one of them)."""
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

        if not self.use_multiprocessing:
            with ThreadPoolExecutor(max_workers=max(1, workers)) as executor:
                yield executor, self.__getitem__
            return
        # Fresh processes: an engine's threads do not survive a fork. Each gets the data set once.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(max(1, workers), context, initializer=_install, initargs=(self,)) as executor:
            yield executor, _item


_installed = None  # in a worker process: the data set it makes batches of


def _install(dataset):
    global _installed
    _installed = dataset


def _item(index):
    return _installed[index]


def _counting():
    i = 0
    while True:
        yield i
        i += 1


Sequence = PyDataset
