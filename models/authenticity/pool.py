"""Renders the training material once for all networks: clips of one speaker joined, and all their twins, through one random telephone.

    python pool.py        what is new in the cache is added; it can be stopped at any time

A unit is a file of .cache/pool/PASS/: int16 samples that arrived, by system, and where the speaker speaks. Each pass joins other
clips and draws other lines, from nearly plain G.711 (pass 0) to rough.
"""

import dataclasses
import functools
import hashlib
import sys

import numpy as np

import bank
import data
import paths
import work
from line import Line

FOLDER = paths.CACHE / "pool"
PASSES = ((0.0, 0.1), (0.1, 0.5), (0.4, 1.0))  # strength of the line, drawn between
UNIT_SECONDS = 3.6  # of net speech; a window needs 3
SHORTEST = 2.0  # units with less speech are left out
MOST_SECONDS = 9.0  # of signal


@dataclasses.dataclass
class Unit:
    """Clips of one speaker that are joined: whole clips, or the excerpts of which there are neural twins."""

    corpus: str
    speaker: str
    clips: list

    def systems(self, number):
        """The genuine signal and one twin of each family, in each pass another."""
        families = {}
        for system in sorted(set.intersection(*(set(clip.signals) for clip in self.clips)) - set(bank.JUDGED_ONLY)):
            own = system in ("genuine", "spoof")
            families.setdefault(system if own else bank.family_of(system), []).append(system)
        return [systems[data.seed(self.name(), number, family) % len(systems)] for family, systems in families.items()]

    def name(self):
        parts = [self.corpus, self.speaker, *(f"{clip.name}:{len(clip.mask)}" for clip in self.clips)]
        return f"{self.corpus}~{self.speaker}~{hashlib.sha256('/'.join(parts).encode()).hexdigest()[:12]}"


def units_of(clips, number):
    """Each clip is in one unit of a pass; its excerpt, if it has one, in another."""
    speakers = {}
    for clip in clips:
        if bank.held_out(clip):
            continue
        speakers.setdefault((clip.corpus, clip.speaker, "whole"), []).append(clip)
        if part := clip.excerpt():
            speakers.setdefault((clip.corpus, clip.speaker, "excerpts"), []).append(part)
    for (corpus, speaker, kind), own in sorted(speakers.items()):
        rng = np.random.default_rng(data.seed(corpus, speaker, kind, number))
        own = [own[i] for i in rng.permutation(len(own))]
        while own:
            taken = bank.until(own, UNIT_SECONDS)
            own = own[len(taken) :]
            if sum(clip.mask.sum() for clip in taken) < SHORTEST * data.RATE:
                continue
            yield Unit(corpus, speaker, taken)


def render(unit, number, babble):
    """{system: int16 samples, "mask"} of a unit."""
    systems = unit.systems(number)
    _, mask = bank.joined(unit.clips, systems[0])
    wanted = min(len(mask), int(MOST_SECONDS * data.RATE))
    rng = np.random.default_rng(data.seed(unit.name(), number))
    line = Line(rng, wanted, rng.uniform(*PASSES[number]), babble)
    signals = {system: line.carry(bank.joined(unit.clips, system)[0][:wanted]) for system in systems}
    return signals | {"mask": np.packbits(mask[:wanted])}


def complete(path, systems):
    """Whether a file holds all of these."""
    if not path.exists():
        return False
    with np.load(path) as stored:
        return not set(systems) - set(stored.files)


def main(numbers):
    clips = bank.load()
    genuine = [clip for clip in clips if "genuine" in clip.signals]
    babble = lambda rng: genuine[rng.integers(len(genuine))].signals["genuine"] / 32768.0
    for number in numbers:
        folder = FOLDER / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        units = {}
        for unit in units_of(clips, number):  # excerpts come first: of a clip that is its own excerpt there are more twins
            units.setdefault(folder / f"{unit.name()}.npz", unit)
        # Clips that came since are joined otherwise: the old units would let others be heard twice.
        for path in set(folder.glob("*.npz")) - set(units):
            path.unlink()
        todo = [(path, functools.partial(render, unit, number, babble)) for path, unit in units.items() if not complete(path, unit.systems(number))]
        work.do(f"pool, pass {number}", todo, of=len(units))


if __name__ == "__main__":
    main([int(name) for name in sys.argv[1:]] or range(len(PASSES)))
