"""The progress of long commands, with that of `multiverse video` as an example, and its summary."""

import io
import json
import os
import sys
import threading
from dataclasses import asdict, replace
from typing import Any

import pytest
from rich.console import Console

from engine.cli.progress import VIDEO, bar, pictures_line, plain_lines
from engine.cli.video import ended_line, report_lines
from engine.cli.video_telemetry import (
    NOT_LOADED,
    DebugLines,
    Telemetry,
    debug_line,
    telemetry,
    write_json,
)
from engine.jobs.video.backend import StageFigures
from engine.jobs.video.report import DeviceState, VideoProgress, VideoReport

FIGURES = (
    StageFigures(name="read", frames=128, seconds=1.0),
    StageFigures(name="encode", frames=120, seconds=1.0, waiting=3, most=8),
    StageFigures(name="process", frames=112, seconds=7.6, workers=2, waiting=1, most=4),
    StageFigures(name="decode", frames=104, seconds=2.0, waiting=0, most=4),
    StageFigures(name="save", frames=100, seconds=0.5, waiting=2, most=8),
)
DEVICE = DeviceState(
    name="H100", memory_mb=10_240.0, load=0.97, temperature_c=66.0, throttle="power limit"
)


def progress(
    done: int = 100, *, expected: int | None = 508, fps: float = 25.0, seconds: float = 4.0
) -> VideoProgress:
    return VideoProgress(
        done=done, expected=expected, rate=fps, seconds=seconds, stage_figures=FIGURES
    )


def report(**changes: Any) -> VideoReport:
    values: dict[str, Any] = {
        **{
            "source": "in.mp4",
            "output": "out.mp4",
            "is_interrupted": False,
            "model": "sd-turbo",
            "stages": "fused",
        },
        **{"device": "cuda", "dtype": "float16"},
        **{
            "width": 360,
            "height": 640,
            "read": 509,
            "resumed": 0,
            "painted": 508,
            "unpainted": 0,
            "skipped": 1,
        },
        **{
            "dropped": 0,
            "damaged": 0,
            "unreadable": 0,
            "refitted": 0,
            "rerun": 0,
            "passed_through": 0,
        },
        **{
            "load_s": 9.25,
            "seconds": 14.316,
            "fps": 35.485,
            "its": 177.427,
            "evals": 35.485,
            "times": FIGURES,
        },
        **{"peak_memory_mb": 4321.5, "memory_of": "device", "notes": (), "kept": 0},
    }
    return VideoReport(**values | changes)


def test_a_line_has_the_pictures_done_and_with_a_known_length_the_total_and_the_time_left() -> None:
    assert pictures_line(progress()) == "100 of 508 pictures, 25.00 per second, 0:16 left"
    assert pictures_line(progress(expected=None)) == "100 pictures, 25.00 per second"
    assert pictures_line(progress(done=0, fps=0.0)) == "0 of 508 pictures, 0.00 per second"
    assert (
        pictures_line(progress(expected=108_100))
        == "100 of 108100 pictures, 25.00 per second, 1:12:00 left"
    )


def test_a_terminal_shows_a_bar_with_the_stages_under_it() -> None:
    screen = io.StringIO()
    with bar(VIDEO, Console(file=screen, force_terminal=True, width=160, color_system=None)) as (
        show,
        _,
    ):
        show(progress())
    output = screen.getvalue()
    assert "painting" in output
    assert "100/508" in output and "25.00 fps  0:16 left" in output
    assert "encode 3/8 25 %  process 1/4 95 %" in output
    with bar(VIDEO, Console(file=screen, force_terminal=True, width=160, color_system=None)) as (
        show,
        _,
    ):
        show(replace(progress(), is_finishing=True))
    assert "finishing" in screen.getvalue()


def test_an_event_has_the_current_figures_of_each_stage_and_why_there_is_no_gpu_state(
    capsys: Any,
) -> None:
    known, snapshots = (
        Telemetry(100.0),
        [progress(), replace(progress(done=508), is_finishing=True)],
    )
    loading = known.event(102.5)
    assert (loading["event"], loading["state"], loading["stage_seconds"]) == (
        "progress",
        "loading",
        {"load": 2.5},
    )
    assert (loading["device"], loading["device_reason"]) == (None, NOT_LOADED)
    known.loaded(9.25, "cpu")
    known.follow(lambda: snapshots.pop(0))
    event = known.event(120.0)
    assert (event["state"], event["done"], event["expected"], event["fps"]) == (
        "painting",
        100,
        508,
        25.0,
    )
    assert event["frames"] == {
        "read": 128,
        "encode": 120,
        "process": 112,
        "decode": 104,
        "save": 100,
    }
    assert event["queues"] == {
        "encode": [3, 8],
        "process": [1, 4],
        "decode": [0, 4],
        "save": [2, 8],
    }
    assert event["busy"]["process"] == 0.95 and event["seconds_left"] == 16.3
    assert (event["device"], event["device_reason"]) == (None, "NVML does not support cpu")
    write_json(event)
    assert json.loads(capsys.readouterr().out) == event
    last = known.event(120.5)
    assert (last["state"], last["done"]) == ("finishing", 508), "not those of the last batch"


