"""Training work in kbridge, in hand-written engine code and in Keras 3, side by side: ``python -m benchmarks``."""
