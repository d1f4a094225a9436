"""Where the speech comes from that the linear map learns from: clips of about six seconds at 16 kHz, one voice each.

Out: (corpus, voice, name, function() -> samples in [-1, 1]). Wide-band recordings only: what is 8 kHz already has nothing above 4 kHz
to learn from. None of it is in a trial list, so every corpus there judges the map.
"""

import random
import string

import numpy as np
import soundfile

import material
import paths
from material import RATE, at_16k

SHORTEST_CLIP, ENOUGH, LONGEST_PART = 4.0, 6.0, 10.0  # seconds
PART_RMS = 0.06

# Debian packages, all free in Debian's sense, and how their recordings are told apart: pattern, voice of a path, clips a voice at most.
# Voices that are a machine's, or sing, are left out.
PACKAGES = {
    "ktuberling-data": ("kde", "ktuberling/sounds/*/*.[ow]*", lambda path: f"ktuberling_{path.parent.name}", 8),
    "klettres-data": ("kde", "klettres/*/*/*.ogg", lambda path: f"klettres_{path.parent.parent.name}", 8),
    "tuxpaint-stamps-default": ("tuxpaint", "tuxpaint/stamps/**/*_desc_*.ogg", lambda path: path.stem.split("_desc_")[1], 24),
    "fillets-ng-data-cs": ("fillets", "games/fillets-ng/sound/**/cs/*.ogg", lambda path: f"cs_{fillets_role(path)}", 24),
    "fillets-ng-data-nl": ("fillets", "games/fillets-ng/sound/**/nl/*.ogg", lambda path: f"nl_{fillets_role(path)}", 24),
    "hedgewars-data": ("hedgewars", "games/hedgewars/Data/Sounds/voices/*/*.ogg", lambda path: path.parent.name, 10),
    "festvox-ru": ("festvox_ru", "festival/voices/russian/*/wav/*.wav", lambda path: "nsh", 24),
    "gcin-voice": ("gcin", "gcin-voice/ogg/*/*.ogg", lambda path: path.stem, 12),
}
NOT_VOICES = ("Robot", "Singer")
SIDE_ROLE_CLIPS = 4


def fillets_role(path):
    """The two fish speak in every level; everybody else belongs to one level."""
    first, *rest = path.stem.split("-")
    for fish in ("m", "v"):
        if fish in (first, *rest[:1]):
            return fish
    return f"{path.parent.parent.name}_{first.rstrip(string.digits)}"


def joined(files):
    """Recordings of one voice one after the other, each at the same level."""
    parts = [at_16k(path)[: int(LONGEST_PART * RATE)] for path in files]
    samples = np.concatenate([part * (PART_RMS / (np.sqrt(np.mean(part**2)) + 1e-9)) for part in parts])
    return samples * min(1, 0.95 / np.abs(samples).max())


def groups(files, most):
    """Neighbouring recordings joined until they last long enough; where there are too many groups, evenly spread ones."""
    found, group, seconds = [], [], 0.0
    for path, duration in files:
        group.append(path)
        seconds += min(duration, LONGEST_PART)
        if seconds >= ENOUGH:
            found.append(group)
            group, seconds = [], 0.0
    if seconds >= SHORTEST_CLIP:
        found.append(group)
    return found if len(found) <= most else [found[number * len(found) // most] for number in range(most)]


def package_clips():
    for package, (corpus, pattern, voice_of, most) in PACKAGES.items():
        voices = {}
        for path in sorted((paths.DEBS / package / "usr/share").glob(pattern)):
            voice = voice_of(path)
            if "@" in voice or voice in NOT_VOICES or path.suffix not in (".ogg", ".wav"):
                continue
            about = soundfile.info(path)
            if about.samplerate >= RATE:
                voices.setdefault(voice, []).append((path, about.duration))
        for voice, files in sorted(voices.items()):
            if corpus != "tuxpaint":  # whose neighbours are of one speaker
                random.Random(voice).shuffle(files)
            side_role = corpus == "fillets" and not voice.endswith(("_m", "_v"))
            for number, group in enumerate(groups(files, SIDE_ROLE_CLIPS if side_role else most)):
                yield corpus, voice, str(number), lambda group=group: joined(group)


def clips():
    """All of them: the packages' and the synthetic voices of the shared data, which are in no trial list."""
    yield from package_clips()
    yield from (clip for clip in material.shared_clips() if clip[0] == "tts")
