"""``kbridge demo``: one model, trained on real data on every installed engine in one process."""

import time

import numpy as np


def configure(parser):
    parser.add_argument("--backend", action="append", metavar="NAME", help="an engine to run on (repeatable)")
    parser.add_argument("--epochs", type=int, default=12, help="how many epochs (12)")
    parser.add_argument("--seed", type=int, default=1, help="the seed of weights and shuffles (1)")


def load_digits():
    """The digits that come with kbridge as a convolution takes them: pixels from 0 to 1, with an axis of colours."""
    from kbridge.datasets import digits

    return [(images.astype("float32")[..., None] / 16.0, y.astype("int32")) for images, y in digits.load_data()]


def run(arguments):
    import kbridge
    from kbridge.backend import registry

    if arguments.epochs < 1:
        raise ValueError(f"there must be at least one epoch. Received: --epochs {arguments.epochs}")
    (x, y), (x_test, y_test) = load_digits()
    results = {}
    for name in dict.fromkeys(map(registry.canonical, arguments.backend or registry.available())):
        begun = time.perf_counter()
        try:
            registry.load(name)
        except Exception as error:  # whatever an engine's library raises is what the user must see
            if arguments.backend:
                raise
            print(f"{name:<11} does not load: {type(error).__name__}: {error}")
            continue
        loaded = time.perf_counter() - begun
        with kbridge.use_backend(name):
            kbridge.utils.set_random_seed(arguments.seed)
            model = build()
            if not results:
                print(f"{len(x)} handwritten digits to learn from, {len(x_test)} to test on.\n")
                model.summary()
                print()
            begun = time.perf_counter()
            history = model.fit(x, y, epochs=arguments.epochs, batch_size=32, verbose=0)
            seconds = time.perf_counter() - begun
            loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
            results[name] = model.predict(x_test, verbose=0), history.history["loss"], model
        print(
            f"{name:<11} loaded in {loaded:4.1f} s, trained in {seconds:5.2f} s   "
            f"test loss {loss:.4f}, accuracy {accuracy:.1%}",
            flush=True,
        )
    if len(results) > 1:
        _compare(results, x_test)
    return 0


def _compare(results, x_test):
    """Say how far the engines are apart, and have one model answer on each."""
    import kbridge

    first, (answers, curve, model) = next(iter(results.items()))
    furthest = max(np.abs(other - answers).max() for other, _, _ in results.values())
    curves = max(np.abs(np.subtract(other, curve)).max() for _, other, _ in results.values())
    print(
        f"\nThe same seed on each: after training, the engines differ by at most {curves:.1e} in the loss of an epoch"
        f"\nand {furthest:.1e} in a predicted probability."
    )
    apart = 0.0
    for name in results:
        with kbridge.use_backend(name):
            apart = max(apart, np.abs(model.predict(x_test, verbose=0) - answers).max())
    print(f"The one model trained on {first}, asked on each engine in turn: its answers differ by at most {apart:.1e}.")


def build():
    """The demo's model: a small convolutional network."""
    import kbridge

    layers = kbridge.layers
    model = kbridge.Sequential(
        [
            kbridge.Input(shape=(8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ],
        name="digits",
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
