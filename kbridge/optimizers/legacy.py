"""``keras.optimizers.legacy``: names that Keras 3 keeps importable, but that make no optimizers any more."""


class LegacyOptimizer:
    """What stands for the optimizers of before Keras 2.11."""

    def __init__(self, *args, **kwargs):
        raise ImportError(
            "keras.optimizers.legacy holds no optimizers in Keras 3. Write keras.optimizers.Adam(...) in place of "
            "keras.optimizers.legacy.Adam(...), and likewise for the others."
        )


Adagrad = Adam = Ftrl = Optimizer = RMSprop = SGD = LegacyOptimizer
