"""The voice's desk from `stagemon` to `stageright` in a separate process; prints a line of JSON 20 times a second.

Reads lines of JSON from stdin: `values` are parameters, `renew` restarts PortAudio. Exits when stdin closes. The
"conversion" inverts the sound. `multimon` is captured too, and `awayout` plays too if it is named.
"""

import json
import select
import sys

import numpy as np

import osc_schema
from engine.audio.device import DeviceOutput
from engine.audio.devices import session
from engine.audio.open import open_capture
from engine.live.rvc.desk import VoiceDesk
from engine.live.rvc.link import VoiceTiming
from engine.system.clock import SystemClock

BLOCK_S, LAG_S, KEPT_S = 0.1, 0.03, 12


class Inverter:
    """Replaces the link to the voice child, without delay."""

    timing = VoiceTiming(block_s=BLOCK_S, lag_s=LAG_S, work_p99_s=0.01)

    def __init__(self, rate_hz: int) -> None:
        self._block, self._lag = round(BLOCK_S * rate_hz), round(LAG_S * rate_hz)
        self._ring = np.zeros(KEPT_S * rate_hz, np.float32)
        self._heard = 0
        self.converted = self

    def hear(self, block: np.ndarray) -> None:
        rows = np.arange(self._heard, self._heard + len(block)) % len(self._ring)
        self._ring[rows] = block
        self._heard += len(block)

    def read(self, first: int, frames: int) -> tuple[np.ndarray, np.ndarray]:
        numbers = np.arange(first, first + frames)
        is_there = (numbers < self.end).astype(np.float32)
        return -self._ring[numbers % len(self._ring)] * is_there, is_there

    def has(self, sample: int) -> bool:
        return sample < self.end

    @property
    def end(self) -> int:
        return self._heard // self._block * self._block - self._lag


def main(more_outputs: list[str]) -> None:
    reports: list[str] = []
    clock = SystemClock()

    def report(key: str, message: str) -> None:
        reports.append(message)

    voice = open_capture("device:stagemon", clock=clock, report=report)
    other = open_capture("device:multimon", clock=clock, report=report)
    output = DeviceOutput("stageright", clock, report)
    link = Inverter(voice.ring.sample_rate_hz)
    desk = VoiceDesk(link, voice, output, clock=clock, report=report)
    outputs = [DeviceOutput(name, clock, report) for name in more_outputs]
    for more in outputs:
        more.play(desk.listen(more.rate_hz))
    values = {param.address: param.default for param in osc_schema.PARAMS} | {"/rvc/enable": True}
    desk.follow(values)
    for part in (voice, other, desk):
        part.start()
    while True:
        if select.select([sys.stdin], [], [], 0.05)[0]:
            line = sys.stdin.readline()
            if not line:
                break
            told = json.loads(line)
            values |= told.get("values", {})
            desk.follow(values)
            if told.get("renew"):
                session.renew()
        said = {
            "delay_ms": desk.delay.total_s * 1000.0,
            "device_ms": desk.delay.device_s * 1000.0,
            "gaps": desk.facts()["gaps"],
            "input": voice.state,
            "output": output.state,
            "description": output.description,
            "lost_blocks": output.lost_blocks,
            "outputs": [more.state for more in outputs],
            "other": other.state,
            "other_heard": other.ring.newest,
            "reports": reports,
        }
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
    for part in (desk, output, *outputs, voice, other):
        part.close()


if __name__ == "__main__":
    main(sys.argv[1:])
