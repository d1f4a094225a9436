"""In: a server and somebody's voice. Out: a whole call, signalling and audio together."""

from support import audio
from support.carrier import Carrier
from support.signalling import Session, register_request, start, verify_request


def call(server, request, sound, dialect="minimal", speed=0, **how):
    """Carries one call to its end: `(session, outcome, how the audio connection ended)`."""
    session = start(server, request)
    with Carrier(server, request["metadata"]["call_id"], dialect).start() as carrier:
        end = carrier.play(sound, speed, **how) or carrier.end()
        outcome = session.outcome()
    session.ended_by_server()
    session.leave()
    return session, outcome, end


def register(server, sound=None, seconds=5.0):
    """Registers a voice, the enrolled caller's if not told otherwise, and returns the outcome."""
    return call(server, register_request(seconds), sound or audio.enrol())[1]


def verify(server, credential, sound, seconds=5.0):
    """Verifies a voice and returns the outcome."""
    return call(server, verify_request(credential, seconds), sound)[1]


def without_consumer(server, kind, request):
    """What a client hears whose key was disabled after it connected: nothing can take its audio."""
    made = server.key("--client")
    form = {name: made[name] for name in ("client_id", "client_secret")} | {"grant_type": "client_credentials"}
    token = server.ask_for_token(data=form).json()["access_token"]
    server.private.update((made["client_secret"], token))
    session = Session(server, kind, connect_with={"headers": {"Authorization": f"bearer {token}"}}).connect()
    server.disable(made["client_id"])
    event = session.initialize(request).event()
    session.ended_by_server()
    session.leave()
    return event


def good_call(server):
    """A call that has nothing wrong with it, to show that the server still works; as short as calls may be."""
    outcome = register(server, seconds=3.0)
    assert outcome.name == "result-success", outcome.data
