"""Writes CARD.md: the words are here, every figure comes from the score tables and the cache.

    python card.py
"""

import collections
import csv
import json

import numpy as np

import aasist
import bank
import calibrate
import data
import folds
import fresh
import frontend
import measures
import network
import paths
import train

FILE = paths.HERE / "CARD.md"


def percent(value):
    return f"{100 * value:.1f} %"


def rate(errors, trials):
    low, high = measures.wilson(errors, trials)
    return f"{percent(errors / max(trials, 1))} ({errors}/{trials}; {100 * low:.1f}–{100 * high:.1f})"


def table(header, lines):
    return "\n".join(["| " + " | ".join(header) + " |", "|" + "---|" * len(header), *("| " + " | ".join(line) + " |" for line in lines)])


class Figures:
    """The score table with log-likelihood ratios and AASIST's scores beside."""

    def __init__(self):
        self.model = json.loads(calibrate.FILE.read_text())
        published = np.load(aasist.SCORES) if aasist.SCORES.exists() else {}
        self.rows = list(calibrate.aligned())
        for row in self.rows:
            row["llr"] = self.model["scale"] * row["logit"] + self.model["offset"]
            row["trust"] = float(measures.authenticity(row["llr"], calibrate.ATTACK_RATE))
            key = "/".join([row["corpus"], row["speaker"], row["system"], row["name"]])
            row["aasist"] = float(published[key]) if row["condition"] == "telephone" and key in published else None

    def pick(self, **wanted):
        """Rows whose columns equal what is asked; a tuple means any of these."""
        fits = lambda row: all(row[k] in v if isinstance(v, tuple) else row[k] == v for k, v in wanted.items())
        return [row for row in self.rows if fits(row)]


def refused(rows):
    return sum(row["trust"] < calibrate.THRESHOLD for row in rows), len(rows)


def missed(rows):
    return sum(row["trust"] >= calibrate.THRESHOLD for row in rows), len(rows)


def eer_of(genuine, spoof, column="logit"):
    values = lambda rows: [row[column] for row in rows if row[column] is not None]
    result = measures.eer(values(genuine), values(spoof))
    return "–" if np.isnan(result) else percent(result)


def genuine_table(f):
    lines = []
    for corpus in bank.CORPORA:
        plain = f.pick(fold=corpus, kind="genuine", condition="telephone")
        rough = f.pick(fold=corpus, kind="genuine", condition="rough")
        unseen, known = (f.pick(fold=corpus, kind=k, condition="telephone") for k in ("unseen", "known"))
        lines.append([
            corpus, rate(*refused(plain)), rate(*refused(rough)), eer_of(plain, unseen), eer_of(plain, known),
            eer_of(plain, unseen, "aasist"), eer_of(plain, known, "aasist"), f"{np.median([r['logit'] for r in plain]):+.2f}",
        ])  # fmt: skip
    head = ["genuine corpus left out", "refused at 0.8, telephone", "refused, rough line", "EER, unseen systems", "EER, known systems",
            "AASIST EER, the same unseen", "AASIST EER, the same known", "median logit"]  # fmt: skip
    return table(head, lines)


def asterisk_table(f):
    lines = []
    for speaker in sorted({row["speaker"] for row in f.pick(fold="asterisk", kind="genuine")}):
        plain = f.pick(fold="asterisk", kind="genuine", condition="telephone", speaker=speaker)
        own = f.pick(fold="final", corpus="asterisk", system="genuine", condition="telephone", speaker=speaker)
        trust = f"{np.median([r['trust'] for r in own]):.3f}" if own else "–"
        lines.append([speaker, rate(*refused(plain)), rate(*refused(own)), trust])
    return table(["speaker of asterisk", "refused, corpus left out", "refused, final model", "median authenticity, final model"], lines)


