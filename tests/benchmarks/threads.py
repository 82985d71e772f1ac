"""Compares OpenMP's wait policies (engine/system/openmp.py): the same work on an idle and on a busy machine.

Each kind of work is measured with each policy, in its own process, because the library reads the environment once.
Quiet and busy rounds alternate, so that other load affects both. In busy rounds one process per core runs a loop.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.cli.benches.measuring import FAILED, Progress, in_own_process
from engine.cli.benches.options import one_of
from engine.errors import ModelError
from engine.jobs.kit.options import option
from engine.system import openmp
from osc_schema.sd import default_of

POLICIES: Mapping[str, Mapping[str, str]] = {
    "spin (library default)": {"GOMP_SPINCOUNT": "300000", "KMP_BLOCKTIME": "200"},
    "brief spin": openmp.BRIEF_SPIN,
    "sleep": openmp.SLEEP,
}
POLICY_IN_USE = {"paint": "brief spin", "find": "brief spin", "convert": "brief spin", "draw": "sleep"}
"""The policy that the engine uses for each kind of work."""
ROUNDS = 3
WARM_UP_CALLS = 3
SIDE_PX = 256
SOUND_S = 4.0
DRAWN_PX = (1280, 720)
# Ends when its parent process ends, for any reason.
BUSY = """import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0))).start()
while True: pass"""

Work = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadsBench:
    """Compare OpenMP's wait policies for models and Numba, on an idle and on a busy machine."""

    kind: tuple[str, ...] = option(
        tuple(POLICY_IN_USE),
        "Repeatable. (default: all)",
        metavar="paint|find|convert|draw",
        parse=one_of(*POLICY_IN_USE),
    )
    seconds: float = option(12.0, "Length of each kind and policy, half quiet, half busy.", low=0.1, metavar="SECONDS")
    threads: int = option(os.cpu_count() or 1, "(default: the machine's cores)", low=1, shows_default=False)


def run(asked: ThreadsBench, progress: Progress) -> dict[str, Any]:
    """Calls per second of each kind of work and wait policy, quiet and busy; the median of three rounds."""
    result = progress.begin({"cores": os.cpu_count(), "threads": asked.threads, "busy_processes": os.cpu_count()})
    steps = [(kind, way) for kind in dict.fromkeys(asked.kind) for way in POLICIES]
    for done, (kind, way) in enumerate(steps):
        progress(f"{kind}: {way}", done / len(steps))
        measured = in_own_process(_measure, replace(asked, kind=(kind,)), Progress(), waiting=POLICIES[way])
        if FAILED in measured:
            raise ModelError(f"{kind}, {way}: {measured[FAILED]['reason']}")
        result.setdefault(kind, {"used": POLICY_IN_USE[kind]})[way] = measured
    return result


def _measure(asked: ThreadsBench, progress: Progress) -> dict[str, Any]:
    (kind,) = asked.kind
    work = WORK[kind](asked.threads)
    for _ in range(WARM_UP_CALLS):
        work()
    rates: dict[str, list[float]] = {"quiet_per_s": [], "busy_per_s": []}
    for _ in range(ROUNDS):
        rates["quiet_per_s"].append(_rate(work, asked.seconds / 2 / ROUNDS))
        with _busy_neighbours():
            rates["busy_per_s"].append(_rate(work, asked.seconds / 2 / ROUNDS))
    figures = {name: round(float(np.median(each)), 3) for name, each in rates.items()}
    return figures | {"share_kept": round(figures["busy_per_s"] / figures["quiet_per_s"], 3)}


def _rate(work: Work, seconds: float) -> float:
    calls, began_s = 0, time.perf_counter()
    while (took_s := time.perf_counter() - began_s) < seconds or not calls:
        work()
        calls += 1
    return calls / took_s


@contextmanager
def _busy_neighbours() -> Iterator[None]:
    with ExitStack() as ended:
        for _ in range(os.cpu_count() or 1):
            process = subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE)
            ended.enter_context(process)  # waits for its exit
            ended.callback(process.kill)
        yield


def _paint(threads: int) -> Work:
    """Paint a picture with a tiny diffusion model, one step."""
    from engine.live.sd.painter import Painter
    from engine.live.sd.settings import read_settings
    from engine.models.device_work import use_threads
    from engine.models.places import place_for
    from engine.models.sd.shapes import build

    use_threads(threads)
    place = place_for("cpu")
    painter = Painter(build("tiny", place.device, place.dtype), note=lambda key, line: None)
    values = {
        "/sd/prompt": "a forest",
        "/sd/width": SIDE_PX,
        "/sd/height": SIDE_PX,
        "/sd/steps": 2,
        "/sd/strength": default_of("strength"),
    }
    painter.take(read_settings(values))
    picture = np.random.default_rng(0).integers(0, 256, (SIDE_PX, SIDE_PX, 3), np.uint8)
    return lambda: painter.paint(picture)


def _find(threads: int) -> Work:
    """Find objects in a picture with a tiny SAM3."""
    from engine.models.device_work import use_threads
    from engine.models.places import place_for
    from engine.models.sam3.segmenter import Segmenter
    from engine.models.sam3.shapes import build

    use_threads(threads)
    place = place_for("cpu")
    segmenter = Segmenter(build("tiny", 336, place.device, place.dtype, has_tracker=False, objects=4))
    segmenter.mode, segmenter.threshold, segmenter.max_objects = "image", 0.5, 4
    segmenter.set_prompts(("person",))
    picture = np.random.default_rng(0).integers(0, 256, (1, 360, 640, 3), np.uint8)
    return lambda: segmenter.segment(picture)


def _convert(threads: int) -> Work:
    """Convert four seconds of speech with a tiny voice model."""
    from engine.cli.benches.rvc import spoken
    from engine.models.device_work import use_threads
    from engine.models.places import place_for
    from engine.models.rvc.load import load
    from engine.models.rvc.offline import VoiceConverter
    from engine.models.rvc.optimization import OptimizationConfig
    from engine.models.rvc.spec import RANDOM, VoiceSettings, VoiceSpec

    use_threads(threads)
    place = place_for("cpu")
    model = load(VoiceSpec(model=f"{RANDOM}tiny", index=""), place.device, place.dtype_name)
    converter = VoiceConverter(model, VoiceSettings(), OptimizationConfig.for_device("cpu"))
    sound = spoken(SOUND_S, 16_000)
    return lambda: converter.convert_sound(sound)


def _draw(threads: int) -> Work:
    """Draw the Multiverse at 720p with Numba."""
    import numba

    from engine.cli.benches.render import WholeFrame
    from engine.render import open_renderer

    renderer = open_renderer("numba", *DRAWN_PX)
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]  # made from the environment
    return WholeFrame(renderer, {}).draw


WORK: Mapping[str, Callable[[int], Work]] = {"paint": _paint, "find": _find, "convert": _convert, "draw": _draw}
