"""Do means, cohorts, several windows or a second network make fewer errors? Writes docs/normalisation.md from its template.

    python3 normalise.py        after judge.py and extras.py; goes on in the private Python of `make eval`

Each corpus is a tenant. A method sees the tenant's other speakers (own), or only the other corpora (foreign), never the two speakers
of the trial. The network has learnt from none of the corpora, and each is calibrated by the others: every figure is of a corpus left out.
"""

import json
import sys

import paths

sys.path[:0] = [str(paths.REPOSITORY / "benches" / "eval")]
import prepare  # noqa: E402

NETWORK = "delta"
CALLS = (20, 50, 200)  # of a tenant's traffic
COHORT = 200  # own calls
FEW_PEOPLE = 3
TRAFFIC_SEED = 1
NEAREST = 40  # of a cohort that count in adaptive s-norm
PAGE = paths.REPOSITORY / "docs" / "normalisation.md"
TEMPLATE, RESULT = paths.HERE / "normalisation.template.md", paths.HERE / "normalisation.json"
CONDITIONS = {
    "telephone / telephone": ("telephone", "telephone"),
    "clean / telephone": ("wide band", "telephone"),
    "clean / clean": ("wide band", "wide band"),
}
DIGITS = {"eer": 2, "min_dcf": 3, "frr_at_far_1": 1, "frr_at_far_01": 1, "min_cllr": 4, "actual_dcf": 3, "cllr": 4}


def speaker_of(path):
    return "/".join(path.split("/")[1:3])


class Tenants:
    """Trials, and the unit embeddings of every clip by band."""

    def __init__(self):
        import conditions
        import judge
        import numpy as np

        judged = judge.Judge()
        spoken = judged.spoken()
        self.trials = [trial for trial in judged.clips.trials if trial.test in spoken and spoken & set(trial.enrol)]
        self.corpora = conditions.CORPORA
        self.clips = {corpus: [path for path in judged.clips.of(corpus) if path in spoken] for corpus in self.corpora}
        self.silent = {corpus: [path for path in judged.clips.of(corpus) if path not in spoken] for corpus in self.corpora}
        self.targets = np.array([trial.target for trial in self.trials])
        self.corpus = np.array([trial.source for trial in self.trials])
        self.pairs = [(speaker_of(trial.enrol[0]), speaker_of(trial.test)) for trial in self.trials]
        self.rows = {band: judged.embeddings(NETWORK, band) for band in conditions.BANDS}
        self.speakers = {corpus: np.array([speaker_of(path) for path in clips]) for corpus, clips in self.clips.items()}
        self.arrays = {
            (band, corpus): np.array([rows[path] for path in clips]) for band, rows in self.rows.items() for corpus, clips in self.clips.items()
        }

    def extra(self, way):
        """Band -> clip -> unit embedding of extras.py."""
        import extras
        import numpy as np

        found = {band: {} for band in extras.BANDS[way]}
        for corpus in self.corpora:
            for band, rows in found.items():
                measured = np.load(extras.file_of(way, band, corpus))
                # An enrolment may hold a clip without speech, which adds nothing to it.
                rows.update((path, np.zeros(measured.shape[1])) for path in self.silent[corpus])
                rows.update(zip(self.clips[corpus], measured, strict=True))
        return found

    def compared(self, rows):
        """Conditions of which `rows` has both bands."""
        return {name: bands for name, bands in CONDITIONS.items() if set(bands) <= set(rows)}

    def sides(self, rows, bands):
        """Unit model and unit test of each trial."""
        import judge
        import numpy as np

        enrol, test = bands
        return judge.enrolled(self.trials, rows[enrol]), np.array([rows[test][trial.test] for trial in self.trials])

    def groups(self, calls, people):
        """(places of trials, [(corpus, numbers of clips)] that a method may learn from for them): `calls` of the tenant's other speakers, of so
        many people at most; or, if None, the other corpora."""
        import numpy as np

        places = {}
        for place, (corpus, pair) in enumerate(zip(self.corpus, self.pairs)):
            places.setdefault((corpus, frozenset(pair) if calls else None), []).append(place)
        for (corpus, pair), found in places.items():
            if calls:
                rng = np.random.default_rng(TRAFFIC_SEED)
                heard = rng.permutation(sorted(set(self.speakers[corpus]) - pair))[:people]
                numbers = rng.permutation(np.flatnonzero(np.isin(self.speakers[corpus], heard)))[:calls]
                yield np.array(found), [(corpus, numbers)]
            else:
                yield np.array(found), [(other, slice(None)) for other in self.corpora if other != corpus]

    def heard(self, band, where):
        """Unit embeddings of the clips that `groups` named."""
        import numpy as np

        return np.concatenate([self.arrays[band, corpus][numbers] for corpus, numbers in where])


