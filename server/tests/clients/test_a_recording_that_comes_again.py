"""A recording of the enrolment, or of an earlier attempt, played to the server: told beside the result, if the tenant wants that."""

import array

import pytest

from support import audio, calls, codecs
from support.rest import Rest
from support.server import Server, eventually

#: What the wire says of a replay.
MEMBERS = {"heard_in", "similarity", "bit_error_rate", "seconds"}


def signs(event):
    found = event.data.get("implausible", [])
    assert all(set(one) == {"reason", "value", "limit"} and one["value"] >= one["limit"] for one in found), found
    return [one["reason"] for one in found]


@pytest.fixture(scope="module")
def listening(tmp_path_factory):
    """A server of its own: what its tenant wants changes."""
    running = Server(tmp_path_factory.mktemp("replays")).ready()
    yield running
    running.kill()


def played(path, begin=0.5, gain=0.5):
    """A call's recording as an attacker plays it: begun late, less loud, through Opus at 12 kb/s and the carrier's own codec."""
    pcm = array.array("h", (int(gain * value) for value in audio.samples(path)[int(begin * audio.RATE) :]))
    return audio.encode(codecs.heard_again(pcm, "libopus", audio.RATE, b="12k"), "mulaw")


def replay_of(event):
    replay = event.data.get("replay")
    assert replay is None or set(replay) == MEMBERS, event.data
    return replay


def test_a_recording_of_the_enrolment_is_known_again_with_nothing_kept(listening):
    enrolment = audio.files("enrol")[0]
    before = calls.register(listening).data["credential"]
    assert "replay" not in calls.verify(listening, before, audio.enrol()).data, "off unless it was asked for"

    shown = listening.tenant("replay", "enrolment")["replay"]
    assert shown["with"] == "enrolment"
    credential = calls.register(listening).data["credential"]
    listening.private.add(credential)
    assert len(before) < 1_500 < len(credential) < 8_192

    again = calls.verify(listening, credential, played(enrolment))
    found = replay_of(again)
    assert again.name == "result-success", "it is told, not judged"
    assert found["heard_in"] == "enrolment" and found["similarity"] >= 250, found
    assert found["seconds"] > 2 and found["bit_error_rate"] < 0.1, found
    assert Rest(listening).session({"id": again.data["session_id"]}, "verify")["replay"] == found

    alive = calls.verify(listening, credential, audio.same())
    assert alive.name == "result-success" and replay_of(alive) is None
    assert replay_of(calls.verify(listening, credential, audio.same())) is None, "attempts are not kept"
    old = calls.verify(listening, before, audio.enrol())
    assert old.name == "result-success" and replay_of(old) is None, "a credential of before knows no recording"

    assert listening.tenant("replay", "off")["replay"] is None
    assert "replay" not in calls.verify(listening, credential, played(enrolment)).data


def test_an_attempt_that_comes_again_is_known_until_it_is_deleted_or_not_wanted(listening):
    mine = audio.english_files()[0]
    assert listening.tenant("replay", "attempts", "--keep", "4", "--keep-for", "1h")["replay"]["keep"] == 4
    credential = calls.register(listening).data["credential"]
    listening.private.add(credential)
    first = calls.verify(listening, credential, audio.mulaw(mine))
    assert first.name == "result-success" and replay_of(first) is None
    again = calls.verify(listening, credential, played(mine))
    assert replay_of(again)["heard_in"] == "attempt"
    # What was rejected may come again too.
    stranger = audio.files("other")[0]
    rejected = calls.verify(listening, credential, audio.mulaw(stranger))
    assert rejected.name == "result-fail-score" and replay_of(rejected) is None
    assert replay_of(calls.verify(listening, credential, played(stranger)))["heard_in"] == "attempt"

    assert Rest(listening).delete(f"/verify_session/{first.data['session_id']}").status_code == 204
    assert replay_of(calls.verify(listening, credential, played(mine))) is None, "deleted with its session"

    listening.tenant("replay", "enrolment")
    assert replay_of(calls.verify(listening, credential, played(stranger))) is None
    listening.tenant("replay", "attempts")
    # Whoever does not want attempts loses those that are kept: the sweep says so.
    listening.tenant("replay", "off")
    eventually(lambda: "attempts that nobody wants were removed" in listening.log(), listening.log)
    listening.tenant("replay", "attempts")
    assert replay_of(calls.verify(listening, credential, played(stranger))) is None


