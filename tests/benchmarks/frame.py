"""Cost of drawing by OpenGL and Numba, overhead of a frame, jitter of the loop, first picture,
memory growth.

`publish_ms` is the pass that only effects, a dissolve, a still and a limited picture need;
`lines_ms` a picture of four lines. Calls alternate in one run, so that a busy machine slows all of
them. Times are medians in ms.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil

import osc_schema
from engine.app import open_engine
from engine.errors import MultiverseError, RenderError
from engine.params.looks import PLAIN
from engine.render.contour_finder import ContourFinder
from engine.render.egl_devices import chosen_gpu
from engine.render.look import Look
from engine.render.opening import open_renderer
from engine.render.picture import DeckPicture, PictureInput, Renderer, fitted_size
from engine.system.python_process import command, exit_reason
from engine.values import ChannelFeatures, FrameId
from tests.benchmarks.measuring import Progress, draw, percentiles, show_config
from tests.benchmarks.options import RenderBench, Size

PITCHES_HZ = (110.0, 164.81, 220.0, 277.18)
WINDOW_S = 0.05
NUMBA_FRAMES = 15
WARM_UP_ROUNDS = 2
UNGUARDED = {"/safety/flash_guard": False}
EFFECTS = {f"/post/{name}": 0.5 for name in ("bloom", "glow", "chromatic", "vignette", "grain")}
LINES = {f"/layer/{n}/shape": "line" for n in range(1, 5)}
TINY_PX = 16  # so small that only overhead remains
SINKS = ("null", "shared=bench")
LOOP_ROUNDS = 5  # after the first one caches are warm and pools full
SETTLING_S = 0.1  # at the begin of each round; not measured
STARTS = 3
COMPILE = ("engine.render.numba_code", "Compilation(print).wait()")  # what a start has begun


def run(options: RenderBench, progress: Progress) -> dict[str, Any]:
    """Measure the renderers, then a start, then a live loop; with `cold` only two starts of
    Numba."""
    with chosen_gpu(options.gpu):
        if options.cold:
            progress("first frame", 0.0)
            return cold_start(options.size)
        result = renderers(options.size, options.frames, progress)
        progress("first frame", 0.5)
        # From the command to the end of a run of one frame: an upper bound.
        result["first_frame_s"] = min(_one_frame_s(options.size) for _ in range(STARTS))
        progress("loop", 0.6)
        result["loop"] = live_loop(options, progress)
        return result


def renderers(size: Size, frames: int, progress: Progress) -> dict[str, Any]:
    """Time each renderer on four plain waves of four tones. An unavailable one is listed with the
    reason."""
    result = progress.begin({"width": size.width, "height": size.height, "frames": frames})
    for number, (kind, measure) in enumerate({"gl": _gl, "numba": _numba}.items()):
        progress(kind, number / 4)
        try:
            renderer = open_renderer(kind, size.width, size.height)
        except RenderError as error:
            result[kind] = {"unavailable": str(error)}
            continue
        try:
            figures = measure(renderer, frames)
            result[kind] = {"renderer": renderer.description} | {
                name: round(ms, 4) for name, ms in figures.items()
            }
        finally:
            renderer.close()
    return result


def _gl(renderer: Renderer, frames: int) -> dict[str, float]:
    unguarded = WholeFrame(renderer, UNGUARDED)
    guarded = WholeFrame(renderer, {})
    with_effects = WholeFrame(renderer, UNGUARDED | EFFECTS)
    lines = WholeFrame(renderer, UNGUARDED | LINES)
    still = WholeFrame(renderer, UNGUARDED | {"/master/freeze": True})  # only published again
    ms = medians_ms(
        {
            "frame": unguarded.draw,
            "read": renderer.read_rgba,
            "still": still.draw,
            "effects": with_effects.draw,
            "lines": lines.draw,
            "contours": Contours(renderer).find,
            "read deep": renderer.read_rgba16,
        },
        frames,
    )
    renderer.resize(TINY_PX, TINY_PX)
    calls = {
        "frame": unguarded.draw,
        "still": still.draw,
        "guarded": guarded.draw,
        "lines": lines.draw,
    }
    host_ms = medians_ms(calls, frames)
    return _common_figures(ms, host_ms) | {
        "look_ms": ms["frame"] - host_ms["frame"],
        "host_ms": host_ms["frame"],
        "publish_ms": ms["still"] - host_ms["still"],
        "readback_ms": ms["read"],
        "readback_16_bit_ms": ms["read deep"],
    }


def _numba(renderer: Renderer, frames: int) -> dict[str, float]:
    unguarded = WholeFrame(renderer, UNGUARDED)
    guarded = WholeFrame(renderer, {})
    with_effects = WholeFrame(renderer, UNGUARDED | EFFECTS)
    lines = WholeFrame(renderer, UNGUARDED | LINES)
    calls = {"frame": unguarded.draw, "effects": with_effects.draw, "lines": lines.draw}
    ms = medians_ms(calls | {"contours": Contours(renderer).find}, min(frames, NUMBA_FRAMES))
    renderer.resize(TINY_PX, TINY_PX)
    host_ms = medians_ms(
        {"frame": unguarded.draw, "guarded": guarded.draw, "lines": lines.draw}, frames
    )
    return _common_figures(ms, host_ms)


def _common_figures(ms: Mapping[str, float], host_ms: Mapping[str, float]) -> dict[str, float]:
    return {
        "multiverse_ms": ms["frame"],
        "lines_ms": ms["lines"],
        "lines_host_ms": host_ms["lines"],
        "post_effects_ms": ms["effects"] - ms["frame"],
        "contours_ms": ms["contours"],
        "flash_guard_ms": host_ms["guarded"] - host_ms["frame"],
        "all_but_pixels_ms": host_ms["guarded"],
    }


class WholeFrame:
    """A whole frame as the frame loop draws it: look, upload, draw, wait."""

    def __init__(self, renderer: Renderer, changes: dict[str, Any]) -> None:
        self._renderer = renderer
        self._values = plain_values() | changes
        self._waves = tones()
        self._features = tuple(ChannelFeatures(pitch_hz=pitch) for pitch in PITCHES_HZ)
        self._frame_count = 0

    def draw(self) -> None:
        of_deck = DeckPicture(
            deck=1,
            look=Look.from_values(self._values),
            waves=self._waves,
            features=self._features,
            layer5=None,
            region=None,
            time_s=self._frame_count / 60,
        )
        self._frame_count += 1
        self._renderer.draw(PictureInput(on_air=of_deck))
        self._renderer.wait()


class Contours:
    """Measures the work for one result of contours with outlines, on both threads; by default ten
    per second."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._count = 0
        self.size_px = renderer.read_rgba().shape[1::-1]
        self._values = plain_values() | {
            "/contour/count": 8,
            "/contour/overlay": 1.0,
            "/contour/threshold": 0.2,
        }
        self._finder = ContourFinder(lambda *message: None, lambda key, line: None, is_offline=True)

    def find(self) -> None:
        self._count += 1
        self._finder.outlines(self._values, self.size_px)
        self._finder.follow(
            self._values, self, FrameId(index=self._count, time_s=float(self._count)), None
        )

    def read_look(self, longest_px: int) -> np.ndarray:
        return self._renderer.read_behind(fitted_size(self.size_px, longest_px), is_bare=True)


