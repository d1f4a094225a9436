"""Who may join which namespace, over which transport, with which proof; and what the token endpoint says."""

import base64
import hashlib
import hmac
import json
import time

import pytest
import requests
import socketio

from support import audio
from support.carrier import Carrier
from support.signalling import Session, register_request, verify_request

NAMESPACES = ["/socket.io/register", "/register", "/socket.io/verify", "/verify"]
TRANSPORTS = {"websocket": ("websocket",), "polling": ("polling",), "polling, then websocket": ("polling", "websocket")}


# ---- namespaces and transports


@pytest.mark.parametrize("transports", TRANSPORTS.values(), ids=TRANSPORTS)
@pytest.mark.parametrize("namespace", NAMESPACES)
def test_a_call_works_in_both_spellings_and_over_each_transport(server, credential, namespace, transports):
    kind = namespace.rsplit("/", 1)[1]
    request = register_request(3.0) if kind == "register" else verify_request(credential, 3.0)
    with Session(server, kind, namespace, transports) as session:
        session.initialize(request).consumer_ready()
        with Carrier(server, request["metadata"]["call_id"], "minimal").start() as carrier:
            carrier.play(audio.enrol(), speed=8)
            outcome = session.outcome()
        assert session.client.transport() == transports[-1]
        session.ended_by_server()
    assert outcome.name == "result-success", outcome.data
    # Binary: an attachment of its own over WebSocket, base64 over polling.
    assert audio.open_wav(outcome.audio)


def test_one_connection_may_join_register_and_verify(server):
    client = socketio.Client(reconnection=False, handle_sigint=False)
    client.connect(
        server.base,
        headers={"Authorization": f"bearer {server.token()}"},
        namespaces=["/socket.io/register", "/socket.io/verify"],
        transports=["websocket"],
        wait_timeout=15,
    )
    assert set(client.namespaces) == {"/socket.io/register", "/socket.io/verify"}
    client.disconnect()


def test_an_unknown_namespace_is_refused(server):
    session = Session(server, "register", "/socket.io/enrol")
    with pytest.raises(socketio.exceptions.ConnectionError):
        session.connect()
    assert message(session.refusal) == "Invalid namespace"


def test_the_default_namespace_may_be_joined_unasked(server):
    with Session(server, "register", "/", connect_with={}) as session:
        assert session.client.connected


@pytest.mark.parametrize("namespace", ["/socket.io/alive", "/alive"])
def test_alive_needs_no_token_and_the_event_alive_ends_it(server, namespace):
    with Session(server, "alive", namespace, connect_with={}) as session:
        session.emit("alive")
        session.ended_by_server()


# ---- proofs


def as_header(token):
    return {"connect_with": {"headers": {"Authorization": token}}}


PROOFS = {
    "header": lambda token: as_header(f"bearer {token}"),
    "header, other case": lambda token: as_header(f"BEARER {token}"),
    "payload, token": lambda token: {"connect_with": {"auth": {"token": token}}},
    "payload, Authorization": lambda token: {"connect_with": {"auth": {"Authorization": f"Bearer {token}"}}},
    "query": lambda token: {"query": f"/?access_token={token}", "connect_with": {}},
}


@pytest.mark.parametrize("proof", PROOFS)
@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_token_is_taken_from_wherever_clients_put_it(server, proof, transport):
    session = Session(server, "register", transports=(transport,), **PROOFS[proof](server.token()))
    with session:
        session.initialize(register_request()).consumer_ready()


def signed(server, expires, key=None, algorithm="HS256"):
    """A token as the server's own, with the key from its data directory."""

    def encoded(part):
        return base64.urlsafe_b64encode(json.dumps(part).encode() if isinstance(part, dict) else part).rstrip(b"=")

    own = server.token().split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(own + "=" * (-len(own) % 4)))
    text = server.token_key() if key is None else key
    secret = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    signing = encoded({"typ": "JWT", "alg": algorithm}) + b"." + encoded(claims | {"exp": int(time.time()) + expires})
    signature = encoded(hmac.digest(secret, signing, hashlib.sha256)) if algorithm == "HS256" else b""
    token = (signing + b"." + signature).decode()
    server.private.add(token)
    return token


def test_a_token_that_we_sign_ourselves_is_accepted_so_that_the_expired_one_means_something(server):
    with Session(server, "register", **PROOFS["header"](signed(server, 60))):
        pass


