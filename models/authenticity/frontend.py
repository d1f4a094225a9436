"""The front end the engine implements: telephone samples in, log-spectral frames and 3 s windows out.

Contract (the Rust side follows it to the letter, CARD.md repeats it):

* 8 kHz samples in [-1, 1] (int16 / 32768), after G.711;
* frame k covers samples [80 k, 80 k + 256); symmetric Hann window 0.5 - 0.5 cos(2 pi i / 255); real FFT of 256;
  natural log of max(|X|^2, 1e-10); bins 4..=115, 125 Hz to 3593.75 Hz, 112 values;
* a frame is kept when its centre sample, 80 k + 128, lies in speech; kept frames are concatenated;
* a window is 300 kept frames. All its values are floored at (mean over the window's 300 x 112 values) - FLOOR_BELOW_MEAN,
  then each bin's mean over the 300 frames is subtracted. Both happen outside the network.
"""

import dataclasses
import typing

import numpy as np
from scipy.fft import rfft

SAMPLE_RATE = 8000
FRAME = 256
HOP = 80
FIRST_BIN = 4
BINS = 112
WINDOW_FRAMES = 300
LOG_FLOOR = 1e-10
# 45 dB in natural-log power units: 45 / 10 * ln 10. Digital silence and codec floors give a synthesiser away; speech does not
# need what lies further below its own mean.
FLOOR_BELOW_MEAN = 10.36

_HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / (FRAME - 1))).astype(np.float32)


def spectrum(samples, first=FIRST_BIN, bins=BINS):
    """Frames [n, bins] of the complex spectrum of 8 kHz samples in [-1, 1], single precision."""
    samples = np.asarray(samples, np.float32)
    count = max(0, (len(samples) - FRAME) // HOP + 1)
    if count == 0:
        return np.zeros((0, bins), np.complex64)
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP][:count]
    return rfft(frames * _HANN, axis=1)[:, first : first + bins]


def log_power(spectrum):
    return np.log(np.maximum(spectrum.real**2 + spectrum.imag**2, LOG_FLOOR))


def log_spectrum(samples):
    """Frames [n, 112] of natural-log power of 8 kHz samples in [-1, 1]."""
    return log_power(spectrum(samples))


def _log_view(samples):
    return log_spectrum(samples)[:, None]


def _phase_view(samples):
    """Log power; how far each bin's frequency lies from its middle; how far its energy lies from the frame's middle. Radians, thrice."""
    whole = spectrum(samples, FIRST_BIN - 1, BINS + 1)
    own = whole[:, 1:]
    turn = np.exp(-2j * np.pi * HOP * np.arange(FIRST_BIN, FIRST_BIN + BINS) / FRAME).astype(np.complex64)
    before = np.concatenate([own[:1] * turn.conj(), own[:-1]])
    frequency = np.angle(own * before.conj() * turn)
    delay = np.angle(-own * whole[:, :-1].conj())
    return np.stack([log_power(own), frequency, delay], 1).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class View:
    """What a network sees of the samples: frames [n, count, 112], the first of them the log power."""

    count: int
    of: typing.Callable


VIEWS = {"log": View(1, _log_view), "phase": View(3, _phase_view)}


def kept_frames(frames, speech):
    """The frames whose centre sample lies in speech (`speech`: one boolean per sample)."""
    centres = np.arange(len(frames)) * HOP + FRAME // 2
    return frames[np.asarray(speech, bool)[centres]]


def window_starts(count):
    """First kept frame of each of the ceil(count / 300) evenly spaced windows; [0] when there are 300 or fewer."""
    windows = -(-count // WINDOW_FRAMES)
    if windows <= 1:
        return [0]
    return [(count - WINDOW_FRAMES) * i // (windows - 1) for i in range(windows)]


def normalise(window):
    """Floor relative to the window's mean, then subtract each bin's mean: [300, 112] in, [300, 112] out."""
    window = np.asarray(window, np.float32)
    floored = np.maximum(window, window.mean(dtype=np.float64) - FLOOR_BELOW_MEAN)
    return (floored - floored.mean(0, dtype=np.float64)).astype(np.float32)


def network_input(frames):
    """[views, 300, 112] of 300 frames of a view: its log power floored and free of its mean, the others as they are."""
    return np.concatenate([normalise(frames[:, 0])[None], frames[:, 1:].transpose(1, 0, 2)])


def windows(kept):
    """Network inputs [w, views, 300, 112] of a call's kept frames; fewer than 300 are repeated from the start."""
    if len(kept) < WINDOW_FRAMES:
        kept = np.resize(kept, (WINDOW_FRAMES, *kept.shape[1:]))
    return np.stack([network_input(kept[s : s + WINDOW_FRAMES]) for s in window_starts(len(kept))])
