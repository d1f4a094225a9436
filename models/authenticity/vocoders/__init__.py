"""Copy synthesis: a genuine clip goes in, the same words by a vocoder come out, sample-aligned with the original.

Each function takes (samples, rate, rng) and returns as many samples at the same rate. Twins differ from their original in nothing but
the synthesis, which is what makes the detector learn synthesis and not a corpus.
"""

from vocoders.codec import codec2
from vocoders.lpc import lpc_pulse, lpc_residual
from vocoders.mbe import mbe
from vocoders.mlsa import mlsa
from vocoders.neural import hifigan, hifigan_lectura, hifigan_lj, hifigan_zhiyun
from vocoders.psola import psola
from vocoders.stft import griffin_lim, griffin_lim_mel, phase_noise, phase_vocoder
from vocoders.world import world, world_pitch, world_statistical

# system -> (family, function). Families are left out as a whole. Cheap systems: every genuine clip is copied by each.
BASE = {
    "world": ("world", world),
    "world_pitch": ("world", world_pitch),
    "world_statistical": ("world", world_statistical),
    "lpc_pulse": ("lpc", lpc_pulse),
    "lpc_residual": ("lpc", lpc_residual),
    "griffin_lim": ("griffin_lim", griffin_lim),
    "griffin_lim_mel": ("griffin_lim", griffin_lim_mel),
    "phase_noise": ("phase", phase_noise),
    "phase_vocoder": ("phase", phase_vocoder),
    "codec2_3200": ("codec2", codec2("3200", 176)),
    "codec2_2400": ("codec2", codec2("2400", 176)),
    "codec2_1300": ("codec2", codec2("1300", 176)),
}
# Cheap ones that came later: the same, each in a file of its own.
LATER = {
    "mbe_4400": ("mbe", mbe("FULL_RATE_4400X4400")),
    "mbe_2450": ("mbe", mbe("HALF_RATE_2450X2450")),
    "mlsa": ("mlsa", mlsa),
    "psola": ("psola", psola),
}
# Dear systems: an excerpt of each clip, speakers in turn, as far as the time goes.
NEURAL = {
    "hifigan": ("hifigan", hifigan),
    "hifigan_lj": ("hifigan", hifigan_lj),
    "hifigan_lectura": ("hifigan", hifigan_lectura),
    "hifigan_zhiyun": ("hifigan", hifigan_zhiyun),
}
VOCODERS = BASE | LATER | NEURAL
