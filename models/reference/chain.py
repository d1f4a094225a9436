"""The engine's own front end in numpy: a call's samples enter, samples at 16 kHz and which frames hold speech leave.

The constants are the decision of docs/front-end.md. The engine computes the same in a stream; this version computes it
at once and with the delay removed.
"""

import numpy as np
from scipy import signal

from . import silero

# x2 interpolator: half-band, so the even phase is a pure delay of 20 samples at 16 kHz.
HALF_LENGTH, BETA = 20, 5.0
# Faint noise above 4 kHz, rms relative to full scale: a telephone has nothing there, the network has never seen nothing.
NOISE_DB = -65.0
NOISE_SEED = 1
# Steps of 32 ms that are kept before the first and after the last one with speech.
MARGINS = (6, 16)


def half_band(half_length, beta):
    """Kaiser-windowed sinc at a quarter of the new rate, as scipy.signal.resample_poly designs it; gain 2."""
    return 2 * signal.firwin(2 * half_length + 1, 0.5, window=("kaiser", beta))


def interpolated(x, taps):
    """Zero after every sample, then `taps`; the filter's delay is removed."""
    centre = len(taps) // 2
    return signal.upfirdn(taps, x, up=2)[centre : centre + 2 * len(x)]


class Noise:
    """Uniform noise of rms 1 at 8 kHz, the same for every call (the generator of models/golden/signals.py)."""

    def __init__(self):
        self.values = np.zeros(0)
        self.state = NOISE_SEED

    def first(self, count):
        if count > len(self.values):
            fresh = np.empty(count - len(self.values))
            for i in range(len(fresh)):
                self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
                fresh[i] = (self.state >> 8) / 8388608 - 1
            self.values = np.concatenate([self.values, fresh * np.sqrt(3)])
        return self.values[:count]


_NOISE = Noise()


def mirrored(noise, taps):
    """Noise at 8 kHz -> noise above 4 kHz at 16 kHz: interpolated, and its spectrum turned round by alternating signs.

    In a stream this costs nothing: even outputs are x + n delayed, odd outputs are the filter over x - n.
    """
    return interpolated(noise, taps) * (1.0 - 2.0 * (np.arange(2 * len(noise)) % 2))


def raise_to_16k(pcm, taps=None, noise_db=NOISE_DB):
    """int16 at 8 kHz -> [-1, 1] at 16 kHz; `noise_db` None adds no noise."""
    taps = half_band(HALF_LENGTH, BETA) if taps is None else taps
    x = interpolated(pcm / 32768.0, taps)
    if noise_db is None:
        return x
    return x + mirrored(_NOISE.first(len(pcm)) * 10 ** (noise_db / 20), taps)


def speech_frames(probabilities, frames, margins=MARGINS):
    """Which frames have their centre in a step that is speech, or in the margin before or after one."""
    before, after = margins
    kept = np.zeros(len(probabilities) + 1, dtype=bool)  # what follows the last whole step is not judged
    for step in np.flatnonzero(probabilities >= 0.5):
        kept[max(0, step - before) : min(step + after + 1, len(probabilities))] = True
    return kept[np.minimum((160 * np.arange(frames) + 200) // silero.STEP, len(probabilities))]
