"""Linear algebra and Fourier transforms."""

import torch


def cholesky(x, upper=False):
    return torch.linalg.cholesky(x, upper=upper)


def qr_decomposition(x, mode):
    return tuple(torch.linalg.qr(x, mode))


def svd(x, full_matrices=True, compute_uv=True):
    return tuple(torch.linalg.svd(x, full_matrices)) if compute_uv else torch.linalg.svdvals(x)


def eig(x):
    return tuple(torch.linalg.eig(x))


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


def _parts(x):
    return x.real, x.imag


def fft(x):
    return _parts(torch.fft.fft(torch.complex(*x)))


def ifft(x):
    return _parts(torch.fft.ifft(torch.complex(*x))) if len(x) == 2 else NotImplemented


def fft2(x):
    return _parts(torch.fft.fft2(torch.complex(*x))) if len(x) == 2 and x[0].ndim > 1 else NotImplemented


def ifft2(x):
    return _parts(torch.fft.ifft2(torch.complex(*x))) if len(x) == 2 and x[0].ndim > 1 else NotImplemented


def rfft(x, fft_length=None):
    return _parts(torch.fft.rfft(x, fft_length))


def irfft(x, fft_length=None):
    return torch.fft.irfft(torch.complex(*x), fft_length) if len(x) == 2 else NotImplemented
