"""Trial lists and what is read off their scores: EER, minDCF, min Cllr.

A score is higher the more alike two voices are; a target is a trial of the same speaker.
"""

import csv
import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Trial:
    target: bool
    enrol: tuple  # clip paths, relative to the data folder
    test: str
    source: str
    group: str  # what figures are given for: the source, and whether the sessions differ where both occur


def read_trials(path):
    """The trials of a CSV with columns label, enroll, test, source, gender, condition."""
    with open(path, newline="") as stream:
        rows = list(csv.DictReader(stream))
    conditions = {}
    for row in rows:
        conditions.setdefault(row["source"], set()).add(row["condition"])
    names = {"x": "other session", "s": "same session"}
    trials = []
    for row in rows:
        group = row["source"]
        if len(conditions[group]) > 1:
            group = f"{group}, {names[row['condition']]}"
        trials.append(Trial(row["label"] == "1", tuple(row["enroll"].split("|")), row["test"], row["source"], group))
    return trials


def clips_of(trials):
    """Every clip that a list needs, once, in a fixed order."""
    return sorted({path for trial in trials for path in (*trial.enrol, trial.test)})


def unit(rows):
    """Rows scaled to length one; a row of zeros (no speech found) stays zero and so scores 0 against anything."""
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.where(length > 0, length, 1.0)


def cosines(trials, embeddings):
    """Score of every trial; `embeddings`: clip path -> raw embedding. Enrolment: mean of length-normalised embeddings."""
    normalised = {path: unit(np.asarray(row, dtype=np.float64)) for path, row in embeddings.items()}
    models = {}
    for trial in trials:
        if trial.enrol not in models:
            models[trial.enrol] = unit(np.mean([normalised[path] for path in trial.enrol], axis=0))
    return np.array([models[trial.enrol] @ normalised[trial.test] for trial in trials])


def error_rates(scores, targets):
    """(threshold, FAR, FRR) at every threshold worth looking at: each score, accepted when score >= threshold."""
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], targets[order]
    last_of_tie = np.append(np.diff(ranked) != 0, True)
    accepted = np.cumsum(hits)[last_of_tie]
    wrongly = np.cumsum(~hits)[last_of_tie]
    thresholds = np.concatenate([[np.inf], ranked[last_of_tie]])
    far = np.concatenate([[0.0], wrongly / max(1, (~targets).sum())])
    frr = np.concatenate([[1.0], 1.0 - accepted / max(1, targets.sum())])
    return thresholds, far, frr


def equal_error_rate(scores, targets):
    """(EER, threshold), by linear interpolation between the two operating points on either side."""
    thresholds, far, frr = error_rates(scores, targets)
    right = int(np.argmax(far >= frr))
    left = right - 1
    before, after = frr[left] - far[left], far[right] - frr[right]
    share = before / (before + after) if before + after > 0 else 0.0
    low = thresholds[left] if np.isfinite(thresholds[left]) else thresholds[right]
    return far[left] + share * (far[right] - far[left]), low + share * (thresholds[right] - low)


def min_dcf(scores, targets, prior=0.01):
    """Lowest detection cost at this share of targets, both errors costing 1, relative to the cost of always refusing."""
    _, far, frr = error_rates(scores, targets)
    return float(np.min(prior * frr + (1 - prior) * far) / min(prior, 1 - prior))


def min_cllr(scores, targets):
    """Cost of log-likelihood ratios (bits) after the best monotone calibration.

    Unlike EER it looks at every trial, so it tells variants apart that differ by less than one EER error.
    """
    from scipy.optimize import isotonic_regression

    # Ties go against us: impostors are ranked above targets of the same score.
    order = np.lexsort((targets, scores))
    posterior = isotonic_regression(targets[order].astype(float)).x
    share = targets.mean()
    with np.errstate(divide="ignore"):
        ratio = np.log(posterior) - np.log1p(-posterior) - np.log(share / (1 - share))
    hits = targets[order]
    return float(0.5 * np.mean(np.logaddexp(0, -ratio[hits])) + 0.5 * np.mean(np.logaddexp(0, ratio[~hits]))) / np.log(2)
