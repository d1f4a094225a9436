"""What all voices of a tenant have in common is learnt from callers who were accepted, and taken from both sides of a comparison."""

import itertools
import re

import pytest

from support import audio, calls, codecs
from support.rest import Rest
from support.server import Server

#: Voices of which a centre is the mean.
VOICES = 50


@pytest.fixture(scope="module")
def centring(tmp_path_factory):
    """A server of its own: what it learns changes every comparison."""
    running = Server(tmp_path_factory.mktemp("centre")).ready()
    yield running
    running.kill()


def voices():
    """Callers of all ages: what the recorded ones say, played slower and faster."""
    recorded = [audio.samples(path) for role in ("enrol", "other") for path in audio.files(role)]
    for number in range(VOICES):
        played_at = int(audio.RATE * (0.75 + 0.5 * (number * 7 % VOICES) / VOICES))
        yield audio.encode(codecs.at_rate(recorded[number % len(recorded)], played_at), "mulaw")


def register(server, sound):
    outcome = calls.register(server, sound, seconds=3.0)
    assert outcome.name == "result-success", outcome.data
    return outcome.data["credential"]


def test_a_centre_is_learnt_used_named_switched_off_and_forgotten(centring):
    enrolled, other = audio.enrol(), audio.mulaw(audio.files("other")[0])
    credential = register(centring, enrolled)
    before = calls.verify(centring, credential, audio.same())
    assert "centre_id" not in before.data

    shown = centring.tenant("centre", "on")["centre"]
    assert (shown["in_use"], shown["learnt"]) == (True, [])
    for voice in itertools.islice(voices(), VOICES - 1):
        register(centring, voice)
    unused = calls.verify(centring, credential, audio.mulaw(audio.files("other")[0]))
    assert (unused.name, "centre_id" in unused.data) == ("result-fail-score", False), "who was refused teaches nothing"
    assert centring.tenant("show")["centre"]["learnt"] == []
    last = calls.verify(centring, credential, audio.same())
    assert (last.name, "centre_id" in last.data) == ("result-success", False)

    [learnt] = centring.tenant("show")["centre"]["learnt"]
    assert re.fullmatch("telephone-channel@[0-9a-f]{8}", learnt)
    same = calls.verify(centring, credential, audio.same())
    assert (same.name, same.data["centre_id"]) == ("result-success", learnt)
    assert same.data["score"] != before.data["score"]
    assert Rest(centring).session({"id": same.data["session_id"]}, "verify")["centre_id"] == learnt
    stranger = calls.verify(centring, credential, other)
    assert (stranger.name, stranger.data["centre_id"]) == ("result-fail-score", learnt)

    centring.tenant("centre", "off")
    off = calls.verify(centring, credential, audio.same())
    assert "centre_id" not in off.data and off.data["score"] == pytest.approx(before.data["score"], abs=1e-6)
    assert centring.tenant("centre", "on")["centre"]["learnt"] == [learnt]
    assert calls.verify(centring, credential, audio.same()).data["centre_id"] == learnt
    assert centring.tenant("centre", "forget")["centre"]["learnt"] == []
    assert "centre_id" not in calls.verify(centring, credential, audio.same()).data
