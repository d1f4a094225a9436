"""AudioHook, cases 47 to 61: audio in every shape, catch-up, pauses, parking; several sessions in one call."""

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import audio, calls
from support.audiohook import BOTH, EXTERNAL, INVERTED, L16, OFFER, Hook, fails
from support.rest import Rest
from support.server import eventually
from support.signalling import register_request, start, verify_request

SECONDS = 3.0


def hooked(request):
    """The same request, for a call of Genesys."""
    return {**request, "metadata": request["metadata"] | {"audio_protocol": "audiohook"}}


def register(call_id=None, **other):
    return hooked(register_request(SECONDS, call_id, **other))


def carry(server, key, request, sound, media=OFFER, chunk=1600, speed=0, **how):
    """A call from its session to its result: `(outcome, statuses, hook)`."""
    session = start(server, request)
    with Hook(server, key, request["metadata"]["call_id"], **how) as hook:
        opened = hook.open(media=media)
        assert opened["startPaused"] is False, "its session waits"
        hook.play(sound, chunk, speed)
        hook.ping()
        hook.wait_paused()
        outcome = session.outcome()
        hook.close()
    session.ended_by_server()
    session.leave()
    return outcome, sorted(one.data["audio_seconds"] for one in session.statuses), hook


@pytest.fixture(scope="module")
def plain_call(server):
    """The same voice through another channel."""
    session, outcome, _ = calls.call(server, register_request(SECONDS), audio.enrol())
    assert outcome.name == "result-success"
    return session, outcome


@pytest.fixture(scope="module")
def reference(plain_call):
    return sorted(one.data["audio_seconds"] for one in plain_call[0].statuses)


@pytest.fixture(scope="module")
def collected_reference(plain_call):
    return audio.open_wav(plain_call[1].audio)


def test_case_047_any_frame_size_gives_the_same_call(server, unsigned_key, reference):
    sound = audio.enrol()

    def call(chunk):
        return carry(server, unsigned_key, register(), sound, [EXTERNAL], chunk)

    with ThreadPoolExecutor(4) as pool:
        for chunk, (outcome, statuses, _) in zip((160, 37, 1600, 3200, 64_000), pool.map(call, (160, 37, 1600, 3200, 64_000))):
            assert (outcome.name, statuses) == ("result-success", reference), chunk


def test_case_047_single_samples_are_heard(server, unsigned_key, reference):
    request = register()
    session = start(server, request)
    with Hook(server, unsigned_key, request["metadata"]["call_id"]) as hook:
        hook.open(media=[EXTERNAL])
        sound = audio.enrol()
        hook.play(sound[:800], 1)
        hook.play(sound[800:], 4096)
        hook.ping()
        hook.wait_paused()
        assert session.outcome().name == "result-success"
        hook.close()
    assert sorted(one.data["audio_seconds"] for one in session.statuses) == reference
    session.leave()


@pytest.mark.parametrize("offer", [BOTH, INVERTED], ids=["external-internal", "internal-external"])
def test_case_033_case_047_of_two_channels_the_callers_is_heard(server, unsigned_key, reference, offer):
    sound = bytes(audio.interleaved(audio.enrol(), audio.mulaw(audio.files("other")[0]), offer is BOTH))
    outcome, statuses, _ = carry(server, unsigned_key, register(), sound, [offer], 3200)
    assert (outcome.name, statuses) == ("result-success", reference)


def test_case_028_audio_in_fragments_is_heard_as_one_message(server, unsigned_key, reference):
    request = register()
    session = start(server, request)
    with Hook(server, unsigned_key, request["metadata"]["call_id"]) as hook:
        hook.open(media=[EXTERNAL])
        sound = audio.enrol()
        for begin in range(0, 16_000, 1600):
            piece = sound[begin : begin + 1600]
            hook.ws.send([piece[:1], b"", piece[1:900], piece[900:]])
        hook.play(sound[16_000:])
        hook.ping()
        hook.wait_paused()
        assert session.outcome().name == "result-success"
        hook.close()
    assert sorted(one.data["audio_seconds"] for one in session.statuses) == reference
    session.leave()


