"""A shader that nobody has seen before, dropped into the folder and played over OSC, while the picture runs.

Turns with and without it alternate in one engine, so that other load on the machine affects both. A client process
writes the file, waits until the engine has found it, and chooses it; each time it is another text, which no cache
knows.

    quiet ─► file written ─► found ─► chosen ─► tested, compiled ─► first picture with it ─► played for a while ─► off
             └───────────────────── arriving ────────────────────┘                           └─ playing ─┘
"""

import gc
import json
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine.app import Engine, open_engine
from engine.bench.client_program import ClientProgram
from engine.bench.measuring import Progress, show_config
from engine.bench.options import LoopBench
from engine.errors import MultiverseError
from engine.jobs.kit.options import option
from engine.render.isf.parse import parse_isf
from tests.benchmarks.isf import SHADERS, unseen

SETTLING_S: Final = 3.0
PLAYED_S: Final = 1.0
MAX_ARRIVING_S: Final = 30.0
OFF_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveIsfBench(LoopBench):
    """Drop shaders that nobody has seen before into the folder of a running engine, and play them over OSC: time from a
    saved file to the picture, and frame times meanwhile, beside turns without a shader."""

    count: int = option(12, "Shaders.", low=1, metavar="COUNT")
    renderer: str = option("auto", "Renderer.", metavar="auto|gl|numba")


def run(asked: LiveIsfBench, progress: Progress) -> dict[str, Any]:
    """MultiverseError if a shader is refused."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        config = show_config(
            asked, renderer=asked.renderer, osc={"listen": "127.0.0.1:0"}, web="off", shaders=(folder,)
        )
        with open_engine(config) as engine:
            assert engine.osc_address is not None
            host, port = engine.osc_address
            with ClientProgram(Path(__file__).with_name("isf_client.py"), {"host": host, "port": port}) as client:
                show = _Show(engine, client, Path(folder))
                progress("settling", 0.0)
                gc.collect()
                gc.freeze()  # as `multiverse run` does
                show.draw("settling", SETTLING_S)
                show.wait_for_line()
                for turn in range(asked.count):
                    progress("without a shader", turn / asked.count)
                    show.draw("quiet", PLAYED_S)
                    progress("with a shader", (turn + 0.5) / asked.count)
                    show.turn(turn)
                    facts = {"size": str(asked.size), "fps": asked.fps, "renderer": engine.status().renderer}
                    progress.begin(facts | show.figures())
    return progress.found


@dataclass(slots=True)
class _Phase:
    work_ms: list[float] = field(default_factory=list)
    own_ms: list[float] = field(default_factory=list)
    """Processor time of the render thread, to which other programs add nothing."""
    late: int = 0
    dropped: int = 0


class _Show:
    def __init__(self, engine: Engine, client: ClientProgram, folder: Path) -> None:
        self._engine, self._client, self._folder = engine, client, folder
        self._fps = engine.status().target_fps
        self._frames = engine.frames()
        self._phases: dict[str, _Phase] = {}
        self._waits_s: dict[str, list[float]] = {"found": [], "playing": [], "shown": []}

    def turn(self, number: int) -> None:
        name, text = list(SHADERS.items())[number % len(SHADERS)]
        file = f"{name}_{number}"
        text = unseen(text)
        slot = "generator" if parse_isf(text, path=None).is_generator else "1"
        times = self._play({"path": str(self._folder / f"{file}.fs"), "text": text, "slot": slot, "file": file})
        self._waits_s["found"].append(times["sent_s"] - times["began_s"])
        self._waits_s["playing"].append(times["playing_s"] - times["sent_s"])
        self._waits_s["shown"].append(times["shown_s"] - times["began_s"])
        self.draw("playing", PLAYED_S)
        self._engine.params.set(f"/fx/{slot}/file", "", by="bench")
        self.draw("off", OFF_S)

    def _play(self, order: dict[str, Any]) -> dict[str, Any]:
        self._client.send(json.dumps(order))
        times: dict[str, Any] = {}
        end_s = time.perf_counter() + MAX_ARRIVING_S
        while time.perf_counter() < end_s:
            self._frame("arriving")
            if not times and (line := self._client.take()) is not None:
                times = json.loads(line or '{"error": "the client has ended; its error is above"}')
                if times["error"]:
                    raise MultiverseError(f"{order['file']}: {times['error']}")
            if times and self._drawn_ms(order["slot"]) > 0.0:
                return times | {"shown_s": time.perf_counter()}
        raise MultiverseError(f"{order['file']}: not in the picture after {MAX_ARRIVING_S:g} s")

    def draw(self, phase: str, seconds: float) -> None:
        for _ in range(round(seconds * self._fps)):
            self._frame(phase)

    def wait_for_line(self) -> None:
        while self._client.take() is None:
            self._frame("settling")

    def _frame(self, phase: str) -> None:
        at, times = self._phases.setdefault(phase, _Phase()), self._engine.times
        late, dropped = times.late, times.dropped
        began_s = time.thread_time()
        next(self._frames)
        at.own_ms.append((time.thread_time() - began_s) * 1000.0)
        at.work_ms.append(times.work_ms(newest=1).max)
        at.late += times.late - late
        at.dropped += times.dropped - dropped

    def _drawn_ms(self, slot: str) -> float:
        return next(each.draw_ms for each in self._engine.status().shaders if each.slot == slot)

    def figures(self) -> dict[str, Any]:
        waits = {
            f"{name}_s_{which}": round(float(np.percentile(waits_s, percent)), 3)
            for name, waits_s in self._waits_s.items()
            for which, percent in (("p50", 50), ("worst", 100))
        }
        return (
            waits
            | {"first_shown_s": round(self._waits_s["shown"][0], 3)}
            | {
                name: {
                    "frames": len(phase.work_ms),
                    "late": phase.late,
                    "dropped": phase.dropped,
                    "frame_ms_p50": round(float(np.percentile(phase.work_ms, 50)), 2),
                    "frame_ms_p99": round(float(np.percentile(phase.work_ms, 99)), 2),
                    "frame_ms_worst": round(max(phase.work_ms), 2),
                    "render_thread_ms_p99": round(float(np.percentile(phase.own_ms, 99)), 2),
                    "render_thread_ms_worst": round(max(phase.own_ms), 2),
                }
                for name, phase in self._phases.items()
            }
        )
