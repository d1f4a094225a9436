"""Decides on calls while they run: an asyncio server that takes 8 kHz mu-law over TCP and answers with lines of JSON.

    live.py ENROLMENT.wav [PORT]     with a port it serves until it is stopped; without, it calls itself once with the enrolment

While the caller speaks: {"net_speech": …, "percentage": …} every half second; then {"score": …, "authenticity": …} or {"error": …}.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator

import peakstream

FRAME = 160  # 20 ms


async def frames_of(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while frame := await reader.read(FRAME):
        yield frame


class Server:
    """Verifies every caller against one credential."""

    def __init__(self, engine: peakstream.Engine, credential: peakstream.Credential) -> None:
        self.engine, self.credential = engine, credential

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(**members: object) -> None:
            writer.write(json.dumps(members).encode() + b"\n")

        try:
            with self.engine.open("mulaw", 8000, seconds=5.0) as call:
                async for status in peakstream.statuses(call, frames_of(reader)):
                    say(net_speech=round(status.net_speech, 2), percentage=status.percentage)
                speech = call.finish()
            # Tens of milliseconds: a thread's, so that other calls are heard meanwhile.
            loop = asyncio.get_running_loop()
            verified = await loop.run_in_executor(None, self.engine.verify, self.credential, speech)
            say(score=verified.score, authenticity=verified.authenticity)
        except peakstream.Error as error:
            say(error=error.reason, text=str(error))
        await writer.drain()
        writer.close()


async def main(enrolment: str, port: int) -> None:
    engine = peakstream.Engine()
    server = Server(engine, engine.register(enrolment).credential)
    async with await asyncio.start_server(server.answer, "127.0.0.1", port) as listening:
        if port:
            await listening.serve_forever()
        samples, rate = peakstream.load_audio(enrolment)
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname()[:2])
        writer.write(peakstream.encode(peakstream.resample(samples, rate, 8000), "mulaw"))
        async for line in reader:
            print(line.decode().strip())
        writer.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0))
