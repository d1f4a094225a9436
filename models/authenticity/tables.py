"""Tables of the evaluation, as lines of Markdown: `python tables.py` prints all of them, `make eval` calls it.

Pooled rates weigh every genuine corpus alike, and every synthesiser alike.
"""

import argparse
import functools
import pathlib

import numpy as np

import evaluation
import folds
import measures
from evaluation import DURATIONS, SECONDS, THRESHOLD

LINES = {"g711": "G.711", "codec": "AMR, GSM or Opus"}


def percent(value):
    return "–" if np.isnan(value) else f"{100 * value:.1f}"


def rate(errors, trials):
    if not trials:
        return "–"
    low, high = measures.wilson(errors, trials)
    return f"{100 * errors / trials:.1f} ({errors}/{trials}; {100 * low:.0f}–{100 * high:.0f})"


def table(header, lines):
    return "\n".join(["| " + " | ".join(header) + " |", "|" + "---|" * len(header), *("| " + " | ".join(map(str, line)) + " |" for line in lines)])


class Figures:
    """All rows with their log-likelihood ratios, each calibrated by the other folds."""

    def __init__(self, members=evaluation.MEMBERS, of_folds=tuple(folds.NAMES)):
        self.rows = evaluation.read(members).pick(fold=of_folds)
        self.llr = evaluation.judged(self.rows)

    @functools.cached_property
    def theirs(self):
        return evaluation.read_aasist()

    def judged(self, seconds=SECONDS, **wanted):
        """(rows, ratios) of those whose columns equal what is asked and that hold enough speech."""
        kept = self.rows.mask(**wanted) & ~np.isnan(self.llr[seconds])
        return self.rows.where(kept), self.llr[seconds][kept]

    def of(self, seconds=SECONDS, **wanted):
        """The ratios alone."""
        return self.judged(seconds, **wanted)[1]

    def refused(self, limit):
        """{genuine corpus left out: share refused below a ratio}, plain G.711."""
        corpora = sorted(set(self.rows.pick(kind="genuine").columns["corpus"]))
        return {corpus: np.mean(self.of(kind="genuine", corpus=corpus, condition="g711") < limit) for corpus in corpora}

    def caught(self, kind, limit, condition="g711", **wanted):
        """Share of synthetic calls refused below a ratio, systems alike; NaN of none."""
        rows, values = self.judged(kind=kind, condition=condition, **wanted)
        return np.sum(alike(rows.columns["system"])[values < limit]) if len(values) else float("nan")

    def aasist(self, **wanted):
        rows = self.rows.pick(condition="g711", **wanted)
        keys = zip(*(rows.columns[name] for name in ("corpus", "speaker", "system", "name")))
        return np.array([self.theirs[key] for key in keys])


def alike(names):
    """Weights that sum to one, every name's alike."""
    _, index, counts = np.unique(names, return_inverse=True, return_counts=True)
    return (1 / counts / len(counts))[index]


def weighed_eer(figures, kind, seconds, **wanted):
    voices, genuine = figures.judged(seconds, kind="genuine", **wanted)
    attacks, spoof = figures.judged(seconds, kind=kind, **wanted)
    if not len(genuine) or not len(spoof):
        return float("nan")
    values = np.concatenate([genuine, spoof])
    order = np.argsort(values, kind="stable")
    is_genuine = np.r_[np.ones(len(genuine)), np.zeros(len(spoof))][order]
    weight = np.r_[alike(voices.columns["corpus"]), alike(attacks.columns["system"])][order]
    refused = np.cumsum(weight * is_genuine)
    missed = 1 - np.cumsum(weight * (1 - is_genuine))
    at = np.argmin(np.abs(refused - missed))
    return float((refused[at] + missed[at]) / 2)


def paired_eer(figures, kind, seconds=SECONDS, **wanted):
    """Genuine calls and copies of the same calls, nothing else."""
    genuine = figures.of(seconds, kind="genuine", paired="True", **wanted)
    twins = figures.of(seconds, kind=kind, paired="True", **wanted)
    return measures.eer(genuine, twins)


def summary(figures):
    lines = []
    for condition, name in LINES.items():
        for seconds in DURATIONS:
            wanted = {"condition": condition}
            if not len(figures.of(seconds, kind="genuine", **wanted)):
                continue
            lines.append([name, f"{seconds} s", *(percent(weighed_eer(figures, kind, seconds, **wanted)) for kind in ("unseen", "known")),
                          *(percent(paired_eer(figures, kind, seconds, **wanted)) for kind in ("unseen", "known"))])  # fmt: skip
    return table(["line", "net speech", "unseen, EER %", "known, EER %", "paired unseen, EER %", "paired known, EER %"], lines)


