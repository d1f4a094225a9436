"""Which x2 interpolator should raise a telephone call to 16 kHz before the speaker embedding?

In: the development trial list and clips (an optional folder `shared` beside the repository), the installed models.
Out: a table of errors by interpolator and source, and the choice with each corpus left out in turn (docs/front-end.md).

Chain under study: clip -> 8 kHz -> 16 bit -> G.711 mu-law and back -> x2 -> log-mel -> frames with speech -> CAM++ as
published (the delta of models/adaptation was trained for the chain that was chosen here).
One thread; about a minute per variant. Embeddings are cached in target/study, so a stopped run goes on where it was.
"""

import argparse
import hashlib
import json
import pathlib
import sys
import time

import numpy as np
import soundfile
from scipy import signal

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models"))
import install  # noqa: E402
from reference import g711, scoring, silero, tensors  # noqa: E402
from reference.measures import FIGURES, Scores  # noqa: E402
from reference.chain import MARGINS, Noise, half_band, interpolated, mirrored, speech_frames  # noqa: E402
from reference.runtime import Embedder, log_mel  # noqa: E402

INSTALLED = ROOT / "models" / "installed"
CACHE = ROOT / "target" / "study"
CORPORA = ("speechocean762", "arabic_commands", "asterisk")


# ---- interpolators: the FIR that follows the insertion of a zero after every sample; gain 2, odd length, linear phase


