"""Copy synthesis in the short-time spectrum: phases guessed, jittered or rebuilt."""

import numpy as np

TINY = 1e-9


def _stft(x, size, hop):
    window = np.hanning(size + 1)[:-1]
    padded = np.pad(x, (size, size + hop))
    return np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, size)[::hop] * window, axis=1)


def _istft(spectrum, size, hop, length):
    window = np.hanning(size + 1)[:-1]
    frames = np.fft.irfft(spectrum, size, axis=1) * window
    out = np.zeros(hop * len(frames) + size)
    norm = np.zeros_like(out)
    for i in range(size // hop):  # frames i, i + size/hop, ... do not overlap one another
        part = frames[i :: size // hop]
        flat = part.reshape(-1)
        start = i * hop
        out[start : start + len(flat)] += flat
        norm[start : start + len(flat)] += np.tile(window**2, len(part))
    return (out / np.maximum(norm, 0.05))[size : size + length]


def _griffin_lim(magnitude, size, hop, length, rng, rounds):
    phase = np.exp(2j * np.pi * rng.random(magnitude.shape))
    for _ in range(rounds):
        again = _stft(_istft(magnitude * phase, size, hop, length), size, hop)[: len(magnitude)]
        phase = again / np.maximum(np.abs(again), TINY)
    return _istft(magnitude * phase, size, hop, length)


def _sizes(rate):
    return (512, 128) if rate == 16000 else (256, 64)


def griffin_lim(x, rate, rng):
    """Linear magnitudes kept, phases guessed by Griffin and Lim's iteration."""
    size, hop = _sizes(rate)
    return _griffin_lim(np.abs(_stft(x, size, hop)), size, hop, len(x), rng, int(rng.integers(8, 30)))


def _mel_matrix(bins, rate, count):
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + rate / 1400), count + 2) / 2595) - 1)
    frequency = np.linspace(0, rate / 2, bins)
    rise = (frequency - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - frequency) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(rise, fall))


def griffin_lim_mel(x, rate, rng):
    """Only 40 to 80 mel bands are kept, magnitudes from their pseudo-inverse, phases by Griffin-Lim."""
    size, hop = _sizes(rate)
    magnitude = np.abs(_stft(x, size, hop))
    mel = _mel_matrix(magnitude.shape[1], rate, int(rng.integers(40, 81)))
    bands = magnitude @ mel.T
    inverse = np.maximum(TINY, bands @ np.linalg.pinv(mel).T)
    return _griffin_lim(inverse, size, hop, len(x), rng, int(rng.integers(10, 30)))


def phase_noise(x, rate, rng):
    """Magnitudes kept, phases jittered: what a phase-blind generator leaves."""
    size, hop = _sizes(rate)
    spectrum = _stft(x, size, hop)
    jitter = rng.uniform(0.4, 0.9) * np.pi * rng.uniform(-1, 1, spectrum.shape)
    return _istft(spectrum * np.exp(1j * jitter), size, hop, len(x))


def phase_vocoder(x, rate, rng):
    """Phases rebuilt from instantaneous frequency alone: vertical coherence is lost."""
    size, hop = _sizes(rate)
    spectrum = _stft(x, size, hop)
    angle = np.angle(spectrum)
    omega = 2 * np.pi * hop * np.arange(spectrum.shape[1]) / size
    advance = np.diff(angle, axis=0) - omega
    advance = (advance + np.pi) % (2 * np.pi) - np.pi + omega
    start = rng.uniform(-np.pi, np.pi, (1, spectrum.shape[1]))
    phase = np.concatenate([start, start + np.cumsum(advance * rng.uniform(0.97, 1.03), axis=0)])
    return _istft(np.abs(spectrum) * np.exp(1j * phase), size, hop, len(x))
