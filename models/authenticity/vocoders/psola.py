"""Copy synthesis by pitch-synchronous overlap-add (Praat): periods of the clip laid closer or farther, as diphone synthesis does."""

import numpy as np


def psola(x, rate, rng):
    """Pitch moved and its movement reduced; duration kept."""
    import parselmouth
    from parselmouth.praat import call

    x = np.asarray(x, np.float64)
    sound = parselmouth.Sound(x, rate)
    manipulation = call(sound, "To Manipulation", 0.01, 60, 450)
    tier = call(manipulation, "Extract pitch tier")
    if call(tier, "Get number of points") == 0:
        return x  # nothing voiced: there are no periods to move
    mean = call(tier, "Get mean (points)", 0, 0)
    kept, shift = rng.uniform(0.0, 0.9), rng.uniform(0.8, 1.25)
    call(tier, "Formula", f"{shift} * ({mean} + {kept} * (self - {mean}))")
    call([tier, manipulation], "Replace pitch tier")
    out = call(manipulation, "Get resynthesis (overlap-add)").values[0]
    return np.pad(out, (0, max(0, len(x) - len(out))))[: len(x)]
