"""Writes the golden vectors campplus.json and silero-vad.json beside this file, from models/installed.

Run it only when a model or its front end is changed on purpose (`--help`). The vectors come from implementations that
are neither the engine's nor the converter's: kaldi-native-fbank and ONNX Runtime for the embedding, and for the speech
detector the published ONNX file itself. Needs the packages of benches/requirements.txt.
"""

import argparse
import hashlib
import json
import pathlib
import sys

import numpy as np
import onnxruntime

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from golden import signals  # noqa: E402
from reference.runtime import Embedder, log_mel  # noqa: E402

SAW = [round(0.3 / k, 12) for k in range(1, 21)]
# A front vowel at 140 Hz, which the speech detector takes for speech (probability above 0.99).
VOWEL = [round(sum(g / (1 + ((k * 140 - f) / b) ** 2) for f, b, g in ((300, 80, 1), (2300, 200, 0.4), (3000, 200, 0.3))), 4) for k in range(1, 26)]


def saw(amplitude, hz, **more):
    return {"kind": "harmonics", "amplitude": amplitude, "hz": hz, "weights": SAW, **more}


def noise(amplitude, seed):
    return {"kind": "noise", "amplitude": amplitude, "seed": seed}


def chirp(amplitude, start, end):
    return {"kind": "chirp", "amplitude": amplitude, "from_hz": start, "to_hz": end}


def vowel(amplitude, **more):
    return {"kind": "harmonics", "amplitude": amplitude, "hz": 140, "weights": VOWEL, **more}


def samples_for(frames):
    return 400 + 160 * (frames - 1)


# The engine keeps the network's weights in half precision; these signals then move by 2.3e-4 at most.
OF_PROBABILITIES = 1e-3

# name -> (samples, terms, tolerance of features, tolerance of the embedding)
# The first seven have exactly the lengths of the engine's fixed plans. A pure tone leaves most bins at the numerical
# noise of the transform, so the two chirps are compared more loosely.
EMBEDDING_SIGNALS = {
    "frames_98": (samples_for(98), [saw(0.5, 110, swell_hz=3), noise(0.003, 21)], 1e-3, 1e-3),
    "frames_198": (samples_for(198), [vowel(0.2, swell_hz=4), noise(0.003, 22)], 1e-3, 1e-3),
    "frames_298": (samples_for(298), [saw(0.5, 145, swell_hz=2), noise(0.003, 23)], 1e-3, 1e-3),
    "frames_398": (samples_for(398), [vowel(0.2, swell_hz=5), saw(0.05, 130), noise(0.003, 26)], 1e-3, 1e-3),
    "frames_498": (samples_for(498), [vowel(0.2, swell_hz=3), saw(0.1, 210), noise(0.003, 24)], 1e-3, 1e-3),
    "frames_698": (samples_for(698), [saw(0.5, 165, swell_hz=3), noise(0.003, 27)], 1e-3, 1e-3),
    "frames_998": (samples_for(998), [saw(0.5, 190, swell_hz=5), noise(0.003, 25)], 1e-3, 1e-3),
    "chirp_and_noise": (32240, [chirp(0.3, 200, 3400), noise(0.01, 7)], 5e-3, 2e-3),
    "noise": (48000, [noise(0.1, 1)], 1e-3, 1e-3),
    "saw_swelling": (64000, [saw(0.5, 120, swell_hz=3), noise(0.003, 11)], 1e-3, 1e-3),
    "quiet_chirp_at_the_log_floor": (19200, [chirp(0.001, 300, 3000), noise(0.00003, 5)], 1e-3, 1e-3),
    "saw_with_a_gap": (96000, [saw(1.0, 210, silent=[32000, 48000]), noise(0.002, 3)], 1e-3, 1e-3),
}
SPEECH_SIGNALS = {
    "saw_swelling": (16384, [saw(0.5, 120, swell_hz=3), noise(0.003, 11)]),
    "vowel_with_a_gap": (32768, [vowel(0.2, swell_hz=4, silent=[12000, 24000]), noise(0.002, 11)]),
}


def rounded(values, digits=6):
    return [round(float(value), digits) for value in values]


def signal_of(name, samples, terms):
    pcm = signals.render({"samples": samples, "terms": terms})
    wide = pcm.astype(np.int64)
    described = {"name": name, "samples": samples, "terms": terms, "int16_sum": int(wide.sum()), "int16_sum_of_squares": int((wide**2).sum())}
    return described, pcm.astype(np.float32) / 32768


def campplus(model):
    embed = Embedder(model)
    for name, (samples, terms, of_features, of_embedding) in EMBEDDING_SIGNALS.items():
        case, x = signal_of(name, samples, terms)
        features = log_mel(x)
        yield {
            **case,
            "frames": len(features),
            "features_first_row": rounded(features[0], 5),
            "features_last_row": rounded(features[-1], 5),
            "features_mean": rounded(features.mean(axis=0), 5),
            "embedding": rounded(embed(features)),
            "tolerance": {"features": of_features, "embedding": of_embedding},
        }


def silero_vad(published):
    session = onnxruntime.InferenceSession(published)
    for name, (samples, terms) in SPEECH_SIGNALS.items():
        case, x = signal_of(name, samples, terms)
        state, context, out = np.zeros((2, 1, 128), np.float32), np.zeros(64, np.float32), []
        for step in x[: len(x) // 512 * 512].reshape(-1, 512):
            given = {"input": np.concatenate([context, step])[None], "state": state, "sr": np.array(16000, np.int64)}
            probability, state = session.run(None, given)
            context = step[-64:]
            out.append(probability[0, 0])
        yield {**case, "probabilities": rounded(out), "tolerance": {"probabilities": OF_PROBABILITIES}}


def write(name, model_file, about, cases):
    document = {
        "model": name,
        "model_sha224": hashlib.sha224(model_file.read_bytes()).hexdigest(),
        "sample_rate": 16000,
        **about,
        "signal": "models/golden/signals.py: sum of terms, quantised q = round_half_even(32767 x), handed on as q / 32768",
        "cases": list(cases),
    }
    # One number array per line: a person can diff it, and the file stays small.
    lines = json.dumps(document, indent=1).split("\n")
    text, depth = [], 0
    for line in lines:
        opens = line.rstrip().endswith("[") and '"cases"' not in line and '"terms"' not in line
        if depth:
            text[-1] += line.strip() + (" " if line.strip().endswith(",") else "")
        else:
            text.append(line)
        depth += opens - (depth and line.strip().rstrip(",") == "]")
    (HERE / f"{name}.json").write_text("\n".join(line.rstrip() for line in text) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("silero_onnx", type=pathlib.Path, help="silero_vad.onnx, taken out of the PyPI wheel")
    arguments = parser.parse_args()
    installed = HERE.parent / "installed"
    model = installed / "campplus.onnx"
    write(
        "campplus",
        model,
        {
            "tolerance": "largest absolute difference; features against features, embedding against embedding computed from one's own features",
            "front_end": "log-mel of q / 32768; features_* are before, the embedding after subtracting each bin's mean over all frames",
        },
        campplus(model),
    )
    write(
        "silero-vad",
        installed / "silero-vad.safetensors",
        {"tolerance": "largest absolute difference of probabilities", "step": 512, "state": "zero state and zero context at the start of each case"},
        silero_vad(arguments.silero_onnx),
    )


if __name__ == "__main__":
    main()
