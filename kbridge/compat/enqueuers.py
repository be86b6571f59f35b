"""Batches made ahead by workers, in a queue: ``OrderedEnqueuer`` and ``GeneratorEnqueuer``."""

import itertools
import random
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextvars import copy_context
from queue import Queue

import numpy as np

_shared = {}  # number of an enqueuer -> its data set or generator: in a worker process, only that of its own
_numbers = itertools.count()
_END = object()


def init_pool(seqs):
    """Let ``get_index`` and ``next_sample`` know data sets and generators: a dict by their enqueuers' numbers."""
    _shared.update(seqs)


def init_pool_generator(gens, random_seed=None):
    """``init_pool``, with NumPy's stream seeded for this process."""
    import os

    init_pool(gens)
    if random_seed is not None:
        np.random.seed((random_seed + os.getpid()) % 2**32)


def get_index(uid, i):
    """The batch number ``i`` of a data set."""
    return _shared[uid][i]


def next_sample(uid):
    """The next batch of a generator."""
    return next(_shared[uid])


class SequenceEnqueuer:
    """Base of the two: workers make batches of ``sequence`` ahead, from ``start`` to ``stop``.

    Args:
        sequence: the data set or generator.
        use_multiprocessing: whether the workers are processes, not threads.
    """

    def __init__(self, sequence, use_multiprocessing=False):
        self.sequence = sequence
        self.use_multiprocessing = use_multiprocessing
        self.uid = next(_numbers)
        self.workers = 0
        self.queue = self.run_thread = self.stop_signal = None

    def is_running(self):
        """Whether it has been started and not stopped."""
        return self.stop_signal is not None and not self.stop_signal.is_set()

    def start(self, workers=1, max_queue_size=10):
        """Begin: ``workers`` make batches, and up to ``max_queue_size`` wait ready."""
        self.workers = max(1, workers)
        self.queue = Queue(max_queue_size)
        self.stop_signal = threading.Event()
        init_pool({self.uid: self.sequence})
        self.run_thread = threading.Thread(target=copy_context().run, args=(self._run,), daemon=True)
        self.run_thread.start()

    def stop(self, timeout=None):
        """End, and wait up to ``timeout`` seconds for the workers."""
        self.stop_signal.set()
        with self.queue.mutex:
            self.queue.queue.clear()
            self.queue.unfinished_tasks = 0
            self.queue.not_full.notify_all()
            self.queue.all_tasks_done.notify_all()
        self.run_thread.join(timeout)
        _shared.pop(self.uid, None)

    @staticmethod
    def _threads(count):
        executor = ThreadPoolExecutor(count)
        return executor, lambda function, *args: executor.submit(copy_context().run, function, *args)

    def _run(self):
        raise NotImplementedError(f"{type(self).__name__} must define _run(): what fills self.queue.")

    def get(self):
        """The batches, one by one; what went wrong in a worker is raised here."""
        try:
            while self.is_running():
                future = self.queue.get()
                batch = future.result()
                self.queue.task_done()
                if batch is _END:
                    return
                if batch is not None:
                    yield batch
        except Exception:
            self.stop()
            raise


class OrderedEnqueuer(SequenceEnqueuer):
    """Makes the batches of a ``Sequence`` ahead, epoch after epoch, in their order.

    ``shuffle``: whether the batches of an epoch are in an order drawn for it.
    """

    def __init__(self, sequence, use_multiprocessing=False, shuffle=False):
        super().__init__(sequence, use_multiprocessing)
        self.shuffle = shuffle
        self.end_of_epoch_signal = threading.Event()

    def join_end_of_epoch(self):
        """Wait (not for ever) for the end of the epoch."""
        self.end_of_epoch_signal.wait(timeout=30)
        self.end_of_epoch_signal.clear()

    def _executor(self):
        if not self.use_multiprocessing:
            return self._threads(self.workers)
        import multiprocessing

        # Fresh processes: an engine's threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        executor = ProcessPoolExecutor(self.workers, context, init_pool, ({self.uid: self.sequence},))
        return executor, executor.submit

    def _run(self):
        while not self.stop_signal.is_set():
            order = list(range(len(self.sequence)))
            if self.shuffle:
                random.shuffle(order)
            executor, submit = self._executor()
            try:
                for index in order:
                    self.queue.put(submit(get_index, self.uid, index))
                    if self.stop_signal.is_set():
                        return
                self.queue.join()
            finally:
                executor.shutdown(wait=False, cancel_futures=True)
            if self.stop_signal.is_set():
                return
            self.sequence.on_epoch_end()
            self.end_of_epoch_signal.set()


class GeneratorEnqueuer(SequenceEnqueuer):
    """Makes the batches of a generator ahead, in one thread: several workers could not run it at the same time.

    Args:
        sequence: the generator.
        use_multiprocessing: whether ``random_seed`` is used.
        wait_time: of no meaning.
        random_seed: of NumPy's stream.
    """

    def __init__(self, sequence, use_multiprocessing=False, wait_time=None, random_seed=None):
        super().__init__(sequence, use_multiprocessing)
        self.random_seed = random_seed

    def _run(self):
        if self.use_multiprocessing and self.random_seed is not None:
            np.random.seed(self.random_seed)
        executor, submit = self._threads(1)
        ended = threading.Event()
        try:
            while not self.stop_signal.is_set():
                self.queue.put(submit(self._next, ended))
                if ended.is_set():
                    return
        finally:
            executor.shutdown(wait=False, cancel_futures=False)

    def _next(self, ended):
        if ended.is_set():
            return _END
        try:
            return next(self.sequence)
        except StopIteration:
            ended.set()
            return _END
        except BaseException:
            ended.set()
            raise
