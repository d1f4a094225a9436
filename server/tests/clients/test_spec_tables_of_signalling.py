"""The tables of the specification's sections 2.4, 2.5, 3.2, 3.5 and 3.6: one test for each row, named like the row."""

import re
import uuid

import pytest
import requests

from support import audio, calls
from support.carrier import Carrier
from support.rest import AUDIO, Rest
from support.server import eventually
from support.signalling import ADDITIVE, Session, answer, register_request, start, verify_request

MISSING = object()


def changed(request, section, member, value):
    members = {**request[section], member: value}
    return request | {section: {name: value for name, value in members.items() if value is not MISSING}}


def accepts(server, kind, request):
    """The session begins; nothing of it stays."""
    with Session(server, kind) as session:
        event = session.initialize(request).event()
        assert event.name == "info-consumer-ready", event.data


def refuses(server, kind, request, *fields):
    event = answer(server, kind, request)
    assert (event.name, event.fields) == ("error-parameters", list(fields)), event.data


# ---- 2.4.1 metadata: values that are taken, a value that is not, whether it may be left out

METADATA = {
    "audio_protocol: string, twilio, required": ("audio_protocol", ["twilio"], "sip", True),
    "audio_format: string, raw, required": ("audio_format", ["raw"], "mp3", True),
    "audio_codec: string, mulaw, required": ("audio_codec", ["mulaw", "alaw"], "gsm", True),
    "sample_format: string, empty, default empty": ("sample_format", [""], "s24le", False),
    "sample_rate: string in Socket.IO, number in REST, required": ("sample_rate", ["8000", 8000], "8k", True),
    "channels: string in Socket.IO, number in REST, required": ("channels", ["1", 1], "mono", True),
    "call_id: string, opaque, 1 to 256 characters, required": ("call_id", ["x" * 256, str(uuid.uuid4())], "", True),
}


@pytest.mark.parametrize("row", METADATA)
def test_2_4_1_metadata(server, row):
    member, good, bad, required = METADATA[row]
    for value in good:
        accepts(server, "register", changed(register_request(), "metadata", member, value))
    refuses(server, "register", changed(register_request(), "metadata", member, bad), f"metadata.{member}")
    without = changed(register_request(), "metadata", member, MISSING)
    if required:
        refuses(server, "register", without, f"metadata.{member}")
    else:
        accepts(server, "register", without)


def test_2_4_1_audio_protocol_audiohook_is_accepted(server):
    accepts(server, "register", register_request(audio_protocol="audiohook"))


def test_2_4_1_call_id_is_compared_exactly(server):
    call_id = "Call-" + uuid.uuid4().hex
    with start(server, register_request(call_id=call_id)):
        accepts(server, "register", register_request(call_id=call_id.lower()))
        refuses(server, "register", register_request(call_id=call_id), "metadata.call_id")


# ---- 2.4.2 and 2.4.3 the requests; MODEL stands for the hash of the installed model

MODEL = object()
REGISTER_REQUEST = {
    "audio_total_duration: number, 3.0 to 30.0, required": ("audio_total_duration", [3.0, 30, "5.0"], 2.99, True),
    "authenticity_threshold: number 0..1, optional": ("authenticity_threshold", [0, 1, "0.8"], 1.01, False),
    "model_hash: string, optional, unknown is error-parameters": ("model_hash", [MODEL], "0" * 56, False),
    "calibration: string, default telephone-channel": ("calibration", ["telephone-channel"], "satellite", False),
}
SCORE = ([0, 1, "0.5"], 1.01, False)
VERIFY_REQUEST = REGISTER_REQUEST | {
    "credential: string, required": ("credential", [], "no credential", True),
    "score_threshold: number 0..1, default 0.5": ("score_threshold", *SCORE),
    "score_threshold: alias similarity_threshold": ("similarity_threshold", *SCORE),
    "score_threshold: alias biometric_threshold": ("biometric_threshold", *SCORE),
    "score_threshold: alias threshold": ("threshold", *SCORE),
}


@pytest.fixture(scope="module")
def model(server):
    """The hash of the model that is used if a request names none."""
    rest = Rest(server)
    session = rest.create()
    rest.delete(f"/register_session/{session['id']}")
    return session["model_hash"]


