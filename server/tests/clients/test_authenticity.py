"""Whether a voice is genuine, as the real clients hear of it: the evidence, what it means, and what follows by each policy."""

import json
import math
import subprocess
import wave

import pytest

from support import audio, calls
from support.rest import Rest
from support.server import BINARY, SOON, Server
from support.signalling import register_request

TOLD = ("authenticity", "authenticity_judged", "authenticity_llr", "authenticity_reason", "outcome", "step_up")


@pytest.fixture(scope="module")
def own_server(tmp_path_factory):
    """A server whose tenant says something else in each test."""
    running = Server(tmp_path_factory.mktemp("policies")).ready()
    yield running
    running.kill()


@pytest.fixture
def says(own_server):
    """What the tenant says of authenticity, until the test is over."""
    yield lambda *said: own_server.tenant("authenticity", *said)["authenticity"]
    assert own_server.tenant("authenticity", "--policy", "none", "--assumed-attack-rate", "none")["authenticity"] == {}


def synthetic():
    """The synthetic caller of the demonstration, which the countermeasure refuses at a threshold of 0.8."""
    return audio.mulaw(audio.files("synthetic")[0])


def told(event):
    """What a result says of authenticity."""
    return {name: event.data[name] for name in TOLD if name in event.data}


def polled(server, event, kind="register"):
    resource = Rest(server).session({"id": event.data["session_id"]}, kind)
    return {name: resource[name] for name in TOLD if name in resource}


def posterior(llr, attacks=0.01):
    return 1 / (1 + attacks / (1 - attacks) * math.exp(-llr))


def test_the_evidence_stands_beside_what_it_means_over_both_channels(server):
    for sound, name in ((audio.enrol(), "result-success"), (synthetic(), "result-fail-spoof")):
        result = calls.register(server, sound)
        assert result.name == name
        assert set(told(result)) == {"authenticity", "authenticity_judged", "authenticity_llr"}, "and nothing else"
        assert result.data["authenticity_judged"] is True
        assert result.data["authenticity"] == pytest.approx(posterior(result.data["authenticity_llr"]), abs=2e-6)
        assert polled(server, result) == told(result)


def test_what_is_assumed_of_attacks_is_the_tenants_own_and_changes_no_evidence(own_server, says):
    before = calls.register(own_server)
    assert says("--assumed-attack-rate", "0.5") == {"assumed_attack_rate": 0.5}
    after = calls.register(own_server)
    assert after.data["authenticity_llr"] == before.data["authenticity_llr"]
    assert after.data["authenticity"] == pytest.approx(posterior(before.data["authenticity_llr"], 0.5), abs=2e-6)
    assert after.data["authenticity"] < before.data["authenticity"]


def test_report_tells_and_never_rejects(own_server, says):
    assert says("--policy", "report") == {"policy": ["report"]}
    registered = calls.register(own_server, synthetic())
    assert (registered.name, bool(registered.data["credential"])) == ("result-success", True)
    assert registered.data["authenticity"] < 0.8
    assert "outcome" not in registered.data and "step_up" not in registered.data
    same = calls.verify(own_server, registered.data["credential"], synthetic())
    assert (same.name, "step_up" in same.data) == ("result-success", False)
    other = calls.verify(own_server, calls.register(own_server).data["credential"], synthetic())
    assert other.name == "result-fail-score", "the score alone decides"


def test_enforce_rejects_and_gives_no_credential(own_server, says):
    says("--policy", "enforce")
    rejected = calls.register(own_server, synthetic())
    assert (rejected.name, "credential" in rejected.data) == ("result-fail-spoof", False)
    assert "outcome" not in rejected.data and "step_up" not in rejected.data
    assert Rest(own_server).session({"id": rejected.data["session_id"]})["status"] == "fail_spoof"


def test_step_up_goes_on_and_flags_what_would_be_accepted(own_server, says):
    says("--policy", "step-up")
    genuine = calls.register(own_server)
    assert genuine.name == "result-success" and set(told(genuine)) == {
        "authenticity",
        "authenticity_judged",
        "authenticity_llr",
    }, "a genuine caller is asked nothing"
    registered = calls.register(own_server, synthetic())
    assert (registered.name, bool(registered.data["credential"])) == ("result-success", True)
    assert (registered.data["outcome"], registered.data["step_up"]) == ("doubtful", ["authenticity"])
    assert polled(own_server, registered) == told(registered)
    same = calls.verify(own_server, registered.data["credential"], synthetic())
    assert (same.name, same.data["outcome"], same.data["step_up"]) == ("result-success", "doubtful", ["authenticity"])
    assert polled(own_server, same, "verify") == told(same)
    other = calls.verify(own_server, genuine.data["credential"], synthetic())
    assert (other.name, other.data["outcome"]) == ("result-fail-score", "rejected")
    assert "step_up" not in other.data, "who is rejected is asked nothing"


