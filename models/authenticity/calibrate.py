"""Fits scale and offset on the pooled left-out scores and writes authenticity.json.

Genuine calls come from a corpus the scoring model never saw. Attacks are half by synthesiser families it never saw, half by
families it knows (on unseen speakers or texts): an attacker may bring either. Every corpus and every system weighs the same.
"""

import csv
import datetime
import hashlib
import json

import numpy as np

import export
import frontend
import measures
import paths
import scores

THRESHOLD, ATTACK_RATE, REFUSALS = 0.8, 0.01, 0.05
FILE = paths.HERE / "authenticity.json"
VERSION = "1.0.0"


def rows(condition=None):
    """The score table as dictionaries with a float logit."""
    with open(scores.FILE) as file:
        for row in csv.DictReader(file):
            row["logit"] = float(row["logit"])
            if condition in (None, row["condition"]):
                yield row


def left_out(condition=None):
    return [row for row in rows(condition) if row["fold"] != "final"]


def weights_of(table):
    """Half for genuine speech (corpora alike), a quarter each for unseen and known synthesisers (systems alike)."""
    share = {"genuine": 0.5, "unseen": 0.25, "known": 0.25}
    group = [(row["kind"], row["corpus"] if row["kind"] == "genuine" else row["system"], row["condition"]) for row in table]
    sizes = {g: group.count(g) for g in set(group)}
    of_kind = {kind: sum(1 for g in sizes if g[0] == kind) for kind in share}
    return np.array([share[g[0]] / of_kind[g[0]] / sizes[g] for g in group])


def refusal_llr(attack_rate=ATTACK_RATE):
    """A call is refused below this log-likelihood ratio."""
    return measures.log_odds(THRESHOLD) - measures.log_odds(1 - attack_rate)


def fit(table):
    """(scale, offset): logistic regression, then flattened until no left-out corpus loses more than 5 % of its genuine calls."""
    logits = np.array([row["logit"] for row in table])
    labels = np.array([float(row["kind"] == "genuine") for row in table])
    weights = weights_of(table)
    scale, offset = measures.fit_logistic(logits, labels, weights)
    limit = refusal_llr()
    by_corpus = {}
    for row in table:
        if row["kind"] == "genuine" and row["condition"] == "telephone":
            by_corpus.setdefault(row["corpus"], []).append(row["logit"])
    # The lowest logit at which each corpus still refuses no more than 5 %; the strictest corpus decides.
    ceiling = min(np.sort(values)[int(np.floor(REFUSALS * len(values)))] for values in by_corpus.values())
    crossing = (limit - offset) / scale
    print(f"calibration: logistic scale {scale:.4f} offset {offset:.4f}, refuses below {crossing:.3f}; corpora allow {ceiling:.3f}")
    if crossing > ceiling:
        # Same zero point, less slope: weaker claims in both directions.
        neutral = -offset / scale
        scale = limit / (ceiling - 1e-4 - neutral)
        offset = -neutral * scale
        print(f"calibration: flattened to scale {scale:.4f} offset {offset:.4f}")
    quality = measures.cross_entropy(scale * logits + offset, labels, weights)
    return scale, offset, quality


def main():
    table = left_out()
    scale, offset, quality = fit(table)
    print(f"calibration: cross entropy of the left-out scores {quality:.3f} bit")
    record = {
        "name": "peakstream-authenticity",
        "version": VERSION,
        "date": datetime.date.today().isoformat(),
        "file": export.FILE.name,
        "sha224": hashlib.sha224(export.FILE.read_bytes()).hexdigest(),
        "input": {"name": "features", "shape": [1, frontend.WINDOW_FRAMES, frontend.BINS]},
        "output": {"name": "logit", "shape": [1, 1], "positive": "genuine"},
        "sample_rate": frontend.SAMPLE_RATE,
        "frame": frontend.FRAME,
        "hop": frontend.HOP,
        "first_bin": frontend.FIRST_BIN,
        "bins": frontend.BINS,
        "window_frames": frontend.WINDOW_FRAMES,
        "log_floor": frontend.LOG_FLOOR,
        "floor_below_mean": frontend.FLOOR_BELOW_MEAN,
        "scale": round(scale, 5),
        "offset": round(offset, 5),
        "assumed_attack_rate": ATTACK_RATE,
        "threshold": THRESHOLD,
        "licence": "Apache-2.0 OR MIT",
        "provenance": "trained from scratch by models/authenticity/train.sh; see CARD.md for data and figures",
    }
    FILE.write_text(json.dumps(record, indent=1) + "\n")
    print(f"authenticity.json: {record['sha224']}")


if __name__ == "__main__":
    main()
