"""`multiverse run` as users start it: process, output, exit code and files."""

import contextlib
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from engine.errors import SinkError
from engine.ipc import FrameRing
from tests.cli.conftest import Cli
from tests.support.cases import cases_of
from tests.support.long_form import in_long_form
from tests.support.needed import needs, quick_renderer

MULTIVERSE = [sys.executable, "-m", "engine.cli.main"]
SIZE = ["--size", "160x90", "--fps", "30"]
SMALL = [*SIZE, "--renderer", quick_renderer()]


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """Two seconds of stereo: 440 Hz left, 660 Hz right."""
    time_s = np.arange(2 * 44_100) / 44_100
    stereo = np.stack([0.5 * np.sin(2 * np.pi * hz * time_s) for hz in (440.0, 660.0)], axis=1)
    path = tmp_path / "song.wav"
    soundfile.write(path, stereo, 44_100)
    return path


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MULTIVERSE, "run", *arguments], capture_output=True, text=True, cwd=home, timeout=120
    )


def start(
    home: Path, *arguments: str, before: tuple[str, ...] = (), start_new_session: bool = False
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*before, *MULTIVERSE, "run", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=home,
        start_new_session=start_new_session,
    )


def wait_until_running(process: subprocess.Popen[str]) -> list[str]:
    """The lines before `running; ...`."""
    lines = []
    for line in process.stderr:
        lines.append(line.rstrip())
        if line.startswith("running; stop with Ctrl-C or --seconds N"):
            return lines
    raise AssertionError(f"ended before it ran: {lines}")


