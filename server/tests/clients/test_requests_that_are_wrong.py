"""Every field of `initialize`: what may not stand in it, with the answer that names it, and what may."""

import copy
import json

import pytest

from support import audio, calls
from support.carrier import Carrier
from support.signalling import Session, answer, answers, metadata, register_request, start, verify_request

MISSING = object()

# field of the spec's 2.4, values that are refused
METADATA = {
    "audio_protocol": [MISSING, None, "", "sip", 7, ["twilio"]],
    "audio_format": [MISSING, None, "mp3", 1, {}],
    "audio_codec": [MISSING, None, "", "opus-5", "gsm", 711],
    "sample_format": ["s24le", "s16le", 16],  # s16le contradicts mulaw
    "sample_rate": [MISSING, None, "", "abc", 0, -8000, "11025", 8000.5, 10**12, True],
    "channels": [MISSING, None, "", "mono", 0, 3, -1, 1.5, 70_000],
    "call_id": [MISSING, None, "", "x" * 257, 12345, ["a"]],
}
OPERATION = {
    "audio_total_duration": [MISSING, None, "", "long", 2.99, 30.01, 0, -5, "1e309", "NaN", True, [5]],
    "authenticity_threshold": [-0.01, 1.01, "high", True, {}],
    "calibration": ["satellite-channel", 1],
    "model_hash": ["0" * 56, "abc", "<MODEL_HASH>", 5],
}
VERIFICATION = {
    "credential": [MISSING, None, "", "no credential", 5, {"a": 1}, "A" * 400, "=" * 9000],
    "score_threshold": [-0.01, 1.01, "high", True],
    "similarity_threshold": [2],
    "biometric_threshold": [-1],
    "threshold": ["x"],
}


def name(value):
    return "missing" if value is MISSING else json.dumps(value)[:30]


def with_value(request, section, field, value):
    request = copy.deepcopy(request)
    if value is MISSING:
        del request[section][field]
    else:
        request[section][field] = value
    return request


def assert_names(event, field):
    assert event.name == "error-parameters", event.data
    assert event.fields == [field], event.data
    assert all(detail["message"] for detail in event.data["details"])
    assert field in event.data["content"]
    assert event.audio is None


def assert_all_named(server, kind, request, section, field, values):
    requests = [with_value(request, section, field, value) for value in values]
    for value, event in zip(values, answers(server, kind, requests), strict=True):
        print("asked with", name(value))
        assert_names(event, f"{section}.{field}")


@pytest.mark.parametrize("field", METADATA)
def test_metadata_that_is_wrong_is_named(server, field):
    assert_all_named(server, "register", register_request(), "metadata", field, METADATA[field])


@pytest.mark.parametrize("field", OPERATION)
def test_a_register_request_that_is_wrong_is_named(server, field):
    assert_all_named(server, "register", register_request(), "register_request", field, OPERATION[field])


@pytest.mark.parametrize("field", OPERATION | VERIFICATION)
def test_a_verify_request_that_is_wrong_is_named(server, credential, field):
    values = (OPERATION | VERIFICATION)[field]
    assert_all_named(server, "verify", verify_request(credential), "verify_request", field, values)


@pytest.mark.parametrize("kind", ["register", "verify"])
@pytest.mark.parametrize("part", ["metadata", "request"])
def test_a_missing_or_misshapen_section_is_named(server, credential, kind, part):
    section = part if part == "metadata" else f"{kind}_request"
    request = register_request() if kind == "register" else verify_request(credential)
    without = {name: value for name, value in request.items() if name != section}
    requests = [without] + [request | {section: value} for value in (None, "text", 5, [])]
    for event in answers(server, kind, requests):
        assert_names(event, section)


def test_a_body_that_is_no_object_is_an_error_of_initialize(server):
    for event in answers(server, "register", [None, 5, True, [], "", "not JSON", '"a string in a string"', "[1]"]):
        assert_names(event, "initialize")


def test_an_initialize_without_any_body_is_an_error_too(server):
    with Session(server, "register") as session:
        session.emit("initialize")
        assert_names(session.event(), "initialize")
        session.ended_by_server()


def test_a_packet_that_is_not_json_ends_its_connection(server):
    """Python's json module writes `Infinity` unless told otherwise. Upstream's server, too, closes on such a packet."""
    with Session(server, "register") as session:
        session.initialize(register_request(float("inf")))
        session.ended_by_server()
    assert server.is_alive()


def test_everything_that_is_wrong_is_named_at_once(server):
    request = {"metadata": {"audio_protocol": "sip"}, "register_request": {"authenticity_threshold": 7}}
    event = answer(server, "register", request)
    assert event.name == "error-parameters"
    needed = {"audio_protocol", "audio_format", "audio_codec", "sample_rate", "channels", "call_id"}
    assert set(event.fields) == {f"metadata.{field}" for field in needed} | {
        "register_request.audio_total_duration",
        "register_request.authenticity_threshold",
    }


# ---- contradictions


def test_score_thresholds_of_two_names_may_not_contradict_each_other(server, credential):
    request = verify_request(credential)
    request["verify_request"] |= {"score_threshold": 0.5, "similarity_threshold": 0.6}
    assert_names(answer(server, "verify", request), "verify_request.similarity_threshold")


