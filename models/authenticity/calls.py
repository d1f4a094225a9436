"""The evaluation's calls: clips of one speaker joined to as much as 10 s of net speech, over lines of several codecs.

    python calls.py [CONDITION ...]      renders them once into the cache, with the speech the engine would select

Of the first calls of each genuine corpus there are copies by every vocoder: paired sets, in which synthesis is the only difference.
"""

import dataclasses
import functools
import random
import sys

import numpy as np

import bank
import data
import line
import paths
import speech
import work

NET_SECONDS, LEAST_SECONDS = 10.0, 5.0
MOST_SECONDS = 20.0  # of signal
FOLDER = paths.CACHE / "calls"
# Plain G.711; one of the other codecs; everything at once.
CONDITIONS = ("g711", "codec")
ROUGH_STRENGTH = (0.5, 1.0)
GENUINE_CALLS, PAIRED_CALLS = 120, 16  # of one corpus
TTS_CALLS, ESPEAK_CALLS = 10, 40  # of one system


@dataclasses.dataclass
class Call:
    """One call; `system` is "genuine", a vocoder or a text-to-speech system; `excerpt`: of clips with neural twins."""

    corpus: str
    speaker: str
    system: str
    clips: list
    paired: bool = False
    excerpt: bool = False

    @property
    def key(self):
        return "/".join([self.corpus, self.speaker, self.system, self.clips[0].name + ("x" if self.excerpt else "")])

    @property
    def signal_name(self):
        return "spoof" if self.corpus.startswith("tts_") else self.system


def _groups(clips):
    """Clips in a row with enough speech, every clip used once."""
    groups = []
    while clips:
        group = bank.until(clips, NET_SECONDS)
        clips = clips[len(group) :]
        if sum(clip.mask.sum() for clip in group) >= LEAST_SECONDS * data.RATE:
            groups.append(group)
    return groups


def _rounds(per_speaker, limit, seed):
    """At most `limit` groups, taking every speaker once before any speaker twice."""
    rng = random.Random(seed)
    for groups in per_speaker.values():
        rng.shuffle(groups)
    speakers = sorted(per_speaker)
    rng.shuffle(speakers)
    deepest = max((len(groups) for groups in per_speaker.values()), default=0)
    ordered = [(s, per_speaker[s][i]) for i in range(deepest) for s in speakers if i < len(per_speaker[s])]
    return ordered[:limit]


def _of(corpus, clips, seed, limit, paired, excerpt):
    """Genuine calls of a corpus, and copies of the first of them by every system that all their clips have."""
    speakers = {}
    for clip in clips:
        speakers.setdefault(clip.speaker, []).append(clip)
    chosen = _rounds({speaker: _groups(own) for speaker, own in speakers.items()}, limit, seed)
    for number, (speaker, group) in enumerate(chosen):
        systems = sorted(set.intersection(*(set(clip.signals) for clip in group)))
        if excerpt:
            systems = [system for system in systems if system == "genuine" or bank.family_of(system) in bank.NEURAL_FAMILIES]
        for system in systems if number < paired else ["genuine"]:
            yield Call(corpus, speaker, system, group, number < paired, excerpt)


def select(clips):
    """All calls of the evaluation, the same ones for the same cache."""
    calls, spoken = [], {}
    for corpus in (*bank.CORPORA, *bank.ODD_CORPORA):
        own = [clip for clip in clips if clip.corpus == corpus]
        calls += _of(corpus, own, corpus, GENUINE_CALLS, PAIRED_CALLS, False)
        parts = [part for clip in own if (part := clip.excerpt())]
        calls += _of(corpus, parts, corpus + "x", PAIRED_CALLS, PAIRED_CALLS, True)
    for clip in clips:
        if clip.corpus.startswith("tts_") and bank.held_out(clip):
            spoken.setdefault((clip.corpus, bank.tts_system(clip)), {}).setdefault(clip.speaker, []).append(clip)
    for (corpus, system), speakers in sorted(spoken.items()):
        limit = ESPEAK_CALLS if system == "espeak" else TTS_CALLS
        groups = {speaker: _groups(own) for speaker, own in speakers.items()}
        calls += [Call(corpus, s, system, g) for s, g in _rounds(groups, limit, system)]
    return calls


def render(call, condition):
    """(codec by name, int16 samples that arrive). A genuine call and its copies go through the same line."""
    samples, _ = bank.joined(call.clips, call.signal_name)
    samples = samples[: int(MOST_SECONDS * data.RATE)]
    rng = np.random.default_rng(data.seed(call.corpus, call.speaker, call.clips[0].name, call.excerpt, condition))
    if condition == "rough":
        drawn = line.Line(rng, len(samples), rng.uniform(*ROUGH_STRENGTH))
        return "+".join([*drawn.codecs, drawn.law or "no G.711"]), drawn.carry(samples)
    codec = rng.choice(["mu", "a"] if condition == "g711" else list(line.CODECS))
    return codec, line.through(samples, codec, rng, level=10 ** (rng.uniform(-30, -18) / 20))


def arrived(call, condition):
    """What is kept of a call: samples, the speech the engine would select, codec."""
    codec, samples = render(call, condition)
    return {"samples": samples, "mask": np.packbits(speech.speech_mask(samples / 32768)), "codec": codec, "paired": call.paired}


def file_of(call, condition):
    return FOLDER / condition / (call.key.replace("/", "~") + ".npz")


def main(conditions):
    calls = select(bank.load())
    wanted = {file_of(call, condition) for call in calls for condition in CONDITIONS}
    for path in FOLDER.glob("*/*.npz"):
        if path not in wanted:  # of a cache that held other clips
            path.unlink()
    todo = [(call, condition) for condition in conditions for call in calls if not file_of(call, condition).exists()]
    work.do(f"calls under {len(conditions)} conditions", [(file_of(*each), functools.partial(arrived, *each)) for each in todo], of=len(calls) * len(conditions))


if __name__ == "__main__":
    main(sys.argv[1:] or CONDITIONS)
