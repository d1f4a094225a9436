"""What only Twilio's own customers meet: its signatures, its simulator, its tracks, and a call at the pace of a call."""

import base64
import json
import os
import subprocess
import time

import pytest
from twilio.request_validator import RequestValidator
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from support import audio, calls, codecs
from support.carrier import Carrier
from support.server import BINARY, SOON, Server
from support.signalling import register_request, start, verify_request
from support.ways import Receiver, uploaded

TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
SECONDS = 3.0
PUBLIC = "https://voice.example.com/calls"


def peakstream(server, *args, typed=None):
    """One change, as an operator makes it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PEAKSTREAM_")}
    command = [BINARY, *args, "--data-dir", server.data_dir, "--json"]
    run = subprocess.run(command, input=typed, capture_output=True, text=True, env=environment, check=True)
    answer = json.loads(run.stdout)
    server.private.update(value for name, value in answer.items() if name in ("client_secret", "api_key"))
    return answer


@pytest.fixture(scope="module")
def strict_server(tmp_path_factory, good_calls):
    """A server that lets in nobody who has proved nothing: there a refusal is seen at once."""
    running = Server(tmp_path_factory.mktemp("strict"), "--media-streams-need-key").ready()
    yield running
    good_calls.settle()
    running.kill()


@pytest.fixture(scope="module")
def signed_tenant(strict_server):
    """A tenant whose Twilio account signs, with an API key for everybody else."""
    peakstream(strict_server, "tenant", "add", "signed")
    strict_server.private.add(TOKEN)
    peakstream(strict_server, "key", "add", "--tenant", "signed", "--twilio", "--secret-file", "-", typed=TOKEN)
    yield peakstream(strict_server, "key", "add", "--tenant", "signed", "--api-key")["api_key"]
    peakstream(strict_server, "tenant", "remove", "signed", "--yes")


def signature(url, token=TOKEN, algorithm=None):
    """By the official library."""
    return RequestValidator(token).compute_signature(url, {}, algorithm)


def status_of(server, path, headers, query=""):
    """101, or what the server refused with."""
    server.private.update(value for value in headers.values() if len(value) >= 20)
    try:
        address = server.base.replace("http", "ws", 1) + path + query
        with connect(address, additional_headers=headers, open_timeout=SOON):
            return 101
    except InvalidStatus as refused:
        assert refused.response.body in (b"forbidden\n", b""), "a refusal says nothing"
        return refused.response.status_code


@pytest.mark.negative
def test_case_077_only_what_twilio_signed_may_connect(strict_server, signed_tenant):
    server = strict_server
    host = server.base.removeprefix("http://")
    name = host.split(":")[0]
    path = "/twilio/signed"
    for url, path, expected in [
        (f"wss://{host}{path}", path, 101),
        # Twilio is inconsistent with ports, and a slash is easily forgotten on one side.
        (f"wss://{name}{path}", path, 101),
        (f"wss://{host}{path}/", path, 101),
        (f"wss://{host}{path}/", path + "/", 101),
        (f"wss://{host}/dpstwilio/signed", "/dpstwilio/signed", 101),
        (f"wss://{name}:8443{path}", path, 403),
        (f"https://{host}{path}", path, 403),
        (f"ws://{host}{path}", path, 403),
        (f"wss://{host}/twilio", path, 403),
        (f"wss://elsewhere.example.com{path}", path, 403),
    ]:
        assert status_of(server, path, {"X-Twilio-Signature": signature(url)}) == expected, (url, path)
    good = f"wss://{host}{path}"
    for headers in [
        {},
        {"X-Twilio-Signature": ""},
        {"X-Twilio-Signature": "not base64"},
        {"X-Twilio-Signature": "AAAA"},
        {"X-Twilio-Signature": signature(good, "another token")},
        {"x-twilio-signature": signature(good)[::-1]},
    ]:
        assert status_of(server, path, headers) == 403, headers
    # Of a tenant without an auth token, and of one that does not exist, the same is heard.
    assert status_of(server, "/twilio", {}) == status_of(server, "/twilio/nobody", {}) == 403
    assert status_of(server, path, {"X-Twilio-Signature": signature(good)}) == 101
    assert server.is_alive()


@pytest.fixture(scope="module")
def behind_a_proxy(tmp_path_factory):
    """A server that Twilio knows by another host and path; its proxy takes the prefix off and leaves the rest."""
    running = Server(tmp_path_factory.mktemp("proxied"), f"--public-url={PUBLIC}", "--media-streams-need-key").ready()
    running.base = f"http://127.0.0.1:{running.listening_port()}"
    running.private.add(TOKEN)
    peakstream(running, "key", "add", "--tenant", "default", "--twilio", "--secret-file", "-", typed=TOKEN)
    yield running
    running.kill()


def test_case_077_behind_a_proxy_the_address_that_twilio_knows_is_the_one_that_counts(behind_a_proxy):
    host = behind_a_proxy.base.removeprefix("http://")
    for url, expected in [
        ("wss://voice.example.com/calls/twilio", 101),
        ("wss://voice.example.com:443/calls/twilio/", 101),
        # What the server itself sees; another host of the same account; without the prefix; another scheme.
        (f"wss://{host}/twilio", 403),
        ("wss://other.example.com/calls/twilio", 403),
        ("wss://voice.example.com/twilio", 403),
        ("https://voice.example.com/calls/twilio", 403),
    ]:
        assert status_of(behind_a_proxy, "/twilio", {"X-Twilio-Signature": signature(url)}) == expected, url


@pytest.mark.negative
def test_case_078_the_settings_header_names_the_algorithm(strict_server, signed_tenant):
    server = strict_server
    url = f"wss://{server.base.removeprefix('http://')}/twilio/signed"
    sha256 = {"X-Twilio-Signature": signature(url, algorithm="HMAC_SHA256")}
    settings = "X-Twilio-Webhooks-Signature-Settings"
    assert status_of(server, "/twilio/signed", sha256 | {settings: "key=k1,algorithm=HMAC_SHA256"}) == 101
    assert status_of(server, "/twilio/signed", sha256) == 403
    assert status_of(server, "/twilio/signed", sha256 | {settings: "key=k1,algorithm=HMAC_MD5"}) == 403
    sha1 = {"X-Twilio-Signature": signature(url)}
    assert status_of(server, "/twilio/signed", sha1 | {settings: "key=k1"}) == 101


@pytest.mark.negative
def test_who_signs_nothing_may_present_an_api_key(strict_server, signed_tenant):
    server = strict_server
    key, path = signed_tenant, "/twilio/signed"
    basic = base64.b64encode(f"carrier:{key}".encode()).decode()
    for headers in [{"apikey": key}, {"Authorization": f"Bearer {key}"}, {"Authorization": f"Basic {basic}"}]:
        assert status_of(server, path, headers) == 101, list(headers)
    assert status_of(server, path, {}, f"?token={key}") == 101
    # The default tenant's key opens nothing here.
    for wrong in ["x" * 40, server.first_run["api_key"]]:
        assert status_of(server, path, {"Authorization": f"Bearer {wrong}"}) == 403


def in_real_time(server, request):
    """A call at the pace of a call: `(outcome, statuses, how long after the deciding frame the server closed)`."""
    session = start(server, request)
    with Carrier(server, request["metadata"]["call_id"]).start() as carrier:
        end = carrier.play(audio.same(), 1)
        closed_at = time.monotonic()
        outcome = session.outcome()
    session.ended_by_server()
    session.leave()
    assert (end.code, end.by_server) == (1000, True)
    # Decisions fall at the end of a block: the frame that completes the last one that was sent.
    blocks = carrier.bytes_sent // audio.BLOCK
    assert blocks - len(session.statuses) in (0, 1)
    decided_at = next(at for sent, at in carrier.sent if sent >= blocks * audio.BLOCK)
    return outcome, closed_at - decided_at


def test_case_073_074_a_call_in_real_time_is_the_file_and_is_closed_at_once(server, settled, credential, unsigned_key):
    """The same score to the bit as the recording's, which a carrier never touched."""
    recording = codecs.recording(audio.decoded(audio.same()), "wav", "pcm_s16le", audio.RATE)
    of_the_file = uploaded(lambda _: recording)(Receiver(server, credential, unsigned_key), None)
    assert of_the_file[0] == "result-success"
    delays = []
    # Machines that run other things as well may be late once; the rule is that the server is not.
    while len(delays) < 3 and not any(delay < 0.1 for delay in delays):
        live, delay = in_real_time(server, verify_request(credential, SECONDS))
        assert (live.name, live.data["score"]) == of_the_file
        delays.append(delay)
    assert min(delays) < 0.1, delays