def cosine(tenants, rows, bands):
    import numpy as np

    return np.einsum("ij,ij->i", *tenants.sides(rows, bands))


def centred(tenants, bands, calls, people=None):
    """The mean of what came through the same channel is taken from either side."""
    import numpy as np
    from reference.scoring import unit

    sides, out = tenants.sides(tenants.rows, bands), np.empty(len(tenants.trials))
    for places, where in tenants.groups(calls, people):
        means = [tenants.heard(band, where).mean(axis=0) for band in bands]
        one, other = (unit(side[places] - mean) for side, mean in zip(sides, means))
        out[places] = np.einsum("ij,ij->i", one, other)
    return out


def s_norm(tenants, bands, calls):
    """Adaptive: each side's cosines with the nearest of a cohort, which came through the other side's channel."""
    import numpy as np

    plain, sides = cosine(tenants, tenants.rows, bands), tenants.sides(tenants.rows, bands)
    out = np.zeros(len(plain))
    for places, where in tenants.groups(calls, None):
        for side, band in zip(sides, reversed(bands)):
            nearest = np.sort(side[places] @ tenants.heard(band, where).T, axis=1)[:, -NEAREST:]
            out[places] += (plain[places] - nearest.mean(axis=1)) / nearest.std(axis=1) / 2
    return out


def methods(tenants):
    """(name, what it costs, band -> clip -> the embeddings it needs, function(bands) -> scores)"""
    import extras

    times, ours = json.loads(extras.COSTS.read_text()), tenants.rows
    one_mean = "192 numbers a tenant and channel; two subtractions a decision"
    yield "as it is", "", ours, lambda bands: cosine(tenants, ours, bands)
    for calls in CALLS:
        yield f"own mean of {calls} calls", one_mean, ours, lambda bands, calls=calls: centred(tenants, bands, calls)
    yield f"own mean of {CALLS[1]} calls of {FEW_PEOPLE} people", one_mean, ours, lambda bands: centred(tenants, bands, CALLS[1], FEW_PEOPLE)
    yield "foreign mean", one_mean, ours, lambda bands: centred(tenants, bands, None)
    own_cohort = f"{COHORT} callers' templates kept; {2 * COHORT} cosines a decision"
    yield f"s-norm, {COHORT} own calls", own_cohort, ours, lambda bands: s_norm(tenants, bands, COHORT)
    foreign_cohort = "hundreds of templates shipped; as many cosines twice a decision"
    yield "s-norm, foreign cohort", foreign_cohort, ours, lambda bands: s_norm(tenants, bands, None)
    if extras.is_measured(extras.WINDOWS):
        windows = tenants.extra(extras.WINDOWS)
        yield extras.WINDOWS, f"{times[extras.WINDOWS]:.1f} times the network's time", windows, lambda bands: cosine(tenants, windows, bands)
    if extras.is_measured(extras.SECOND):
        second = tenants.extra(extras.SECOND)
        yield "ECAPA alone", f"{times[extras.SECOND]:.1f} times the network's time (PyTorch)", second, lambda bands: cosine(tenants, second, bands)
        both = lambda bands: (cosine(tenants, ours, bands) + cosine(tenants, second, bands)) / 2
        yield "mean of both networks' cosines", f"{1 + times[extras.SECOND]:.1f} times the network's time, 83 MB of weights more", second, both


