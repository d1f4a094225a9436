"""Where the speech comes from that is learnt from: clips of about six seconds at 16 kHz, one voice each.

Out: (corpus, voice, name, function() -> samples in [-1, 1]). Wide-band recordings only: what is 8 kHz already (the telephone
prompts) has nothing above 4 kHz to learn from.
"""

import csv
import hashlib
import random
import string

import numpy as np
import soundfile
from scipy import signal

import paths

RATE = 16000
SYNTHETIC, SYNTHETIC_CLIPS = "tts", 8  # corpus; a voice
SLOWER, FASTER = (0.84, 0.86, 0.88, 0.9, 0.92), (1.09, 1.12, 1.15, 1.18, 1.2)
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


def seed(*parts):
    """A number that depends on the parts only: the same clip always gets the same random choices."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:4], "little")


def at_16k(path):
    samples, rate = soundfile.read(path)
    if samples.ndim > 1:
        samples = samples.mean(axis=1)
    divisor = np.gcd(rate, RATE)
    return samples if rate == RATE else signal.resample_poly(samples, RATE // divisor, rate // divisor)


def synthetic_clips():
    """The wide-band ones of the shared data."""
    count = {}
    with open(paths.DATA / "manifest.csv", newline="") as stream:
        for row in csv.DictReader(stream):
            voice = row["speaker"]
            if row["label"] != "spoof" or int(row["orig_sr"]) < RATE or voice == "espeakng_en_gb_m5":  # the same audio as espeakng_en_gb
                continue
            count[voice] = count.get(voice, 0) + 1
            if count[voice] <= SYNTHETIC_CLIPS:
                path = paths.DATA / row["path"]
                yield SYNTHETIC, voice, path.stem, lambda path=path: at_16k(path)


def at_speed(samples, corpus, speaker, speed):
    """0 is the clip's own speed, 1 a slower and 2 a faster one, the same for all clips of a voice: another voice to the network."""
    if speed == 0:
        return samples
    choice = random.Random(f"{corpus}/{speaker}")
    slower, faster = choice.choice(SLOWER), choice.choice(FASTER)
    return signal.resample_poly(samples, 100, round(100 * (slower if speed == 1 else faster)))


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
    """All of them. None is in a trial list, so every corpus there judges what was learnt."""
    yield from synthetic_clips()
    yield from package_clips()