L16_BOTH, L16_INVERTED = BOTH | {"format": "L16"}, INVERTED | {"format": "L16"}


@pytest.mark.parametrize("offer", [L16, L16_BOTH, L16_INVERTED], ids=lambda offer: "-".join(offer["channels"]))
@pytest.mark.parametrize("order", ["little", "big"])
def test_case_035_l16_is_decoded_right_on_either_channel_in_either_byte_order(request, collected_reference, order, offer):
    """The samples are those of the mu-law call; what the session collected of it is compared sample by sample."""
    server = request.getfixturevalue("server" if order == "little" else "other_server")
    caller, other = audio.decoded(audio.enrol()), audio.decoded(audio.mulaw(audio.files("other")[0]))
    if len(offer["channels"]) == 2:
        caller = audio.interleaved(caller, other, offer is L16_BOTH)
    sound = audio.encode(caller, "l16" if order == "little" else "l16be")
    rest = Rest(server)
    session = rest.create(settings=rest.settings(audio_protocol="audiohook"))
    with Hook(server, server.key("--audiohook", "--unsigned"), session["call_id"]) as hook:
        assert hook.open(media=[offer])["media"] == [offer]
        hook.play(sound, 3200)
        hook.ping()
        assert rest.polled(session)[-1]["event"] == "result-success"
    collected = rest.get(f"/register_session/{session['id']}/collected_audio").content
    assert audio.open_wav(collected) == collected_reference


@pytest.mark.negative
def test_case_035_l16_in_the_other_byte_order_is_noticed(server, unsigned_key):
    request = register()
    session = start(server, request)
    with Hook(server, unsigned_key, request["metadata"]["call_id"]) as hook:
        hook.open(media=[L16])
        hook.play(audio.encode(audio.decoded(audio.enrol()), "l16be"), 3200)
        outcome = session.outcome()
    assert outcome.name == "error-audio" and "high byte first" in outcome.data["content"], outcome.data
    session.leave()


def test_case_036_the_one_offer_that_is_known_is_the_one_that_is_heard(server, unsigned_key, reference):
    strange = [EXTERNAL | {"format": "OPUS", "rate": 48_000}, EXTERNAL | {"rate": 16_000}, L16 | {"rate": 16_000}]
    outcome, statuses, hook = carry(server, unsigned_key, register(), audio.enrol(), [*strange, EXTERNAL])
    assert (outcome.name, statuses, hook.media) == ("result-success", reference, EXTERNAL)


def test_case_040_a_second_open_in_the_middle_of_a_call_changes_nothing(server, unsigned_key, reference):
    """Not for the same conversation, and not for another one whose session waits."""
    request, waiting = register(), register()
    session, other = start(server, request), start(server, waiting)
    with Hook(server, unsigned_key, request["metadata"]["call_id"]) as hook:
        hook.open(media=[EXTERNAL])
        hook.play(audio.enrol()[:8000])
        hook.say("open", hook.open_parameters())
        hook.say("open", hook.open_parameters(conversationId=waiting["metadata"]["call_id"], media=[BOTH]))
        hook.play(audio.enrol()[8000:])
        hook.ping()
        hook.wait_paused()
        assert session.outcome().name == "result-success"
        hook.close()
    assert sorted(one.data["audio_seconds"] for one in session.statuses) == reference
    assert not other.statuses
    session.leave()
    other.leave()


@pytest.mark.negative
def test_case_048_case_049_no_bytes_are_ignored_and_half_a_frame_is_an_error(server, unsigned_key):
    request = register()
    session = start(server, request)
    with Hook(server, unsigned_key, request["metadata"]["call_id"]) as hook:
        hook.open(media=[BOTH])
        hook.ws.send(b"")
        hook.ping()
        hook.ws.send(b"\xff" * 1601)
        fails(hook)
    outcome = session.outcome()
    assert outcome.name == "error-audio" and "not whole samples" in outcome.data["content"]
    session.leave()


