"""The facts of bindings/facts.json through the server: a call gives a client what it gives Rust, C and Python, as far as the wire says it.

The wire has scores and authenticity to six decimals, net speech to two; what Rust found is rounded in the same way, and nothing else is
allowed for. Whether the speech was enough, and where each status lay, is compared as it is.
"""

import pathlib
import sys

import pytest
from websockets.exceptions import ConnectionClosed

from support.carrier import Carrier
from support.signalling import answer, register_request, start, verify_request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "bindings"))
import facts  # noqa: E402  beside the bindings

FACTS = {fact["name"]: fact for fact in facts.load()}
#: What a client is told where the engine's own interface has an error: the event, and words of it.
ERRORS = {
    "too_little_speech": ("error-audio", "ended early"),
    "codec_mismatch": ("error-audio", "it looks like 16-bit linear"),
    "invalid_audio": ("error-audio", "WAV"),
    "unsupported_format": ("error-parameters", ["metadata.audio_codec"]),
    "narrow_band": ("error-parameters", ["metadata.sample_rate"]),
    "invalid_argument": ("error-parameters", ["register_request.audio_total_duration"]),
}
THRESHOLD = 0.5
LIVE = 0.8


def request_of(fact, credential):
    """What a client asks for that wants this fact."""
    opened = fact["open"]
    declared = {
        "audio_format": opened.get("container", "raw"),
        "audio_codec": opened["codec"],
        "sample_rate": str(opened["sample_rate"]),
    }
    if "against" in fact:
        request = verify_request(credential, opened["seconds"], **declared)
        request["verify_request"]["score_threshold"] = THRESHOLD
    else:
        request = register_request(opened["seconds"], **declared)
        request["register_request"]["calibration"] = opened.get("channel_type", "telephone") + "-channel"
    return request


def heard(server, request, pieces):
    """What the client is told of the call, statuses and end."""
    session = start(server, request)
    with Carrier(server, request["metadata"]["call_id"], "minimal").start() as carrier:
        try:
            for piece in pieces:
                carrier.send_audio(piece)
        except ConnectionClosed:
            pass  # enough, or nothing that can be heard
    outcome = session.outcome()
    session.ended_by_server()
    session.leave()
    return session.statuses, outcome


def told(statuses, outcome):
    """The event as a fact has it."""
    data = outcome.data
    return {
        "boundaries": len(statuses),
        "percentage": statuses[-1].data["vad_percentage"],
        "enough": statuses[-1].data["vad_percentage"] >= 100,
        "net_speech": data["voice_audio_collected"],
        "score": data.get("score"),
        "authenticity": data["authenticity"],
        "llr": data.get("authenticity_llr"),
        "unjudged": data.get("authenticity_reason"),
        "warnings": [shortfall["gate"] for shortfall in data.get("quality", [])],
    }


def as_told(found):
    """What Rust found, in the digits of the wire."""
    digits = {"net_speech": 2, "score": 6, "authenticity": 6, "llr": 6}
    shown = {name: value for name, value in found.items() if name not in ("outcome", "audio")}
    return {name: value if value is None or name not in digits else round(value, digits[name]) for name, value in shown.items()}


def decision(found):
    """The event that follows from what Rust found."""
    if found["authenticity"] < LIVE:
        return "result-fail-spoof"
    return "result-success" if found["score"] is None or found["score"] >= THRESHOLD else "result-fail-score"


@pytest.fixture(scope="module")
def registered(server):
    """The credentials that registrations among the facts gave, by their names."""
    given = {}

    def credential(name):
        if name not in given:
            fact = FACTS[name]
            given[name] = heard(server, request_of(fact, None), pieces_of(fact))[1].data["credential"]
        return given[name]

    return credential


def pieces_of(fact):
    """The call's bytes, cut as the fact says."""
    sound = facts.call_bytes(fact)
    return [sound[begin : begin + fact["frame"]] for begin in range(0, len(sound), fact["frame"])]


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_through_the_server(server, registered, name):
    fact, found = FACTS[name], facts.found_by_rust()[name]
    request = request_of(fact, registered(fact["against"]) if "against" in fact else None)
    if found["outcome"] == "ok":
        statuses, outcome = heard(server, request, pieces_of(fact))
        assert (outcome.name, told(statuses, outcome)) == (decision(found), as_told(found))
        return
    event, words = ERRORS[found["outcome"]]
    if event == "error-parameters":
        outcome = answer(server, "verify" if "against" in fact else "register", request)
        assert (outcome.name, outcome.fields) == (event, words)
    else:
        _, outcome = heard(server, request, pieces_of(fact))
        assert outcome.name == event and words in outcome.data["content"], outcome.data
