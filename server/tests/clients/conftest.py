"""One server for all tests of a run, and a report of what was not run and why."""

import os
import pathlib

import pytest

from support import calls
from support.good_calls import AT_ONCE, GoodCalls
from support.server import Server

SHARED = pathlib.Path(os.environ["CLIENT_TESTS_SHARED"])
NOT_RUN = "not run: "


@pytest.fixture(scope="session")
def server(tmp_path_factory, good_calls):
    """A server as it comes: default settings and a port for Asterisk, at its most talkative, for the test that reads what it logged."""
    flags = ["--audiosocket-listen=127.0.0.1:0"]
    running = Server(tmp_path_factory.mktemp("server"), *flags, log="trace").ready()
    yield running
    good_calls.settle()
    running.kill()


@pytest.fixture(scope="session")
def impatient_server(tmp_path_factory, good_calls):
    """A stranger to the common server, with secrets of its own; it waits for little, and for one session at a time."""
    flags = ["--audio-start-timeout=3", "--audio-idle-timeout=3", "--max-stream-duration=20", "--max-sessions=1"]
    flags += ["--write-timeout=3", "--result-retention=2", "--max-connections=64"]
    # What it gives back is seen at once.
    at_once = {"MIMALLOC_PURGE_DELAY": "0"}
    running = Server(tmp_path_factory.mktemp("impatient"), *flags, log="trace", environment=at_once).ready()
    yield running
    good_calls.settle()
    running.kill()


@pytest.fixture(scope="session")
def other_server(tmp_path_factory, good_calls):
    """Everything that can be set about events is set otherwise; it pings often, and one thread decides.

    Its AudioHook calls end with the result, which is told as an event too; two may be parked; a proxy stands before it; a
    session waits for a call that broke off; L16 has its high byte first.
    """
    flags = ["--event-args=results_only", "--payload-encoding=string", "--keep-open", "--alive-needs-token"]
    often = ["--ping-interval=0.5", "--ping-timeout=3", "--inference-threads=1"]
    genesys = ["--audiohook-after-result=disconnect", "--audiohook-result-events", "--reattach-grace=20"]
    genesys += ["--audiohook-max-parked-of-tenant=2", "--audiohook-url=wss://Voice.Example.com:443/genesys/hook"]
    genesys += ["--audiohook-l16-byte-order=big"]
    running = Server(tmp_path_factory.mktemp("other"), *flags, *often, *genesys, log="trace").ready()
    yield running
    good_calls.settle()
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


#: The servers that tests share, by the names of their fixtures.
COMMON = ("server", "impatient_server", "other_server", "strict_server")


@pytest.fixture(scope="session")
def good_calls():
    """The proofs that follow negative cases. Before a server ends, all of them have been decided."""
    return GoodCalls()


@pytest.fixture
def settled(good_calls):
    """For a test that measures: nothing is being computed for another one."""
    good_calls.settle()


@pytest.fixture(autouse=True)
def the_server_lives(request, good_calls):
    """Whatever a test did to a common server, it is the same process afterwards; after a negative case it decides a call."""
    servers = [request.getfixturevalue(name) for name in COMMON if name in request.fixturenames]
    before = [server.pid for server in servers]
    yield
    for server in servers:
        assert server.is_alive(), f"the server ended with {server.process.returncode}:\n{server.log()[-3000:]}"
    assert [server.pid for server in servers] == before
    if request.node.get_closest_marker("negative"):
        assert servers, "a negative case needs a server to which it is one"
        for server in servers:
            impatient = "--max-sessions=1" in server.flags
            if impatient:
                server.becomes_idle()
            good_calls.make(server, request.node.name, 0 if impatient else AT_ONCE)


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
