"""The clients that every implementation is tested with, unmodified, from the folder beside the repository."""

import json
import os
import subprocess
import sys

import pytest

from support import audio
from support.signalling import register_request, start

BREAKS = {
    # the client's name of it: codes with which the server may end the connection; None: the call goes on
    "notjson": {1007},
    "array": {1003, 1007},
    "string": {1003, 1007},
    "noevent": {1003, 1007},
    "binary": {1003},
    "huge": {1009},
    "deep": {1003, 1007},
    "badbase64": None,
    "nopayload": None,
    "nomedia": None,
    "emptypayload": None,
    "oddpayload": None,
    "numbers": None,
    "unknown": None,
    "twostarts": None,
    "wrongstreamsid": None,
    "ping": None,
    "pong": None,
    "fragment": None,
    "mark": None,
}
NO_START = ["nostart", "nocallsid", "emptycallsid", "numcallsid"]
MANNERS = [
    ["--speed", "1"],
    ["--minimal"],
    ["--speed", "0"],
    *(["--chunk-ms", str(milliseconds)] for milliseconds in (20, 40, 100, 200, 400)),
    ["--minimal", "--speed", "0", "--chunk-ms", "400"],
    ["--encoding", "alaw"],
    ["--encoding", "l16"],
    ["--minimal", "--encoding", "l16"],
    ["--lose", "1:0.4", "--lose", "2:0.1"],
    ["--swap-every", "5"],
    ["--tracks", "both"],
    ["--dtmf", "1:5"],
    ["--lead-silence", "1.5"],
]
CODECS = {"alaw": "alaw", "l16": "pcm"}


def stream(shared, server, *flags, seconds=3.0):
    """A registration whose audio the shared sender sends: `(outcome or None, its summary)`."""
    codec = CODECS.get(flags[flags.index("--encoding") + 1], "mulaw") if "--encoding" in flags else "mulaw"
    request = register_request(seconds, audio_codec=codec)
    session = start(server, request)
    command = [sys.executable, shared / "media_streams_client.py", server.audio_url, audio.files("enrol")[0]]
    command += ["--call-sid", request["metadata"]["call_id"], "--wait", "3", *flags]
    command += [] if "--speed" in flags else ["--speed", "4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    summary = json.loads(done.stdout.rsplit("TWILIO-SUMMARY ", 1)[1])
    return session, summary


@pytest.mark.parametrize("flags", MANNERS, ids=" ".join)
def test_every_manner_of_sending_ends_in_a_result(server, shared, flags):
    session, summary = stream(shared, server, *flags, "--expect", "server")
    outcome = session.outcome()
    session.leave()
    assert outcome.name == "result-success", outcome.data
    assert summary["ok"] and summary["code"] == 1000 and summary["messagesFromServer"] == 0, summary


@pytest.mark.negative
@pytest.mark.parametrize("what", BREAKS)
def test_every_break_ends_one_call_at_most(server, shared, what):
    session, summary = stream(shared, server, "--break", f"{what}@1")
    outcome = session.outcome()
    session.leave()
    if BREAKS[what] is None:
        assert (outcome.name, summary["code"]) == ("result-success", 1000), (outcome.data, summary)
    else:
        assert outcome.name == "error-audio" and summary["code"] in BREAKS[what], (outcome.data, summary)
        assert summary["closedBy"] == "server"


@pytest.mark.negative
@pytest.mark.parametrize("what", NO_START)
def test_every_broken_start_is_refused(server, shared, what):
    session, summary = stream(shared, server, "--break", what)
    session.leave()
    assert (summary["closedBy"], summary["code"]) == ("server", 1008), summary


@pytest.mark.negative
@pytest.mark.parametrize("what", ["drop", "close"])
def test_a_sender_that_goes_away_ends_its_call(server, shared, what):
    session, summary = stream(shared, server, "--break", f"{what}@1")
    assert session.outcome().name == "error-audio"
    session.leave()
    assert summary["closedBy"] == "client"


# ---- the documented program


def workflow(shared, server, wav, *flags):
    """Runs it to its own end: `(exit status, events, what it said on standard error)`."""
    known = server.first_run
    command = [sys.executable, shared / "register_workflow.py", "--base", server.base, "--wav", wav, *flags]
    command += ["--client-id", known["client_id"], "--client-secret", known["client_secret"], "--timeout", "60"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    server.private.update(event["call_id"] for event in events)
    server.private.update(event["credential"] for event in events if "credential" in event)
    return done.returncode, events, done.stderr


def assert_documented(events, last):
    names = [event["event"] for event in events]
    assert names == ["info-consumer-ready"] + ["info-vad-status"] * (len(names) - 2) + [last]
    statuses = events[1:-1]
    assert events[-1]["voice_audio_collected"] == statuses[-1]["audio_seconds"]
    assert statuses[-1]["vad_percentage"] >= 100


@pytest.fixture(scope="module")
def registered(shared, server, tmp_path_factory):
    wav = tmp_path_factory.mktemp("workflow") / "collected.wav"
    # In real time, as a call is.
    return *workflow(shared, server, audio.files("enrol")[0], "--save", wav), wav


def test_the_documented_program_registers_and_ends_by_itself(registered):
    status, events, errors, wav = registered
    assert status == 0, (events, errors)
    assert_documented(events, "result-success")
    # A handler with another number of arguments would have raised here.
    assert "TypeError" not in errors
    rate, _, _, speech = audio.open_wav(wav.read_bytes())
    assert round(len(speech) / rate, 2) == events[-1]["voice_audio_collected"]


@pytest.mark.parametrize(
    "role, status, last",
    [("same", 0, "result-success"), ("other", 3, "result-fail-score"), ("synthetic", 3, "result-fail-spoof")],
)
def test_the_documented_program_verifies(shared, server, registered, role, status, last):
    credential = registered[1][-1]["credential"]
    for wav in audio.files(role):
        flags = ["--verify", credential, "--speed", "4"]
        got, events, errors = workflow(shared, server, wav, *flags)
        assert got == status, (events, errors)
        assert_documented(events, last)


# ---- the two Socket.IO clients


def socketio_client(command, server, *flags, env=None):
    done = subprocess.run([*command, server.base, *flags], capture_output=True, text=True, timeout=60, env=env)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(params=["py", "js"])
def command(request, shared):
    if request.param == "py":
        return [sys.executable, shared / "socketio_client.py"], None
    packages = request.getfixturevalue("javascript") / "node_modules"
    return ["node", shared / "socketio_client.js"], {**os.environ, "NODE_PATH": str(packages)}


@pytest.mark.parametrize("transport", ["websocket", "polling", "both"])
def test_the_shared_socketio_clients_are_answered(server, command, transport):
    program, env = command
    flags = ["--ns", "/socket.io/register", "--header", f"Authorization:bearer {server.token()}"]
    flags += ["--transport", transport, "--emit", "initialize", json.dumps({"metadata": {}})]
    status, lines = socketio_client(program, server, *flags, env=env)
    events = [line for line in lines if line["ev"] == "event"]
    assert status == 0 and [event["event"] for event in events] == ["error-parameters"], lines
    assert len(events[0]["args"]) == 2
    assert lines[-1]["ev"] == "disconnect"


def test_the_shared_socketio_clients_are_refused_without_a_token(server, command):
    program, env = command
    status, lines = socketio_client(program, server, "--ns", "/socket.io/verify", env=env)
    assert status == 1 and "Unauthorized" in json.dumps(lines), lines
