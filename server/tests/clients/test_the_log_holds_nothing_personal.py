"""Runs last: what the common server logged, at its most talkative, during all other tests."""

from support import audio, calls
from support.signalling import answer, verify_request


def test_case_119_no_token_secret_credential_call_id_or_payload(server, credential):
    """The calls here are for a run of this test alone; what other tests knew of is searched for too."""
    calls.verify(server, credential, audio.same(), seconds=3.0)
    answer(server, "verify", verify_request("c" * 400))
    log = server.log()
    assert "session decided" in log, "the test sees the log"
    assert {server.first_run["client_secret"], server.token(), credential} <= server.private
    assert not [text for text in server.private if text in log]


def test_no_thread_panicked(server):
    assert "panicked" not in server.log()
