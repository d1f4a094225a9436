"""One server for all tests of a run, and a report of what was not run and why."""

import os
import pathlib

import pytest

from support import calls
from support.server import Server

SHARED = pathlib.Path(os.environ["CLIENT_TESTS_SHARED"])
NOT_RUN = "not run: "


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A server as it comes: default settings and a port for Asterisk, at its most talkative, for the test that reads what it logged."""
    flags = ["--audiosocket-listen=127.0.0.1:0"]
    running = Server(tmp_path_factory.mktemp("server"), *flags, log="trace").ready()
    yield running
    running.kill()


@pytest.fixture(scope="session")
def impatient_server(tmp_path_factory):
    """A stranger to the common server, with secrets of its own; it waits for little, and for one session at a time."""
    flags = ["--audio-start-timeout=3", "--audio-idle-timeout=3", "--max-stream-duration=20", "--max-sessions=1"]
    flags += ["--write-timeout=3", "--result-retention=2"]
    # What it gives back is seen at once.
    at_once = {"MIMALLOC_PURGE_DELAY": "0"}
    running = Server(tmp_path_factory.mktemp("impatient"), *flags, log="trace", environment=at_once).ready()
    yield running
    running.kill()


@pytest.fixture(scope="session")
def other_server(tmp_path_factory):
    """Everything that can be set about events is set otherwise; it pings often, and one thread decides.

    Its AudioHook calls end with the result, which is told as an event too; two may be parked; a proxy stands before it; a
    session waits for a call that broke off.
    """
    flags = ["--event-args=results_only", "--payload-encoding=string", "--keep-open", "--alive-needs-token"]
    often = ["--ping-interval=0.5", "--ping-timeout=3", "--inference-threads=1"]
    genesys = ["--audiohook-after-result=disconnect", "--audiohook-result-events", "--reattach-grace=20"]
    genesys += ["--audiohook-max-parked-of-tenant=2", "--audiohook-url=wss://Voice.Example.com:443/genesys/hook"]
    running = Server(tmp_path_factory.mktemp("other"), *flags, *often, *genesys).ready()
    yield running
    running.kill()


@pytest.fixture(scope="session")
def credential(server):
    """The enrolled caller's credential."""
    outcome = calls.register(server)
    assert outcome.name == "result-success", outcome.data
    return outcome.data["credential"]


@pytest.fixture(scope="session")
def audiohook_key(server):
    """What Genesys would be configured with: an API key and a client secret."""
    return server.key("--audiohook")


@pytest.fixture(scope="session")
def unsigned_key(server):
    """An AudioHook API key whose requests need no signature."""
    return server.key("--audiohook", "--unsigned")


@pytest.fixture(autouse=True)
def the_server_lives(request):
    """Whatever a test did to the common server, it is the same process afterwards."""
    before = request.getfixturevalue("server") if "server" in request.fixturenames else None
    yield
    if before is not None:
        assert before.is_alive(), f"the server ended with {before.process.returncode}:\n{before.log()[-3000:]}"


@pytest.fixture(scope="session")
def javascript():
    """The folder with the installed JavaScript client."""
    folder = os.environ["CLIENT_TESTS_JAVASCRIPT"]
    if not folder:
        pytest.skip(NOT_RUN + "PEAKSTREAM_WITHOUT_NODE=1")
    return pathlib.Path(folder)


@pytest.fixture(scope="session")
def shared():
    """The folder with the clients that every implementation is tested with."""
    if not (SHARED / "clients").is_dir():
        pytest.skip(NOT_RUN + "../shared is absent")
    return SHARED / "clients"


def pytest_collection_modifyitems(items):
    """What reads everything that the common server logged comes last."""
    items.sort(key=lambda item: item.path.name == "test_the_log_holds_nothing_personal.py")


def pytest_terminal_summary(terminalreporter):
    """Says of every test that was not run that it was not, and why: never silently."""
    for report in terminalreporter.stats.get("skipped", []):
        terminalreporter.write_line(f"{report.nodeid}: {report.longrepr[2].removeprefix('Skipped: ')}")
