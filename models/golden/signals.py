"""Test signals by formula, so that golden vectors need no recordings.

A signal is `samples` long, at 16 kHz unless said otherwise, and is the sum of its terms; t = i / rate. Each term is an object:

  {"kind": "noise", "amplitude": a, "seed": s}           a * (v >> 8) / 2^23 - a, v <- (1664525 v + 1013904223) mod 2^32,
                                                         from v = s; the first sample uses the first updated v
  {"kind": "chirp", "amplitude": a, "from_hz", "to_hz"}  a * sin(2 pi (from t + (to - from) t^2 / (2 D))), D = samples / rate
  {"kind": "harmonics", "amplitude": a, "hz", "weights"} a * sum over k >= 1 of weights[k-1] * sin(2 pi k hz t)

and may carry "swell_hz": m, a factor 0.5 + 0.5 sin(2 pi m t), and "silent": [b, e], zero for samples b <= i < e.
The sum x is quantised to 16 bits, q = round half to even (32767 x), and handed on as q / 32768.
All arithmetic in f64. A sine's last bit may move a sample by one step; the sums in the files tell.
"""

import numpy as np

RATE = 16000  # samples per second where a file of golden vectors does not say `sample_rate`


def _noise(samples, seed):
    out = np.empty(samples)
    v = seed
    for i in range(samples):
        v = (v * 1664525 + 1013904223) & 0xFFFFFFFF
        out[i] = (v >> 8) / 8388608 - 1
    return out


def _term(samples, term, rate):
    t = np.arange(samples) / rate
    if term["kind"] == "noise":
        x = _noise(samples, term["seed"])
    elif term["kind"] == "chirp":
        start, end, seconds = term["from_hz"], term["to_hz"], samples / rate
        x = np.sin(2 * np.pi * (start * t + (end - start) * t * t / (2 * seconds)))
    elif term["kind"] == "harmonics":
        x = sum(weight * np.sin(2 * np.pi * k * term["hz"] * t) for k, weight in enumerate(term["weights"], start=1))
    else:
        raise ValueError(f"unknown kind of term: {term['kind']}")
    if "swell_hz" in term:
        x = x * (0.5 + 0.5 * np.sin(2 * np.pi * term["swell_hz"] * t))
    if "silent" in term:
        x[slice(*term["silent"])] = 0.0
    return term["amplitude"] * x


def render(signal, rate=RATE):
    """The 16-bit samples of a signal object (`samples` and `terms`)."""
    x = sum(_term(signal["samples"], term, rate) for term in signal["terms"])
    return np.rint(32767 * x).astype(np.int16)
