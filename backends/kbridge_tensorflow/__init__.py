"""The TensorFlow engine."""

from kbridge_tensorflow.backend import TensorFlowBackend

engine = TensorFlowBackend()
