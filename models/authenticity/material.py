"""Counts the material in the cache, and writes the counts down beside the scores: scores/material.json, which the card reads.

    python material.py
"""

import collections
import csv
import json

import bank
import data
import evaluation
import paths

FILE = evaluation.FOLDER / "material.json"


def count():
    """{table: rows}; the tables are those of the card."""
    licences = collections.defaultdict(set)
    with open(paths.SHARED_DATA / "manifest.csv") as file:
        for row in csv.DictReader(file):
            licences[row["source"]].add(row["licence"])
    clips, genuine = bank.load(), []
    for corpus in bank.CORPORA:
        own = [clip for clip in clips if clip.corpus == corpus]
        net = sum(clip.mask.sum() for clip in own) / data.RATE / 60
        twins = sum(len(clip.signals) - 1 + len(clip.excerpts) for clip in own)
        licence = ", ".join(sorted(licences[corpus])) or "see sources"
        genuine.append([corpus, len(own), len({clip.speaker for clip in own}), f"{net:.0f} min", twins, licence])
    copied = collections.Counter(s for clip in clips for s in (*clip.signals, *clip.excerpts) if s not in ("genuine", "spoof"))
    spoken = collections.Counter((bank.family_of(bank.tts_system(c)), bank.held_out(c)) for c in clips if c.corpus.startswith("tts_"))
    return {
        "genuine": genuine,
        "copies": [[system, bank.family_of(system), number] for system, number in sorted(copied.items())],
        "spoken": [[family, spoken[family, False], spoken[family, True]] for family in sorted({family for family, _ in spoken})],
    }


def main():
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(count(), indent=1, ensure_ascii=False) + "\n")
    print(f"{FILE.name} written")


if __name__ == "__main__":
    main()
