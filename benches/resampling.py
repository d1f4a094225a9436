"""What a resampler answers to an impulse at 8 kHz enters; what it does to the telephone band on the way to 16 kHz leaves, in dB."""

#: Hz that a telephone passes, and where their images would lie.
BAND, IMAGES = (300, 3400), (4600, 7700)
RATE, POINTS = 16000, 1 << 16
#: The alternatives' impulse, and the silence around it.
SAMPLES = 4096


def impulse(numpy):
    signal = numpy.zeros(SAMPLES, dtype=numpy.float32)
    signal[SAMPLES // 2] = 1
    return signal


def quality(numpy, response):
    """(greatest deviation from a gain of one inside of the band, greatest gain of an image)."""
    # Twice as many samples carry the same signal.
    gains = numpy.abs(numpy.fft.rfft(numpy.asarray(response, dtype=numpy.float64), POINTS)) / 2
    decibels = 20 * numpy.log10(numpy.maximum(gains, 1e-12))
    between = lambda edges: decibels[slice(*(edge * POINTS // RATE for edge in edges))]
    return float(numpy.max(numpy.abs(between(BAND)))), float(numpy.max(between(IMAGES)))