def test_a_policy_may_be_for_one_kind_of_session_only(own_server, says):
    says("--policy", "report")
    credential = calls.register(own_server, synthetic()).data["credential"]
    assert says("--policy", "verify.step-up,register.enforce") == {"policy": ["verify.step-up", "register.enforce"]}
    assert calls.register(own_server, synthetic()).name == "result-fail-spoof"
    verified = calls.verify(own_server, credential, synthetic())
    assert (verified.name, verified.data["step_up"]) == ("result-success", ["authenticity"])


def test_noise_is_not_judged_and_each_policy_has_its_answer(own_server, says):
    noisy = audio.noisy(audio.files("enrol")[0])
    enforced = calls.register(own_server, noisy)
    expected = {"authenticity": 0.99, "authenticity_judged": False, "authenticity_reason": "signal_noise_ratio"}
    assert (enforced.name, told(enforced)) == ("result-success", expected), "0.99 was assumed, and reaches 0.8"
    assert polled(own_server, enforced) == expected

    says("--assumed-attack-rate", "0.25")
    refused = calls.register(own_server, noisy)
    assert (refused.name, refused.data["authenticity"]) == ("result-fail-spoof", 0.75), "0.75 does not reach it"

    says("--policy", "report")
    assert calls.register(own_server, noisy).name == "result-success"

    says("--policy", "step-up", "--assumed-attack-rate", "0.01")
    flagged = calls.register(own_server, noisy)
    assert (flagged.name, told(flagged)) == ("result-success", expected | {"outcome": "doubtful", "step_up": ["authenticity"]})


def test_bytes_that_are_not_what_was_declared_are_not_judged(own_server, says):
    pcm = audio.samples(audio.files("enrol")[0])
    request = register_request(3.0)
    request["metadata"]["audio_codec"] = "alaw"
    # The wrong law for as long as it takes to notice it, then speech that can be heard.
    sound = audio.encode(pcm[: 6 * audio.RATE], "mulaw") + audio.encode(pcm, "alaw")
    own_server.tenant("gates", "codec_mismatch=warn")
    try:
        unjudged = calls.call(own_server, request, sound)[1]
    finally:
        own_server.tenant("gates", "codec_mismatch=none")
    assert unjudged.name == "result-success", unjudged.data
    assert (unjudged.data["authenticity_judged"], unjudged.data["authenticity_reason"]) == (False, "codec_mismatch")


def test_how_much_speech_is_judged_is_the_operators_choice(tmp_path):
    server = Server(tmp_path, "--authenticity-net-speech=6", "--authenticity-policy=step-up").ready()
    try:
        short = calls.register(server, seconds=3.0)
        assert (short.data["authenticity_judged"], short.data["authenticity_reason"]) == (False, "net_speech")
        assert (short.name, short.data["step_up"]) == ("result-success", ["authenticity"])
        assert calls.register(server, seconds=6.0).data["authenticity_judged"] is True
    finally:
        server.kill()


def test_the_command_line_tells_the_same_of_a_recording(tmp_path):
    noisy = tmp_path / "noisy.wav"
    with wave.open(str(noisy), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(audio.RATE)
        wav.writeframes(audio.decoded(audio.noisy(audio.files("enrol")[0])).tobytes())
    clean = audio.files("enrol")[0]

    def peakstream(*arguments):
        done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=4 * SOON)
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    key = ("--key-file", tmp_path / "keys")
    registered, unjudged = json.loads(peakstream("register", clean, noisy, "--json", *key))["results"]
    assert registered["authenticity"] == pytest.approx(posterior(registered["authenticity_llr"]), abs=2e-6)
    assert (unjudged["authenticity_reason"], "authenticity_llr" in unjudged) == ("signal_noise_ratio", False)
    verify = ("verify", clean, "--credential", registered["credential"], *key)
    verified = json.loads(peakstream(*verify, "--assumed-attack-rate", "0.5", "--json"))
    assert verified["authenticity_llr"] == registered["authenticity_llr"]
    assert verified["authenticity"] == pytest.approx(posterior(verified["authenticity_llr"], 0.5), abs=2e-6)
    assert "not judged: signal_noise_ratio" in peakstream("compare", clean, noisy)


@pytest.mark.parametrize("wrong", [("--policy", "stepup"), ("--policy", "enrol.report"), ("--assumed-attack-rate", "1")])
def test_what_cannot_be_said_is_refused_with_what_can(own_server, wrong):
    command = [BINARY, "tenant", "authenticity", "default", *wrong, "--data-dir", own_server.data_dir]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SOON)
    assert done.returncode == 2 and "or none" in done.stderr, done.stderr
