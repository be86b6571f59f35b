"""Fourier transforms and framing. A complex signal is a pair (real part, imaginary part)."""

from __future__ import annotations

import numpy as np

from kbridge.backend import shapes_nn
from kbridge.backend.dtypes import floating
from kbridge.backend.op import Tensor, Tensors, dtype_of, op
from kbridge.ops.arrays import broadcast_to, concatenate, flip, ones, pad, reshape, swapaxes, zeros_like
from kbridge.ops.core import cast, convert_to_tensor, shape
from kbridge.ops.indexing import take
from kbridge.ops.math import square, where

__all__ = ["extract_sequences", "fft", "fft2", "ifft2", "irfft", "istft", "rfft", "stft"]


@op.required(floating, shape=shapes_nn.pair)
def fft(x: Tensors):
    """The discrete Fourier transform along the last axis of ``x`` = (real, imaginary), as such a pair."""


def _pair(x, name):
    """(real, imaginary), checked."""
    if not isinstance(x, (list, tuple)) or len(x) != 2 or tuple(x[0].shape) != tuple(x[1].shape) or not x[0].ndim:
        raise ValueError(
            f"{name} takes a pair of tensors of one shape, (real part, imaginary part). Received: "
            f"{[getattr(part, 'shape', part) for part in x] if isinstance(x, (list, tuple)) else x}."
        )
    return x


@op(floating)
def ifft(x: Tensors):
    """The inverse of ``fft``."""
    real, imaginary = _pair(x, "ifft")
    # Exchanging the parts before and after turns the transform into its inverse, but for the scale.
    imaginary, real = fft([imaginary, real])
    scale = 1.0 / real.shape[-1]
    return real * scale, imaginary * scale


def _over_two_axes(transform, x, name):
    x = _pair(x, name)
    if x[0].ndim < 2:
        raise ValueError(f"{name} needs two axes. Received the shape {tuple(x[0].shape)}.")
    turned = [swapaxes(part, -1, -2) for part in transform(x)]
    return tuple(swapaxes(part, -1, -2) for part in transform(turned))


@op(floating)
def fft2(x: Tensors):
    """The discrete Fourier transform over the last two axes of (real, imaginary), as such a pair."""
    return _over_two_axes(fft, x, "fft2")


@op(floating)
def ifft2(x: Tensors):
    """The inverse of ``fft2``."""
    return _over_two_axes(ifft, x, "ifft2")


def _fit(x, length):
    """``x`` with its last axis cut off, or filled up with zeros, at ``length``."""
    missing = length - x.shape[-1]
    if missing > 0:
        return pad(x, [(0, 0)] * (x.ndim - 1) + [(0, missing)])
    return x[..., :length] if missing < 0 else x


@op(floating)
def rfft(x: Tensor, fft_length=None):
    """The Fourier transform of a real signal along the last axis: (real, imaginary) of the frequencies from 0 up."""
    if fft_length is not None:
        x = _fit(x, fft_length)
    kept = x.shape[-1] // 2 + 1
    real, imaginary = fft([x, zeros_like(x)])
    return real[..., :kept], imaginary[..., :kept]


@op(floating)
def irfft(x: Tensors, fft_length=None):
    """The real signal, of length ``fft_length``, that has the spectrum (real, imaginary) as ``rfft`` gives it."""
    real, imaginary = _pair(x, "irfft")
    length = 2 * (real.shape[-1] - 1) if fft_length is None else fft_length
    if length < 1:
        raise ValueError(f"irfft: the length of the signal must be at least 1. Received: fft_length={length}.")
    kept = length // 2 + 1
    real, imaginary = _fit(real, kept), _fit(imaginary, kept)
    # The negative frequencies are the positive ones, conjugated; 0 and the highest of an even length stand alone.
    mirrored = slice(1, kept - 1 + length % 2)
    real = concatenate([real, flip(real[..., mirrored], axis=-1)], axis=-1)
    alone = np.ones(kept, "float32")
    alone[0] = 0.0
    if length % 2 == 0:
        alone[-1] = 0.0
    imaginary = imaginary * cast(convert_to_tensor(alone), dtype_of(imaginary))
    imaginary = concatenate([imaginary, -flip(imaginary[..., mirrored], axis=-1)], axis=-1)
    _, signal = fft([imaginary, real])  # the inverse, with its parts exchanged
    return signal * (1.0 / length)


# -- framing


