"""Silero VAD 6.2.3, the 16 kHz network: samples in, one speech probability per 512 samples (32 ms) out."""

import numpy as np

STEP = 512  # new samples per probability
CONTEXT = 64  # last samples of the previous step, put in front of the new ones; also the padding at the right end
WINDOW, HOP = 256, 128
BINS = WINDOW // 2 + 1


def _sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def _conv(x, weight, bias, stride):
    """[steps, channels, frames] convolved over frames, kernel 3, one zero on either side, then ReLU."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1)))
    columns = np.stack([padded[:, :, i : i + 3].reshape(len(x), -1) for i in range(0, x.shape[2], stride)], axis=1)
    return np.maximum(columns @ weight.reshape(len(weight), -1).T + bias, 0.0).transpose(0, 2, 1)


def probabilities(weights, samples):
    """`samples`: mono 16 kHz in [-1, 1]; what is left over after the last whole step is ignored. State starts at zero.

    Everything but the recurrent cell depends on one step's samples only, so it is computed for all steps at once.
    """
    w = {name: values.astype(np.float64) for name, values in weights.items()}
    steps = len(samples) // STEP
    if steps == 0:
        return np.zeros(0)
    fresh = np.asarray(samples[: steps * STEP], dtype=np.float64).reshape(steps, STEP)
    context = np.vstack([np.zeros((1, CONTEXT)), fresh[:-1, -CONTEXT:]])
    x = np.hstack([context, fresh])
    x = np.hstack([x, x[:, -2 : -2 - CONTEXT : -1]])  # reflection, at the right end only
    frames = np.stack([x[:, i : i + WINDOW] for i in range(0, x.shape[1] - WINDOW + 1, HOP)], axis=1)
    spectrum = frames @ w["stft.forward_basis_buffer"][:, 0, :].T
    x = np.hypot(spectrum[:, :, :BINS], spectrum[:, :, BINS:]).transpose(0, 2, 1)
    for layer, stride in enumerate((1, 2, 2, 1)):
        x = _conv(x, w[f"encoder.{layer}.weight"], w[f"encoder.{layer}.bias"], stride)

    into_gates = x[:, :, 0] @ w["lstm.weight_ih"].T + w["lstm.bias_ih"] + w["lstm.bias_hh"]
    recurrent = w["lstm.weight_hh"].T
    hidden = cell = np.zeros(recurrent.shape[0])
    out = np.empty(steps)
    for step in range(steps):
        i, f, g, o = np.split(into_gates[step] + hidden @ recurrent, 4)
        cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(g)
        hidden = _sigmoid(o) * np.tanh(cell)
        out[step] = _sigmoid(np.maximum(hidden, 0.0) @ w["decoder.weight"][0, :, 0] + w["decoder.bias"][0])
    return out
