#!/usr/bin/env python3
"""docs/performance.md from target/bench/report.json: `make bench` runs it last.

In: what benches/bench.py measured. Out: a page with the goals and every row, machine, levels, versions and date; nothing is typed by hand.
"""

import datetime
import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[1]
REPORT = ROOT / "target" / "bench" / "report.json"
PAGE = ROOT / "docs" / "performance.md"
# Row of the report -> its member, the least it is to reach (below zero: the most it may be), and what is counted.
GOALS = {
    "embedding_3s_f32": ("ratio", 1.4, "times as fast as ONNX Runtime on its best graph"),
    "embedding_5s_f32": ("ratio", 1.0, "times as fast as ONNX Runtime on its best graph"),
    "embedding_3s_reduced": ("ratio", 3.0, "times as fast as ONNX Runtime in f32 on its best graph"),
    "authenticity": ("ratio", 1.5, "times as fast as ONNX Runtime on the same graph"),
    "push": ("ours", 1000, "times real time"),
    "decision_p99_ms": ("ours", -50, "ms, at 100 live calls"),
    "message_us": ("ours", -2.0, "µs"),
    "idle_client_bytes": ("ours", -6000, "bytes"),
    "live_calls_per_core": ("ours", 500, "calls, each decided once"),
}


def number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def goals(rows):
    """Lines of the table of goals."""
    by_name = {row["name"]: row for row in rows}
    yield "| goal | reached | to reach | of | |"
    yield "|---|---|---|---|---|"
    for name, (member, limit, unit) in GOALS.items():
        row = by_name.get(name)
        if row is None or row[member] is None:
            yield f"| `{name}` | not measured in this run | {'at most' if limit < 0 else 'at least'} {number(abs(limit))} | {unit} | |"
            continue
        met = row[member] <= -limit if limit < 0 else row[member] >= limit
        yield f"| `{name}` | {number(row[member])} | {'at most' if limit < 0 else 'at least'} {number(abs(limit))} | {unit} | {'met' if met else 'NOT met'} |"


def measured(rows):
    yield "| what | unit | least | median | alternative | its least | its median | by |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in rows:
        if row["name"] in GOALS:
            continue
        figures = [number(row.get(member)) for member in ("ours", "ours_median")]
        theirs = [number(row.get(member)) for member in ("theirs", "theirs_median")]
        yield f"| {row['name']} | {row['unit']} | {' | '.join(figures)} | {row.get('alternative') or ''} | {' | '.join(theirs)} | {row['cpu']}, threads: {row['threads']} |"


def page(report, made):
    rows = report
    processors = sorted({row["processor"] for row in rows})
    lines = [
        "# Performance",
        "",
        "<!-- Written by benches/performance.py from the report of `make bench`; nothing is typed by hand. -->",
        "",
        f"Measured on {made:%Y-%m-%d}: {', '.join(processors)}. One core for the engine, each row beside its alternative in the same run, in turn; the least of all rounds and",
        "the median. Machines differ: read ratios. `make bench` measures all of it again and writes this page.",
        "",
        "## Goals",
        "",
        *goals(rows),
        "",
        "## Everything that is measured",
        "",
        *measured(rows),
        "",
        "What limits the speaker network: `core/src/model/campplus/NOTES.md`; the other loops: `core/src/simd/NOTES.md`. What an embedding, authenticity and a second of audio cost in",
        "instructions is written down in `benches/instructions.json`, and `make test` fails if it grows.",
    ]
    return "\n".join(lines) + "\n"


def main():
    made = datetime.datetime.fromtimestamp(REPORT.stat().st_mtime)
    PAGE.write_text(page(json.loads(REPORT.read_text(encoding="utf-8")), made), encoding="utf-8")
    print(f"written: {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
