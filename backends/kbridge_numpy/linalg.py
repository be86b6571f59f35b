"""Linear algebra, by LAPACK through NumPy, and the Fourier transform. Half precision is computed in float32."""

from functools import wraps

import numpy as np

from kbridge_numpy.boxes import strip
from kbridge_numpy.tape import Traced, record


def _widened(function):
    """Half precision goes through float32: LAPACK has nothing narrower."""

    @wraps(function)
    def run(x, *args, **kwargs):
        if x.dtype.itemsize != 2:
            return function(x, *args, **kwargs)
        args = [a.astype(np.float32) if hasattr(a, "astype") else a for a in args]
        result = function(x.astype(np.float32), *args, **kwargs)
        if isinstance(result, tuple):
            return tuple(part if part.dtype.kind == "c" else part.astype(x.dtype) for part in result)
        return result if result.dtype.kind == "c" else result.astype(x.dtype)

    return run


def _transposed(x):
    return x.swapaxes(-1, -2)


@_widened
def cholesky(x, upper=False):
    factor = record(np.linalg.cholesky, x) if type(x) is Traced else np.linalg.cholesky(x)
    return np.conj(_transposed(factor)) if upper else factor


@_widened
def qr_decomposition(x, mode):
    return tuple(record(np.linalg.qr, x, mode) if type(x) is Traced else np.linalg.qr(x, mode))


@_widened
def svd(x, full_matrices=True, compute_uv=True):
    if type(x) is Traced:
        found = record(np.linalg.svd, x, full_matrices)
        return found if compute_uv else found[1]
    found = np.linalg.svd(x, full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


@_widened
def eig(x):
    x = strip(x)
    dtype = np.result_type(x.dtype, np.complex64)
    return tuple(part.astype(dtype, copy=False) for part in np.linalg.eig(x))


@_widened
def eigh(x):
    return tuple(record(np.linalg.eigh, x) if type(x) is Traced else np.linalg.eigh(x))


@_widened
def solve(a, b):
    vector = b.ndim == a.ndim - 1
    if vector:
        b = b.reshape((*b.shape, 1))
    x = record(np.linalg.solve, a, b) if type(a) is Traced or type(b) is Traced else np.linalg.solve(a, b)
    return x.reshape(x.shape[:-1]) if vector else x


@_widened
def inv(x):
    return record(np.linalg.inv, x) if type(x) is Traced else np.linalg.inv(x)


@_widened
def slogdet(x):
    return tuple(record(np.linalg.slogdet, x) if type(x) is Traced else np.linalg.slogdet(x))


def fft(x):
    real, imaginary = x
    dtype = real.dtype
    whole = np.dtype(np.complex128 if dtype == np.float64 else np.complex64)
    found = np.fft.fft(real.astype(whole) + imaginary.astype(whole) * whole.type(1j))
    return found.real.astype(dtype), found.imag.astype(dtype)
