#!/usr/bin/env python3
"""What does a call cost, and a decision? `make bench`

Measures the engine beside what one would otherwise pick in Python (Silero VAD and CAM++ in ONNX Runtime,
kaldi-native-fbank, scipy, numpy) on the same audio, in one run: one core, one thread each, the two in turn for several
rounds. Then starts a server, reads its memory with calls open, and times its decisions over loopback. Prints a table
and writes target/bench/report.json, a list of {name, ours, theirs, unit, ratio, threads, cpu, ...}; theirs and ratio
are null where nothing compares. Below a ratio of 1 peakstream is cheaper.

Builds the optimised programs first, which takes minutes the first time. Nothing is judged here: machines differ.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDER = ROOT / "target" / "bench"
sys.path[:0] = [str(ROOT / "benches" / "eval"), str(ROOT / "models")]

AT_ONCE = 5  # repetitions of a measurement within a round
SILERO_STEP, SILERO_CONTEXT = 512, 64
PER_SECOND = "µs per s of audio"
IN_BYTES = ", int8"  # what the engine's figures end with if the network is computed so
COLUMNS = ("ours", "ours_median", "theirs", "theirs_median")


class Failure(Exception):
    """Something the person at the keyboard has to know."""


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


def run(command, limit):
    """The JSON that a measuring program prints. Whatever happens, it and what it started have ended afterwards."""
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
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


# ---- the alternatives


def published_silero():
    """Silero's own ONNX file, out of the pinned package that `make models` takes its weights from."""
    import install

    target = FOLDER / "silero_vad.onnx"
    manifest = install.parse_toml((ROOT / "models" / "manifest.toml").read_text(encoding="utf-8"))
    model = next(model for model in manifest["model"] if model["name"] == "silero-vad")
    if not install.has(target, model["source"]["member_sha256"]):
        progress = install.Progress(quiet=True)
        try:
            wheel = install.fetch_wheel(model["source"], progress, model["name"])
            with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
                os.replace(install.take_member(model["source"], wheel, progress, model["name"], pathlib.Path(scratch)), target)
        except install.Failure as failure:
            raise Failure(str(failure))
    return target


class Alternatives:
    """One thread each, everything loaded and warm. Signals that exist as a whole are processed as a whole, which is the
    cheapest way in Python; only the detector must go step by step, as it must on a live call."""

    def __init__(self, mulaw):
        import numpy
        import onnxruntime
        import scipy.signal
        from reference import g711, runtime

        self.numpy, self.seconds = numpy, len(mulaw) / 8000
        self.codes = numpy.frombuffer(mulaw, dtype=numpy.uint8)
        self.decoded = g711.mu_law_decode(numpy.arange(256, dtype=numpy.uint8))
        self.narrow = self.decoded[self.codes] / numpy.float32(32768)
        self.raise_rate, self.log_mel = scipy.signal.resample_poly, runtime.log_mel
        self.wide = self.raise_rate(self.narrow, 2, 1).astype(numpy.float32)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.silero = onnxruntime.InferenceSession(str(published_silero()), options, providers=["CPUExecutionProvider"])
        self.embed = runtime.Embedder(ROOT / "models" / "installed" / "campplus.onnx")
        self.features = self.log_mel(self.wide)

    def detect(self):
        """As the package silero_vad does it: the last samples of the step before in front of each step."""
        numpy = self.numpy
        state, rate = numpy.zeros((2, 1, 128), dtype=numpy.float32), numpy.array(16000, dtype=numpy.int64)
        context = numpy.zeros((1, SILERO_CONTEXT), dtype=numpy.float32)
        for at in range(0, len(self.wide) - SILERO_STEP + 1, SILERO_STEP):
            step = numpy.concatenate([context, self.wide[None, at : at + SILERO_STEP]], axis=1)
            _, state = self.silero.run(None, {"input": step, "state": state, "sr": rate})
            context = step[:, -SILERO_CONTEXT:]

    def figures(self):
        """Name of ours -> (work, factor from seconds to its unit)."""
        per_second = 1e6 / self.seconds
        return {
            "push: µ-law decoding": (lambda: self.decoded[self.codes], per_second),
            "push: 8 to 16 kHz": (lambda: self.raise_rate(self.narrow, 2, 1), per_second),
            "push: speech detection (Silero)": (self.detect, per_second),
            "push: log-mel features": (lambda: self.log_mel(self.wide), per_second),
            "embedding of 3 s (298 frames)": (lambda: self.embed(self.features[:298]), 1e3),
            "embedding of 5 s (498 frames)": (lambda: self.embed(self.features[:498]), 1e3),
        }

    def round(self):
        """{name: (minimum, median)} of one round."""
        measured = {}
        for name, (work, factor) in self.figures().items():
            work()
            times = []
            for _ in range(AT_ONCE):
                started = time.perf_counter()
                work()
                times.append((time.perf_counter() - started) * factor)
            measured[name] = (min(times), statistics.median(times))
        return measured


