"""A caller is registered and verified as the documentation shows it, with the real Python client, on real speech."""

import base64
import math
import re

import pytest

from support import audio, calls
from support.carrier import Carrier
from support.signalling import ADDITIVE, register_request, start, verify_request

SECONDS = 5.0


class Registration:
    """One registration in real time, with everything that both sides saw of it."""

    def __init__(self, server):
        self.request = register_request(SECONDS)
        self.call_id = self.request["metadata"]["call_id"]
        self.session = start(server, self.request)
        self.sound = audio.enrol()
        with Carrier(server, self.call_id, "minimal").start() as carrier:
            self.end = carrier.play(self.sound, speed=1.0)
            self.outcome = self.session.outcome()
            self.sent = carrier.sent
        # The last statement of the documented program: it returns, so the program ends by itself.
        self.session.client.wait()
        self.session.ended_by_server()
        self.events = self.session.events
        self.statuses = self.session.statuses


@pytest.fixture(scope="module")
def registration(server):
    return Registration(server)


def test_the_sequence_is_ready_then_statuses_then_one_result(registration):
    names = [event.name for event in registration.events]
    assert names == ["info-consumer-ready"] + ["info-vad-status"] * len(registration.statuses) + ["result-success"]
    assert registration.statuses


def test_every_event_has_two_arguments_and_says_its_name(registration):
    for event in registration.events:
        assert len(event.args) == 2, event
        assert event.data["event"] == event.name
        assert event.data["call_id"] == registration.call_id
        assert (event.audio is not None) == event.name.startswith("result-")


def test_the_payloads_are_the_documented_ones(registration):
    ready, status, result = registration.events[0].data, registration.statuses[0].data, registration.outcome.data
    assert set(ready) - ADDITIVE == {"event", "content"}
    assert ready["content"] == "Audio consumer for provided audio protocol is ready"
    assert set(status) - ADDITIVE == {"event", "content", "audio_seconds", "vad_percentage"}
    assert status["content"] == "Voice activity detection percentage"
    assert set(result) - ADDITIVE == {"event", "content", "authenticity", "voice_audio_collected", "credential"}
    assert result["content"] == "Registration: approved"
    assert re.fullmatch("telephone-channel@[0-9a-f]{8}", result["calibration_id"])
    assert 0.8 <= result["authenticity"] <= 1


def test_one_status_comes_for_every_4096_samples(registration):
    bytes_sent, _ = registration.sent[-1]
    # What was sent while the close was on its way does not count: less than one block in real time.
    assert len(registration.statuses) == bytes_sent // audio.BLOCK


def test_each_status_comes_within_a_block_of_its_audio(registration):
    for number, status in enumerate(registration.statuses, start=1):
        complete = next(at for sent, at in registration.sent if sent >= number * audio.BLOCK)
        assert 0 <= status.at - complete < audio.BLOCK / audio.RATE, f"status {number}"


def test_audio_seconds_never_decrease_and_have_two_decimals(registration):
    seconds = [status.data["audio_seconds"] for status in registration.statuses]
    assert seconds == sorted(seconds)
    assert all(round(value, 2) == value for value in seconds)
    assert seconds[-1] >= SECONDS > seconds[-2]


def test_the_percentage_is_truncated_and_not_capped(server):
    """Speech is counted in blocks of 32 ms, of which 95 are 3.04 s: one percent more than there has to be."""
    wanted = 3.009
    session, outcome, _ = calls.call(server, register_request(wanted), audio.enrol())
    assert outcome.name == "result-success"
    for status in session.statuses:
        seconds, percentage = status.data["audio_seconds"], status.data["vad_percentage"]
        assert isinstance(percentage, int)
        # `audio_seconds` is rounded to 0.01 s, the percentage is computed before that.
        assert percentage in {math.trunc(100 * (seconds + error) / wanted) for error in (-0.005, 0, 0.005)}, status.data
    assert session.statuses[-1].data["vad_percentage"] > 100
    assert session.statuses[-2].data["vad_percentage"] < 100


