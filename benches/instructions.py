#!/usr/bin/env python3
"""Has something become dearer? `make instructions`

Counts the instructions of an embedding and of authenticity, both of a call about a second long, and of a second of `push` under callgrind, and compares them with those written
down in benches/instructions.json. Load and the processor do not enter: the loops are held to the portable level, which is the same code as the others
(core/src/simd/mod.rs) over vectors that valgrind knows and need not emulate number by number, as it does fused multiplications.

exit status: 0 nothing needs more than was written down; 1 something does, or so much less that it should be written down; 2 it could not be
counted
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
WRITTEN = ROOT / "benches" / "instructions.json"
PROGRAM = ROOT / "target" / "debug" / "peakstream-bench"
# Another compiler may differ by so much; a loop that is no longer inlined, or an allocation for each frame, by far more.
SLACK = 0.05
NEEDED = "PEAKSTREAM_NEEDS_VALGRIND"
# What callgrind writes: a function's name where its number stands first; a call of a function, and behind a line number what it cost.
NAME = re.compile(r"^c?fn=\((\d+)\) \S*::counted_(\w+)$", re.MULTILINE)
CALL = re.compile(r"^cfn=\((\d+)\).*\ncalls=.*\n\S+ (\d+)$", re.MULTILINE)


class Failure(Exception):
    """Something the person at the keyboard has to know."""


def counted():
    """Piece of work -> its instructions."""
    # With everything else, as `make test` has built it: by itself it would have other features, and all be compiled again.
    subprocess.run(["cargo", "build", "-q", "--workspace", "--all-targets"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "out")
        command = ["valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*::counted_*", f"--callgrind-out-file={out}", PROGRAM, "instructions"]
        environment = {**os.environ, "PEAKSTREAM_CPU": "portable"}
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, universal_newlines=True)
        if done.returncode != 0:
            raise Failure(f"callgrind ended with status {done.returncode}:\n{done.stderr[-2000:]}")
        text = out.read_text()
    names = dict(NAME.findall(text))
    found = {names[number]: int(cost) for number, cost in CALL.findall(text) if number in names}
    if set(found) != {"embedding", "analysis", "push"}:
        raise Failure(f"callgrind saw {sorted(found)}")
    # An analysis is an embedding and authenticity, of the same speech; both counts are exact, and so is their difference.
    return {
        "embedding of a short call": found["embedding"],
        "authenticity of a short call": found["analysis"] - found["embedding"],
        "push of 1 s": found["push"],
    }


def judged(found, written):
    """Prints all of them; whether all are as they should be."""
    good = True
    for name, count in found.items():
        change = count / written[name] - 1
        verdict = "ok"
        if change > SLACK:
            good, verdict = False, "DEARER: find out why (valgrind --tool=callgrind), or write it down if it is worth it"
        elif change < -SLACK:
            good, verdict = False, "cheaper: write it down, or it may be lost again unseen"
        print(f"  {name:<30}{count:>15,} instructions, {100 * change:+.1f} % of what is written down: {verdict}")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write what is counted down in {WRITTEN.relative_to(ROOT)}")
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("instructions: valgrind is not installed, so nothing is counted")
        sys.exit(2 if os.environ.get(NEEDED) else 0)
    try:
        found = counted()
    except (Failure, subprocess.CalledProcessError) as failure:
        print(f"instructions: {failure}", file=sys.stderr)
        sys.exit(2)
    if arguments.write:
        WRITTEN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    good = judged(found, json.loads(WRITTEN.read_text(encoding="utf-8")))
    if not good:
        print("after a change on purpose: python3 benches/instructions.py --write, and commit benches/instructions.json with it")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
