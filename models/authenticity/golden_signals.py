"""Deterministic test signals at 8 kHz, by formula: what golden.json is computed from."""

import numpy as np

import frontend

SAMPLES = (frontend.WINDOW_FRAMES - 1) * frontend.HOP + frontend.FRAME  # exactly 300 frames


def lcg(count, seed):
    """v0 = seed; v = (v * 1664525 + 1013904223) mod 2^32; sample = (v >> 8) / 8388608 - 1."""
    out, value = np.zeros(count), seed
    for i in range(count):
        value = (value * 1664525 + 1013904223) & 0xFFFFFFFF
        out[i] = (value >> 8) / 8388608 - 1
    return out


def chirp(count, low, high):
    t = np.arange(count) / frontend.SAMPLE_RATE
    length = count / frontend.SAMPLE_RATE
    return np.sin(2 * np.pi * (low * t + (high - low) * t**2 / (2 * length)))


def saw(count, frequency):
    t = np.arange(count) / frontend.SAMPLE_RATE
    return 0.3 * sum(np.sin(2 * np.pi * k * frequency * t) / k for k in range(1, 21))


def beat(count, rate):
    """Slow amplitude modulation down to nothing: the floor under the mean comes into play."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * rate * np.arange(count) / frontend.SAMPLE_RATE)) ** 2


SIGNALS = {
    "noise": ("0.3*lcg(1)", lambda n: 0.3 * lcg(n, 1)),
    "chirp": ("0.3*chirp(100,3800)+0.01*lcg(2)", lambda n: 0.3 * chirp(n, 100, 3800) + 0.01 * lcg(n, 2)),
    "saw": ("saw(140)+0.003*lcg(3)", lambda n: saw(n, 140) + 0.003 * lcg(n, 3)),
    "syllables": ("beat(4)*(saw(118)+0.03*lcg(4))+0.0005*lcg(5)",
                  lambda n: beat(n, 4) * (saw(n, 118) + 0.03 * lcg(n, 4)) + 0.0005 * lcg(n, 5)),
}  # fmt: skip


def pcm(name):
    """The int16 samples of a signal."""
    return np.round(SIGNALS[name][1](SAMPLES) * 32767).astype(np.int16)
