"""Which x2 interpolator should raise a telephone call to 16 kHz before the speaker embedding?

In: the development trial list and clips (an optional folder `shared` beside the repository), the installed models.
Out: a table of errors by interpolator and source, and the choice with each corpus left out in turn (docs/front-end.md).

Chain under study: clip -> 8 kHz -> 16 bit -> G.711 mu-law and back -> x2 -> log-mel -> frames with speech -> CAM++.
One thread; about a minute per variant. Embeddings are cached in target/study, so a stopped run goes on where it was.
"""

import argparse
import hashlib
import json
import pathlib
import sys
import time

import kaldi_native_fbank
import numpy as np
import onnxruntime
import soundfile
from scipy import signal

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models"))
from reference import g711, scoring, silero, tensors  # noqa: E402

INSTALLED = ROOT / "models" / "installed"
CACHE = ROOT / "target" / "study"
CORPORA = ("speechocean762", "arabic_commands", "asterisk")
HANGOVER = 3  # Silero steps of 32 ms that still count as speech after the last one that is


# ---- interpolators: the FIR that follows the insertion of a zero after every sample; gain 2, odd length, linear phase


def half_band(half_length, beta):
    """Kaiser-windowed sinc at a quarter of the new rate, as scipy.signal.resample_poly designs it."""
    return 2 * signal.firwin(2 * half_length + 1, 0.5, window=("kaiser", beta))


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

INTERPOLATORS = {
    "scipy default (41 taps, beta 5)": half_band(20, 5.0),
    "steep (257 taps, beta 10)": STEEP,
    "zero-order hold": np.array([0.0, 1.0, 1.0]),
    "linear (3 taps)": np.array([0.5, 1.0, 0.5]),
    "half-band 7 taps, beta 3": half_band(3, 3.0),
    "half-band 7 taps, beta 5": half_band(3, 5.0),
    "half-band 11 taps, beta 3": half_band(5, 3.0),
    "half-band 11 taps, beta 5": half_band(5, 5.0),
    "half-band 11 taps, beta 8": half_band(5, 8.0),
    "half-band 15 taps, beta 5": half_band(7, 5.0),
    "half-band 19 taps, beta 5": half_band(9, 5.0),
    "half-band 31 taps, beta 5": half_band(15, 5.0),
    "half-band 41 taps, beta 2": half_band(20, 2.0),
    "half-band 81 taps, beta 5": half_band(40, 5.0),
    "steep + image at -6 dB": image(STEEP, -6),
    "steep + image at -12 dB": image(STEEP, -12),
    "steep + image at -20 dB": image(STEEP, -20),
    "steep + image at -30 dB": image(STEEP, -30),
    "steep + image at -40 dB": image(STEEP, -40),
    "slope -6 to -30 dB": slope(-6, -30),
    "slope -6 to -50 dB": slope(-6, -50),
    "slope -12 to -40 dB": slope(-12, -40),
    "slope -20 to -40 dB": slope(-20, -40),
}
# Faint white noise above 4 kHz, dB relative to full scale, after the steep filter.
NOISES = {f"steep + noise at {level} dB": level for level in (-55, -65, -75)}


def raise_to_16k(pcm, variant):
    """int16 at 8 kHz -> [-1, 1] at 16 kHz, delay removed."""
    taps = INTERPOLATORS.get(variant, STEEP)
    centre = len(taps) // 2
    x = signal.upfirdn(taps, pcm / 32768.0, up=2)[centre : centre + 2 * len(pcm)]
    if variant in NOISES:
        noise = np.random.default_rng(1).normal(size=len(x)) * 10 ** (NOISES[variant] / 20)
        x = x + signal.fftconvolve(noise, signal.firwin(129, 0.5, pass_zero=False), mode="same")
    return x


# ---- the rest of the chain


def telephone(clip, narrow):
    """16 kHz in [-1, 1] -> what arrives from a mu-law call, int16 at 8 kHz; `narrow`: through a 300-3400 Hz line first."""
    x = signal.resample_poly(clip, 1, 2)
    if narrow:
        x = signal.sosfiltfilt(signal.butter(4, [300, 3400], "bandpass", fs=8000, output="sos"), x)
    return g711.mu_law_decode(g711.mu_law_encode(np.clip(np.rint(x * 32768), -32768, 32767).astype(np.int16)))


def log_mel(samples):
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.samp_freq = 16000
    options.mel_opts.num_bins = 80
    options.use_energy = False
    bank = kaldi_native_fbank.OnlineFbank(options)
    bank.accept_waveform(16000, samples.astype(np.float32))
    bank.input_finished()
    return np.array([bank.get_frame(i) for i in range(bank.num_frames_ready)], dtype=np.float32).reshape(-1, 80)


def speech_frames(probabilities, frames, hangover=HANGOVER):
    """Which frames have their centre in a step that is speech, or at most `hangover` steps after one."""
    speech = probabilities >= 0.5
    held = speech.copy()
    for late in range(1, hangover + 1):
        held[late:] |= speech[:-late]
    step = (160 * np.arange(frames) + 200) // silero.STEP
    return np.append(held, False)[np.minimum(step, len(held))]  # what follows the last whole step is not judged yet


class Embedder:
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(INSTALLED / "campplus.onnx", options, providers=["CPUExecutionProvider"])

    def __call__(self, features):
        if len(features) < 3:
            return np.zeros(192, dtype=np.float32)
        centred = features - features.mean(axis=0)
        return self.session.run(None, {"features": centred[None]})[0][0]


