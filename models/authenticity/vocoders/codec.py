"""Copy synthesis by codec2: a codec, and a sinusoidal synthesiser at the same time."""

import subprocess
import tempfile

import numpy as np
from scipy.signal import resample_poly


def codec2(mode, delay):
    def run(x, rate, rng):
        narrow = resample_poly(x, 1, 2) if rate == 16000 else x
        raw = np.clip(np.round(narrow * 32767), -32768, 32767).astype("<i2")
        with tempfile.TemporaryDirectory() as folder:
            raw_padded = np.pad(raw, (0, 960))
            raw_padded.tofile(f"{folder}/in")
            subprocess.run(["c2enc", mode, f"{folder}/in", f"{folder}/bits"], check=True, capture_output=True)
            subprocess.run(["c2dec", mode, f"{folder}/bits", f"{folder}/out"], check=True, capture_output=True)
            decoded = np.fromfile(f"{folder}/out", "<i2") / 32768.0
        decoded = np.pad(decoded, (0, delay + len(narrow)))[delay : delay + len(narrow)]
        return resample_poly(decoded, 2, 1)[: len(x)] if rate == 16000 else decoded

    run.__doc__ = f"codec2 at {mode} bit/s: a codec, and a sinusoidal synthesiser at the same time."
    return run
