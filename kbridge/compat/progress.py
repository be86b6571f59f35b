"""The progress bar of each generation: today's, with the arguments of its time."""

from kbridge.callbacks import progress


class Progbar(progress.Progbar):
    """A bar that counts up to ``target``.

    Args:
        target: how many steps there are, or None if it is not known.
        width: how long the bar is.
        verbose: 1 draws a bar, 2 prints one line at the end, 0 nothing.
        interval: seconds between two redraws.
        stateful_metrics: names whose values are shown as given; others are averaged.
    """

    def __init__(self, target, width=30, verbose=1, interval=0.05, stateful_metrics=None, **kwargs):
        super().__init__(target, width, verbose, interval, stateful_metrics, **kwargs)

    def update(self, current, values=None, force=False, finalize=None):
        """Say that ``current`` steps are done; ``values`` are pairs (name, value); ``force`` draws it now."""
        if force:
            self._drawn_at = float("-inf")
        super().update(current, values, finalize)

    @property
    def sum_values(self):
        """For each name, the sum of its values and how many there were."""
        return {name: list(pair) for name, pair in self._sums.items()}

    @property
    def unique_values(self):
        """The names, in the order of their first values."""
        return list(self._sums)
