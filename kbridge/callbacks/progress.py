"""Progress on the screen: live on a terminal and in a notebook, plain lines elsewhere."""

import math
import shutil
import sys
import time

from kbridge import config
from kbridge.callbacks.callback import Callback

_WIDTH = 20
_REDRAW_SECONDS = 0.05


class Progbar:
    """A bar that counts up to ``target``.

    Args:
        target: the number of steps, or None if it is not known.
        width: how long the bar is.
        verbose: 1 draws a bar, 2 prints one line at the end, 0 nothing.
        interval: seconds between two redraws.
        stateful_metrics: names whose values are shown as given; others are averaged.
        stateless_metrics: the opposite: names whose values are averaged; others are shown as given.
        unit_name: what is counted.
    """

    def __init__(
        self,
        target,
        width=_WIDTH,
        verbose=1,
        interval=_REDRAW_SECONDS,
        stateful_metrics=None,
        stateless_metrics=None,
        unit_name="step",
    ):
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError(
                "Progbar takes stateful_metrics (names that are not averaged) or stateless_metrics (names that are), "
                "not both."
            )
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.stateful_metrics = set(stateful_metrics or ())
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self.unit_name = unit_name
        self.seen_so_far = 0
        self._sums = {}  # name -> (sum, steps)
        self._start = time.monotonic()
        self._drawn_at = 0.0
        self._drawn_length = 0

    def begin(self, seconds_ago=0.0):
        """Count the time from now, or from a moment before."""
        self._start = time.monotonic() - seconds_ago

    def update(self, current, values=None, finalize=None):
        """Say that ``current`` steps are done; ``values`` are pairs (name, value)."""
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or ():
            if self._is_shown_as_given(name) or self.seen_so_far >= current:
                self._sums[name] = (value, 1)
            else:
                total, steps = self._sums.get(name, (0.0, 0))
                new = current - self.seen_so_far
                self._sums[name] = (total + value * new, steps + new)
        self.seen_so_far = current
        now = time.monotonic()
        if self.verbose == 1 and is_live():
            if finalize or now - self._drawn_at >= self.interval:
                self._drawn_at = now
                self._draw(self._bar(now) + self._text(), finalize)
        elif finalize and self.verbose:
            print(self._counter() + self._time(now, True) + self._text(), flush=True)

    def _is_shown_as_given(self, name):
        if self.stateless_metrics is not None:
            return name not in self.stateless_metrics
        return name in self.stateful_metrics

    def add(self, n, values=None):
        """Say that ``n`` more steps are done."""
        self.update(self.seen_so_far + n, values)

    def _draw(self, line, last):
        if not last and not _in_notebook():  # a line that wraps could not be drawn over
            line = line[: shutil.get_terminal_size().columns - 1]
        padding = " " * max(0, self._drawn_length - len(line))
        sys.stdout.write("\r" + line + padding + ("\n" if last else ""))
        sys.stdout.flush()
        self._drawn_length = len(line)

    def _counter(self):
        if self.target is None:
            return f"{self.seen_so_far}/Unknown"
        return f"{self.seen_so_far:{len(str(self.target))}d}/{self.target}"

    def _bar(self, now):
        bar = ""
        if self.target:
            filled = min(self.width, int(self.width * self.seen_so_far / self.target))
            bar = " [" + "=" * filled + "." * (self.width - filled) + "]"
        return self._counter() + bar + self._time(now, self.target is not None and self.seen_so_far >= self.target)

    def _time(self, now, done):
        passed = now - self._start
        per_step = passed / max(1, self.seen_so_far)
        if done or self.target is None:
            return f" - {_duration(passed)} {_duration(per_step)}/{self.unit_name}"
        return f" - ETA {_duration(per_step * (self.target - self.seen_so_far))}"

    def _text(self):
        return "".join(f" - {name}: {format_number(total / max(1, n))}" for name, (total, n) in self._sums.items())


def format_number(value):
    """A value for the eye: four digits, in exponents where it is very small."""
    try:
        value = float(value)
    except (TypeError, ValueError):
        return str(value)
    return f"{value:.4f}" if abs(value) > 1e-3 or value == 0 else f"{value:.4e}"


def _duration(seconds):
    if seconds >= 3600:
        return f"{int(seconds // 3600)}:{int(seconds % 3600 // 60):02d}:{int(seconds % 60):02d}"
    if seconds >= 60:
        return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
    if seconds >= 1:
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"


def _in_notebook():
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if hasattr(ipython, "get_ipython") else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def is_live():
    """Whether a line that is drawn over again makes sense: on a terminal and in a notebook."""
    return (hasattr(sys.stdout, "isatty") and sys.stdout.isatty()) or _in_notebook()


def _numbers(logs):
    return [(name, value) for name, value in (logs or {}).items() if isinstance(value, (int, float))]


class ProgbarLogger(Callback):
    """Prints what ``fit``, ``evaluate`` and ``predict`` do. They add it themselves unless ``verbose=0``."""

    watches_only = True

    def __init__(self):
        super().__init__()
        self._bar = None
        self._steps_done = 0

    @property
    def _verbose(self):
        verbose = (self.params or {}).get("verbose", 1)
        if verbose == "auto":
            return 1 if config.is_interactive_logging_enabled() else 2
        return int(verbose)

    def _begin(self):
        params = self.params or {}
        self._bar = Progbar(params.get("steps"), verbose=self._verbose, stateless_metrics=())
        self._bar.begin(params.get("seconds", 0.0))
        self._steps_done = 0

    def on_epoch_begin(self, epoch, logs=None):
        if not self._verbose:
            return
        epochs = (self.params or {}).get("epochs")
        if epochs is not None:
            print(f"Epoch {epoch + 1}/{epochs}")
        self._begin()

    def on_train_batch_end(self, batch, logs=None):
        self._on_batch(batch, logs)

    def _on_batch(self, batch, logs):
        self._steps_done = batch + 1
        if self._verbose == 1 and is_live() and self._bar is not None:
            target = self._bar.target
            if target is None or batch + 1 < target:
                self._bar.update(batch + 1, _numbers(logs), finalize=False)

    def _end(self, logs):
        if self._verbose and self._bar is not None:
            done = self._bar.target or (self.params or {}).get("steps") or self._steps_done
            self._bar.target = done
            self._bar.update(math.ceil(done), _numbers(logs), finalize=True)
            self._bar = None

    def on_epoch_end(self, epoch, logs=None):
        self._end(logs)

    def on_test_begin(self, logs=None):
        self._begin()

    def on_test_batch_end(self, batch, logs=None):
        self._on_batch(batch, logs)

    def on_test_end(self, logs=None):
        self._end(logs)

    def on_predict_begin(self, logs=None):
        self._begin()

    def on_predict_batch_end(self, batch, logs=None):
        self._on_batch(batch, None)

    def on_predict_end(self, logs=None):
        self._end(logs)
