#!/usr/bin/env python3
"""docs/performance.md and its plots from target/bench/report.json: `make bench` runs it last.

In: what benches/bench.py measured. Out: a page with the goals and every row, machine, levels, versions and dates; nothing is typed by hand.
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "benches" / "eval")]
REPORT = ROOT / "target" / "bench" / "report.json"
PAGE = ROOT / "docs" / "performance.md"
# (row of the report, its member, "at least" or "at most", the limit, what is counted)
GOALS = [
    ("embedding_3s_f32", "ratio", "at least", 1.4, "times as fast as ONNX Runtime on its best graph"),
    ("embedding_3s_f32_plain", "ratio", "at least", 2.0, "times as fast as ONNX Runtime on the plain export"),
    ("embedding_1s_f32", "ratio", "at least", 1.0, "times as fast as ONNX Runtime on its best graph"),
    ("embedding_5s_f32", "ratio", "at least", 1.0, "the same"),
    ("embedding_10s_f32", "ratio", "at least", 1.0, "the same"),
    ("embedding_30s_f32", "ratio", "at least", 1.0, "the same"),
    ("embedding_3s_reduced", "ratio", "at least", 3.0, "times as fast as ONNX Runtime in f32 on its best graph"),
    ("embedding_3s_avx2", "ratio", "at most", 2.2, "times the time on AVX-512, with AVX2 alone"),
    ("authenticity", "ratio", "at least", 1.5, "times as fast as ONNX Runtime on the same graph"),
    ("push", "ours", "at least", 1000, "times real time"),
    ("push", "ratio", "at least", 3.0, "times as cheap as Silero's detector alone in ONNX Runtime"),
    ("call_state_bytes", "ours", "at most", 64_000, "bytes of a call beside the room for its speech"),
    ("decision_p99_ms", "ours", "at most", 50, "ms from the deciding sample to the event, with 100 live calls"),
    ("message_us", "ours", "at most", 2.0, "µs"),
    ("idle_client_bytes", "ours", "at most", 6000, "bytes"),
    ("live_calls_per_core", "ours", "at least", 500, "calls of a minute, each decided once"),
    ("live_calls_per_core_continuous", "ours", "at least", 150, "calls in conversation, decided again after each second of speech"),
    ("binary_bytes", "ours", "at most", 60_000_000, "bytes of the program"),
    ("cold_start_ms", "ours", "at most", 1000, "ms from the start of the program to ready"),
]
SHORT = {name for name, *_ in GOALS}


def number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def goals(rows):
    """Lines of the table of goals."""
    by_name = {row["name"]: row for row in rows}
    yield "| goal | reached | to reach | of | |"
    yield "|---|---|---|---|---|"
    for name, member, way, limit, unit in GOALS:
        row = by_name.get(name)
        wanted = f"{way} {number(limit)}"
        if row is None or row.get(member) is None:
            yield f"| `{name}` | not measured | {wanted} | {unit} | |"
            continue
        value = row[member]
        met = value <= limit if way == "at most" else value >= limit
        how = f" ({row['precision']})" if "precision" in row else ""
        yield f"| `{name}` | {number(value)}{how} | {wanted} | {unit} | {'met' if met else 'NOT met'} |"


def measured(rows):
    yield "| what | unit | least | median | p99 | alternative | its least | its median | by |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        if row["name"] in SHORT:
            continue
        figures = [number(row.get(member)) for member in ("ours", "ours_median")]
        p99 = number(row.get("p99", row.get("p99_ms")))
        theirs = [number(row.get(member)) for member in ("theirs", "theirs_median")]
        yield f"| {row['name']} | {row['unit']} | {' | '.join(figures)} | {p99} | {row.get('alternative') or ''} | {' | '.join(theirs)} | {row['cpu']}, threads: {row['threads']}; load {row.get('load', '')}{stolen(row)} |"


def stolen(row):
    return f", {row['stolen']:.0%} stolen" if row.get("stolen") is not None else ""


def plots(rows):
    """Files beside the page: what an embedding costs by its length, and what lies between the goals' alternatives and ours."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "peakstream"
    from matplotlib import pyplot

    lines = {}
    for row in rows:
        found = re.fullmatch(r"embedding of (\d+) s \(\d+ frames\)(, int8)?", row["name"])
        if found:
            lines.setdefault(f"peakstream, {'int8' if found[2] else 'f32'}", {})[int(found[1])] = row["ours"]
            if row.get("theirs") and "plain" not in row["alternative"] and not found[2]:
                lines.setdefault(row["alternative"], {})[int(found[1])] = row["theirs"]
    if lines:
        figure, axes = pyplot.subplots(figsize=(7, 4))
        for name, points in lines.items():
            axes.plot(*zip(*sorted(points.items())), marker="o", label=name)
        axes.set(xlabel="seconds of speech", ylabel="ms, one thread", xscale="log", yscale="log", title="One embedding")
        axes.grid(visible=True, which="both", alpha=0.3)
        axes.legend()
        yield save(figure, "performance-embedding.svg")
    ratios = {}
    for row in rows:
        if row.get("section") == "engine" and row.get("alternative") and not row["alternative"].startswith("the same"):
            label = row["name"].removeprefix("push: ")
            ratios[f"{label}\nbeside {row['alternative'].split(',')[0]}"] = row["theirs"] / row["ours"]
    if ratios:
        figure, axes = pyplot.subplots(figsize=(9, 0.5 * len(ratios) + 1))
        axes.barh(list(ratios), list(ratios.values()))
        axes.axvline(1, color="black", linewidth=1)
        axes.set(xlabel="times as fast as the alternative", xscale="log")
        axes.tick_params(axis="y", labelsize=7)
        axes.invert_yaxis()
        yield save(figure, "performance-ratios.svg")


