"""The names of the moments that callbacks are told of."""

TRAIN = (
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)
TEST = ("on_test_begin", "on_test_end", "on_test_batch_begin", "on_test_batch_end")
PREDICT = ("on_predict_begin", "on_predict_end", "on_predict_batch_begin", "on_predict_batch_end")
ALL = TRAIN + TEST + PREDICT


def flattened(callbacks):
    """The callbacks in a list, a CallbackList, or nested lists of such."""
    if callbacks is None:
        return
    if not hasattr(callbacks, "__iter__"):
        yield callbacks
        return
    for callback in callbacks:
        if isinstance(callback, (list, tuple)):
            yield from flattened(callback)
        else:
            yield callback