class NodeServer:
    """A Socket.IO server in Node, on the measured core; none where there is no Node, and the table then says nothing of it."""

    def __init__(self, cores):
        self.flags, self.name, self.process, self.cores = [], None, None, cores

    def __enter__(self):
        if shutil.which("node") is None or shutil.which("npm") is None:
            print("signalling: node and npm are not installed, so nothing stands beside the Socket.IO figures", flush=True)
            return self
        folder = FOLDER / "node"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", "server.js"):
            shutil.copy(ROOT / "benches" / "node" / name, folder / name)
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)
        command = ["node", "server.js"]
        command = ["taskset", "-c", str(self.cores.measured), *command] if self.cores.bound else command
        self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, universal_newlines=True)
        told = json.loads(self.process.stdout.readline())
        version = json.loads((folder / "node_modules" / "socket.io" / "package.json").read_text())["version"]
        self.name = f"socket.io {version}, Node {told['node']}"
        self.flags = ["--other", f"http://127.0.0.1:{told['port']}", "--other-process", str(self.process.pid)]
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def descriptions():
    """Name of ours -> (what theirs is, what of the processor it uses)."""
    import kaldi_native_fbank
    import numpy
    import onnxruntime
    import scipy

    runtime = f"ONNX Runtime {onnxruntime.__version__}"
    widest = level_of_runtime()
    return {
        "push: µ-law decoding": (f"table in numpy {numpy.__version__}, 10 s at once", "as its wheel chooses"),
        "push: 8 to 16 kHz": (f"resample_poly of scipy {scipy.__version__}, 10 s at once", "as its wheel chooses"),
        "push: speech detection (Silero)": (f"{runtime}, Silero's own file, steps of 32 ms", widest),
        "push: log-mel features": (f"kaldi-native-fbank {kaldi_native_fbank.__version__}, 10 s at once", "as its wheel chooses"),
        "embedding of 3 s (298 frames)": (f"{runtime}, same file", widest),
        "embedding of 5 s (498 frames)": (f"{runtime}, same file", widest),
    }


# ---- the processor


def processor():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def level_of(features):
    """The widest instruction set of those detected: what ONNX Runtime chooses its kernels by."""
    return "AVX-512" if "avx512f" in features else "AVX2" if "avx2" in features else platform.machine()


def level_of_own_code(engine):
    """The engine's loops choose (PEAKSTREAM_CPU names a lower level); the Fourier transforms (rustfft) too, up to AVX."""
    has_avx = "avx2" in engine["cpu_features"] and "fma" in engine["cpu_features"]
    return f"{engine['cpu_level']}, Fourier transforms AVX" if has_avx else engine["cpu_level"]


