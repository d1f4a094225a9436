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
    """The score tables as dictionaries with a float logit."""
    for path in sorted(scores.FOLDER.glob("*.csv")):
        with open(path) as file:
            for row in csv.DictReader(file):
                row["logit"] = float(row["logit"])
                if condition in (None, row["condition"]):
                    yield row


def units():
    """Fold -> factor that brings its logits to the final model's scale.

    Both judged the same synthetic utterances kept for testing, of families both know; models trained shorter or on fewer corpora
    are surer or less sure of them. Genuine speech has no such common ground: the final model knows every corpus.
    """
    spoken = {}
    for row in rows("telephone"):
        if row["corpus"].startswith("tts_") and row["kind"] in ("known", "final"):
            spoken.setdefault(row["fold"], {})[row["corpus"], row["speaker"], row["name"]] = row["logit"]
    factors = {}
    for fold, own in spoken.items():
        common = own.keys() & spoken["final"].keys()
        factors[fold] = np.median([spoken["final"][key] for key in common]) / np.median([own[key] for key in common])
    return factors


def aligned(condition=None):
    """All rows, logits on the final model's scale."""
    factors = units()
    for row in rows(condition):
        row["logit"] *= factors[row["fold"]]
        yield row


def left_out(condition=None):
    return [row for row in aligned(condition) if row["fold"] != "final"]


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
    """(scale, offset): zero point by logistic regression, slope by the refusals that the left-out corpora allow."""
    logits = np.array([row["logit"] for row in table])
    labels = np.array([float(row["kind"] == "genuine") for row in table])
    weights = weights_of(table)
    limit = refusal_llr()
    # Weighted for the decision it is made for: errors cost as much there as a refusal and a miss do at the threshold.
    stake = measures.log_odds(1 / (1 + np.exp(limit)))
    costs = np.where(labels == 1, weights, weights * np.exp(-stake)) * 2 / (1 + np.exp(-stake))
    scale, offset = measures.fit_logistic(logits, labels, costs)
    offset -= stake
    by_corpus = {}
    for row in table:
        if row["kind"] == "genuine" and row["condition"] == "telephone":
            by_corpus.setdefault(row["corpus"], []).append(row["logit"])
    # The highest crossing at which each corpus still loses no more than 5 %; the strictest corpus decides.
    ceiling = min(np.sort(values)[int(np.floor(REFUSALS * len(values)))] for values in by_corpus.values()) - 1e-3
    neutral, crossing = -offset / scale, (limit - offset) / scale
    print(f"calibration: logistic scale {scale:.4f} offset {offset:.4f}, refuses below {crossing:.3f}; corpora allow {ceiling:.3f}")
    # The regression's zero point is kept, the slope is set by the decision: refuse all that the 5 % allow, and no more.
    scale = limit / (ceiling - neutral)
    offset = -neutral * scale
    print(f"calibration: set to scale {scale:.4f} offset {offset:.4f}")
    quality = measures.cross_entropy(scale * logits + offset, labels, weights)
    return scale, offset, quality


def evidence(table, scale, offset):
    """(share of genuine calls below the crossing, share of attacks below it), weighted like the fit, plain telephone."""
    table = [row for row in table if row["condition"] == "telephone"]
    weights = weights_of(table)
    below = np.array([scale * row["logit"] + offset < refusal_llr() for row in table])
    genuine = np.array([row["kind"] == "genuine" for row in table])
    return float(weights[below & genuine].sum() / weights[genuine].sum()), float(weights[below & ~genuine].sum() / weights[~genuine].sum())


def main():
    table = left_out()
    print("calibration: logits of the folds times", {fold: round(float(f), 2) for fold, f in units().items()})
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
