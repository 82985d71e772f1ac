"""An engine that plays a file of clicks on `stageright`; prints a line of JSON 10 times per second.

`late_ms`: for each click that the device has played, how much later its picture left, unless the
frame was late itself. Reads lines of JSON from stdin: `send` is an OSC message. Exits when stdin
closes.
"""

import json
import os
import select
import socket
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from engine import open_engine
from engine.audio.open import open_capture
from engine.config import build_config
from engine.osc.encode import encode_message
from engine.system.clock import SystemClock

FPS = 30.0
MATCHED_S = 0.2  # clicks are further apart


def main(file: str, monitor: str) -> None:
    with suppress(PermissionError):  # other tests must not starve what is measured against the time
        os.nice(-10)
    clock = SystemClock()
    config = build_config(
        {
            "width": 64, "height": 64, "fps": FPS, "audio": file, "monitor": monitor,
            "renderer": "numba",
            "music": [str(Path(file).parent)], "osc": {"listen": "127.0.0.1:0"},
            "params": {f"/audio/{n}/auto": False for n in range(1, 5)},
        }
    )  # fmt: skip
    seen_s, heard_s, was_loud, read, missed = [], [], False, 0, 0
    room = open_capture("device:stagemon", clock=clock, report=lambda key, line: None)
    room.start()
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with open_engine(config) as engine:
        for frame in engine.frames():
            is_loud = frame.features[0].peak > 0.1
            missed_before, missed = missed, engine.times.late + engine.times.dropped
            # a late frame is a fault of the machine only
            if is_loud and not was_loud and missed == missed_before:
                seen_s.append(clock.now_s())
            was_loud = is_loud
            marked, sounded_s = room.ring.mark or (0, 0.0)
            read, samples = room.ring.read(read)
            for index in np.flatnonzero(np.abs(samples[:, 1]) > 0.2):
                at_s = sounded_s + (read + index - marked) / room.ring.sample_rate_hz
                if not heard_s or at_s - heard_s[-1] > MATCHED_S:
                    heard_s.append(float(at_s))
            read += len(samples)
            if frame.id.index % 3 == 0:
                late = (
                    [min((s - h for s in seen_s), key=abs) * 1000.0 for h in heard_s]
                    if seen_s
                    else []
                )
                status = engine.status().audio
                report = {
                    "late_ms": [ms for ms in late if abs(ms) < MATCHED_S * 1000.0],
                    "heard": len(heard_s),
                    "state": status.monitor.state,
                    "output": status.monitor.word,
                    "device_ms": status.monitor.device_ms,
                    "frames": frame.id.index,
                }
                sys.stdout.write(json.dumps(report) + "\n")
                sys.stdout.flush()
            if select.select([sys.stdin], [], [], 0.0)[0]:
                line = sys.stdin.readline()
                if not line:
                    break
                sender.sendto(encode_message(*json.loads(line)["send"]), engine.osc_address)
    room.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