@pytest.mark.negative
@pytest.mark.parametrize("size", [64_001, 65_537, 4_000_000])
def test_case_050_a_message_over_the_limit_is_1009_and_the_server_lives(server, unsigned_key, size):
    request = register()
    session = start(server, request)
    with Hook(server, unsigned_key, request["metadata"]["call_id"]) as hook:
        hook.open(media=[EXTERNAL])
        hook.answers = False
        hook.ws.send(b"\xff" * size)
        assert hook.ended() == 1009
    assert session.outcome().name == "error-audio"
    session.leave()


def test_case_051_twenty_seconds_at_once_and_then_real_time_are_heard(server, unsigned_key):
    """The caller is silent for nineteen seconds; what he says from then on comes as he says it."""
    request = register()
    session = start(server, request)
    sound = audio.silence(19) + audio.enrol()
    at_once = 20 * audio.RATE
    with Hook(server, unsigned_key, request["metadata"]["call_id"]) as hook:
        hook.open(media=[EXTERNAL])
        begun = time.monotonic()
        assert hook.play(sound[:at_once], 32_000) == at_once
        hook.ping()
        caught_up = time.monotonic()
        hook.play(sound[at_once:], speed=1)
        hook.wait_paused()
        took = time.monotonic() - caught_up
        assert session.outcome().name == "result-success"
        assert took > 2, "the rest of three seconds of speech came in real time"
        assert caught_up - begun < 10, "twenty seconds came faster than they last"
        hook.close()
    assert len(session.statuses) > 20 * audio.RATE // audio.BLOCK, "the silence was heard too"
    session.leave()


def test_case_052_pauses_of_the_client_cost_only_the_audio_of_that_time(server, unsigned_key):
    request = register()
    session = start(server, request)
    sound = audio.enrol()
    with Hook(server, unsigned_key, request["metadata"]["call_id"]) as hook:
        hook.open(media=[EXTERNAL])
        hook.play(sound[:8000])
        hook.pause()
        hook.say("paused")
        hook.ping()
        hook.resume(discarded=0.5)
        hook.resume()
        hook.play(sound[8000:])
        hook.ping()
        hook.wait_paused()
        assert session.outcome().name == "result-success"
        hook.close()
    session.leave()


def test_case_052_a_caller_on_hold_does_not_run_out_of_time(impatient_server):
    """That server gives a caller three seconds without audio."""
    impatient_server.becomes_idle()
    key = impatient_server.key("--audiohook", "--unsigned")
    request = register()
    session = start(impatient_server, request)
    sound = audio.enrol()
    with Hook(impatient_server, key, request["metadata"]["call_id"]) as hook:
        hook.open(media=[EXTERNAL])
        hook.play(sound[:8000])
        hook.pause()
        held = time.monotonic() + 4.5
        while time.monotonic() < held:
            hook.ping()
            time.sleep(0.5)
        hook.resume(discarded=4.5)
        hook.play(sound[8000:])
        hook.wait_paused()
        assert session.outcome().name == "result-success"
        hook.close()
    session.leave()
    impatient_server.becomes_idle()


@pytest.mark.negative
def test_case_053_what_was_discarded_moves_the_stream_and_the_rest_is_heard(server, unsigned_key):
    """Behind, at, and far ahead of the stream, in the middle of a call."""
    request = register()
    session = start(server, request)
    sound = audio.enrol()
    with Hook(server, unsigned_key, request["metadata"]["call_id"]) as hook:
        hook.open(media=[EXTERNAL])
        hook.play(sound[:8000])
        for begins, lost in ((0.2, 0.1), (1.0, 0.5), (9.0, 2.0)):
            hook.say("discarded", {"start": f"PT{begins}S", "discarded": f"PT{lost}S"})
        hook.position = 11.0
        hook.play(sound[8000:])
        hook.ping()
        hook.wait_paused()
        assert session.outcome().name == "result-success"
        hook.close()
    session.leave()