def assert_row(server, kind, request, model, member, good, bad, required):
    section = f"{kind}_request"
    for value in good:
        accepts(server, kind, changed(request(), section, member, model if value is MODEL else value))
    refuses(server, kind, changed(request(), section, member, bad), f"{section}.{member}")
    without = changed(request(), section, member, MISSING)
    if required:
        refuses(server, kind, without, f"{section}.{member}")
    else:
        accepts(server, kind, without)


@pytest.mark.parametrize("row", REGISTER_REQUEST)
def test_2_4_2_register_request(server, model, row):
    assert_row(server, "register", register_request, model, *REGISTER_REQUEST[row])


@pytest.mark.parametrize("row", VERIFY_REQUEST)
def test_2_4_3_verify_request(server, credential, model, row):
    assert_row(server, "verify", lambda: verify_request(credential), model, *VERIFY_REQUEST[row])


def test_2_4_3_conflicting_aliases_are_error_parameters(server, credential):
    request = changed(verify_request(credential), "verify_request", "threshold", 0.4)
    refuses(server, "verify", changed(request, "verify_request", "score_threshold", 0.5), "verify_request.threshold")
    accepts(server, "verify", changed(request, "verify_request", "score_threshold", "0.40"))


def test_2_4_2_the_defaults_are_the_documented_ones(server, credential, model):
    rest = Rest(server)
    for kind in ("register", "verify"):
        session = rest.create(kind, authenticity_threshold=None, credential=credential if kind == "verify" else None)
        rest.delete(f"/{kind}_session/{session['id']}")
        assert (session["authenticity_threshold"], session["model_hash"]) == (0.5, model)
        assert session["calibration"] == "telephone-channel"
        assert session.get("score_threshold") == (0.5 if kind == "verify" else None)


# ---- 2.5.1 and 2.5.2 events and payloads


@pytest.fixture(scope="module")
def outcomes(server, credential):
    """The events of one call for each outcome; one of each name."""
    spoof, other = audio.mulaw(audio.files("synthetic")[0]), audio.mulaw(audio.files("other")[0])
    heard = {}
    for kind, sound in [
        ("register", audio.enrol()), ("register", spoof),
        ("verify", audio.same()), ("verify", other), ("verify", spoof),
    ]:  # fmt: skip
        request = register_request() if kind == "register" else verify_request(credential)
        session, _, _ = calls.call(server, request, sound)
        heard |= {(kind, event.name): event for event in session.events}
    for kind in ("register", "verify"):
        request = register_request() if kind == "register" else verify_request(credential)
        heard[kind, "error-parameters"] = answer(server, kind, {})
        heard[kind, "error-consumer-not-ready"] = calls.without_consumer(server, kind, request)
        session, outcome, _ = calls.call(server, request, audio.silence(1), at=(0.5, lambda carrier: carrier.stop()))
        heard[kind, "error-audio"] = outcome
    altered = credential[:-8] + ("A" if credential[-8] != "A" else "B") + credential[-7:]
    heard["verify", "error-das-Peak"] = answer(server, "verify", verify_request(altered))
    return heard


READY = "Audio consumer for provided audio protocol is ready"
VAD = "Voice activity detection percentage"
MEASURED = {"authenticity", "voice_audio_collected"}
PROGRESS = {"audio_seconds", "vad_percentage"}
PAYLOADS = {
    "info-consumer-ready (register)": (READY, set()),
    "info-consumer-ready (verify)": (READY, set()),
    "info-vad-status (register)": (VAD, PROGRESS),
    "info-vad-status (verify)": (VAD, PROGRESS),
    "result-success (register)": ("Registration: approved", MEASURED | {"credential"}),
    "result-success (verify)": ("Verification: approved", MEASURED | {"score"}),
    "result-fail-score (verify)": ("Verification: rejected", MEASURED | {"score"}),
    "result-fail-spoof (register)": ("Registration: rejected", MEASURED),
    "result-fail-spoof (verify)": ("Verification: rejected", MEASURED | {"score"}),
    "error-parameters (register)": ("Invalid parameters: .+", {"details"}),
    "error-parameters (verify)": ("Invalid parameters: .+", {"details"}),
    "error-consumer-not-ready (register)": ("Audio consumer for provided audio protocol is not ready.*", set()),
    "error-consumer-not-ready (verify)": ("Audio consumer for provided audio protocol is not ready.*", set()),
    "error-audio (register)": ("The audio ended early: .+", PROGRESS),
    "error-audio (verify)": ("The audio ended early: .+", PROGRESS),
    "error-das-Peak (verify)": ("Decryption error", {"exception", "error"}),
}


