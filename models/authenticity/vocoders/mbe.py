"""Copy synthesis by multi-band excitation: the vocoder of P25 radios, harmonics and noise band by band (package blip25-vocoder)."""

import numpy as np
from scipy.signal import resample_poly

DELAY = 350  # samples at 8 kHz from encoder and decoder together: the shift at which the envelopes of clip and twin agree


def mbe(rate_name):
    """The vocoder function of one of the package's rates without error protection, e.g. FULL_RATE_4400X4400."""

    def run(x, rate, rng):
        from blip25_vocoder import LiveDecoder, LiveEncoder, Rate

        narrow = resample_poly(x, 1, 2) if rate == 16000 else x
        encoder, decoder = (kind(getattr(Rate, rate_name)) for kind in (LiveEncoder, LiveDecoder))
        samples = np.clip(np.round(narrow * 32767), -32768, 32767).astype(np.int16)
        frames = encoder.push(np.pad(samples, (0, 4 * 160))) + encoder.flush()
        decoded = np.concatenate([part for frame in frames for part in decoder.push(frame)]) / 32768
        decoded = np.pad(decoded, (0, DELAY + len(narrow)))[DELAY : DELAY + len(narrow)]
        return resample_poly(decoded, 2, 1)[: len(x)] if rate == 16000 else decoded

    run.__doc__ = f"Multi-band excitation at {rate_name} bit/s."
    return run