def loads(rows):
    """Every load that was tried, of which a search tells the most that is carried."""
    yield "| live calls | how | audio of | median ms | p99 ms | decisions | without one | core busy | frames of a decision |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        if row["name"] in SHORT:
            continue
        for load in sorted(row.get("tried", ()), key=lambda load: load["calls"]):
            figures = [number(load[member]) for member in ("streaming", "median_ms", "p99_ms", "decisions", "failed")]
            busy = f"{load['busy']:.0%}" if load["busy"] is not None else ""
            frames = f"{load['frames']:.0f}" if load.get("frames") else ""
            yield f"| {load['calls']:.0f} | {row['name'].removeprefix('live calls, ')} | {' | '.join(figures)} | {busy} | {frames} |"


def ahead(rows):
    """How long before the packet that decides the speech is complete."""
    means = [load["ahead_ms"] for row in rows for load in row.get("tried", ()) if load.get("ahead_ms")]
    return f"{sum(means) / len(means):.0f} ms on average" if means else "up to 0.48 s"


def save(figure, name):
    figure.tight_layout()
    figure.savefig(PAGE.parent / name, metadata={"Date": None})
    return name


def page(rows):
    of = lambda member: ", ".join(sorted({str(row[member]) for row in rows if member in row}))
    dates = sorted({row["date"][:10] for row in rows if "date" in row})
    lines = [
        "# Performance",
        "",
        "<!-- Written by benches/performance.py from the report of `make bench`; nothing is typed by hand. -->",
        "",
        f"Measured on {', '.join(dates)}: {of('processor')}. Rows tell the load of the machine when they were done, and what share of the time that it wanted",
        "other machines on the same processor had (*stolen*): where either is high, medians, lateness and capacities are those of a part of a core.",
        "One core for the engine (a cold start has all), each row beside its alternative in the same run, in turn; the least of all rounds and the median. Ratios of embeddings are medians of",
        "pairs: one of ours, one of theirs, again and again, because a machine that is shared changes its speed within seconds. Machines differ: read ratios. `make bench` measures all of it again and writes this page.",
        "",
        "## Goals",
        "",
        *goals(rows),
        "",
        *(f"![{name}]({name})" for name in plots(rows)),
        "",
        "## Everything that is measured",
        "",
        *measured(rows),
        "",
        "## Every load that was tried",
        "",
        *loads(rows),
        "",
        "*Live calls* that are decided once are calls of a minute that come at random times; each streams packets of 20 ms in real time through the server until it is",
        "decided after 5 s of net speech, when its stream ends. A load counts as carried if 99 of 100 decisions come within 50 ms of the deciding packet, in two of three attempts. *The deciding packet* is",
        f"the last one of the 0.512 s with which the server has to say that there is enough; the speech is complete {ahead(rows)} before it, and is measured while",
        "the rest comes (calls begin at each place in such a block alike, so that one of sixteen has no time left). *Decided again* are calls",
        "that stream all the time, straight into the engine: after each further second of net speech, which is analysed once, by the newest five of them together (`docs/engine.md` says",
        "what that does to errors). The callers speak 39 % of the time, in spurts of 1.0 s",
        "with pauses of 1.6 s on average, as ITU-T P.59 has it for conversations; or, the harder row, all the time. The network is shown more",
        "than the net speech, 0.19 s before each spurt and 0.51 s behind it (`docs/front-end.md`): *frames of a decision*, of 10 ms, are the mean of what is analysed for one. Where the machine is shared, its speed changes by half within seconds,",
        "and a limit in milliseconds finds its slow moments.",
        "",
        "What limits the speaker network: `core/src/model/campplus/NOTES.md`; the other loops: `core/src/simd/NOTES.md`. What an embedding, authenticity and a second of audio cost in",
        "instructions is written down in `benches/instructions.json`, and `make test` fails if it grows.",
    ]
    return "\n".join(lines) + "\n"


def main():
    import prepare

    prepare.enter_environment()
    PAGE.write_text(page(json.loads(REPORT.read_text(encoding="utf-8"))), encoding="utf-8")
    print(f"written: {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