def system_table(f, kind):
    lines = []
    systems = sorted({(bank.family_of(r["system"]), r["system"]) for r in f.rows if r["kind"] == kind and r["system"] != "genuine"})
    for family, system in systems:
        own = f.pick(kind=kind, system=system, condition="telephone")
        rough = f.pick(kind=kind, system=system, condition="rough")
        genuine = [r for fold in {r["fold"] for r in own} for r in f.pick(fold=fold, kind="genuine", condition="telephone")]
        lines.append([family, system, rate(*missed(own)), rate(*missed(rough)), eer_of(genuine, own), eer_of(genuine, own, "aasist")])
    return table(["family", "system", "missed at 0.8, telephone", "missed, rough line", "EER", "AASIST EER"], lines)


def final_table(f):
    lines = []
    for system in sorted({r["system"] for r in f.pick(fold="final", condition="telephone") if r["corpus"].startswith("tts_")}):
        own = f.pick(fold="final", system=system, condition="telephone")
        rough = f.pick(fold="final", system=system, condition="rough")
        trust = np.median([r["trust"] for r in own])
        lines.append([bank.family_of(system), system, rate(*missed(own)), rate(*missed(rough)), f"{trust:.3g}"])
    return table(["family", "system", "missed at 0.8, telephone", "missed, rough line", "median authenticity"], lines)


def fresh_table(f):
    with open(fresh.FILE) as file:
        rows = list(csv.DictReader(file))
    lines = []
    for voice in dict.fromkeys(row["voice"] for row in rows):
        logits = [float(row["logit"]) for row in rows if row["voice"] == voice]
        trust = [measures.authenticity(f.model["scale"] * x + f.model["offset"], calibrate.ATTACK_RATE) for x in logits]
        refusals = sum(value < calibrate.THRESHOLD for value in trust)
        lines.append([voice, f"{refusals} of {len(trust)}", f"{min(logits):+.2f} to {max(logits):+.2f}", f"{min(trust):.3f} to {max(trust):.3f}"])
    return table(["espeak-ng voice", "refused at 0.8", "logits", "authenticity"], lines)


def prior_table(f):
    genuine = [r for r in f.rows if r["fold"] != "final" and r["kind"] == "genuine" and r["condition"] == "telephone"]
    of = {kind: [r for r in f.rows if r["fold"] != "final" and r["kind"] == kind and r["condition"] == "telephone"] for kind in ("unseen", "known")}
    espeak = f.pick(fold="final", system="espeak", condition="telephone")
    lines = []
    for prior in (0.001, 0.01, 0.1, 0.5):
        limit = calibrate.refusal_llr(prior)
        share = lambda rows, below: percent(np.mean([(r["llr"] < limit) == below for r in rows]) if rows else float("nan"))
        worst = max(np.mean([r["llr"] < limit for r in genuine if r["corpus"] == corpus]) for corpus in bank.CORPORA)
        lines.append([percent(prior), f"{limit:+.2f}", share(genuine, True), percent(worst), share(of["unseen"], False),
                      share(of["known"], False), share(espeak, False)])  # fmt: skip
    head = ["assumed attacks", "refused below LLR", "genuine refused (left out)", "worst corpus", "unseen systems missed",
            "known systems missed (unseen corpus)", "espeak missed (final model)"]  # fmt: skip
    return table(head, lines)


