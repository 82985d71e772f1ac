"""Effect of a busy child on the picture: the same engine with a child stopped, idle, working, and killed.

The cases alternate in one engine, several rounds each, so that other load on the machine affects all of them. The child
works on the Multiverse; without a child its last result stays in the picture, so that all cases draw the same.
The important figure is the interval between published pictures. The time of the draw itself is reported too, because
processes share the GPU and the caches. At the end prompts are launched on the beat (`on_beat.py`).
"""

import os
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.app import Engine, open_engine
from engine.children.supervisor import Supervisor
from engine.cli.benches.measuring import Progress, percentiles, show_config
from engine.cli.benches.on_beat import measure_launches, still_picture
from engine.cli.benches.options import IsolationBench
from engine.errors import ChildError

SETTLE_S = 0.5  # after a change, before anything is counted
KILL_EVERY_S = 1.0
MAX_LOAD_S = 300.0


@dataclass(slots=True)
class ChildLoad:
    name: str
    params: dict[str, Any]
    has_child: bool = True
    is_killed: bool = False
    intervals_ms: list[float] = field(default_factory=list)
    draws_ms: list[float] = field(default_factory=list)
    late: int = 0
    dropped: int = 0
    results: int = 0
    seconds: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)


def child_loads() -> list[ChildLoad]:
    work = {"/sd/paused": False, "/sd/gate": True, "/sd/duty_auto": True}
    full = work | {"/sd/duty_auto": False, "/sd/duty": 1.0}
    return [
        ChildLoad("no_child", {}, has_child=False),
        ChildLoad("idle_child", {"/sd/paused": True}),
        ChildLoad("busy_child", work),
        ChildLoad("busy_child_at_full_duty", full),
        ChildLoad("busy_child_without_gate", full | {"/sd/gate": False}),
        ChildLoad("child_killed_every_second", work, is_killed=True),
    ]


def run(asked: IsolationBench, progress: Progress) -> dict[str, Any]:
    """Measure each case, in several rounds. If it ends early, the cases played so far are handed over.

    Raises ChildError if the model does not start.
    """
    params = {"/sd/source": "multiverse", "/layer/5/intensity": 0.5}
    params |= {"/sd/width": asked.sd_size.width, "/sd/height": asked.sd_size.height}
    played = child_loads()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        model = {"model": asked.model, "device": asked.device, "video": still_picture(Path(folder, "still.png"))}
        config = show_config(asked, sinks=("null", "shared=bench"), sd=model, params=params)
        engine = stack.enter_context(open_engine(config))
        child = engine.children["sd"]
        progress("loading the model", 0.0)
        _draw_until(engine, child, lambda: child.status().results > 0 or child.status().state == "failed")
        steps = asked.rounds * len(played)
        for step in range(steps):
            case = played[step % len(played)]
            progress(case.name.replace("_", " "), step / steps)
            _prepare(engine, child, case)
            _play(engine, child, case, asked.seconds / asked.rounds)
            progress.begin(_report(played[: step + 1], asked, engine.status().renderer))
        if asked.launches:
            progress("prompts on the beat", 1.0)
            _prepare(engine, child, played[2])
            progress.found["on_the_beat"] = measure_launches(engine, asked.launches)
    return progress.found


def _report(played: list[ChildLoad], asked: IsolationBench, renderer: str) -> dict[str, Any]:
    """The figures of the cases that were played, the one without a child first."""
    facts: dict[str, Any] = {}
    for case in played[1:3]:  # idle and busy: what is known of a slice is known to a busy child
        facts |= case.facts
    measured = {fact: facts.get(fact) for fact in ("family", "size", "device", "dtype")}
    measured["slice_ms_p99"] = facts.get("slice_p99_ms")
    result: dict[str, Any] = {
        "renderer": renderer,
        "size": str(asked.size),
        "fps": asked.fps,
        "sd": {"model": asked.model, **measured},
        "cores": os.cpu_count(),
        "scenes": {case.name: _figures(case) for case in played},
    }
    quiet = result["scenes"]["no_child"]["interval_ms_p99"]
    result["interval_p99_ratio"] = {
        case.name: round(result["scenes"][case.name]["interval_ms_p99"] / quiet, 3) for case in played[1:]
    }
    if measured["device"] in ("cpu", "mps"):
        result["unverified"] = "without a device: GPU contention, the gate and slices on a GPU, duty auto beside GL"
    return result


def _prepare(engine: Engine, child: Supervisor, case: ChildLoad) -> None:
    """Set up the case while drawing."""
    engine.params.set_many(case.params.items(), by="bench")
    if not case.has_child:
        child.stop()
        _draw_until(engine, child, lambda: child.status().state == "off")
    elif not child.status().is_at_work:
        child.start()
        _draw_until(engine, child, lambda: child.status().is_at_work or child.status().state == "failed")
        if child.status().state == "failed":
            raise ChildError(f"the child did not start: {child.status().detail}")
    end_s = time.perf_counter() + SETTLE_S
    _draw_until(engine, child, lambda: time.perf_counter() >= end_s)


def _draw_until(engine: Engine, child: Supervisor, is_reached: Callable[[], bool]) -> None:
    end_s = time.perf_counter() + MAX_LOAD_S
    for _ in engine.frames():
        if is_reached():
            return
        if time.perf_counter() > end_s:
            raise ChildError(f"the child is not ready after {MAX_LOAD_S:.0f} s: {child.status()}")


def _play(engine: Engine, child: Supervisor, case: ChildLoad, seconds: float) -> None:
    """Draw for `seconds`, counted from the first picture."""
    times = engine.times
    late, dropped, results = times.late, times.dropped, child.status().results
    published = (time.perf_counter() for _ in engine.frames())
    before_s = kill_s = started_s = next(published)
    for now_s in published:
        case.intervals_ms.append((now_s - before_s) * 1000)
        case.draws_ms.append(times.draw_ms(1).max)
        before_s = now_s
        if case.is_killed and now_s - kill_s >= KILL_EVERY_S:
            kill_s = now_s
            if pid := child.status().pid:
                with suppress(ProcessLookupError):  # it died meanwhile
                    os.kill(pid, signal.SIGKILL)
        if now_s - started_s >= seconds:
            break
    case.late += times.late - late
    case.dropped += times.dropped - dropped
    case.results += child.status().results - results
    case.seconds += before_s - started_s
    case.facts = dict(child.status().facts)


def _figures(case: ChildLoad) -> dict[str, Any]:
    return {
        "frames": len(case.intervals_ms),
        **percentiles(case.intervals_ms, interval_ms_p50=50, interval_ms_p99=99, interval_ms_max=100),
        **percentiles(case.draws_ms, draw_ms_p50=50, draw_ms_p99=99),
        "late": case.late,
        "dropped": case.dropped,
        "sd_pictures_a_second": round(case.results / case.seconds, 2),
    }
