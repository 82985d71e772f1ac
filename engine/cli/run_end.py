"""Progress and closing summary of `multiverse run`, offline and live."""

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.cli.progress import ProgressTexts, time_left
from engine.jobs.kit.report import JobProgress
from osc_schema.sinks import KINDS

if TYPE_CHECKING:
    from engine.app import Engine
    from engine.control.commands.show import EngineStatus
    from engine.sinks.sink import SinkStatus

ROUNDING = (
    1e-6  # tolerance in frames: 30 s at 29.97 fps are 899.1009 frames, 3 s at 30 fps exactly 90
)


def expected_frames(engine: "Engine", frames: int | None, seconds: float | None) -> int | None:
    """Number of frames of the whole video, or None if its length is unknown.

    `frames` and `seconds`: the options. Without them, an offline video is as long as its sound."""
    if seconds is None and frames is None and engine.config.offline:
        seconds = engine.sound_length_s
    fps = engine.status().target_fps
    ends = [frames, None if seconds is None else max(1, math.ceil(seconds * fps - ROUNDING))]
    return min((end for end in ends if end is not None), default=None)


def render_progress(engine: "Engine", expected: int | None) -> JobProgress:
    """Progress of an offline video, in frames; may be called on any thread."""
    return JobProgress(done=engine.times.frames, expected=expected, rate=engine.times.fps_overall())


def render_line(progress: JobProgress) -> str:
    """The progress as text: `90 of 900 frames, 30.0 per second, 0:27 left`."""
    line = (
        f"{progress.done} of {progress.expected} frames"
        if progress.expected
        else f"{progress.done} frames"
    )
    return f"{line}, {progress.rate:.1f} per second{time_left(progress)}" if progress.rate else line


RENDERING: ProgressTexts[JobProgress] = ProgressTexts(
    nothing="no frame yet",
    doing="rendering",
    line=render_line,
    pace=lambda progress: (
        f"{progress.rate:.1f} fps{time_left(progress, '  ')}" if progress.rate else ""
    ),
)


def end_lines(engine: "Engine") -> list[str]:
    """Summary of the run and of its files; call it after all of them are closed."""
    status = engine.status()
    times = engine.times
    rate = times.fps_overall()
    line = f"frames    {times.frames} of {status.width}x{status.height}"
    pace = f" in {times.frames / rate:.1f} s, {rate:.1f} per second" if rate else ""
    if engine.config.offline:
        line += f", {times.frames / status.target_fps:.1f} s at {status.target_fps:g} fps"
        line += f"; drawn{pace}, {rate / status.target_fps:.2f} times real time" if rate else ""
    else:
        line += f"{pace}; {times.late} late, {times.dropped} dropped"
    return [line, *(f"wrote     {sink.detail or sink.name}" for sink in _written_files(status))]


def interrupted_line(engine: "Engine", expected: int | None) -> str:
    """One line for an interrupted video: how far it came, and the files that are kept."""
    status = engine.status()
    progress = render_progress(engine, expected)
    of_all = f" of {expected / status.target_fps:.1f}" if expected else ""
    paths = [sink.name for sink in _written_files(status)]
    what = f"{', '.join(paths)}: kept up to there" if paths else "no file was written"
    counted = render_line(replace(progress, rate=0.0))
    return (
        f"interrupted after {progress.done / status.target_fps:.1f}{of_all} s ({counted}); {what}"
    )


def _written_files(status: "EngineStatus") -> "list[SinkStatus]":
    ended = [sink for sink in status.sinks if sink.frames and sink.state == "ended"]
    return [sink for sink in ended if KINDS[sink.kind].writes_files]
