"""The client process of `python -m tests.benchmarks control`: watches previews, requests the tree and moves a fader.

A process of its own, so that it does not slow down the engine's interpreter. It reads one JSON object from
standard input (`url`, `viewers`, `fps`, `seconds`, `moves`, `address`), writes "ready", and then runs one command per
line: `watch` opens the preview with that many viewers, `tree` requests the whole namespace repeatedly, `fader` moves
`address` over the WebSocket and waits for a frame drawn with it, `browser` opens the page in a headless Chromium and
presses keys on the fader of `address`. After each it writes one JSON object.
"""

import asyncio
import json
import random
import shutil
import struct
import sys
import time
from typing import Any

import aiohttp

PAUSE_S = (0.02, 0.06)  # random, so that moves occur anywhere within a frame
ANSWERED_WITHIN_S = 5.0
FOCUS = "at => { const found = document.querySelector(at); found?.focus(); return found === document.activeElement; }"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER_PAUSE_S = (0.25, 0.35)  # longer than a move takes to become visible, so that moves can be distinguished

Result = dict[str, Any]


async def watch(session: aiohttp.ClientSession, order: Result) -> Result:
    """Count the pictures of each viewer, and their bytes, in `seconds`."""

    async def view() -> tuple[int, int]:
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

    seen = await asyncio.gather(*(view() for _ in range(order["viewers"])))
    return {"pictures": [pictures for pictures, _ in seen], "bytes": sum(size for _, size in seen)}


async def tree(session: aiohttp.ClientSession, order: Result) -> Result:
    """Time from each request to the end of its answer, ms."""
    waits_ms = []
    for _ in range(order["moves"]):
        started_s = time.perf_counter()
        async with session.get(order["url"], headers={"Accept": "application/json"}) as answer:
            body = await answer.read()
        waits_ms.append((time.perf_counter() - started_s) * 1000.0)
        await asyncio.sleep(random.uniform(*PAUSE_S))
    return {"waits_ms": waits_ms, "bytes": len(body)}


async def fader(session: aiohttp.ClientSession, order: Result) -> Result:
    """Time from each move to the message that a frame was drawn with it, ms."""
    waits_ms = []
    async with session.ws_connect(order["url"], compress=0) as socket:
        for number in range(order["moves"]):
            started_s = time.perf_counter()
            await socket.send_bytes(
                osc(order["address"], ",f", struct.pack(">f", 90.0 * (number + 1) / order["moves"]))
            )
            await socket.send_bytes(osc("/sync", ",i", struct.pack(">i", number)))
            expected = osc("/synced", ",i", struct.pack(">i", number))
            async with asyncio.timeout(ANSWERED_WITHIN_S):
                while (await socket.receive()).data != expected:
                    pass
            waits_ms.append((time.perf_counter() - started_s) * 1000.0)
            await asyncio.sleep(random.uniform(*PAUSE_S))
    return {"waits_ms": waits_ms}


async def browser(session: aiohttp.ClientSession, order: Result) -> Result:
    """The time of each key press by `time.perf_counter`, which all processes of a machine share."""
    program = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if program is None:
        return {"missing": "no Chromium here"}
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = await chromium.new_page()
        await page.goto(order["url"])
        await page.locator("#play-tab").click()
        await page.wait_for_function(FOCUS, arg=f"[data-address='{order['address']}'] [role=slider]")
        pressed_s = []
        for number in range(order["moves"]):
            await asyncio.sleep(random.uniform(*BROWSER_PAUSE_S))
            pressed_s.append(time.perf_counter())
            await page.keyboard.press("ArrowRight" if number % 2 == 0 else "ArrowLeft")
        await asyncio.sleep(BROWSER_PAUSE_S[1])
        await chromium.close()
    return {"pressed_s": pressed_s}


def osc(address: str, tags: str, argument: bytes) -> bytes:
    """Encode an OSC message with one number."""
    return b"".join(text.encode() + bytes(4 - len(text) % 4) for text in (address, tags)) + argument


def write_line(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


async def serve() -> None:
    order = json.loads(sys.stdin.readline())
    async with aiohttp.ClientSession() as session:
        write_line("ready")
        while line := await asyncio.to_thread(sys.stdin.readline):
            write_line(
                await {"watch": watch, "tree": tree, "fader": fader, "browser": browser}[line.strip()](session, order)
            )


def main() -> None:
    asyncio.run(serve())
