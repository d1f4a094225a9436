"""Speech selection: Silero VAD 6.2.3 with the engine's hysteresis, one boolean per 8 kHz sample."""

import functools

import numpy as np
from scipy.signal import resample_poly

import paths

STEP = 512  # 16 kHz samples a decision
CONTEXT = 64  # last samples of the previous step, put in front
ENTER, LEAVE, HANG = 0.5, 0.35, 4
STEP_8K = STEP // 2


@functools.lru_cache(maxsize=1)
def _session():
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    model = paths.wheel_member("silero_vad", "silero_vad/data/silero_vad.onnx")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def probabilities(samples_8k):
    """Speech probability of every 32 ms step of an 8 kHz signal in [-1, 1]."""
    raised = resample_poly(np.asarray(samples_8k, np.float32), 2, 1).astype(np.float32)
    steps = -(-len(raised) // STEP)
    raised = np.pad(raised, (CONTEXT, steps * STEP - len(raised)))
    state = np.zeros((2, 1, 128), np.float32)
    rate = np.array(16000, np.int64)
    result = np.zeros(steps, np.float32)
    for i in range(steps):
        chunk = raised[i * STEP : i * STEP + STEP + CONTEXT][None]
        probability, state = _session().run(None, {"input": chunk, "state": state, "sr": rate})
        result[i] = probability[0, 0]
    return result


def speech_steps(probability):
    """Hysteresis: enter at 0.5, leave after four steps below 0.35, one step of padding on each side."""
    inside, low, active = False, 0, np.zeros(len(probability), bool)
    for i, p in enumerate(probability):
        if not inside and p >= ENTER:
            inside, low = True, 0
        elif inside:
            low = low + 1 if p < LEAVE else 0
            if low >= HANG:
                inside = False
                active[i - HANG + 1 : i + 1] = False
                continue
        active[i] = inside
    padded = active.copy()
    padded[:-1] |= active[1:]
    padded[1:] |= active[:-1]
    return padded


def speech_mask(samples_8k):
    """One boolean per 8 kHz sample: does the caller speak here?"""
    steps = speech_steps(probabilities(samples_8k))
    return np.repeat(steps, STEP_8K)[: len(samples_8k)]
