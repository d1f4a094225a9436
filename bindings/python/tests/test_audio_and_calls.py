"""What audio may be, what a live call takes, and what is said of anything else."""

import asyncio

import numpy
import pytest

import peakstream


@pytest.fixture(scope="module")
def recording(demo):
    return peakstream.load_audio(demo("allison-en-verify"))


def test_every_type_shape_and_rate_is_the_same_voice(engine, allison, recording):
    samples, rate = recording
    floats = samples / 32768
    stereo = numpy.stack([numpy.zeros_like(samples), samples], axis=1)
    wide = numpy.repeat(samples, 6)
    brief = {"seconds": 5.0}
    expected = engine.verify(allison, samples, rate, **brief).score
    for audio, options in (
        (floats, {}),
        (floats.astype(numpy.float32), {}),
        (stereo, {"channel": 2}),
        (numpy.asfortranarray(stereo), {"channel": 2}),
        (stereo[:, 1], {}),
        (samples[::-1][::-1], {}),
    ):
        assert engine.verify(allison, audio, rate, **brief, **options).score == expected
    assert engine.verify(allison, wide, 48000, **brief).score == pytest.approx(expected, abs=0.05)
    heard = engine.speech(samples, rate, **brief)
    assert engine.verify(allison, heard).score == expected
    assert heard.samples().dtype == numpy.int16 and len(heard.samples()) == heard.net_speech * heard.sample_rate


@pytest.mark.parametrize(
    ("audio", "options", "error", "says"),
    [
        ([0.0, 1.0], {"sample_rate": 8000}, TypeError, "path of a recording, expected, got list"),
        (numpy.zeros(9, numpy.int32), {"sample_rate": 8000}, TypeError, "got one of int32"),
        (numpy.zeros(9, bool), {"sample_rate": 8000}, TypeError, "got one of bool"),
        (numpy.zeros((2, 9000), numpy.int16), {"sample_rate": 8000}, ValueError, "transpose"),
        (numpy.zeros((2, 2, 2), numpy.int16), {"sample_rate": 8000}, ValueError, r"shape \[2, 2, 2\]"),
        (numpy.zeros(0), {"sample_rate": 8000}, ValueError, "empty"),
        (numpy.full(9, numpy.nan), {"sample_rate": 8000}, ValueError, "not finite at sample 0"),
        (numpy.zeros(9), {}, ValueError, "sample_rate is needed"),
        (numpy.zeros(9), {"sample_rate": 3999}, ValueError, "sample_rate is 3999; use 4000 to 384000"),
        (numpy.zeros(9), {"sample_rate": 8000, "channel": 2}, ValueError, "channel is 2, and the audio has 1"),
        (numpy.zeros(9), {"sample_rate": 8000, "channel_type": "radio"}, ValueError, 'use "telephone" or "microphone"'),
        (numpy.zeros(9), {"sample_rate": 8000, "channel_type": "microphone"}, peakstream.errors.NarrowBand, "16000"),
        (numpy.zeros(9), {"sample_rate": 8000, "seconds": 121}, peakstream.errors.InvalidArgument, "121"),
        ("no-such-file.wav", {}, peakstream.errors.UnreadableFile, "no-such-file.wav"),
        ("call.wav", {"sample_rate": 8000}, ValueError, "leave it out"),
    ],
)
def test_a_mistake_is_told_with_what_was_expected_and_what_came(engine, audio, options, error, says):
    with pytest.raises(error, match=says):
        engine.register(audio, **options)


