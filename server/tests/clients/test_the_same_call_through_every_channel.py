"""One call through every channel: to the bit the same score where its samples arrive as they are, the same decision elsewhere.

The samples are those of a mu-law call, so that every lossless way, linear or not, carries exactly the same ones. Ways of
another rate get them from one resampler (FFmpeg's), and are compared with each other.
"""

import functools

import pytest

from support import audio, codecs
from support.audiohook import BOTH, EXTERNAL, INVERTED, L16
from support.dialects import (
    AsteriskJson,
    AsteriskPlain,
    Bandwidth,
    Exotel,
    Jambonz,
    ModAudioFork,
    ModAudioStream,
    ModAudioStreamNamedByAHeader,
    Plivo,
    SignalWire,
    Sinch,
    Telnyx,
    Vonage,
    speaking,
)
from support.ways import Receiver, Way, audiohook, audiosocket, carried, minimal, twilio, uploaded

RATES = (8000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000)


#: Enough for three seconds of speech of every voice here; what comes after the decision only costs time.
LONGEST = 12 * audio.RATE


@functools.cache
def caller():
    return audio.decoded(audio.same())[:LONGEST]


@functools.cache
def other():
    return audio.decoded(audio.mulaw(audio.files("other")[0]))[:LONGEST]


@functools.cache
def synthetic():
    return audio.decoded(audio.mulaw(audio.files("synthetic")[0]))[:LONGEST]


# ---- what the samples become


def coded(codec, rate=audio.RATE):
    return lambda pcm: audio.encode(codecs.at_rate(pcm, rate), codec)


def two(codec, first=True):
    """Beside the caller, on the other channel, somebody else talks."""
    return lambda pcm: audio.encode(audio.interleaved(pcm, other(), first), codec)


def file(container, codec, rate=audio.RATE, **how):
    return lambda pcm: codecs.recording(codecs.at_rate(pcm, rate), container, codec, rate, **how)


def two_in_file(container, codec, first=True):
    pairs = lambda pcm: audio.interleaved(pcm, other(), first)
    return lambda pcm: codecs.recording(pairs(pcm), container, codec, audio.RATE, "stereo")


def of_carriers():
    """Every carrier in every format it has in which samples arrive as they are: `(name, rate, way)`."""
    formats = [
        (Telnyx, "mulaw", (8000,)),
        (Telnyx, "l16", (8000, 16_000, 24_000)),
        (SignalWire, "mulaw", (8000,)),
        (SignalWire, "l16", (8000, 16_000, 24_000)),
        (Plivo, "mulaw", (8000,)),
        (Plivo, "l16", (8000, 16_000)),
        (Exotel, "mulaw", (8000,)),
        (Exotel, "l16", (8000, 16_000, 24_000)),
        (Bandwidth, "mulaw", (8000,)),
        (Vonage, "l16", (8000, 16_000, 24_000)),
        (Sinch, "l16", RATES),
        (ModAudioStream, "l16", (8000, 16_000)),
        (ModAudioStreamNamedByAHeader, "l16", (8000,)),
        (ModAudioFork, "l16", (8000, 16_000, 24_000, 32_000, 48_000)),
        (AsteriskPlain, "mulaw", (8000,)),
        (AsteriskPlain, "l16", (8000,)),
        (AsteriskJson, "l16", RATES),
    ]
    for carrier, codec, rates in formats:
        for rate in rates:
            yield f"{carrier.__name__} {codec} {rate}", rate, carried(speaking(carrier, codec, rate))
    for rate in (8000, 16_000, 24_000, 48_000):
        for stereo in (False, True):
            name = f"Jambonz {'stereo' if stereo else 'mono'} {rate}"
            yield name, rate, carried(speaking(Jambonz, "l16", rate, stereo))
    yield "ModAudioStream stereo 8000", 8000, carried(speaking(ModAudioStream, "l16", 8000, True))