def test_case_073_a_stop_that_comes_with_the_last_frame_changes_nothing(server):
    """Everything from `connected` to `stop` is on its way before the server has looked at any of it."""
    session, outcome, _ = calls.call(server, register_request(SECONDS), audio.enrol())
    # Up to the block in which it was decided, and not a message more.
    enough = (len(session.statuses) + 1) * audio.BLOCK
    request = register_request(SECONDS)
    session = start(server, request)
    with Carrier(server, request["metadata"]["call_id"]).start() as carrier:
        carrier.play(audio.enrol()[: enough + 160], 0)
        end = carrier.stop()
        assert session.outcome().name == outcome.name == "result-success"
    assert (end.code, end.by_server) == (1000, True)
    session.leave()


def test_case_081_a_call_may_be_listened_to_from_the_other_side(server):
    """Only outbound audio; the start's custom parameter, or the address, says that it is wanted."""
    for custom, query in [({"track": "outbound"}, ""), ({}, "?track=outbound")]:
        request = register_request(SECONDS)
        session = start(server, request)
        call_id = request["metadata"]["call_id"]
        with connect(server.audio_url + query) as socket:
            said = Carrier(server, call_id)
            socket.send(json.dumps(said.start_message(customParameters=custom, tracks=["outbound"])))
            try:
                for timestamp, payload in said.pieces(audio.enrol()):
                    message = said.media_message(payload, timestamp)
                    message["media"]["track"] = "outbound"
                    socket.send(json.dumps(message))
            except ConnectionClosed as closed:
                assert closed.rcvd.code == 1000
            assert session.outcome().name == "result-success"
            said.close()
        session.leave()
    # Nobody asked for it: nothing is heard, and the end says so.
    request = register_request(SECONDS)
    session = start(server, request)
    with Carrier(server, request["metadata"]["call_id"]).start() as carrier:
        for timestamp, payload in carrier.pieces(audio.enrol()[:16_000]):
            message = carrier.media_message(payload, timestamp)
            message["media"]["track"] = "outbound"
            carrier.send(message)
        assert carrier.stop().code == 1000
        outcome = session.outcome()
    assert (outcome.name, outcome.data["audio_seconds"]) == ("error-audio", 0)
    session.leave()


