"""In: samples at 8 kHz. Out: what encoders of others make of them: telephony's packets, and recordings in every container.

The encoders are FFmpeg's (PyPI `av`): LAME, libopus, its own G.722 and FLAC. None of them shares a line with the server.
"""

import array
import functools
import io

import av

from support import audio

#: Samples of one frame: 20 ms, as every carrier sends them.
FRAME_SECONDS = 0.02


def _frame(pcm, rate, layout="mono"):
    """Interleaved 16-bit samples, as FFmpeg holds them."""
    channels = 2 if layout == "stereo" else 1
    frame = av.AudioFrame(format="s16", layout=layout, samples=len(pcm) // channels)
    # A plane is as long as FFmpeg likes, never shorter.
    frame.planes[0].update(array.array("h", pcm).tobytes().ljust(frame.planes[0].buffer_size, b"\0"))
    frame.sample_rate = rate
    return frame


def _samples(frame):
    """The mono samples of a frame."""
    return audio.native(bytes(frame.planes[0])[: 2 * frame.samples])


def at_rate(pcm, rate):
    """A call at another rate: what a platform sends that resamples the telephone network."""
    return pcm if rate == audio.RATE else _at_rate(bytes(memoryview(array.array("h", pcm))), rate)


@functools.lru_cache(maxsize=32)
def _at_rate(native, rate):
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
    out = array.array("h")
    for frame in [*resampler.resample(_frame(array.array("h", native), audio.RATE)), *resampler.resample(None)]:
        out.extend(_samples(frame))
    return out


def packets(pcm, codec, rate, **options):
    """The packets of `g722` or `libopus`, 20 ms each; `pcm` is at `rate` already."""
    encoder = av.CodecContext.create(codec, "w")
    encoder.sample_rate, encoder.layout, encoder.format = rate, "mono", "s16"
    encoder.options = {name: str(value) for name, value in options.items()}
    step = int(rate * FRAME_SECONDS)
    coded = []
    for begin in range(0, len(pcm) - step + 1, step):
        frame = _frame(pcm[begin : begin + step], rate)
        frame.pts = begin
        coded.extend(bytes(packet) for packet in encoder.encode(frame))
    return coded + [bytes(packet) for packet in encoder.encode(None)]


def heard_again(pcm, codec, rate, **options):
    """What a decoder makes of the packets of a codec, at the same rate."""
    decoder = av.CodecContext.create(codec, "r")
    decoder.sample_rate, decoder.layout = rate, "mono"
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
    heard = array.array("h")
    for packet in [*packets(pcm, codec, rate, **options), b""]:
        for frame in decoder.decode(av.Packet(packet) if packet else None):
            for part in resampler.resample(frame):
                heard.extend(_samples(part))
    return heard


def recording(pcm, container, codec, rate, layout="mono", bit_rate=None, metadata=None, options=None):
    """A file, whole, in memory. `pcm` is interleaved and at `rate` already."""
    file = io.BytesIO()
    with av.open(file, "w", format=container, options=options or {}) as output:
        output.metadata.update(metadata or {})
        stream = output.add_stream(codec, rate=rate, layout=layout)
        if bit_rate:
            stream.bit_rate = bit_rate
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout=layout, rate=rate, frame_size=stream.codec_context.frame_size or 1024
        )
        frames = [*resampler.resample(_frame(pcm, rate, layout)), *resampler.resample(None)]
        for frame in [*frames, None]:
            output.mux(stream.encode(frame))
    return file.getvalue()
