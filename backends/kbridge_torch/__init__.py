"""The PyTorch engine."""

from kbridge_torch.engine import TorchBackend

engine = TorchBackend()
