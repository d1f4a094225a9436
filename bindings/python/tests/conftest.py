"""The engine and a server, once for all tests, and the demonstration's recordings."""

import os
import pathlib
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
DEMO = REPOSITORY / "models" / "installed" / "demo"
#: Facts that every language shares; how the tests of the server start it.
sys.path[:0] = [str(REPOSITORY / "bindings"), str(REPOSITORY / "server" / "tests" / "clients")]


@pytest.fixture(scope="session")
def engine():
    import peakstream

    return peakstream.Engine(DEMO.parent)


@pytest.fixture(scope="session")
def demo():
    """The path of a recording of the demonstration, by its name without ending."""
    return lambda name: DEMO / f"{name}.wav"


@pytest.fixture(scope="session")
def allison(engine, demo):
    return engine.register(demo("allison-en-enrol")).credential


@pytest.fixture(scope="session")
def start_server(tmp_path_factory):
    """Starts a server with flags of its own; all of them end with the tests."""
    binary = os.environ.get("PEAKSTREAM_BIN") or REPOSITORY / "target" / "debug" / "peakstream"
    os.environ["CLIENT_TESTS_SERVER"], os.environ["CLIENT_TESTS_MODELS"] = str(binary), str(DEMO.parent)
    from support.server import Server

    started = []

    def start(*flags):
        started.append(Server(tmp_path_factory.mktemp("server"), *flags).ready())
        return started[-1]

    yield start
    for server in started:
        server.kill()
        server.process.stdout.close()


@pytest.fixture(scope="session")
def server(start_server):
    return start_server()


@pytest.fixture(scope="session")
def access(server):
    """What a client is made of: the server's address, and a client's id and secret."""
    known = server.first_run
    return (server.base,), {name: known[name] for name in ("client_id", "client_secret")}
