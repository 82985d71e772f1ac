"""Overhead of a frame, jitter of the loop, time to the first picture, and memory growth."""

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from engine.app import open_engine
from engine.bench.progress import Progress
from engine.config import build_config
from engine.errors import MultiverseError
from engine.system.python_process import exit_reason

SINKS = ("null", "shared=bench")
SETTLED_AFTER = 0.25  # share of the run after which caches are warm and pools full
STARTS = 3
COMPILE = "from engine.render.numba_code import Compilation; Compilation(print).wait()"  # what a start has begun


def run(width: int, height: int, fps: float, seconds: float, progress: Progress) -> dict[str, Any]:
    """Measure a live loop with the demo sound, published to `null` and `shared`; times in ms, memory in MiB."""
    config = build_config({"width": width, "height": height, "fps": fps, "audio": "demo", "sinks": SINKS})
    process = psutil.Process()
    count = round(seconds * fps)
    with open_engine(config) as engine:
        settled_mib = 0.0
        for frame in engine.frames(count=count):
            if frame.index == round(count * SETTLED_AFTER):
                settled_mib = process.memory_info().rss / 2**20
            if frame.index % round(fps) == 0:
                progress("loop", frame.index / count)
        times, status = engine.times, engine.status()
        overhead, work = times.overhead_ms(), times.work_ms()
    return {
        "renderer": status.renderer,
        "frames": times.frames,
        "fps": round(times.fps_overall(), 3),
        "late": times.late,
        "dropped": times.dropped,
        "frame_ms_p50": round(work.p50, 3),
        "frame_ms_p99": round(work.p99, 3),
        "overhead_ms_p50": round(overhead.p50, 3),
        "overhead_ms_p99": round(overhead.p99, 3),
        "memory_growth_mib": round(process.memory_info().rss / 2**20 - settled_mib, 2),
        "memory_growth_over_s": round(seconds * (1 - SETTLED_AFTER), 1),
    }


def first_frame_s(width: int, height: int) -> float:
    """Seconds from the command to the end of a run of one frame, an upper bound. Best of three.

    MultiverseError with the engine's last line if it does not run.
    """
    return min(_one_frame_s(width, height) for _ in range(STARTS))


def cold_start(width: int, height: int) -> dict[str, Any]:
    """The same with Numba and no code from an earlier start; and how many functions are compiled then, and how many at
    the next start."""
    with TemporaryDirectory() as folder:
        cache = {"NUMBA_CACHE_DIR": folder}
        cold_s = _one_frame_s(width, height, "--renderer", "numba", **cache)
        subprocess.run([sys.executable, "-c", COMPILE], check=True, capture_output=True, env=os.environ | cache)
        compiled = _kept_functions(folder)
        next_s = _one_frame_s(width, height, "--renderer", "numba", **cache)
        return {
            "first_frame_s": cold_s,
            "functions_compiled": compiled,
            "first_frame_next_start_s": next_s,
            "functions_compiled_next_start": _kept_functions(folder) - compiled,
        }


def _one_frame_s(width: int, height: int, *options: str, **environment: str) -> float:
    command = [
        *(sys.executable, "-m", "engine.cli.main", "run", "--size", f"{width}x{height}", "--frames", "1", "--json"),
        *("--osc", "127.0.0.1:0", "--web", "127.0.0.1:0", "--audio", "demo", "--sink", "shared=bench", *options),
    ]
    started_s = time.perf_counter()
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", env=os.environ | environment
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise MultiverseError(f"an engine of one frame: {lines[-1] if lines else exit_reason(done.returncode)}")
    return round(time.perf_counter() - started_s, 3)


def _kept_functions(folder: str) -> int:
    return sum(1 for _ in Path(folder).rglob("*.nbc"))
