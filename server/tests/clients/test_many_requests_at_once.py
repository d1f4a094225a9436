"""The same request many times at the same moment: one object, whoever comes first."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

from support.rest import AUDIO, Rest
from support.signalling import Session, register_request

MANY = 20


def at_once(tasks):
    """Runs them all at the same moment."""
    gate = threading.Barrier(len(tasks))

    def run(task):
        gate.wait()
        return task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run, tasks))


def assert_one(rest, path, body, field):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    answers = at_once([lambda: rest.post(path, body, headers=key)] * MANY)
    made = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    assert made and len(set(made)) == 1, [answer.status_code for answer in answers]
    for answer in answers:
        if answer.status_code != 201:
            # The first is being answered.
            assert (answer.status_code, answer.json()["exception"]) == (409, "IdempotencyException"), answer.text
            assert answer.headers["retry-after"] == "1"
    again = rest.post(path, body, headers=key)
    assert (again.status_code, again.json()["id"]) == (201, made[0])
    other = rest.post(path, body | {field: body[field] * 2}, headers=key)
    assert other.status_code == 422, other.text
    return made[0]


def test_twenty_audio_settings_with_one_idempotency_key_are_one(server):
    rest = Rest(server)
    settings = assert_one(rest, "/audio_settings", AUDIO, "channels")
    assert rest.get(f"/audio_settings/{settings}").status_code == 200


def test_twenty_sessions_with_one_idempotency_key_are_one(server):
    rest = Rest(server)
    request = rest.request_of(audio_total_duration=5.0)
    before = server.live_sessions()
    session = assert_one(rest, "/register_session", request, "audio_total_duration")
    assert server.live_sessions() == before + 1
    found = rest.get("/register_session", params={"call_id": request["call_id"]}).json()
    assert found["id"] == session
    assert rest.delete(f"/register_session/{session}").status_code == 204


def test_twenty_keys_at_once_are_twenty_objects(server):
    rest = Rest(server)
    headers = [{"Idempotency-Key": str(uuid.uuid4())} for _ in range(MANY)]
    answers = at_once([lambda key=key: rest.post("/audio_settings", AUDIO, headers=key) for key in headers])
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == MANY


def test_of_twenty_sessions_with_one_call_id_exactly_one_is_created(server):
    rest = Rest(server)
    request = rest.request_of()
    answers = at_once([lambda: rest.post("/register_session", request)] * MANY)
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201] + [409] * (MANY - 1)
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["exception"] == "CallIdInUseException"
    [session] = [answer.json() for answer in answers if answer.status_code == 201]
    assert rest.session(session)["status"] == "consumer_ready"
    assert rest.delete(f"/register_session/{session['id']}").status_code == 204


def test_over_both_channels_one_call_id_is_one_session(server):
    rest = Rest(server)
    request = register_request()
    call_id = request["metadata"]["call_id"]
    flat = rest.request_of(call_id=call_id)
    sessions = [Session(server, "register").connect() for _ in range(5)]
    over_rest = [lambda: rest.post("/register_session", flat).status_code == 201] * 5
    over_socket = [
        lambda session=session: session.initialize(request).event().name == "info-consumer-ready"
        for session in sessions
    ]
    assert sorted(at_once(over_rest + over_socket)) == [False] * 9 + [True]
    found = rest.get("/register_session", params={"call_id": call_id}).json()
    for session in sessions:
        session.leave()
    rest.delete(f"/register_session/{found['id']}")
