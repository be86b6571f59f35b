"""Linear algebra, Fourier transforms, segments."""

from functools import wraps

from kbridge_tensorflow.load import tf

_raw = tf.raw_ops
_HALF = (tf.float16, tf.bfloat16)


def _in_single(function):
    """The kernels want float32 at least."""

    def finish(y, dtype):
        return tf.cast(y, dtype) if isinstance(y, tf.Tensor) and y.dtype == tf.float32 else y

    @wraps(function)
    def run(x, *args, **kwargs):
        many = isinstance(x, (list, tuple))
        dtype = x[0].dtype if many else x.dtype
        if dtype not in _HALF:
            return function(x, *args, **kwargs)
        x = [tf.cast(part, tf.float32) for part in x] if many else tf.cast(x, tf.float32)
        args = [tf.cast(arg, tf.float32) if isinstance(arg, tf.Tensor) else arg for arg in args]
        result = function(x, *args, **kwargs)
        return tuple(finish(y, dtype) for y in result) if isinstance(result, tuple) else finish(result, dtype)

    return run


@_in_single
def cholesky(x, upper=False):
    factor = tf.linalg.cholesky(x)
    return tf.linalg.adjoint(factor) if upper else factor


@_in_single
def qr_decomposition(x, mode):
    return tuple(tf.linalg.qr(x, full_matrices=mode == "complete"))


@_in_single
def svd(x, full_matrices=True, compute_uv=True):
    if not compute_uv:
        return tf.linalg.svd(x, compute_uv=False)
    s, u, v = tf.linalg.svd(x, full_matrices=full_matrices)
    return u, s, tf.linalg.adjoint(v)


@_in_single
def eig(x):
    return tuple(tf.linalg.eig(x))


@_in_single
def eigh(x):
    return tuple(tf.linalg.eigh(x))


def _matrix_of(function):
    """Let ``function(a, b)`` take a vector for b."""

    def run(a, b, *args):
        if b.shape.rank == a.shape.rank - 1:
            return tf.squeeze(function(a, tf.expand_dims(b, -1), *args), -1)
        return function(a, b, *args)

    return run


@_in_single
def solve(a, b):
    return _matrix_of(tf.linalg.solve)(a, b)


@_in_single
def solve_triangular(a, b, lower=False):
    return _matrix_of(tf.linalg.triangular_solve)(a, b, lower)


@_in_single
def inv(x):
    return tf.linalg.inv(x)


@_in_single
def det(x):
    return tf.linalg.det(x)


@_in_single
def slogdet(x):
    return tuple(tf.linalg.slogdet(x))


# -- Fourier transforms, of pairs (real, imaginary)


def _parts(x):
    return tf.math.real(x), tf.math.imag(x)


@_in_single
def fft(x):
    return _parts(tf.signal.fft(tf.complex(*x)))


@_in_single
def ifft(x):
    return _parts(tf.signal.ifft(tf.complex(*x)))


@_in_single
def fft2(x):
    return _parts(tf.signal.fft2d(tf.complex(*x)))


@_in_single
def ifft2(x):
    return _parts(tf.signal.ifft2d(tf.complex(*x)))


@_in_single
def rfft(x, fft_length=None):
    return _parts(tf.signal.rfft(x, None if fft_length is None else [fft_length]))


@_in_single
def irfft(x, fft_length=None):
    return tf.signal.irfft(tf.complex(*x), None if fft_length is None else [fft_length])


# -- segments


def _segments(kernel, data, segment_ids, num_segments):
    if num_segments is None or segment_ids.shape.rank != 1 or data.dtype == tf.bool:
        return NotImplemented
    ids = tf.cast(segment_ids, tf.int32)
    ids = tf.where(ids < num_segments, ids, -1)  # negative ones are left out
    return kernel(data=data, segment_ids=ids, num_segments=num_segments)


def segment_sum(data, segment_ids, num_segments=None, sorted=False):
    return _segments(_raw.UnsortedSegmentSum, data, segment_ids, num_segments)


def segment_prod(data, segment_ids, num_segments=None, sorted=False):
    return _segments(_raw.UnsortedSegmentProd, data, segment_ids, num_segments)