def test_a_call_takes_bytes_and_arrays_without_a_copy_and_cut_anywhere(engine, recording):
    samples, rate = recording
    mulaw, statuses = peakstream.encode(samples, "mulaw"), []
    views = {
        "bytes": lambda piece: piece,
        "bytearray": bytearray,
        "memoryview": memoryview,
        "array": lambda piece: numpy.frombuffer(piece, numpy.uint8),
        "strided": lambda piece: numpy.repeat(numpy.frombuffer(piece, numpy.uint8), 2)[::2],
    }
    for view in views.values():
        with engine.open("mulaw", rate) as call:
            for at in range(0, len(mulaw), 777):
                last = call.push(view(mulaw[at : at + 777]))
            assert call.status.net_speech == last.net_speech
        statuses.append((last.net_speech, last.audio, last.percentage, last.enough))
    assert len(set(statuses)) == 1 and statuses[0][3]
    for array, options in (
        (samples, {"codec": "pcm"}),
        (samples.astype(">i2"), {"codec": "pcm", "sample_format": "s16be"}),
        ((samples / 32768).astype(numpy.float32), {"codec": "pcm", "sample_format": "f32le"}),
    ):
        with engine.open(sample_rate=rate, **options) as call:
            call.push(array)
            speech = call.finish()
        assert speech.net_speech > 5
    with engine.open("mulaw", rate) as call, pytest.raises(TypeError, match="array of int16, and the call was opened for"):
        call.push(samples)
    with engine.open("pcm", rate) as call:
        for unfit in (samples.astype(">i2"), samples.astype(numpy.float32), samples.astype(numpy.int8)):
            with pytest.raises(TypeError, match="and the call was opened for .*: an array of \"<i2\" or bytes expected"):
                call.push(unfit)
        for unfit in ("hello", 7, None, [0, 1], samples[0]):
            with pytest.raises(TypeError, match=f"bytes, or an array, expected, got .*{type(unfit).__name__}"):
                call.push(unfit)


def test_a_call_that_is_over_takes_nothing(engine, recording):
    call = engine.open()
    call.finish()
    for use in (call.finish, lambda: call.push(b""), lambda: call.status):
        with pytest.raises(RuntimeError, match="finished"):
            use()
    call.close()
    assert repr(call) == "CallStream(finished)"


def test_bytes_that_are_something_else_end_the_call_unless_that_is_tolerated(engine, recording):
    samples, rate = recording
    data = samples.tobytes()
    with engine.open("alaw", rate) as call, pytest.raises(peakstream.errors.CodecMismatch, match="looks like 16-bit"):
        call.push(data)
    with engine.open("alaw", rate, tolerate_mismatch=True) as call:
        call.push(data)


def test_every_wrong_field_of_a_format_is_named_at_once(engine):
    with pytest.raises(peakstream.errors.UnsupportedFormat) as raised:
        engine.open("speex", 11025, channels=3)
    assert all(field in str(raised.value) for field in ("audio_codec", "sample_rate", "channels"))


def test_a_call_is_followed_in_asyncio_until_there_is_enough(engine, recording):
    samples, rate = recording
    frames = [samples[at : at + 160] for at in range(0, len(samples), 160)]
    others = 0

    async def carrier(taken):
        for frame in frames:
            taken.append(frame)
            yield frame

    async def other_calls():
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    async def follow():
        others, taken = asyncio.ensure_future(other_calls()), []
        with engine.open("pcm", rate) as call:
            told = [status async for status in peakstream.statuses(call, carrier(taken))]
            speech = call.finish()
        others.cancel()
        return told, taken, speech

    told, taken, speech = asyncio.run(follow())
    assert [status.boundary for status in told] == [True] * len(told) and told[-1].enough and not told[-2].enough
    assert len(taken) < len(frames) and others >= len(told) - 1 and speech.net_speech == told[-1].net_speech


def test_a_call_that_ends_early_is_followed_to_its_end(engine, recording):
    samples, rate = recording

    async def carrier():
        yield samples[: rate * 2]

    async def follow():
        with engine.open("pcm", rate) as call:
            return [status async for status in peakstream.statuses(call, carrier())]

    (only,) = asyncio.run(follow())
    assert only.audio == 2.0 and not only.enough


def test_audio_of_one_rate_becomes_audio_of_another(recording):
    samples, rate = recording
    stereo = numpy.stack([numpy.zeros_like(samples), samples], axis=1)
    for wanted in (4000, 11025, 16000, 44100):
        one = peakstream.resample(samples, rate, wanted)
        assert one.dtype == numpy.int16 and abs(len(one) - len(samples) * wanted / rate) <= 1
        numpy.testing.assert_array_equal(peakstream.resample(stereo, rate, wanted, channel=2), one)
    with pytest.raises(ValueError, match="wanted is 3999; use 4000 to 384000"):
        peakstream.resample(samples, rate, 3999)


def test_without_models_it_is_said_where_they_were_looked_for(tmp_path):
    with pytest.raises(peakstream.errors.ModelsNotFound, match="make models"):
        peakstream.Engine(tmp_path)
