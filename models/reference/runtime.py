"""The pipeline that others would build: kaldi-native-fbank features and the embedding in ONNX Runtime, one thread.

Unlike its neighbours this module needs the packages of benches/requirements.txt.
"""

import kaldi_native_fbank
import numpy as np
import onnxruntime


def log_mel(samples):
    """[frames, 80] of 16 kHz samples in [-1, 1]; the mean over time is not subtracted yet."""
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0.0
    options.mel_opts.num_bins = 80
    bank = kaldi_native_fbank.OnlineFbank(options)
    bank.accept_waveform(16000, np.asarray(samples, dtype=np.float32))
    bank.input_finished()
    return np.array([bank.get_frame(i) for i in range(bank.num_frames_ready)], dtype=np.float32).reshape(-1, 80)


def session(model):
    """A model file, ready to run on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


class Embedder:
    """CAM++ of an installed model file."""

    def __init__(self, model):
        self.session = session(model)

    def __call__(self, features):
        """Raw 192 values of features whose mean is not subtracted; zeros if there are too few frames."""
        if len(features) < 3:
            return np.zeros(192, dtype=np.float32)
        centred = features - features.mean(axis=0)
        return self.session.run(None, {"features": centred[None]})[0][0]