def by_codec(figures):
    lines = []
    for codec in ("mu", "a", "amr", "gsm", "opus"):
        wanted = {"condition": ("g711", "codec"), "codec": codec}
        lines.append([codec, *(percent(weighed_eer(figures, kind, SECONDS, **wanted)) for kind in ("unseen", "known")),
                      percent(paired_eer(figures, "unseen", **wanted)), rate_refused(figures, kind="genuine", **wanted)])  # fmt: skip
    return table(["codec", "unseen, EER %", "known, EER %", "paired unseen, EER %", f"genuine refused at {THRESHOLD}, %"], lines)


def rate_refused(figures, seconds=SECONDS, **wanted):
    values = figures.of(seconds, **wanted)
    return rate(int((values < evaluation.refusal_llr()).sum()), len(values))


def by_fold(figures):
    lines = []
    for fold in folds.FOLDS:
        wanted = {"fold": fold, "condition": "g711"}
        genuine, unseen = figures.of(kind="genuine", **wanted), figures.of(kind="unseen", **wanted)
        theirs = [figures.aasist(fold=fold, kind=kind) for kind in ("genuine", "unseen", "known")]
        lines.append([fold, *(percent(measures.eer(genuine, figures.of(kind=kind, **wanted))) for kind in ("unseen", "known")),
                      percent(paired_eer(figures, "unseen", **wanted)), *(percent(measures.eer(theirs[0], other)) for other in theirs[1:]),
                      f"{measures.eer_threshold(genuine, unseen):+.2f}"])  # fmt: skip
    return table(["fold left out", "unseen, EER %", "known, EER %", "paired unseen, EER %", "AASIST, unseen", "AASIST, known", "LLR at the EER"], lines)


def by_corpus(figures):
    lines = []
    for corpus in sorted(set(figures.rows.pick(kind="genuine").columns["corpus"])):
        lines.append([corpus, *(rate_refused(figures, kind="genuine", corpus=corpus, condition=condition) for condition in LINES),
                      rate_refused(figures, 3, kind="genuine", corpus=corpus, condition="g711"),
                      f"{np.median(figures.of(kind='genuine', corpus=corpus, condition='g711')):+.1f}"])  # fmt: skip
    header = [f"{name}, 5 s" for name in LINES.values()]
    return table(["genuine corpus left out", *header, "G.711, 3 s", "median LLR"], lines)


def by_system(figures, kind):
    lines = []
    rows = figures.rows.pick(kind=kind, condition="g711").columns
    for family, system in sorted(set(zip(rows["family"], rows["system"]))):
        wanted = {"kind": kind, "system": system}
        fold = tuple(set(figures.rows.pick(condition="g711", **wanted).columns["fold"]))
        genuine = figures.of(kind="genuine", condition="g711", fold=fold)
        values = figures.of(condition="g711", **wanted)
        theirs = measures.eer(figures.aasist(fold=fold, kind="genuine"), figures.aasist(fold=fold, **wanted))
        caught = [rate_refused(figures, condition=condition, **wanted) for condition in ("g711", "codec")]
        lines.append([family, system, percent(measures.eer(genuine, values)), percent(theirs), *caught, f"{np.median(values):+.1f}"])
    return table(["family", "system", "EER %", "AASIST, EER %", f"caught at {THRESHOLD}, G.711, %", "caught, other codecs, %", "median LLR"], lines)


def by_family(figures):
    """Share caught of each family, its systems alike, where it was left out and where it was known."""
    lines = []
    spoken = figures.rows.pick(kind=("unseen", "known"), condition="g711").columns
    for family in sorted(set(spoken["family"])):
        caught = lambda kind, condition: percent(figures.caught(kind, evaluation.refusal_llr(), family=family, condition=condition))
        lines.append([family, len(set(spoken["system"][spoken["family"] == family])), *(caught(kind, c) for kind in ("unseen", "known") for c in LINES)])
    header = [f"{kind}, {name}, %" for kind in ("left out", "known") for name in LINES.values()]
    return table(["family", "systems", *header], lines)


