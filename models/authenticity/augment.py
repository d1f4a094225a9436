"""The telephone between speaker and engine, by chance. One draw is applied to a genuine clip and its twins alike."""

import io

import numpy as np
import soundfile
from scipy.fft import next_fast_len

import g711

RATE = 8000


def _noise(rng, length, babble):
    """Noise of RMS 1: white, pink, brown, shaped line noise, hum, or babble made of genuine clips."""
    kind = rng.choice(["white", "pink", "brown", "line", "hum", "babble"])
    if kind == "babble" and babble is not None:
        noise = np.zeros(length)
        for _ in range(int(rng.integers(3, 8))):
            clip = babble(rng)
            noise += np.resize(np.roll(clip, int(rng.integers(len(clip)))), length)
    else:
        frequency = np.maximum(np.fft.rfftfreq(length, 1 / RATE), 40)
        spectrum = rng.standard_normal(len(frequency)) + 1j * rng.standard_normal(len(frequency))
        exponent = {"white": 0, "pink": 0.5, "brown": 1, "hum": 0.5, "babble": 0.5}.get(kind, rng.uniform(0, 1))
        shape = frequency**-exponent
        if kind == "line":
            for _ in range(3):
                shape *= 1 + rng.uniform(0, 4) * np.exp(-(((frequency - rng.uniform(100, 3800)) / rng.uniform(50, 600)) ** 2))
        noise = np.fft.irfft(spectrum * shape, length)
        noise /= noise.std() + 1e-12
        if kind == "hum":
            t = np.arange(length) / RATE
            base = rng.choice([50.0, 60.0])
            for harmonic in range(2, 14):
                noise += rng.uniform(0, 1) * np.sin(2 * np.pi * (base * harmonic * t + rng.random()))
    return noise / (np.sqrt(np.mean(noise**2)) + 1e-12)


def _response(rng, length, strength):
    """One filter for band edges, tilt and a light room, as a spectrum over the segment."""
    frequency = np.fft.rfftfreq(length, 1 / RATE)
    gain = np.ones(len(frequency), complex)
    if rng.random() < 0.6:  # microphone and line: roll-offs of order 2 to 8, below and above
        gain *= 1 / np.sqrt(1 + (rng.uniform(60, 330) / np.maximum(frequency, 1)) ** (2 * rng.integers(1, 5)))
    if rng.random() < 0.6:
        gain *= 1 / np.sqrt(1 + (frequency / rng.uniform(3000, 3950)) ** (2 * rng.integers(4, 20)))
    gain *= (np.maximum(frequency, 100) / 1000) ** (rng.uniform(-3, 3) / 6.02)
    for _ in range(2):
        gain *= 10 ** (rng.uniform(-5, 5) / 20 * np.exp(-(((frequency - rng.uniform(200, 3600)) / rng.uniform(150, 900)) ** 2)))
    if rng.random() < 0.35 * strength:
        reverberation = rng.uniform(0.08, 0.5)
        taps = int(reverberation * RATE)
        tail = rng.standard_normal(taps) * 10 ** (-3 * np.arange(taps) / taps) * rng.uniform(0.02, 0.12)
        tail[: int(rng.integers(8, 60))] = 0
        tail[0] = 1
        gain *= np.fft.rfft(tail, length)
    return gain


def _packets(rng, samples, share):
    """Lost 20 ms packets, silent or repeated."""
    out = samples.copy()
    repeat = rng.random() < 0.6
    for start in range(160, len(out) - 160, 160):
        if rng.random() < share:
            out[start : start + 160] = out[start - 160 : start] * 0.8 if repeat else 0
    return out


def _through(samples, kind, subtype):
    file = io.BytesIO()
    soundfile.write(file, np.clip(samples, -0.999, 0.999), RATE, format=kind, subtype=subtype)
    file.seek(0)
    decoded = soundfile.read(file)[0]
    return np.resize(decoded, len(samples)) if len(decoded) < len(samples) else decoded[: len(samples)]


def render(members, rng, strength, babble=None):
    """Put all members (same length, float, same level) through one random telephone; `strength` 0 is clean, 1 is rough."""
    wanted = len(members[0])
    length = next_fast_len(wanted, True)  # a transform of prime length costs ten times as much
    members = [np.resize(member, length) for member in members]
    gain = _response(rng, length, strength)
    level = 10 ** (rng.uniform(-33, -15) / 20)
    noisy = rng.random() < 0.25 + 0.45 * strength
    noise = _noise(rng, length, babble) * 10 ** (-rng.uniform(35 - 23 * strength, 40) / 20) if noisy else None
    law = rng.choice(["mu", "a"], p=[0.6, 0.4])
    lossy = rng.random() < 0.2 * strength
    share = rng.uniform(0.01, 0.05)
    codec = rng.random()
    seed = int(rng.integers(1 << 31))
    out = []
    for member in members:
        x = np.fft.irfft(np.fft.rfft(member) * gain, length)
        x /= np.sqrt(np.mean(x**2)) + 1e-12
        if noise is not None:
            x = x + noise
        x = np.clip(x * level, -1, 1)
        if codec < 0.12 * strength:
            x = _through(x, "WAV", "GSM610")
        elif codec < 0.15 * strength:
            x = _through(x, "OGG", "OPUS")
        x = g711.round_trip(x, law)
        if lossy:
            x = _packets(np.random.default_rng(seed), x, share)
        out.append(x[:wanted])
    return out


def telephone(samples, law="mu", level=0.05):
    """The plain telephone of the evaluation: one level, G.711, nothing else."""
    x = samples * (level / (np.sqrt(np.mean(samples**2)) + 1e-12))
    return g711.round_trip(np.clip(x, -1, 1), law)