def test_a_model_that_is_not_the_credentials_is_refused(server, credential):
    request = verify_request(credential)
    request["verify_request"]["model_hash"] = "f" * 56
    assert_names(answer(server, "verify", request), "verify_request.model_hash")


def test_a_telephone_is_no_microphone(server, credential):
    request = verify_request(credential)
    request["verify_request"]["calibration"] = "microphone-channel"
    assert_names(answer(server, "verify", request), "metadata.sample_rate")


def test_a_verify_request_on_the_register_channel_is_named(server, credential):
    both = register_request() | {"verify_request": verify_request(credential)["verify_request"]}
    assert_names(answer(server, "register", both), "verify_request")
    event = answer(server, "register", verify_request(credential))
    assert event.name == "error-parameters" and set(event.fields) == {"verify_request", "register_request"}


def test_a_register_request_on_the_verify_channel_is_named(server, credential):
    both = verify_request(credential) | {"register_request": register_request()["register_request"]}
    assert_names(answer(server, "verify", both), "register_request")


# ---- what may stand in it


@pytest.mark.parametrize(
    "other",
    [
        {"sample_rate": 8000, "channels": 1},
        {"audio_codec": "PCMU"},
        {"audio_codec": "ulaw", "audio_format": "RAW"},
        {"audio_protocol": "TWILIO"},
        {"something_new": {"deep": [1, 2]}},
        {"call_id": "x" * 256},
        {"call_id": "+34 600 ünï ☎"},
    ],
    ids=lambda other: ", ".join(other),
)
def test_all_documented_spellings_are_accepted(server, other):
    start(server, {"metadata": metadata() | other, "register_request": {"audio_total_duration": "5"}}).leave()


def test_sample_format_may_be_left_out(server):
    request = with_value(register_request(), "metadata", "sample_format", MISSING)
    start(server, request).leave()


@pytest.mark.parametrize("seconds", [3, 3.0, 30, "30.0"])
def test_the_least_and_the_most_speech_are_accepted(server, seconds):
    start(server, register_request(seconds)).leave()


@pytest.mark.parametrize("alias", ["score_threshold", "similarity_threshold", "biometric_threshold", "threshold"])
def test_each_name_of_the_score_threshold_decides(server, credential, alias):
    """Nobody resembles herself with certainty: a threshold of 1 refuses the caller herself."""
    request = verify_request(credential, 3.0)
    request["verify_request"][alias] = "1.0"
    session, outcome, _ = calls.call(server, request, audio.same())
    assert outcome.name == "result-fail-score", outcome.data


def test_a_body_that_is_json_in_a_string_is_read(server):
    with Session(server, "register") as session:
        session.emit("initialize", json.dumps(register_request()))
        session.consumer_ready()


# ---- who else is there


def test_without_a_consumer_for_its_audio_a_session_is_refused(server):
    event = calls.without_consumer(server, "register", register_request())
    assert event.name == "error-consumer-not-ready" and event.data["content"], event.data


def test_a_call_id_in_use_is_refused_and_its_owner_goes_on(server):
    request = register_request(3.0)
    with start(server, request) as first:
        event = answer(server, "register", request)
        assert (event.name, event.fields) == ("error-parameters", ["metadata.call_id"]), event.data
        assert event.data["content"] == "Invalid parameters: call_id already in use"
        _, outcome, _ = calls.call(server, register_request(3.0), audio.enrol())
        assert outcome.name == "result-success"
        with Carrier(server, request["metadata"]["call_id"]).start() as carrier:
            carrier.play(audio.enrol(), 0)
            assert first.outcome().name == "result-success"


def test_a_call_id_is_free_again_once_its_session_is_over(server):
    request = register_request(3.0)
    for _ in range(2):
        _, outcome, _ = calls.call(server, request, audio.enrol())
        assert outcome.name == "result-success", outcome.data


def test_a_second_initialize_is_refused_and_the_running_session_goes_on(server):
    request = register_request(3.0)
    session = start(server, request)
    session.initialize(register_request(3.0))
    assert_names(session.event(), "initialize")
    with Carrier(server, request["metadata"]["call_id"]).start() as carrier:
        carrier.play(audio.enrol(), 0)
        assert session.outcome().name == "result-success"
    session.leave()


# ---- credentials


def test_a_credential_that_was_altered_is_refused(server, credential):
    altered = credential[:-8] + ("A" if credential[-8] != "A" else "B") + credential[-7:]
    event = answer(server, "verify", verify_request(altered))
    assert event.name == "error-das-Peak", event.data
    assert (event.data["exception"], event.data["error"]) == ("InvalidCredential", "Decryption error")


def test_half_a_credential_is_refused(server, credential):
    event = answer(server, "verify", verify_request(credential[: len(credential) // 2]))
    assert event.name in ("error-das-Peak", "error-parameters"), event.data


def test_the_credential_of_another_server_is_refused(server, impatient_server):
    foreign = calls.register(impatient_server, seconds=3.0).data["credential"]
    event = answer(server, "verify", verify_request(foreign))
    assert event.name == "error-das-Peak", event.data
    assert (event.data["exception"], event.data["error"]) == ("InvalidCredential", "Decryption error")