def data_table():
    licences = collections.defaultdict(set)
    with open(paths.SHARED_DATA / "manifest.csv") as file:
        for row in csv.DictReader(file):
            licences[row["source"]].add(row["licence"])
    licences["kde"] = {"GPL-2+ (Debian ktuberling-data, klettres-data 22.12.3)"}
    clips, lines = bank.load(), []
    for corpus in bank.CORPORA:
        own = [clip for clip in clips if clip.corpus == corpus]
        speakers = len({clip.speaker for clip in own})
        net = sum(clip.mask.sum() for clip in own) / data.RATE / 60
        twins = sum(len(clip.signals) - 1 for clip in own)
        lines.append([corpus, str(len(own)), str(speakers), f"{net:.0f} min", str(twins), ", ".join(sorted(licences[corpus]))])
    genuine = table(["genuine corpus", "clips", "speakers", "net speech", "copy-synthesised twins", "licence"], lines)
    counts = collections.Counter((bank.family_of(bank.tts_system(c)), bank.held_out(c)) for c in clips if c.corpus.startswith("tts_"))
    families = sorted({family for family, _ in counts})
    spoken = table(["text to speech", "utterances trained on", "kept for testing"],
                   [[family, str(counts[family, False]), str(counts[family, True])] for family in families])  # fmt: skip
    twin_counts = collections.Counter(system for clip in clips for system in clip.signals if system not in ("genuine", "spoof"))
    copies = table(["copy synthesis", "family", "clips"], [[s, bank.family_of(s), str(n)] for s, n in sorted(twin_counts.items())])
    return genuine, copies, spoken


def fold_table():
    return table(["fold", "genuine corpus left out", "vocoder families left out", "text to speech left out"],
                 [[name, name, ", ".join(v["vocoders"]), ", ".join(v["tts"])] for name, v in folds.FOLDS.items()])  # fmt: skip


def evidence_line(f):
    table = [row for row in f.rows if row["fold"] != "final"]
    genuine, attacks = calibrate.evidence(table, f.model["scale"], f.model["offset"])
    claimed = np.exp(-calibrate.refusal_llr())
    return (f"Below the crossing lie {percent(genuine)} of the left-out genuine calls and {percent(attacks)} of the attacks of the mixture: a "
            f"measured ratio of {attacks / max(genuine, 1e-9):.0f} where the LLR at the crossing says {claimed:.0f}.")  # fmt: skip


def summary(f):
    genuine = {c: refused(f.pick(fold=c, kind="genuine", condition="telephone")) for c in bank.CORPORA}
    worst = max(genuine, key=lambda c: genuine[c][0] / genuine[c][1])
    share = lambda kind: np.mean([r["trust"] >= calibrate.THRESHOLD for r in f.pick(kind=kind, condition="telephone")])
    espeak = missed(f.pick(fold="final", system="espeak", condition="telephone"))
    return (f"of genuine calls of corpora it was not trained on it refuses {rate(*map(sum, zip(*genuine.values())))}, at worst "
            f"{percent(genuine[worst][0] / genuine[worst][1])} ({worst}); it misses {percent(share('known'))} of calls by synthesiser families it knows "
            f"and {percent(share('unseen'))} by families it does not; of espeak-ng with altered voices the final model misses {rate(*espeak)}.")  # fmt: skip


def main():
    f = Figures()
    genuine_data, copies, spoken = data_table()
    template = (paths.HERE / "CARD.template.md").read_text()
    values = {
        "version": f.model["version"], "date": f.model["date"], "sha224": f.model["sha224"],
        "parameters": str(sum(p.numel() for p in network.Countermeasure().parameters())),
        "bytes": str((paths.HERE / f.model["file"]).stat().st_size),
        "scale": str(f.model["scale"]), "offset": str(f.model["offset"]), "floor": str(frontend.FLOOR_BELOW_MEAN),
        "crossing": f"{(calibrate.refusal_llr() - f.model['offset']) / f.model['scale']:.2f}",
        "evidence": evidence_line(f), "summary": summary(f), "steps": str(train.steps_of("final")), "fold_steps": str(train.FOLD_STEPS), "sharpen": str(train.SHARPEN_STEPS),
        "genuine_data": genuine_data, "copies": copies, "spoken": spoken, "folds": fold_table(),
        "genuine": genuine_table(f), "asterisk": asterisk_table(f), "unseen": system_table(f, "unseen"),
        "known": system_table(f, "known"), "final": final_table(f), "prior": prior_table(f), "fresh": fresh_table(f),
    }  # fmt: skip
    for name, value in values.items():
        template = template.replace("{{" + name + "}}", value)
    FILE.write_text(template)
    print("CARD.md written")


if __name__ == "__main__":
    main()
