"""Linear algebra and Fourier transforms."""

import torch

from kbridge_torch.gradients import recording


def cholesky(x, upper=False):
    return torch.linalg.cholesky(x, upper=upper)


def qr_decomposition(x, mode):
    return tuple(torch.linalg.qr(x, mode))


def svd(x, full_matrices=True, compute_uv=True):
    return tuple(torch.linalg.svd(x, full_matrices)) if compute_uv else torch.linalg.svdvals(x)


def eig(x):
    return tuple(torch.linalg.eig(_at_least_single(x)))


def eigh(x):
    return tuple(torch.linalg.eigh(x))


def solve(a, b):
    if b.ndim == a.ndim - 1:
        return torch.linalg.solve(a, b.unsqueeze(-1)).squeeze(-1)
    return torch.linalg.solve(a, b)


def solve_triangular(a, b, lower=False):
    if b.ndim == a.ndim - 1:
        return torch.linalg.solve_triangular(a, b.unsqueeze(-1), upper=not lower).squeeze(-1)
    return torch.linalg.solve_triangular(a, b, upper=not lower)


def lu_factor(x):
    factors, pivots = torch.linalg.lu_factor(x)
    return factors, pivots - 1  # LAPACK counts from 1


def det(x):
    return torch.linalg.det(x)


def slogdet(x):
    return tuple(torch.linalg.slogdet(x))


def inv(x):
    return torch.linalg.inv(x)


def cdist(x, y):
    if recording.get() > 1 or x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-1]:
        return NotImplemented
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


# -- Fourier transforms; in half precision torch has none, or few


def _at_least_single(x):
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _complex(x):
    return torch.complex(*map(_at_least_single, x))


def _parts(found, like):
    return found.real.to(like.dtype), found.imag.to(like.dtype)


def fft(x):
    return _parts(torch.fft.fft(_complex(x)), x[0])


def ifft(x):
    return _parts(torch.fft.ifft(_complex(x)), x[0]) if len(x) == 2 else NotImplemented


def fft2(x):
    return _parts(torch.fft.fft2(_complex(x)), x[0]) if len(x) == 2 and x[0].ndim > 1 else NotImplemented


def ifft2(x):
    return _parts(torch.fft.ifft2(_complex(x)), x[0]) if len(x) == 2 and x[0].ndim > 1 else NotImplemented


def rfft(x, fft_length=None):
    return _parts(torch.fft.rfft(_at_least_single(x), fft_length), x)


def irfft(x, fft_length=None):
    return torch.fft.irfft(_complex(x), fft_length).to(x[0].dtype) if len(x) == 2 else NotImplemented