def test_case_057_a_client_that_complains_is_sent_nothing_for_the_time_it_names(server, unsigned_key):
    """`pause` is what there is to say; a pong is not held back."""
    request = register()
    session = start(server, request)
    with Hook(server, unsigned_key, request["metadata"]["call_id"]) as hook:
        hook.open(media=[EXTERNAL])
        hook.ping()
        complained = time.monotonic()
        hook.say("error", {"code": 429, "message": "too many", "retryAfter": "PT2S"})
        hook.play(audio.enrol(), 32_000)
        assert session.outcome().name == "result-success"
        assert hook.ping() < 1 and not hook.paused
        hook.wait_paused()
        assert 2 <= time.monotonic() - complained < 5
        hook.close()
    assert hook.types() == ["opened", "pong", "pong", "pause", "closed"]
    session.leave()


def test_case_045_opened_is_in_time_while_decisions_wait(other_server):
    """One thread decides, and eight calls end at the same moment; the flag of each is read from its own clock."""
    key = other_server.key("--audiohook", "--unsigned")
    rest = Rest(other_server)
    settings = rest.settings(audio_protocol="audiohook")
    sessions = [rest.create(settings=settings) for _ in range(9)]
    with ThreadPoolExecutor(8) as pool:
        sound = audio.enrol()

        def call(session):
            with Hook(other_server, key, session["call_id"]) as hook:
                hook.open(media=[EXTERNAL])
                hook.play(sound, 32_000)
                hook.wait("closed", 60)

        ends = [pool.submit(call, session) for session in sessions[:-1]]
        eventually(lambda: any(rest.session(one)["status"] == "processing" for one in sessions), "the server is not busy")
        begun = time.monotonic()
        with Hook(other_server, key, sessions[-1]["call_id"]) as hook:
            assert hook.open(media=[EXTERNAL])["startPaused"] is False
            took = time.monotonic() - begun
            hook.play(sound, 32_000)
            hook.wait("closed", 60)
            hook.end()
        for end in ends:
            end.result()
    print(f"opened after {took:.2f} s")
    assert took < 5
    assert {rest.polled(one)[-1]["event"] for one in sessions} == {"result-success"}


def test_case_054_pings_are_answered_while_decisions_are_computed(server, unsigned_key):
    """More calls than cores decide at the same time, while others ping."""
    took, stop = [], threading.Event()
    with Hook(server, unsigned_key) as parked, ThreadPoolExecutor(8) as pool:
        parked.open()

        def ping():
            while not stop.is_set():
                took.append(parked.ping())
                time.sleep(0.02)

        pinging = pool.submit(ping)
        ends = [pool.submit(carry, server, unsigned_key, register(), audio.enrol(), [EXTERNAL], 32_000) for _ in range(6)]
        assert {end.result()[0].name for end in ends} == {"result-success"}
        stop.set()
        pinging.result()
        parked.close()
    print(f"{len(took)} pings, the slowest {max(took) * 1000:.0f} ms")
    assert max(took) < 1.0


def test_case_055_nothing_comes_between_opened_and_the_first_pong(server, unsigned_key):
    """Enough audio in the first moment: the client's own check is that `pause` waits for the first pong."""
    request = register()
    session = start(server, request)
    with Hook(server, unsigned_key, request["metadata"]["call_id"]) as hook:
        hook.open(media=[EXTERNAL])
        hook.play(audio.enrol(), 32_000)
        assert session.outcome().name == "result-success"
        time.sleep(max(0.0, hook.opened_at + 1.0 - time.monotonic()))
        hook.ping()
        hook.wait_paused()
        hook.close()
        assert hook.messages[1]["type"] == "pong" and hook.messages[1]["seq"] == 2
    session.leave()


