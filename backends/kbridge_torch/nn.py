"""Activations, normalizations, losses and attention."""

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from kbridge import config
from kbridge_torch.gradients import recording

# -- activations


def relu(x):
    return torch.relu(x) if x.is_floating_point() else NotImplemented


def relu6(x):
    return F.relu6(x) if x.is_floating_point() else NotImplemented


def sigmoid(x):
    return torch.sigmoid(x)


def softplus(x):
    # beyond the threshold, where x alone is returned, the rest must be below the precision
    return F.softplus(x, threshold=40.0 if x.dtype is torch.float64 else 20.0)


def softsign(x):
    return F.softsign(x)


def silu(x):
    return F.silu(x)


def log_sigmoid(x):
    return F.logsigmoid(x)


def leaky_relu(x, negative_slope=0.2):
    return F.leaky_relu(x, negative_slope) if isinstance(negative_slope, (int, float)) else NotImplemented


def hard_sigmoid(x):
    return F.hardsigmoid(x)


def hard_silu(x):
    return F.hardswish(x)


def hard_tanh(x):
    return F.hardtanh(x)


def hard_shrink(x, threshold=0.5):
    return F.hardshrink(x, threshold)


def soft_shrink(x, threshold=0.5):
    return F.softshrink(x, threshold) if threshold >= 0 else NotImplemented


def elu(x, alpha=1.0):
    return F.elu(x, alpha) if isinstance(alpha, (int, float)) else NotImplemented


def celu(x, alpha=1.0):
    return F.celu(x, alpha) if isinstance(alpha, (int, float)) else NotImplemented


def selu(x):
    return F.selu(x)


def gelu(x, approximate=True):
    return F.gelu(x, approximate="tanh" if approximate else "none")


def glu(x, axis=-1):
    return NotImplemented if x.shape[axis] % 2 else F.glu(x, axis)


def softmax(x, axis=-1):
    return torch.softmax(x, axis) if isinstance(axis, int) else NotImplemented


def log_softmax(x, axis=-1):
    return torch.log_softmax(x, axis) if isinstance(axis, int) else NotImplemented


# -- normalization


def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=0.001):
    factor = torch.rsqrt(variance + epsilon)
    if scale is not None:
        factor = factor * scale
    shift = -mean * factor if offset is None else torch.addcmul(offset, mean, factor, value=-1)
    if axis % x.ndim != x.ndim - 1:
        dims = [1] * x.ndim
        dims[axis] = -1
        factor, shift = factor.reshape(dims), shift.reshape(dims)
    return torch.addcmul(shift, x, factor)


def _trailing(x, axes, parameters):
    """The shape that is normalized over, if that is the last axes and the parameters are of it; else None."""
    count = len(axes)
    shape = x.shape[x.ndim - count :]
    fits = axes == tuple(range(x.ndim - count, x.ndim)) and all(
        p is None or p.numel() == shape.numel() for p in parameters
    )
    return shape if fits else None


def layer_norm(x, gamma, beta, axes, epsilon):
    shape = _trailing(x, axes, (gamma, beta))
    if shape is None or not x.is_floating_point():
        return NotImplemented
    gamma, beta = (p if p is None or p.shape == shape else p.reshape(shape) for p in (gamma, beta))
    return F.layer_norm(x, shape, gamma, beta, epsilon)


def rms_norm(x, scale, axes, epsilon):
    shape = _trailing(x, axes, (scale,))
    if shape is None or not x.is_floating_point():
        return NotImplemented
    return F.rms_norm(x, shape, scale if scale is None or scale.shape == shape else scale.reshape(shape), epsilon)


# -- losses


def softmax_cross_entropy(target, logits, axis):
    return -(torch.log_softmax(logits, axis) * target).sum(axis)


def sparse_softmax_cross_entropy(target, logits, axis):
    classes = logits.shape[axis]
    target = torch.where(target.clamp(0, classes - 1) == target, target, -100).long()
    if logits.ndim == 2 and axis in (1, -1):
        return F.cross_entropy(logits, target, reduction="none", ignore_index=-100)
    rows = logits.movedim(axis, -1).reshape(-1, classes)
    return F.cross_entropy(rows, target.reshape(-1), reduction="none", ignore_index=-100).reshape(target.shape)


