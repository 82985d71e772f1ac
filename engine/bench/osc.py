"""A flood of OSC beside a running picture: what is lost, what it costs a frame, how soon a value is seen.

Half of the quiet time lies before the flood and half after it, so that a machine that grows warm or busy counts on both
sides. Before the flood the same program floods a socket of its own: what the picture then costs more than in quiet is
the sender's share of the processors, not the engine's doing. How much arrives depends on what other programs leave of
them: `cores_busy_elsewhere` is what they took in the quiet time. The flood sets 50 addresses to values so close to
their defaults that the picture costs the same with it and without: what differs is the OSC alone.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import osc_schema
from engine.app import Engine, open_engine
from engine.bench.progress import Progress
from engine.bench.told_lines import ToldLines
from engine.config import build_config
from engine.osc import encode_reply
from engine.system.python_process import utf8_environment
from osc_schema import Param, ParamType

ADDRESSES = 50
VALUES = 20  # to each address, in turn
MAX_SETTLING_S = 2.0  # caches, pools and clock rates, not measured
ARRIVED_WITHIN_S = 2.0
SWITCHES_ON = {"/feedback/amount", "/layer/5/intensity", *(f"/layer/{n}/curve" for n in range(1, 5))}
"""Floats that make the picture cost more from 0 on are sent at their default, so that the look stays the default."""
LEFT_ALONE = {"engine", "master", "safety", "sd", "sink"}


def run(rate: float, seconds: float, width: int, height: int, fps: float, progress: Progress) -> dict[str, Any]:
    """Figures of `seconds` with the flood beside as many without, in one run; times in ms."""
    config = build_config(
        {
            "width": width,
            "height": height,
            "fps": fps,
            "audio": "demo",
            "sinks": ("null",),
            "osc": {"listen": "127.0.0.1:0"},
        }
    )
    settling_s = min(seconds, MAX_SETTLING_S)
    with (
        open_engine(config) as engine,
        _sender(engine, rate, seconds) as sender,
        contextlib.closing(sender.stdin),
    ):
        lines = ToldLines(sender.stdout)
        loop = _Loop(engine, 3.0 * seconds + settling_s, progress)
        for address, value in _values(0):
            engine.params.set(address, value)
        loop.draw("settling", settling_s)
        others = _Others()
        quiet_ms = loop.draw("quiet", seconds / 2)
        others.pause()
        _order(sender, "elsewhere")
        elsewhere_ms = loop.draw("flood elsewhere", seconds)
        loop.draw_until(lambda: lines.take() is not None)
        before = engine.status().osc.messages
        late_before = engine.times.late
        _order(sender, "engine")
        flooded_ms = loop.draw("flood", seconds)
        late = engine.times.late - late_before
        loop.draw_until(lambda: sender.poll() is not None)
        told = json.loads(lines.read())
        expected = before + told["sent"] + told["asked"]
        loop.draw_until(lambda: engine.status().osc.messages >= expected, ARRIVED_WITHIN_S)
        others.go_on()
        quiet_ms += loop.draw("quiet", seconds / 2)
        others.pause()
        counters = engine.status().osc
    quiet_p50, quiet_p99 = np.percentile(quiet_ms, (50, 99))
    elsewhere_p99 = np.percentile(elsewhere_ms, 99)
    flooded_p50, flooded_p99 = np.percentile(flooded_ms, (50, 99))
    wait_p50, wait_p99 = np.percentile(told["waits_ms"], (50, 99))
    return {
        "cores": psutil.cpu_count(),
        "cores_busy_elsewhere": round(others.cores, 2),
        "messages": told["sent"],
        "messages_a_second": round(told["sent"] / told["took_s"]),
        "lost": expected - counters.messages,
        "receive_buffer_bytes": counters.receive_buffer_bytes,
        "frame_ms_p50_quiet": round(float(quiet_p50), 3),
        "frame_ms_p50_flooded": round(float(flooded_p50), 3),
        "frame_ms_p99_quiet": round(float(quiet_p99), 3),
        "frame_ms_p99_flood_elsewhere": round(float(elsewhere_p99), 3),
        "frame_ms_p99_flooded": round(float(flooded_p99), 3),
        "frame_p99_ratio": round(float(flooded_p99 / quiet_p99), 3),
        "frame_p99_ratio_to_flood_elsewhere": round(float(flooded_p99 / elsewhere_p99), 3),
        "late_flooded": late,
        "questions": told["asked"],
        "unanswered": told["asked"] - len(told["waits_ms"]),
        "arrival_to_frame_ms_p50": round(float(wait_p50), 3),
        "arrival_to_frame_ms_p99": round(float(wait_p99), 3),
        "arrival_to_frame_frames_p99": round(float(wait_p99) * fps / 1000.0, 3),
    }


class _Others:
    """Processor time of everybody but this process, from the beginning, without the pauses."""

    def __init__(self) -> None:
        self._busy_s = self._took_s = 0.0
        self.go_on()

    def go_on(self) -> None:
        self._from_s = time.perf_counter(), _busy_elsewhere_s()

    def pause(self) -> None:
        began_s, busy_s = self._from_s
        self._took_s += time.perf_counter() - began_s
        self._busy_s += _busy_elsewhere_s() - busy_s

    @property
    def cores(self) -> float:
        """On average; 0 for a machine of our own."""
        return max(0.0, self._busy_s / self._took_s)


def _busy_elsewhere_s() -> float:
    # A guest's time is counted as its user's, too; an interrupt's on Windows as the system's.
    not_busy = {"idle", "iowait", "guest", "guest_nice", "interrupt", "dpc"}
    times = psutil.cpu_times()._asdict()
    return sum(spent_s for kind, spent_s in times.items() if kind not in not_busy) - time.process_time()


class _Loop:
    """Draws frames and keeps how long the work of each took."""

    def __init__(self, engine: Engine, seconds: float, progress: Progress) -> None:
        self._engine = engine
        self._fps = engine.status().target_fps
        self._total = round(seconds * self._fps)
        self._progress = progress

    def draw(self, stage: str, seconds: float) -> list[float]:
        """Milliseconds of work of each frame within `seconds`."""
        work_ms = []
        for frame in self._engine.frames(count=round(seconds * self._fps)):
            work_ms.append(self._engine.times.work_ms(newest=1).max)
            if frame.id.index % round(self._fps) == 0:
                self._progress(stage, min(1.0, frame.id.index / self._total))
        return work_ms

    def draw_until(self, is_over: Callable[[], bool], longest_s: float = 30.0) -> None:
        for _ in self._engine.frames(count=round(longest_s * self._fps)):
            if is_over():
                return


def _sender(engine: Engine, rate: float, seconds: float) -> subprocess.Popen[str]:
    """The flooding program, ready and waiting for a line."""
    host, port = engine.osc_address
    packets = [encode_reply(*change).hex() for number in range(VALUES) for change in _values(number)]
    order = {"host": host, "port": port, "rate": rate, "seconds": seconds, "packets": packets}
    program = Path(__file__).with_name("osc_sender.py")
    sender = subprocess.Popen(
        [sys.executable, str(program)],
        env={**os.environ, **utf8_environment()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    sender.stdin.write(json.dumps(order) + "\n")
    sender.stdin.flush()
    sender.stdout.readline()
    return sender


def _order(sender: subprocess.Popen[str], flood: str) -> None:
    sender.stdin.write(f"{flood}\n")
    sender.stdin.flush()


def _values(number: int) -> list[tuple[str, float | int | str]]:
    """The flood's `number`-th value of each address: the default, floats a thousandth of the range beside it."""
    shift = 1e-3 * (number + 1) / VALUES
    return [(param.address, _near_default(param, shift)) for param in _params()]


def _near_default(param: Param, shift: float) -> float | int | str:
    if param.type is not ParamType.FLOAT or param.address in SWITCHES_ON:
        return param.default
    step = shift * (param.high - param.low)
    return param.default + step if param.default + step <= param.high else param.default - step


def _params() -> list[Param]:
    """Floats first, then whatever changes nothing when it is set to its default."""
    types = (ParamType.FLOAT, ParamType.STOPS, ParamType.INT, ParamType.BOOL)
    usable = [param for param in osc_schema.PARAMS if param.type in types and param.area not in LEFT_ALONE]
    return sorted(usable, key=lambda param: types.index(param.type))[:ADDRESSES]
