#!/usr/bin/env python3
"""Where does the engine hear speech, and where do others? `make speech`

Makes telephone calls of which is known where someone speaks: recorded clips with gaps over several lines, and ten minutes
each of hold music (made, made with singing, recorded), tones, noise, breathing and silence without anyone. Hears them with
the engine, with Silero's published ONNX model at its threshold of 0.5, and with WebRTC's detector, in one run. Prints one
table, writes target/speech/report.json, and with --markdown the table in that page between its two marks.

The engine's rules were chosen on one half of the speakers, the recorded music and the seeds (--part choose) and are judged on
the other one, which is what is measured unless one asks for the former.

For speech: missed % / false % of the frames of 10 ms (those within 40 ms of an edge are not counted), all errors %, and net
speech found over true. Without speech: seconds that were taken for it.

exit status: 0 measured; 1 something failed; 2 the recorded speech is not there (the message says what is needed)
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import bench  # before its neighbours: it knows where they are

import alternatives

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDER = ROOT / "target" / "speech"
FRAME = 80  # samples of 10 ms
STEP, CONTEXT = 512, 64  # of Silero at 16 kHz
SECONDS, JUDGED = 600, "judge"
WEBRTC_FRAME = 240  # 30 ms, the longest it takes
NOT_COUNTED = 2

# Instrumental pieces that Asterisk plays to waiting callers; CC-BY-SA 3.0.
MUSIC = ("asterisk-moh-opsound-wav", "2.03-1.1", "8f9d808a729d305c2d3343993f21ca5e6829e411682618dc8ea7aa8bc24a566c")


def recorded_music(quiet):
    """A folder of real hold music, or None where Debian's packages cannot be had."""
    import demo_audio
    import install

    target = FOLDER / "music"
    stamp = target / "peakstream-stamp"
    if stamp.is_file() and stamp.read_text() == MUSIC[2]:
        return target
    try:
        deb = demo_audio.fetch_debian(*MUSIC, install.CACHE / "debian", install.Progress(quiet=quiet))
    except demo_audio.NotHere as reason:
        print(f"recorded hold music is left out: {reason}", file=sys.stderr)
        return None
    subprocess.run(["dpkg-deb", "-x", str(deb), str(target)], check=True)
    stamp.write_text(MUSIC[2])
    return target


