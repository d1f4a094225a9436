"""In: a server that has just been done something bad to. Out: the proof that the same process decides a call that is good.

Each proof is a whole call of its own: a session, an audio connection, and a registration that succeeds. The audio is
carried at once, until the server says that it has heard enough; the decision is waited for while the next test runs, so
that hundreds of proofs cost little more than what the models compute.
"""

from collections import deque
from dataclasses import dataclass

from support import audio
from support.carrier import Carrier
from support.rest import Rest

#: Decisions that may be outstanding. A server that takes one session at a time has none.
AT_ONCE = 3
#: Holds three seconds of speech, and little more.
SECONDS = 6


@dataclass
class Made:
    """A call whose decision is still to come."""

    rest: Rest
    session: dict
    after: str


class GoodCalls:
    """One for a whole run: which calls were made, and which are still to be looked at."""

    def __init__(self):
        self._made = deque()
        self._settings = {}

    def make(self, server, after, at_once=AT_ONCE):
        """A call on this server, after the test of this name."""
        rest = Rest(server)
        if server.pid not in self._settings:
            self._settings[server.pid] = rest.settings()
        session = rest.create(settings=self._settings[server.pid])
        # Where nobody has to prove anything, the key is not looked at.
        key = {"apikey": server.first_run["api_key"]}
        with Carrier(server, session["call_id"], "minimal", headers=key).start() as carrier:
            end = carrier.play(audio.enrol()[: SECONDS * audio.RATE], 0, chunk_ms=400) or carrier.end()
        assert (end.code, end.by_server) == (1000, True), f"the good call after {after}: {end}"
        self._made.append(Made(rest, session, after))
        self.settle(at_once)

    def settle(self, left=0):
        """Waits for decisions until so many are left."""
        while len(self._made) > left:
            made = self._made.popleft()
            last = made.rest.polled(made.session)[-1]
            assert last["event"] == "result-success", f"the good call after {made.after}: {last}"
