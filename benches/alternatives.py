"""What one would otherwise pick, doing the same work on the same audio: one thread each, everything loaded and warm.

Signals that exist as a whole are processed as a whole, which is the cheapest way in Python; only the speech detectors must go step by step,
as they must on a live call.
"""

import os
import pathlib
import statistics
import sys
import tempfile
import time
import warnings

import install

import machine
import resampling

SILERO_STEP, SILERO_CONTEXT = 512, 64
WEBRTC_STEP = 160  # 10 ms at 16 kHz: the shortest it takes
AT_ONCE = 5  # repetitions of a measurement within a round
AUTHENTICITY_AT_ONCE = 20  # runs within a repetition: one would be no measurement
SECONDS = (1, 3, 5, 10, 30)
LAYERS = "authenticity network"


def embedding(seconds, extra=""):
    """How the engine's figure is called."""
    return f"embedding of {seconds} s ({100 * seconds - 2} frames){extra}"


def published_silero(folder):
    """Silero's own ONNX file, out of the pinned package that `make models` takes its weights from."""
    source = install.entry_of("silero-vad")["source"]
    target = folder / "silero_vad.onnx"
    if not install.has(target, source["member_sha256"]):
        progress = install.Progress(quiet=True)
        wheel = install.fetch_wheel(source, progress, "silero-vad")
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            member = install.take_member(source, wheel, progress, "silero-vad", pathlib.Path(scratch))
            os.replace(member, target)
    return target


