"""The client of the server, against the real one."""

import asyncio
import contextlib
import gc
import io
import itertools
import queue
import socket
import ssl
import subprocess
import sys
import threading
import time
import types
import uuid
import wave

import numpy
import pytest
import trustme

import peakstream
from peakstream import client as client_of
from peakstream.client import AsyncClient, Client, Microphone


@pytest.fixture(scope="module")
def client(access):
    at, secrets = access
    with Client(*at, **secrets) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_stays_open():
    """A connection that was left open is said in the test that left it, not in whichever the collector runs in."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def credential(client, demo):
    return client.register("enrolment", demo("allison-en-enrol")).credential


@pytest.fixture
def call_id():
    return str(uuid.uuid4())


@pytest.fixture(scope="module")
def recording(demo):
    return peakstream.load_audio(demo("allison-en-verify"))


def test_a_caller_is_registered_and_known_again_and_others_are_not(client, credential, call_id, demo):
    same = client.verify(call_id, credential, demo("allison-en-verify"))
    assert (same.accepted, same.failed) == (True, None) and same.score > 0.5 and same.authenticity > 0.8
    other = client.verify(call_id, credential, demo("other-man-it"))
    assert (other.accepted, other.failed) == (False, "score") and other.score < 0.5
    spoof = client.register(call_id, demo("synthetic-espeak"), authenticity_threshold=0.8)
    assert (spoof.accepted, spoof.failed, spoof.credential) == (False, "spoof", None)


def test_the_server_hears_what_the_engine_hears_to_the_bit(client, engine, call_id, demo):
    heard = client.register(call_id, demo("allison-es-verify"), seconds=7.0)
    with wave.open(io.BytesIO(heard.audio)) as file:
        samples = numpy.frombuffer(file.readframes(file.getnframes()), "<i2")
    own = engine.speech(demo("allison-es-verify"), seconds=7.0)
    numpy.testing.assert_array_equal(samples, own.samples())
    assert heard.net_speech == pytest.approx(own.net_speech, abs=0.005) and heard.session_id


def test_a_call_is_followed_while_it_is_heard(client, call_id, demo):
    called = []
    with client.registration(call_id, demo("allison-en-verify"), on_progress=called.append) as session:
        told = list(session)
        result = session.result()
    assert told == called and len(told) > 8
    assert [progress.net_speech for progress in told] == sorted(progress.net_speech for progress in told)
    assert told[-1].percentage >= 100 and told[-1].net_speech == result.net_speech
    assert session.call_id == call_id and result is session.result()


def test_the_same_in_asyncio_and_many_calls_at_once(access, demo, credential):
    at, secrets = access

    async def follow(client, number):
        async with client.verification(f"at-once-{number}", credential, demo("allison-en-verify")) as session:
            percentages = [progress.percentage async for progress in session]
            return percentages, await session.result()

    async def all_of_them():
        async with AsyncClient(*at, **secrets) as client:
            return await asyncio.gather(*(follow(client, number) for number in range(4)))

    for percentages, result in asyncio.run(all_of_them()):
        assert percentages[-1] >= 100 and result.accepted


def test_threads_share_a_client_and_a_running_event_loop_does_not_disturb_it(client, call_id, demo):
    async def in_a_notebook():
        return client.register(call_id, demo("allison-en-verify"))

    assert asyncio.run(in_a_notebook()).accepted
    accepted = queue.Queue()

    def register(number):
        accepted.put(client.register(f"{call_id}-{number}", demo("allison-en-verify")).accepted)

    threads = [threading.Thread(target=register, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [accepted.get_nowait() for _ in threads] == [True] * 3


def test_arrays_of_every_rate_and_arrays_as_they_come_are_audio_too(client, credential, call_id, recording):
    samples, rate = recording
    wide = peakstream.resample(samples, rate, 44100)
    stereo = numpy.stack([numpy.zeros_like(wide), wide], axis=1) / 32768
    pieces = [samples[at : at + 777] for at in range(0, len(samples), 777)]

    async def as_they_come():
        for piece in pieces:
            yield piece

    for audio, options in (
        (samples, {"sample_rate": rate}),
        (samples, {"sample_rate": rate, "codec": "mulaw"}),
        (stereo, {"sample_rate": 44100, "channel": 2}),
        (iter(pieces), {"sample_rate": rate}),
        (as_they_come(), {"sample_rate": rate, "codec": "alaw"}),
    ):
        assert client.verify(call_id, credential, audio, **options).accepted, options
    wide = peakstream.resample(samples, rate, 16000)
    assert client.register(call_id, wide, sample_rate=16000, channel_type="microphone").accepted


def test_a_recording_may_be_sent_as_slowly_as_it_was_spoken(client, call_id, recording):
    samples, rate = recording
    begun = time.monotonic()
    result = client.register(call_id, samples, sample_rate=rate, seconds=3.0, speed=20.0)
    assert time.monotonic() - begun > result.net_speech / 20


class PortAudio(types.ModuleType):
    """What sounddevice would be on a machine with a microphone: it speaks a recording at once, then waits to be closed."""

    def __init__(self, samples):
        super().__init__("sounddevice")
        self.samples, self.opened, self.closed = samples, None, threading.Event()

    def RawInputStream(self, **how):
        self.opened = how
        return self

    def __enter__(self):
        length, take = self.opened["blocksize"], self.opened["callback"]
        starts = range(0, len(self.samples), length)

        def speak():
            for at in starts:
                take(memoryview(self.samples[at : at + length].tobytes()), length, None, None)

        threading.Thread(target=speak).start()

    def __exit__(self, *_):
        self.closed.set()


def test_a_microphone_is_heard_until_there_is_enough_and_then_given_back(client, call_id, recording, monkeypatch):
    samples, rate = recording
    sounddevice = PortAudio(peakstream.resample(samples[: 9 * rate], rate, 16000))
    monkeypatch.setitem(sys.modules, "sounddevice", sounddevice)
    assert client.register(call_id, Microphone(device=3), channel_type="microphone", seconds=3.0).accepted
    assert sounddevice.closed.wait(5)
    opened = {name: sounddevice.opened[name] for name in ("samplerate", "channels", "dtype", "blocksize", "device")}
    assert opened == {"samplerate": 16000, "channels": 1, "dtype": "int16", "blocksize": 320, "device": 3}


@pytest.mark.parametrize(("module", "extra"), [("sounddevice", "microphone"), ("socketio", "client"), ("aiohttp", "client")])
def test_what_is_not_installed_is_named_with_the_way_to_install_it(module, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"{module} is needed.*pip install 'peakstream\[{extra}\]'"):
        Microphone() if extra == "microphone" else Client("http://localhost", client_id="", client_secret="")


def test_a_carrier_may_send_the_audio(client, credential, call_id, server, demo):
    from support.server import BINARY

    with client.verification(call_id, credential) as session:
        carrier = [BINARY, "call", "--call-id", call_id, "--minimal", "--url", server.audio_url, "--speed", "0"]
        subprocess.run([*carrier, demo("allison-en-verify")], check=True, capture_output=True)
        assert session.result().accepted


def test_leaving_early_gives_the_call_back(client, call_id, recording):
    samples, rate = recording
    # A second of a call that never ends.
    endless = itertools.chain([samples[:rate]], iter(lambda: numpy.zeros(rate, numpy.int16), None))
    with client.registration(call_id, endless, sample_rate=rate, speed=4.0) as session:
        next(session)
    assert client.register(call_id, samples, sample_rate=rate).accepted


def test_a_session_that_was_not_begun_says_so(client, call_id, demo):
    with pytest.raises(RuntimeError, match="enter it with `with`"):
        client.registration(call_id, demo("allison-en-verify")).result()


# ---- errors


def test_each_mistake_has_an_error_of_its_own(client, access, call_id, credential, demo, recording):
    samples, rate = recording
    file, (at, secrets) = demo("allison-en-verify"), access
    with pytest.raises(client_of.RequestRefused, match="audio_total_duration") as raised:
        client.register(call_id, file, seconds=1000.0)
    assert list(raised.value.fields) == ["register_request.audio_total_duration"] and raised.value.reason == "request_refused"
    with pytest.raises(client_of.RequestRefused) as raised, client.registration(call_id):
        client.register(call_id, file)
    assert list(raised.value.fields) == ["metadata.call_id"]
    with pytest.raises(client_of.ClientError) as raised:
        client.verify(call_id, credential[:-4], file)
    assert credential[:40] not in str(raised.value)
    with pytest.raises(client_of.AudioRefused):
        client.register(call_id, samples[:rate], sample_rate=rate)
    with pytest.raises(client_of.Unauthorized) as raised, Client(*at, **{**secrets, "client_secret": "nonsense"}) as stranger:
        stranger.register(call_id, file)
    assert "nonsense" not in str(raised.value)
    for error in (client_of.RequestRefused, client_of.AudioRefused, client_of.Unauthorized, client_of.NotDecided):
        assert issubclass(error, peakstream.Error)


@pytest.mark.parametrize(
    ("audio", "options", "error", "says"),
    [
        (b"\x00" * 800, {"sample_rate": 8000}, TypeError, "a path, an array, a Microphone or arrays .* expected, got builtins.bytes"),
        (7, {}, TypeError, "got builtins.int"),
        (numpy.zeros(9), {}, ValueError, "sample_rate is needed with an array"),
        ([numpy.zeros(9)], {}, ValueError, "sample_rate is needed with arrays one after another"),
        (numpy.zeros(9), {"sample_rate": 8000, "channel_type": "microphone"}, peakstream.errors.NarrowBand, "16000"),
        (numpy.zeros(9), {"sample_rate": 8000, "channel_type": "radio"}, ValueError, "'telephone' or 'microphone'"),
        (numpy.zeros(9), {"sample_rate": 8000, "codec": "opus"}, ValueError, "'pcm', 'mulaw', 'alaw'"),
        (numpy.zeros(9), {"sample_rate": 8000, "channels": 2}, TypeError, "unexpected option 'channels'"),
        ([numpy.zeros(9), "x"], {"sample_rate": 8000}, TypeError, "got str"),
        ("no-such.wav", {}, peakstream.errors.UnreadableFile, "no-such.wav"),
        ("no-such.wav", {"sample_rate": 8000}, ValueError, "leave it out"),
    ],
)
def test_a_mistake_with_audio_is_told_with_what_was_expected_and_what_came(client, call_id, audio, options, error, says):
    with pytest.raises(error, match=says):
        client.register(call_id, audio, **options)


@pytest.mark.parametrize("address", ["voice.example.com", "ws://voice.example.com", "http://host/path"])
def test_an_address_that_is_none_is_refused_at_once(address):
    with pytest.raises(ValueError, match="base_url is"):
        Client(address, client_id="", client_secret="")


def test_nothing_that_is_secret_is_in_any_text(client, access, credential, demo):
    _, secrets = access
    session = client.verification("text", credential, demo("allison-en-verify"))
    result = client.verify("text", credential, demo("allison-en-verify"))
    registered = client.register("text", demo("allison-en-verify"))
    for shown in (client, client._client, session, session._session, result, registered):
        for secret in (secrets["client_secret"], client._client._token, credential[:40], registered.credential[:40], "RIFF"):
            assert secret not in repr(shown), type(shown)
    assert secrets["client_id"] in repr(client) and repr(client).startswith("Client('http://127")


def test_a_server_that_is_not_there_or_silent_or_goes_away_is_told(start_server, call_id, demo):
    file, secrets = demo("allison-en-verify"), {"client_id": "anybody", "client_secret": "something"}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = "http://127.0.0.1:{}".format(listening.getsockname()[1])
        with pytest.raises(client_of.TimedOut, match="within 0.2 s"), Client(address, **secrets, timeout=0.2) as client:
            client.register(call_id, file)
    with pytest.raises(client_of.ServerUnavailable), Client(address, **secrets) as client:
        client.register(call_id, file)
    dying = start_server()
    secrets = {name: dying.first_run[name] for name in ("client_id", "client_secret")}
    with Client(dying.base, **secrets) as client, pytest.raises(client_of.ServerUnavailable, match="went away"):
        with client.registration(call_id) as session:
            dying.kill()
            session.result()


def test_a_server_that_wants_a_key_for_audio_gets_it(start_server, call_id, demo):
    strict = start_server("--media-streams-need-key")
    secrets = {name: strict.first_run[name] for name in ("client_id", "client_secret")}
    file = demo("allison-en-verify")
    with Client(strict.base, **secrets, api_key=strict.first_run["api_key"]) as client:
        assert client.register(call_id, file).accepted
        assert strict.first_run["api_key"] not in repr(client)
    with Client(strict.base, **secrets) as client, pytest.raises(client_of.AudioRefused):
        client.register(call_id, file)


# ---- other ways to the server


def test_another_tenants_calls_go_to_its_own_address(server, call_id, demo):
    server.tenant("add", name="acme")
    made = server.key("--client", tenant="acme")
    secrets = {name: made[name] for name in ("client_id", "client_secret")}
    with Client(server.base, **secrets, tenant="acme") as client:
        assert client.register(call_id, demo("allison-en-verify")).accepted


class TlsProxy:
    """What stands before a server on the internet: it ends TLS and passes everything on."""

    def __init__(self, server, authority):
        self.port = int(server.base.rsplit(":", 1)[1])
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self.context)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    async def pass_on(self, reader, writer):
        answers, server = await asyncio.open_connection("127.0.0.1", self.port)

        async def copy(source, target):
            with contextlib.suppress(OSError):
                while data := await source.read(65536):
                    target.write(data)
                    await target.drain()
            target.close()
            with contextlib.suppress(OSError):
                await target.wait_closed()

        await asyncio.gather(copy(reader, server), copy(answers, writer))

    def __enter__(self):
        self.thread.start()
        starting = asyncio.start_server(self.pass_on, "127.0.0.1", 0, ssl=self.context)
        self.listening = asyncio.run_coroutine_threadsafe(starting, self.loop).result()
        return "https://localhost:{}".format(self.listening.sockets[0].getsockname()[1])

    def __exit__(self, *_):
        async def stop():
            """With the last connection: the clients have closed theirs."""
            self.listening.close()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            await asyncio.wait_for(asyncio.gather(*others), 30)

        asyncio.run_coroutine_threadsafe(stop(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


def test_everything_goes_through_tls_and_a_certificate_nobody_vouches_for_is_refused(server, access, call_id, demo):
    authority, (_, secrets) = trustme.CA(), access
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with TlsProxy(server, authority) as address:
        with Client(address, **secrets, ssl=trusting) as client:
            assert client.register(call_id, demo("allison-en-verify")).accepted
        with Client(address, **secrets) as client, pytest.raises(client_of.ServerUnavailable, match="(?i)certificate"):
            client.register(call_id, demo("allison-en-verify"))


def test_nothing_is_left_open_when_a_server_does_not_say_farewell(call_id):
    authority, left = trustme.CA(), threading.Event()
    context, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(trusting)

    def answer():
        with context.wrap_socket(listening.accept()[0], server_side=True) as connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
            left.wait(30)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=answer)
        server.start()
        address = "https://127.0.0.1:{}".format(listening.getsockname()[1])
        with Client(address, client_id="any", client_secret="any", ssl=trusting) as client:
            with pytest.raises(client_of.Unauthorized):
                client.register(call_id)
        gc.collect()
        left.set()
        server.join()