class Silero:
    """The published file in ONNX Runtime, one thread; a block of 32 ms is speech from a probability of 0.5 on."""

    name = "Silero ONNX"

    def __init__(self):
        import numpy
        import scipy.signal
        from reference import runtime

        self.session = runtime.session(alternatives.published_silero(bench.FOLDER))
        self.numpy, self.resample = numpy, scipy.signal.resample_poly

    def frames(self, calls):
        """All calls abreast: nothing passes from one to the other."""
        numpy = self.numpy
        wide = self.resample(calls.astype(numpy.float32) / 32768, 2, 1, axis=1).astype(numpy.float32)
        state, rate = numpy.zeros((2, len(calls), 128), dtype=numpy.float32), numpy.array(16000, dtype=numpy.int64)
        context = numpy.zeros((len(calls), CONTEXT), dtype=numpy.float32)
        found = []
        for at in range(0, wide.shape[1] - STEP + 1, STEP):
            step = numpy.concatenate([context, wide[:, at : at + STEP]], axis=1)
            probability, state = self.session.run(None, {"input": step, "state": state, "sr": rate})
            context = step[:, -CONTEXT:]
            found.append(probability[:, 0] >= 0.5)
        centres = (numpy.arange(calls.shape[1] // FRAME) * FRAME + FRAME // 2) * 2 // STEP
        return numpy.array(found)[numpy.minimum(centres, len(found) - 1)].T.reshape(-1)


class WebRtc:
    """The package webrtcvad-wheels at 8 kHz, frames of 30 ms."""

    def __init__(self, mode):
        import numpy
        import webrtcvad

        self.numpy, self.module, self.mode = numpy, webrtcvad, mode
        self.name = f"WebRTC mode {mode}"

    def frames(self, calls):
        return self.numpy.concatenate([self.of_call(call) for call in calls])

    def of_call(self, call):
        numpy, detector = self.numpy, self.module.Vad(self.mode)
        pieces = [call[at : at + WEBRTC_FRAME] for at in range(0, len(call) - WEBRTC_FRAME + 1, WEBRTC_FRAME)]
        found = numpy.repeat([detector.is_speech(piece.tobytes(), 8000) for piece in pieces], WEBRTC_FRAME // FRAME)
        frames = len(call) // FRAME
        return numpy.concatenate([found, numpy.repeat(found[-1:], frames - len(found))])


def figures(found, truth):
    """Percentages of counted frames, and net speech found over true; seconds where there is no speech."""
    counted = truth != NOT_COUNTED
    speech, silence = counted & (truth == 1), counted & (truth == 0)
    missed, false = int((speech & ~found).sum()), int((silence & found).sum())
    row = {"seconds_taken_for_speech": round(float(found.sum()) / 100, 2)}
    if speech.any():
        row["missed_percent"] = round(100 * missed / int(speech.sum()), 2)
        row["false_percent"] = round(100 * false / int(silence.sum()), 2)
        row["error_percent"] = round(100 * (missed + false) / int(counted.sum()), 2)
        # Half of the frames near an edge lie on either side of it.
        true_seconds = (int(speech.sum()) + 0.5 * int((~counted).sum())) / 100
        row["net_speech_ratio"] = round(float(found.sum()) / 100 / true_seconds, 3)
    return row


def measure(program, data, seconds, part):
    """The rows, in order. The next calls are made while the alternatives hear the last ones."""
    alternatives, report = [Silero(), WebRtc(2), WebRtc(3)], []
    with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
        command = [program, "speech", "--clips", str(data / "clips"), "--seconds", str(seconds), "--part", part, "--out", scratch]
        music = recorded_music(quiet=False)
        command += ["--music", str(music)] if music else []
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            try:
                for line in process.stdout:
                    scenario = json.loads(line)
                    print(f"{scenario['what']} ...", file=sys.stderr, flush=True)
                    report.append(measured(scenario, pathlib.Path(scratch), alternatives))
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            raise bench.Failure(f"status {process.returncode}: {' '.join(command)}")
    return report


def measured(scenario, folder, alternatives):
    import numpy

    def taken(ending, kind):
        path = folder / f"{scenario['name']}.{ending}"
        values = numpy.fromfile(path, dtype=kind)
        path.unlink()
        return values

    calls = taken("s16", "<i2").reshape(-1, scenario["call_samples"])
    truth, ours = taken("truth", numpy.uint8), taken("ours", numpy.uint8) == 1
    row = {"name": scenario["name"], "what": scenario["what"], "holds_speech": scenario["holds_speech"], "seconds": len(truth) / 100}
    row["detectors"] = {"peakstream": figures(ours, truth)}
    for detector in alternatives:
        row["detectors"][detector.name] = figures(detector.frames(calls), truth)
    return row


def show(report):
    names = list(report[0]["detectors"])
    with_speech = [row for row in report if row["holds_speech"]]
    print("\nspeech: missed % / false %, all errors %, net speech found over true")
    print(f"{'':50}" + "".join(f"{name:>30}" for name in names))
    for row in with_speech:
        cells = [
            f"{f['missed_percent']:.1f} / {f['false_percent']:.1f}, {f['error_percent']:.1f}, {f['net_speech_ratio']:.2f}"
            for f in row["detectors"].values()
        ]
        print(f"{row['what']:50}" + "".join(f"{cell:>30}" for cell in cells))
    print("\nno speech: seconds taken for it")
    for row in report:
        if not row["holds_speech"]:
            cells = [f"{f['seconds_taken_for_speech']:.1f} of {row['seconds']:.0f}" for f in row["detectors"].values()]
            print(f"{row['what']:50}" + "".join(f"{cell:>30}" for cell in cells))


MARKS = "<!-- made by `make speech`, do not edit -->\n", "<!-- end of what `make speech` made -->\n"


def markdown(report):
    """The tables for the documentation; the least errors of a row are bold."""
    names = list(report[0]["detectors"])
    head = "| | " + " | ".join(names) + " |\n" + "|---" * (1 + len(names)) + "|\n"
    with_speech = [row for row in report if row["holds_speech"]]
    lines = ["Errors in % of frames (missed / false), net speech found over true:\n\n", head]
    for row in with_speech:
        least = min(f["error_percent"] for f in row["detectors"].values())
        cells = []
        for f in row["detectors"].values():
            error = f"{f['error_percent']:.1f}"
            error = f"**{error}**" if f["error_percent"] == least else error
            cells.append(f"{error} ({f['missed_percent']:.1f} / {f['false_percent']:.1f}), {f['net_speech_ratio']:.2f}")
        lines.append(f"| {row['what']} | " + " | ".join(cells) + " |\n")
    lines += ["\nSeconds taken for speech where no one speaks:\n\n", head]
    for row in report:
        if not row["holds_speech"]:
            cells = [f"{f['seconds_taken_for_speech']:.1f}" for f in row["detectors"].values()]
            lines.append(f"| {row['what']}, {row['seconds']:.0f} s | " + " | ".join(cells) + " |\n")
    best = [row for row in with_speech if min(row["detectors"].values(), key=lambda f: f["error_percent"]) is row["detectors"]["peakstream"]]
    counted = [row for row in report if not row["holds_speech"] and row["detectors"]["peakstream"]["seconds_taken_for_speech"] > 0]
    lines.append(
        f"\nThe engine has the fewest errors in {len(best)} of {len(with_speech)} rows with speech, and counts something in "
        f"{len(counted)} of {len(report) - len(with_speech)} rows without.\n"
    )
    return "".join(lines)


def put_into(page, text):
    """Replaces what stands between the marks of a page."""
    whole = page.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(MARKS[0]) + ".*" + re.escape(MARKS[1]), re.DOTALL)
    if len(pattern.findall(whole)) != 1:
        raise bench.Failure(f"{page} has no place for the table: one line {MARKS[0].strip()} and one {MARKS[1].strip()}")
    page.write_text(pattern.sub(lambda _: MARKS[0] + text + MARKS[1], whole), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared" / "data", help="folder with clips/")
    parser.add_argument("--seconds", type=int, default=SECONDS, help=f"of each kind of calls (default: {SECONDS})")
    parser.add_argument("--part", choices=("choose", JUDGED), default=JUDGED, help="which half of the material (default: judge)")
    parser.add_argument("--markdown", type=pathlib.Path, metavar="PAGE", help="put the table into this page of documentation")
    parser.add_argument("--program", help="a peakstream-bench that is built already (default: build the optimised one)")
    arguments = parser.parse_args()
    if not (arguments.data / "clips").is_dir():
        print(f"recorded speech is needed: a folder clips/ in {arguments.data}; name another one with --data", file=sys.stderr)
        sys.exit(2)
    if arguments.markdown and (arguments.seconds, arguments.part) != (SECONDS, JUDGED):
        parser.error("a page is made of the whole measurement on the judged part: without --seconds and --part")
    import prepare

    prepare.enter_environment()
    for folder in (FOLDER, bench.FOLDER):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        report = measure(arguments.program or bench.build()[0], arguments.data, arguments.seconds, arguments.part)
    except bench.Failure as failure:
        sys.exit(f"speech: {failure}")
    except KeyboardInterrupt:
        sys.exit("speech: stopped")
    (FOLDER / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    show(report)
    if arguments.markdown:
        if all(row["name"] != "recorded" for row in report):
            sys.exit("speech: the page stays as it is: recorded hold music was not to be had")
        try:
            put_into(arguments.markdown, markdown(report))
        except bench.Failure as failure:
            sys.exit(f"speech: {failure}")


if __name__ == "__main__":
    main()