class Study:
    def __init__(self, data, narrow):
        self.trials = scoring.read_trials(data / "trials_dev.csv")
        self.clips = scoring.clips_of(self.trials)
        self.line = "narrow line" if narrow else "telephone"
        self.embed = Embedder()
        CACHE.mkdir(parents=True, exist_ok=True)
        print(f"reading {len(self.clips)} clips", flush=True)
        self.pcm = {path: telephone(soundfile.read(data / path)[0], narrow) for path in self.clips}
        weights = tensors.load((INSTALLED / "silero-vad.safetensors").read_bytes())
        self.speech = self.cached("speech", lambda: [
            silero.probabilities(weights, raise_to_16k(self.pcm[path], "scipy default (41 taps, beta 5)")).astype(np.float32)
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

    def embeddings(self, variant, hangover):
        """Every clip's embedding; `hangover` None takes all frames, speech or not."""

        def compute():
            for path, speech in zip(self.clips, self.speech):
                features = log_mel(raise_to_16k(self.pcm[path], variant))
                keep = slice(None) if hangover is None else speech_frames(speech, len(features), hangover)
                yield self.embed(features[keep])

        taps = INTERPOLATORS.get(variant, STEEP).tobytes()
        name = f"{variant}|{hashlib.sha256(taps).hexdigest()[:8]}|{hangover}"
        return dict(zip(self.clips, self.cached(name, lambda: list(compute()))))

    def figures(self, variant, hangover=HANGOVER):
        """Per group and per corpus: EER, minDCF, min Cllr."""
        scores = scoring.cosines(self.trials, self.embeddings(variant, hangover))
        targets = np.array([trial.target for trial in self.trials])
        groups = np.array([trial.group for trial in self.trials])
        out = {}
        for name in [*sorted(set(groups)), *CORPORA, "pooled"]:
            chosen = np.array([name == "pooled" or group.startswith(name) for group in groups])
            s, t = scores[chosen], targets[chosen]
            out[name] = (100 * scoring.equal_error_rate(s, t)[0], scoring.min_dcf(s, t), scoring.min_cllr(s, t))
        return out


COLUMNS = ("speechocean762", "arabic_commands", "asterisk, same session", "asterisk, other session", "asterisk", "pooled")


def print_table(rows):
    print(f"| {'variant':34} | " + " | ".join(f"{name:>23}" for name in COLUMNS) + " | mean min Cllr |")
    print("|---" * (len(COLUMNS) + 2) + "|")
    for name, figures in rows.items():
        cells = [f"{figures[c][0]:6.2f} / {figures[c][1]:.3f} / {figures[c][2]:.3f}" for c in COLUMNS]
        mean = np.mean([figures[c][2] for c in CORPORA])
        print(f"| {name:34} | " + " | ".join(f"{cell:>23}" for cell in cells) + f" | {mean:.4f} |", flush=True)


def leave_one_out(rows):
    """For each corpus: the variant that is best on the two others, and what it then costs on the one left out."""
    reference = "scipy default (41 taps, beta 5)"
    for left_out in CORPORA:
        others = [corpus for corpus in CORPORA if corpus != left_out]
        ranking = sorted(rows, key=lambda name: np.mean([rows[name][corpus][2] for corpus in others]))
        best = ranking[0]
        own, base = rows[best][left_out], rows[reference][left_out]
        print(f"{left_out} left out: {best}; there EER {own[0]:.2f} %, minDCF {own[1]:.3f}, min Cllr {own[2]:.3f}"
              f" (scipy default {base[0]:.2f} %, {base[1]:.3f}, {base[2]:.3f}); next: {'; '.join(ranking[1:4])}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared" / "data", help="folder with trials_dev.csv and clips/")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="only these variants (scipy default is always there)")
    parser.add_argument("--narrow", action="store_true", help="band-pass 300-3400 Hz before the codec, as an old line does")
    parser.add_argument("--hangovers", type=int, nargs="*", metavar="STEPS", help="instead: compare all frames with these hangovers")
    parser.add_argument("--taps", metavar="NAME", help="print the coefficients of one interpolator as JSON and stop")
    arguments = parser.parse_args()
    if arguments.taps:
        print(json.dumps([round(float(tap), 10) for tap in INTERPOLATORS[arguments.taps]]))
        return
    if not (arguments.data / "trials_dev.csv").exists():
        sys.exit(f"no trials_dev.csv in {arguments.data}: give the folder of the development data with --data")
    if not (INSTALLED / "campplus.onnx").exists():
        sys.exit("the models are not installed: run `make models` first")

    study = Study(arguments.data, arguments.narrow)
    variants = list(arguments.only or [*INTERPOLATORS, *NOISES])
    reference = next(iter(INTERPOLATORS))
    variants = [reference, *(name for name in variants if name != reference)]
    if arguments.hangovers is not None:
        rows = {}
        for name in variants:
            for hangover in [None, *arguments.hangovers]:
                label = "all frames" if hangover is None else f"speech + {hangover}"
                rows[f"{name.split(' (')[0]}, {label}"] = study.figures(name, hangover)
        print_table(rows)
        return
    rows = {name: study.figures(name) for name in variants}
    print_table(rows)
    if len(rows) > 2:
        leave_one_out(rows)


if __name__ == "__main__":
    main()