def sigmoid_cross_entropy(target, logits):
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none")


def binary_crossentropy(target, output, from_logits=False):
    if not (isinstance(target, torch.Tensor) and isinstance(output, torch.Tensor)) or target.shape != output.shape:
        return NotImplemented
    if from_logits:
        return F.binary_cross_entropy_with_logits(output, target, reduction="none")
    epsilon = config.epsilon()
    return F.binary_cross_entropy(output.clamp(epsilon, 1.0 - epsilon), target, reduction="none")


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    if not (isinstance(target, torch.Tensor) and isinstance(output, torch.Tensor)) or target.shape != output.shape:
        return NotImplemented
    if from_logits:
        return softmax_cross_entropy(target, output, axis)
    epsilon = config.epsilon()
    shares = output / output.sum(axis, keepdim=True)
    return -(shares.clamp(epsilon, 1.0 - epsilon).log() * target).sum(axis)


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    if output.ndim != 2 or axis not in (1, -1) or target.shape not in (output.shape[:1], (output.shape[0], 1)):
        return NotImplemented
    target = target.reshape(-1) if not target.is_floating_point() else target.reshape(-1).int()
    if from_logits:
        return sparse_softmax_cross_entropy(target, output, axis)
    classes = output.shape[1]
    inside = target.clamp(0, classes - 1).long()
    epsilon = config.epsilon()
    share = output.gather(1, inside.unsqueeze(1)).squeeze(1) / output.sum(1)
    return torch.where(inside == target, -share.clamp(epsilon, 1.0 - epsilon).log(), 0.0)


def ctc_loss(target, output, target_length, output_length, mask_index=0):
    if target.ndim != 2 or output.ndim != 3 or recording.get() > 1:
        return NotImplemented
    logs = torch.log_softmax(output if output.dtype is torch.float64 else output.float(), -1).transpose(0, 1)
    labels, ends, steps = target.long(), target_length.long(), output_length.long()
    loss = F.ctc_loss(logs, labels, steps, ends, mask_index, "none", zero_infinity=True)
    # where no alignment is possible: between equal labels there must be a blank
    inner = torch.arange(1, labels.shape[1], device=labels.device) < ends.unsqueeze(1)
    repeats = ((labels[:, 1:] == labels[:, :-1]) & inner).sum(1)
    return torch.where(steps < ends + repeats, 1e5, loss)


# -- attention


def attention(query, key, value, bias, mask, scale, is_causal, soft_cap, flash):
    if soft_cap is not None or recording.get() > 1:  # the kernels have no second derivative
        return NotImplemented
    query, key, value = (x.transpose(1, 2) for x in (query, key, value))
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    if (bias is not None or mask is not None) and is_causal:
        past = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool, device=query.device).tril()
        mask = past if mask is None else past & (mask != 0)
        is_causal = False
    if mask is not None:
        # A number, not infinity: where all is masked, the weights are equal.
        masked = -0.7 * (torch.finfo(query.dtype).max if query.dtype is torch.float16 else 3.38953e38)
        allowed = mask if mask.dtype is torch.bool else mask != 0
        mask = torch.where(allowed, 0.0 if bias is None else bias, masked).to(query.dtype)
    else:
        mask = bias
    if mask is not None:
        mask = mask.reshape((1,) * (4 - mask.ndim) + tuple(mask.shape))
    if flash is None:
        result = F.scaled_dot_product_attention(query, key, value, mask, 0.0, is_causal, scale=scale)
    elif flash:
        try:
            with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
                result = F.scaled_dot_product_attention(query, key, value, mask, 0.0, is_causal, scale=scale)
        except RuntimeError:
            return NotImplemented  # the portable body says what to write instead
    else:
        with sdpa_kernel([SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]):
            result = F.scaled_dot_product_attention(query, key, value, mask, 0.0, is_causal, scale=scale)
    return result.transpose(1, 2)