def level_of_runtime():
    try:
        return level_of(pathlib.Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return platform.machine()


# ---- the report


def merged(rounds):
    """Least and median over rounds of {name: (minimum, median)}."""
    return {name: (min(r[name][0] for r in rounds), statistics.median(r[name][1] for r in rounds)) for name in rounds[0]}


def row(name, unit, ours, cpu, threads=1, median=None, theirs=None, theirs_median=None, **more):
    ratio = round(ours / theirs, 4) if theirs else None
    return {
        "name": name,
        "ours": ours,
        "theirs": theirs,
        "unit": unit,
        "ratio": ratio,
        "threads": threads,
        "cpu": cpu,
        "ours_median": median,
        "theirs_median": theirs_median,
        **more,
    }


def engine_rows(engines, others):
    """Engine and alternatives, each figure the least of all rounds: noise of other programs only ever adds."""
    first = engines[-1]
    units = {figure["name"]: figure["unit"] for figure in first["figures"]}
    ours = merged([{f["name"]: (f["minimum"], f["median"]) for f in engine["figures"]} for engine in engines])
    theirs, told = merged(others), descriptions()
    rows = []
    for name, (least, median) in ours.items():
        own = name.startswith("push")
        cpu = level_of_own_code(first) if own else level_of(first["cpu_features"])
        more = {}
        same = name.removesuffix(IN_BYTES)
        if same in theirs:
            what, their_cpu = told[same]
            what += ", f32" if name != same else ""
            more = {"theirs": round(theirs[same][0], 4), "theirs_median": round(theirs[same][1], 4)}
            more |= {"alternative": what, "alternative_threads": 1, "alternative_cpu": their_cpu}
        rows.append(row(name, units[name], round(least, 4), cpu, first["threads"], round(median, 4), **more))
    packets = 10 * 50
    cpu = first["cpu_level"]
    rows.append(row("allocations per push of 20 ms", "allocations", first["allocations_in_push"] / packets, cpu, first["threads"]))
    rows.append(row("reserved by a call for 5 s of speech", "bytes", first["bytes_per_open_call_5_s"], cpu, first["threads"]))
    return rows


def goal_rows(rows):
    """The rows that goals are written for (benches/performance.py), by short names; here a ratio is the alternative's cost by ours."""
    by_name = {item["name"]: item for item in rows}
    renamed = {"embedding of 3 s (298 frames)": "embedding_3s_f32", "embedding of 5 s (498 frames)": "embedding_5s_f32"}
    renamed[f"embedding of 3 s (298 frames){IN_BYTES}"] = "embedding_3s_reduced"
    renamed["Twilio media message of 20 ms"] = "message_us"
    renamed |= {name: "idle_client_bytes" for name in by_name if name.startswith("Socket.IO: idle client")}
    for name, goal in renamed.items():
        if name in by_name:
            item = by_name[name]
            yield {**item, "name": goal, "ratio": round(item["theirs"] / item["ours"], 3) if item["theirs"] else None}
    push, silero = by_name["push: everything, 20 ms packets"], by_name["push: speech detection (Silero)"]
    times = {"ours": round(1e6 / push["ours"]), "ours_median": round(1e6 / push["ours_median"])}
    theirs = {"theirs": round(1e6 / silero["theirs"]), "theirs_median": round(1e6 / silero["theirs_median"])}
    alternative = {"alternative": f"{silero['alternative']}: speech detection alone", "alternative_threads": 1}
    yield {**push, **times, **theirs, **alternative, "name": "push", "unit": "times real time", "ratio": round(silero["theirs"] / push["ours"], 3)}


def server_rows(report, cpu):
    decision, memory = report["decision"], report["memory"]
    shared = {"cpu": cpu, "threads": report["threads"] or 1}
    name = f"deciding sample to terminal event, {decision['calls']} calls"
    times = {key: round(decision[key], 2) for key in ("minimum", "median", "maximum")}
    rows = [row(name, "ms", times["minimum"], median=times["median"], maximum=times["maximum"], speed=decision["speed"], **shared)]
    if memory:
        calls = memory["calls"]
        rows.append(row("server without calls, resident", "bytes", memory["resident_bytes"], **shared))
        rows.append(row(f"idle call, one of {calls} that wait for audio", "bytes", memory["bytes_per_idle_call"], **shared))
        rows.append(row(f"live call, one of {calls}, 4 s into it", "bytes", memory["bytes_per_live_call"], **shared))
    return rows


def signalling_rows(report, cpu, node):
    shared = {"cpu": cpu, "threads": report["threads"] or 1}
    rest, ours, theirs = report["rest"], report["socketio"]["ours"], report["socketio"]["theirs"]
    rows = []
    for name, key in (("REST: poll a session", "poll"), ("REST: create (stored, synced)", "create"), ("REST: create, one at a time", "create_alone")):
        told = rest[key]
        name = f"{name}, {told['parallel']} connections" if told["parallel"] > 1 else name
        times = {"median_ms": round(told["median_ms"], 3), "p99_ms": round(told["p99_ms"], 3)}
        rows.append(row(name, "requests per s", round(told["per_second"]), **times, **shared))
    more = {"alternative": node, "alternative_threads": 1, "alternative_cpu": cpu} if theirs else {}
    per_second = (round(ours["connects_per_second"]), theirs and round(theirs["connects_per_second"]))
    rows.append(row("Socket.IO: join a namespace", "clients per s", per_second[0], theirs=per_second[1], **more, **shared))
    if ours["bytes_per_idle_client"] is not None:
        held = (ours["bytes_per_idle_client"], theirs and theirs["bytes_per_idle_client"])
        rows.append(row(f"Socket.IO: idle client, one of {ours['clients']}", "bytes", held[0], theirs=held[1], **more, **shared))
    told = (report["statuses"]["ours"]["microseconds_per_status"], theirs and report["statuses"]["theirs"]["microseconds_per_status"])
    if told[0] is not None:
        name = f"Socket.IO: tell one client a status ({report['statuses']['ours']['clients']} clients, one each per ms)"
        rows.append(row(name, "µs of processor", round(told[0], 2), theirs=told[1] and round(told[1], 2), **more, **shared))
    crowd = report["crowd"]
    name = f"initialize to ready, {crowd['active']} sessions beside {crowd['idle']} idle clients"
    rows.append(row(name, "ms", round(crowd["ready_median_ms"], 3), p99=round(crowd["ready_p99_ms"], 3), **shared))
    return rows


def message_rows(report, cpu):
    figures = {figure["name"]: figure for figure in report["figures"]}
    tree = figures.pop("the same through a JSON tree")
    rows = []
    for name, figure in figures.items():
        times = {"ours": round(figure["minimum"], 4), "median": round(figure["median"], 4)}
        if name.startswith("Twilio"):
            times |= {"theirs": round(tree["minimum"], 4), "theirs_median": round(tree["median"], 4)}
            times |= {"alternative": "serde_json tree and base64 alone", "alternative_threads": 1, "alternative_cpu": cpu}
        rows.append(row(name, figure["unit"], times.pop("ours"), cpu, **times))
    return rows
def parked_rows(report, cpu):
    shared = {"cpu": cpu, "threads": report["threads"] or 1}
    if report["bytes_per_parked_call"] is None:
        return []
    name = f"parked AudioHook call, one of {report['calls']}"
    busy, pinged = f"computing for {report['calls']} parked calls", report["pinged"]
    return [
        row(name, "bytes", report["bytes_per_parked_call"], **shared),
        row(busy, "share of a core", round(report["share_of_a_core"], 4), **shared),
        row(
            f"computing for {pinged['calls']} parked calls that ping every {pinged['interval_s']} s",
            "share of a core",
            round(pinged["share_of_a_core"], 4),
            **shared,
        ),
        row("from a parked call's ping to its pong, p99", "ms", round(pinged["pong_p99_ms"], 2), **shared),
    ]


def load_rows(report, cpu, cores):
    rows = []
    what = f"{report['calls']} Media Streams and {report['hooks']} AudioHook calls in real time"
    for key, told in (("alone", ""), ("saturated", ", inference saturated")):
        part = report[key]
        lines, hooks = part["media_streams"], part["audiohook"]
        shared = {"cpu": cpu, "threads": report["threads"] or 1, "machine_cores": cores, "decisions_beside": part["decisions_beside"]}
        for name, statuses in (("Media Streams", lines["statuses"]), ("AudioHook", hooks["statuses"])):
            more = {"p99": statuses["late_p99_ms"], "maximum": statuses["late_maximum_ms"], "heard": statuses["heard"], "expected": statuses["expected"]}
            rows.append(row(f"{what}{told}: status after its audio, {name}", "ms late", statuses["late_median_ms"], **more, **shared))
        more = {"p99": hooks["pong_p99_ms"], "heard": hooks["pongs"], "expected": hooks["pings"]}
        rows.append(row(f"{what}{told}: pong after its ping", "ms late", hooks["pong_median_ms"], **more, **shared))
        rows.append(row(f"{what}{told}: the server", "cores", round(part["server_cores"], 3), **shared))
    return rows


def restart_row(report, cpu):
    name = f"start to a stored result, {report['results']} of them, after kill -9"
    times = {key: round(report[f"{key}_ms"], 1) for key in ("minimum", "median", "maximum")}
    return row(name, "ms", times["minimum"], cpu, median=times["median"], maximum=times["maximum"])


def print_table(rows, cores):
    where = f"core {cores.measured}" if cores.bound else "no core, the system does not let us"
    print(f"\n{processor()}, {platform.system()}; bound to {where}; load {load()}")
    print(f"peakstream     {rows[0]['threads']} thread    {rows[0]['cpu']}")
    print(f"alternatives   1 thread    ONNX Runtime: {level_of_runtime()}, intra_op and inter_op 1; the others as their wheels choose")
    print("Least and median of all rounds. The ratio is of the least: below 1 peakstream is cheaper.")
    for unit, title in ((PER_SECOND, "one second of audio, µs"), ("ms", "a decision, ms")):
        print(f"\n{title:<56} {'peakstream':^17}   {'alternative':^17}")
        print(f"{'':<56} {'least':>8} {'median':>8}   {'least':>8} {'median':>8}  ratio")
        for item in (item for item in rows if item["unit"] == unit):
            figures = [f"{value:.1f}" if value is not None else "" for value in map(item.get, COLUMNS)]
            told = f"{item['ratio']:5.2f}  {item['alternative']}" if item["theirs"] is not None else ""
            most = f"most {item['maximum']:.1f}" if "maximum" in item else f"p99 {item['p99']:.2f}" if "p99" in item else ""
            columns = f"{figures[0]:>8} {figures[1]:>8}   {figures[2]:>8} {figures[3]:>8}  {told}{most}"
            print(f"  {item['name'].removeprefix('push: '):<54} {columns}".rstrip())
    print("\nsignalling")
    for item in rows:
        if item["unit"] in ("requests per s", "clients per s"):
            times = f"median {item['median_ms']:.2f} ms, p99 {item['p99_ms']:.2f} ms" if "p99_ms" in item else ""
            beside = f"{item['theirs']:.0f} with {item['alternative']}" if item["theirs"] else ""
            print(f"  {item['name']:<54} {item['ours']:>8.0f} {item['unit']:<15} {times}{beside}".rstrip())
        elif item["unit"] == "µs of processor":
            beside = f"{item['theirs']:.1f} with {item['alternative']}" if item["theirs"] else ""
            print(f"  {item['name']:<54} {item['ours']:>8.1f} {item['unit']:<15} {beside}".rstrip())
    print("\ncarriers")
    for item in rows:
        if item["unit"] == "µs":
            beside = f"{item['theirs']:.2f} with {item['alternative']}" if item["theirs"] else ""
            print(f"  {item['name']:<54} {item['ours']:>8.2f} {item['unit']:<15} {beside}".rstrip())
        elif item["unit"] in ("share of a core", "cores"):
            print(f"  {item['name']:<110} {item['ours']:>8.4f} {item['unit']}")
        elif item["unit"] == "ms late":
            most = f", most {item['maximum']:.0f}" if "maximum" in item else ""
            counted = f"{item['heard']} of {item['expected']}"
            print(f"  {item['name']:<110} {item['ours'] or 0:>8.1f} ms, p99 {item['p99'] or 0:.1f}{most}; {counted}")
    print("\nallocations and memory")
    for item in rows:
        if item["unit"] == "allocations":
            print(f"  {item['name']:<54} {item['ours']:>8.0f}")
        elif item["unit"] == "bytes":
            beside = f"{item['theirs'] / 1e6:.4f} MB with {item['alternative']}" if item["theirs"] is not None else ""
            print(f"  {item['name']:<54} {item['ours'] / 1e6:>8.4f} MB  {beside}".rstrip())


def load():
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores" if hasattr(os, "getloadavg") else "unknown"


# ---- the whole


def measure(arguments):
    bench, server = build()
    FOLDER.mkdir(parents=True, exist_ok=True)
    cores = Cores()
    cores.enter()
    mulaw = FOLDER / "voice.mulaw"
    command = [bench, "engine", "--repeats", str(AT_ONCE)]
    run([bench, "engine", "--repeats", "1", "--audio-out", str(mulaw)], 300)
    alternatives = Alternatives(mulaw.read_bytes())
    engines, others = [], []
    for number in range(arguments.repeats):
        print(f"round {number + 1} of {arguments.repeats}: engine, alternatives", flush=True)
        engines.append(run(command, 600))
        others.append(alternatives.round())
    rows = engine_rows(engines, others)

    rows += message_rows(run([bench, "messages"], 300), level_of_own_code(engines[0]))

    calls, decisions, speed = (20, 4, 8) if arguments.quick else (100, 10, 1)
    pace = "in real time" if speed == 1 else f"at {speed} times real time"
    print(f"server: {decisions} calls decided {pace}, then {2 * calls} calls open at once", flush=True)
    command = [bench, "server", "--bin", server, "--calls", str(calls), "--decisions", str(decisions), "--speed", str(speed)]
    command += ["--core", str(cores.measured)] if cores.bound else []
    rows += server_rows(run(cores.beside(command), 600), level_of(engines[0]["cpu_features"]))
    print("signalling: requests, connections, idle clients, a crowd", flush=True)
    command = [bench, "signalling", "--bin", server] + (["--idle", "200", "--crowd", "500", "--active", "50", "--seconds", "1", "--statuses", "500"] if arguments.quick else [])
    command += ["--core", str(cores.measured)] if cores.bound else []
    with NodeServer(cores) as node:
        rows += signalling_rows(run(cores.beside(command + node.flags), 600), level_of(engines[0]["cpu_features"]), node.name)
    print("parked: AudioHook calls that wait for a session", flush=True)
    command = [bench, "parked", "--bin", server] + (["--calls", "1000"] if arguments.quick else [])
    rows += parked_rows(run(command, 600), level_of(engines[0]["cpu_features"]))
    calls, hooks, seconds = (50, 25, 5) if arguments.quick else (1000, 500, 15)
    print(f"load: {calls} Media Streams and {hooks} AudioHook calls in real time, twice {seconds} s, all cores, generator included", flush=True)
    command = [bench, "load", "--bin", server, "--calls", str(calls), "--hooks", str(hooks), "--seconds", str(seconds)]
    rows += load_rows(run(cores.everywhere(command), 600), level_of(engines[0]["cpu_features"]), len(cores.allowed) or None)
    print("restart: a server killed with many results stored", flush=True)
    command = [bench, "restart", "--bin", server] + (["--results", "5000", "--starts", "2"] if arguments.quick else [])
    rows.append(restart_row(run(command, 600), level_of(engines[0]["cpu_features"])))
    goals = list(goal_rows(rows))
    for item in (*rows, *goals):
        item["processor"] = processor()
    (FOLDER / "report.json").write_text(json.dumps(rows + goals, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print_table(rows, cores)
    print(f"\nwritten: {os.path.relpath(FOLDER / 'report.json')}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two rounds and few calls: seconds instead of minutes, for a look")
    parser.add_argument("--repeats", type=int, metavar="N", help="rounds in which engine and alternatives take turns (default: 7)")
    arguments = parser.parse_args()
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
