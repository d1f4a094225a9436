"""Audio that never comes, holds too little, or ends early: the documented event, and nothing is left of the call."""

import pytest
import requests

from support import audio, calls
from support.carrier import Carrier
from support.server import eventually
from support.signalling import Session, answer, register_request, start, verify_request

#: `--audio-start-timeout`, `--audio-idle-timeout` of the impatient server.
PATIENCE = 2


@pytest.fixture
def quiet(impatient_server):
    """The impatient server, which is as empty after the test as before."""
    requests.get(impatient_server.base + "/livez", timeout=15)
    impatient_server.becomes_idle(sockets=idle_sockets(impatient_server))
    before = impatient_server.sockets()
    yield impatient_server
    impatient_server.becomes_idle(before)


def idle_sockets(server):
    """The listening socket and the runtime's own."""
    if not hasattr(server, "own_sockets"):
        eventually(lambda: server.live_sessions() == 0, "no session lives")
        server.own_sockets = server.sockets()
    return server.own_sockets
