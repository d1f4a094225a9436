"""Writes CARD.md: the words are in CARD.template.md, every figure comes from the tables in scores/, which training leaves.

    python card.py
"""

import json

import numpy as np

import bank
import branch
import calibrate
import evaluation
import export
import folds
import layers
import material
import paths
import plot
import pool
import sources
import tables
from tables import percent, table

FILE = paths.PRODUCTS / "CARD.md"


def data_tables():
    counted = json.loads(material.FILE.read_text())
    return {
        "genuine_data": table(["genuine corpus", "clips", "speakers", "net speech", "copies", "licence"], counted["genuine"]),
        "spoken": table(["text to speech", "utterances trained on", "kept for testing"], counted["spoken"]),
        "copies": table(["copy synthesis", "family", "clips"], counted["copies"]),
    }


def source_table():
    rows = [[row["package"], row["version"], row["registry"], row["licence"], row["taken"]] for row in sources.rows()]
    return table(["package", "version", "registry", "licence", "what was taken"], rows)


def fold_table():
    return table(["fold", "genuine corpora left out", "vocoder families left out", "text to speech left out"],
                 [[name, *(", ".join(parts[kind]) for kind in ("corpora", "vocoders", "tts"))] for name, parts in folds.FOLDS.items()])  # fmt: skip


def final_table(figures):
    """The final networks on utterances kept for testing."""
    lines = []
    rows = figures.rows.pick(fold="final", condition="g711").columns
    for family, system in sorted({(f, s) for f, s, c in zip(rows["family"], rows["system"], rows["corpus"]) if c.startswith("tts_")}):
        wanted = {"fold": "final", "system": system}
        lines.append([family, system, *(tables.rate_refused(figures, condition=c, **wanted) for c in ("g711", "codec")),
                      f"{np.median(figures.of(condition='g711', **wanted)):+.1f}"])  # fmt: skip
    return table(["family", "system", "caught at 0.8, G.711, %", "caught, other codecs, %", "median LLR"], lines)


def odd_table(figures):
    """Genuine speech that is not as callers speak, judged by the final network."""
    lines = [[corpus, *(tables.rate_refused(figures, fold="final", corpus=corpus, system="genuine", condition=c) for c in ("g711", "codec"))]
             for corpus in bank.ODD_CORPORA]  # fmt: skip
    return table(["corpus", "refused at 0.8, G.711, %", "refused, other codecs, %"], lines)


def percents(file, name, header, words):
    """A table of scores/ whose columns after the first `words` are shares."""
    if not (evaluation.FOLDER / file).exists():
        return {name: "(Not measured with this model.)"}
    lines = evaluation.read_figures(file)
    return {name: table(header, [[*line[:words], *(percent(float(value)) for value in line[words:])] for line in lines])}


def trial_tables():
    """What study.py, shortcuts.py and train.py have found."""
    rates = ["unseen, EER %", "known, EER %", "paired unseen, EER %"]
    return {
        **percents("study.csv", "study", ["changed", "variant", "vectors learnt from", *rates, "unseen, other codecs, EER %"], 3),
        **percents("shortcuts.csv", "shortcuts", ["both classes are alike in", *(f"{kind}, {where}, EER %" for kind in ("unseen", "known") for where in ("at home", "G.711", "other codecs"))], 1),
        **percents("curves.csv", "curves", ["run (fold.size.view.seed)", "step", "phase", *rates], 3),
    }  # fmt: skip


def in_short(figures):
    eer = lambda kind, condition: percent(tables.weighed_eer(figures, kind, evaluation.SECONDS, condition=condition))
    limit = evaluation.refusal_llr()
    genuine = figures.refused(limit)
    worst = max(genuine, key=genuine.get)
    caught = {kind: percent(figures.caught(kind, limit)) for kind in ("unseen", "known")}
    return (f"EER {eer('unseen', 'g711')} % on synthesisers and corpora it has never met, {eer('known', 'g711')} % on kinds of synthesiser it has met, of other corpora "
            f"and voices ({eer('unseen', 'codec')} % and {eer('known', 'codec')} % over AMR, GSM or Opus). At the default setting (threshold 0.8, assumed share of "
            f"attacks 1 %) it refuses {percent(np.mean(list(genuine.values())))} % of genuine calls of corpora that it was not trained on, at worst {percent(genuine[worst])} % "
            f"({worst}), and catches {caught['unseen']} % of synthetic calls of kinds it has not met, {caught['known']} % of those it has.")  # fmt: skip


def main():
    record = json.loads(calibrate.FILE.read_text())
    figures = tables.Figures()
    of = record["calibration"]
    values = {
        "version": record["version"], "date": record["date"], "sha224": record["sha224"], "speaker_model": record["speaker_model"],
        "parameters": layers.SIZE * branch.HIDDEN * len(branch.SEEDS) + 2 * branch.HIDDEN * len(branch.SEEDS) + 1,
        "bytes": export.FILE.stat().st_size, "size": layers.SIZE, "layers": ", ".join(f"`{name}`" for name in layers.LAYERS),
        "z": f"{of['scale']} · logit + ({of['offset']})", "traceless": of["traceless"], "most": f"{-np.log(of['traceless']):.2f}", "passes": len(pool.PASSES), "epochs": branch.EPOCHS, "seeds": len(branch.SEEDS),
        "hidden": branch.HIDDEN, "furthest": f"{branch.FURTHEST:g}", "in_short": in_short(figures),
        **data_tables(), "sources": source_table(), "folds": fold_table(), "final": final_table(figures), "odd": odd_table(figures),
        **trial_tables(), **tables.everything(figures),
    }  # fmt: skip
    text = (paths.HERE / "CARD.template.md").read_text()
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", str(value))
    if "{{" in text:
        raise ValueError(f"the template asks for what is not there: {text[text.index('{{') :][:60]}")
    FILE.write_text(text)
    *_, claimed, observed, shares = zip(*tables.reliability_points(figures))
    (paths.PRODUCTS / "reliability.svg").write_text(plot.reliability(claimed, observed, shares, "corpora and synthesisers left out, G.711, 5 s"))
    print("CARD.md and reliability.svg written")


if __name__ == "__main__":
    main()
