"""Trial lists and their scores; what is read off these is in measures.py.

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
