"""In: flags. Out: a running `peakstream serve`, and what the operating system says about it."""

import base64
import errno
import json
import os
import pathlib
import queue
import re
import signal
import socket
import struct
import subprocess
import threading
import time

import requests

BINARY = os.environ["CLIENT_TESTS_SERVER"]
MODELS = os.environ["CLIENT_TESTS_MODELS"]
#: A start proves every model against its golden vectors; on a loaded machine that takes a while.
START_SECONDS = 120
#: How long anything that should happen at once may take on a loaded machine.
SOON = 15
#: Between two looks at something that no event tells of (the operating system's tables, a log file).
LOOK_AGAIN = 0.02


def eventually(condition, what, within=SOON):
    """Waits for something that can only be looked at; returns what `condition` returned."""
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {within} s: {what() if callable(what) else what}"
        time.sleep(LOOK_AGAIN)
    return found


def reset(connection):
    """Breaks a TCP connection off: no goodbye on any level above; nothing, once the server has ended it.

    The library's own thread reads it meanwhile, and closes it as soon as the server does: at any line here.
    """
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Closing alone would leave the socket open until that thread returns.
        connection.shutdown(socket.SHUT_RDWR)
    except OSError as ended:
        if ended.errno not in (errno.EBADF, errno.ENOTCONN):
            raise
    connection.close()


class Server:
    """One server process with its data directory."""

    #: All of a run, for the test that reads what they logged.
    started = []

    def __init__(self, folder, *flags, log="info", environment=None):
        self.folder, self.flags = pathlib.Path(folder), flags
        Server.started.append(self)
        self.data_dir = self.folder / "data"
        self.log_file = self.folder / f"stderr-{time.monotonic_ns()}.log"
        #: What must never appear in the log: tokens, secrets, credentials, call ids, payloads.
        self.private = set()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PEAKSTREAM_")}
        command = [BINARY, "serve", "--data-dir", self.data_dir, "--listen", "127.0.0.1:0", "--json"]
        with open(self.log_file, "wb") as log_stream:
            self.process = subprocess.Popen(
                [*command, "--models", MODELS, *flags],
                stdout=subprocess.PIPE,
                stderr=log_stream,
                text=True,
                env={**inherited, "PEAKSTREAM_LOG": log, **(environment or {})},
            )
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._token = None

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def ready(self):
        """Waits for the one line that says so."""
        try:
            line = self._lines.get(timeout=START_SECONDS)
        except queue.Empty:
            raise AssertionError(f"not ready within {START_SECONDS} s:\n{self.log()}") from None
        assert line is not None, f"the server ended at its start with {self.process.wait()}:\n{self.log()}"
        self.said = json.loads(line)
        self.base = self.said["base_url"]
        self.audio_url = self.base.replace("http", "ws", 1) + "/twilio"
        self.private.update({self.first_run["client_secret"], self.first_run["api_key"]})
        #: The listening one, and the runtime's own.
        self.own_sockets = self.sockets()
        return self

    def stdout(self):
        """Everything it printed after the ready line; waits for its end."""
        lines = []
        while (line := self._lines.get(timeout=SOON)) is not None:
            lines.append(line)
        return lines

    # ---- what clients know

    @property
    def first_run(self):
        return json.loads((self.data_dir / "first-run.json").read_text())

    def ask_for_token(self, **request):
        """`POST` to the token endpoint."""
        return requests.post(self.base + "/socket.io/oauth2/token", timeout=SOON, **request)

    def token(self):
        """A token; the first one is used again, as real clients do."""
        if self._token is None:
            known = self.first_run
            form = {
                "client_id": known["client_id"],
                "client_secret": known["client_secret"],
                "grant_type": "client_credentials",
            }
            answer = self.ask_for_token(data=form)
            assert answer.status_code == 200, answer.text
            self._token = answer.json()["access_token"]
            self.private.add(self._token)
        return self._token

    def key(self, *arguments, tenant="default", stdin=None):
        """`peakstream key add`; what it said, secrets noted as private."""
        command = [BINARY, "key", "add", "--tenant", tenant, "--json", "--data-dir", self.data_dir, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=SOON)
        assert done.returncode == 0, done.stderr
        made = json.loads(done.stdout)
        self.private.update(made[name] for name in ("api_key", "client_secret") if name in made)
        return made

    def tenant(self, command, *arguments, name="default"):
        """`peakstream tenant`; what it said."""
        line = [BINARY, "tenant", command, name, *arguments, "--json", "--data-dir", self.data_dir]
        done = subprocess.run(line, capture_output=True, text=True, timeout=SOON)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def disable(self, key_id):
        """`peakstream key disable`."""
        command = [BINARY, "key", "disable", key_id, "--data-dir", self.data_dir]
        assert subprocess.run(command, capture_output=True, timeout=SOON).returncode == 0

    def heard(self, payload):
        """Notes a piece of audio as private, in every form in which a log might show bytes."""
        if len(payload) >= 60:
            middle = payload[len(payload) // 2 :][:24]
            # Silence is nobody's.
            if len(set(middle)) > 4:
                self.private.update((base64.b64encode(payload[:48]).decode(), middle.hex(), str(list(middle))[1:-1]))

    def token_key(self):
        """What it signs its tokens with, from its secrets file: the first of its token keys."""
        text = (self.data_dir / "secrets.toml").read_text()
        return re.search(r'\[\[token_keys\]\]\nid = "[^"]+"\nkey = "([^"]+)"', text).group(1)

    # ---- what the operating system knows

    @property
    def pid(self):
        return self.process.pid

    def is_alive(self):
        return self.process.poll() is None

    def log(self):
        return self.log_file.read_text(errors="replace")

    def listening_port(self):
        """Where it listens, whatever it tells clients: for a test that stands where a proxy would."""
        own = {os.readlink(one) for one in pathlib.Path(f"/proc/{self.pid}/fd").iterdir()}
        table = pathlib.Path(f"/proc/{self.pid}/net/tcp").read_text().splitlines()[1:]
        # proc(5): local address and port in hexadecimal, state (0A: listening), …, inode.
        rows = [line.split() for line in table]
        return next(int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in own)

    def sockets(self):
        """How many sockets it has open, the listening one included."""
        count = 0
        for descriptor in pathlib.Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                count += os.readlink(descriptor).startswith("socket:")
            except FileNotFoundError:
                pass  # closed between the two calls
        return count

    def resident_mib(self):
        """Memory in RAM that is its own: the program file, mapped and read as the kernel likes, is left out."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+)", status).group(1)) / 1024

    def live_sessions(self):
        """Sessions that have begun and not ended, by its log."""
        log = self.log()
        return log.count(": session ready session=") - log.count(": session over session=")

    def becomes_idle(self):
        """Waits until no session lives and nobody is connected: everything that calls took has been given back."""
        eventually(
            lambda: self.live_sessions() == 0 and self.sockets() <= self.own_sockets,
            lambda: f"{self.live_sessions()} sessions, {self.sockets()} sockets instead of {self.own_sockets}",
        )

    # ---- its end

    def stop(self, by=signal.SIGTERM, within=SOON):
        """Asks it to end; returns its exit status."""
        self.process.send_signal(by)
        return self.process.wait(within)

    def kill(self):
        """For the end of a test: whatever state it is in, it goes."""
        if self.is_alive():
            self.process.kill()
            self.process.wait()
