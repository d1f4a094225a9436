"""The cache read into memory: clips by corpus and speaker, each with its twins and speech mask."""

import dataclasses
import zlib

import numpy as np

import paths
import vocoders

CORPORA = ("speechocean762", "arabic_commands", "asterisk", "kde")


@dataclasses.dataclass
class Clip:
    """One recording: `signals` by system ("genuine" and its twins, or "spoof"), all of one length, and where speech is."""

    corpus: str
    speaker: str
    name: str
    signals: dict
    mask: np.ndarray


def load():
    """All clips of the cache."""
    clips = []
    for path in sorted(paths.ITEMS.glob("*/*/*.npz")):
        if path.name.endswith((".hifigan.npz", ".tmp.npz")):
            continue
        with np.load(path) as stored:
            signals = {name: stored[name] for name in stored.files if name != "mask"}
            length = len(next(iter(signals.values())))
            mask = np.unpackbits(stored["mask"])[:length].astype(bool)
        neural = path.with_suffix(".hifigan.npz")
        if neural.exists():
            with np.load(neural) as stored:
                signals["hifigan"] = stored["hifigan"]
        clips.append(Clip(path.parent.parent.name, path.parent.name, path.stem, signals, mask))
    return clips


def family_of(system):
    """world, lpc, … for twins; espeak, flite, … for text to speech."""
    return vocoders.VOCODERS[system][0] if system in vocoders.VOCODERS else system.split("_")[0]


def tts_system(clip):
    """espeak, flite_awb, … of a text-to-speech clip (its folder is system__voice)."""
    return clip.speaker.split("__")[0]


def held_out(clip):
    """A third of the synthetic utterances is never trained on: other texts, and for espeak other voices and variants."""
    if not clip.corpus.startswith("tts_"):
        return False
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
