"""A program outside the engine that times it: sends values over UDP and sees them in the shared
picture.

Started by path with the folder of a copied `shared_reader.py`, the ring's name, OSC host and port,
the number of packets and their rate. Each packet sets `/master/fade` of a white picture to the next
of 127 grey levels, so the mean of each picture tells the newest packet in it. It prints one JSON
object of milliseconds from sending to the picture. `low` counts from after the call that sent,
`high` from before it, both to the time at which the ring was written; `seen` to that at which it
was noticed here.
"""

import itertools
import json
import socket
import struct
import sys
import threading
import time
from pathlib import Path

import numpy as np

LEVELS, STEP, MAX_UNSEEN = 127, 2, 120
POLL_S = 0.0003
BEAT = 72  # of the newest heartbeat, see engine/ipc/layout.py
CEILING_S = 120.0


def packet(number: int) -> bytes:
    return b"/master/fade\0\0\0\0,f\0\0" + struct.pack(">f", number % LEVELS * STEP / 255)


def main() -> None:
    folder, name, host, port, count, rate = sys.argv[1:]
    sys.path.insert(0, folder)
    from copied_reader import SharedReader

    reader = SharedReader(name)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((host, int(port)))
    sent: list[tuple[float, float]] = []
    frames: list[
        tuple[float, float, int]
    ] = []  # written, noticed, number of the newest packet in it

    def send() -> None:
        started_s = time.perf_counter()
        for number in range(1, int(count) + 1):
            pause_s = started_s + number / float(rate) - time.perf_counter()
            if pause_s > 0:
                time.sleep(pause_s)
            # else its grey could be one of the round before
            while number - frames[-1][2] > MAX_UNSEEN:
                time.sleep(POLL_S)
            before_s = time.perf_counter()
            sock.send(packet(number))
            sent.append((before_s, time.perf_counter()))

    def look(newest: int) -> int:
        """Wait for the next picture; the number of the newest packet in it."""
        beat = reader.field(BEAT)
        end_s = time.perf_counter() + CEILING_S
        while reader.field(BEAT) == beat:
            assert time.perf_counter() < end_s, "no picture"
            time.sleep(POLL_S)
        noticed_s, written_s = (
            time.perf_counter(),
            reader.field(BEAT) * 1e-9 - (time.time() - time.perf_counter()),
        )
        picture = reader.latest()
        level = round(float(picture[..., :3].mean()) / STEP)
        newest += (level - newest) % LEVELS
        frames.append((written_s, noticed_s, newest))
        return newest

    end_s = time.perf_counter() + CEILING_S
    while reader.latest() is None or reader.ring is None:
        assert time.perf_counter() < end_s, "no ring"
        time.sleep(POLL_S)
    sock.send(packet(0))
    while look(0) or reader.picture.mean() > 70:  # its alpha remains
        assert time.perf_counter() < end_s, "the first value never showed"
    del frames[:-1]
    sender = threading.Thread(target=send)
    sender.start()
    newest = 0
    while newest < int(count):
        assert time.perf_counter() < end_s + 2 * int(count) / float(rate), (
            f"only {newest} packets were seen"
        )
        newest = look(newest)
    sender.join()
    low, high, seen = [], [], []
    for (*_, before), (written_s, noticed_s, newest) in itertools.pairwise(frames):
        for before_s, after_s in sent[before:newest]:
            low.append((written_s - after_s) * 1e3)
            high.append((written_s - before_s) * 1e3)
            seen.append((noticed_s - before_s) * 1e3)
    result = {"packets": newest, "frames": len(frames)}
    for kind, waits_ms in (("low", low), ("high", high), ("seen", seen)):
        p50, p99 = np.percentile(waits_ms, (50, 99))
        result[kind] = {"p50": p50, "p99": p99, "worst": max(waits_ms)}
    print(json.dumps(result))


if __name__ == "__main__":
    assert Path(sys.argv[1]).is_dir()
    main()