def pictures_in(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def ring_files_of(pid: int) -> set[str]:
    return {path.name for path in Path("/dev/shm").glob(f"multiverse-{pid}-*")}


def test_a_sound_file_becomes_a_recording_a_picture_and_a_summary(
    home: Path, song: Path, cli: Any
) -> None:
    done = cli(
        "run", *SMALL, "--offline", "--audio", str(song), "--frames", "45",
        "--sink", f"record={home / 'out.mp4'}", "--sink", f"snapshot={home / 'out.png'}", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    summary = json.loads(done.out)
    assert summary["frames"] == 45
    assert summary["dropped"] == summary["late"] == 0
    assert set(summary["frame_ms"]) == {"p50", "p95", "p99", "max"}
    assert [(sink["kind"], sink["frames"]) for sink in summary["sinks"]] == [
        ("record", 45),
        ("snapshot", 1),
    ]
    assert pictures_in(home / "out.mp4") == 45
    with av.open(str(home / "out.mp4")) as container:
        seconds = sum(block.samples for block in container.decode(audio=0)) / 44_100
        assert seconds == pytest.approx(1.5, abs=0.06)
    assert (home / "out.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.only_on("linux", "darwin", reason="closes descriptors with a shell")
@pytest.mark.parametrize("closed", [*in_long_form("2>&-"), "0<&- 1>&- 2>&-"])
def test_without_standard_streams_it_runs_as_with_them(home: Path, closed: str) -> None:
    """Daemons and launchers close them. The next opened files get their descriptors, and libraries
    print into them."""
    command = [*MULTIVERSE, "run", *SMALL, "--offline", "--frames", "3", "--sink"]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *command, "record=out.mp4"],
        cwd=home,
        timeout=120,
        capture_output=True,
    )
    assert done.returncode == 0
    assert pictures_in(home / "out.mp4") == 3


def test_offline_a_sound_file_is_rendered_to_its_end(
    home: Path, song: Path, cli: Any, monkeypatch: Any
) -> None:
    monkeypatch.chdir(home)
    command = "run", *SMALL, "--offline", "--audio", song, "--sink", "record=out.mp4"
    done = cli(*command)
    assert done.code == 0, done.err
    frames, wrote = done.err.splitlines()[-2:]
    assert frames.startswith("frames    60 of 160x90, 2.0 s at 30 fps; drawn in ")
    assert wrote == f"wrote     out.mp4, 2.0 s, {(home / 'out.mp4').stat().st_size / 1e6:.1f} MB"
    assert pictures_in(home / "out.mp4") == 60
    refused = cli(*command, "--frames", "6")
    assert (
        "record: out.mp4: exists already; --overwrite replaces it" in refused.err
        and refused.code == 2
    )
    replacing = cli(*command, "--frames", "6", "--overwrite").err
    assert re.search(r"wrote     out.mp4, 0.2 s, .* MB; replaced the one before\n", replacing)
    assert pictures_in(home / "out.mp4") == 6
    assert [path.name for path in home.glob("*.mp4")] == ["out.mp4"]


@pytest.mark.parametrize("is_json", [False, True])
def test_an_interrupted_video_reports_its_progress_and_exits_with_1(
    home: Path, cli: Cli, ctrl_c_when: Any, monkeypatch: pytest.MonkeyPatch, is_json: bool
) -> None:
    monkeypatch.chdir(home)

    def has_begun() -> bool:
        return (home / "out.mp4").exists() and (home / "out.mp4").stat().st_size > 0

    with ctrl_c_when(has_begun):
        done = cli(
            "run", *SMALL, "--offline", "--audio", "demo", "--sink", "record=out.mp4", "--seconds",
            "3600",
            *(["--json"] if is_json else []),
        )  # fmt: skip
    count = pictures_in(home / "out.mp4")
    assert done.err.splitlines()[-1] == (
        f"multiverse: interrupted after {count / 30:.1f} of 3600.0 s ({count} of 108000 frames); "
        "out.mp4: kept up to there"
    )
    assert done.code == 1
    if is_json:
        summary = json.loads(done.out)
        assert (summary["is_interrupted"], summary["frames"]) == (True, count)


def test_a_missing_folder_of_videos_or_music_is_reported(home: Path, cli: Cli) -> None:
    folders = ("--films", home / "none", "--music", home / "gone", "--presets", home / "new")
    done = cli("run", *SMALL, "--fps", "30000/1001", "--audio", "demo", *RENDER.split(), *folders)
    assert done.code == 0 and " at 29.97 fps" in done.err
    assert (
        f"multiverse: --presets {home / 'new'}: is made with the first preset that is saved\n"
        in done.err
    )
    for option, name in (("--films", "none"), ("--music", "gone")):
        assert (
            f"multiverse: {option} {home / name}: no such folder; nothing of it is offered\n"
            in done.err
        )


def test_a_video_that_could_not_be_written_to_its_end_exits_with_1(
    cli: Cli, monkeypatch: Any
) -> None:
    def fail(sink: object) -> None:
        raise SinkError("the disk is full")

    monkeypatch.setattr("engine.sinks.null.NullSink.close", fail)
    done = cli("run", *SMALL, "--audio", "demo", *RENDER.split())
    assert done.code == 1
    assert (
        done.err.splitlines()[-1]
        == "multiverse: null Multiverse is not complete: null: the disk is full"
    )


@needs("OpenGL")
def test_a_video_that_begins_without_its_shader_ends(cli: Cli) -> None:
    command = ("run", *SIZE, "--offline", "--audio", "demo", "--sink", "null", "--frames", "3")
    done = cli(*command, "--renderer", "gl", "--set", "/fx/1/file=Nope")
    assert done.code == 1
    assert next(line for line in done.err.splitlines() if "Nope" in line).startswith(
        "multiverse: /fx/1/file: Nope: 'Nope' is not in the shader folders"
    )
    assert "frames  " not in done.err


def test_without_a_terminal_it_prints_its_choices_and_how_to_stop(home: Path) -> None:
    """The first line before the engine is loaded."""
    arguments = [
        *SMALL,
        "--audio",
        "demo",
        "--osc",
        "127.0.0.1:0",
        "--web",
        "127.0.0.1:0",
        "--seconds",
        "0.3",
    ]
    arguments += ["--sink", f"shared={home.name}"]  # Spout needs a driver that shares textures
    command = [sys.executable, "-X", "importtime", *MULTIVERSE[1:], "run", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=home, timeout=120)
    assert done.returncode == 0, done.stderr
    seen = done.stderr.splitlines()
    # a busy machine warns, too
    lines = [line for line in seen if not re.match(r"import time:|\d\d:\d\d:\d\d ", line)]
    labels = ["starting", "picture", "sound", "sink", "osc", "page", "running;", "frames"]
    assert [line.split()[0] for line in lines] == labels
    assert lines[-2] == "running; stop with Ctrl-C or --seconds N"
    assert re.fullmatch(
        r"frames    \d+ of 160x90 in [\d.]+ s, [\d.]+ per second; \d+ late, \d+ dropped", lines[-1]
    )
    imported = {line.rpartition("|")[2].strip(): number for number, line in enumerate(seen)}
    assert seen.index(lines[0]) < min(
        imported[module] for module in ("engine.app", "moderngl", "engine.frame_loop")
    )
    others = {"engine.dataset.cli.command", "engine.cli.convert"}
    assert not others & set(imported), "other commands are half of its start"


def end_cleanly(process: subprocess.Popen[str], number: signal.Signals, recording: Path) -> None:
    """By a signal: the recording can be read, and nothing is left in the shared memory."""
    assert ring_files_of(process.pid)
    process.send_signal(number)
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert ring_files_of(process.pid) == set()
    assert pictures_in(recording) >= 1


@pytest.mark.only_on("linux", reason="nohup and signals between processes, which Windows lacks")
def test_nohup_stays_nohup_and_ctrl_c_ends_it_cleanly(home: Path, wait_for: Callable) -> None:
    """SIGTERM, too: it ends the test of presets."""
    arguments = [
        *SMALL,
        "--audio",
        "demo",
        "--osc",
        "off",
        "--web",
        "off",
        "--sink",
        "shared=nohup",
    ]
    process = start(home, *arguments, "--sink", "record=out.mp4", before=("nohup",))
    wait_until_running(process)
    reader = FrameRing.open("nohup")
    first = wait_for(reader.latest, "the first picture").index
    process.send_signal(signal.SIGHUP)
    wait_for(lambda: reader.latest().index > first + 2, "more pictures")
    reader.close()
    end_cleanly(process, signal.SIGINT, home / "out.mp4")


@pytest.mark.only_on(
    "linux", reason="on Windows shared memory ends with the last process that has it open"
)
def test_leftovers_of_a_killed_engine_are_removed_by_the_next_one(home: Path, cli: Cli) -> None:
    # In its own process group, to be killed together with Python's resource tracker, which would
    # clean up after it.
    process = start(
        home,
        *SMALL,
        "--audio",
        "demo",
        "--osc",
        "off",
        "--web",
        "off",
        "--sink",
        "shared",
        start_new_session=True,
    )
    wait_until_running(process)
    assert ring_files_of(process.pid)
    os.killpg(process.pid, signal.SIGKILL)  # the next engine may be that of a test beside this one
    process.communicate(timeout=120)
    done = cli(
        "run",
        *SMALL,
        "--audio",
        "demo",
        "--osc",
        "off",
        "--web",
        "off",
        "--sink",
        "null",
        "--frames",
        "1",
    )
    assert done.code == 0, done.err
    assert ring_files_of(process.pid) == set()


def test_a_run_resumes_with_the_last_values(
    home: Path, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    common = [
        *SMALL,
        "--audio",
        "demo",
        "--osc",
        "off",
        "--web",
        "off",
        "--sink",
        "null",
        "--frames",
        "2",
    ]
    assert cli("run", *common, "--set", "/layer/3/curve=0.625").code == 0
    done = cli("run", *common, "--resume", "--sink", "snapshot=out.png", "--json")
    assert done.code == 0, done.err
    assert "0.625" in next((home / "home").rglob(".autosave.toml")).read_text()


BAD_STARTS = cases_of(__file__)["bad_starts"]


@pytest.fixture
def bad_files(home: Path) -> Path:
    (home / "text.wav").write_text("this is = not [sound")
    (home / "unknown.toml").write_text("[osc]\nprot = 9000\n")
    (home / "bad.toml").write_text('width = "wide"\n')
    (home / "there.mp4").touch()
    (home / "presets").mkdir()
    (home / "presets" / "corrupt.toml").write_text("= = =")
    return home


def bad_start(name: str) -> list[str]:
    arguments = BAD_STARTS[name][0]
    base = ["--osc", "127.0.0.1:0", "--web", "off", "--sink", "null", "--audio", "demo"]
    return [*base, *([] if "--offline" in arguments else ["--seconds", "0.1"]), *arguments]


def assert_one_clear_line(name: str, code: int, err: str) -> None:
    _, expected, named = BAD_STARTS[name]
    lines = [line for line in err.strip().splitlines() if not line.startswith("starting  ")]
    assert code == expected, err
    assert named in lines[-1]
    assert "Traceback" not in err
    assert len(lines) == 1


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=needs("PortAudio") if "device" in name else ())
        for name in BAD_STARTS
    ],
)
def test_a_bad_start_is_one_clear_line_and_no_thread_keeps_running(
    bad_files: Path,
    name: str,
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    wait_for: Callable[..., object],
) -> None:
    monkeypatch.chdir(bad_files)
    # a busy machine
    monkeypatch.setattr("engine.system.closing.Closing.__init__.__kwdefaults__", {"max_s": 60.0})
    before = set(threading.enumerate())
    done = cli("run", *bad_start(name))
    assert_one_clear_line(name, done.code, done.err)
    assert [
        record for record in caplog.records if record.levelno >= logging.WARNING
    ] == []  # lines, not log records
    # A closed disk store does not wait for its threads, which a dead disk would hold: they end by
    # themselves. The process keeps one that hears signals.
    wait_for(
        lambda: {each.name for each in set(threading.enumerate()) - before} <= {"signals"},
        "the threads to end",
    )