def judged(tenants, name, cost, condition, scores, base):
    """One row of the result; `base`: replicates of what is compared with, by condition."""
    import numpy as np
    from reference.measures import CALIBRATED, FIGURES, Scores, calibrated_by_others, interval

    llr = calibrated_by_others(scores, tenants.targets, tenants.corpus)
    one, other = (np.array(side) for side in zip(*tenants.pairs))
    found = Scores(scores, tenants.targets, one, other, llr)
    replicates = found.replicates()
    first = base.setdefault(condition, replicates)
    row = {"condition": condition, "method": name, "cost": cost, "all": {}, "corpora": {}}
    for place, (figure, value) in enumerate(zip(FIGURES + CALIBRATED, found.all())):
        change = interval(replicates[:, place] - first[:, place])
        row["all"][figure] = {"value": round(float(value), 5), "change": [round(end, 5) for end in change]}
    for corpus in tenants.corpora:
        here = tenants.corpus == corpus
        figures = Scores(scores[here], tenants.targets[here], one[here], other[here], llr[here]).all()
        row["corpora"][corpus] = {figure: round(float(value), 5) for figure, value in zip(FIGURES + CALIBRATED, figures)}
    return row


def table(rows, condition):
    heads = ["method", "EER %", "minDCF(0.01)", "FRR % at FAR 1 %", "at 0.1 %", "min Cllr", "Cllr", "change of EER", "change of min Cllr", "cost"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in rows:
        if row["condition"] == condition:
            shown = {name: f"{figure['value']:.{DIGITS[name]}f}" for name, figure in row["all"].items()}
            cells = [row["method"]] + [shown[name] for name in ("eer", "min_dcf", "frr_at_far_1", "frr_at_far_01", "min_cllr", "cllr")]
            cells += [" to ".join(f"{end:+.{DIGITS[name]}f}" for end in row["all"][name]["change"]) for name in ("eer", "min_cllr")]
            lines.append("| " + " | ".join([*cells, row["cost"]]) + " |")
    return "\n".join(lines)


def corpus_table(rows, condition):
    corpora = list(rows[0]["corpora"])
    lines = ["| method | " + " | ".join(corpora) + " |", "|---" * (1 + len(corpora)) + "|"]
    for row in rows:
        if row["condition"] == condition:
            cells = [f"{row['corpora'][corpus]['eer']:.2f} / {row['corpora'][corpus]['min_cllr']:.3f} / {row['corpora'][corpus]['cllr']:.3f}" for corpus in corpora]
            lines.append(f"| {row['method']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_page(rows, replicates):
    """Rows of methods that `extras.py` has not embedded are missing, and the page says so."""
    import extras

    text = TEMPLATE.read_text(encoding="utf-8")
    for condition in CONDITIONS:
        text = text.replace("{{" + condition + "}}", table(rows, condition))
        text = text.replace("{{" + condition + ", by corpus}}", corpus_table(rows, condition))
    missing = [way for way in (extras.WINDOWS, extras.SECOND) if not extras.is_measured(way)]
    note = f"**Not measured yet**, for `extras.py` has not run to its end: {', '.join(missing)}." if missing else ""
    PAGE.write_text(text.replace("{{missing}}", note).replace("{{replicates}}", str(replicates)).rstrip() + "\n", encoding="utf-8")


def main():
    prepare.need_data(prepare.DATA, ["trials_dev.csv"])
    prepare.enter_environment()
    from reference.measures import REPLICATES

    tenants, rows, base = Tenants(), [], {}
    for name, cost, needed, method in methods(tenants):
        for condition, bands in tenants.compared(needed).items():
            rows.append(judged(tenants, name, cost, condition, method(bands), base))
            shown = {figure: f"{found['value']:.{DIGITS[figure]}f}" for figure, found in rows[-1]["all"].items()}
            print(f"{condition}, {name}: {shown}", flush=True)
    body = ",\n  ".join(json.dumps(row) for row in rows)
    RESULT.write_text(f'{{"network": "{NETWORK}", "replicates": {REPLICATES},\n "rows": [\n  {body}\n ]\n}}\n')
    write_page(rows, REPLICATES)


if __name__ == "__main__":
    main()
