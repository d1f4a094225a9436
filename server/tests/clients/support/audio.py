"""In: the demonstration calls (real recorded speech, 8 kHz). Out: the bytes a carrier sends, in each codec."""

import array
import functools
import io
import json
import os
import pathlib
import random
import struct
import sys
import wave

DEMO = pathlib.Path(os.environ["CLIENT_TESTS_DEMO"])
RATE = 8000
#: Samples of one status: 0.512 s at 8 kHz (spec 2.5.5).
BLOCK = 4096


@functools.cache
def calls():
    """The demonstration calls, each with its `role`: enrol, same, other, synthetic."""
    return tuple(json.loads((DEMO / "calls.json").read_text())["calls"])


def files(role):
    """The WAV files of a role."""
    return [DEMO / call["file"] for call in calls() if call["role"] == role]


def english_files():
    """What the enrolled caller says in the language she enrolled in."""
    language = next(call["language"] for call in calls() if call["role"] == "enrol")
    return [DEMO / call["file"] for call in calls() if call["role"] == "same" and call["language"] == language]


@functools.cache
def samples(path):
    """The samples of a mono 16-bit WAV file."""
    with wave.open(str(path)) as wav:
        assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) == (1, 2, RATE), path
        return native(wav.readframes(wav.getnframes()))


def native(little_endian):
    flat = array.array("h", little_endian)
    if sys.byteorder == "big":
        flat.byteswap()
    return flat


def open_wav(data):
    """`(rate, channels, bytes per sample, samples)` of a WAV file in memory."""
    with wave.open(io.BytesIO(data)) as wav:
        frames = native(wav.readframes(wav.getnframes()))
        return wav.getframerate(), wav.getnchannels(), wav.getsampwidth(), frames


def _mulaw(value):
    """ITU-T G.711: 14 bits into 8."""
    value >>= 2
    sign, size = (0x80, -value) if value < 0 else (0, value)
    size = min(size, 8158) + 33
    segment = size.bit_length() - 6
    return ~(sign | segment << 4 | size >> segment + 1 & 0x0F) & 0xFF


def _alaw(value):
    """ITU-T G.711: 13 bits into 8."""
    value >>= 3
    mask, size = (0xD5, value) if value >= 0 else (0x55, -value - 1)
    segment = max(0, min(7, size.bit_length() - 5))
    return (segment << 4 | size >> max(1, segment) & 0x0F) ^ mask


def mulaw_to_linear(code):
    """ITU-T G.711: the 16-bit value of a mu-law byte."""
    code = ~code & 0xFF
    size = (((code & 0x0F) << 3) + 132 << (code >> 4 & 7)) - 132
    return -size if code & 0x80 else size


def decoded(sound):
    """What a mu-law call sounds like."""
    return array.array("h", map(mulaw_to_linear, sound))


@functools.cache
def _table(law):
    return bytes(law(value - 65536 if value > 32767 else value) for value in range(65536))


def encode(pcm, codec):
    """Samples as `mulaw`, `alaw`, `l16` (little-endian), `l16be` or `f32` (little-endian, full scale is 1)."""
    if codec == "f32":
        return struct.pack(f"<{len(pcm)}f", *(value / 32768 for value in pcm))
    if codec.startswith("l16"):
        flat = array.array("h", pcm)
        if (codec == "l16be") != (sys.byteorder == "big"):
            flat.byteswap()
        return flat.tobytes()
    table = _table({"mulaw": _mulaw, "alaw": _alaw}[codec])
    return bytes(table[value & 0xFFFF] for value in pcm)


@functools.cache
def mulaw(path):
    """A call as carriers send it."""
    return encode(samples(path), "mulaw")


def interleaved(caller, other, first=True):
    """Two channels sample by sample; the caller is on the first, or on the second."""
    other = (other * (len(caller) // len(other) + 1))[: len(caller)]
    pairs = zip(caller, other) if first else zip(other, caller)
    return [sample for pair in pairs for sample in pair]


def enrol():
    """The caller who registers."""
    return mulaw(files("enrol")[0])


def same():
    """The same caller, other words."""
    return mulaw(english_files()[0])


def noisy(path, seed=1):
    """A call on a line whose noise is as strong as its speech."""
    clean = samples(path)
    level = (sum(value * value for value in clean) / len(clean)) ** 0.5
    dice = random.Random(seed)
    mixed = (value + dice.gauss(0, level) for value in clean)
    return encode(array.array("h", (int(max(-32768, min(32767, value))) for value in mixed)), "mulaw")


def silence(seconds):
    """Digital silence in mu-law."""
    return b"\xff" * int(seconds * RATE)
