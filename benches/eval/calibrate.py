#!/usr/bin/env python3
"""Fits the calibrations that the engine ships: cosine -> log-likelihood ratio -> score between 0 and 1.

For each channel type the engine embeds the development clips, every trial gets its cosine, and a logistic is fitted:

    llr = scale * cosine + offset          natural logarithm; 0 where both answers are equally likely
    score = 1 / (1 + exp(-llr))            the posterior at even odds, so 0.5 is the point of equal cost

Each source and each answer (same speaker, other speaker) weighs the same, so that the largest corpus does not decide.
Writes models/calibration/{telephone,microphone}-channel.json with the provenance and, for each threshold, false accepts
and false rejects with their 95 % Wilson intervals. `--simulate` uses a Python model of the engine's chain instead of the
engine (models/study/front_end.py), for when the engine is being built.
"""

import argparse
import datetime
import json
import pathlib
import sys

import prepare

OUT = prepare.ROOT / "models" / "calibration"
THRESHOLDS = [round(0.05 * step, 2) for step in range(1, 20)] + [0.97, 0.98, 0.99]
CAUTION = (
    "Development lists: read speech, prompts and single words of three corpora, the telephone made by codec. On other corpora "
    "(emotional and broadcast speech, other languages) the threshold for 1 % false accepts gave about 3 % false accepts and 14 % "
    "false rejects. Measure on your own calls before you rely on a rate."
)


def fit_logistic(x, target, weight):
    """Newton's method for llr = scale * x + offset under weighted cross-entropy; (scale, offset)."""
    import numpy as np

    design = np.stack([x, np.ones_like(x)], axis=1)
    parameters = np.zeros(2)
    for _ in range(100):
        p = 1 / (1 + np.exp(-design @ parameters))
        gradient = design.T @ (weight * (p - target))
        hessian = design.T @ (design * (weight * p * (1 - p))[:, None])
        step = np.linalg.solve(hessian, gradient)
        parameters -= step
        if np.abs(step).max() < 1e-10:
            return float(parameters[0]), float(parameters[1])
    raise SystemExit("calibrate: the fit did not converge; are there errors of both kinds in the list?")


def weights(trials):
    """Every (source, answer) together weighs the same."""
    import numpy as np

    keys = [(trial.source, trial.target) for trial in trials]
    sizes = {key: keys.count(key) for key in set(keys)}
    return np.array([1 / (sizes[key] * len(sizes)) for key in keys])


def cllr(llr, target):
    """Cost in bits of these log-likelihood ratios as they are, calibration errors included; 1 knows nothing."""
    import numpy as np

    return float((np.mean(np.logaddexp(0, -llr[target])) + np.mean(np.logaddexp(0, llr[~target]))) / (2 * np.log(2)))


def wilson(errors, count):
    """95 % interval of a rate."""
    if count == 0:
        return [0.0, 1.0]
    z, rate = 1.959964, errors / count
    centre = (rate + z * z / (2 * count)) / (1 + z * z / count)
    half = z * ((rate * (1 - rate) / count + z * z / (4 * count * count)) ** 0.5) / (1 + z * z / count)
    return [round(max(0.0, centre - half), 5), round(min(1.0, centre + half), 5)]


def table(score, target):
    rows = []
    for threshold in THRESHOLDS:
        accepts, rejects = int((score[~target] >= threshold).sum()), int((score[target] < threshold).sum())
        impostors, genuine = int((~target).sum()), int(target.sum())
        rows.append(
            {
                "threshold": threshold,
                "far": round(accepts / impostors, 5),
                "far_interval": wilson(accepts, impostors),
                "frr": round(rejects / genuine, 5),
                "frr_interval": wilson(rejects, genuine),
            }
        )
    return rows


def left_out(trials, cosines, target, weight):
    """Cllr of each source under a calibration fitted without it: what a customer's own speech has to expect."""
    import numpy as np

    out = {}
    for source in sorted({trial.source for trial in trials}):
        there = np.array([trial.source == source for trial in trials])
        scale, offset = fit_logistic(cosines[~there], target[~there], weight[~there])
        out[source] = round(cllr(scale * cosines[there] + offset, target[there]), 4)
    return out


def calibrate(name, pipeline, trials, clips, paths, listing):
    import numpy as np
    from reference import scoring

    cosines = scoring.cosines(trials, dict(zip(clips, pipeline.embeddings(paths))))
    target = np.array([trial.target for trial in trials])
    weight = weights(trials)
    scale, offset = fit_logistic(cosines, target, weight)
    llr = scale * cosines + offset
    manifest = prepare.install.parse_toml((prepare.ROOT / "models" / "manifest.toml").read_text())
    model = next(model for model in manifest["model"] if model["job"] == "speaker-embedding")
    document = {
        "name": name,
        "kind": "logistic",
        "input": "cosine of two length-normalised embeddings",
        "scale": round(scale, 6),
        "offset": round(offset, 6),
        "prior": 0.5,
        "equal_cost_cosine": round(-offset / scale, 4),
        "provenance": {
            "date": datetime.date.today().isoformat(),
            "model": model["name"],
            "model_sha224": model["sha224"],
            "chain": pipeline.name,
            "list": listing,
            "trials": {"same_speaker": int(target.sum()), "other_speaker": int((~target).sum())},
            "sources": sorted({trial.source for trial in trials}),
            "weighting": "each source and each answer weighs the same",
            "cllr": round(cllr(llr, target), 4),
            "cllr_of_source_left_out": left_out(trials, cosines, target, weight),
        },
        "caution": CAUTION,
        "table": table(1 / (1 + np.exp(-llr)), target),
    }
    OUT.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=1)
    (OUT / f"{name}.json").write_text(one_line_per_row(text) + "\n")
    print(f"{name}: llr = {scale:.3f} * cosine {offset:+.3f}; equal cost at cosine {-offset / scale:.3f}; Cllr {document['provenance']['cllr']}, "
          f"source left out {document['provenance']['cllr_of_source_left_out']}")
    for row in document["table"]:
        if row["threshold"] in (0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99):
            print(f"  score >= {row['threshold']:.2f}: false accepts {100 * row['far']:6.2f} %, false rejects {100 * row['frr']:6.2f} %")


def one_line_per_row(text):
    """The table with one threshold per line, for people who read the file."""
    head, _, rest = text.partition('"table": [')
    rows = " ".join(rest.split()).replace("}, {", "},\n  {").replace("{ ", "{").replace(" }", "}").replace("[ ", "[").replace(" ]", "]")
    return f'{head}"table": [\n  {rows.strip()}'.replace("] }", "]\n}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulate", action="store_true", help="a Python model of the chain instead of the engine")
    parser.add_argument("--channels", nargs="*", default=["telephone-channel", "microphone-channel"], metavar="NAME", help="default: both")
    parser.add_argument("--data", type=pathlib.Path, default=prepare.DATA, help="folder with the lists and clips/")
    arguments = parser.parse_args()
    listing = prepare.LISTS["dev"]
    prepare.need_data(arguments.data, [listing])
    prepare.enter_environment()
    import pipelines
    from reference import scoring

    trials = scoring.read_trials(arguments.data / listing)
    clips = scoring.clips_of(trials)
    paths = [arguments.data / clip for clip in clips]
    for channel in arguments.channels:
        pipeline = pipelines.Simulation(channel) if arguments.simulate else pipelines.Engine(channel=channel)
        try:
            calibrate(channel, pipeline, trials, clips, paths, listing)
        except pipelines.EngineMissing as missing:
            sys.exit(f"calibrate: {missing}")


if __name__ == "__main__":
    main()
