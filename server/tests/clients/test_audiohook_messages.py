"""AudioHook, cases 17 to 46 and 66 to 67: envelope and `open`, right and wrong. After each wrong one a good one works."""

import json
import uuid

import pytest

from support.audiohook import BOTH, EXTERNAL, INTERNAL, INVERTED, L16, Hook, fails, probe
from support.server import SOON


@pytest.fixture
def hook(server, unsigned_key):
    with Hook(server, unsigned_key) as one:
        yield one
    probe(server, unsigned_key)


def test_case_017_case_029_numbers_and_ids_are_right_and_websocket_pings_are_answered(hook):
    hook.open()
    for _ in range(3):
        hook.ping()
    assert hook.ws.ping().wait(SOON)
    hook.close()
    assert [one["seq"] for one in hook.messages] == [1, 2, 3, 4, 5]


@pytest.mark.negative
@pytest.mark.parametrize("seq", [1, 3, 0, "2", -1, 2.5, None], ids=str)
def test_case_018_a_wrong_seq_is_an_error(hook, seq):
    hook.open()
    hook.say("ping", seq=seq)
    fails(hook)


@pytest.mark.negative
def test_case_018_the_first_seq_is_one(hook):
    hook.say("open", hook.open_parameters(), seq=2)
    fails(hook)


@pytest.mark.negative
def test_case_019_serverseq_may_be_behind_and_not_ahead(hook):
    hook.open()
    hook.ping()
    hook.awaits_pong.append(hook.seq + 1)
    hook.say("ping", serverseq=0)
    hook._until(lambda: len(hook.pongs) == 2, "pong")
    hook.say("ping", serverseq=99)
    fails(hook)


@pytest.mark.negative
@pytest.mark.parametrize(
    "replaced",
    [
        {"version": "1"},
        {"version": 2},
        {"version": None},
        {"id": str(uuid.uuid4())},
        {"id": 7},
        {"id": None},
        {"type": None},
        {"type": 7},
        {"serverseq": None},
        {"serverseq": "0"},
        {"position": None},
        {"position": "PT1M"},
        {"position": 1},
        {"position": "PTS"},
        *({"position": wrong} for wrong in ("PT1H", "PT1M30S", "P1D", "P0DT1S", "PT-1S", "PT1,5S", "pt1s", "1S", "PT1", "PT1.S", "")),
        {"parameters": None},
        {"parameters": []},
    ],
    ids=str,
)
def test_case_020_case_021_case_022_a_wrong_envelope_is_an_error(hook, replaced):
    hook.open()
    message = hook.envelope("ping") | replaced
    hook.text(json.dumps({name: value for name, value in message.items() if value is not None}))
    fails(hook)


def test_case_022_positions_may_be_written_in_three_ways(hook):
    hook.open()
    for position in ("PT.5S", "PT1S", "PT1.250S"):
        hook.awaits_pong.append(hook.seq + 1)
        hook.say("ping", position=position)
    hook._until(lambda: len(hook.pongs) == 3, "pong")
    hook.close()


@pytest.mark.negative
@pytest.mark.parametrize("text", ["this is not JSON", "[1]", "null", '"ping"', "\x00", "{", "[" * 20_000], ids=lambda t: t[:9])
def test_case_023_what_is_no_message_is_an_error_and_close_is_answered(hook, text):
    hook.open()
    hook.text(text)
    fails(hook)


@pytest.mark.negative
@pytest.mark.parametrize("kind", ["somethingNew", "dtmf", "playback_started", "playback_completed", ""])
def test_case_024_case_025_unknown_types_are_ignored(hook, kind):
    hook.open()
    hook.say(kind, {"digit": "1"})
    hook.ping()
    hook.close()
    assert hook.types() == ["opened", "pong", "closed"]


def test_case_026_members_that_nobody_knows_are_ignored(hook):
    hook.say("open", hook.open_parameters(somethingNew={"a": [1]}), alsoNew=1)
    hook.offered = hook.open_parameters()["media"]
    hook.wait("opened")
    hook.close()


@pytest.mark.negative
def test_case_027_large_text_is_fine_and_too_large_is_1009(server, unsigned_key, hook):
    hook.open(customConfig={"x": "y" * 60_000})
    hook.close()
    with Hook(server, unsigned_key) as large:
        large.open()
        large.answers = False
        large.text(json.dumps({"x": "y" * 70_000}))
        assert large.ended() == 1009


def test_case_028_fragmented_messages_are_put_together(hook):
    text = json.dumps(hook.envelope("open", hook.open_parameters()))
    hook.offered = hook.open_parameters()["media"]
    with hook._sending:
        hook.ws.send([text[:10], text[10:11], "", text[11:]])
    hook.wait("opened")
    with hook._sending:
        hook.ws.send([b"\xff" * 10, b"", b"\xff" * 150])
    hook.ping()
    hook.close()


# ---- open


def test_case_030_case_031_case_032_external_alone_is_chosen_in_time(hook):
    opened = hook.open(media=[BOTH, INTERNAL, EXTERNAL])
    assert opened["media"] == [EXTERNAL]
    hook.close()