def image(lowpass, level_db):
    """`lowpass` with the mirrored image kept at `level_db`: the even phase stays, the odd one is scaled down."""
    gain = 10 ** (level_db / 20)
    taps = (1 - gain) * lowpass
    taps[len(taps) // 2] += gain
    return taps


def slope(at_4k_db, at_8k_db, numtaps=41, corner=3400):
    """Flat to `corner` Hz, `at_4k_db` at 4 kHz, from there a straight line in dB to `at_8k_db` at 8 kHz."""
    hertz = np.concatenate([[0, corner], np.linspace(4000, 8000, 33)])
    gain = np.concatenate([[1, 1], 10 ** (np.linspace(at_4k_db, at_8k_db, 33) / 20)])
    return 2 * signal.firwin2(numtaps, hertz / 8000, gain, window=("kaiser", 4.0))


STEEP = half_band(128, 10.0)

REFERENCE = "scipy default (41 taps, beta 5)"

INTERPOLATORS = {
    REFERENCE: half_band(20, 5.0),
    "steep (257 taps, beta 10)": STEEP,
    "zero-order hold": np.array([0.0, 1.0, 1.0]),
    "linear (3 taps)": np.array([0.5, 1.0, 0.5]),
    "11 taps, beta 5": half_band(5, 5.0),
    "81 taps, beta 5": half_band(40, 5.0),
    "steep + image at -12 dB": image(STEEP, -12),
    "steep + image at -30 dB": image(STEEP, -30),
    "slope from -12 to -40 dB": slope(-12, -40),
}
# Faint noise above 4 kHz: (filter, level, what the level is relative to). White noise n at 8 kHz, its spectrum mirrored
# to 4-8 kHz by alternating signs. For a half-band filter, whose even phase is a pure delay, this is one filter pass:
# even outputs take x + n, odd outputs filter x - n.
NOISES = {
    "257 taps, beta 10, + noise at -65 dB": (STEEP, -65, "full scale"),
    "129 taps, beta 8, + noise at -65 dB": (half_band(64, 8.0), -65, "full scale"),
    "41 taps, beta 5, + noise at -55 dB": (half_band(20, 5.0), -55, "full scale"),
    "41 taps, beta 5, + noise at -65 dB": (half_band(20, 5.0), -65, "full scale"),
    "41 taps, beta 5, + noise at -75 dB": (half_band(20, 5.0), -75, "full scale"),
    "31 taps, beta 5, + noise at -65 dB": (half_band(15, 5.0), -65, "full scale"),
    "23 taps, beta 5, + noise at -65 dB": (half_band(11, 5.0), -65, "full scale"),
    "11 taps, beta 5, + noise at -65 dB": (half_band(5, 5.0), -65, "full scale"),
    "257 taps + noise 20 dB under the sample": (STEEP, -20, "sample"),
    "257 taps + noise 20 dB under the slope": (STEEP, -20, "slope"),
}
FLOOR_DB = -80  # keeps silence off the log floor where the noise follows the signal
_NOISE = Noise()


def raise_to_16k(pcm, variant):
    """int16 at 8 kHz -> [-1, 1] at 16 kHz, delay removed."""
    x = pcm / 32768.0
    if variant in INTERPOLATORS:
        return interpolated(x, INTERPOLATORS[variant])
    taps, level, reference = NOISES[variant]
    white = _NOISE.first(len(x))
    noise = white * 10 ** (level / 20)
    if reference == "sample":
        noise = noise * np.abs(x)
    if reference == "slope":  # the loudness of the upper half of the band, which fricatives continue upwards
        noise = noise * np.abs(np.diff(x, prepend=0.0))
    if reference != "full scale":
        noise = noise + white * 10 ** (FLOOR_DB / 20)
    return interpolated(x, taps) + mirrored(noise, taps)


# ---- the rest of the chain


def telephone(clip, narrow):
    """16 kHz in [-1, 1] -> what arrives from a mu-law call, int16 at 8 kHz; `narrow`: through a 300-3400 Hz line first."""
    x = signal.resample_poly(clip, 1, 2)
    if narrow:
        x = signal.sosfiltfilt(signal.butter(4, [300, 3400], "bandpass", fs=8000, output="sos"), x)
    return g711.mu_law_decode(g711.mu_law_encode(np.clip(np.rint(x * 32768), -32768, 32767).astype(np.int16)))


class Study:
    def __init__(self, data, narrow):
        self.trials = scoring.read_trials(data / "trials_dev.csv")
        self.clips = scoring.clips_of(self.trials)
        self.line = "narrow line" if narrow else "telephone"
        CACHE.mkdir(parents=True, exist_ok=True)
        self.embed = Embedder(install.install_unadapted("campplus", CACHE, install.Progress(quiet=True)))
        print(f"reading {len(self.clips)} clips", flush=True)
        self.pcm = {path: telephone(soundfile.read(data / path)[0], narrow) for path in self.clips}
        weights = tensors.load((INSTALLED / "silero-vad.safetensors").read_bytes())
        self.speech = self.cached("speech", lambda: [
            silero.probabilities(weights, raise_to_16k(self.pcm[path], REFERENCE)).astype(np.float32)
            for path in self.clips
        ], ragged=True)

    def cached(self, name, compute, ragged=False):
        key = hashlib.sha256(f"{self.line}|{name}|{len(self.clips)}".encode()).hexdigest()[:16]
        path = CACHE / f"{key}.npz"
        if not path.exists():
            started = time.monotonic()
            rows = compute()
            np.savez(path, **{str(i): row for i, row in enumerate(rows)}) if ragged else np.savez(path, rows=np.array(rows))
            print(f"  {name}: {time.monotonic() - started:.0f} s", flush=True)
        with np.load(path) as stored:
            return [stored[str(i)] for i in range(len(self.clips))] if ragged else stored["rows"]

    def embeddings(self, variant, margins):
        """Every clip's embedding; `margins` None takes all frames, speech or not."""

        def compute():
            for path, speech in zip(self.clips, self.speech):
                features = log_mel(raise_to_16k(self.pcm[path], variant))
                keep = slice(None) if margins is None else speech_frames(speech, len(features), margins)
                yield self.embed(features[keep])

        taps = INTERPOLATORS[variant] if variant in INTERPOLATORS else NOISES[variant][0]
        name = f"{variant}|{hashlib.sha256(taps.tobytes()).hexdigest()[:8]}|{margins}"
        return dict(zip(self.clips, self.cached(name, lambda: list(compute()))))

    def figures(self, variant, margins=MARGINS):
        """Per corpus and group of the list (EER %, minDCF, min Cllr), and per corpus over all pairs of clips."""
        embeddings = self.embeddings(variant, margins)
        scores = scoring.cosines(self.trials, embeddings)
        targets = np.array([trial.target for trial in self.trials])
        groups = np.array([trial.group for trial in self.trials])
        out = {}
        for name in [*sorted(set(groups)), *CORPORA]:
            chosen = np.array([group.startswith(name) for group in groups])
            out[name] = measured(scores[chosen], targets[chosen])
        for corpus in CORPORA:
            out[f"{corpus}, all pairs"] = measured(*all_pairs(corpus, embeddings))
        return out


def measured(scores, targets):
    nobody = np.zeros(len(scores))  # speakers matter to intervals only
    found = dict(zip(FIGURES, Scores(scores, targets, nobody, nobody).all()))
    return found["eer"], found["min_dcf"], found["min_cllr"]


def all_pairs(corpus, embeddings):
    """Every clip against every other of the corpus, one clip on either side: a hundred times the list's trials.

    Pairs of one recording round are left out where there are rounds (arabic_commands): the room would help.
    """
    clips = [clip for clip in embeddings if clip.split("/")[1] == corpus]
    rows = scoring.unit(np.array([embeddings[clip] for clip in clips], dtype=np.float64))
    speakers = np.array([clip.split("/")[2] for clip in clips])
    rounds = np.array([clip.split("/")[3].split("_")[0] if corpus == "arabic_commands" else clip for clip in clips])
    i, j = np.triu_indices(len(clips), 1)
    other = rounds[i] != rounds[j]
    i, j = i[other], j[other]
    return (rows @ rows.T)[i, j], speakers[i] == speakers[j]


LIST_COLUMNS = (*CORPORA, "asterisk, same session", "asterisk, other session")
PAIR_COLUMNS = tuple(f"{corpus}, all pairs" for corpus in CORPORA)
def merit(figures, corpora=CORPORA):
    """What is minimised: the mean of the corpora's min Cllr over all pairs."""
    return float(np.mean([figures[f"{corpus}, all pairs"][2] for corpus in corpora]))


def print_table(rows):
    print(f"| {'EER % / min Cllr':40} | " + " | ".join((*LIST_COLUMNS, *PAIR_COLUMNS)) + " | merit |")
    print("|---" * (len(LIST_COLUMNS) + len(PAIR_COLUMNS) + 2) + "|")
    for name, figures in rows.items():
        cells = [f"{figures[column][0]:5.2f} / {figures[column][2]:.3f}" for column in (*LIST_COLUMNS, *PAIR_COLUMNS)]
        print(f"| {name:40} | " + " | ".join(cells) + f" | {merit(figures):.4f} |", flush=True)


def leave_one_out(rows):
    """For each corpus: the variant that is best on the two others, and what it then costs on the one left out."""
    for left_out in CORPORA:
        others = [corpus for corpus in CORPORA if corpus != left_out]
        ranking = sorted(rows, key=lambda name: merit(rows[name], others))
        column = f"{left_out}, all pairs"
        own, base = rows[ranking[0]][column], rows[REFERENCE][column]
        print(f"{left_out} left out: {ranking[0]}; there EER {own[0]:.2f} %, min Cllr {own[2]:.3f} (scipy default {base[0]:.2f} %, {base[2]:.3f}); "
              f"next: {'; '.join(ranking[1:3])}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared" / "data", help="folder with trials_dev.csv and clips/")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="only these variants (scipy default is always there)")
    parser.add_argument("--narrow", action="store_true", help="band-pass 300-3400 Hz before the codec, as an old line does")
    parser.add_argument("--margins", nargs="*", metavar="B,A", help="instead: compare all frames with these margins (steps before, after)")
    parser.add_argument("--taps", metavar="NAME", help="print the coefficients of one interpolator as JSON and stop")
    arguments = parser.parse_args()
    if arguments.taps:
        print(json.dumps([round(float(tap), 10) for tap in INTERPOLATORS[arguments.taps]]))
        return
    if not (arguments.data / "trials_dev.csv").exists():
        sys.exit(f"no trials_dev.csv in {arguments.data}: give the folder of the development data with --data")
    if not (INSTALLED / "silero-vad.safetensors").exists():
        sys.exit("the models are not installed: run `make models` first")

    study = Study(arguments.data, arguments.narrow)
    variants = list(arguments.only or [*INTERPOLATORS, *NOISES])
    variants = [REFERENCE, *(name for name in variants if name != REFERENCE)]
    if arguments.margins is not None:
        choices = [None, *(tuple(int(steps) for steps in margins.split(",")) for margins in arguments.margins)]
        rows = {f"{name.split(' (')[0]}, {margins or 'all frames'}": study.figures(name, margins) for name in variants for margins in choices}
        print_table(rows)
        return
    rows = {name: study.figures(name) for name in variants}
    print_table(rows)
    if len(rows) > 2:
        leave_one_out(rows)


if __name__ == "__main__":
    main()
