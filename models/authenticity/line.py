"""The telephone between speaker and engine: a genuine clip and its twins enter, what arrives of each leaves.

Everything by chance is drawn once for a line, so that the same happens to all who go through it: synthesis stays the only difference.
"""

import sys

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

import paths

sys.path.insert(0, str(paths.HERE.parent))
from reference import codecs  # noqa: E402

RATE = 8000
G711 = {"mu": codecs.mu_law, "a": codecs.a_law}
CODECS = {"amr": codecs.mobile, "gsm": codecs.full_rate, "opus": codecs.internet}
CODEC_SHARES = (0.45, 0.2, 0.35)


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
        noise = irfft(spectrum * shape, length)
        noise /= noise.std() + 1e-12
        if kind == "hum":
            t = np.arange(length) / RATE
            base = rng.choice([50.0, 60.0])
            for harmonic in range(2, 14):
                noise += rng.uniform(0, 1) * np.sin(2 * np.pi * (base * harmonic * t + rng.random()))
    return noise / (np.sqrt(np.mean(noise**2)) + 1e-12)


def _reverberation(rng, length, shortest, longest, loudest):
    """A direct sound and a decaying tail of noise, as a spectrum; the time to 60 dB in seconds."""
    taps = int(rng.uniform(shortest, longest) * RATE)
    tail = rng.standard_normal(taps) * 10 ** (-3 * np.arange(taps) / taps) * rng.uniform(0.02, loudest)
    tail[: int(rng.integers(8, 60))] = 0
    tail[0] = 1
    return rfft(tail, length)


def _response(rng, length, strength):
    """One filter for band edges, tilt, resonances and a light room, as a spectrum over the segment."""
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
        gain *= _reverberation(rng, length, 0.08, 0.5, 0.12)
    if rng.random() < 0.12 * strength:  # a loudspeaker in a room: no bass, resonances, more of the room
        gain *= 1 / np.sqrt(1 + (rng.uniform(250, 600) / np.maximum(frequency, 1)) ** (2 * rng.integers(2, 5)))
        for _ in range(4):
            bump = np.exp(-(((frequency - rng.uniform(400, 3600)) / rng.uniform(60, 300)) ** 2))
            gain *= 10 ** (rng.uniform(-8, 6) / 20 * bump)
        gain *= _reverberation(rng, length, 0.2, 0.8, 0.3)
    return gain


class Line:
    """One random telephone for signals of `wanted` samples; `strength` 0 is clean, 1 is rough."""

    def __init__(self, rng, wanted, strength, babble=None):
        self.wanted = wanted
        self.length = next_fast_len(wanted, True)  # a transform of prime length costs ten times as much
        self.gain = _response(rng, self.length, strength)
        self.level = 10 ** (rng.uniform(-33, -15) / 20)
        noisy = rng.random() < 0.25 + 0.45 * strength
        ratio = rng.uniform(35 - 23 * strength, 40)
        self.noise = _noise(rng, self.length, babble) * 10 ** (-ratio / 20) if noisy else None
        count = int(rng.random() < 0.5 * strength) + int(rng.random() < 0.12 * strength)
        self.codecs = list(rng.choice(list(CODECS), count, p=CODEC_SHARES))
        self.loss = rng.uniform(0.01, 0.05) if rng.random() < 0.2 * strength else 0.0
        # Who is called over the internet alone hears no G.711 behind the codec.
        self.law = None if count and rng.random() < 0.4 else rng.choice(["mu", "a"], p=[0.6, 0.4])
        self.seed = int(rng.integers(1 << 31))

    def carry(self, signal):
        """Float samples in, int16 samples out."""
        x = irfft(rfft(np.resize(signal, self.length)) * self.gain, self.length)
        x /= np.sqrt(np.mean(x**2)) + 1e-12
        if self.noise is not None:
            x = x + self.noise
        pcm = codecs.sixteen_bits(x * self.level)
        rng = np.random.default_rng(self.seed)
        for name in self.codecs:
            pcm = CODECS[name](pcm, rng)
        if self.loss:
            pcm = codecs.lossy(pcm, rng, self.loss)
        return (G711[self.law](pcm) if self.law else pcm)[: self.wanted]


def through(signal, codec, rng, level=0.05):
    """The evaluation's lines: one level, one codec by name (mu, a, amr, gsm, opus), and nothing else. Float in, int16 out."""
    pcm = codecs.sixteen_bits(np.asarray(signal) * (level / (np.sqrt(np.mean(np.square(signal))) + 1e-12)))
    return G711[codec](pcm) if codec in G711 else CODECS[codec](pcm, rng)
