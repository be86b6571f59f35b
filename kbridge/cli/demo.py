"""``kbridge demo``: one model, trained on real data on every installed engine in one process."""

import time
from pathlib import Path

import numpy as np


def configure(parser):
    parser.add_argument("--backend", action="append", metavar="NAME", help="an engine to run on (repeatable)")
    parser.add_argument("--epochs", type=int, default=12, help="how many epochs (12)")
    parser.add_argument("--seed", type=int, default=1, help="the seed of weights and shuffles (1)")


def load_digits():
    """((images, labels) to train, (images, labels) to test): 8 x 8 handwritten digits that come with kbridge."""
    with np.load(Path(__file__).parent.parent / "demo_data" / "digits.npz") as file:
        images, labels = file["images"].astype("float32")[..., None] / 16.0, file["labels"].astype("int32")
    return (images[:1437], labels[:1437]), (images[1437:], labels[1437:])


def run(arguments):
    import kbridge
    from kbridge.backend import registry

    chosen = arguments.backend or registry.available()
    (x, y), (x_test, y_test) = load_digits()
    print(f"{len(x)} handwritten digits to learn from, {len(x_test)} to test on; the same seed on every engine.\n")
    results = {}
    for name in chosen:
        begun = time.perf_counter()
        with kbridge.use_backend(name):
            loaded = time.perf_counter() - begun
            kbridge.utils.set_random_seed(arguments.seed)
            model = build()
            if not results:
                model.summary()
                print()
            begun = time.perf_counter()
            history = model.fit(x, y, epochs=arguments.epochs, batch_size=32, verbose=0)
            seconds = time.perf_counter() - begun
            loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
            results[name] = (model.predict(x_test, verbose=0), history.history["loss"], model)
        print(
            f"{name:<11} loaded in {loaded:4.1f} s, trained in {seconds:5.2f} s   "
            f"test loss {loss:.4f}, accuracy {accuracy:.1%}"
        )
    first = next(iter(results))
    if len(results) > 1:
        largest = max(np.abs(results[n][0] - results[first][0]).max() for n in results)
        curves = max(np.abs(np.subtract(results[n][1], results[first][1])).max() for n in results)
        print(f"\nLargest difference between engines: {largest:.1e} in a prediction, {curves:.1e} in a loss of the curve.")
    model = results[first][2]
    moved = []
    for name in results:
        with kbridge.use_backend(name):
            moved.append(model.predict(x_test, verbose=0))
    if len(moved) > 1:
        apart = max(np.abs(p - moved[0]).max() for p in moved)
        print(f"The model trained on {first}, asked on each engine in turn: predictions differ by at most {apart:.1e}.")
    return 0


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