@pytest.mark.parametrize("offer", [BOTH, INVERTED, L16], ids=lambda o: "-".join([o["format"], *o["channels"]]))
def test_case_033_case_035_what_else_has_the_caller_in_it_is_chosen(hook, offer):
    assert hook.open(media=[INTERNAL, offer])["media"] == [offer]
    hook.close()


@pytest.mark.negative
@pytest.mark.parametrize("offers", [[INTERNAL], []], ids=["internal", "none"])
def test_case_034_case_037_case_060_without_the_caller_there_is_no_audio_and_no_error(hook, offers):
    assert hook.open(media=offers) == {"media": [], "startPaused": False}
    hook.ws.send(b"\xff" * 1600)
    hook.ping()
    hook.close()


@pytest.mark.negative
def test_case_036_unknown_offers_among_others_are_passed_over(hook):
    strange = {"type": "audio", "format": "OPUS", "channels": ["external"], "rate": 48000}
    fast = EXTERNAL | {"rate": 16000}
    assert hook.open(media=[strange, fast, {"type": "video"}, EXTERNAL])["media"] == [EXTERNAL]
    hook.close()


@pytest.mark.negative
@pytest.mark.parametrize(
    "replaced",
    [
        {"conversationId": None},
        {"conversationId": "x"},
        {"participant": None},
        {"participant": {"id": "x"}},
        {"language": "english"},
        {"language": 7},
        {"media": None},
        {"media": "PCMU"},
        {"organizationId": None},
    ],
    ids=str,
)
def test_case_038_an_open_that_is_not_whole_is_an_error(hook, replaced):
    hook.say("open", hook.open_parameters(**replaced))
    fails(hook)


def test_case_039_an_unknown_conversation_is_opened_paused(hook):
    assert hook.open()["startPaused"] is True
    hook.ping()
    hook.close()
    assert hook.types() == ["opened", "pong", "closed"]


@pytest.mark.negative
def test_case_040_a_second_open_is_ignored(hook):
    hook.open()
    hook.say("open", hook.open_parameters())
    hook.ping()
    hook.close()


def test_case_041_case_042_everything_an_open_may_say_is_taken(hook):
    earlier = {"id": str(uuid.uuid4()), "serverseq": 3, "clientseq": 4}
    hook.open(
        inputVariables={"a": "b"}, customConfig={"deep": [{}]}, supportedLanguages=True, continuedSessions=[earlier]
    )
    hook.close()


@pytest.mark.negative
def test_case_043_a_ping_before_open_is_answered_and_audio_is_an_error(hook):
    hook.ping()
    hook.ws.send(b"\xff" * 1600)
    fails(hook)


# ---- the end


@pytest.mark.parametrize("reason", ["end", "error", "disconnect", "reconnect"])
def test_case_066_every_reason_to_close_is_answered(hook, reason):
    hook.open()
    hook.close(reason)


@pytest.mark.negative
@pytest.mark.parametrize("parameters", [{}, {"reason": "bored"}, {"reason": 1}], ids=str)
def test_case_066_another_reason_is_an_error(hook, parameters):
    hook.open()
    hook.say("close", parameters)
    fails(hook)


def test_case_067_close_before_open_is_answered(hook):
    hook.close()
    assert hook.types() == ["closed"]


@pytest.mark.negative
def test_case_065_case_068_nothing_comes_after_closed_and_late_audio_is_harmless(hook):
    hook.open(media=[EXTERNAL])
    hook.closing = True
    hook.say("close", {"reason": "end"})
    hook.ws.send(b"\xff" * 1600)
    hook.wait("closed")
    hook.say("ping")
    hook.say("close", {"reason": "end"})
    hook.text("junk")
    hook.ws.send(b"\xff" * 1601)
    hook.end()
    assert hook.types() == ["opened", "closed"]


@pytest.mark.negative
@pytest.mark.parametrize(
    "kind, parameters",
    [
        *((kind, wrong) for kind in ("discarded", "resumed") for wrong in ({"start": "PT1S"}, {"discarded": "PT1S"})),
        ("discarded", {"start": "PT1S", "discarded": "PT1M"}),
        ("discarded", {"start": 1, "discarded": "PT1S"}),
        *(("update", wrong) for wrong in ({}, {"language": "german"}, {"language": 7})),
    ],
    ids=str,
)
def test_case_053_case_056_incomplete_messages_are_errors(hook, kind, parameters):
    hook.open()
    hook.say(kind, parameters)
    fails(hook)


@pytest.mark.negative
def test_case_056_case_057_update_is_answered_and_error_is_not(hook):
    hook.open()
    hook.ping()
    hook.say("error", {"code": 429, "message": "slow down", "retryAfter": "PT0.1S"})
    hook.say("error", {"code": 500, "message": "internal"})
    hook.say("update", {"language": "de-DE"})
    hook.wait("updated")
    hook.close("error")
    assert hook.types() == ["opened", "pong", "updated", "closed"]


@pytest.mark.negative
def test_case_053_discarded_behind_at_and_far_ahead_is_no_error(hook):
    hook.open(media=[EXTERNAL])
    for start, length in (("PT0S", "PT0S"), ("PT6.3S", "PT1S"), ("PT1S", "PT0.5S")):
        hook.say("discarded", {"start": start, "discarded": length})
    hook.ping()
    hook.close()
