"""Random numbers from a seed: torch's own generators, one per device, set anew for each draw."""

import threading

import torch

from kbridge_torch import tensors

_kept = threading.local()  # a generator must not be shared by threads


def _generator(seed, device):
    """The generator of ``device`` at the start of the stream that ``seed``, (key, counter), names."""
    key, counter = seed.tolist()
    try:
        generator = _kept.generators[device]
    except (AttributeError, KeyError):
        generator = torch.Generator(device)
        _kept.__dict__.setdefault("generators", {})[device] = generator
    if device.type == "cpu":
        # its Mersenne Twister takes 32 bits: no two counters of one key share a stream
        key = (key * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) & 0xFFFFFFFFFFFFFFFF
        return generator.manual_seed(((counter ^ key) * 0x85EBCA6B + (key >> 32)) & 0xFFFFFFFF)
    return generator.manual_seed(key << 32 | counter)


def random_uniform(shape, dtype, seed):
    device = tensors.current_device()
    return torch.rand(shape, dtype=tensors.torch_dtype(dtype), device=device, generator=_generator(seed, device))


def random_normal(shape, dtype, seed):
    device = tensors.current_device()
    return torch.randn(shape, dtype=tensors.torch_dtype(dtype), device=device, generator=_generator(seed, device))


def random_gamma(alpha, seed):
    return torch._standard_gamma(alpha, generator=_generator(seed, alpha.device))


def random_binomial(counts, probabilities, seed):
    like = counts if isinstance(counts, torch.Tensor) else probabilities
    counts, probabilities = (
        x if isinstance(x, torch.Tensor) else tensors.constant(x, like) for x in (counts, probabilities)
    )
    counts, probabilities = torch.broadcast_tensors(counts, probabilities)
    return torch.binomial(counts, probabilities, generator=_generator(seed, counts.device))


def random_integers(shape, minval, maxval, dtype, seed):
    if not (isinstance(minval, int) and isinstance(maxval, int)):
        return NotImplemented
    device = tensors.current_device()
    drawn = torch.randint(minval, maxval, shape, device=device, generator=_generator(seed, device))
    return tensors.cast(drawn, dtype)


def random_categorical(logits, num_samples, dtype, seed):
    shares = torch.softmax(logits if logits.dtype is torch.float64 else logits.float(), -1)
    drawn = torch.multinomial(shares, num_samples, True, generator=_generator(seed, logits.device))
    return tensors.cast(drawn, dtype)


def random_shuffle(x, axis, seed):
    order = torch.randperm(x.shape[axis], device=x.device, generator=_generator(seed, x.device))
    return x.index_select(axis, order)


def random_dropout(x, rate, noise_shape, seed):
    if not isinstance(rate, (int, float)):
        return NotImplemented
    shape = x.shape
    if noise_shape is not None:
        shape = tuple(dim if own is None else own for dim, own in zip(shape, noise_shape, strict=True))
    # several times faster than torch's own dropout; half precision would be too coarse to compare with the rate
    dtype = torch.float64 if x.dtype is torch.float64 else torch.float32
    noise = torch.rand(shape, dtype=dtype, device=x.device, generator=_generator(seed, x.device))
    return x * noise.ge_(rate).mul_(1.0 / (1.0 - rate)).to(x.dtype)
