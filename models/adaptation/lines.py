"""Telephone lines: a clip at 16 kHz in, what reaches the network's front end from the call out.

`telephone` is a plain call, `mild` a G.711 call with band, level and faint noise; `rough` is everything else that carries calls: mobile and internet codecs,
two in a row, noise, overload, lost packets.
"""

import numpy as np
from scipy import signal

import paths  # puts models/ within reach
from reference import chain
from reference.codecs import NARROW, a_law, full_rate, internet, lossy, mobile, mu_law, sixteen_bits


def band(samples, rng):
    low, high = rng.uniform(150, 350), rng.uniform(3000, 3700)
    return signal.sosfilt(signal.butter(int(rng.integers(2, 5)), [low, high], "bandpass", fs=NARROW, output="sos"), samples)


def noisy(samples, decibels, rng, pink=False):
    noise = rng.standard_normal(len(samples))
    if pink:
        noise = signal.lfilter([0.049922, -0.095993, 0.050612, -0.004408], [1, -2.494956, 2.017265, -0.522189], noise)
    wanted = np.sqrt(np.mean(samples**2)) * 10 ** (-decibels / 20)
    return samples + noise * wanted / (np.sqrt(np.mean(noise**2)) + 1e-12)


def telephone(clip):
    """16 kHz -> a plain mu-law call, as it reaches the network's front end."""
    return chain.raise_to_16k(mu_law(sixteen_bits(signal.resample_poly(clip, 1, 2))))


def mild(clip, rng):
    samples = signal.resample_poly(clip, 1, 2)
    if rng.random() < 0.35:
        samples = signal.sosfilt(signal.butter(4, [300, 3400], "bandpass", fs=NARROW, output="sos"), samples)
    if rng.random() < 0.6:
        samples = samples * 10 ** (rng.uniform(-10, 6) / 20)
    if rng.random() < 0.4:
        samples = noisy(samples, rng.uniform(20, 35), rng)
    pcm = sixteen_bits(samples)
    return chain.raise_to_16k(a_law(pcm) if rng.random() < 0.4 else mu_law(pcm))


def rough(clip, rng):
    samples = signal.resample_poly(clip, 1, 2)
    if rng.random() < 0.5:
        samples = band(samples, rng)
    if rng.random() < 0.6:
        samples = noisy(samples, rng.uniform(8, 30), rng, pink=rng.random() < 0.6)
    samples = samples * (10 ** (rng.uniform(-20, 3) / 20) if rng.random() < 0.85 else 10 ** (rng.uniform(6, 14) / 20))
    pcm = (mobile, full_rate, internet)[rng.choice(3, p=(0.5, 0.2, 0.3))](sixteen_bits(samples), rng)
    if rng.random() < 0.3:
        pcm = lossy(pcm, rng)
    return chain.raise_to_16k(mu_law(pcm) if rng.random() < 0.5 else a_law(pcm))
