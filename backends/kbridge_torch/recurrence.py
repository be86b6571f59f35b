"""Recurrent layers on torch's own kernels (oneDNN on a CPU, cuDNN on a GPU)."""

import torch

from kbridge_torch.gradients import recording

# The kernels have no second derivative: where one may be asked for, the portable bodies do the work.


def simple_rnn(x, kernel, recurrent_kernel, bias, h, mask=None, go_backwards=False, activation="tanh"):
    if activation not in ("tanh", "relu") or recording.get() > 1:
        return NotImplemented
    run = torch.rnn_tanh if activation == "tanh" else torch.rnn_relu
    weights = [kernel.t(), recurrent_kernel.t()]
    if bias is not None:
        weights += [bias, torch.zeros_like(bias)]
    outputs, (h,) = _run(run, x, (h,), weights, mask, go_backwards)
    return outputs, h


def lstm(
    x,
    kernel,
    recurrent_kernel,
    bias,
    h,
    c,
    mask=None,
    go_backwards=False,
    activation="tanh",
    recurrent_activation="sigmoid",
):
    if activation != "tanh" or recurrent_activation != "sigmoid" or recording.get() > 1:
        return NotImplemented
    weights = [kernel.t(), recurrent_kernel.t()]
    if bias is not None:
        weights += [bias, torch.zeros_like(bias)]
    outputs, (h, c) = _run(torch.lstm, x, (h, c), weights, mask, go_backwards)
    return outputs, h, c


def gru(
    x,
    kernel,
    recurrent_kernel,
    bias,
    recurrent_bias,
    h,
    mask=None,
    go_backwards=False,
    reset_after=True,
    activation="tanh",
    recurrent_activation="sigmoid",
):
    if not reset_after or activation != "tanh" or recurrent_activation != "sigmoid" or recording.get() > 1:
        return NotImplemented
    weights = [_reset_first(kernel).t(), _reset_first(recurrent_kernel).t()]
    if bias is not None or recurrent_bias is not None:
        bias = torch.zeros_like(recurrent_bias) if bias is None else bias
        recurrent_bias = torch.zeros_like(bias) if recurrent_bias is None else recurrent_bias
        weights += [_reset_first(bias), _reset_first(recurrent_bias)]
    outputs, (h,) = _run(torch.gru, x, (h,), weights, mask, go_backwards)
    return outputs, h


def _reset_first(columns):
    """Gates z, r, h in torch's order r, z, h."""
    z, r, h = columns.chunk(3, -1)
    return torch.cat([r, z, h], -1)


_NEVER = 1e4  # what saturates a gate: its sigmoid is exactly 1, that of its negative exactly 0


def _run(kernel, x, states, weights, mask, go_backwards):
    """Run one of torch's recurrences: the outputs, and a tuple of the last states."""
    has_biases = len(weights) == 4
    if go_backwards:
        x = x.flip(1)
        mask = None if mask is None else mask.flip(1)
    if mask is not None:
        mask = mask != 0
        x, weights = _silence(kernel, x, weights, ~mask)
        if kernel is not torch.gru:
            # these states do change at a silenced step, so the steps that count go to the front
            order = torch.argsort((~mask).to(torch.uint8), dim=1, stable=True)
            x = x.gather(1, order.unsqueeze(-1).expand_as(x))
    if x.is_cuda:
        weights = _in_one_piece(weights)
    training = torch.is_grad_enabled() and any(t.requires_grad for t in (x, *states, *weights))
    hidden = tuple(state.unsqueeze(0) for state in states)
    hidden = hidden if kernel is torch.lstm else hidden[0]
    outputs, *found = kernel(x, hidden, weights, has_biases, 1, 0.0, training, False, True)
    found = [state.squeeze(0) for state in found]
    if mask is None:
        return outputs, found

    # the output at a masked step is that of the last one that counted, zeros before the first
    done = mask.cumsum(1)
    if kernel is not torch.gru:
        place = (done - 1).clamp(min=0).unsqueeze(-1).expand_as(outputs)
        outputs = outputs.gather(1, place)
        found[0] = torch.where(done[:, -1:] > 0, outputs[:, -1], states[0])
    return torch.where(done.unsqueeze(-1) > 0, outputs, 0.0), found


def _silence(kernel, x, weights, off):
    """Inputs and kernels such that a GRU, and the c of an LSTM, stay exactly as they are at the steps in ``off``.

    One more feature, 1 at those steps, drives the gates to "keep everything, take nothing in".
    """
    x = x.masked_fill(off.unsqueeze(-1), 0.0)
    if kernel not in (torch.lstm, torch.gru):
        return x, weights
    signs = (-1.0, 1.0, 0.0, 0.0) if kernel is torch.lstm else (0.0, 1.0, 0.0)
    units = weights[1].shape[1]
    drive = torch.tensor(signs, dtype=x.dtype, device=x.device).mul(_NEVER).repeat_interleave(units).unsqueeze(1)
    x = torch.cat([x, off.unsqueeze(-1).to(x.dtype)], -1)
    return x, [torch.cat([weights[0], drive], 1), *weights[1:]]


def _in_one_piece(weights):
    """The same, as views of one buffer: cuDNN wants them so."""
    buffer = torch.cat([weight.reshape(-1) for weight in weights])
    parts = buffer.split([weight.numel() for weight in weights])
    return [part.view(weight.shape) for part, weight in zip(parts, weights)]