@op
def extract_sequences(x: Tensor, sequence_length, sequence_stride):
    """Frames of ``sequence_length`` along the last axis, one each ``sequence_stride``: (..., frames, length)."""
    if x.shape[-1] < sequence_length:
        raise ValueError(
            f"extract_sequences: a signal of length {x.shape[-1]} has no frame of length {sequence_length}."
        )
    count = (x.shape[-1] - sequence_length) // sequence_stride + 1
    indices = np.arange(count)[:, None] * sequence_stride + np.arange(sequence_length)
    return take(x, indices.astype("int32"), axis=-1)


def _overlap_add(frames, stride):
    """The signal of which ``frames`` (..., count, length), one each ``stride``, are summed up."""
    count, length = frames.shape[-2:]
    pieces = -(-length // stride)  # each frame as pieces of one stride; piece i of frame j lands at i + j
    frames = _fit(frames, pieces * stride)
    lead = shape(frames)[:-2]
    frames = reshape(frames, (*lead, count, pieces, stride))
    none = [(0, 0)] * len(lead)
    total = 0.0
    for i in range(pieces):
        total = total + pad(frames[..., i, :], [*none, (i, pieces - 1 - i), (0, 0)])
    signal = reshape(total, (*lead, (count + pieces - 1) * stride))
    return signal[..., : (count - 1) * stride + length]


def _window(window, sequence_length, fft_length, dtype, name):
    """The window, zeros on both sides of it up to ``fft_length``, as an array or tensor."""
    if not isinstance(sequence_length, int) or sequence_length < 1 or fft_length < sequence_length:
        raise ValueError(
            f"{name}: expected 1 <= sequence_length <= fft_length. "
            f"Received: sequence_length={sequence_length}, fft_length={fft_length}."
        )
    if window is None:
        return ones((fft_length,), dtype)
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ValueError(f'{name}: `window` must be "hann", "hamming", a tensor or None. Received: {window!r}.')
        angle = 2.0 * np.pi * np.arange(sequence_length) / sequence_length
        window = 0.5 - 0.5 * np.cos(angle) if window == "hann" else 0.54 - 0.46 * np.cos(angle)
    window = convert_to_tensor(window, dtype)
    if tuple(window.shape) != (sequence_length,):
        raise ValueError(
            f"{name}: `window` must have the shape ({sequence_length},), the sequence_length. "
            f"Received the shape {tuple(window.shape)}."
        )
    before = (fft_length - sequence_length) // 2
    return pad(window, [(before, fft_length - sequence_length - before)])


def _check_stride(sequence_stride, name):
    if not isinstance(sequence_stride, int) or sequence_stride < 1:
        raise ValueError(f"{name}: `sequence_stride` must be a positive int. Received: {sequence_stride!r}.")


@op(floating)
def stft(x: Tensor, sequence_length, sequence_stride, fft_length, window="hann", center=True):
    """Short-time Fourier transform of signals (..., time): (real, imaginary), each (..., frames, frequencies).

    With ``center`` the signal is reflected at both ends, so that frame i is centred on i * sequence_stride.
    """
    _check_stride(sequence_stride, "stft")
    window = _window(window, sequence_length, fft_length, dtype_of(x), "stft")
    if center:
        x = pad(x, [(0, 0)] * (x.ndim - 1) + [(fft_length // 2, fft_length // 2)], mode="reflect")
    return rfft(extract_sequences(x, fft_length, sequence_stride) * window)


@op(floating)
def istft(x: Tensors, sequence_length, sequence_stride, fft_length, length=None, window="hann", center=True):
    """The signals that have the short-time Fourier transform ``x`` = (real, imaginary): the inverse of ``stft``."""
    _check_stride(sequence_stride, "istft")
    real, imaginary = _pair(x, "istft")
    if real.ndim < 2:
        raise ValueError(f"istft takes (..., frames, frequencies). Received the shape {tuple(real.shape)}.")
    window = _window(window, sequence_length, fft_length, dtype_of(real), "istft")
    frames = irfft([real, imaginary], fft_length)
    count = frames.shape[-2]
    signal = _overlap_add(frames * window, sequence_stride)
    weight = _overlap_add(broadcast_to(square(window), (count, fft_length)), sequence_stride)
    known = weight > 1e-10
    signal = where(known, signal / where(known, weight, 1.0), signal)
    start = fft_length // 2 if center else 0
    total = signal.shape[-1]
    stop = start + length if length is not None else total - start
    return _fit(signal[..., start : stop if stop < total else total], stop - start)
