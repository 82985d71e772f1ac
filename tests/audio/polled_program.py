"""A tone played to `stageright` and captured from `stagemon` by polling, as on systems without
ALSA.

A separate process; prints a line of JSON 20 times per second until stdin closes.
"""

import json
import select
import sys
from dataclasses import replace

import numpy as np

from engine.audio.devices import find_device, list_devices
from engine.audio.streams import StreamLost, open_input, open_output
from engine.system.clock import SystemClock

TONE_HZ = 1000.0


def main() -> None:
    clock = SystemClock()
    inputs, outputs = list_devices("input"), list_devices("output")
    source = replace(find_device(inputs, "stagemon"), hostapi="another")
    sink = replace(find_device(outputs, "stageright", "output"), hostapi="another")
    rate_hz = source.rate_hz
    blocks: list[np.ndarray] = []
    ages_s: list[float] = [0.0]
    leads_s: list[float] = [0.0]
    filled = 0

    def hear(block: np.ndarray, began_s: float, has_lost: bool) -> None:
        blocks.append(block.copy())
        ages_s.append(clock.now_s() - began_s - len(block) / rate_hz)

    def fill(frames: int, heard_s: float, has_run_out: bool) -> np.ndarray:
        nonlocal filled
        numbers = np.arange(filled, filled + frames)
        filled += frames
        leads_s.append(heard_s - clock.now_s())
        return np.repeat(0.5 * np.sin(2 * np.pi * TONE_HZ * numbers / rate_hz)[:, None], 2, axis=1)

    streams = [
        open_input(source, 2, rate_hz, hear, clock),
        open_output(sink, 2, rate_hz, fill, clock),
    ]
    reported_s = clock.now_s()
    lost: list[str] = []
    while not select.select([sys.stdin], [], [], streams[0].poll_s)[0]:
        try:
            for stream in streams:
                stream.watch()
        except StreamLost as error:
            lost.append(str(error))
            break
        if clock.now_s() - reported_s < 0.05:
            continue
        reported_s = clock.now_s()
        newest = np.concatenate([np.zeros((1, 2)), *blocks[-20:]])
        report = {
            "frames": sum(map(len, blocks)),
            "rms": np.sqrt(np.mean(newest**2, axis=0)).tolist(),
            "age_s": ages_s[-1],
            "lead_s": leads_s[-1],
        }
        sys.stdout.write(json.dumps(report) + "\n")
        sys.stdout.flush()
    for stream in streams:
        stream.close()
    if lost:
        sys.stdout.write(json.dumps({"lost": lost}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
