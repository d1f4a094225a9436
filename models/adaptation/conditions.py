"""The judging material and its embeddings: every clip of the trial list by microphone and by telephone.

In: a network's ONNX file. Out: clip -> embedding, cached by the network's hash. The feature rows are those of the engine's chain.
"""

import hashlib
import sys

import numpy as np
import soundfile

import paths

sys.path[:0] = [str(paths.REPOSITORY / "benches" / "eval"), str(paths.MODELS / "study")]
import front_end  # noqa: E402
import prepare  # noqa: E402
from reference import chain, scoring, silero, tensors  # noqa: E402
from reference.runtime import Embedder, log_mel  # noqa: E402

CORPORA = ("speechocean762", "arabic_commands", "asterisk")
BANDS = ("wide band", "telephone")
# (name, band of the enrolment, band of the test)
CONDITIONS = (
    ("clean / clean", "wide band", "wide band"),
    ("telephone / telephone", "telephone", "telephone"),
    ("clean / telephone", "wide band", "telephone"),
)


class Clips:
    def __init__(self):
        self.trials = scoring.read_trials(prepare.DATA / "trials_dev.csv")
        self.paths = scoring.clips_of(self.trials)
        self.detector = tensors.load((paths.MODELS / "installed" / "silero-vad.safetensors").read_bytes())

    def of(self, corpus):
        return [path for path in self.paths if path.split("/")[1] == corpus]

    def heard(self, path):
        """(band -> samples at 16 kHz, probability of speech per step of the detector: that of the same call by telephone)."""
        clip = soundfile.read(prepare.DATA / path)[0]
        pcm = front_end.telephone(clip, narrow=False)
        speech = silero.probabilities(self.detector, front_end.raise_to_16k(pcm, front_end.REFERENCE))
        return {"wide band": clip, "telephone": chain.raise_to_16k(pcm)}, speech

    def rows(self, path):
        """Band -> feature rows of the frames with speech, the same frames in both; cached."""
        cache = paths.CACHE / "rows" / f"{path}.npz"
        if not cache.exists():
            samples, speech = self.heard(path)
            rows = {band: log_mel(values) for band, values in samples.items()}
            cache.parent.mkdir(parents=True, exist_ok=True)
            np.savez(cache, **{band: values[chain.speech_frames(speech, len(values))] for band, values in rows.items()})
        with np.load(cache) as stored:
            return dict(stored)

    def embeddings(self, model, band, corpus):
        """Clip -> embedding of one corpus."""
        identity = hashlib.sha256(model.read_bytes()).hexdigest()[:16]
        clips = self.of(corpus)
        cache = paths.CACHE / "embeddings" / f"{identity}-{band.replace(' ', '-')}-{corpus}.npy"
        if not cache.exists():
            print(f"  {model.stem}, {band}, {corpus}", file=sys.stderr, flush=True)
            embed = Embedder(model)
            cache.parent.mkdir(parents=True, exist_ok=True)
            np.save(cache, np.array([embed(self.rows(path)[band]) for path in clips]))
        return dict(zip(clips, np.load(cache)))