def of_the_subset():
    """Signalling says what the bytes are; payloads of many sizes, also such that cut a sample."""
    linear, float32 = {"audio_codec": "pcm"}, {"audio_codec": "pcm", "sample_format": "f32le"}
    big = linear | {"sample_format": "s16be"}
    for size in (160, 37, 3200, 64_000):
        yield f"subset mulaw, {size} bytes", 8000, minimal(coded("mulaw"), size)
    for size in (320, 161, 64_000):
        yield f"subset l16, {size} bytes", 8000, minimal(coded("l16"), size, **linear)
    yield "subset l16, high byte first", 8000, minimal(coded("l16be"), 320, **big)
    yield "subset f32", 8000, minimal(coded("f32"), 333, **float32)
    for channel in (1, 2):
        how = linear | {"channels": 2, "channel": channel}
        yield f"subset stereo, channel {channel}", 8000, minimal(two("l16", channel == 1), 643, **how)
    in_wav = {"audio_format": "wav"}
    yield "subset, WAV header", 8000, minimal(file("wav", "pcm_s16le"), 1000, **in_wav)
    yield "subset, WAV header of mu-law", 8000, minimal(file("wav", "pcm_mulaw"), 37, **in_wav)
    for rate in RATES[1:]:
        yield f"subset l16 {rate}", rate, minimal(coded("l16", rate), rate // 50 * 2, **linear, sample_rate=rate)


def of_genesys():
    for size in (160, 1600, 37, 64_000):
        yield f"AudioHook, {size} bytes", 8000, audiohook(EXTERNAL, coded("mulaw"), size)
    yield "AudioHook, two channels", 8000, audiohook(BOTH, two("mulaw"), 3200)
    yield "AudioHook, two channels the other way", 8000, audiohook(INVERTED, two("mulaw", False), 746)
    yield "AudioHook L16", 8000, audiohook(L16, coded("l16"), 3200)
    yield "AudioHook L16, two channels", 8000, audiohook(BOTH | {"format": "L16"}, two("l16"), 6400)


def of_files():
    for codec in ("pcm_s16le", "pcm_mulaw", "pcm_f32le"):
        yield f"upload WAV {codec}", 8000, uploaded(file("wav", codec))
    yield "upload FLAC", 8000, uploaded(file("flac", "flac"))
    for container, codec in (("wav", "pcm_s16le"), ("flac", "flac")):
        for channel in (1, 2):
            name = f"upload {container} stereo, channel {channel}"
            yield name, 8000, uploaded(two_in_file(container, codec, channel == 1), channel)
    for rate in RATES[1:]:
        yield f"upload WAV {rate}", rate, uploaded(file("wav", "pcm_s16le", rate))
        yield f"upload FLAC {rate}", rate, uploaded(file("flac", "flac", rate))


def of_asterisk_over_tcp():
    for rate in RATES:
        yield f"AudioSocket {rate}", rate, audiosocket(rate, rate // 50 * 2)


def ways(*sources):
    """The test's parameters."""
    found = [Way(*way) for source in sources for way in source()]
    return pytest.mark.parametrize("way", found, ids=[way.name for way in found])


@pytest.fixture(scope="module")
def receiver(server, credential, unsigned_key):
    return Receiver(server, credential, unsigned_key)


@pytest.fixture(scope="module")
def reference(receiver):
    """What the recording itself is decided to be, at each rate."""

    @functools.cache
    def told(rate):
        return uploaded(file("wav", "pcm_s16le", rate))(receiver, caller())

    return told


@pytest.fixture
def same_to_the_bit(receiver, reference):
    def check(way):
        told = way.send(receiver, caller())
        assert told[0] == "result-success"
        assert told == reference(way.rate)

    return check


@pytest.mark.parametrize("chunk_ms", [20, 400])
def test_case_073_case_097_a_twilio_call_has_the_score_of_its_recording(same_to_the_bit, chunk_ms):
    same_to_the_bit(Way("Twilio", audio.RATE, twilio(chunk_ms=chunk_ms)))


@ways(of_carriers)
def test_case_109_110_111_112_113_114_every_format_of_every_carrier_is_decoded_as_it_was_sent(same_to_the_bit, way):
    same_to_the_bit(way)


@ways(of_the_subset)
def test_case_101_102_103_104_every_framing_of_the_subset_has_the_same_score(same_to_the_bit, way):
    same_to_the_bit(way)


@ways(of_genesys)
def test_case_035_case_047_every_medium_and_frame_size_of_audiohook_has_the_same_score(same_to_the_bit, way):
    same_to_the_bit(way)


@ways(of_asterisk_over_tcp)
def test_case_115_every_rate_of_audiosocket_has_the_same_score(same_to_the_bit, way):
    same_to_the_bit(way)


@ways(of_files)
def test_every_lossless_file_has_the_same_score(same_to_the_bit, way):
    same_to_the_bit(way)


def test_the_rates_are_worth_comparing(reference):
    """Each rate has samples of its own, and so a score of its own: a comparison of all with one would fail."""
    assert len({reference(rate)[1] for rate in RATES}) > 1


# ---- codecs that lose something


def opus(rate, bit_rate=24_000):
    return lambda pcm: codecs.packets(codecs.at_rate(pcm, rate), "libopus", rate, b=bit_rate)


def g722(pcm):
    return codecs.packets(codecs.at_rate(pcm, 16_000), "g722", 16_000)


def lossy():
    yield "Twilio mu-law", 8000, twilio()
    yield "subset A-law", 8000, minimal(coded("alaw"), 160, audio_codec="alaw")
    yield "subset floats 48000", 48_000, minimal(
        coded("f32", 48_000), 3840, audio_codec="pcm", sample_format="f32le", sample_rate=48_000
    )
    yield "subset G.722", 16_000, minimal(lambda pcm: b"".join(g722(pcm)), 333, audio_codec="g722")
    for rate in (8000, 12_000, 16_000, 24_000, 48_000):
        yield f"subset Opus {rate}", rate, minimal(opus(rate), 0, audio_codec="opus", sample_rate=rate)
    in_ogg = {"audio_format": "ogg", "audio_codec": "opus"}
    yield "subset Ogg Opus", 48_000, minimal(file("ogg", "libopus", 48_000), 1000, **in_ogg)
    yield "AudioHook mu-law", 8000, audiohook(EXTERNAL, coded("mulaw"), 1600)
    yield "upload WAV A-law", 8000, uploaded(file("wav", "pcm_alaw"))
    yield "upload Ogg Opus", 8000, uploaded(file("ogg", "libopus", 8000, bit_rate=16_000))
    for rate, bit_rate in ((8000, 32_000), (16_000, 48_000), (44_100, 128_000), (48_000, 320_000)):
        yield f"upload MP3 {rate}", rate, uploaded(file("mp3", "libmp3lame", rate, bit_rate=bit_rate))
    for rate in RATES[1:]:
        yield f"upload FLAC {rate}", rate, uploaded(file("flac", "flac", rate))


def lossy_of_carriers():
    """Where a carrier has a codec besides, it is the same decoder: that it is reached is enough to see."""
    for carrier in (Telnyx, SignalWire, AsteriskPlain):
        yield f"{carrier.__name__} A-law", 8000, carried(speaking(carrier, "alaw"))
        yield f"{carrier.__name__} G.722", 16_000, carried(speaking(carrier, "g722", 16_000))
    for carrier, rate in ((Telnyx, 16_000), (Telnyx, 48_000), (AsteriskPlain, 48_000), (AsteriskJson, 48_000)):
        yield f"{carrier.__name__} Opus {rate}", rate, carried(speaking(carrier, "opus", rate))


VOICES = {"result-success": caller, "result-fail-score": other, "result-fail-spoof": synthetic}


@ways(lossy)
def test_through_every_codec_each_voice_has_the_same_decision(receiver, way):
    told = {decision: way.send(receiver, voice()) for decision, voice in VOICES.items()}
    print(", ".join(f"{name} {score:.3f}" for name, score in told.values()))
    assert {decision: name for decision, (name, _) in told.items()} == {decision: decision for decision in VOICES}


@ways(lossy_of_carriers)
def test_case_109_case_113_the_other_codecs_of_a_carrier_are_decoded_too(receiver, way):
    assert way.send(receiver, caller())[0] == "result-success"
    assert way.send(receiver, other())[0] == "result-fail-score"
