"""In: one polling client's wishes. Out: the REST channel's answers, with `requests` as customers use it."""

import json
import uuid

import requests

from support.server import SOON

#: The documented audio settings: numbers are numbers here.
AUDIO = {
    "audio_protocol": "twilio",
    "audio_format": "raw",
    "audio_codec": "mulaw",
    "sample_format": "",
    "sample_rate": 8000,
    "channels": 1,
}


class Rest:
    """Talks to one server with its key."""

    def __init__(self, server, prefix="/dpsrest/v1"):
        self.server = server
        self.base = server.base + prefix
        self.headers = {"apikey": server.first_run["api_key"]}

    def request(self, method, path, headers=None, **how):
        """Any request; a header that is None is left out."""
        headers = {name: value for name, value in (self.headers | (headers or {})).items() if value is not None}
        return requests.request(method, self.base + path, headers=headers, timeout=60, **how)

    def get(self, path, **how):
        return self.request("GET", path, **how)

    def post(self, path, body, **how):
        return self.request("POST", path, json=body, **how)

    def delete(self, path, **how):
        return self.request("DELETE", path, **how)

    def settings(self, **other):
        """The id of new audio settings."""
        answer = self.post("/audio_settings", AUDIO | other)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def request_of(self, kind="register", settings=None, **members):
        """The documented request for a session of three seconds; a member that is None is left out."""
        call_id = members.get("call_id") or str(uuid.uuid4())
        self.server.private.add(call_id)
        request = {
            "audio_settings_id": settings or self.settings(),
            "call_id": call_id,
            "audio_total_duration": 3.0,
            "authenticity_threshold": 0.8,
        }
        return {name: value for name, value in (request | members).items() if value is not None}

    def create(self, kind="register", **members):
        """A session that waits for its audio."""
        answer = self.post(f"/{kind}_session", self.request_of(kind, **members))
        assert answer.status_code == 201, answer.text
        return answer.json()

    def session(self, session, kind="register"):
        """The session as it is now."""
        answer = self.get(f"/{kind}_session/{session['id']}")
        assert answer.status_code == 200, answer.text
        if "credential" in answer.json():
            self.server.private.add(answer.json()["credential"])
        return answer.json()

    def polled(self, session, kind="register"):
        """Everything that polling shows until the session is finished; the server's answers set the pace."""
        seen = [session]
        while not seen[-1]["finished"]:
            seen.append(self.session(session, kind))
        return seen

    def heard(self, session, kind="register", last=None):
        """`(id, name, data)` of each Server-Sent Event, until the stream ends."""
        headers = self.headers | ({"Last-Event-ID": last} if last is not None else {})
        address = f"{self.base}/{kind}_session/{session['id']}/events"
        with requests.get(address, headers=headers, stream=True, timeout=SOON * 4) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            members = {}
            for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
                if line and not line.startswith(":"):
                    name, _, value = line.partition(":")
                    members[name] = value.removeprefix(" ")
                elif not line and members:
                    data = json.loads(members["data"])
                    if "credential" in data:
                        self.server.private.add(data["credential"])
                    yield members["id"], members["event"], data
                    members = {}