REFUSED = {
    "no token": lambda server: {"connect_with": {}},
    "an empty token": lambda server: as_header("bearer "),
    "a wrong token": lambda server: as_header("bearer wrong"),
    "another scheme": lambda server: as_header(f"Basic {server.token()}"),
    "no scheme": lambda server: as_header(server.token()),
    "an expired token": lambda server: as_header(f"bearer {signed(server, -1)}"),
    "a stranger's token": lambda server: as_header(f"bearer {signed(server, 60, key='A' * 43)}"),
    "an unsigned token": lambda server: as_header(f"bearer {signed(server, 60, algorithm='none')}"),
    "an altered token": lambda server: as_header(f"bearer {server.token()[:-2]}"),
    "a wrong payload": lambda server: {"connect_with": {"auth": {"token": "wrong"}}},
    "a payload of another shape": lambda server: {"connect_with": {"auth": [1, 2]}},
    "a wrong query": lambda server: {"query": "/?access_token=wrong", "connect_with": {}},
}


@pytest.mark.parametrize("kind", ["register", "verify"])
@pytest.mark.parametrize("what", REFUSED)
def test_without_a_good_token_the_connection_is_refused_as_unauthorized(server, kind, what):
    session = Session(server, kind, **REFUSED[what](server))
    with pytest.raises(socketio.exceptions.ConnectionError):
        session.connect()
    assert message(session.refusal) == "Unauthorized"
    session.leave()


def message(refusal):
    return refusal["message"] if isinstance(refusal, dict) else refusal


# ---- how a client wants its events


def test_a_client_may_ask_for_one_argument_or_for_strings(server):
    options = {"event_args": "always1", "payload_encoding": "string", "token": server.token()}
    with Session(server, "register", connect_with={"auth": options}) as session:
        ready = session.initialize(register_request()).event()
        assert len(ready.args) == 1
        assert json.loads(ready.data)["event"] == ready.name == "info-consumer-ready"


# ---- the token endpoint (RFC 6749)


def form(server, **other):
    known = server.first_run
    members = {"client_id": known["client_id"], "client_secret": known["client_secret"]}
    members = members | {"grant_type": "client_credentials"} | other
    return {name: value for name, value in members.items() if value is not None}


def assert_token(server, response):
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    answer = response.json()
    assert set(answer) == {"token_type", "access_token", "expires_in", "scope"}
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("bearer", 7200, "register verify")
    server.private.add(answer["access_token"])


def test_credentials_may_come_as_form_as_json_or_by_basic(server):
    known = server.first_run
    basic = (known["client_id"], known["client_secret"])
    assert_token(server, server.ask_for_token(data=form(server)))
    assert_token(server, server.ask_for_token(json=form(server)))
    assert_token(server, server.ask_for_token(data={"grant_type": "client_credentials"}, auth=basic))


WRONG = {
    "a wrong secret": ({"client_secret": "wrong"}, 401, "invalid_client"),
    "an empty secret": ({"client_secret": ""}, 401, "invalid_client"),
    "no secret": ({"client_secret": None}, 401, "invalid_client"),
    "an unknown client": ({"client_id": "nobody"}, 401, "invalid_client"),
    "no client": ({"client_id": None}, 401, "invalid_client"),
    "no grant type": ({"grant_type": None}, 400, "invalid_request"),
    "another grant type": ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    "an unknown scope": ({"scope": "admin"}, 400, "invalid_scope"),
}


@pytest.mark.parametrize("encoding", ["data", "json"])
@pytest.mark.parametrize("what", WRONG)
def test_the_token_endpoint_refuses_as_rfc_6749_says(server, what, encoding):
    other, status, error = WRONG[what]
    response = server.ask_for_token(**{encoding: form(server, **other)})
    assert (response.status_code, response.json()["error"]) == (status, error)
    assert isinstance(response.json()["error_description"], str)
    assert response.headers["cache-control"] == "no-store"
    if status == 401:
        assert response.headers["www-authenticate"].lower().startswith("basic")


def test_the_token_endpoint_takes_no_credentials_twice_and_no_nonsense(server):
    basic = ("nobody", "wrong")
    twice = server.ask_for_token(data=form(server), auth=basic)
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")
    nonsense = server.ask_for_token(data=b"{", headers={"Content-Type": "application/json"})
    assert (nonsense.status_code, nonsense.json()["error"]) == (400, "invalid_request")
    huge = server.ask_for_token(data={"grant_type": "x" * 100_000})
    assert huge.status_code == 413
    assert requests.get(server.base + "/socket.io/oauth2/token", timeout=15).status_code == 405
