"""The other end of `multiverse bench control`: a program of its own that looks, asks and moves a fader.

Started by its path, with aiohttp and the standard library only, so that what it does costs the engine's interpreter
nothing. Reads one JSON object from standard input (`url`, `viewers`, `fps`, `seconds`, `address`), says "ready", and
then does what each line names: `watch` looks at the preview with so many viewers, `tree` asks for the whole namespace
again and again, `fader` moves `address` and waits until a frame is drawn with it. After each it writes one JSON object.
"""

import asyncio
import json
import random
import struct
import sys
import time

import aiohttp

QUESTIONS = 60
PAUSE_S = (0.02, 0.06)  # at random, so that moves fall anywhere in a frame
ANSWERED_WITHIN_S = 5.0


async def watch(session: aiohttp.ClientSession, order: dict) -> dict:
    """Pictures each viewer got, and their bytes, in `seconds`."""

    async def look() -> tuple[int, int]:
        pictures = size = 0
        url = f"{order['url']}preview?picture=main&fps={order['fps']}"
        async with session.ws_connect(url, max_msg_size=0, compress=0) as socket:
            end_s = time.perf_counter() + order["seconds"]
            while (left_s := end_s - time.perf_counter()) > 0:
                try:
                    message = await socket.receive(timeout=left_s)
                except TimeoutError:
                    break
                if message.type is not aiohttp.WSMsgType.BINARY:
                    raise RuntimeError(f"the preview ended: {message}")
                pictures += 1
                size += len(message.data)
        return pictures, size

    seen = await asyncio.gather(*(look() for _ in range(order["viewers"])))
    return {"pictures": [pictures for pictures, _ in seen], "bytes": sum(size for _, size in seen)}


async def tree(session: aiohttp.ClientSession, order: dict) -> dict:
    """Milliseconds from each question to the whole answer."""
    waits_ms = []
    for _ in range(QUESTIONS):
        started_s = time.perf_counter()
        async with session.get(order["url"], headers={"Accept": "application/json"}) as answer:
            body = await answer.read()
        waits_ms.append((time.perf_counter() - started_s) * 1000.0)
        await asyncio.sleep(random.uniform(*PAUSE_S))
    return {"waits_ms": waits_ms, "bytes": len(body)}


async def fader(session: aiohttp.ClientSession, order: dict) -> dict:
    """Milliseconds from each move to word that a frame was drawn with it."""
    waits_ms = []
    async with session.ws_connect(order["url"], compress=0) as socket:
        for number in range(QUESTIONS):
            started_s = time.perf_counter()
            await socket.send_bytes(osc(order["address"], ",f", struct.pack(">f", 90.0 * number / QUESTIONS)))
            await socket.send_bytes(osc("/sync", ",i", struct.pack(">i", number)))
            expected = osc("/synced", ",i", struct.pack(">i", number))
            async with asyncio.timeout(ANSWERED_WITHIN_S):
                while (await socket.receive()).data != expected:
                    pass
            waits_ms.append((time.perf_counter() - started_s) * 1000.0)
            await asyncio.sleep(random.uniform(*PAUSE_S))
    return {"waits_ms": waits_ms}


def osc(address: str, tags: str, argument: bytes) -> bytes:
    """One message with one number."""
    return b"".join(text.encode() + bytes(4 - len(text) % 4) for text in (address, tags)) + argument


def tell(fact: object) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()


async def main() -> None:
    order = json.loads(sys.stdin.readline())
    async with aiohttp.ClientSession() as session:
        tell("ready")
        while line := await asyncio.to_thread(sys.stdin.readline):
            tell(await {"watch": watch, "tree": tree, "fader": fader}[line.strip()](session, order))


if __name__ == "__main__":
    asyncio.run(main())
