"""Initial values of weights, drawn on the host: the same seed gives the same weights on every engine."""

import math
from contextlib import contextmanager

import numpy as np

from kbridge.backend import dtypes, registry, seeds
from kbridge.backend.frame import entered, get_frame
from kbridge.backend.names import snake_case
from kbridge.backend.variable import numpy_dtype
from kbridge.objects import Family, deserialize_keras_object, publish, serialize_keras_object


class Initializer:
    """Makes initial values: called with a shape and a dtype, it returns a tensor.

    To write one, define ``__call__(shape, dtype=None)`` and, if its constructor takes arguments,
    ``get_config``. Those below define ``values`` in its place, which returns a NumPy array.
    """

    def __call__(self, shape, dtype=None):
        return registry.current().convert(self._drawn(shape, dtype), dtypes.standardize(dtype))

    @property
    def may_wait(self):
        """Whether its values are the same whenever they are drawn."""
        return type(self).__call__ is Initializer.__call__ and not hasattr(getattr(self, "seed", None), "next")

    def draw(self, shape, dtype=None):
        """The values as a NumPy array, in host memory."""
        if type(self).__call__ is Initializer.__call__:
            return self._drawn(shape, dtype)
        with _real_engine() as engine:  # a user's own __call__ computes with it
            dtype = dtypes.standardize(dtype)
            return engine.to_numpy(engine.convert(self(shape, dtype=dtype), dtype))

    def _drawn(self, shape, dtype):
        shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(int(dim) for dim in shape)
        dtype = dtypes.standardize(dtype)
        return np.asarray(self.values(shape, dtype)).astype(numpy_dtype(dtype), copy=False)

    def values(self, shape, dtype):
        raise NotImplementedError(f"{type(self).__name__} needs a method __call__(self, shape, dtype=None).")

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def clone(self):
        """One like this; where no seed was given, with a fresh one."""
        return type(self).from_config(self.get_config())


@contextmanager
def _real_engine():
    """An engine to compute values with, even where a function is being traced or shapes are being worked out."""
    frame = get_frame()
    engine = None if registry.current().abstract else frame.engine
    with entered(frame.child(engine=engine, autocast=None, bindings=None, captures=False)):
        yield registry.current()


# -- without chance


class Zeros(Initializer):
    """All 0."""

    def values(self, shape, dtype):
        return np.zeros(shape, numpy_dtype(dtype))


class Ones(Initializer):
    """All 1."""

    def values(self, shape, dtype):
        return np.ones(shape, numpy_dtype(dtype))


class Constant(Initializer):
    """All ``value``: a number, or an array that broadcasts to the shape."""

    def __init__(self, value=0.0):
        self.value = value

    def values(self, shape, dtype):
        return np.array(np.broadcast_to(_on_host(self.value), shape))

    def get_config(self):
        return {"value": serialize_keras_object(self.value)}

    @classmethod
    def from_config(cls, config):
        return cls(deserialize_keras_object(config["value"]))


class _Given(Constant):
    """An array that was given in the place of an initializer: only its own shape will do."""

    def values(self, shape, dtype):
        value = _on_host(self.value)
        if value.shape != shape:
            raise ValueError(f"The initial value given has the shape {value.shape}. Expected the shape {shape}.")
        return np.array(value)


class Identity(Initializer):
    """``gain`` times the identity matrix."""

    def __init__(self, gain=1.0):
        self.gain = gain

    def values(self, shape, dtype):
        if len(shape) != 2:
            raise ValueError(f"Identity makes matrices only. Received: shape={shape} of rank {len(shape)}.")
        return self.gain * np.eye(*shape)

    def get_config(self):
        return {"gain": self.gain}


class STFT(Initializer):
    """The kernel of a convolution that computes one ``side`` ("real" or "imag") of a short-time Fourier transform.

    The shape is (frame length, 1, FFT length // 2 + 1). ``window`` is a name that SciPy knows, an array of
    the frame length, or None; ``scaling`` is "density", "spectrum" or None.
    """

    def __init__(self, side="real", window="hann", scaling="density", periodic=False):
        if side not in ("real", "imag"):
            raise ValueError(f"STFT: side must be 'real' or 'imag'. Received: side={side!r}.")
        if scaling not in (None, "density", "spectrum"):
            raise ValueError(f"STFT: scaling must be 'density', 'spectrum' or None. Received: scaling={scaling!r}.")
        if isinstance(window, str):
            _window(window, 2, periodic)
        self.side = side
        self.window = window
        self.scaling = scaling
        self.periodic = periodic

    def values(self, shape, dtype):
        if len(shape) != 3:
            raise ValueError(
                f"STFT: the shape must be (frame_length, channels, fft_length // 2 + 1). Received: {shape}."
            )
        length, _, bins = shape
        angles = -2 * np.pi * np.arange(length)[:, None, None] * np.arange(bins) / (2 * (bins - 1))
        kernel = np.cos(angles) if self.side == "real" else np.sin(angles)
        if self.window is not None:
            name = isinstance(self.window, str)
            window = _window(self.window, length, self.periodic) if name else _on_host(self.window)
            if window.shape != (length,):
                raise ValueError(f"STFT: the window must have the shape ({length},). Received one of {window.shape}.")
            scale = {None: 1.0, "density": math.sqrt((window**2).sum()), "spectrum": np.abs(window).sum()}
            kernel *= window[:, None, None] / scale[self.scaling]
        return np.array(np.broadcast_to(kernel, shape))

    def get_config(self):
        window = serialize_keras_object(self.window)
        return {"side": self.side, "window": window, "periodic": self.periodic, "scaling": self.scaling}

    @classmethod
    def from_config(cls, config):
        return cls(**deserialize_keras_object(config))