@pytest.mark.parametrize("row", PAYLOADS)
def test_2_5_1_and_2_5_2_each_event_with_its_payload(outcomes, row):
    name, kind = row.removesuffix(")").split(" (")
    content, members = PAYLOADS[row]
    event = outcomes[kind, name]
    assert event.name == event.data["event"] == name
    assert re.fullmatch(content, event.data["content"]), event.data["content"]
    assert set(event.data) - ADDITIVE == {"event", "content"} | members
    for member in members & {"authenticity", "score"}:
        assert 0 <= event.data[member] <= 1
    if members & PROGRESS:
        assert isinstance(event.data["vad_percentage"], int)
        assert round(event.data["audio_seconds"], 2) == event.data["audio_seconds"]


def test_2_5_1_there_are_no_other_events(outcomes):
    assert {f"{name} ({kind})" for kind, name in outcomes} == set(PAYLOADS)


# ---- 2.5.5 when events are sent


@pytest.fixture(scope="module")
def whole(server):
    """One registration from its beginning to its end."""
    return calls.call(server, register_request(), audio.enrol(), speed=8)


def test_2_5_5_1_a_client_that_joined_and_asks_nothing_hears_nothing(server):
    with Session(server, "register") as session:
        session.emit("something else")
        session.initialize(register_request())
        # The first thing it hears is the answer to what it asks.
        assert session.event().name == "info-consumer-ready"


def test_2_5_5_2_a_validation_failure_is_error_parameters_then_the_end(server):
    assert answer(server, "register", {}).name == "error-parameters"


def test_2_5_5_2_a_consumer_that_cannot_be_prepared_is_error_consumer_not_ready_then_the_end(server):
    assert calls.without_consumer(server, "register", register_request()).name == "error-consumer-not-ready"


def test_2_5_5_3_exactly_one_info_consumer_ready_comes_first(whole):
    names = [event.name for event in whole[0].events]
    assert names[0] == "info-consumer-ready" and names.count("info-consumer-ready") == 1


