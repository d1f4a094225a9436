"""What an operator changes on the command line, as the real client meets it: without a restart."""

import json
import os
import subprocess

import pytest
import socketio

from support.server import BINARY
from support.signalling import Session, register_request


def peakstream(server, *args):
    """One change, as an operator makes it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PEAKSTREAM_")}
    command = [BINARY, *args, "--data-dir", server.data_dir, "--json"]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    answer = json.loads(run.stdout)
    server.private.update(value for name, value in answer.items() if name in ("client_secret", "api_key"))
    return answer


@pytest.fixture
def tenant(server):
    peakstream(server, "tenant", "add", "acme")
    yield "acme"
    peakstream(server, "tenant", "remove", "acme", "--yes")


def token_of(server, client, **other):
    form = {"grant_type": "client_credentials"} | {name: client[name] for name in ("client_id", "client_secret")}
    answer = server.ask_for_token(data=form | other)
    assert answer.status_code == 200, answer.text
    server.private.add(answer.json()["access_token"])
    return answer.json()["access_token"]


def joining(server, kind, token):
    return Session(server, kind, connect_with={"headers": {"Authorization": f"bearer {token}"}})


def refusal(server, kind, token):
    session = joining(server, kind, token)
    with pytest.raises(socketio.exceptions.ConnectionError):
        session.connect()
    session.leave()
    return session.refusal["message"] if isinstance(session.refusal, dict) else session.refusal


def test_a_new_client_works_within_its_scope_until_it_is_disabled(server, tenant):
    client = peakstream(server, "key", "add", "--tenant", tenant, "--client")
    token = token_of(server, client, scope="register")
    with joining(server, "register", token) as session:
        session.initialize(register_request()).consumer_ready()
    assert refusal(server, "verify", token) == "Insufficient scope"
    with joining(server, "register", token) as open_connection:
        peakstream(server, "key", "disable", client["client_id"])
        assert refusal(server, "register", token) == "Unauthorized"
        outcome = open_connection.initialize(register_request()).outcome()
    assert outcome.name == "error-consumer-not-ready"


def test_a_tenant_over_its_rate_is_refused_and_another_is_not(server, tenant):
    client = peakstream(server, "key", "add", "--tenant", tenant, "--client")
    token = token_of(server, client)
    peakstream(server, "tenant", "limit", tenant, "--requests-per-second", "0.001")
    with joining(server, "register", token):
        pass
    assert refusal(server, "register", token) == "Too many requests"
    with joining(server, "register", server.token()):
        pass
