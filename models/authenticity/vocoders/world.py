"""Copy synthesis by WORLD: pitch, envelope and aperiodicity, plain or as parametric synthesis leaves them."""

import numpy as np
import pyworld
from scipy.signal import lfilter


def _world_parameters(x, rate):
    """Pitch, envelope, aperiodicity; kept for the next of the three WORLD variants, which begin alike."""
    key = hash((rate, np.asarray(x, np.float64).tobytes()))
    if key not in _analysed:
        _analysed.clear()
        _analysed[key] = _world_analyse(np.ascontiguousarray(x, np.float64), rate)
    return tuple(part.copy() for part in _analysed[key])


_analysed = {}


def _world_analyse(x, rate):
    f0, times = pyworld.dio(x, rate, frame_period=5.0)
    f0 = pyworld.stonemask(x, f0, times, rate)
    envelope = pyworld.cheaptrick(x, f0, times, rate)
    # threshold 0: D4C's own voicing decision looks above 4 kHz, where a telephone prompt holds nothing.
    aperiodicity = pyworld.d4c(x, f0, times, rate, threshold=0.0)
    return f0, envelope, aperiodicity


def smoothed(values, width):
    kernel = np.ones(width) / width
    pad = [(width // 2, width // 2)] + [(0, 0)] * (values.ndim - 1)
    padded = np.pad(values, pad, mode="edge")
    return lfilter(kernel, 1, padded, axis=0)[width - 1 :]


def world(x, rate, rng):
    """Plain WORLD analysis and synthesis."""
    return pyworld.synthesize(*_world_parameters(x, rate), rate, 5.0)[: len(x)]


def world_pitch(x, rate, rng):
    """WORLD with another pitch: moved, and its movement reduced."""
    f0, envelope, aperiodicity = _world_parameters(x, rate)
    voiced = f0 > 0
    if voiced.any():
        mean = np.exp(np.log(f0[voiced]).mean())
        f0[voiced] = mean * (f0[voiced] / mean) ** rng.uniform(0.0, 0.8) * rng.uniform(0.8, 1.3)
    return pyworld.synthesize(f0, envelope, aperiodicity, rate, 5.0)[: len(x)]


def world_statistical(x, rate, rng):
    """WORLD through few, smoothed mel-cepstral numbers, as parametric (HMM) synthesis averages them."""
    f0, envelope, aperiodicity = _world_parameters(x, rate)
    size = (envelope.shape[1] - 1) * 2
    coded = smoothed(pyworld.code_spectral_envelope(envelope, rate, int(rng.integers(18, 31))), int(rng.choice([3, 5, 7, 9])))
    envelope = pyworld.decode_spectral_envelope(np.ascontiguousarray(coded), rate, size)
    aperiodicity = np.clip(smoothed(aperiodicity, 5), 0.001, 0.999)
    return pyworld.synthesize(f0, envelope, np.ascontiguousarray(aperiodicity), rate, 5.0)[: len(x)]
