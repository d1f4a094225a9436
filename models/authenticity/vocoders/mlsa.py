"""Copy synthesis as HMM voices make it: mel-cepstra, pulses or noise through an MLSA filter (programs of SPTK 3)."""

import os
import pathlib
import subprocess
import tempfile

import numpy as np
from scipy.signal import resample_poly

from vocoders.world import smoothed

PERIOD = 40  # samples at 8 kHz: 5 ms
WARP = 0.31
PROGRAMS = os.environ | {"PATH": f"/usr/libexec/sptk/bin:{os.environ['PATH']}"}  # where Debian puts them


def mlsa(x, rate, rng):
    """Mel-cepstral analysis of order 18 to 30 at 8 kHz, half of the clips with smoothed parameters and reduced pitch movement."""
    # At 16 kHz a band that holds nothing makes the filter's range too wide for its approximation: it explodes.
    source = resample_poly(x, 1, 2) if rate == 16000 else np.asarray(x)
    order = int(rng.integers(18, 31))
    filter_options = f"-m {order} -a {WARP} -p {PERIOD}"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (source * 32767).astype("<f4").tofile(folder / "x")
        shell = lambda command: subprocess.run(command, shell=True, check=True, capture_output=True, cwd=folder, env=PROGRAMS)
        shell(f"frame -l 200 -p {PERIOD} x | window -l 200 -L 256 | mcep -l 256 -m {order} -a {WARP} -e 1 > c")
        shell(f"pitch -a 1 -s 8 -p {PERIOD} -L 60 -H 400 x > p")
        cepstra = np.fromfile(folder / "c", "<f4").reshape(-1, order + 1)
        periods = np.fromfile(folder / "p", "<f4")
        if rng.random() < 0.5:
            cepstra = smoothed(cepstra, 5).astype("<f4")
            periods = _flattened(periods, rng.uniform(0, 0.8)).astype("<f4")
        count = min(len(cepstra), len(periods))
        cepstra[:count].tofile(folder / "c")
        periods[:count].tofile(folder / "p")
        shell(f"excite -p {PERIOD} p | mlsadf {filter_options} -P 5 c > y")
        out = np.fromfile(folder / "y", "<f4").astype(np.float64) / 32767
    out = resample_poly(out, 2, 1) if rate == 16000 else out
    return np.pad(out, (0, max(0, len(x) - len(out))))[: len(x)]


def _flattened(periods, kept):
    """Pitch periods (0: unvoiced) with less movement around their geometric mean."""
    voiced = periods > 0
    if voiced.any():
        mean = np.exp(np.log(periods[voiced]).mean())
        periods = np.where(voiced, mean * (np.where(voiced, periods, mean) / mean) ** kept, 0)
    return periods