@pytest.mark.parametrize("how", ["bidirectional", "unidirectional", "both tracks"])
def test_case_100_an_independent_simulator_of_twilio_finds_no_violation(server, how):
    simulator = pytest.importorskip("streamdouble.api", reason="not run: the simulator needs Python 3.11")
    from streamdouble.session import SessionConfig

    request = register_request(SECONDS)
    session = start(server, request)
    frames = [payload for _, payload in Carrier.pieces(FRAMES, audio.enrol())]
    fork = {} if how == "bidirectional" else {"fork": True, "strict_fork": True, "tracks": ["inbound"]}
    if how == "both tracks":
        other = audio.mulaw(audio.files("other")[0])
        fork |= {"tracks": ["inbound", "outbound"], "agent_frames": [p for _, p in Carrier.pieces(FRAMES, other)]}
    config = SessionConfig(
        # A listener says nothing: the simulator need not wait for it.
        response_timeout_s=0.2,
        quiet_period_s=0.1,
        custom_parameters={"call_id": request["metadata"]["call_id"]},
        **fork,
    )
    report = simulator.call_sync(server.audio_url, frames=frames, config=config)
    outcome = session.outcome()
    session.leave()
    assert outcome.name == "result-success", outcome.data
    assert report.violations == []
    assert report.audio_received == b"", "a listener sends nothing"


class FRAMES:
    """The one thing that cutting audio into frames needs to know."""

    bytes_per_second = audio.RATE
