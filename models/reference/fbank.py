"""Kaldi-compatible log-mel features, as CAM++ wants them: 16 kHz samples in, [frames, 80] out.

Computed in f64; kaldi-native-fbank (f32) agrees to about 1e-4 except where a pure tone leaves the other bins at the
numerical noise of the transform.
"""

import numpy as np

RATE, LENGTH, HOP, TRANSFORM, BINS = 16000, 400, 160, 512, 80
LOWEST_HZ, HIGHEST_HZ = 20.0, 8000.0
PRE_EMPHASIS = 0.97
FLOOR = 1.1920929e-07  # f32 epsilon: the level of the log floor is part of the front end


def _mel(hertz):
    return 1127.0 * np.log(1.0 + hertz / 700.0)


def _filters():
    """[257, 80] triangles, linear in mel, without area normalisation."""
    low, high = _mel(LOWEST_HZ), _mel(HIGHEST_HZ)
    step = (high - low) / (BINS + 1)
    left = low + step * np.arange(BINS)
    mel = _mel(np.arange(TRANSFORM // 2) * RATE / TRANSFORM)[:, None]
    weights = np.maximum(0.0, np.minimum((mel - left) / step, (left + 2 * step - mel) / step))
    return np.vstack([weights, np.zeros((1, BINS))])  # Kaldi leaves the bin at half the rate out


_WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(LENGTH) / (LENGTH - 1))) ** 0.85
_FILTERS = _filters()


def frames_in(samples):
    """Number of whole frames in so many samples; no padding at the ends."""
    return 0 if samples < LENGTH else 1 + (samples - LENGTH) // HOP


def features(samples):
    """`samples` in [-1, 1]. The mean over time is NOT subtracted here: it depends on which frames are kept."""
    x = np.asarray(samples, dtype=np.float64)
    starts = HOP * np.arange(frames_in(len(x)))
    frames = x[starts[:, None] + np.arange(LENGTH)]
    frames = frames - frames.mean(axis=1, keepdims=True)
    previous = np.hstack([frames[:, :1], frames[:, :-1]])
    spectrum = np.fft.rfft((frames - PRE_EMPHASIS * previous) * _WINDOW, TRANSFORM)
    power = spectrum.real**2 + spectrum.imag**2
    return np.log(np.maximum(power @ _FILTERS, FLOOR))