def test_voice_audio_collected_is_the_last_audio_seconds(registration):
    assert registration.outcome.data["voice_audio_collected"] == registration.statuses[-1].data["audio_seconds"]


def test_the_collected_audio_is_a_wav_file_of_the_collected_speech(registration):
    rate, channels, width, collected = audio.open_wav(registration.outcome.audio)
    assert (rate, channels, width) == (8000, 1, 2)
    assert round(len(collected) / rate, 2) == registration.outcome.data["voice_audio_collected"]
    said = audio.decoded(registration.sound)
    assert appears_in_order(collected.tobytes(), said.tobytes()), "it holds something that was not said"


def appears_in_order(collected, sent, piece=256 * 2):
    """Whether each 32 ms of the collected audio occurs in what was sent, one after the other."""
    where = 0
    for begin in range(0, len(collected) - piece + 1, piece):
        where = sent.find(collected[begin : begin + piece], where)
        if where < 0:
            return False
    return True


def test_the_server_ends_the_audio_once_it_has_enough(registration):
    assert (registration.end.code, registration.end.by_server) == (1000, True)


def test_the_credential_is_opaque_small_and_never_twice_the_same(registration, credential):
    own = registration.outcome.data["credential"]
    assert len(own) <= 4096
    assert base64.urlsafe_b64decode(own + "=" * (-len(own) % 4))
    assert own != credential


@pytest.mark.parametrize("wav", audio.files("same"), ids=lambda wav: wav.stem)
def test_the_same_caller_is_verified(server, credential, wav):
    outcome = calls.verify(server, credential, audio.mulaw(wav))
    assert (outcome.name, outcome.data["content"]) == ("result-success", "Verification: approved"), outcome.data
    assert 0.5 <= outcome.data["score"] <= 1 and 0.8 <= outcome.data["authenticity"] <= 1
    assert "credential" not in outcome.data
    assert audio.open_wav(outcome.audio)


@pytest.mark.parametrize("wav", audio.files("other"), ids=lambda wav: wav.stem)
def test_another_caller_fails_by_score(server, credential, wav):
    outcome = calls.verify(server, credential, audio.mulaw(wav))
    assert (outcome.name, outcome.data["content"]) == ("result-fail-score", "Verification: rejected"), outcome.data
    assert outcome.data["score"] < 0.5 and outcome.data["authenticity"] >= 0.8
    assert audio.open_wav(outcome.audio)


@pytest.mark.parametrize("wav", audio.files("synthetic"), ids=lambda wav: wav.stem)
def test_a_synthetic_voice_fails_as_a_spoof(server, credential, wav):
    outcome = calls.verify(server, credential, audio.mulaw(wav))
    assert (outcome.name, outcome.data["content"]) == ("result-fail-spoof", "Verification: rejected"), outcome.data
    assert outcome.data["authenticity"] < 0.8
    assert audio.open_wav(outcome.audio)


@pytest.mark.parametrize("wav", audio.files("synthetic"), ids=lambda wav: wav.stem)
def test_a_synthetic_voice_gets_no_credential(server, wav):
    outcome = calls.register(server, audio.mulaw(wav))
    assert (outcome.name, outcome.data["content"]) == ("result-fail-spoof", "Registration: rejected"), outcome.data
    assert "credential" not in outcome.data


def test_a_verification_in_real_time_tells_the_same_as_a_registration(server, credential):
    request = verify_request(credential, 3.0)
    session, outcome, end = calls.call(server, request, audio.same(), dialect="twilio", speed=4)
    assert outcome.name == "result-success" and end.code == 1000
    assert outcome.data["voice_audio_collected"] == session.statuses[-1].data["audio_seconds"]
    assert all(len(event.args) == 2 for event in session.events)
