"""Codecs of telephone lines: 16-bit samples at 8 kHz through each and back, at the same length.

Those that draw (a bit rate, lost packets) take a random generator; the same seed draws the same line again. Needs numpy and soundfile, and
`mobile` Debian's libopencore-amrnb0.
"""

import ctypes
import functools
import io

import numpy as np
import soundfile

from . import g711

NARROW = 8000
FRAME = 160  # samples of a packet, 20 ms
OPUS_RATES = (6, 8, 12, 24)  # kb/s
AMR_RATES = (4.75, 5.15, 5.9, 6.7, 7.4, 7.95, 10.2, 12.2)  # kb/s of its eight modes


def _table(codec):
    """A codec that has no memory, as one look-up."""
    values = codec(np.arange(-32768, 32768, dtype=np.int32).astype(np.int16))
    return lambda samples: values[samples.astype(np.int32) + 32768]


def _a_law(samples):
    magnitude = np.abs(samples.astype(np.int32) + (samples < 0)).clip(0, 32767) >> 4
    shift = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    level = ((magnitude >> shift) << shift << 4) + (8 << shift)
    return np.where(samples < 0, -level, level).astype(np.int16)


a_law = _table(_a_law)
mu_law = _table(lambda samples: g711.mu_law_decode(g711.mu_law_encode(samples)))


def sixteen_bits(samples):
    """[-1, 1] -> 16 bits; what lies outside is clipped."""
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)


@functools.lru_cache(maxsize=1)
def _amr():
    library = ctypes.CDLL("libopencore-amrnb.so.0")
    library.Encoder_Interface_init.restype = library.Decoder_Interface_init.restype = ctypes.c_void_p
    library.Encoder_Interface_Encode.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
    library.Decoder_Interface_Decode.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
    library.Encoder_Interface_exit.argtypes = library.Decoder_Interface_exit.argtypes = (ctypes.c_void_p,)
    return library


def mobile(pcm, rng, mode=None, loss=None):
    """AMR narrow-band, by chance in one of its eight modes; lost packets (none or 5 %) as its decoder conceals them."""
    drawn_mode, drawn_loss = int(rng.integers(8)), rng.choice((0.0, 0.05))
    mode, loss = drawn_mode if mode is None else mode, drawn_loss if loss is None else loss
    amr = _amr()
    encoder, decoder = amr.Encoder_Interface_init(0), amr.Decoder_Interface_init()
    packet, heard = (ctypes.c_ubyte * 64)(), np.zeros(len(pcm), dtype=np.int16)
    for first in range(0, len(pcm) - FRAME + 1, FRAME):
        frame = pcm[first : first + FRAME].copy()  # the encoder writes into it
        amr.Encoder_Interface_Encode(encoder, mode, frame.ctypes.data, packet, 0)
        amr.Decoder_Interface_Decode(decoder, packet, heard[first:].ctypes.data, int(rng.random() < loss))
    amr.Encoder_Interface_exit(encoder)
    amr.Decoder_Interface_exit(decoder)
    return heard


def _in_a_file(pcm, **form):
    """16-bit samples at 8 kHz through a codec of libsndfile and back, same length."""
    file = io.BytesIO()
    soundfile.write(file, pcm, NARROW, **form)
    file.seek(0)
    heard = soundfile.read(file, dtype="int16")[0]
    return np.pad(heard, (0, max(0, len(pcm) - len(heard))))[: len(pcm)]


def full_rate(pcm, rng):
    """GSM 06.10."""
    return _in_a_file(pcm, format="WAV", subtype="GSM610")


def internet(pcm, rng, rate=None):
    """Opus at about 6 to 24 kb/s; libsndfile's level 1 is 6 kb/s, level 0 is 256."""
    drawn = float(rng.choice(OPUS_RATES))
    level = 1 - ((drawn if rate is None else rate) - 6) / 250
    return _in_a_file(pcm, format="OGG", subtype="OPUS", compression_level=level)


def lossy(pcm, rng, share=0.04):
    """Lost packets of 20 ms, each replaced by the one before at half its level."""
    out = pcm.copy()
    for first in range(FRAME, len(out) - FRAME, FRAME):
        if rng.random() < share:
            out[first : first + FRAME] = out[first - FRAME : first] // 2
    return out