def by_threshold(figures):
    lines = []
    for attack_rate in (0.001, 0.01, 0.1, 0.5):
        for threshold in (0.5, 0.8, 0.9, 0.95, 0.99):
            limit = evaluation.refusal_llr(threshold, attack_rate)
            refused = figures.refused(limit)
            worst = max(refused, key=refused.get)
            caught = [percent(figures.caught(kind, limit)) for kind in ("unseen", "known")]
            lines.append([f"{100 * attack_rate:g} %", threshold, f"{limit:+.2f}", percent(np.mean(list(refused.values()))),
                          f"{percent(refused[worst])} ({worst})", *caught])  # fmt: skip
    return table(["assumed attacks", "threshold", "refused below LLR", "genuine refused, %", "worst corpus, %", "unseen caught, %", "known caught, %"], lines)


EDGES = (-np.inf, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, np.inf)


def reliability_points(figures, condition="g711"):
    """(lower and upper LLR, calls, claimed share of genuine ones, observed share, share of the weight): half of all calls attacks, half of
    these by synthesisers never met."""
    rows, llr = figures.judged(condition=condition, fold=evaluation.LEFT_OUT)
    weights, genuine = evaluation.weights_of(rows), rows.columns["kind"] == "genuine"
    for low, high in zip(EDGES, EDGES[1:]):
        inside = (llr >= low) & (llr < high)
        if inside.any():
            claimed = np.average(1 / (1 + np.exp(-llr[inside])), weights=weights[inside])
            yield low, high, int(inside.sum()), claimed, np.average(genuine[inside], weights=weights[inside]), weights[inside].sum()


def reliability(figures):
    lines = [[f"{low:g} to {high:g}", calls, percent(claimed), percent(was)] for low, high, calls, claimed, was, _ in reliability_points(figures)]
    return table(["LLR", "calls", "genuine, claimed %", "genuine, observed %"], lines)


def calibration(figures):
    lines = []
    for condition, name in LINES.items():
        for seconds in DURATIONS:
            rows, llr = figures.judged(seconds, condition=condition, fold=evaluation.LEFT_OUT)
            if not len(rows):
                continue
            weights, labels = evaluation.weights_of(rows), (rows.columns["kind"] == "genuine").astype(float)
            cllr, least = measures.cross_entropy(llr, labels, weights), measures.least_cross_entropy(llr, labels, weights)
            lines.append([name, f"{seconds} s", f"{cllr:.3f}", f"{least:.3f}", f"{cllr / least:.2f}"])
    return table(["line", "net speech", "Cllr", "least Cllr", "ratio"], lines)


def everything(figures):
    """{name of the table: its lines}."""
    return {
        "summary": summary(figures), "by_fold": by_fold(figures), "by_codec": by_codec(figures), "by_corpus": by_corpus(figures),
        "unseen_systems": by_system(figures, "unseen"), "known_systems": by_system(figures, "known"),
        "by_threshold": by_threshold(figures), "by_family": by_family(figures), "calibration": calibration(figures), "reliability": reliability(figures),
    }  # fmt: skip


MARK = "<!-- Authenticity: written by models/authenticity/tables.py; do not edit. -->"


def section(figures):
    """What docs/accuracy.md says of authenticity."""
    return f"""{MARK}

## Authenticity: who is refused, who is caught

Calls of {SECONDS} s of net speech over plain G.711; genuine corpora and synthesisers left out together, each judged by networks and a calibration that never met
them; corpora alike, systems alike. *Unseen*: no synthesiser of the family was ever heard; *known*: other voices and other corpora of a family that was.
Everything else that was measured, and what it does not see: `models/authenticity/CARD.md`; what follows from a threshold: `docs/authenticity.md`.

{summary(figures)}

The default is a threshold of {THRESHOLD} with {100 * evaluation.ATTACK_RATE:g} % of all calls assumed to be attacks. Genuine callers refused: mean over the corpora,
and the worst of them.

{by_threshold(figures)}

Caught at the default, by family of synthesiser (–: there are no such calls):

{by_family(figures)}
"""


def put_into(page, text):
    """Replaces the section that begins with MARK and ends the page, or appends it."""
    before = page.read_text().split(MARK)[0].rstrip()
    page.write_text(f"{before}\n\n{text}")


def main():
    parser = argparse.ArgumentParser(description="Prints the tables of authenticity, from the committed scores.")
    parser.add_argument("--into", type=pathlib.Path, metavar="PAGE", help="write the section on authenticity at the end of this Markdown page instead")
    into = parser.parse_args().into
    figures = Figures()
    if into:
        return put_into(into, section(figures))
    for name, lines in everything(figures).items():
        print(f"\n## {name}\n\n{lines}")


if __name__ == "__main__":
    main()