def tones() -> np.ndarray:
    """Four sines in the analyser's format, (4, 1024) float32."""
    time_s = np.arange(1024) / 1024 * WINDOW_S
    return np.stack([0.7 * np.sin(2 * np.pi * pitch * time_s) for pitch in PITCHES_HZ]).astype(
        np.float32
    )


def plain_values() -> dict[str, Any]:
    return {param.address: param.default for param in osc_schema.PARAMS} | PLAIN


def medians_ms(calls: Mapping[str, Callable[[], object]], frames: int) -> dict[str, float]:
    """The median of each call, in alternating rounds, after two that do not count."""
    times_ms: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(frames + WARM_UP_ROUNDS):
        for name, call in calls.items():
            began_s = time.perf_counter()
            call()
            times_ms[name].append((time.perf_counter() - began_s) * 1000.0)
    return {name: median(own_ms[WARM_UP_ROUNDS:]) for name, own_ms in times_ms.items()}


def live_loop(options: RenderBench, progress: Progress) -> dict[str, Any]:
    """Measure a live loop with the demo sound, published to `null` and `shared`; times in ms,
    memory in MiB. Quiet rounds alternate with loaded ones, in which another program keeps each core
    busy."""
    process = psutil.Process()
    cores = os.cpu_count() or 1
    settled_mib = 0.0
    times_ms: tuple[list[tuple[float, float]], ...] = ([], [])  # quiet and loaded: work, overhead
    missed = np.zeros((2, 2), int)  # late, dropped
    with open_engine(show_config(options, sinks=SINKS)) as engine:
        for number in range(LOOP_ROUNDS):
            for load, own_ms in enumerate(times_ms):
                progress("loop", 0.6 + 0.2 * (2 * number + load) / LOOP_ROUNDS)
                with busy_programs(load * cores):
                    draw(engine, SETTLING_S)
                    missed[load] -= engine.times.late, engine.times.dropped
                    for _ in engine.frames(
                        count=round(options.seconds / LOOP_ROUNDS * options.fps)
                    ):
                        own_ms.append(
                            (
                                engine.times.work_ms(newest=1).max,
                                engine.times.overhead_ms(newest=1).max,
                            )
                        )
                    missed[load] += engine.times.late, engine.times.dropped
            settled_mib = settled_mib or process.memory_info().rss / 2**20
        renderer = engine.status().renderer
    quiet, loaded = map(_loop_figures, times_ms, missed.tolist())
    return {
        "renderer": renderer,
        **quiet,
        "loaded": {"cores_kept_busy": cores, **loaded},
        "memory_growth_mib": round(process.memory_info().rss / 2**20 - settled_mib, 2),
        "memory_growth_over_s": round(2 * options.seconds * (1 - 1 / LOOP_ROUNDS), 1),
    }


