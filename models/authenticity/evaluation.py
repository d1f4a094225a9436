"""Scores of the members joined, fused and calibrated: rows with a log-likelihood ratio leave, for tables.py.

No row is calibrated by itself: what a fold's genuine corpora are judged by was fitted to the other folds. Every number here is of corpora, and where
it says "unseen" of synthesisers too, that the networks which scored them had never met.
"""

import csv
import dataclasses
import gzip

import numpy as np

import folds
import measures
import paths

# Committed: whoever has not trained can still read the tables.
FOLDER = paths.PRODUCTS / "scores"
AASIST = "aasist"
DURATIONS = (3, 5, 10)
KEY = ("fold", "condition", "codec", "corpus", "speaker", "system", "family", "name", "paired", "kind")
COLUMNS = (*KEY, *(f"logit{seconds}" for seconds in DURATIONS))
MEMBERS = ("branch",)
LEFT_OUT = tuple(folds.FOLDS)  # all but the final networks, which know every corpus
SECONDS = 5  # of a call, where a table does not say
THRESHOLD, ATTACK_RATE = 0.8, 0.01


@dataclasses.dataclass
class Rows:
    """Columns of equal length; `logits` [rows, members] by seconds."""

    columns: dict
    logits: dict

    def __len__(self):
        return len(self.columns["fold"])

    def where(self, kept):
        return Rows({name: values[kept] for name, values in self.columns.items()}, {s: v[kept] for s, v in self.logits.items()})

    def mask(self, **wanted):
        """Which rows' columns equal what is asked; a tuple means any of these."""
        kept = np.ones(len(self), bool)
        for name, value in wanted.items():
            kept &= np.isin(self.columns[name], value if isinstance(value, tuple) else (value,))
        return kept

    def pick(self, **wanted):
        """Those rows."""
        return self.where(self.mask(**wanted))


def write(member, header, rows):
    """A table of scores, compressed; the same rows give the same bytes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / f"{member}.csv.gz", "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        for row in (header, *rows):
            packed.write((",".join(map(str, row)) + "\n").encode())


def write_figures(name, header, rows):
    """A small table of figures, to be read by people too."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / name, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    print((FOLDER / name).read_text(), flush=True)


def read_figures(name):
    """Its rows, without the header."""
    with open(FOLDER / name, newline="") as file:
        return list(csv.reader(file))[1:]


def read_table(member):
    """Rows of a table of scores, as dictionaries."""
    with gzip.open(FOLDER / f"{member}.csv.gz", "rt") as file:
        return list(csv.DictReader(file))


def read(members=MEMBERS):
    """The rows that every member has scored."""
    tables = [{tuple(row[name] for name in KEY): row for row in read_table(member)} for member in members]
    keys = sorted(set.intersection(*(set(table) for table in tables)))
    columns = {name: np.array([key[i] for key in keys]) for i, name in enumerate(KEY)}
    logits = {seconds: np.array([[float(table[key][f"logit{seconds}"]) for table in tables] for key in keys]) for seconds in DURATIONS}
    return Rows(columns, logits)


def read_aasist():
    """{corpus, speaker, system, name: score} of calls over plain G.711."""
    return {tuple(row[name] for name in ("corpus", "speaker", "system", "name")): float(row["score"]) for row in read_table(AASIST)}


def weights_of(rows):
    """Half for genuine speech (corpora alike), a quarter each for unseen and known synthesisers (systems alike)."""
    c = rows.columns
    genuine = c["kind"] == "genuine"
    groups = np.where(genuine, np.char.add("genuine ", c["corpus"]), np.char.add(np.char.add(c["kind"], " "), c["system"]))
    names, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    share = {"genuine": 0.5, "unseen": 0.25, "known": 0.25}
    kinds = np.array([name.split(" ")[0] for name in names])
    each = np.array([share[kind] / np.sum(kinds == kind) for kind in kinds])
    return (each / counts)[index]


def fitted(rows):
    """The calibration of calls of all durations."""
    parts = []
    for logits in rows.logits.values():
        kept = ~np.isnan(logits).any(1)
        part = rows.where(kept)
        parts.append((logits[kept], part.columns["kind"] == "genuine", weights_of(part)))
    return measures.fit(*map(np.concatenate, zip(*parts)))


def judged(rows):
    """{seconds: log-likelihood ratios}, each fold's by what was fitted to the others on plain G.711; the final networks' by all folds."""
    left_out = rows.pick(condition="g711", fold=LEFT_OUT)
    llr = {seconds: np.full(len(rows), np.nan) for seconds in DURATIONS}
    for fold in folds.NAMES:
        calibration = fitted(left_out.where(left_out.columns["fold"] != fold))
        for seconds, logits in rows.logits.items():
            own = (rows.columns["fold"] == fold) & ~np.isnan(logits).any(1)
            llr[seconds][own] = calibration.llr(logits[own])
    return llr


def refusal_llr(threshold=THRESHOLD, attack_rate=ATTACK_RATE):
    """A call is refused below this log-likelihood ratio."""
    return measures.log_odds(threshold) - measures.log_odds(1 - attack_rate)
