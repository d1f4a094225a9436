"""In: a call's samples. Out: what Asterisk's AudioSocket does with them over bare TCP, by a client on asyncio."""

import asyncio
import struct
import uuid

from support import audio
from support.server import SOON

HANGUP = b"\0\0\0"
ID, DTMF, ERROR = 0x01, 0x03, 0xFF
#: The type of audio frames is their rate.
LINEAR = {8000: 0x10, 12000: 0x11, 16000: 0x12, 24000: 0x13, 32000: 0x14, 44100: 0x15, 48000: 0x16}
LINEAR |= {96000: 0x17, 192000: 0x18}


def frame(kind, payload=b""):
    return struct.pack(">BH", kind, len(payload)) + payload


async def exchange(server, sent, pace=0.0, end_after=False):
    """Sends the pieces, and returns everything that the server says until it ends the connection."""
    host, port = server.said["audiosocket"].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    heard = asyncio.ensure_future(reader.read())
    try:
        for piece in sent:
            if heard.done():
                break
            writer.write(piece)
            await asyncio.wait_for(writer.drain(), SOON)
            await asyncio.sleep(pace)
        if end_after:
            writer.write_eof()
        return await asyncio.wait_for(heard, 2 * SOON)
    except ConnectionError:
        return await asyncio.wait_for(heard, SOON)
    finally:
        writer.close()


def played(call_id, pcm, rate=audio.RATE, size=320):
    """A whole call's frames; `pcm` is at `rate` already."""
    sound = audio.encode(pcm, "l16")
    frames = [frame(LINEAR[rate], sound[begin : begin + size]) for begin in range(0, len(sound), size)]
    return [frame(ID, uuid.UUID(call_id).bytes), *frames]
