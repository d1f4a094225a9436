"""G.711 mu-law: 16-bit samples through the codec and back (the 16-bit variant that telephone software shares)."""

import numpy as np

_BIAS = 132  # 33 at the 14 bits of the standard, 4 * 33 at 16 bits
_CLIP = 32635


def mu_law_encode(samples):
    """int16 -> uint8 code words."""
    x = np.asarray(samples, dtype=np.int32)
    magnitude = np.minimum(np.abs(x), _CLIP) + _BIAS
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return (~(np.where(x < 0, 0x80, 0) | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)


def mu_law_decode(codes):
    """uint8 code words -> int16."""
    code = ~np.asarray(codes).astype(np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + _BIAS) << ((code >> 4) & 0x07)) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)
