"""Spectrograms: the frequencies in each stretch of a signal."""

import numpy as np

from kbridge import config, initializers, objects, ops
from kbridge.backend import dtypes
from kbridge.layers.convolutional import positive, refuse_empty, window_length
from kbridge.layers.input_spec import InputSpec
from kbridge.layers.layer import Layer

_MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


class _WithWindow(Layer):
    """Base of layers with a ``window``: a name, an array, or None."""

    @classmethod
    def from_config(cls, config):
        window = objects.deserialize_keras_object(config.get("window"))
        return super().from_config({**config, "window": window})


class STFTSpectrogram(_WithWindow):
    """Spectrograms of signals (batch, time, channels) by convolutions that begin as a Fourier transform.

    The output is (batch, frames, channels * frequencies), or with ``expand_dims`` (batch, frames, frequencies,
    channels); with "channels_first" (batch, channels * frequencies, frames) or (batch, channels, frames,
    frequencies). The kernels are trained unless ``trainable=False``.

    Args:
        mode: "log", "magnitude", "psd" (power), "real", "imag", "angle", or "stft" (real and imaginary parts).
        frame_length: how many samples a frame has.
        frame_step: how many samples lie between the starts of frames; half a frame if None.
        fft_length: for how many samples the frequencies are, of which there are ``fft_length // 2 + 1``; the next
            power of two if None.
        window: a name ("hann", "hamming", ...), an array of ``frame_length``, or None.
        periodic: whether the window is made for repetition.
        scaling: "density", "spectrum" or None.
        padding: "valid" or "same".
        expand_dims: whether frequencies and channels are axes of their own.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self,
        mode="log",
        frame_length=256,
        frame_step=None,
        fft_length=None,
        window="hann",
        periodic=False,
        scaling="density",
        padding="valid",
        expand_dims=False,
        data_format=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if mode not in _MODES:
            raise ValueError(f"STFTSpectrogram: mode must be one of {', '.join(_MODES)}. Received: mode={mode!r}.")
        if padding not in ("valid", "same"):
            raise ValueError(f"STFTSpectrogram: padding must be 'valid' or 'same'. Received: padding={padding!r}.")
        self.mode = mode
        self.frame_length = positive(frame_length, "frame_length", "STFTSpectrogram")
        if frame_step is not None and not 1 <= frame_step <= frame_length:
            raise ValueError(
                f"STFTSpectrogram: frame_step must be from 1 to frame_length. "
                f"Received: frame_step={frame_step}, frame_length={frame_length}."
            )
        if fft_length is not None and fft_length < frame_length:
            raise ValueError(
                f"STFTSpectrogram: fft_length must be at least frame_length. "
                f"Received: fft_length={fft_length}, frame_length={frame_length}."
            )
        self.frame_step = frame_step
        self.fft_length = fft_length
        self._step = frame_step or max(frame_length // 2, 1)
        self._frequencies = (fft_length or 1 << (frame_length - 1).bit_length()) // 2 + 1
        self.window = window
        self.periodic = periodic
        self.scaling = scaling
        self.padding = padding
        self.expand_dims = expand_dims
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=3)
        self._initializer("real")  # complains of a wrong window or scaling

    def _initializer(self, side):
        return initializers.STFT(side, self.window, self.scaling, self.periodic)

    def build(self, input_shape):
        shape = (self.frame_length, 1, self._frequencies)
        if self.mode != "imag":
            self.real_kernel = self.add_weight(shape, self._initializer("real"), name="real_kernel")
        if self.mode != "real":
            self.imag_kernel = self.add_weight(shape, self._initializer("imag"), name="imag_kernel")

    def call(self, inputs):
        if not dtypes.is_float(ops.dtype(inputs)):
            raise TypeError(
                f"STFTSpectrogram layer '{self.name}' takes floats. Received a signal of dtype {ops.dtype(inputs)}."
            )
        if self.mode in ("real", "imag"):
            return self._arrange(self._transform(inputs, self.real_kernel if self.mode == "real" else self.imag_kernel))
        real, imaginary = self._transform(inputs, self.real_kernel), self._transform(inputs, self.imag_kernel)
        if self.mode == "stft":
            return self._arrange(ops.concatenate([real, imaginary], axis=-1))
        if self.mode == "angle":
            return self._arrange(ops.arctan2(imaginary, real))
        power = ops.square(real) + ops.square(imaginary)
        if self.mode == "psd":
            # All but the lowest and the highest frequency stand for a negative one too.
            inner = ops.pad(power[..., 1:-1], ((0, 0), (0, 0), (0, 0), (1, 1)))
            return self._arrange(power + inner)
        least = config.epsilon()
        magnitude = ops.sqrt(ops.maximum(power, least))
        return self._arrange(magnitude if self.mode == "magnitude" else ops.log(ops.maximum(magnitude, least)))

    def _transform(self, inputs, kernel):
        """(batch, channels, frames, frequencies), each channel convolved by itself."""
        if self.data_format == "channels_last":
            inputs = ops.transpose(inputs, (0, 2, 1))
        _, channels, time = ops.shape(inputs)
        signals = ops.reshape(inputs, (-1, time, 1))
        found = ops.conv(signals, ops.cast(kernel, ops.dtype(inputs)), self._step, self.padding, "channels_last")
        return ops.reshape(found, (-1, channels, *ops.shape(found)[1:]))

    def _arrange(self, found):
        """The output's axes, from those of ``_transform``."""
        _, channels, frames, frequencies = ops.shape(found)
        if self.data_format == "channels_last":
            if self.expand_dims:
                return ops.transpose(found, (0, 2, 3, 1))
            return ops.reshape(ops.transpose(found, (0, 2, 1, 3)), (-1, frames, channels * frequencies))
        if self.expand_dims:
            return found
        return ops.reshape(ops.transpose(found, (0, 1, 3, 2)), (-1, channels * frequencies, frames))

    def compute_output_shape(self, input_shape):
        last = self.data_format == "channels_last"
        batch = input_shape[0]
        time, channels = input_shape[1:] if last else (input_shape[2], input_shape[1])
        frames = window_length(time, self.frame_length, self._step, self.padding)
        refuse_empty(self, (frames,), input_shape, self.frame_length)
        frequencies = self._frequencies * (2 if self.mode == "stft" else 1)
        if self.expand_dims:
            return (batch, frames, frequencies, channels) if last else (batch, channels, frames, frequencies)
        joined = None if channels is None else channels * frequencies
        return (batch, frames, joined) if last else (batch, joined, frames)

    def get_config(self):
        return {
            **super().get_config(),
            "mode": self.mode,
            "frame_length": self.frame_length,
            "frame_step": self.frame_step,
            "fft_length": self.fft_length,
            "window": self.window,
            "periodic": self.periodic,
            "scaling": self.scaling,
            "padding": self.padding,
            "expand_dims": self.expand_dims,
            "data_format": self.data_format,
        }


