"""Train a model on one engine and go on with another: one live object, its weights and its optimizer's state.

    python examples/switch_engines.py [ENGINE ...]

Without arguments, every installed engine has its turn.
"""

import sys

import numpy as np

import kbridge
from kbridge import layers

engines = sys.argv[1:] or kbridge.available()
kbridge.utils.set_random_seed(0)

# Two interleaved spirals
turn = np.random.default_rng(0).uniform(0.5, 3.0, 400)
side = np.arange(400) % 2
angle = turn * 3 + np.pi * side
x = np.stack([turn * np.cos(angle), turn * np.sin(angle)], axis=-1).astype("float32")
y = side.astype("float32")[:, None]

model = kbridge.Sequential(
    [layers.Dense(64, activation="relu"), layers.Dense(64, activation="relu"), layers.Dense(1, activation="sigmoid")]
)
model.compile(kbridge.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])

for name in engines:
    with kbridge.use_backend(name):
        history = model.fit(x, y, epochs=20, verbose=0).history
    print(f"20 epochs on {name:<11} loss {history['loss'][0]:.3f} -> {history['loss'][-1]:.3f}")

answers = []
for name in engines:
    with kbridge.use_backend(name):
        answers.append(model.predict(x, verbose=0))
print(f"accuracy {np.mean((answers[0] > 0.5) == y):.1%} after {int(model.optimizer.iterations)} steps")
print(f"The engines' answers differ by at most {max(np.abs(a - answers[0]).max() for a in answers):.1e}")
