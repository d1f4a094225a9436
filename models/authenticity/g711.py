"""G.711 µ-law and A-law as one look-up each: what an int16 sample is after encoding and decoding."""

import numpy as np


def _mu_law_round_trip():
    linear = np.arange(-32768, 32768)
    magnitude = np.minimum(np.abs(linear), 32635) + 132  # bias 33 in 14 bit units, as int16
    exponent = np.floor(np.log2(magnitude)).astype(int) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    decoded = ((mantissa * 2 + 33) << (exponent + 2)) - 132
    return np.where(linear < 0, -decoded, decoded).astype(np.int16)


def _a_law_round_trip():
    linear = np.arange(-32768, 32768)
    magnitude = np.where(linear < 0, -linear - 1, linear) >> 3  # 12 bit magnitude
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(int) - 4, 0)
    step = np.maximum(exponent, 1)
    mantissa = magnitude >> step
    decoded = ((mantissa << step) + (1 << (step - 1))) << 3
    return np.where(linear < 0, -decoded, decoded).astype(np.int16)


_TABLES = {"mu": _mu_law_round_trip(), "a": _a_law_round_trip()}


def round_trip(samples, law):
    """Float samples in [-1, 1] -> what arrives, int16 / 32768."""
    linear = np.clip(np.round(samples * 32768), -32768, 32767).astype(np.int32)
    return _TABLES[law][linear + 32768].astype(np.float64) / 32768
