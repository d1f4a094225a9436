"""Who registered by microphone is known on the telephone, and the other way round."""

import pytest

from support import audio, calls, codecs
from support.signalling import register_request, verify_request

WIDE = 16_000
BY_MICROPHONE = {"audio_codec": "pcm", "sample_rate": str(WIDE)}


def by_microphone(request, operation):
    request["metadata"] |= BY_MICROPHONE
    request[operation]["calibration"] = "microphone-channel"
    return request


def wide(path):
    return audio.encode(codecs.at_rate(audio.samples(path), WIDE), "l16")


@pytest.fixture(scope="module")
def registered_by_microphone(server):
    request = by_microphone(register_request(), "register_request")
    outcome = calls.call(server, request, wide(audio.files("enrol")[0]))[1]
    assert outcome.name == "result-success", outcome.data
    assert outcome.data["calibration_id"].startswith("microphone-channel@")
    return outcome.data["credential"]


def test_a_voice_registered_by_microphone_is_verified_by_telephone(server, registered_by_microphone):
    outcome = calls.verify(server, registered_by_microphone, audio.same())
    assert outcome.name == "result-success", outcome.data
    assert outcome.data["calibration_id"].startswith("telephone-channel@")


def test_another_voice_is_refused_across_channels(server, registered_by_microphone):
    outcome = calls.verify(server, registered_by_microphone, audio.mulaw(audio.files("other")[0]))
    assert outcome.name == "result-fail-score", outcome.data


def test_a_voice_registered_by_telephone_is_verified_by_microphone(server, credential):
    request = by_microphone(verify_request(credential), "verify_request")
    outcome = calls.call(server, request, wide(audio.files("same")[0]))[1]
    assert outcome.name == "result-success", outcome.data
    assert outcome.data["calibration_id"].startswith("telephone-channel@")


def test_by_microphone_alone_it_is_the_microphones_calibration(server, registered_by_microphone):
    request = by_microphone(verify_request(registered_by_microphone), "verify_request")
    outcome = calls.call(server, request, wide(audio.files("same")[0]))[1]
    assert outcome.name == "result-success", outcome.data
    assert outcome.data["calibration_id"].startswith("microphone-channel@")
