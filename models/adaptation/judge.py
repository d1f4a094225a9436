"""Is the adapted network better where it has not learnt? Writes figures.json, from which card.py makes the card.

    python3 judge.py        in any Python: it goes on in the private one of `make eval`; 6 minutes, embeddings are cached

Each corpus is judged with a network that was trained without it, the published network beside it, then the final one; calls by
telephone and wide-band recordings. The final delta has learnt from speechocean762 only, so the two others judge it as it is.
"""

import hashlib
import json
import sys

import paths

sys.path[:0] = [str(paths.REPOSITORY / "benches" / "eval"), str(paths.MODELS / "study")]
import prepare  # noqa: E402

BANDS = ("telephone", "wide band")
CHAIN = "41 taps, beta 5, + noise at -65 dB"
LEFT_OUT = {"speechocean762": "speechocean762", "arabic_commands": "final", "asterisk": "final"}
RIDGE = 1.0  # penalty of the map's distance to identity, in mean eigenvalues


class Judge:
    def __init__(self):
        import front_end
        import soundfile
        from reference import scoring
        from reference.chain import MARGINS, speech_frames
        from reference.runtime import log_mel

        self.study, self.scoring, self.front_end = front_end.Study(prepare.DATA, narrow=False), scoring, front_end
        self.clips, self.rows = self.study.clips, {band: [] for band in BANDS}
        for path, speech in zip(self.clips, self.study.speech):
            heard = (front_end.raise_to_16k(self.study.pcm[path], CHAIN), soundfile.read(prepare.DATA / path)[0])
            for band, samples in zip(BANDS, heard):
                features = log_mel(samples)
                self.rows[band].append(features[speech_frames(speech, len(features), MARGINS)])

    def of_corpus(self, corpus):
        return [index for index, path in enumerate(self.clips) if path.split("/")[1] == corpus]

    def embeddings(self, model, band, corpus):
        """Clip -> embedding of one corpus."""
        import numpy as np
        from reference.runtime import Embedder

        chosen = self.of_corpus(corpus)
        identity = hashlib.sha256(model.read_bytes()).hexdigest()[:16]
        cache = paths.CACHE / "embeddings" / f"{identity}-{band.replace(' ', '-')}-{corpus}.npy"
        if not cache.exists():
            print(f"  {model.stem}, {band}, {corpus}", file=sys.stderr, flush=True)
            embed = Embedder(model)
            cache.parent.mkdir(parents=True, exist_ok=True)
            np.save(cache, np.array([embed(self.rows[band][index]) for index in chosen]))
        return dict(zip((self.clips[index] for index in chosen), np.load(cache)))

    def figures(self, embeddings, corpus):
        """EER % and min Cllr on the trial list and over all pairs."""
        import numpy as np

        trials = [trial for trial in self.study.trials if trial.source == corpus]
        targets = np.array([trial.target for trial in trials])
        listed = self.front_end.measured(self.scoring.cosines(trials, embeddings), targets)
        pairs = self.front_end.measured(*self.front_end.all_pairs(corpus, embeddings))
        return {"list": [listed[0], listed[2]], "pairs": [pairs[0], pairs[2]]}


    def one_calibration(self, embeddings):
        """Cllr of all corpora under one calibration, each weighing the same, and of each under one fitted without it."""
        import calibrate
        import numpy as np

        trials = self.study.trials
        targets, weight = np.array([trial.target for trial in trials]), calibrate.weights(trials)
        cosines = self.scoring.cosines(trials, embeddings)
        scale, offset = calibrate.fit_logistic(cosines, targets, weight)
        sources = np.array([trial.source for trial in trials])
        parts = [calibrate.cllr(scale * cosines[sources == corpus] + offset, targets[sources == corpus]) for corpus in LEFT_OUT]
        return {"all": float(np.mean(parts)), **calibrate.left_out(trials, cosines, targets, weight)}


def mapped(source, wanted, embeddings):
    """`embeddings` through the linear map towards identity that takes unit rows of `source` to those of `wanted`."""
    import numpy as np
    from reference.scoring import unit

    both = [path for path in source if source[path].any() and wanted[path].any()]
    x, y = (unit(np.array([rows[path] for path in both], dtype=float)) for rows in (source, wanted))
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    gram = (x - mean_x).T @ (x - mean_x)
    pull = RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    matrix = np.linalg.solve(gram + pull, (x - mean_x).T @ (y - mean_y) + pull)
    return {path: (unit(row.astype(float)) - mean_x) @ matrix + mean_y for path, row in embeddings.items()}


def main():
    prepare.need_data(prepare.DATA, ["trials_dev.csv"])
    prepare.enter_environment()
    import original

    judge = Judge()
    published, final = original.onnx_file(), paths.RUNS / "final.onnx"
    out = {"model_sha224": hashlib.sha224(final.read_bytes()).hexdigest(), "delta_bytes": paths.DELTA.stat().st_size, "rows": []}
    calls = {}
    for corpus, fold in LEFT_OUT.items():
        for band in BANDS:
            heard = {
                "published": judge.embeddings(published, band, corpus),
                "left out": judge.embeddings(paths.RUNS / f"{fold}.onnx", band, corpus),
                "final": judge.embeddings(final, band, corpus),
            }
            if band == "telephone":
                others = [other for other in LEFT_OUT if other not in (corpus, "asterisk")]
                pairs = [{}, {}]
                for other in others:
                    for rows, of_band in zip(pairs, BANDS):
                        rows.update(judge.embeddings(published, of_band, other))
                heard["map"] = mapped(*pairs, heard["published"])
            for network, embeddings in heard.items():
                if band == "telephone":
                    calls.setdefault(network, {}).update(embeddings)
                figures = judge.figures(embeddings, corpus)
                out["rows"].append({"corpus": corpus, "band": band, "network": network, **figures})
                print(f"{corpus:16} {band:10} {network:10} list {figures['list'][0]:5.2f} / {figures['list'][1]:.3f}"
                      f"   pairs {figures['pairs'][0]:5.2f} / {figures['pairs'][1]:.3f}", flush=True)
    out["one_calibration"] = {
        network: {name: round(value, 4) for name, value in judge.one_calibration(embeddings).items()} for network, embeddings in calls.items()
    }
    for row in out["rows"]:
        for kind in ("list", "pairs"):
            row[kind] = [round(figure, 6) for figure in row[kind]]
    rows = ",\n  ".join(json.dumps(row) for row in out.pop("rows"))
    head = json.dumps(out, indent=1)[:-2]
    paths.FIGURES.write_text(f'{head},\n "rows": [\n  {rows}\n ]\n}}\n')


if __name__ == "__main__":
    main()
