"""Cost of previews for the picture, latency of a fader, and time to read all parameters.

The cost of previews is measured in alternating rounds with and without viewers, so that a machine that gets warm or
busy affects both. The viewers run in their own process and do not decode the pictures: in a show they are on other
machines.
"""

import bisect
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.app import Engine, open_engine
from engine.bench.client_program import ClientProgram
from engine.bench.measuring import Progress, percentiles, show_config
from engine.bench.options import ControlBench
from engine.errors import MultiverseError

TURNS = 3
MAX_SETTLING_S = 2.0
ADDRESS = "/layer/1/angle"  # drawing costs the same at any value
MAX_WAIT_S = 60.0


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
        with ClientProgram(Path(__file__).with_name("control_client.py"), order) as client:
            loop = _Loop(engine, client)
            progress("settling", 0.0)
            loop.draw(min(asked.seconds, MAX_SETTLING_S))
            loop.wait_for_line()
            quiet_ms, watched_ms, pictures, size = [], [], [], 0
            for turn in range(TURNS):
                progress("without viewers", (2 * turn) / (2 * TURNS + 2))
                quiet_ms += loop.draw(turn_s)
                progress("with viewers", (2 * turn + 1) / (2 * TURNS + 2))
                seen, work_ms = loop.during("watch")
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
            tree, _ = loop.during("tree")
            result["tree_bytes"] = tree["bytes"]
            result |= percentiles(tree["waits_ms"], tree_ms_p50=50, tree_ms_p95=95)
            progress("fader", (2 * TURNS + 1) / (2 * TURNS + 3))
            fader, _ = loop.during("fader")
            result |= percentiles(fader["waits_ms"], fader_to_frame_ms_p50=50, fader_to_frame_ms_p95=95)
            progress("fader in a browser", (2 * TURNS + 2) / (2 * TURNS + 3))
            result["browser_to_frame"] = loop.moves_seen()
            client.close_input()
            loop.draw_until_client_ended()
        result["late"] = engine.times.late
    return result


class _Loop:
    """Draws frames, records the work time of each, and drives the client meanwhile."""

    def __init__(self, engine: Engine, client: ClientProgram) -> None:
        self._engine = engine
        self._client = client
        self._fps = engine.status().target_fps

    def _draw_until_line(self, seconds: float, drawn: Callable[[], None] = lambda: None) -> str:
        """Draw until the client's next line; "" if it ended or sent none. Calls `drawn()` after each frame."""
        for _ in self._engine.frames(count=round(seconds * self._fps)):
            drawn()
            line = self._client.take()
            if line is not None:
                return line
        return ""

    def draw(self, seconds: float) -> list[float]:
        """Milliseconds of work of each frame within `seconds`."""
        frames = self._engine.frames(count=round(seconds * self._fps))
        return [self._engine.times.work_ms(newest=1).max for _ in frames]

    def during(self, what: str) -> tuple[dict[str, Any], list[float]]:
        """The client's result for the command `what`, and the work time of each frame meanwhile, ms."""
        self._client.send(what)
        work_ms: list[float] = []
        line = self._draw_until_line(MAX_WAIT_S, lambda: work_ms.append(self._engine.times.work_ms(newest=1).max))
        if not line:
            raise MultiverseError("the preview's client program exited or hangs; its error is above")
        result: dict[str, Any] = json.loads(line)
        return result, work_ms

    def moves_seen(self) -> dict[str, Any]:
        """Time from a key press on a fader of the page to the end of the first frame with the new value."""
        changed_s: list[float] = []
        values = [self._engine.params.get(ADDRESS)]
        self._client.send("browser")

        def keep_value() -> None:
            values.append(self._engine.params.get(ADDRESS))

        def keep_time() -> None:
            if values[-1] != values[-2]:
                changed_s.append(time.perf_counter())
            self._engine.post(keep_value)  # runs at the start of the next frame: reads its value

        self._engine.post(keep_value)
        result: dict[str, Any] = json.loads(
            self._draw_until_line(2 * MAX_WAIT_S, keep_time) or '{"missing": "it has ended"}'
        )
        if "missing" in result:
            return result
        waits_ms = []
        for pressed_s in result["pressed_s"]:
            at = bisect.bisect_right(changed_s, pressed_s)
            if at < len(changed_s):
                waits_ms.append((changed_s[at] - pressed_s) * 1000.0)
        return {"moves": len(waits_ms), **percentiles(waits_ms, ms_p50=50, ms_p95=95)}

    def wait_for_line(self) -> None:
        self._draw_until_line(MAX_WAIT_S)

    def draw_until_client_ended(self) -> None:
        for _ in self._engine.frames(count=round(MAX_WAIT_S * self._fps)):
            if self._client.has_ended:
                return
