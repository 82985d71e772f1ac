"""Cost of previews for the picture, latency of a fader, and time to read all parameters.

The cost of previews is measured in alternating rounds with and without viewers, so that a machine that gets warm or
busy affects both. The viewers run in their own process and do not decode the pictures: in a show they are on other
machines.
"""

import bisect
import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from engine.app import Engine, open_engine
from engine.cli.benches.measuring import Progress, draw, percentiles, show_config
from engine.cli.benches.options import LoopBench
from engine.errors import MultiverseError
from engine.jobs.kit.options import option
from engine.system.worker_process import WorkerProcess

TURNS = 3
MAX_SETTLING_S = 2.0
ADDRESS = "/layer/1/angle"  # drawing costs the same at any value
MAX_WAIT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlBench(LoopBench):
    """Measure the cost of previews, the latency of a fader in a browser, and the time to read the parameter tree."""

    viewers: int = option(4, "Number of preview viewers.", low=1, high=16)
    preview_fps: int = option(30, "Pictures per second for each viewer.", low=1, high=60)
    seconds: float = option(30.0, "Length with and without viewers.", low=1.0)
    moves: int = option(60, "Fader moves, and requests for the tree.", low=2, high=1000)


def run(asked: ControlBench, progress: Progress) -> dict[str, Any]:
    """Measure; times in ms."""
    config = show_config(asked, osc={"listen": "127.0.0.1:0"}, web="127.0.0.1:0")
    turn_s = asked.seconds / TURNS
    with open_engine(config) as engine:
        order = {
            "url": engine.page_url,
            "viewers": asked.viewers,
            "fps": asked.preview_fps,
            "seconds": turn_s,
            "moves": asked.moves,
            "address": ADDRESS,
        }
        client = WorkerProcess("tests.benchmarks.control_client", "main()")
        client.send(json.dumps(order).encode() + b"\n")
        with ExitStack() as ending:
            ending.callback(client.end)
            progress("settling", 0.0)
            draw(engine, min(asked.seconds, MAX_SETTLING_S))
            _draw_until_line(engine, client)
            quiet_ms, watched_ms, pictures, size = [], [], [], 0
            for turn in range(TURNS):
                progress("without viewers", (2 * turn) / (2 * TURNS + 2))
                quiet_ms += draw(engine, turn_s)
                progress("with viewers", (2 * turn + 1) / (2 * TURNS + 2))
                seen, work_ms = _during(engine, client, "watch")
                watched_ms += work_ms
                pictures += seen["pictures"]
                size += seen["bytes"]
            quiet = percentiles(quiet_ms, frame_ms_p50_without=50, frame_ms_p99_without=99)
            watched = percentiles(watched_ms, frame_ms_p50_watched=50, frame_ms_p99_watched=99)
            result = progress.begin(
                {
                    "viewers": asked.viewers,
                    "pictures_a_second_a_viewer": round(sum(pictures) / len(pictures) / turn_s, 2),
                    "megabytes_a_second": round(size / 1e6 / asked.seconds, 2),
                    **quiet,
                    **watched,
                    "frame_p99_ratio": round(watched["frame_ms_p99_watched"] / quiet["frame_ms_p99_without"], 3),
                }
            )
            progress("whole tree", 2 * TURNS / (2 * TURNS + 2))
            tree, _ = _during(engine, client, "tree")
            result["tree_bytes"] = tree["bytes"]
            result |= percentiles(tree["waits_ms"], tree_ms_p50=50, tree_ms_p95=95)
            progress("fader", (2 * TURNS + 1) / (2 * TURNS + 3))
            fader, _ = _during(engine, client, "fader")
            result |= percentiles(fader["waits_ms"], fader_to_frame_ms_p50=50, fader_to_frame_ms_p95=95)
            progress("fader in a browser", (2 * TURNS + 2) / (2 * TURNS + 3))
            result["browser_to_frame"] = _moves_seen(engine, client)
        result["late"] = engine.times.late
    return result


def _during(engine: Engine, client: WorkerProcess, what: str) -> tuple[dict[str, Any], list[float]]:
    """The client's result for the command `what`, and the work time of each frame meanwhile, ms."""
    client.send(f"{what}\n".encode())
    line, work_ms = _draw_until_line(engine, client)
    if not line:
        raise MultiverseError("the preview's client program exited or hangs; its error is above")
    result: dict[str, Any] = json.loads(line)
    return result, work_ms


def _draw_until_line(
    engine: Engine, client: WorkerProcess, max_s: float = MAX_WAIT_S, drawn: Callable[[], None] = lambda: None
) -> tuple[bytes, list[float]]:
    """Draw until the client's next line; b"" if it sent none. Also returns the work time of each frame, ms. EOFError if
    it ended."""
    lines: list[bytes] = []

    def has_line() -> bool:
        if (line := client.receive(0.0)) is not None:
            lines.append(line)
        return bool(lines)

    work_ms = draw(engine, max_s, until=has_line, drawn=drawn)
    return lines[0] if lines else b"", work_ms


def _moves_seen(engine: Engine, client: WorkerProcess) -> dict[str, Any]:
    """Time from a key press on a fader of the page to the end of the first frame with the new value."""
    changed_s: list[float] = []
    values = [engine.params.get(ADDRESS)]
    client.send(b"browser\n")

    def keep_value() -> None:
        values.append(engine.params.get(ADDRESS))

    def keep_time() -> None:
        if values[-1] != values[-2]:
            changed_s.append(time.perf_counter())
        engine.post(keep_value)  # runs at the start of the next frame: reads its value

    engine.post(keep_value)
    line, _ = _draw_until_line(engine, client, 2 * MAX_WAIT_S, keep_time)
    result: dict[str, Any] = json.loads(line or '{"missing": "it has ended"}')
    if "missing" in result:
        return result
    waits_ms = []
    for pressed_s in result["pressed_s"]:
        at = bisect.bisect_right(changed_s, pressed_s)
        if at < len(changed_s):
            waits_ms.append((changed_s[at] - pressed_s) * 1000.0)
    return {"moves": len(waits_ms), **percentiles(waits_ms, ms_p50=50, ms_p95=95)}
