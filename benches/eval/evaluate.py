#!/usr/bin/env python3
"""Does the engine decide as well as the reference pipeline? `make eval`

Runs both over the same trial list in the same command: every clip as an 8 kHz mu-law call; enrolment is the mean of
length-normalised embeddings, the score is the cosine. Prints errors by source and writes target/eval/report.json.

exit status: 0 no source is worse than the reference by more than 0.3 % absolute EER; 1 one is, or the engine did not
run; 2 the recorded speech is not there (the message says what is needed)
"""

import argparse
import json
import pathlib
import sys
import time

import prepare

LIMIT = 0.3  # % absolute EER: what one codec or feature rounding may cost, issue "A caller is registered and verified"


def figures(scoring, trials, scores, chosen):
    import numpy as np

    targets = np.array([trial.target for trial in trials])[chosen]
    rate, threshold = scoring.equal_error_rate(scores[chosen], targets)
    return {
        "targets": int(targets.sum()),
        "impostors": int((~targets).sum()),
        "eer_percent": round(float(100 * rate), 3),
        "min_dcf": round(scoring.min_dcf(scores[chosen], targets), 4),
        "min_cllr": round(scoring.min_cllr(scores[chosen], targets), 4),
        "eer_threshold": round(float(threshold), 4),
    }


def selections(trials):
    """(name, indices, is it judged): each source, its parts where it has several, and all together."""
    sources = sorted({trial.source for trial in trials})
    for source in sources:
        yield source, [i for i, trial in enumerate(trials) if trial.source == source], True
        groups = sorted({trial.group for trial in trials if trial.source == source})
        if len(groups) > 1:
            for group in groups:
                yield f"  {group}", [i for i, trial in enumerate(trials) if trial.group == group], False
    yield "all", list(range(len(trials))), False


def compare(trials, ours, theirs):
    from reference import scoring

    rows = []
    for name, chosen, judged in selections(trials):
        row = {"source": name.strip(), "shown": name, "judged": judged}
        row["ours"] = figures(scoring, trials, ours, chosen)
        row["reference"] = figures(scoring, trials, theirs, chosen)
        row["difference_eer_percent"] = round(row["ours"]["eer_percent"] - row["reference"]["eer_percent"], 3)
        row["one_error_percent"] = round(100 / min(row["ours"]["targets"], row["ours"]["impostors"]), 3)
        row["within_limit"] = bool(row["difference_eer_percent"] <= LIMIT)
        rows.append(row)
    return rows


def print_table(rows):
    print(f"{'':28} {'trials':>11}   {'EER %':^24}   {'minDCF(0.01)':^16}")
    print(f"{'source':28} {'same/other':>11}   {'ours':>7} {'ref.':>7} {'diff.':>8}   {'ours':>7} {'ref.':>7}")
    for row in rows:
        ours, theirs = row["ours"], row["reference"]
        verdict = "" if not row["judged"] else "ok" if row["within_limit"] else f"worse by more than {LIMIT} % (one error: {row['one_error_percent']:.2f} %)"
        print(
            f"{row['shown']:28} {ours['targets']:>5}/{ours['impostors']:<5}   {ours['eer_percent']:7.2f} {theirs['eer_percent']:7.2f}"
            f" {row['difference_eer_percent']:+8.2f}   {ours['min_dcf']:7.3f} {theirs['min_dcf']:7.3f}   {verdict}"
        )


def evaluate(data, listing, simulate):
    import pipelines
    from reference import scoring

    trials = scoring.read_trials(data / listing)
    clips = scoring.clips_of(trials)
    paths = [data / clip for clip in clips]
    engine = pipelines.Simulation("telephone-channel") if simulate else pipelines.Engine()
    runs = []
    for pipeline in (pipelines.Reference(prepare.FOLDER), engine):
        started = time.monotonic()
        rows = pipeline.embeddings(paths)
        silent = int((abs(rows).sum(axis=1) == 0).sum())
        pipelines.say(f"done in {time.monotonic() - started:.0f} s, {silent} clips without speech")
        runs.append((pipeline, scoring.cosines(trials, dict(zip(clips, rows))), silent))
    (theirs, their_scores, _), (ours, our_scores, silent) = runs
    rows = compare(trials, our_scores, their_scores)
    report = {
        "trials": listing,
        "clips": len(clips),
        "clips_without_speech": silent,
        "limit_eer_percent": LIMIT,
        "ours": ours.name,
        "reference": theirs.name,
        "figures": [{key: value for key, value in row.items() if key != "shown"} for row in rows],
    }
    (prepare.FOLDER / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    print(f"\nours       {ours.name}\nreference  {theirs.name}\n")
    print_table(rows)
    return all(row["within_limit"] for row in rows if row["judged"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", choices=sorted(prepare.LISTS), default="dev", help="which list (default: dev; fixtures is a small one)")
    parser.add_argument("--simulate", action="store_true", help="judge the chain in numpy instead of the engine (a check of the study, not of the product)")
    parser.add_argument("--data", type=pathlib.Path, default=prepare.DATA, help="folder with the lists and clips/")
    arguments = parser.parse_args()
    prepare.need_data(arguments.data, [prepare.LISTS[arguments.trials]])
    prepare.enter_environment()
    import pipelines

    prepare.FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        good = evaluate(arguments.data, prepare.LISTS[arguments.trials], arguments.simulate)
    except pipelines.EngineMissing as missing:
        sys.exit(f"eval: {missing}")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