def _loop_figures(times_ms: list[tuple[float, float]], missed: list[int]) -> dict[str, float]:
    work_ms, overhead_ms = zip(*times_ms, strict=True)
    figures = percentiles(work_ms, frame_ms_p50=50, frame_ms_p99=99)
    figures |= percentiles(overhead_ms, overhead_ms_p50=50, overhead_ms_p99=99)
    return {"frames": len(times_ms), "late": missed[0], "dropped": missed[1], **figures}


def cold_start(size: Size) -> dict[str, Any]:
    """Seconds to Numba's first frame without compiled code, and at the next start; functions that
    each compiles."""
    with TemporaryDirectory() as folder:
        cache = {"NUMBA_CACHE_DIR": folder}
        cold_s = _one_frame_s(size, "--renderer", "numba", **cache)
        subprocess.run(command(*COMPILE), check=True, capture_output=True, env=os.environ | cache)
        compiled = _cached_functions(folder)
        next_s = _one_frame_s(size, "--renderer", "numba", **cache)
        return {
            "first_frame_s": cold_s,
            "functions_compiled": compiled,
            "first_frame_next_start_s": next_s,
            "functions_compiled_next_start": _cached_functions(folder) - compiled,
        }


def _one_frame_s(size: Size, *options: str, **environment: str) -> float:
    """MultiverseError with the engine's last line if it does not run."""
    program = [
        *(
            *command("engine.cli.main", "main()"),
            "run",
            "--size",
            str(size),
            "--frames",
            "1",
            "--json",
        ),
        *(
            "--osc",
            "127.0.0.1:0",
            "--web",
            "127.0.0.1:0",
            "--audio",
            "demo",
            "--sink",
            "shared=bench",
            *options,
        ),
    ]
    started_s = time.perf_counter()
    done = subprocess.run(
        program,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env=os.environ | environment,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise MultiverseError(
            f"an engine of one frame: {lines[-1] if lines else exit_reason(done.returncode)}"
        )
    return round(time.perf_counter() - started_s, 3)


def _cached_functions(folder: str) -> int:
    return sum(1 for _ in Path(folder).rglob("*.code"))


@contextmanager
def busy_programs(count: int) -> Iterator[None]:
    """Keep `count` cores busy."""
    programs = [
        subprocess.Popen([sys.executable, "-P", "-c", "while True: pass"]) for _ in range(count)
    ]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()
