#!/usr/bin/env python3
"""What does a call cost, and a decision? `make bench`

Measures the engine beside what one would otherwise pick in Python (Silero VAD and CAM++ in ONNX Runtime, WebRTC's
detector, kaldi-native-fbank, soxr, scipy, audioop, numpy) on the same audio, in one run: one core, one thread each, the two in turn for several
rounds. Then starts a server, reads its memory with calls open, times its decisions over loopback, sends it messages and connects
crowds of clients (beside a server in Node), and looks for the live calls that a core carries. Prints a table and writes
target/bench/report.json, a list of {name, ours, theirs, unit, ratio, threads, cpu, ...}; theirs and ratio are null where nothing
compares. Below a ratio of 1 peakstream is cheaper.

Builds the optimised programs first, which takes minutes the first time. Nothing is judged here: machines differ.
"""

import argparse
import datetime
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDER = ROOT / "target" / "bench"
sys.path[:0] = [str(ROOT / "benches" / "eval"), str(ROOT / "models")]
import alternatives  # noqa: E402
import install  # noqa: E402
import machine  # noqa: E402
import rows  # noqa: E402
import turns  # noqa: E402
from install import Failure  # noqa: E402
from node_server import NodeServer  # noqa: E402
from table import print_table  # noqa: E402


# ---- the programs, and where they run


def build():
    """Paths of the optimised programs, built now if they are not there."""
    print("building the optimised programs (minutes the first time, seconds later) ...", flush=True)
    packages = ["peakstream-bench", "peakstream-server"]
    command = ["cargo", "build", "--release", "--message-format", "json-render-diagnostics"]
    command += [part for package in packages for part in ("-p", package)]
    try:
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, universal_newlines=True)
    except FileNotFoundError:
        raise Failure("cargo is not installed; the engine needs Rust")
    if done.returncode != 0:
        raise Failure("the programs could not be built; cargo says above why")
    artifacts = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    programs = [item["executable"] for item in artifacts if item.get("executable")]
    by_name = {pathlib.Path(program).stem: program for program in programs}
    return by_name["peakstream-bench"], by_name["peakstream"]


class Cores:
    """Where things run. The system may not let us choose; then nothing is bound, and the table says so."""

    def __init__(self):
        allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self.bound = bool(allowed) and shutil.which("taskset") is not None
        self.allowed = allowed
        # The last core: systems tend to give interrupts to the first.
        self.measured = allowed[-1] if self.bound else None
        self.client = allowed[0] if self.bound else None

    def enter(self):
        if self.bound:
            os.sched_setaffinity(0, {self.measured})

    def everywhere(self, command):
        """The command, on every core that we may use."""
        return ["taskset", "-c", ",".join(map(str, self.allowed)), *command] if self.bound else command

    def beside(self, command):
        """The command, on the other core if there is one."""
        return ["taskset", "-c", str(self.client), *command] if self.bound else command


def run(command, limit, environment={}):
    """The JSON that a measuring program prints. Whatever happens, it and what it started have ended afterwards."""
    own = {**os.environ, **environment}
    process = subprocess.Popen(command, cwd=ROOT, env=own, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
    try:
        out, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        raise Failure(f"no result within {limit} s: {' '.join(map(str, command))}")
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode != 0:
        raise Failure(f"status {process.returncode}: {' '.join(map(str, command))}")
    return json.loads(out)


def level_of_own_code(engine):
    """The engine's loops choose (PEAKSTREAM_CPU names a lower level); the Fourier transforms (rustfft) too, up to AVX."""
    has_avx = "avx2" in engine["cpu_features"] and "fma" in engine["cpu_features"]
    return f"{engine['cpu_level']}, Fourier transforms AVX" if has_avx else engine["cpu_level"]


# ---- the whole


def engine_figures(bench, rounds):
    """Rows of engine and alternatives, which take turns."""
    mulaw, repeats = FOLDER / "voice.mulaw", ["--repeats", str(alternatives.AT_ONCE)]
    run([bench, "engine", "--repeats", "1", "--audio-out", str(mulaw)], 300)
    other = alternatives.Alternatives(mulaw.read_bytes(), FOLDER)
    network = [bench, "network", *repeats, "--layers", str(other.layers), "--seconds", ",".join(map(str, alternatives.SECONDS))]
    engines, networks, others, levels = [], [], [], {None: [], "avx2": [], "portable": []}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}: engine, networks, alternatives", flush=True)
        engines.append(run([bench, "engine", *repeats], 600))
        networks.append(run(network, 600))
        others.append(other.round())
        for level, runs in levels.items():
            runs.append(run([bench, "network", *repeats, "--seconds", "3"], 600, {"PEAKSTREAM_CPU": level} if level else {}))
    for engine in engines:
        engine["told_level"] = level_of_own_code(engine)
    for network in networks:
        network |= {"told_level": network["cpu_level"], "threads": 1}
    print("embeddings in turns: engine and alternatives, one by one", flush=True)
    pairs = embeddings_in_turns(bench, other, {figure["name"] for figure in networks[0]["figures"]})
    qualities = rows.resampling_rows(other.resampling(engines[-1]["raise_response"]), engines[-1]["told_level"])
    measured = [*rows.engine_rows(engines, others), *qualities, *rows.engine_rows(networks, others), *rows.level_rows(levels)]
    for item in measured:
        item["paired"] = pairs.get((item["name"], item.get("alternative")))
    return [*measured, *rows.counted_rows(engines[-1])]


