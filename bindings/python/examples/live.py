"""Decides on calls while they run: an asyncio server that takes 8 kHz mu-law over TCP and answers with a line of JSON.

    live.py ENROLMENT.wav [PORT]     with a port it serves until it is stopped; without, it calls itself once with the enrolment
"""

from __future__ import annotations

import asyncio
import json
import sys

import peakstream

FRAME = 160


class Server:
    """Verifies every caller against one credential."""

    def __init__(self, engine: peakstream.Engine, credential: peakstream.Credential) -> None:
        self.engine, self.credential = engine, credential

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said: dict[str, object]
        try:
            with self.engine.open("mulaw", 8000, seconds=5.0) as call:
                # A push takes microseconds; what takes longer goes to a thread.
                while frame := await reader.read(FRAME):
                    if call.push(frame).enough:
                        break
                speech = call.finish()
            loop = asyncio.get_running_loop()
            verified = await loop.run_in_executor(None, self.engine.verify, self.credential, speech)
            said = {"score": verified.score, "authenticity": verified.authenticity}
        except peakstream.Error as error:
            said = {"error": error.reason, "text": str(error)}
        writer.write(json.dumps(said).encode() + b"\n")
        await writer.drain()
        writer.close()


async def main(enrolment: str, port: int) -> None:
    engine = peakstream.Engine()
    server = Server(engine, engine.register(enrolment).credential)
    async with await asyncio.start_server(server.answer, "127.0.0.1", port) as listening:
        if port:
            await listening.serve_forever()
        samples, rate = peakstream.load_audio(enrolment)
        assert rate == 8000, "this client sends what it has"
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname()[:2])
        writer.write(peakstream.encode(samples, "mulaw"))
        print((await reader.readline()).decode().strip())
        writer.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0))
