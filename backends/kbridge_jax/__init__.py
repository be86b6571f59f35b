"""The JAX engine: functions are traced, compiled by XLA, and run on CPU, GPU or TPU."""

from kbridge_jax.engine import JaxBackend

engine = JaxBackend()
