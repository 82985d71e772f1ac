"""The picture of what is prepared beside the show: what it costs the show, how soon it comes, and how often.

Rounds with and without a viewer alternate in one engine, so that other load on the machine affects both. Without a
viewer the process that draws it rests. A round with one is counted from its first picture on.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from engine.app import Engine, open_engine
from engine.bench.measuring import Progress, percentiles, show_config
from engine.bench.options import LoopBench
from engine.errors import ChildError
from engine.jobs.kit.options import option
from tests.web.socket_client import SocketClient

MAX_WAIT_S = 120.0
SETTLE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedBench(LoopBench):
    """Measure the picture of what is prepared, and what it costs the show."""

    seconds: float = option(60.0, "Length of all rounds together.", low=0.1, metavar="SECONDS")
    rounds: int = option(5, "Rounds with and without a viewer.", low=1, metavar="COUNT")
    look: str = option("Mandala", "The preset that is prepared.", metavar="NAME")
    renderer: str = option("auto", "Of both pictures.", metavar="auto|gl|numba")


@dataclass(slots=True)
class _Case:
    intervals_ms: list[float] = field(default_factory=list)
    late: int = 0
    dropped: int = 0
    pictures: int = 0
    seconds: float = 0.0


class _Viewer:
    """Counts the pictures that it receives."""

    def __init__(self, engine: Engine) -> None:
        page = urlsplit(str(engine.page_url))
        self._client = SocketClient((str(page.hostname), int(page.port or 0)), "/preview?picture=prepared&width=320")
        self.pictures = 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._client.close()
        self._thread.join(1.0)

    def _read(self) -> None:
        while True:
            try:
                self._client.read()
            except (OSError, ValueError):
                return
            self.pictures += 1


def run(asked: PreparedBench, progress: Progress) -> dict[str, Any]:
    """Raises ChildError if no picture comes within 2 minutes."""
    cases = {"without": _Case(), "with": _Case()}
    round_s, firsts_s = asked.seconds / asked.rounds / 2, list[float]()
    config = show_config(asked, web="127.0.0.1:0", renderer=asked.renderer)
    with open_engine(config) as engine:
        engine.desk.preset_control.prepare(asked.look)
        for turn in range(2 * asked.rounds):
            name = ("without", "with")[turn % 2]
            progress(name, turn / (2 * asked.rounds))
            _play_until(engine, _passed(SETTLE_S))
            if name == "without":
                _count(engine, cases[name], _passed(round_s))
                continue
            began_s = time.perf_counter()
            with closing(_Viewer(engine)) as viewer:
                _play_until(engine, lambda viewer=viewer: viewer.pictures > 0)
                firsts_s.append(time.perf_counter() - began_s)
                before = viewer.pictures
                _count(engine, cases[name], _passed(round_s))
                cases[name].pictures += viewer.pictures - before
        return {
            "renderer": engine.status().renderer,
            "size": str(asked.size),
            "fps": asked.fps,
            "cores": os.cpu_count(),
            "look": asked.look,
            "first_picture_s": round(firsts_s[0], 2),
            "pictures_a_second": round(cases["with"].pictures / cases["with"].seconds, 2),
            **{name: _figures(case) for name, case in cases.items()},
        }


def _passed(seconds: float) -> Callable[[], bool]:
    end_s = time.perf_counter() + seconds
    return lambda: time.perf_counter() >= end_s


def _play_until(engine: Engine, is_reached: Callable[[], bool]) -> None:
    is_over = _passed(MAX_WAIT_S)
    for _ in engine.frames():
        if is_reached():
            return
        if is_over():
            raise ChildError(f"no picture of what is prepared within {MAX_WAIT_S:.0f} s")


def _count(engine: Engine, case: _Case, is_over: Callable[[], bool]) -> None:
    times, late, dropped = engine.times, engine.times.late, engine.times.dropped
    before_s = began_s = time.perf_counter()
    for _ in engine.frames():
        now_s = time.perf_counter()
        case.intervals_ms.append((now_s - before_s) * 1000)
        before_s = now_s
        if is_over():
            break
    case.seconds += before_s - began_s
    case.late += times.late - late
    case.dropped += times.dropped - dropped


def _figures(case: _Case) -> dict[str, Any]:
    return {
        "frames": len(case.intervals_ms),
        **percentiles(case.intervals_ms, interval_ms_p50=50, interval_ms_p99=99, interval_ms_max=100),
        "late": case.late,
        "dropped": case.dropped,
    }
