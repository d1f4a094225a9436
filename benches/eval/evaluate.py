#!/usr/bin/env python3
"""Does the engine decide better than the reference pipeline, and what does each step of ours gain? `make eval`

Runs all pipelines over the same trial list in the same command: every clip as an 8 kHz mu-law call; enrolment is the mean of
length-normalised embeddings, the score is the cosine. No network has learnt anything from these corpora. Then the engine registers by
microphone and verifies by telephone, and its ratios are calibrated on other corpora than those they are tested on. Writes
target/eval/report.json.

exit status: 0 no source is worse than the reference by more than 0.3 % absolute EER, or one error; 1 one is, or the engine did not
run; 2 the recorded speech is not there (the message says what is needed)
"""

import json
import sys
import time

import prepare

LIMIT = 0.3  # % absolute EER: what one codec or feature rounding may cost, issue "A caller is registered and verified"
DIGITS = {"eer": 2, "min_dcf": 3, "frr_at_far_1": 1, "frr_at_far_01": 1, "min_cllr": 3}
HEADS = {"eer": "EER %", "min_dcf": "minDCF", "frr_at_far_1": "FRR % at FAR 1 %", "frr_at_far_01": "at 0.1 %", "min_cllr": "min Cllr"}


class List:
    """The trials, and the figures of a pipeline's embeddings on them and on their parts."""

    def __init__(self, data, name):
        from reference import scoring

        self.name, self.trials = name, scoring.read_trials(data / name)
        self.clips = scoring.clips_of(self.trials)
        self.paths = [data / clip for clip in self.clips]
        self.silent = set()

    def scored(self):
        """Trials of which both sides hold speech: without any there is no score to judge."""
        return [trial for trial in self.trials if trial.test not in self.silent and not set(trial.enrol) <= self.silent]

    def parts(self, trials):
        """(name, places, is it judged): all together, each source, its parts where it has several."""
        yield "all", range(len(trials)), False
        for source in sorted({trial.source for trial in trials}):
            yield source, [place for place, trial in enumerate(trials) if trial.source == source], True
            groups = sorted({trial.group for trial in trials if trial.source == source})
            for group in groups if len(groups) > 1 else ():
                yield group, [place for place, trial in enumerate(trials) if trial.group == group], False

    def figures(self, rows, base=None):
        """(part -> figures, replicates of all trials); `base`: replicates that changes are counted from."""
        import numpy as np
        from reference import scoring
        from reference.measures import FIGURES, Scores, interval

        trials = self.scored()
        scores = scoring.cosines(trials, dict(zip(self.clips, rows)))
        targets = np.array([trial.target for trial in trials])
        speaker = lambda path: "/".join(path.split("/")[1:3])
        one, other = (np.array(names) for names in zip(*((speaker(trial.enrol[0]), speaker(trial.test)) for trial in trials)))
        out, replicates = {}, None
        for name, places, judged in self.parts(trials):
            places = np.array(places)
            found = Scores(scores[places], targets[places], one[places], other[places])
            out[name] = {figure: round(float(value), 5) for figure, value in zip(FIGURES, found.all())}
            same = int(targets[places].sum())
            out[name] |= {"targets": same, "impostors": len(places) - same, "judged": judged}
            if name == "all":
                replicates = found.replicates()
                for place, figure in enumerate(FIGURES):
                    out[name][f"{figure}_interval"] = interval(replicates[:, place])
                    if base is not None:
                        out[name][f"{figure}_change"] = interval(replicates[:, place] - base[:, place])
        return out, replicates


def shown(figures, name):
    return f"{figures[name]:.{DIGITS[name]}f}"


def print_beside(theirs, ours):
    """Every part, reference and engine."""
    print("| | same / other | " + " | ".join(f"{head}, reference | engine" for head in HEADS.values()) + " | |")
    print("|---" * (3 + 2 * len(HEADS)) + "|")
    for part, row in ours.items():
        cells = [f"{shown(theirs[part], name)} | {shown(row, name)}" for name in HEADS]
        print(f"| {part} | {row['targets']} / {row['impostors']} | " + " | ".join(cells) + f" | {row.get('verdict', '')} |")


def print_ablation(rows):
    sources = [part for part, row in rows[0]["parts"].items() if row["judged"]]
    print("| pipeline | " + " | ".join(HEADS.values()) + " | change of EER | of min Cllr | " + " | ".join(f"EER %, {source}" for source in sources) + " |")
    print("|---" * (3 + len(HEADS) + len(sources)) + "|")
    for row in rows:
        pooled = row["parts"]["all"]
        changes = [" to ".join(f"{end:+.{DIGITS[name]}f}" for end in pooled[f"{name}_change"]) if f"{name}_change" in pooled else "" for name in ("eer", "min_cllr")]
        cells = [shown(pooled, name) for name in HEADS] + changes + [shown(row["parts"][source], "eer") for source in sources]
        print(f"| {row['pipeline']} | " + " | ".join(cells) + " |")