def test_what_follows_is_the_tenants_choice(listening):
    enrolment = audio.files("enrol")[0]
    assert listening.tenant("replay", "enrolment", "--policy", "enforce")["replay"]["policy"] == "enforce"
    credential = calls.register(listening).data["credential"]
    listening.private.add(credential)
    rejected = calls.verify(listening, credential, played(enrolment))
    assert rejected.name == "result-fail-spoof" and replay_of(rejected), rejected.data
    assert calls.verify(listening, credential, audio.same()).name == "result-success"

    listening.tenant("replay", "enrolment", "--policy", "step-up")
    asked = calls.verify(listening, credential, played(enrolment))
    assert (asked.name, asked.data["outcome"], asked.data["step_up"]) == ("result-success", "doubtful", ["replay"])
    alive = calls.verify(listening, credential, audio.same())
    assert (alive.name, "step_up" in alive.data, "outcome" in alive.data) == ("result-success", False, False)

    assert listening.tenant("replay", "enrolment", "--policy", "report")["replay"]["policy"] == "report"
    told = calls.verify(listening, credential, played(enrolment))
    assert (told.name, "step_up" in told.data) == ("result-success", False) and replay_of(told)
    listening.tenant("replay", "off")


def test_a_recording_in_a_loop_and_one_that_is_too_alike_are_told_and_nothing_follows(listening):
    listening.tenant("replay", "enrolment")
    enrolment = audio.samples(audio.files("enrol")[0])
    first = calls.register(listening)
    credential = first.data["credential"]
    listening.private.add(credential)
    assert "implausible" not in first.data
    piece = enrolment[audio.RATE // 2 : 3 * audio.RATE]
    looped = calls.verify(listening, credential, audio.encode(piece * 5, "mulaw"))
    assert looped.name == "result-success" and "repetition" in signs(looped), looped.data
    again = calls.verify(listening, credential, audio.enrol())
    assert again.name == "result-success" and signs(again) == ["too_similar"], again.data
    for path in audio.english_files():
        alive = calls.verify(listening, credential, audio.mulaw(path))
        assert alive.name == "result-success" and signs(alive) == [], alive.data
    listening.tenant("replay", "off")


def test_an_attempt_can_be_deleted_when_its_session_is_forgotten(tmp_path):
    server = Server(tmp_path, "--result-retention=1").ready()
    try:
        server.tenant("replay", "attempts")
        credential = calls.register(server).data["credential"]
        session = calls.verify(server, credential, audio.same()).data["session_id"]
        path = f"/verify_session/{session}"
        rest = Rest(server)
        eventually(lambda: rest.get(path).status_code == 404, "the session is kept")
        assert replay_of(calls.verify(server, credential, audio.same()))["heard_in"] == "attempt"
        assert rest.delete(f"/register_session/{session}").status_code == 404
        assert [rest.delete(path).status_code for _ in range(2)] == [204, 404]
        assert replay_of(calls.verify(server, credential, audio.same())) is None
    finally:
        server.kill()


def test_attempts_survive_the_server_and_its_log_says_nothing_of_them(tmp_path):
    first = Server(tmp_path).ready()
    try:
        first.tenant("replay", "attempts")
        credential = calls.register(first).data["credential"]
        calls.verify(first, credential, audio.same())
    finally:
        assert first.stop() == 0
    second = Server(tmp_path).ready()
    try:
        found = replay_of(calls.verify(second, credential, audio.same()))
        assert found["heard_in"] == "attempt" and found["bit_error_rate"] == 0, found
        assert credential not in second.log() + first.log()
    finally:
        second.kill()
