"""What the people at the faders notice: what their previews cost the picture, how soon a move is seen, how soon a
program knows every parameter.

The previews' cost is told by turns of equal length with and without viewers, so that a machine that grows warm or busy
counts on both sides. Viewers are a program of their own and do not decode what they get: in a show they are on other
machines.
"""

import bisect
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

from engine.app import Engine, open_engine
from engine.bench.progress import Progress
from engine.bench.told_lines import ToldLines
from engine.config import build_config
from engine.errors import MultiverseError
from engine.system.python_process import utf8_environment

TURNS = 3
MAX_SETTLING_S = 2.0
ADDRESS = "/layer/1/angle"  # costs the picture the same at any value
MAX_WAIT_S = 60.0


def run(
    viewers: int,
    preview_fps: int,
    seconds: float,
    moves: int,
    width: int,
    height: int,
    fps: float,
    progress: Progress,
) -> dict[str, Any]:
    """Figures of one run; times in ms. `seconds` with viewers and as many without; `moves` of a fader of each kind, and
    questions."""
    config = build_config(
        {
            "width": width,
            "height": height,
            "fps": fps,
            "audio": "demo",
            "sinks": ("null",),
            "osc": {"listen": "127.0.0.1:0"},
            "web": "127.0.0.1:0",
        }
    )
    turn_s = seconds / TURNS
    with open_engine(config) as engine:
        order = {
            "url": engine.page_url,
            "viewers": viewers,
            "fps": preview_fps,
            "seconds": turn_s,
            "moves": moves,
            "address": ADDRESS,
        }
        with _client(order) as client, contextlib.closing(client.stdin):
            loop = _Loop(engine, client)
            progress("settling", 0.0)
            loop.draw(min(seconds, MAX_SETTLING_S))
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
            progress("whole tree", 2 * TURNS / (2 * TURNS + 2))
            tree, _ = loop.during("tree")
            progress("fader", (2 * TURNS + 1) / (2 * TURNS + 3))
            fader, _ = loop.during("fader")
            progress("fader in a browser", (2 * TURNS + 2) / (2 * TURNS + 3))
            browser = loop.moves_seen()
            client.stdin.close()
            loop.draw_until_over()
        times = engine.times
    tree_p50, tree_p95 = np.percentile(tree["waits_ms"], (50, 95))
    fader_p50, fader_p95 = np.percentile(fader["waits_ms"], (50, 95))
    quiet_p50, quiet_p99 = np.percentile(quiet_ms, (50, 99))
    watched_p50, watched_p99 = np.percentile(watched_ms, (50, 99))
    return {
        "viewers": viewers,
        "pictures_a_second_a_viewer": round(sum(pictures) / len(pictures) / turn_s, 2),
        "megabytes_a_second": round(size / 1e6 / seconds, 2),
        "frame_ms_p50_without": round(float(quiet_p50), 3),
        "frame_ms_p50_watched": round(float(watched_p50), 3),
        "frame_ms_p99_without": round(float(quiet_p99), 3),
        "frame_ms_p99_watched": round(float(watched_p99), 3),
        "frame_p99_ratio": round(float(watched_p99 / quiet_p99), 3),
        "late": times.late,
        "tree_bytes": tree["bytes"],
        "tree_ms_p50": round(float(tree_p50), 3),
        "tree_ms_p95": round(float(tree_p95), 3),
        "fader_to_frame_ms_p50": round(float(fader_p50), 3),
        "fader_to_frame_ms_p95": round(float(fader_p95), 3),
        "browser_to_frame": browser,
    }


class _Loop:
    """Draws frames, keeps how long the work of each took, and has the client do things meanwhile."""

    def __init__(self, engine: Engine, client: subprocess.Popen[str]) -> None:
        self._engine = engine
        self._client = client
        self._fps = engine.status().target_fps
        self._told = ToldLines(client.stdout)

    def _draw_until_told(self, seconds: float, drawn: Callable[[], None] = lambda: None) -> str:
        """The client's next line, "" when it has ended or says nothing; `drawn()` is called after each frame."""
        for _ in self._engine.frames(count=round(seconds * self._fps)):
            drawn()
            line = self._told.take()
            if line is not None:
                return line
        return ""

    def draw(self, seconds: float) -> list[float]:
        """Milliseconds of work of each frame within `seconds`."""
        frames = self._engine.frames(count=round(seconds * self._fps))
        return [self._engine.times.work_ms(newest=1).max for _ in frames]

    def during(self, what: str) -> tuple[dict[str, Any], list[float]]:
        """What the client tells of it, and the milliseconds of work of each frame until then."""
        self._client.stdin.write(f"{what}\n")
        self._client.stdin.flush()
        work_ms: list[float] = []
        line = self._draw_until_told(MAX_WAIT_S, lambda: work_ms.append(self._engine.times.work_ms(newest=1).max))
        if not line:
            raise MultiverseError("the program that looks at the preview has ended or hangs; its error is above")
        return json.loads(line), work_ms

    def moves_seen(self) -> dict[str, Any]:
        """From a key pressed on a fader of the page to the end of the first frame drawn with another value."""
        changed_s: list[float] = []
        values = [self._engine.params.get(ADDRESS)]
        self._client.stdin.write("browser\n")
        self._client.stdin.flush()

        def keep_value() -> None:
            values.append(self._engine.params.get(ADDRESS))

        def keep_time() -> None:
            if values[-1] != values[-2]:
                changed_s.append(time.perf_counter())
            self._engine.post(keep_value)  # at the start of the next frame: what that frame is drawn with

        self._engine.post(keep_value)
        told = json.loads(self._draw_until_told(2 * MAX_WAIT_S, keep_time) or '{"missing": "it has ended"}')
        if "missing" in told:
            return told
        waits_ms = []
        for pressed_s in told["pressed_s"]:
            at = bisect.bisect_right(changed_s, pressed_s)
            if at < len(changed_s):
                waits_ms.append((changed_s[at] - pressed_s) * 1000.0)
        p50, p95 = np.percentile(waits_ms, (50, 95))
        return {"moves": len(waits_ms), "ms_p50": round(float(p50), 3), "ms_p95": round(float(p95), 3)}

    def wait_for_line(self) -> None:
        self._draw_until_told(MAX_WAIT_S)

    def draw_until_over(self) -> None:
        for _ in self._engine.frames(count=round(MAX_WAIT_S * self._fps)):
            if self._client.poll() is not None:
                return


def _client(order: dict[str, Any]) -> subprocess.Popen[str]:
    program = Path(__file__).with_name("control_client.py")
    client = subprocess.Popen(
        [sys.executable, str(program)],
        env={**os.environ, **utf8_environment()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    client.stdin.write(json.dumps(order) + "\n")
    client.stdin.flush()
    return client