def judge(theirs, ours):
    """Adds the verdict to every judged part; whether all are good."""
    good = True
    for part, row in ours.items():
        if row["judged"]:
            worse = row["eer"] - theirs[part]["eer"]
            one_error = 100 / min(row["targets"], row["impostors"])
            # Less than one error cannot be told from none.
            row["within_limit"] = worse <= max(LIMIT, one_error + 1e-6)
            row["verdict"] = "ok" if worse <= LIMIT else f"worse by {worse:.2f} % (one error: {one_error:.2f} %)"
            good &= row["within_limit"]
    return good


def evaluate(data, listing):
    import pipelines

    trials = List(data, listing)
    engine, clean = pipelines.Engine(), pipelines.reference(prepare.FOLDER, by_telephone=False)
    runs = []
    for pipeline in (*pipelines.steps(trials.paths, prepare.FOLDER), engine, clean):
        started = time.monotonic()
        rows = pipeline.embeddings(trials.paths)
        trials.silent |= {clip for clip, row in zip(trials.clips, rows) if not row.any()}
        pipelines.say(f"{pipeline.name}: done in {time.monotonic() - started:.0f} s")
        runs.append((pipeline.name, rows))
    table, base = [], None
    for name, rows in runs:
        parts, replicates = trials.figures(rows, base)
        base = replicates if base is None else base
        table.append({"pipeline": name, "parts": parts})
    theirs, ours, wide = table[0]["parts"], table[-2]["parts"], table[-1]["parts"]
    good = judge(theirs, ours)
    gap = (theirs["all"]["eer"] - ours["all"]["eer"]) / (theirs["all"]["eer"] - wide["all"]["eer"])
    left_out = len(trials.trials) - len(trials.scored())
    print(f"\nTelephone against telephone, {listing}: {len(trials.trials)} trials, {left_out} of them left out, because a pipeline hears no speech in a clip\n")
    print_beside(theirs, ours)
    print("\nEach step of ours (intervals: 95 %, by a bootstrap over speakers, of the change against the reference); no network has learnt from these corpora\n")
    print_ablation(table)
    print(f"\nOf the gap between the reference by telephone and by microphone the engine closes {100 * gap:.0f} % (pooled EER).")
    return good, {"trials": listing, "left_out": left_out, "limit_eer_percent": LIMIT, "gap_closed": round(gap, 3), "pipelines": table}


def times(cost, least):
    return f"{cost / least:.2f}" if least else ""  # a list without a single error


def promises(data, listing):
    """What the product's own commands measure: registered by microphone, and ratios that other corpora gave."""
    import pipelines

    product = pipelines.Product(data, listing, prepare.FOLDER)
    words = {True: "met", False: "NOT met"}
    rows, met = {}, {}
    print("\nThe product's own `evaluate`: registered as one call, 8 kHz mu-law calls verify; a tenant's centre: each corpus is a tenant\n")
    print("| voices | registered by | EER % | minDCF | min Cllr |\n|---|---|---|---|---|")
    for kind, options in (("as they are", []), ("with a tenant's centre", ["--centre"])):
        by = {name: product.evaluated(through, *options) for through, name in (("mulaw", "telephone"), ("clean", "microphone"))}
        for name, row in by.items():
            print(f"| {kind} | {name} | {100 * row['eer']['value']:.2f} | {row['min_dcf']['value']:.3f} | {row['min_cllr']['value']:.3f} |")
        rows[kind] = by
        met[kind] = {"by_microphone": by["microphone"]["eer"]["value"] <= by["telephone"]["eer"]["value"]}
    for kind in met:
        print(f"\n{kind}, by microphone no worse than by telephone (EER): {words[met[kind]['by_microphone']]}.")
    costs = product.calibrated_by_other_sources()
    print("\nThe product's own `calibrate`: each corpus' ratios by a calibration that the other corpora gave\n")
    print("| voices | corpus | Cllr | min Cllr | ratio | DCF(0.01) | minDCF | ratio |\n|---|---|---|---|---|---|---|---|")
    for kind, parts in costs.items():
        for name, cost in parts.items():
            cells = [f"{cost[c]:.3f} | {cost[f'min_{c}']:.3f} | {times(cost[c], cost[f'min_{c}'])}" for c in ("cllr", "dcf")]
            print(f"| {kind} | {name} | " + " | ".join(cells) + " |")
        met[kind] |= {c: parts["all"][c] <= 1.1 * parts["all"][f"min_{c}"] for c in ("cllr", "dcf")}
    for kind in met:
        print(f"\n{kind}, pooled: Cllr at most 1.1 times its minimum: {words[met[kind]['cllr']]}; DCF within 10 % of its minimum: {words[met[kind]['dcf']]}.")
    return {"registered_by": rows, "calibrated_by_other_sources": costs, "met": met}


def main():
    data, listing = prepare.trial_list(__doc__)
    import pipelines

    prepare.FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        good, report = evaluate(data, listing)
        report |= promises(data, listing)
    except pipelines.EngineMissing as missing:
        sys.exit(f"eval: {missing}")
    (prepare.FOLDER / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
