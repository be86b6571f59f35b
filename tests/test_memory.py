"""Memory stays flat over many fits, and what is deleted is freed."""

import gc
from pathlib import Path

import numpy as np

import kbridge
from kbridge import layers

FITS = 200


def resident():
    """Megabytes of memory this process holds."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status does not tell the resident memory")


def test_two_hundred_fits_leave_memory_flat(engine):
    x = np.random.default_rng(0).normal(size=(256, 64)).astype("float32")
    model = kbridge.Sequential([kbridge.Input((64,)), layers.Dense(256, activation="relu"), layers.Dense(64)])
    model.compile("adam", "mse", metrics=["mae"])

    def fits(count):
        for _ in range(count):
            model.fit(x, x, batch_size=64, epochs=2, verbose=0)
        gc.collect()
        return resident()

    fits(FITS)  # by then a loop that pays is compiled
    before = fits(20)
    after = fits(FITS)
    # A leak of the model's state alone (0.8 MB with Adam's) in each fit would be 160 MB.
    assert after - before < 16, f"{before:.0f} MB grew to {after:.0f} MB"


def test_models_made_and_deleted_leave_memory_flat(engine):
    x = np.ones((64, 512), "float32")

    def one():
        model = kbridge.Sequential([kbridge.Input((512,)), layers.Dense(1024), layers.Dense(1)])
        model.compile("sgd", "mse", run_eagerly=True)  # compiled code stays in the engines' own caches
        model.train_on_batch(x, x[:, :1])

    for _ in range(5):
        one()
    gc.collect()
    before = resident()
    for _ in range(40):
        one()
    gc.collect()
    # A model holds 2 MB, so 40 of them would be 80.
    assert resident() - before < 40
