"""The same calls with the real JavaScript client, npm's socket.io-client."""

import base64
import json
import pathlib
import shutil
import subprocess

import pytest

from support import audio
from support.carrier import Carrier
from support.signalling import register_request, verify_request

PROGRAM = pathlib.Path(__file__).parent / "js" / "client.js"


class JavaScript:
    """One run of the program; its lines as they come."""

    def __init__(self, folder, **what):
        # Node looks for packages beside the program, so the program goes to where they are installed.
        program = shutil.copy(PROGRAM, folder)
        command = ["node", program, json.dumps(what)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.lines = []

    def line(self):
        """The next thing it saw."""
        self.lines.append(json.loads(self.process.stdout.readline()))
        return self.lines[-1]

    def until(self, what):
        while (line := self.line())["what"] != what:
            pass
        return line

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def call(server, javascript, namespace, request, sound, **how):
    """A whole call: the program's lines."""
    server.private.add(request["metadata"]["call_id"])
    how = {"headers": {"Authorization": f"Bearer {server.token()}"}} | how
    with JavaScript(javascript, url=server.base + namespace, emit=[["initialize", request]], **how) as client:
        ready = client.until("event")
        assert ready["event"] == "info-consumer-ready", ready
        with Carrier(server, request["metadata"]["call_id"], "minimal").start() as carrier:
            carrier.play(sound, speed=8)
        assert client.until("disconnect")["reason"] == "io server disconnect"
        assert client.process.wait(10) == 0
        return client.lines


def assert_documented(lines, name):
    events = [line for line in lines if line["what"] == "event"]
    statuses = events[1:-1]
    assert statuses and {event["event"] for event in statuses} == {"info-vad-status"}
    assert all(len(event["args"]) == 2 for event in events)
    data, collected = events[-1]["args"]
    assert events[-1]["event"] == data["event"] == name, data
    assert data["voice_audio_collected"] == statuses[-1]["args"][0]["audio_seconds"]
    rate, _, _, speech = audio.open_wav(base64.b64decode(collected["binary"]))
    assert round(len(speech) / rate, 2) == data["voice_audio_collected"]


WAYS = [("websocket",), ("polling",), ("polling", "websocket")]


@pytest.mark.parametrize("transports", WAYS, ids=", ".join)
@pytest.mark.parametrize("namespace", ["/socket.io/register", "/register"])
def test_the_javascript_client_registers(server, javascript, namespace, transports):
    lines = call(server, javascript, namespace, register_request(3.0), audio.enrol(), transports=transports)
    assert_documented(lines, "result-success")
    server.private.add(lines[-2]["args"][0]["credential"])
    upgraded = [line["to"] for line in lines if line["what"] == "upgrade"]
    assert upgraded == (["websocket"] if len(transports) == 2 else [])


@pytest.mark.parametrize(
    "role, name", [("same", "result-success"), ("other", "result-fail-score"), ("synthetic", "result-fail-spoof")]
)
def test_the_javascript_client_verifies(server, javascript, credential, role, name):
    sound = audio.same() if role == "same" else audio.mulaw(audio.files(role)[0])
    lines = call(server, javascript, "/socket.io/verify", verify_request(credential), sound)
    assert_documented(lines, name)


def test_a_browser_which_sets_no_headers_proves_itself_in_the_payload_or_the_query(server, javascript):
    token = server.token()
    how = {"headers": {}, "auth": {"token": token}}
    lines = call(server, javascript, "/socket.io/register", register_request(3.0), audio.enrol(), **how)
    assert_documented(lines, "result-success")
    url = f"/socket.io/register?access_token={token}"
    lines = call(server, javascript, url, register_request(3.0), audio.enrol(), headers={})
    assert_documented(lines, "result-success")


def test_without_a_token_the_javascript_client_is_refused_as_unauthorized(server, javascript):
    for namespace in ("/socket.io/register", "/socket.io/verify"):
        with JavaScript(javascript, url=server.base + namespace) as client:
            assert client.until("refused")["message"] == "Unauthorized"


def test_alive_is_ended_by_the_server(server, javascript):
    with JavaScript(javascript, url=server.base + "/socket.io/alive", emit=[["alive"]]) as client:
        assert client.until("disconnect")["reason"] == "io server disconnect"
