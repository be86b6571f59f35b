"""Linear algebra and Fourier transforms."""

import jax
import jax.numpy as jnp
from jax import lax


def cholesky(x, upper=False):
    return jnp.linalg.cholesky(x, upper=upper)


def qr_decomposition(x, mode):
    return tuple(jnp.linalg.qr(x, mode))


def svd(x, full_matrices=True, compute_uv=True):
    found = jnp.linalg.svd(x, full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


def eig(x):
    return tuple(jnp.linalg.eig(x))


def eigh(x):
    return tuple(jnp.linalg.eigh(x))


def slogdet(x):
    return tuple(jnp.linalg.slogdet(x))


def solve(a, b):
    if b.ndim == a.ndim - 1:
        return jnp.linalg.solve(a, b[..., None])[..., 0]
    return jnp.linalg.solve(a, b)


def solve_triangular(a, b, lower=False):
    if b.ndim == a.ndim - 1:
        return solve_triangular(a, b[..., None], lower)[..., 0]
    batch = jnp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = (jnp.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (a, b))
    return lax.linalg.triangular_solve(a, b, left_side=True, lower=lower)


def lu_factor(x):
    factors, pivots = jax.scipy.linalg.lu_factor(x)
    return factors, pivots.astype("int32")


# -- Fourier transforms: a complex signal is a pair (real, imaginary)


def _pair(z, like):
    return z.real.astype(like.dtype), z.imag.astype(like.dtype)


def _complex(x):
    real, imaginary = x
    if real.dtype.itemsize < 4:
        real, imaginary = real.astype("float32"), imaginary.astype("float32")
    return lax.complex(real, imaginary)


def fft(x):
    return _pair(jnp.fft.fft(_complex(x)), x[0])