def embeddings_in_turns(bench, other, names):
    """{(figure, alternative): ratio}, of those figures that this machine has."""
    found = {}
    with turns.Ours(bench) as ours, turns.Ours(bench, {"PEAKSTREAM_CPU": "avx2"}) as avx2:
        for work in other.embeddings:
            for precision, extra in (("f32", ""), ("int8", rows.IN_BYTES)):
                name = alternatives.embedding(work.seconds, extra)
                if name in names:
                    own = lambda: ours.embed(work.seconds, precision)
                    found[name, work.told] = turns.ratio(own, turns.timed(work.run), work.seconds)
        # Of this row the ratio is ours by theirs: how much longer AVX2 alone takes.
        slower = turns.ratio(lambda: ours.embed(3, "f32"), lambda: avx2.embed(3, "f32"), 3)
        found[rows.level_name("avx2"), rows.AS_IT_IS] = slower
    return found


class Run:
    """The sections of a run; each returns its rows."""

    def __init__(self, arguments):
        self.quick, self.rounds, self.precision = arguments.quick, arguments.repeats, arguments.precision
        self.bench, self.server = build()
        FOLDER.mkdir(parents=True, exist_ok=True)
        self.cores = Cores()
        self.cores.enter()
        self.widest = machine.widest_level()

    def ask(self, what, *flags, told, quick=(), where=list, limit=600):
        """What a measuring program prints; `where` says on which cores it runs."""
        print(f"{what}: {told}", flush=True)
        command = [self.bench, what, *map(str, flags), *(map(str, quick) if self.quick else ())]
        return run(where(command), limit)

    def bound(self):
        """Flags: the server on the measured core."""
        return ["--bin", self.server, *(["--core", self.cores.measured] if self.cores.bound else [])]

    def engine(self):
        return engine_figures(self.bench, self.rounds)

    def messages(self):
        quick = ["--calls", 20, "--seconds", 2]
        with NodeServer(self.cores, FOLDER) as node:
            report = self.ask("ingest", *self.bound(), *node.flags, told="media messages through the whole server", quick=quick, where=self.cores.beside)
            whole = rows.ingest_rows(report, self.widest, node.name("ws"))
        return [*rows.message_rows(self.ask("messages", told="of carriers"), self.widest), *whole]

    def decisions(self):
        calls, decisions, speed = (20, 4, 8) if self.quick else (100, 10, 1)
        pace = "in real time" if speed == 1 else f"at {speed} times real time"
        flags = ["--calls", calls, "--decisions", decisions, "--speed", speed]
        told = f"{decisions} calls decided {pace}, then {2 * calls} calls open at once"
        return rows.server_rows(self.ask("server", *self.bound(), *flags, told=told, where=self.cores.beside), self.widest)

    def signalling(self):
        quick = ["--idle", 200, "--crowd", 500, "--active", 50, "--seconds", 1, "--statuses", 500]
        with NodeServer(self.cores, FOLDER) as node:
            told = "requests, connections, idle clients, a crowd"
            report = self.ask("signalling", *self.bound(), *node.flags, told=told, quick=quick, where=self.cores.beside)
            return rows.signalling_rows(report, self.widest, node.name("socket.io"))

    def parked(self):
        told, quick = "AudioHook calls that wait for a session", ["--calls", 1000]
        return rows.parked_rows(self.ask("parked", "--bin", self.server, told=told, quick=quick), self.widest)

    def load(self):
        calls, hooks, seconds = (50, 25, 5) if self.quick else (1000, 500, 15)
        told = f"{calls} Media Streams and {hooks} AudioHook calls in real time, twice {seconds} s, all cores, generator included"
        flags = ["--bin", self.server, "--calls", calls, "--hooks", hooks, "--seconds", seconds]
        return rows.load_rows(self.ask("load", *flags, told=told, where=self.cores.everywhere), self.widest, len(self.cores.allowed) or None)

    def restart(self):
        told, quick = "a server killed with many results stored", ["--results", 5000, "--starts", 2]
        return [rows.restart_row(self.ask("restart", "--bin", self.server, told=told, quick=quick), self.widest)]

    def start(self):
        """The program itself, and how soon it is ready; the models, golden vectors included, are read and proved on the way."""
        print("start: cold starts with an empty data folder", flush=True)
        times = sorted(self.started() for _ in range(3 if self.quick else 7))
        size = os.stat(self.server).st_size
        return [
            rows.row("start to ready, nothing stored", "ms", round(times[0], 1), self.widest, median=round(times[len(times) // 2], 1), maximum=round(times[-1], 1)),
            rows.row("the program, models not included", "bytes", size, self.widest),
        ]

    def started(self):
        """Milliseconds from the start of a server to the line that says where it listens."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("PEAKSTREAM_")}
        with tempfile.TemporaryDirectory(prefix="peakstream-bench-") as folder:
            serve = [self.server, "serve", "--json", "--listen", "127.0.0.1:0", "--data-dir", f"{folder}/data"]
            command = self.cores.everywhere([*serve, "--models", str(install.INSTALLED)])
            began = time.perf_counter()
            process = subprocess.Popen(command, env=own, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            try:
                line = process.stdout.readline()
                taken = (time.perf_counter() - began) * 1e3
            finally:
                process.kill()
                process.communicate()
        if not line:
            raise Failure("the server does not start: try it by hand")
        return taken

    def capacity(self):
        found, seconds = [], ["--seconds", 5 if self.quick else 60]
        for precision in self.precisions():
            own = [*seconds, "--precision", precision]
            once = ["--pattern", "once", *own, *self.bound()]
            for told, flags in (("100 live calls", ["--live", 100]), ("the audio of 100 calls flowing", ["--streaming", 100])):
                # Long enough for a 99th percentile that is not the slowest of all.
                long = ["--seconds", 5 if self.quick else 120, "--pattern", "once", "--precision", precision, *self.bound()]
                load = self.ask("capacity", *long, *flags, told=f"{told}, {precision}", where=self.cores.beside)
                found.append(rows.crowd_row(told, load, precision, self.widest))
            for pattern, told in rows.PATTERNS.items():
                flags, where = (once, self.cores.beside) if pattern == "once" else (["--pattern", pattern, *own], list)
                report = self.ask("capacity", *flags, told=f"live calls, {told}, {precision}", where=where, limit=1800)
                found.append(rows.capacity_row(pattern, report, precision, self.widest))
        return found

    def precisions(self):
        """Those asked for that this machine has instructions for."""
        names = {figure["name"] for figure in run([self.bench, "network", "--repeats", "1", "--seconds", "1"], 300)["figures"]}
        there = ["f32", "int8"] if alternatives.embedding(1, rows.IN_BYTES) in names else ["f32"]
        return [precision for precision in there if self.precision in (None, precision)]


SECTIONS = ("engine", "messages", "decisions", "signalling", "parked", "load", "restart", "start", "capacity")


def measure(arguments):
    """Measures the sections asked for; of the others, what an earlier run has found stays in the report, with its date."""
    file, program = FOLDER / "report.json", Run(arguments)
    known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() and arguments.only else []
    kept = [item for item in known if "section" in item and item["section"] not in (arguments.only or SECTIONS)]
    failures, measured = [], []
    for section in arguments.only or SECTIONS:
        since = machine.times()
        try:
            found = getattr(program, section)()
        except Failure as failure:
            failures.append(f"{section}: {failure}")
            continue
        date, load = datetime.datetime.now().astimezone().isoformat(timespec="minutes"), machine.load()
        about = {"section": section, "date": date, "processor": machine.name(), "load": load, "stolen": machine.stolen(since)}
        measured += [{**item, **about} for item in found]
        # After each section: what comes later may fail.
        whole = [item for section in SECTIONS for item in kept + measured if item["section"] == section]
        goals = [{key: value for key, value in item.items() if key != "section"} for item in rows.goal_rows(whole)]
        file.write_text(json.dumps(whole + goals, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if measured:
        print_table(whole, program.cores)
        print(f"\nwritten: {os.path.relpath(file)}")
    if failures:
        raise Failure("; ".join(failures))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two rounds and few calls: seconds instead of minutes, for a look")
    parser.add_argument("--precision", choices=("f32", "int8"), help="capacity: in this precision alone (default: in each)")
    parser.add_argument("--repeats", type=int, metavar="N", help="rounds in which engine and alternatives take turns (default: 7)")
    sections = f"some sections alone, with commas between: {', '.join(SECTIONS)}; the rest of the report stays"
    parser.add_argument("--only", type=lambda text: text.split(","), metavar="SECTION", help=sections)
    arguments = parser.parse_args()
    unknown = set(arguments.only or ()) - set(SECTIONS)
    if unknown:
        parser.error(f"--only: no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    if arguments.repeats is None:
        arguments.repeats = 2 if arguments.quick else 7
    if arguments.repeats < 1:
        parser.error("--repeats: 1 or more")
    import prepare

    prepare.enter_environment()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        measure(arguments)
    except Failure as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit("bench: stopped")


if __name__ == "__main__":
    main()