# Windows that are sums of cosines, by their coefficients.
_COSINES = {"boxcar": (1.0,), "hann": (0.5, 0.5), "hamming": (0.54, 0.46), "blackman": (0.42, 0.5, 0.08)}


def _window(name, length, periodic):
    if name in _COSINES:
        turns = 2 * np.pi * np.arange(length) / max(1, length if periodic else length - 1)
        return sum((-1) ** k * weight * np.cos(k * turns) for k, weight in enumerate(_COSINES[name]))
    try:
        from scipy.signal import get_window
    except ImportError as error:
        raise ValueError(
            f"STFT: the window {name!r} needs SciPy, which is not installed. "
            f"Known without it: {', '.join(_COSINES)}. Or pass the window itself, as an array."
        ) from error
    return get_window(name, length, periodic)


def _on_host(value):
    if getattr(value, "is_variable", False):
        return value.numpy()
    engine = registry.current()
    return engine.to_numpy(value) if engine.is_tensor(value) else np.asarray(value)


# -- by chance


class RandomInitializer(Initializer):
    """Values drawn by chance, the same at every call: from ``seed``, or one drawn when it was made.

    A SeedGenerator as ``seed`` gives other values at every call.
    """

    def __init__(self, seed=None):
        self._given_seed = seed
        if isinstance(seed, dict):
            seed = deserialize_keras_object(seed)
        if seed is None:
            seed = int(seeds.generator().integers(2**62))
        if isinstance(seed, bool) or not (isinstance(seed, (int, np.integer)) or hasattr(seed, "next")):
            raise ValueError(
                f"{type(self).__name__}: seed must be an int, None or a SeedGenerator. Received: seed={seed!r}."
            )
        self.seed = seed

    def generator(self):
        """The NumPy generator to draw from."""
        if not hasattr(self.seed, "next"):
            return seeds.generator(int(self.seed))
        with _real_engine() as engine:
            key, counter = engine.to_numpy(engine.convert(self.seed.next()))
            return seeds.generator((int(key), int(counter)))

    def get_config(self):
        return {"seed": serialize_keras_object(self._given_seed)}


class RandomNormal(RandomInitializer):
    """The normal distribution."""

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed)

    def values(self, shape, dtype):
        return self.mean + self.stddev * _normal(self.generator(), shape, dtype)

    def get_config(self):
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomNormal):
    """The normal distribution without what lies more than two standard deviations from the mean."""

    def values(self, shape, dtype):
        return self.mean + self.stddev * _truncated_normal(self.generator(), shape, dtype)


class RandomUniform(RandomInitializer):
    """The uniform distribution on [``minval``, ``maxval``)."""

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        self.minval = minval
        self.maxval = maxval
        super().__init__(seed)

    def values(self, shape, dtype):
        if dtypes.is_int(dtype):
            return self.generator().integers(int(self.minval), int(self.maxval), shape)
        return self.minval + (self.maxval - self.minval) * _uniform(self.generator(), shape, dtype)

    def get_config(self):
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


class VarianceScaling(RandomInitializer):
    """Values of variance ``scale`` / n, where n is the number of inputs, of outputs, or the mean of both (``mode``).

    ``distribution`` is "truncated_normal", "untruncated_normal" or "uniform". ``input_axes`` and
    ``output_axes`` say which axes of the shape count, where it is not that of a dense or convolution kernel.
    """

    def __init__(
        self,
        scale=1.0,
        mode="fan_in",
        distribution="truncated_normal",
        seed=None,
        input_axes=None,
        output_axes=None,
    ):
        if not scale > 0:
            raise ValueError(f"VarianceScaling: scale must be positive. Received: scale={scale!r}.")
        if mode not in _FANS:
            raise ValueError(f"VarianceScaling: mode must be one of {', '.join(_FANS)}. Received: mode={mode!r}.")
        name = str(distribution).lower()
        name = "truncated_normal" if name == "normal" else name
        if name not in _UNIT_VARIANCE:
            raise ValueError(
                f"VarianceScaling: distribution must be one of {', '.join(_UNIT_VARIANCE)}. "
                f"Received: distribution={distribution!r}."
            )
        self.scale = scale
        self.mode = mode
        self.distribution = name
        self.input_axes = input_axes
        self.output_axes = output_axes
        super().__init__(seed)

    def values(self, shape, dtype):
        fan = _FANS[self.mode](*compute_fans(shape, self.input_axes, self.output_axes))
        stddev = math.sqrt(self.scale / max(1.0, fan))
        return stddev * _UNIT_VARIANCE[self.distribution](self.generator(), shape, dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


class _Named(VarianceScaling):
    """A setting of VarianceScaling that has a name of its own."""

    setting = ()  # scale, mode, distribution

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(*self.setting, seed, input_axes, output_axes)

    def get_config(self):
        seed = serialize_keras_object(self._given_seed)
        return {"seed": seed, "input_axes": self.input_axes, "output_axes": self.output_axes}


class GlorotUniform(_Named):
    """Glorot and Bengio's, uniform: the variance is 1 / mean(inputs, outputs). Also known as Xavier's."""

    setting = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Named):
    """Glorot and Bengio's, normal: the variance is 1 / mean(inputs, outputs)."""

    setting = (1.0, "fan_avg", "truncated_normal")


