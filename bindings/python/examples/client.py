"""Registers one recording with a server and verifies another: client.py BASE_URL ENROLMENT CALL

The client's id and secret are those of the environment, PEAKSTREAM_CLIENT_ID and PEAKSTREAM_CLIENT_SECRET. With a microphone and
`pip install "peakstream[microphone]"`, pass `Microphone()` in place of a recording.
"""

from __future__ import annotations

import asyncio
import os
import sys
import uuid

from peakstream.client import AsyncClient, ClientError


async def main(base_url: str, enrolment: str, call: str) -> int:
    client_id, client_secret = os.environ["PEAKSTREAM_CLIENT_ID"], os.environ["PEAKSTREAM_CLIENT_SECRET"]
    async with AsyncClient(base_url, client_id=client_id, client_secret=client_secret) as client:
        try:
            registered = await client.register(str(uuid.uuid4()), enrolment)
            if registered.credential is None:
                print(f"not registered: {registered.failed}")
                return 1
            async with client.verification(str(uuid.uuid4()), registered.credential, call) as session:
                async for progress in session:
                    print(f"{progress.net_speech:.2f} s of speech, {progress.percentage} %")
                verified = await session.result()
        except ClientError as error:
            print(f"not decided: {error.reason}: {error}")
            return 2
    print(f"score {verified.score:.3f}, authenticity {verified.authenticity:.3f}: {verified.failed or 'accepted'}")
    return 0 if verified.accepted else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
