"""Runs last: what every server of the run logged, at its most talkative, while all other tests did what they do."""

from support import audio, calls
from support.server import Server
from support.signalling import answer, verify_request


def test_case_119_no_token_secret_credential_call_id_or_payload(server, credential):
    """The calls here are for a run of this test alone; what other tests knew of is searched for too."""
    calls.verify(server, credential, audio.same(), seconds=3.0)
    answer(server, "verify", verify_request("c" * 400))
    assert "session decided" in server.log(), "the test sees the log"
    assert {server.first_run["client_secret"], server.token(), credential} <= server.private
    for one in Server.started:
        log = one.log()
        assert not [text for text in one.private if text in log], one.flags


def test_no_thread_panicked(server):
    for one in Server.started:
        assert "panicked" not in one.log(), one.flags