def test_case_058_a_parked_call_serves_one_session_after_the_other(server, unsigned_key, credential):
    conversation = str(uuid.uuid4())
    sounds = [(register(conversation), audio.enrol())]
    sounds += [(hooked(verify_request(credential, SECONDS, conversation)), audio.same())] * 2
    with Hook(server, unsigned_key, conversation) as hook:
        assert hook.open(media=[EXTERNAL])["startPaused"] is True
        hook.ping()
        for request, sound in sounds:
            session = start(server, request)
            hook.wait_paused(False)
            hook.play(sound)
            assert session.outcome().name == "result-success"
            hook.wait_paused()
            hook.ping()
            session.leave()
        hook.close()
    assert [one for one in hook.types() if one in ("pause", "resume")] == ["resume", "pause"] * 3


def test_a_session_of_the_rest_channel_finds_a_parked_call_too(server, unsigned_key):
    rest = Rest(server)
    settings = rest.settings(audio_protocol="audiohook")
    with Hook(server, unsigned_key) as hook:
        hook.open(media=[EXTERNAL])
        hook.ping()
        session = rest.create(settings=settings, call_id=hook.conversation)
        hook.wait_paused(False)
        hook.play(audio.enrol())
        assert rest.polled(session)[-1]["status"] == "success"
        hook.wait_paused()
        hook.close()


def test_a_session_that_waits_for_another_carrier_is_not_this_calls(server, unsigned_key):
    request = register_request(SECONDS)
    session = start(server, request)
    with Hook(server, unsigned_key, request["metadata"]["call_id"]) as hook:
        assert hook.open()["startPaused"] is True
        hook.ping()
        hook.close()
    session.leave()


def test_the_media_that_was_chosen_counts_whatever_the_session_declared(server, unsigned_key):
    declared = {"audio_codec": "alaw", "channels": "2"}
    outcome, _, _ = carry(server, unsigned_key, register(**declared), audio.enrol(), [EXTERNAL])
    assert outcome.name == "result-success"


def test_case_061_calls_at_the_same_time_do_not_mix(server, unsigned_key, credential):
    voices = {"same": (audio.same(), "result-success"), "other": (audio.mulaw(audio.files("other")[0]), "result-fail-score")}

    def call(voice):
        request = hooked(verify_request(credential, SECONDS))
        return carry(server, unsigned_key, request, voices[voice][0], [EXTERNAL], 800)[0].name

    with ThreadPoolExecutor(4) as pool:
        names = ["same", "other"] * 2
        assert list(pool.map(call, names)) == [voices[name][1] for name in names]


@pytest.mark.negative
def test_case_118_a_second_connection_of_a_call_waits_and_never_mixes(server, unsigned_key):
    request = register()
    call_id = request["metadata"]["call_id"]
    session = start(server, request)
    with Hook(server, unsigned_key, call_id) as first, Hook(server, unsigned_key, call_id) as second:
        assert first.open(media=[EXTERNAL])["startPaused"] is False
        assert second.open(media=[EXTERNAL])["startPaused"] is True
        second.ping()
        first.play(audio.enrol())
        first.ping()
        assert session.outcome().name == "result-success"
        first.close()
        # The next session of the call is the second connection's.
        again = start(server, register(call_id))
        second.wait_paused(False)
        second.play(audio.enrol())
        assert again.outcome().name == "result-success"
        second.wait_paused()
        second.close()
        again.leave()
    session.leave()


def test_tenants_do_not_see_each_others_calls(server, unsigned_key):
    """The API key says whose call it is; a session of another tenant with the same call id has nothing to do with it."""
    import subprocess

    from support.server import BINARY

    made = subprocess.run([BINARY, "tenant", "add", "neighbour", "--data-dir", server.data_dir], capture_output=True)
    assert made.returncode == 0, made.stderr
    foreign = server.key("--audiohook", "--unsigned", tenant="neighbour")
    request = register()
    session = start(server, request)
    with Hook(server, foreign, request["metadata"]["call_id"]) as hook:
        assert hook.open()["startPaused"] is True
        hook.ping()
        hook.close()
    session.leave()