class LecunUniform(_Named):
    """LeCun's, uniform: the variance is 1 / inputs."""

    setting = (1.0, "fan_in", "uniform")


class LecunNormal(_Named):
    """LeCun's, normal: the variance is 1 / inputs. The one to use with selu."""

    setting = (1.0, "fan_in", "truncated_normal")


class HeUniform(_Named):
    """He's, uniform: the variance is 2 / inputs. Made for relu."""

    setting = (2.0, "fan_in", "uniform")


class HeNormal(_Named):
    """He's, normal: the variance is 2 / inputs. Made for relu."""

    setting = (2.0, "fan_in", "truncated_normal")


class Orthogonal(RandomInitializer):
    """``gain`` times a random matrix with orthonormal rows or columns; all axes but the last count as one."""

    def __init__(self, gain=1.0, seed=None):
        self.gain = gain
        super().__init__(seed)

    def values(self, shape, dtype):
        if len(shape) < 2:
            raise ValueError(f"Orthogonal takes a shape of rank 2 or more. Received: shape={shape}.")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(_normal(self.generator(), (max(rows, columns), min(rows, columns)), dtype))
        q *= np.where(np.diag(r) < 0, -1, 1)  # makes it uniform among the orthogonal ones
        return self.gain * (q if rows >= columns else q.T).reshape(shape)

    def get_config(self):
        return {**super().get_config(), "gain": self.gain}


def compute_fans(shape, input_axes=None, output_axes=None):
    """How many inputs and outputs a kernel of this shape joins."""
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


_FANS = {
    "fan_in": lambda inputs, outputs: inputs,
    "fan_out": lambda inputs, outputs: outputs,
    "fan_avg": lambda inputs, outputs: (inputs + outputs) / 2,
}


def _precision(dtype):
    return np.float64 if dtype == "float64" else np.float32


def _uniform(generator, shape, dtype):
    return generator.random(shape, _precision(dtype))


def _normal(generator, shape, dtype):
    return generator.standard_normal(shape, _precision(dtype))


def _truncated_normal(generator, shape, dtype):
    x = np.asarray(_normal(generator, shape, dtype))
    while (beyond := np.abs(x) > 2).any():
        x[beyond] = _normal(generator, int(beyond.sum()), dtype)
    return x


# How to draw with variance 1. A normal cut off at two standard deviations has 0.8796... of its own.
_UNIT_VARIANCE = {
    "truncated_normal": lambda *args: _truncated_normal(*args) / 0.87962566103423978,
    "untruncated_normal": _normal,
    "uniform": lambda *args: math.sqrt(3.0) * (2.0 * _uniform(*args) - 1.0),
}

constant = Constant
zeros = Zeros
ones = Ones
identity = IdentityInitializer = Identity
stft = STFTInitializer = STFT
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
glorot_uniform = GlorotUniform
glorot_normal = GlorotNormal
lecun_uniform = LecunUniform
lecun_normal = LecunNormal
he_uniform = HeUniform
he_normal = HeNormal
orthogonal = OrthogonalInitializer = Orthogonal


class _Initializers(Family):
    def get(self, identifier):
        if isinstance(identifier, np.generic) or hasattr(identifier, "shape") and hasattr(identifier, "dtype"):
            return _Given(identifier)
        return super().get(identifier)


_family = _Initializers(
    "initializer",
    "keras.initializers",
    [
        Initializer,
        Constant,
        GlorotNormal,
        GlorotUniform,
        HeNormal,
        HeUniform,
        Identity,
        LecunNormal,
        LecunUniform,
        Ones,
        Orthogonal,
        RandomNormal,
        RandomUniform,
        STFT,
        TruncatedNormal,
        VarianceScaling,
        Zeros,
    ],
    also=snake_case,
    aliases={
        "normal": RandomNormal,
        "uniform": RandomUniform,
        "one": Ones,
        "zero": Zeros,
    },
)
# names that earlier releases of Keras 3 wrote into files
_older = {"IdentityInitializer": Identity, "OrthogonalInitializer": Orthogonal, "STFTInitializer": STFT}
_family.members.update(_older)
publish("keras.initializers", **_older)

get = _family.get
deserialize = _family.deserialize


def serialize(initializer):
    """The config of an initializer."""
    return _family.serialize(initializer)
