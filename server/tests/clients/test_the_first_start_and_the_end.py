"""A server's life: its first start, a call that its end interrupts, and a second start that knows everything again."""

import signal
import stat
import subprocess
import time

import pytest
import requests

from support import audio, calls
from support.audiohook import Hook
from support.carrier import Carrier
from support.server import BINARY, MODELS, Server
from support.signalling import Session, register_request, start, verify_request

#: `--shutdown-timeout`, and a little.
BOUNDED = 12


class Life:
    """Everything that happened, in the order it happened."""

    def __init__(self, folder):
        self.data_dir = folder / "data"
        first = Server(folder, log="trace").ready()
        self.first_start(first)
        self.first_end(first)
        second = Server(folder, log="trace").ready()
        self.second_start(second, first)
        self.interrupted = second.stop(signal.SIGINT, BOUNDED)
        self.logs = first.log() + second.log()
        self.private = first.private | second.private

    def first_start(self, server):
        self.said = server.said
        self.first_run = server.first_run
        self.modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in self.data_dir.iterdir()}
        self.directory_mode = stat.S_IMODE(self.data_dir.stat().st_mode)
        self.live, self.ready = (requests.get(server.base + path, timeout=15) for path in ("/livez", "/readyz"))
        self.token = server.token()
        self.credential = calls.register(server, seconds=3.0).data["credential"]

    def first_end(self, server):
        """SIGTERM while one call is collecting, one waits for its audio, one is parked, and one client has asked for
        nothing yet."""
        key = server.key("--audiohook", "--unsigned")
        self.parked, self.silent = Hook(server, key).connect(), Hook(server, key).connect()
        self.parked.open()
        self.silent.open()
        self.silent.answers = False
        request = register_request(30.0)
        self.sessions = [start(server, request), start(server, register_request())]
        bystander = Session(server, "register").connect()
        with Carrier(server, request["metadata"]["call_id"]).start() as carrier:
            carrier.play(audio.enrol()[:24_000], 0)
            self.sessions[0].event()
            begun = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            self.audio_end = carrier.end()
            self.parked.wait("closed")
            self.parked.end()
            self.silent_end = self.silent.ended()
            self.outcomes = [session.outcome() for session in self.sessions]
            for session in [*self.sessions, bystander]:
                session.ended_by_server()
        self.exit_status = server.process.wait(BOUNDED)
        self.seconds_to_end = time.monotonic() - begun
        self.said_afterwards = server.stdout()

    def second_start(self, server, first):
        self.second_run = server.first_run
        self.second_base = server.base
        session = Session(server, "verify", connect_with={"headers": {"Authorization": f"bearer {first.token()}"}})
        request = verify_request(self.credential, 3.0)
        with session:
            session.initialize(request).consumer_ready()
            with Carrier(server, request["metadata"]["call_id"]).start() as carrier:
                carrier.play(audio.same(), 0)
                self.verified = session.outcome()
        self.new_token = server.token()
        command = [BINARY, "serve", "--data-dir", self.data_dir, "--listen", "127.0.0.1:0", "--models", MODELS]
        self.rival = subprocess.run(command, capture_output=True, text=True, timeout=15)


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    return Life(tmp_path_factory.mktemp("life"))


def test_the_ready_line_is_one_json_object_and_the_only_output(life):
    assert life.said == {"ready": True, "base_url": life.first_run["base_url"]}
    assert life.said_afterwards == []


def test_the_first_start_writes_what_a_client_needs_for_its_owner_only(life):
    assert set(life.first_run) == {"base_url", "client_id", "client_secret", "api_key"}
    assert all(life.first_run.values())
    assert life.directory_mode == 0o700
    assert "first-run.json" in life.modes
    assert set(life.modes.values()) == {0o600}, life.modes


def test_secrets_stand_in_clear_in_the_first_run_file_only(life):
    secrets = (life.data_dir / "secrets.toml").read_text()
    assert life.first_run["client_secret"] not in secrets and life.first_run["api_key"] not in secrets


def test_it_says_that_it_lives_and_that_it_is_ready(life):
    assert (life.live.status_code, life.ready.status_code) == (200, 200)


def test_sigterm_gives_every_session_its_terminal_event(life):
    for outcome in life.outcomes:
        assert outcome.name == "error-das-Peak", outcome.data
        assert outcome.data["exception"] == "ServiceUnavailable"


def test_sigterm_closes_audio_with_going_away(life):
    assert (life.audio_end.code, life.audio_end.by_server) == (1001, True)


def test_case_071_sigterm_disconnects_audiohook_calls_and_goes_away(life):
    """Their client tries again, and finds another server."""
    assert life.parked.types() == ["opened", "disconnect", "closed"]
    assert life.parked.disconnected["reason"] == "error" and "stopping" in life.parked.disconnected["info"]
    assert life.silent.disconnected["reason"] == "error" and life.silent_end == 1001


def test_sigterm_ends_the_process_in_order_and_in_time(life):
    assert life.exit_status == 0
    assert life.seconds_to_end < BOUNDED


def test_sigint_ends_it_in_order_too(life):
    assert life.interrupted == 0


def test_a_second_start_keeps_all_secrets(life):
    assert life.second_run == life.first_run | {"base_url": life.second_base}
    assert life.new_token


def test_tokens_and_credentials_outlive_a_restart(life):
    assert life.verified.name == "result-success", life.verified.data


def test_a_data_directory_belongs_to_one_server_at_a_time(life):
    assert life.rival.returncode == 1
    assert "another server is running with this data directory" in life.rival.stderr
    assert life.rival.stdout == ""


def test_a_life_leaves_nothing_personal_in_the_log(life):
    assert "session decided" in life.logs
    assert not [text for text in life.private if text in life.logs]
