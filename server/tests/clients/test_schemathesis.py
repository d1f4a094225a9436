"""schemathesis against the running server with the description that it publishes: no 5xx, no undocumented status, no
schema violation. What is allowed, and why, stands in schemathesis.toml."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import uuid
from urllib.parse import urlsplit

import pytest
import requests

from support import audio
from support.carrier import Carrier
from support.server import SOON, Server, eventually

HERE = pathlib.Path(__file__).parent
SETTINGS = {
    "audio_protocol": "twilio",
    "audio_format": "raw",
    "audio_codec": "mulaw",
    "sample_format": "",
    "sample_rate": 8000,
    "channels": 1,
}


class Objects:
    """Real objects of a server, made over REST: what it is asked about has to exist, some of the time."""

    def __init__(self, server):
        self.server, self.calls = server, []
        self.http = requests.Session()
        self.http.headers["apikey"] = server.first_run["api_key"]
        self.settings = [self.create("audio_settings", SETTINGS)["id"] for _ in range(3)]
        self.registration = self.finished("register")
        own = {"credential": self.registration["credential"]}
        self.verification = self.finished("verify", **own)
        # To be deleted.
        self.doomed = [self.begun("register")["id"] for _ in range(5)] + [self.begun("verify", **own)["id"] for _ in range(5)]

    def create(self, collection, body):
        answer = self.http.post(f"{self.server.base}/dpsrest/v1/{collection}", json=body, timeout=SOON)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def begun(self, kind, **members):
        body = {"audio_settings_id": self.settings[0], "call_id": str(uuid.uuid4()), "audio_total_duration": 3, **members}
        return self.create(f"{kind}_session", body)

    def finished(self, kind, **members):
        """A session that has had its audio, and has a result."""
        begun = self.begun(kind, **members)
        self.calls.append(begun["call_id"])
        path = f"/dpsrest/v1/{kind}_session/{begun['id']}"
        with Carrier(self.server, begun["call_id"], "minimal").start() as carrier:
            carrier.play(audio.enrol(), speed=0)

        def result():
            session = self.http.get(self.server.base + path, timeout=SOON).json()
            return session if session["finished"] else None

        session = eventually(result, "a result", within=60)
        assert session["status"] == "success", session
        return session

    def write(self, folder):
        """One list for each kind of identifier, as schemathesis.toml names them; in libFuzzer's form."""
        lists = {
            "settings": self.settings,
            "registrations": [self.registration["id"]],
            "verifications": [self.verification["id"]],
            "credentials": [self.registration["credential"]],
            "doomed": self.doomed,
            "client_ids": [self.server.first_run["client_id"]],
            "client_secrets": [self.server.first_run["client_secret"]],
            "calls": self.calls,
        }
        for name, values in lists.items():
            (folder / f"{name}.txt").write_text("".join(f'"{value}"\n' for value in values))


@pytest.fixture(scope="module")
def described_server(tmp_path_factory):
    """Sessions without audio end soon, so that their ends are met too, and streams of events end."""
    running = Server(tmp_path_factory.mktemp("described"), "--audio-start-timeout=2", "--max-sessions=10000").ready()
    yield running
    running.kill()


def answered(report, document):
    """The statuses that each described operation was answered with."""
    seen = {(method.upper(), path): set() for path, item in document["paths"].items() for method in item}
    for entry in json.loads(report.read_text())["log"]["entries"]:
        method, path = entry["request"]["method"], urlsplit(entry["request"]["url"]).path
        for known, statuses in seen.items():
            if known[0] == method and re.fullmatch(known[1].replace("{id}", "[^/]+"), path):
                statuses.add(entry["response"]["status"])
    return {known: statuses for known, statuses in seen.items() if known[0] != "PARAMETERS"}


def test_schemathesis_finds_nothing(described_server, tmp_path):
    shutil.copy(HERE / "schemathesis.toml", tmp_path)
    Objects(described_server).write(tmp_path)
    st, report = pathlib.Path(sys.executable).with_name("st"), tmp_path / "report.har"
    url = described_server.base + "/docs/openapi.json"
    command = [st, "--no-color", "run", "--report-har-path", report, url]
    environment = {**os.environ, "PEAKSTREAM_API_KEY": described_server.first_run["api_key"]}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    print(done.stdout[-20_000:], done.stderr[-5_000:])
    assert done.returncode == 0, "its report stands above"
    assert described_server.is_alive()
    # It looked at answers worth looking at: each operation succeeded at least once. A recording is nothing that can be made of
    # a schema: that one is taken is shown by the suite (`a_recording_is_sent`), here only that anything else is refused well.
    statuses = answered(report, requests.get(url, timeout=SOON).json())
    print(*statuses.items(), sep="\n")
    recordings = [known for known in statuses if known[0] == "POST" and known[1].endswith("/audio")]
    assert all(415 in statuses[known] for known in recordings) and len(recordings) == 2
    rest = {known: seen for known, seen in statuses.items() if known not in recordings}
    missed = [known for known, seen in rest.items() if not any(200 <= status < 300 for status in seen)]
    assert not missed, f"never answered with success: {missed}"
