"""Effect of a busy child on the picture: the same engine with a child stopped, idle, working, and
killed.

The cases alternate in one engine, several rounds each, so that other load on the machine affects
all of them. The child works on the Multiverse; without a child its last result stays in the
picture, so that all cases draw the same. The important figure is the interval between published
pictures. The time of the draw itself is reported too, because processes share the GPU and the
caches. At the end prompts and seeds are launched on the beat, and the frames counted from the
beat's frame to the first one whose picture differs.
"""

import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import psutil

from engine.app import Engine, open_engine
from engine.children.supervisor import Supervisor
from engine.control.outgoing.sender import Sender
from engine.errors import ChildError
from engine.jobs.kit.options import DEVICES, option
from engine.osc.encode import encode_message
from engine.params.looks import PLAIN
from engine.values import PublishedFrame
from tests.benchmarks.measuring import Progress, percentiles, show_config
from tests.benchmarks.options import LoopBench, Size, read_size

SETTLE_S = 0.5  # after a change, before anything is counted
KILL_EVERY_S = 1.0
MAX_LOAD_S = 300.0
PROMPTS: Final = ("a forest of glass", "a sea of fire")
STEADY_FRAMES: Final = 12  # without a change: the last launch has its full effect
STEADY_PICTURES: Final = 8  # also of a child that stands still for seconds
MAX_WAIT_BARS: Final = 16
DIFFERS: Final = (
    1.0  # mean difference of two frames, of 255; the dither of a still picture makes 0.1
)
STILL: Final = PLAIN | {
    "/mode": "simple",
    "/sd/source": "video",
    "/sd/crossfade_s": 0.0,
    "/sd/steps": 2,
    "/sd/strength": 1.0,
    "/tempo/source": "manual",
    "/safety/flash_guard": False,  # two pictures in turn may be a flash
}
"""A picture that changes with the prompt only: a trail moves further in a frame that is late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolationBench(LoopBench):
    """Measure how a child disturbs the picture: stopped, idle, busy, with and without the gate,
    killed every second."""

    model: str = option(
        "random:tiny", "The child's model; random:SHAPE needs no weights.", metavar="MODEL"
    )
    seconds: float = option(30.0, "Length of each case; 600 for the long test.", low=1.0)
    rounds: int = option(3, "Rounds of all cases, in turn.", low=1, metavar="COUNT")
    sd_size: Size = option(
        Size(width=512, height=512), "Size of the SD picture.", metavar="WxH", parse=read_size
    )
    device: str = option("auto", "Where the child works.", metavar=DEVICES)
    launches: int = option(
        20, "Prompts launched on the bar, which take two bars each.", low=0, metavar="COUNT"
    )


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


def run(options: IsolationBench, progress: Progress) -> dict[str, Any]:
    """Measure each case, in several rounds. If it ends early, the cases played so far are handed
    over.

    Raises ChildError if the model does not start."""
    params = {"/sd/source": "multiverse", "/layer/5/intensity": 0.5}
    params |= {"/sd/width": options.sd_size.width, "/sd/height": options.sd_size.height}
    played = child_loads()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        model = {
            "model": options.model,
            "device": options.device,
            "video": still_picture(Path(folder, "still.png")),
        }
        config = show_config(options, sinks=("null", "shared=bench"), sd=model, params=params)
        engine = stack.enter_context(open_engine(config))
        child = engine.children["sd"]
        progress("loading the model", 0.0)
        _draw_until(
            engine, child, lambda: child.status().results > 0 or child.status().state == "failed"
        )
        steps = options.rounds * len(played)
        for step in range(steps):
            case = played[step % len(played)]
            progress(case.name.replace("_", " "), step / steps)
            _prepare(engine, child, case)
            _play(engine, child, case, options.seconds / options.rounds)
            progress.begin(_report(played[: step + 1], options, engine.status().renderer))
        if options.launches:
            progress("prompts on the beat", 1.0)
            _prepare(engine, child, played[2])
            progress.figures["on_the_beat"] = measure_launches(engine, options.launches)
    return progress.figures


def _report(played: list[ChildLoad], options: IsolationBench, renderer: str) -> dict[str, Any]:
    """The figures of the cases that were played, the one without a child first."""
    facts: dict[str, Any] = {}
    for case in played[1:3]:  # idle and busy: what is known of a slice is known to a busy child
        facts |= case.facts
    measured = {fact: facts.get(fact) for fact in ("family", "size", "device", "dtype")}
    measured["slice_ms_p99"] = facts.get("slice_p99_ms")
    result: dict[str, Any] = {
        "renderer": renderer,
        "size": str(options.size),
        "fps": options.fps,
        "sd": {"model": options.model, **measured},
        "cores": os.cpu_count(),
        "scenes": {case.name: _figures(case) for case in played},
    }
    quiet = result["scenes"]["no_child"]["interval_ms_p99"]
    result["interval_p99_ratio"] = {
        case.name: round(result["scenes"][case.name]["interval_ms_p99"] / quiet, 3)
        for case in played[1:]
    }
    if measured["device"] in ("cpu", "mps"):
        result["unverified"] = (
            "without a device: GPU contention, the gate and slices on a GPU, duty auto beside GL"
        )
    return result


def _prepare(engine: Engine, child: Supervisor, case: ChildLoad) -> None:
    """Set up the case while drawing."""
    engine.params.set_many(case.params.items(), by="bench")
    if not case.has_child:
        child.stop()
        _draw_until(engine, child, lambda: child.status().state == "off")
    elif not child.status().is_at_work:
        child.start()
        _draw_until(
            engine, child, lambda: child.status().is_at_work or child.status().state == "failed"
        )
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
                with suppress(psutil.NoSuchProcess):  # it died meanwhile
                    psutil.Process(pid).kill()
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
        **percentiles(
            case.intervals_ms, interval_ms_p50=50, interval_ms_p99=99, interval_ms_max=100
        ),
        **percentiles(case.draws_ms, draw_ms_p50=50, draw_ms_p99=99),
        "late": case.late,
        "dropped": case.dropped,
        "sd_pictures_a_second": round(case.results / case.seconds, 2),
    }


def still_picture(path: Path) -> str:
    """Write a still picture for `[sd] video`."""
    blocks = np.random.default_rng(1).integers(0, 256, (9, 16, 3), np.uint8)
    cv2.imwrite(str(path), cv2.resize(blocks, (640, 360), interpolation=cv2.INTER_NEAREST))
    return str(path)


def launch_offsets(engine: Engine, *, bpm: float = 120.0) -> Iterator[int]:
    """Launch prompts and seeds on the bar, one after the other: frames from the beat to the change
    of the picture."""
    engine.params.set_many([*STILL.items(), ("/tempo/bpm", bpm)], by="bench")
    changes, child = _ChangeDetector(engine), engine.children["sd"]
    while "delay_ms" not in child.status().facts:
        changes.next_frame()
        if child.status().state == "failed":
            raise ChildError(f"the child did not start: {child.status().detail}")
    changes.launch(0)  # what was before may look like the first
    for number in count(1):
        yield changes.launch(number)


def measure_launches(engine: Engine, launches: int, *, bpm: float = 120.0) -> dict[str, Any]:
    """Launch that many prompts and seeds on the bar, one after the other. `[sd] video` of the run
    is a still picture.

    `frames_after_the_beat`: of each; 0 is the frame nearest to the beat, below 0 too early.
    ChildError if a picture does not change within sixteen bars."""
    after = list(islice(launch_offsets(engine, bpm=bpm), launches))
    child = engine.children["sd"]
    return {
        "launches": launches,
        "frames_after_the_beat": after,
        **percentiles([abs(frames) for frames in after], frames_off_p50=50, frames_off_p95=95),
        "sent_ahead_ms": child.status().facts.get("delay_ms"),
    }


class _ChangeDetector:
    """Draws frames and finds those whose picture differs from the one before."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._frames: Iterator[PublishedFrame] = engine.frames()
        self._last_pixels: np.ndarray | None = None

    def launch(self, number: int) -> int:
        """Frames from the beat to the change of the picture."""
        fps = float(self._engine.config.fps or 60.0)
        delay_ms = self._engine.children["sd"].status().facts["delay_ms"]
        assert isinstance(delay_ms, int | float)
        steady, painted = 0, self._painted
        while (
            steady < max(STEADY_FRAMES, delay_ms / 1000.0 * fps)
            or self._painted < painted + STEADY_PICTURES
        ):
            steady += 1
            if self.next_frame()[1]:
                steady, painted = 0, self._painted
        sender = Sender(name="bench", post=lambda packet: None, at_port=None)
        beats_a_bar = self._engine.params.get("/tempo/beats_a_bar")
        assert isinstance(beats_a_bar, int)
        frame = self.next_frame()[0]
        sent_at = (
            math.floor(frame.beat.beat / beats_a_bar) + 1
        ) * beats_a_bar  # a bar's notice, for a slow child
        target = sent_at + beats_a_bar
        while frame.beat.beat < sent_at + 0.5:  # later than /launch/late_ms: else it starts at once
            frame = self.next_frame()[0]
        # With weights of chance a prompt alone may change too little to see; the seed changes
        # everything.
        for address, value in (("/sd/prompt", PROMPTS[number % 2]), ("/sd/seed", number)):
            self._engine.control_hub.dispatcher.receive(
                encode_message(address, value, "bar"), sender
            )
        while True:
            frame, is_changed = self.next_frame()
            if is_changed:
                return round((frame.beat.beat - target) * 60.0 * fps / frame.beat.bpm)
            if frame.beat.beat > target + MAX_WAIT_BARS * beats_a_bar:
                raise ChildError(
                    f"the picture did not change: {self._engine.children['sd'].status()}"
                )

    @property
    def _painted(self) -> int:
        """Pictures of the child so far, which it reports once per second."""
        return int(self._engine.children["sd"].status().facts.get("pictures", 0))

    def next_frame(self) -> tuple[PublishedFrame, bool]:
        """The next frame, and whether it differs from the one before."""
        frame = next(self._frames)
        pixels = frame.read_rgba()[..., :3].astype(np.int16)
        is_changed = (
            self._last_pixels is not None
            and float(np.abs(pixels - self._last_pixels).mean()) > DIFFERS
        )
        self._last_pixels = pixels
        return frame, is_changed