def test_2_5_5_4_one_status_for_each_4096_samples_even_without_speech(server):
    request = register_request()
    with start(server, request) as session, Carrier(server, request["metadata"]["call_id"]).start() as carrier:
        carrier.play(audio.silence(2.1), 0)
        statuses = [session.event().data for _ in range(int(2.1 * audio.RATE) // audio.BLOCK)]
        assert {(status["audio_seconds"], status["vad_percentage"]) for status in statuses} == {(0, 0)}


def test_2_5_5_5_the_last_status_is_at_least_100_then_one_terminal_event(whole):
    last, terminal = whole[0].events[-2:]
    assert (last.name, last.data["vad_percentage"] >= 100) == ("info-vad-status", True)
    assert terminal.data["voice_audio_collected"] == last.data["audio_seconds"]


def test_2_5_5_6_exactly_one_terminal_event(whole):
    assert [event.is_terminal for event in whole[0].events].count(True) == 1


# ---- 3.2 endpoints


@pytest.fixture(scope="module")
def finished(server, credential):
    """A finished session of each kind."""
    rest = Rest(server)
    sessions = {}
    for kind, sound in (("register", audio.enrol()), ("verify", audio.same())):
        session = rest.create(kind, credential=credential if kind == "verify" else None)
        with Carrier(server, session["call_id"], "minimal").start() as carrier:
            carrier.play(sound, 0)
            sessions[kind] = rest.polled(session, kind)[-1]
    return sessions


def new_session(rest, kind, finished, credential):
    return rest.post(f"/{kind}_session", rest.request_of(kind, credential=credential if kind == "verify" else None))


def delete_session(rest, kind, finished, credential):
    return rest.delete(f"/{kind}_session/{new_session(rest, kind, finished, credential).json()['id']}")


ENDPOINTS = {
    "POST /v1/audio_settings": (201, lambda rest, *_: rest.post("/audio_settings", AUDIO)),
    "GET /v1/audio_settings/{id}": (200, lambda rest, *_: rest.get(f"/audio_settings/{rest.settings()}")),
    "DELETE /v1/audio_settings/{id}": (204, lambda rest, *_: rest.delete(f"/audio_settings/{rest.settings()}")),
    "GET /v1/alive": (204, lambda rest, *_: rest.get("/alive", headers={"apikey": None})),
} | {
    row.replace("KIND", kind): (status, lambda rest, *known, kind=kind, ask=ask: ask(rest, kind, *known))
    for kind in ("register", "verify")
    for row, (status, ask) in {
        "POST /v1/KIND_session": (201, new_session),
        "GET /v1/KIND_session/{id}": (
            200,
            lambda rest, kind, known, _: rest.get(f"/{kind}_session/{known[kind]['id']}"),
        ),
        "GET /v1/KIND_session?call_id=": (
            200,
            lambda rest, kind, known, _: rest.get(f"/{kind}_session?call_id={known[kind]['call_id']}"),
        ),
        "GET /v1/KIND_session/{id}/collected_audio": (
            200,
            lambda rest, kind, known, _: rest.get(f"/{kind}_session/{known[kind]['id']}/collected_audio"),
        ),
        "DELETE /v1/KIND_session/{id}": (204, delete_session),
    }.items()
}


@pytest.mark.parametrize("prefix", ["/dpsrest/v1", "/v1"])
@pytest.mark.parametrize("row", ENDPOINTS)
def test_3_2_endpoints(server, finished, credential, row, prefix):
    status, ask = ENDPOINTS[row]
    rest = Rest(server, prefix)
    answer = ask(rest, finished, credential)
    assert answer.status_code == status, answer.text
    assert "x-request-id" in answer.headers
    if status == 204:
        assert answer.content == b""
    if row.startswith("POST") and "session" in row:
        rest.delete(f"/{row.split('/')[-1]}/{answer.json()['id']}")


# ---- 3.5 the session resource: type, and the stages where the member is there

TEXT, NUMBER, YES_NO = str, (int, float), bool
BEFORE, SUCCESS, ERROR = "waiting", "success", "error"
ALWAYS = {BEFORE, SUCCESS, ERROR}
MEMBERS = {
    "id": (TEXT, ALWAYS),
    "audio_settings_id": (TEXT, ALWAYS),
    "call_id": (TEXT, ALWAYS),
    "created_at": (TEXT, ALWAYS),
    "updated_at": (TEXT, ALWAYS),
    "audio_total_duration": (NUMBER, ALWAYS),
    "authenticity_threshold": (NUMBER, ALWAYS),
    "score_threshold (verify)": (NUMBER, ALWAYS),
    "model_hash": (TEXT, ALWAYS),
    "status": (TEXT, ALWAYS),
    "finished": (YES_NO, ALWAYS),
    "event": (TEXT, ALWAYS),
    "content": (TEXT, ALWAYS),
    "audio_seconds": (NUMBER, ALWAYS),
    "vad_percentage": (NUMBER, ALWAYS),
    "authenticity": (NUMBER, {SUCCESS}),
    "voice_audio_collected": (NUMBER, {SUCCESS}),
    "credential (register)": (TEXT, {SUCCESS}),
    "score (verify)": (NUMBER, {SUCCESS}),
    "exception": (TEXT, {ERROR}),
    "error": (TEXT, {ERROR}),
}


@pytest.fixture(scope="module")
def resources(server, finished, credential):
    """A session of each kind at each stage."""
    rest, seen = Rest(server), {}
    for kind in ("register", "verify"):
        session = new_session(rest, kind, finished, credential).json()
        rest.delete(f"/{kind}_session/{session['id']}")
        seen[kind] = {BEFORE: session, SUCCESS: finished[kind], ERROR: rest.session(session, kind)}
    return seen


@pytest.mark.parametrize("row", MEMBERS)
@pytest.mark.parametrize("kind", ["register", "verify"])
def test_3_5_session_resource(resources, kind, row):
    member, _, only = row.removesuffix(")").partition(" (")
    what, stages = MEMBERS[row]
    for stage, resource in resources[kind].items():
        expected = stage in stages and only in ("", kind)
        assert (member in resource) == expected, (stage, member)
        if expected:
            assert isinstance(resource[member], what) and resource[member] != ""


def test_3_5_there_are_no_other_members(resources):
    known = {row.split(" (")[0] for row in MEMBERS} | {"calibration", "calibration_id"}
    known |= {"authenticity_judged", "authenticity_llr"}
    assert {member for kind in resources.values() for seen in kind.values() for member in seen} == known


@pytest.mark.parametrize(
    "kind, role, status",
    [("verify", "other", "fail_score"), ("verify", "synthetic", "fail_spoof"), ("register", "synthetic", "fail_spoof")],
)
def test_3_5_status_of_a_rejection(server, credential, kind, role, status):
    rest = Rest(server)
    session = rest.create(kind, audio_total_duration=5.0, credential=credential if kind == "verify" else None)
    with Carrier(server, session["call_id"], "minimal").start() as carrier:
        carrier.play(audio.mulaw(audio.files(role)[0]), 0)
        last = rest.polled(session, kind)[-1]
    assert (last["status"], last["finished"], "credential" in last) == (status, True, False)
    assert last["event"] == "result-" + status.replace("_", "-")


# ---- 3.6 status codes


def live(rest):
    """A session that is not finished, for the request that follows; given back by its `DELETE`."""
    return rest.create()


def conflict(rest):
    session = live(rest)
    answer = rest.post("/register_session", rest.request_of(call_id=session["call_id"]))
    rest.delete(f"/register_session/{session['id']}")
    return answer


def not_collected(rest):
    session = live(rest)
    answer = rest.get(f"/register_session/{session['id']}/collected_audio")
    rest.delete(f"/register_session/{session['id']}")
    return answer


NOBODY = "00000000-0000-4000-8000-000000000000"
STATUSES = {
    "201 create": (201, None, lambda rest: rest.post("/audio_settings", AUDIO)),
    "200 read": (200, None, lambda rest: rest.get(f"/audio_settings/{rest.settings()}")),
    "204 delete": (204, None, lambda rest: rest.delete(f"/audio_settings/{rest.settings()}")),
    "204 alive": (204, None, lambda rest: rest.get("/alive")),
    "400 validation": (400, "InvalidParametersException", lambda rest: rest.post("/audio_settings", {"channels": 9})),
    "400 not JSON": (
        400,
        "InvalidParametersException",
        lambda rest: rest.request("POST", "/audio_settings", data="{", headers={"Content-Type": "application/json"}),
    ),
    "400 unknown audio_settings_id on create": (
        400,
        "InvalidParametersException",
        lambda rest: rest.post("/register_session", rest.request_of(settings=NOBODY)),
    ),
    "401 missing apikey": (401, "Unauthorized", lambda rest: rest.get("/audio_settings/x", headers={"apikey": None})),
    "401 wrong apikey": (401, "Unauthorized", lambda rest: rest.get("/audio_settings/x", headers={"apikey": "x"})),
    "404 unknown id": (404, "NotFoundException", lambda rest: rest.get(f"/register_session/{NOBODY}")),
    "404 no id": (404, "NotFoundException", lambda rest: rest.get("/verify_session/none")),
    "409 a live session already uses this call_id": (409, "CallIdInUseException", conflict),
    "409 collected audio not yet available": (409, "NotCollectedException", not_collected),
    "413": (413, "PayloadTooLargeException", lambda rest: rest.post("/audio_settings", {"x": "x" * (256 << 10)})),
    "415 non-JSON body": (
        415,
        "UnsupportedMediaTypeException",
        lambda rest: rest.request("POST", "/audio_settings", data={"audio_protocol": "twilio"}),
    ),
}


@pytest.mark.parametrize("row", STATUSES)
def test_3_6_status_codes_and_errors(server, row):
    status, exception, ask = STATUSES[row]
    answer = ask(Rest(server))
    assert answer.status_code == status, answer.text
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])
    if exception:
        body = answer.json()
        assert body["exception"] == exception and body["error"]
        extra = {"details"} if "details" in body else {"message"} if status == 401 else set()
        assert set(body) == {"exception", "error"} | extra
        assert ("details" in body) == (row in ("400 validation", "400 unknown audio_settings_id on create"))


def test_3_6_429_session_limit(impatient_server):
    impatient_server.becomes_idle()
    rest = Rest(impatient_server)
    session = rest.create()
    refused = rest.post("/register_session", rest.request_of())
    assert (refused.status_code, refused.json()["exception"]) == (429, "SessionLimitException")
    assert int(refused.headers["retry-after"]) >= 1
    rest.delete(f"/register_session/{session['id']}")
    eventually(lambda: impatient_server.live_sessions() == 0, "the session lives")


def test_3_6_each_answer_has_its_own_request_id(server):
    ids = {requests.get(server.base + "/dpsrest/v1/alive", timeout=20).headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5
