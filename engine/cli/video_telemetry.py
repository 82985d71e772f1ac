"""Telemetry of `multiverse video --debug` and `--json`, twice per second: stages, queues, seconds,
GPU state."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from engine.cli.log_thread import write_to_stderr
from engine.cli.progress import busy_fraction, repeat

if TYPE_CHECKING:
    from engine.jobs.video.device_state import DeviceWatch
    from engine.jobs.video.report import VideoProgress

EVERY_S = 0.5
NOT_LOADED = "unknown until the model is loaded"
ELSEWHERE = "a cluster's GPUs are in other machines"

Event = dict[str, Any]
Write = Callable[[Event], None]


class Telemetry:
    """Telemetry of a run: the current figures, set by the working thread, read by the writing
    one."""

    def __init__(self, began_s: float) -> None:
        from engine.jobs.video.report import VideoProgress

        self._began_s = began_s
        self._load_s: float | None = None
        self._watch: DeviceWatch | None = None
        self._reason = NOT_LOADED
        nothing = VideoProgress(done=0, expected=None, rate=0.0, seconds=0.0, stage_figures=())
        self._progress: Callable[[], VideoProgress] = lambda: nothing

    def loaded(self, load_s: float, device: str | None) -> None:
        """Record that the model is loaded, on `device` as torch names it; None: on other
        machines."""
        from engine.jobs.video.device_state import DeviceWatch

        if device is None:
            self._reason = ELSEWHERE
        else:
            self._watch = DeviceWatch(device)
        self._load_s = load_s

    def follow(self, progress: "Callable[[], VideoProgress]") -> None:
        """Set the function that returns the progress; it may be called on any thread."""
        self._progress = progress

    def event(self, now_s: float) -> Event:
        """The data of one line of `--json`."""
        watch = self._watch
        load_s = self._load_s
        progress = self._progress()
        device = None if watch is None else watch.state()
        load = {"load": round(now_s - self._began_s if load_s is None else load_s, 3)}
        left_s = progress.seconds_left
        rows = progress.stage_figures
        return {
            "event": "progress",
            "state": "loading"
            if load_s is None
            else "finishing"
            if progress.is_finishing
            else "painting",
            "done": progress.done,
            "expected": progress.expected,
            "seconds": round(progress.seconds, 3),
            "seconds_left": None if left_s is None else round(left_s, 1),
            "fps": round(progress.rate, 3),
            "frames": {row.name: row.frames for row in rows},
            "queues": {row.name: [row.waiting, row.most] for row in rows if row.most},
            "stage_seconds": load | {row.name: round(row.seconds, 3) for row in rows},
            "busy": {row.name: round(busy_fraction(row, progress.seconds), 4) for row in rows},
            "device": None if device is None else asdict(device),
            "device_reason": self._reason if watch is None else watch.reason,
        }

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()


def write_json(event: Event) -> None:
    """Print one line on standard output, unbuffered."""
    print(json.dumps(event), flush=True)


class DebugLines:
    """Prints the figures for people, on standard error. Why there is no GPU state is printed
    once."""

    def __init__(self, write: Callable[[str], None] = write_to_stderr) -> None:
        self._write = write
        self._last_reason = ""

    def __call__(self, event: Event) -> None:
        if event["device"] is None and event["device_reason"] not in (
            "",
            NOT_LOADED,
            self._last_reason,
        ):
            self._last_reason = event["device_reason"]
            self._write(f"multiverse: card: {self._last_reason}")
        self._write(f"progress: {debug_line(event)}")


def debug_line(event: Event) -> str:
    """An event as one line: for each stage its frames, input queue and seconds."""
    seconds = event["stage_seconds"]
    parts = [
        f"{event['state']} "
        f"{event['done']}{'' if event['expected'] is None else '/' + str(event['expected'])}"
    ]
    if event["frames"]:
        parts.append(f"{event['fps']:.2f} fps")
    parts.append(f"load {seconds['load']:.1f} s")
    for name, frames in event["frames"].items():
        queue = "" if name not in event["queues"] else " queue {}/{}".format(*event["queues"][name])
        parts.append(f"{name} {frames}{queue} {seconds[name]:.2f} s")
    if event["device"] is not None:
        parts.append(_device_text(event["device"]))
    return " | ".join(parts)


def _device_text(device: dict[str, Any]) -> str:
    parts = [device["name"]]
    if device["memory_mb"] is not None:
        parts.append(f"{device['memory_mb']:.0f} MiB")
    if device["load"] is not None:
        parts.append(f"{100 * device['load']:.0f} %")
    if device["temperature_c"] is not None:
        parts.append(f"{device['temperature_c']:.0f} °C")
    if device["throttle"]:
        parts.append(f"slowed: {device['throttle']}")
    return " ".join(parts)


@contextmanager
def telemetry(writes: list[Write]) -> Iterator[Telemetry]:
    """Write events twice per second on a separate thread, because loading or a batch may take
    longer."""
    recorder = Telemetry(time.perf_counter())

    def write_all() -> None:
        event = recorder.event(time.perf_counter())
        for write in writes:
            write(event)

    try:
        with repeat(write_all, EVERY_S, "telemetry", first_s=0.0) if writes else nullcontext():
            yield recorder
    finally:
        recorder.close()


def writers(as_json: bool, is_debug: bool) -> list[Write]:
    """The functions to call with each event: JSON lines, lines for people, or both."""
    return [*([write_json] if as_json else []), *([DebugLines()] if is_debug else [])]
