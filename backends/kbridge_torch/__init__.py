"""The PyTorch engine."""

from kbridge_torch.engine import TorchBackend

engine = TorchBackend()


def as_module(model):
    """A built model as a ``torch.nn.Module`` that shares its weights: see ``kbridge_torch.bridges``."""
    from kbridge_torch import bridges

    return bridges.as_module(model)