def audioop():
    """Python's own C code for G.711; none from Python 3.13 on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            import audioop as module
        except ImportError:
            return None
    return module


class Work:
    """Something to be timed, and what is to be said of it."""

    def __init__(self, name, told, run, factor, at_once=1):
        self.name, self.told, self.run, self.factor, self.at_once = name, told, run, factor, at_once

    def measure(self):
        """(minimum, median) of a few repetitions."""
        self.run()
        times = []
        for _ in range(AT_ONCE):
            started = time.perf_counter()
            for _ in range(self.at_once):
                self.run()
            times.append((time.perf_counter() - started) * self.factor / self.at_once)
        return min(times), statistics.median(times)


class Embedding(Work):
    """A speaker network on so many seconds of speech."""

    def __init__(self, seconds, told, run):
        super().__init__(embedding(seconds), told, run, factor=1e3)
        self.seconds = seconds


class Alternatives:
    """All of them. Several may stand beside one figure of ours: then the first is the one that a ratio is of."""

    def __init__(self, mulaw, folder):
        import kaldi_native_fbank
        import numpy
        import onnxruntime
        import scipy
        import scipy.signal
        import soxr
        import tract
        import webrtcvad
        from reference import g711, runtime

        self.numpy, self.seconds = numpy, len(mulaw) / 8000
        codes = numpy.frombuffer(mulaw, dtype=numpy.uint8)
        table = g711.mu_law_decode(numpy.arange(256, dtype=numpy.uint8))
        narrow = table[codes] / numpy.float32(32768)
        self.wide = scipy.signal.resample_poly(narrow, 2, 1).astype(numpy.float32)
        self.pcm = (self.wide * 32767).astype(numpy.int16).tobytes()
        self.silero = runtime.session(published_silero(folder))
        self.webrtc = webrtcvad.Vad(2)
        features = runtime.log_mel(self.wide)
        longest = numpy.resize(features, (100 * max(SECONDS), features.shape[1]))
        best = runtime.Embedder(install.INSTALLED / "campplus.onnx")
        plain = runtime.Embedder(install.install_plain(folder, install.Progress(quiet=True)))
        self.check(best, plain, features)
        judge = runtime.session(install.INSTALLED / "authenticity.onnx")
        heard = numpy.sin(numpy.arange(judge.get_inputs()[0].shape[1], dtype=numpy.float32))[None]
        self.layers = heard.shape[1]

        ort, each = f"ONNX Runtime {onnxruntime.__version__}", 1e6 / self.seconds
        whole = f"{self.seconds:.0f} s at once"
        of_frames = lambda network, seconds: lambda: network(longest[: 100 * seconds - 2])
        c_table = audioop()
        self.resamplers = {
            f"soxr {soxr.__version__} HQ": lambda signal: soxr.resample(signal, 8000, 16000),
            f"resample_poly of scipy {scipy.__version__}": lambda signal: scipy.signal.resample_poly(signal, 2, 1),
        }
        resampled = lambda resample: lambda: resample(narrow)
        self.embeddings = [
            *(Embedding(seconds, f"{ort}, same file: the best graph", of_frames(best, seconds)) for seconds in SECONDS),
            Embedding(3, f"{ort}, plain export", of_frames(plain, 3)),
            Embedding(3, f"tract {tract.version()}, same file, made for this length", self.by_tract(tract, longest[:298])),
        ]
        self.works = [
            Work("push: µ-law decoding", f"table in numpy {numpy.__version__}, {whole}", lambda: table[codes], each),
            *(Work("push: 8 to 16 kHz", f"{told}, {whole}", resampled(resample), each) for told, resample in self.resamplers.items()),
            Work("push: speech detection (Silero)", f"{ort}, Silero's own file, steps of 32 ms", self.detect, each),
            Work("push: speech detection (Silero)", "WebRTC's detector (webrtcvad), steps of 10 ms", self.detect_simply, each),
            Work("push: log-mel features", f"kaldi-native-fbank {kaldi_native_fbank.__version__}, {whole}", lambda: runtime.log_mel(self.wide), each),
            Work(LAYERS, f"{ort}, same file", lambda: judge.run(None, {"heard": heard}), 1e3, AUTHENTICITY_AT_ONCE),
            *self.embeddings,
        ]
        if c_table:
            version = ".".join(map(str, sys.version_info[:2]))
            self.works.insert(0, Work("push: µ-law decoding", f"audioop of Python {version}, {whole}", lambda: c_table.ulaw2lin(mulaw, 2), each))

    def by_tract(self, tract, features):
        graph = tract.onnx().load(install.INSTALLED / "campplus.onnx")
        graph.set_input_fact(0, ",".join(map(str, (1, *features.shape))) + ",f32")
        runnable, centred = graph.into_model().into_runnable(), (features - features.mean(axis=0))[None]
        return lambda: runnable.run([centred])

    def check(self, best, plain, features):
        """The plain export gives the same embedding, or comparing with it says nothing."""
        a, b = best(features[:298]), plain(features[:298])
        if 1 - float(a @ b / self.numpy.sqrt((a @ a) * (b @ b))) > 1e-5:
            raise install.Failure("the plain export of the speaker network gives another embedding")

    def detect(self):
        """As the package silero_vad does it: the last samples of the step before in front of each step."""
        numpy = self.numpy
        state, rate = numpy.zeros((2, 1, 128), dtype=numpy.float32), numpy.array(16000, dtype=numpy.int64)
        context = numpy.zeros((1, SILERO_CONTEXT), dtype=numpy.float32)
        for at in range(0, len(self.wide) - SILERO_STEP + 1, SILERO_STEP):
            step = numpy.concatenate([context, self.wide[None, at : at + SILERO_STEP]], axis=1)
            _, state = self.silero.run(None, {"input": step, "state": state, "sr": rate})
            context = step[:, -SILERO_CONTEXT:]

    def detect_simply(self):
        for at in range(0, len(self.pcm) - 2 * WEBRTC_STEP + 1, 2 * WEBRTC_STEP):
            self.webrtc.is_speech(self.pcm[at : at + 2 * WEBRTC_STEP], 16000)

    def resampling(self, ours):
        """[(ours, theirs, whose)] of :func:`resampling.quality`; ours: what our filter answers to an impulse."""
        quality = lambda response: resampling.quality(self.numpy, response)
        signal = resampling.impulse(self.numpy)
        return [(quality(ours), quality(resample(signal)), told) for told, resample in self.resamplers.items()]

    def round(self):
        """{(name, told): (minimum, median)} of one round."""
        return {(work.name, work.told): work.measure() for work in self.works}


def chosen_by(told):
    """What of the processor an alternative uses."""
    return machine.widest_level() if told.startswith("ONNX Runtime") else "as its wheel chooses"
