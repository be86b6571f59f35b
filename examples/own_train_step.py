"""A training step of one's own, for any engine: a Wasserstein GAN with gradient penalty, on points in the plane.

    python examples/own_train_step.py [ENGINE] [STEPS]

The penalty is a gradient that is differentiated again. ``kbridge.value_and_grad`` may be nested, on NumPy too.
"""

import sys

import numpy as np

import kbridge
from kbridge import layers, ops

name = sys.argv[1] if len(sys.argv) > 1 else "numpy"
steps = int(sys.argv[2]) if len(sys.argv) > 2 else 400
kbridge.set_backend(name)
kbridge.utils.set_random_seed(0)
random = np.random.default_rng(0)

NOISE, BATCH = 2, 128


def network(inputs, outputs):
    hidden = [layers.Dense(32, activation="leaky_relu") for _ in range(2)]
    return kbridge.Sequential([kbridge.Input((inputs,)), *hidden, layers.Dense(outputs)])


generator, critic = network(NOISE, 2), network(2, 1)
for_generator = kbridge.optimizers.Adam(5e-3, beta_1=0.0, beta_2=0.9)
for_critic = kbridge.optimizers.Adam(5e-3, beta_1=0.0, beta_2=0.9)


def real_points():
    """A ring of radius 1."""
    angle = random.uniform(0, 2 * np.pi, BATCH)
    return tensor(np.stack([np.cos(angle), np.sin(angle)], -1))


def noise():
    return tensor(random.normal(size=(BATCH, NOISE)))


def tensor(array):
    return ops.convert_to_tensor(array.astype("float32"))


def train_critic(real, z, share):
    fake = ops.stop_gradient(generator(z))
    between = real * share + fake * (1.0 - share)

    def loss():
        slopes = kbridge.grad(lambda points: ops.sum(critic(points)), between)
        lengths = ops.sqrt(ops.sum(slopes * slopes, axis=-1) + 1e-12)
        penalty = ops.mean((lengths - 1.0) ** 2)
        return ops.mean(critic(fake)) - ops.mean(critic(real)) + penalty

    value, gradients = kbridge.value_and_grad(loss, critic.trainable_variables)
    for_critic.apply(gradients, critic.trainable_variables)
    return value


def train_generator(z):
    value, gradients = kbridge.value_and_grad(lambda: -ops.mean(critic(generator(z))), generator.trainable_variables)
    for_generator.apply(gradients, generator.trainable_variables)
    return value


def distance():
    """How far the generated points lie from the ring, on average."""
    points = ops.convert_to_numpy(generator(noise()))
    return float(np.abs(np.linalg.norm(points, axis=-1) - 1.0).mean())


# The steps run as they are; an engine that compiles makes them fast.
engine = kbridge.use_backend(name).engine
for_critic.build(critic.trainable_variables)
for_generator.build(generator.trainable_variables)
critic_step, generator_step = engine.compile(train_critic), engine.compile(train_generator)

begun = distance()
for step in range(1, steps + 1):
    for _ in range(3):
        critic_loss = critic_step(real_points(), noise(), tensor(random.uniform(size=(BATCH, 1))))
    generator_step(noise())
    if step % max(1, steps // 3) == 0:
        print(f"step {step:4d}   critic's loss {float(critic_loss):7.3f}   distance from the ring {distance():.3f}")
print(f"on {name}: the distance from the ring went from {begun:.3f} to {distance():.3f}")
