"""Times calls on a device: contenders in turn, and many short calls between two waits.

A wait for the device takes some ten microseconds, and so does the host before the first kernel runs. If each call is
timed alone, both are counted to it: a product of a millisecond looks slower than it is.
"""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

Call = Callable[[], Any]
RUN_S = 0.02
"""Least duration of the calls between two waits."""
MAX_CALLS = 100  # a run of calls that only queue work must end


def calls_a_run(call: Call, wait: Call, *, min_calls: int = 1, now_s: Callable[[], float] = time.perf_counter) -> int:
    """How many calls take `RUN_S`, from `min_calls` to `MAX_CALLS`. Calls twice; the first may do one-time work."""
    call()
    took_s = run_s(call, 1, wait, now_s)
    return max(min_calls, min(MAX_CALLS, math.ceil(RUN_S / max(took_s, RUN_S / MAX_CALLS))))


def run_s(call: Call, count: int, wait: Call, now_s: Callable[[], float] = time.perf_counter) -> float:
    """Seconds a call, of `count` calls one right after the other, the last one's work included."""
    wait()
    began_s = now_s()
    for _ in range(count):
        call()
    wait()
    return (now_s() - began_s) / count


def in_turn_s(
    calls: Mapping[str, Call],
    wait: Call,
    *,
    rounds: int,
    seconds: float = 0.0,
    min_calls: int = 1,
    now_s: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds a call of each contender, one figure a round; `rounds` of them, and as many as `seconds` allow. In a
    round each contender has one run, so that other load on the machine affects all of them."""
    counts = {name: calls_a_run(call, wait, min_calls=min_calls, now_s=now_s) for name, call in calls.items()}
    times_s: dict[str, list[float]] = {name: [] for name in calls}
    end_s, done = now_s() + seconds, 0
    while done < rounds or now_s() < end_s:
        for name, call in calls.items():
            times_s[name].append(run_s(call, counts[name], wait, now_s))
        done += 1
    return times_s