def test_debug_lines_have_everything_and_the_reason_for_missing_gpu_state_once() -> None:
    known = Telemetry(100.0)
    known.loaded(9.25, "cpu")
    known.follow(progress)
    event = known.event(120.0)
    assert debug_line(event | {"device": asdict(DEVICE), "device_reason": ""}) == (
        "painting 100/508 | 25.00 fps | load 9.2 s | read 128 1.00 s | encode 120 queue 3/8 1.00 "
        "s | "
        "process 112 queue 1/4 7.60 s | decode 104 queue 0/4 2.00 s | save 100 queue 2/8 0.50 s | "
        "H100 10240 MiB 97 % 66 °C slowed: power limit"
    )
    lines: list[str] = []
    write = DebugLines(lines.append)
    for _ in range(2):
        write(event)
    assert [line for line in lines if "card" in line] == [
        "multiverse: card: NVML does not support cpu"
    ]


def test_events_are_written_periodically_until_the_end(wait_for) -> None:
    events: list[dict[str, Any]] = []
    with telemetry([events.append]) as known:
        wait_for(lambda: events, "an event")
        known.loaded(1.0, "cpu")
        known.follow(progress)
        wait_for(lambda: events[-1]["state"] == "painting", "another")
    with telemetry([]):
        assert "telemetry" not in {thread.name for thread in threading.enumerate()}


def test_the_report_has_the_stages_the_busiest_where_all_pictures_went_and_the_originals_last_line() -> (
    None
):
    lines = report_lines(report(seconds=14.316))
    assert lines[-1] == "done: time=14.316 frames=508 fps=35.485 its=177.427 evals=35.485"
    assert "pictures  509 read: 508 painted, 1 skipped" in lines
    lines = report_lines(report(seconds=4.0))
    assert lines[0].split() == ["stage", "frames", "seconds", "busy", "ms", "a", "frame"]
    assert lines[3].split() == ["process", "112", "7.60", "95.0", "%", "67.86", "2", "processes"]
    assert "busiest   process, 95.0 % of the run" in lines
    turns = tuple(
        replace(each, turns="paint") if each.name in ("encode", "decode") else each
        for each in FIGURES
    )
    lines = report_lines(report(seconds=3.0, times=turns[:2] + turns[3:]))
    assert "busiest   encode, decode, 100.0 % of the run" in lines
    counts = {"read": 60, "resumed": 8, "painted": 20, "unpainted": 4, "skipped": 20, "dropped": 8}
    beside = {"damaged": 1, "refitted": 2, "rerun": 3, "passed_through": 4, "unreadable": 5}
    assert (
        "pictures  60 read: 8 already complete, 20 painted, 4 read but not painted, 20 skipped, "
        "8 dropped for newer ones; 1 damaged, shown as far as possible, 2 of another size, 3 "
        "painted twice, "
        "4 passed through unchanged, 5 unreadable"
    ) in report_lines(report(**counts, **beside))


def test_an_interrupted_run_reports_its_progress_and_how_to_continue_unless_it_was_a_camera() -> (
    None
):
    ended = report(is_interrupted=True, resumed=16, painted=21)
    begun = (
        "interrupted after 37 pictures; out.mp4: plays up to there, the same command with --resume "
    )
    for kept_count, effect in (
        (37, "continues"),
        (32, "continues after the first 32"),
        (0, "starts over: too few pictures to continue from"),
    ):
        assert ended_line(replace(ended, kept=kept_count), is_live=False) == begun + effect
    nothing = report(is_interrupted=True, painted=0)
    assert (
        ended_line(nothing, is_live=False)
        == "interrupted before the first picture; nothing was written"
    )
    assert (
        ended_line(report(is_interrupted=True, painted=21), is_live=True)
        == "ended after 21 pictures"
    )


@pytest.mark.only_on(
    "linux", "darwin", reason="Windows has no pseudo-terminals that a program can stop"
)
def test_a_blocked_terminal_holds_no_job_up_and_one_that_goes_on_shows_all(wait_for: Any) -> None:
    import termios

    screen, end = os.openpty()
    streams, text = (sys.stdout, sys.stderr), ""
    termios.tcflow(end, termios.TCOOFF)
    with open(end, "w", buffering=1) as terminal:
        with bar(VIDEO, Console(file=terminal, force_terminal=True)) as (update, say):
            update(progress())
            say("\x1b[2Jred.png: cannot be read")
        assert (sys.stdout, sys.stderr) == streams
        termios.tcflow(end, termios.TCOON)
        while "cannot be read" not in text:
            text += os.read(screen, 4096).decode()
        wait_for(
            lambda: "progress bar" not in {thread.name for thread in threading.enumerate()},
            "its end",
        )
    os.close(screen)
    assert "\\x1b[2Jred.png" in text


# -- plain lines, without a terminal


def test_plain_lines_have_the_newest_progress_or_none_yet(
    wait_for: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.cli.progress.LINE_EVERY_S", 0.02)
    newest: list[str] = []
    lines: list[str] = []
    with plain_lines("no picture yet", lambda: newest[-1] if newest else None, lines.append):
        wait_for(lambda: "progress: no picture yet after 0 s" in lines, "a line")
        newest.append("3 of 300")
        wait_for(lambda: lines[-1] == "progress: 3 of 300", "the newest line")


def test_a_closed_pipe_does_not_end_the_run(wait_for: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.cli.progress.LINE_EVERY_S", 0.0)
    refused = threading.Event()

    def write(line: str) -> None:
        refused.set()
        raise BrokenPipeError(32, "Broken pipe")

    with plain_lines("nothing yet", lambda: None, write):
        wait_for(refused.is_set, "the line")
