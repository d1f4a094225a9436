"""Is the adapted network better on speech it has not learnt from? Writes figures.json, from which card.py makes the card.

    python3 judge.py        in any Python: it goes on in the private one of `make eval`; embeddings are cached

Judges: the published network, alone and with the simplest remedies behind it, and the delta without and with its centre taken away. None
has learnt anything from the corpora of the list. By microphone, by telephone and across the two. Intervals by a bootstrap over speakers; the change against the published network is taken within
each replicate.
"""

import json
import sys

import paths

sys.path[:0] = [str(paths.REPOSITORY / "benches" / "eval")]
import prepare  # noqa: E402

PUBLISHED = "published"
# Network -> (is it the adapted one, what follows it)
NETWORKS = {
    PUBLISHED: (False, None),
    "published, centred": (False, "centred"),
    "published, rotation": (False, "rotation"),
    "published, map": (False, "towards_identity"),
    "delta, not centred": (True, "not_centred"),
    "delta": (True, None),
}


def enrolled(trials, rows):
    """Unit model of each trial: the mean of its enrolment clips' unit embeddings."""
    import numpy as np
    from reference.scoring import unit

    models = {trial.enrol: unit(np.mean([rows[path] for path in trial.enrol], axis=0)) for trial in trials}
    return np.array([models[trial.enrol] for trial in trials])


class Judge:
    def __init__(self):
        import conditions
        import numpy as np
        import original

        self.clips, self.published, self.centre = conditions.Clips(), original.onnx_file(), np.load(paths.CENTRE)

    def followed(self, rows, by):
        """Raw embeddings and what follows the network."""
        import linear_map

        if by == "centred":
            return rows - self.centre
        if by == "not_centred":
            return rows + self.centre
        return linear_map.Map(*linear_map.pairs(self.published), getattr(linear_map, by))(rows) if by else rows

    def embeddings(self, network, band):
        """Clip -> unit embedding, of all corpora."""
        import numpy as np
        from conditions import CORPORA
        from reference.scoring import unit

        adapted, by = NETWORKS[network]
        out = {}
        for corpus in CORPORA:
            found = self.clips.embeddings(paths.ADAPTED if adapted else self.published, band, corpus)
            rows = np.array(list(found.values()), dtype=float)
            silent = ~rows.any(axis=1)
            rows = self.followed(rows, by)
            rows[silent] = 0.0
            out.update(zip(found, unit(rows)))
        return out

    def spoken(self):
        """Clips with enough speech for a voice; the same by every network."""
        return {path for path, row in self.embeddings(PUBLISHED, "telephone").items() if row.any()}

    def scores(self, network, enrol_band, test_band, corpora):
        """Trials of the list; without speech on either side there is no score, and no error of a network's."""
        import numpy as np
        from reference.measures import Scores

        tests, spoken = self.embeddings(network, test_band), self.spoken()
        trials = [trial for trial in self.clips.trials if trial.source in corpora and trial.test in spoken and spoken & set(trial.enrol)]
        models = enrolled(trials, self.embeddings(network, enrol_band))
        cosines = np.einsum("ij,ij->i", models, np.array([tests[trial.test] for trial in trials]))
        name = lambda path: "/".join(path.split("/")[1:3])
        return Scores(cosines, np.array([trial.target for trial in trials]), [name(trial.enrol[0]) for trial in trials], [name(trial.test) for trial in trials])

    def pairs(self, network, enrol_band, test_band, corpus):
        """Every clip against every other of a corpus; in arabic_commands only pairs of different rounds, where the room helps nobody."""
        import numpy as np
        from reference.measures import Scores

        spoken = self.spoken()
        clips = [path for path in self.clips.of(corpus) if path in spoken]
        one, other = (
            np.array([rows[path] for path in clips])
            for rows in (self.embeddings(network, enrol_band), self.embeddings(network, test_band))
        )
        speakers = np.array(["/".join(path.split("/")[1:3]) for path in clips])
        rounds = np.array([path.split("/")[3].split("_")[0] if corpus == "arabic_commands" else path for path in clips])
        i, j = np.nonzero(rounds[:, None] != rounds[None, :])
        if enrol_band == test_band:
            i, j = i[i < j], j[i < j]
        return Scores((one @ other.T)[i, j], speakers[i] == speakers[j], speakers[i], speakers[j])


def row(judge, condition, network, corpora, published):
    """Figures and intervals of one network under one condition; `published`: replicates to subtract, by what is counted."""
    from reference.measures import FIGURES, interval

    name, enrol_band, test_band = condition
    kinds = {corpus: judge.scores(network, enrol_band, test_band, (corpus,)) for corpus in corpora}
    kinds["pooled"] = judge.scores(network, enrol_band, test_band, corpora)
    kinds.update({f"{corpus}, pairs": judge.pairs(network, enrol_band, test_band, corpus) for corpus in corpora})
    out = {"condition": name, "network": network}
    for kind, scores in kinds.items():
        out[kind] = {figure: round(float(value), 4) for figure, value in zip(FIGURES, scores.all())}
        if kind == "pooled":
            replicates = scores.replicates()
            base = published.setdefault((name, kind), replicates)
            for place, figure in enumerate(FIGURES):
                out[kind][f"{figure}_interval"] = [round(value, 4) for value in interval(replicates[:, place])]
                out[kind][f"{figure}_change"] = [round(value, 4) for value in interval(replicates[:, place] - base[:, place])]
    return out


def main():
    prepare.need_data(prepare.DATA, ["trials_dev.csv"])
    prepare.enter_environment()
    import conditions
    from reference.measures import REPLICATES

    judge, published, rows = Judge(), {}, []
    for condition in conditions.CONDITIONS:
        for network in NETWORKS:
            rows.append(row(judge, condition, network, conditions.CORPORA, published))
            pooled = rows[-1]["pooled"]
            merit = sum(rows[-1][f"{corpus}, pairs"]["eer"] for corpus in conditions.CORPORA) / len(conditions.CORPORA)
            print(f"{condition[0]:28} {network:22} pooled EER {pooled['eer']:5.2f} {pooled['eer_interval']}, minDCF {pooled['min_dcf']:.3f}, "
                  f"FRR at FAR 1 % {pooled['frr_at_far_1']:5.2f}; all pairs, mean EER {merit:.2f}; change {pooled['eer_change']}", flush=True)
    manifest = prepare.install.parse_toml((paths.MODELS / "manifest.toml").read_text(encoding="utf-8"))
    model = next(model for model in manifest["model"] if model["name"] == "campplus")
    head = {"model_sha224": model["sha224"], "delta_bytes": paths.DELTA.stat().st_size, "replicates": REPLICATES}
    body = ",\n  ".join(json.dumps(entry) for entry in rows)
    paths.FIGURES.write_text(f'{json.dumps(head, indent=1)[:-2]},\n "rows": [\n  {body}\n ]\n}}\n')


if __name__ == "__main__":
    main()
