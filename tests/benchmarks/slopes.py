"""What more of each thing costs: the time of a frame with n, 2 n and 4 n of it, and how it grows.

`slope` is the exponent of the growth from the first to the last, without the cost of none of it: 1
doubles with it, 0 costs nothing that can be measured. The values of an axis are measured in turn in
one run, each in an engine of its own, and the fastest tenth of its frames counts, so that other
programs disturb the ratio little.
"""

import math
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil

from engine import Engine, open_engine
from engine.config import build_config
from engine.jobs.kit.options import option
from engine.osc.encode import encode_message
from engine.params.looks import PLAIN
from tests.benchmarks.measuring import Progress

FAST = 10.0  # percent of the frames
NOISE = 0.05  # of a frame's time: less cannot be told from the noise
WARM_UP_FRAMES = 30
Setting = Callable[[int], Mapping[str, Any]]
PLAYED: Mapping[str, Any] = {"params": PLAIN, "audio": "demo", "fps": 120.0, "renderer": "numba"}
TARGETS = [
    f"/layer/{layer}/{name}" for layer in range(1, 5) for name in ("phase", "curve", "intensity")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlopesBench:
    """Measure how the time of a frame grows with the picture, routes, subscribers, messages and
    outputs."""

    frames: int = option(240, "Frames of each measurement.", low=20)
    rounds: int = option(3, "Measurements of each value, in turn with the others.", low=1)


def _routes(count: int) -> dict[str, Any]:
    params: dict[str, Any] = dict(PLAIN)
    for number, target in enumerate(TARGETS[:count], 1):
        params |= {
            f"/mod/{number}/source": "beat",
            f"/mod/{number}/target": target,
            f"/mod/{number}/amount": 0.2,
        }
    return {"params": params}


SINKS: Setting = lambda count: {"sinks": [f"shared=slopes{n}" for n in range(count)] or ["null"]}  # noqa: E731
AXES: Mapping[str, tuple[tuple[int, ...], Setting]] = {
    "thousand pixels": (
        (58, 230, 922),
        lambda count: {"width": round(40 * math.sqrt(count / 0.9)) // 2 * 2},
    ),
    "modulation routes": ((0, 3, 6, 12), _routes),
    "subscribers": ((0, 2, 4, 8), lambda count: {"osc": {"listen": "127.0.0.1:0"}, **_routes(12)}),
    "messages a second": ((0, 1000, 2000, 4000), lambda count: {"osc": {"listen": "127.0.0.1:0"}}),
    "shared outputs": ((0, 2, 4, 8), SINKS),
}


def run(options: SlopesBench, progress: Progress) -> dict[str, Any]:
    """By axis the milliseconds of a frame at each value, and the slope. For messages: of the whole
    process."""
    result = progress.begin({})
    for number, (axis, (values, setting)) in enumerate(AXES.items()):
        times_ms: dict[int, list[float]] = {value: [] for value in values}
        for turn in range(options.rounds):
            progress(f"{axis}, {turn + 1} of {options.rounds}", number / len(AXES))
            for value in values:
                times_ms[value].append(
                    _frame_ms(axis, value, {**PLAYED, **setting(value)}, options.frames)
                )
        ms = {value: min(each) for value, each in times_ms.items()}
        result[axis] = {
            "ms": {str(value): round(each, 4) for value, each in ms.items()},
            "slope": round(slope(ms), 2),
        }
    return result


def slope(ms: Mapping[int, float]) -> float:
    """The exponent with which the times grow from the least to the largest of the values, without
    those of 0."""
    none_ms, least, most = ms.get(0, 0.0), min(value for value in ms if value), max(ms)
    least_ms, most_ms = (ms[value] - none_ms for value in (least, most))
    if most_ms < NOISE * ms[most]:
        return 0.0
    return math.log(most_ms / max(least_ms, NOISE * ms[most])) / math.log(most / least)


def _frame_ms(axis: str, value: int, settings: Mapping[str, Any], frames: int) -> float:
    size = {"width": 320, "height": 180} | settings
    config = build_config({"sinks": ["null"], **size, "height": round(size["width"] * 9 / 16)})
    with open_engine(config) as engine, ExitStack() as stack:
        engine.run(count=WARM_UP_FRAMES)
        if axis == "subscribers":
            for _ in range(value):
                stack.enter_context(_client(engine)).send(encode_message("/engine/notify", 1))
            engine.run(count=WARM_UP_FRAMES)
        if axis == "messages a second":
            return _busy_ms(engine, frames, stack.enter_context(_client(engine)), value)
        return float(
            np.percentile(
                [engine.times.work_ms(newest=1).max for _ in engine.frames(count=frames)], FAST
            )
        )


def _busy_ms(engine: Engine, frames: int, sender: socket.socket, per_s: int) -> float:
    """CPU milliseconds of the process per frame while messages arrive, without those of sending
    them."""
    process, began_s, sent, sending_s = psutil.Process(), time.perf_counter(), 0, 0.0
    before = sum(process.cpu_times()[:2])
    for _ in engine.frames(count=frames):
        due, sending_from_s = round((time.perf_counter() - began_s) * per_s), time.thread_time()
        for number in range(sent, due):
            sender.send(encode_message(TARGETS[number % len(TARGETS)], number % 100 / 100))
        sent, sending_s = due, sending_s + time.thread_time() - sending_from_s
    return 1000.0 * (sum(process.cpu_times()[:2]) - before - sending_s) / frames


def _client(engine: Engine) -> socket.socket:
    assert engine.osc_address is not None
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(engine.osc_address)
    return client