def test_a_bad_start_ends_the_process(bad_files: Path) -> None:
    done = run(bad_files, *bad_start("a corrupt preset"), "--renderer", quick_renderer())
    assert_one_clear_line("a corrupt preset", done.returncode, done.stderr)


RENDER = "--offline --frames 1 --sink null"
REFUSED = cases_of(__file__)["refused"]


@pytest.mark.parametrize(("arguments", "reason"), REFUSED.items())
def test_conflicting_options_are_refused_with_the_way_out(
    arguments: str, reason: str, cli: Cli
) -> None:
    done = cli("run", *SMALL, *arguments.split())
    assert (done.code, done.out) == (2, "") and reason in done.err


def full_pipe() -> tuple[int, int]:
    """A pipe that takes nothing more, until it is read: its two ends."""
    unread, end = os.pipe()
    os.set_blocking(end, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(end, b"x" * 4096):
            pass
    os.set_blocking(end, True)
    return unread, end


def stopped_terminal() -> tuple[int, int]:
    """A terminal after Ctrl-S: its two ends."""
    import termios

    screen, end = os.openpty()
    termios.tcflow(end, termios.TCOOFF)
    return screen, end


@pytest.mark.only_on(
    "linux", "darwin", reason="fills a pipe without blocking, which Python 3.11 cannot on Windows"
)
@pytest.mark.parametrize("blocked", [full_pipe, stopped_terminal])
def test_a_blocked_terminal_stops_neither_the_picture_nor_the_exit(
    home: Path, blocked: Callable[[], tuple[int, int]]
) -> None:
    unread, stderr = blocked()
    arguments = [
        *SMALL,
        "--audio",
        "demo",
        "--osc",
        "off",
        "--web",
        "off",
        "--sink",
        "record=x.mp4",
        "--frames",
        "10",
    ]
    done = subprocess.run([*MULTIVERSE, "run", *arguments], stderr=stderr, cwd=home, timeout=120)
    os.close(unread)  # first: closing the other end of a terminal waits for what is unread
    os.close(stderr)
    assert done.returncode == 0
    assert pictures_in(home / "x.mp4") == 10


@pytest.mark.only_on(
    "linux", "darwin", reason="fills a pipe without blocking, which Python 3.11 cannot on Windows"
)
def test_a_run_whose_renderer_stands_leaves_a_blocked_terminal(home: Path) -> None:
    unread, stderr = full_pipe()
    program = (
        "from engine.cli import run, standard_streams; standard_streams.MAX_BLOCKED_S = "
        "0.0; run._leave()"
    )
    done = subprocess.run([sys.executable, "-c", program], stderr=stderr, timeout=120)
    os.close(unread)
    os.close(stderr)
    assert done.returncode == 1


@pytest.mark.only_on("linux", reason="ends a process by SIGTERM and looks into /dev/shm")
def test_a_preset_is_saved_and_loaded_until_sigterm_ends_the_run_cleanly(
    home: Path, free_port: Any, cli: Any
) -> None:
    to = "--to", f"127.0.0.1:{free_port()}"
    sinks = ["--sink", "shared", "--sink", "record=out.mp4"]
    process = start(home, *SMALL, "--audio", "demo", "--osc", to[1], "--web", "off", *sinks)
    wait_until_running(process)

    def multiverse(*arguments: str) -> str:
        done = cli(*arguments, *to)
        assert done.code == 0, done.err
        return done.out

    multiverse("osc", "send", "/layer/1/curve", "0.5")
    multiverse("preset", "save", "evening")
    for command, end in (
        ("load evening", ""),
        ("load evening 0.2", " evening\n"),
        ("glide evening 0.2", " evening\n"),
    ):
        multiverse("osc", "send", "/layer/1/curve", "0.0")
        assert multiverse("preset", *command.split()).endswith(end)
        assert "/layer/1/curve 0.5" in multiverse("osc", "send", "/get", "/layer/1/curve", "--wait")
    kind, system = ("spout", "Windows") if sys.platform == "darwin" else ("syphon", "macOS")
    switched = cli("osc", "send", f"/sink/{kind}/enable", "1", *to)
    assert (switched.code, switched.out) == (
        1,
        f"/fail /sink/{kind}/enable {kind}: unavailable (needs {system})\n",
    )
    unknown = cli("preset", "load", "evning", *to)
    assert unknown.code == 1 and "(nearest: evening; known: " in unknown.out
    refused = cli("preset", "load", "evening", "3601", *to)
    assert (refused.code, "a time of 0..3600 s" in refused.err) == (2, True)
    assert "evening" in cli("preset", "list").out
    end_cleanly(process, signal.SIGTERM, home / "out.mp4")


# -- options as settings
