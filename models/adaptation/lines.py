"""Telephone lines: a clip at 16 kHz in, what reaches the network's front end from the call out.

`telephone` is a plain call, `mild` a G.711 call with band, level and faint noise; `rough` is everything else that carries calls: mobile and internet codecs,
two in a row, noise, overload, lost packets.
"""

import ctypes
import io

import numpy as np
import soundfile
from scipy import signal

import paths  # puts models/ within reach
from reference import chain, g711

NARROW = 8000
FRAME = 160  # samples of a packet, 20 ms
OPUS_RATES = (6, 8, 12, 24)  # kb/s
AMR = ctypes.CDLL("libopencore-amrnb.so.0")  # Debian's
AMR.Encoder_Interface_init.restype = AMR.Decoder_Interface_init.restype = ctypes.c_void_p
AMR.Encoder_Interface_Encode.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
AMR.Decoder_Interface_Decode.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
AMR.Encoder_Interface_exit.argtypes = AMR.Decoder_Interface_exit.argtypes = (ctypes.c_void_p,)


def a_law(samples):
    """16-bit samples through A-law and back."""
    magnitude = np.abs(samples.astype(np.int32) + (samples < 0)).clip(0, 32767) >> 4
    shift = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    level = ((magnitude >> shift) << shift << 4) + (8 << shift)
    return np.where(samples < 0, -level, level).astype(np.int16)


def mu_law(samples):
    return g711.mu_law_decode(g711.mu_law_encode(samples))


def sixteen_bits(samples):
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)


def mobile(pcm, rng):
    """AMR narrow-band in one of its eight modes; lost packets as its decoder conceals them."""
    mode, loss = int(rng.integers(8)), rng.choice((0.0, 0.05))
    encoder, decoder = AMR.Encoder_Interface_init(0), AMR.Decoder_Interface_init()
    packet, heard = (ctypes.c_ubyte * 64)(), np.zeros(len(pcm), dtype=np.int16)
    for first in range(0, len(pcm) - FRAME + 1, FRAME):
        frame = pcm[first : first + FRAME].copy()  # the encoder writes into it
        AMR.Encoder_Interface_Encode(encoder, mode, frame.ctypes.data, packet, 0)
        AMR.Decoder_Interface_Decode(decoder, packet, heard[first:].ctypes.data, int(rng.random() < loss))
    AMR.Encoder_Interface_exit(encoder)
    AMR.Decoder_Interface_exit(decoder)
    return heard


def in_a_file(pcm, **form):
    """16-bit samples at 8 kHz through a codec of libsndfile and back, same length."""
    file = io.BytesIO()
    soundfile.write(file, pcm, NARROW, **form)
    file.seek(0)
    heard = soundfile.read(file, dtype="int16")[0]
    return np.pad(heard, (0, max(0, len(pcm) - len(heard))))[: len(pcm)]


def full_rate(pcm, rng):
    return in_a_file(pcm, format="WAV", subtype="GSM610")


def internet(pcm, rng):
    """Opus at about 6 to 24 kb/s; libsndfile's level 1 is 6 kb/s, level 0 is 256."""
    return in_a_file(pcm, format="OGG", subtype="OPUS", compression_level=1 - (float(rng.choice(OPUS_RATES)) - 6) / 250)


def lossy(pcm, rng):
    """Lost packets of 20 ms, each replaced by the one before at half its level."""
    out = pcm.copy()
    for first in range(FRAME, len(out) - FRAME, FRAME):
        if rng.random() < 0.04:
            out[first : first + FRAME] = out[first - FRAME : first] // 2
    return out


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