class MelSpectrogram(_WithWindow):
    """Signals (..., time) to spectrograms on the mel scale, as the ear hears: (..., num_mel_bins, frames).

    Args:
        fft_length: the length of the Fourier transform.
        sequence_stride: how many samples lie between the centres of frames.
        sequence_length: how many samples the window covers; ``fft_length`` if None.
        window: "hann", "hamming", an array of ``sequence_length``, or None.
        sampling_rate: how many samples make a second.
        num_mel_bins: into how many bands the frequencies are gathered.
        min_freq, max_freq: the lowest and the highest frequency; half the sampling rate if ``max_freq`` is None.
        power_to_db: whether the result is in decibels, relative to ``ref_power``.
        top_db: how far below the loudest value decibels are cut off.
        mag_exp: the power that magnitudes are raised to: 1 for magnitudes, 2 for power.
        min_power: the least power that counts.
        ref_power: the power that is 0 decibels.
    """

    def __init__(
        self,
        fft_length=2048,
        sequence_stride=512,
        sequence_length=None,
        window="hann",
        sampling_rate=16000,
        num_mel_bins=128,
        min_freq=20.0,
        max_freq=None,
        power_to_db=True,
        top_db=80.0,
        mag_exp=2.0,
        min_power=1e-10,
        ref_power=1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.fft_length = positive(fft_length, "fft_length", "MelSpectrogram")
        self.sequence_stride = positive(sequence_stride, "sequence_stride", "MelSpectrogram")
        self.sequence_length = positive(sequence_length or fft_length, "sequence_length", "MelSpectrogram")
        if self.fft_length < self.sequence_length:
            raise ValueError(
                f"MelSpectrogram: fft_length must be at least sequence_length. "
                f"Received: fft_length={fft_length}, sequence_length={sequence_length}."
            )
        self.window = window
        self.sampling_rate = sampling_rate
        self.num_mel_bins = positive(num_mel_bins, "num_mel_bins", "MelSpectrogram")
        self.min_freq = min_freq
        self.max_freq = max_freq or int(sampling_rate / 2)
        self.power_to_db = power_to_db
        self.top_db = top_db
        self.mag_exp = mag_exp
        self.min_power = min_power
        self.ref_power = ref_power
        self.built = True

    def call(self, inputs):
        # Half precision is too coarse for powers.
        dtype = self.compute_dtype if self.compute_dtype in ("float32", "float64") else "float32"
        inputs = ops.cast(inputs, dtype)
        real, imaginary = ops.stft(
            inputs, self.sequence_length, self.sequence_stride, self.fft_length, window=self.window, center=True
        )
        power = ops.square(real) + ops.square(imaginary)
        if self.mag_exp != 2.0:
            power = ops.power(ops.sqrt(power), self.mag_exp)
        bands = self.linear_to_mel_weight_matrix(
            self.num_mel_bins, self.fft_length // 2 + 1, self.sampling_rate, self.min_freq, self.max_freq, dtype
        )
        found = ops.matmul(power, bands)
        if self.power_to_db:
            found = self._decibels(found)
        return ops.cast(ops.swapaxes(found, -1, -2), self.compute_dtype)

    def _decibels(self, power):
        reference = 10.0 * float(np.log10(max(abs(self.ref_power), self.min_power)))
        found = 10.0 * ops.log10(ops.maximum(power, self.min_power)) - reference
        return ops.maximum(found, ops.max(found) - self.top_db)

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins=20,
        num_spectrogram_bins=129,
        sampling_rate=8000,
        lower_edge_hertz=125.0,
        upper_edge_hertz=3800.0,
        dtype="float32",
    ):
        """What gathers ``num_spectrogram_bins`` frequencies into mel bands: (num_spectrogram_bins, num_mel_bins).

        Each band is a triangle on the mel scale, 1 at its middle, and reaches to the middles of its neighbours.
        """
        # The frequency 0 belongs to no band.
        frequencies = _mel(np.linspace(0.0, sampling_rate / 2.0, num_spectrogram_bins)[1:, None])
        edges = np.linspace(_mel(lower_edge_hertz), _mel(upper_edge_hertz), num_mel_bins + 2)
        lower, middle, upper = edges[:-2], edges[1:-1], edges[2:]
        rising, falling = (frequencies - lower) / (middle - lower), (upper - frequencies) / (upper - middle)
        bands = np.maximum(0.0, np.minimum(rising, falling))
        return ops.convert_to_tensor(np.pad(bands, ((1, 0), (0, 0))), dtype)

    def compute_output_shape(self, input_shape):
        *lead, time = input_shape
        if time is not None:
            time = (time + 2 * (self.fft_length // 2) - self.fft_length) // self.sequence_stride + 1
        return (*lead, self.num_mel_bins, time)

    def get_config(self):
        return {
            **super().get_config(),
            "fft_length": self.fft_length,
            "sequence_stride": self.sequence_stride,
            "sequence_length": self.sequence_length,
            "window": self.window,
            "sampling_rate": self.sampling_rate,
            "num_mel_bins": self.num_mel_bins,
            "min_freq": self.min_freq,
            "max_freq": self.max_freq,
            "power_to_db": self.power_to_db,
            "top_db": self.top_db,
            "mag_exp": self.mag_exp,
            "min_power": self.min_power,
            "ref_power": self.ref_power,
        }


def _mel(hertz):
    return 1127.0 * np.log(1.0 + hertz / 700.0)
