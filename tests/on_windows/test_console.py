"""What ends a program on Windows: keys, its console, `taskkill` and the end of the session."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.cli.console_events import CONTROL_C_EXIT
from tests.jobs.segment.disc_movie import pictures_of
from tests.support.long_form import in_long_form
from tests.support.windows_console import CLOSE, CTRL_BREAK, CTRL_C, SESSION, TASKKILL, end, start

pytestmark = pytest.mark.only_on("win32", reason="consoles, sessions and taskkill are of Windows")

OPTIONS = "--size 160x90 --fps 30 --renderer gl --audio demo --osc off --web off"
RUN = f"-m engine.cli.main run {OPTIONS}".split()
WHOLE = """
import sys, threading
from engine.cli.console_events import console
from engine.cli.signals import Signals
console.listen()
asked, signals = threading.Event(), Signals()
signals.connect(asked.set)
print("runs", flush=True)
asked.wait()
print("asked", flush=True)
sys.stdin.read()
print("complete", flush=True)
"""
STUCK = """
import threading
from engine.cli.console_events import ConsoleEvents
times_s = iter([0.0, 2.0])
ConsoleEvents(now_s=lambda: next(times_s)).listen()
lock = threading.Lock()
lock.acquire()
print("runs", flush=True)
lock.acquire()
"""
ASLEEP = """
import time
from engine.cli.console_events import console
console.listen()
try:
    print("runs", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.fixture
def begin() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """`begin("-c", PROGRAM)` starts Python in a console of its own."""
    started: list[subprocess.Popen[str]] = []

    def call(*arguments: str, **options: Any) -> "subprocess.Popen[str]":
        started.append(start(*arguments, **options))
        return started[-1]

    yield call
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("how", [CTRL_C, CTRL_BREAK, CLOSE, SESSION, TASKKILL])
def test_a_program_has_time_to_complete_its_files(begin: Callable, how: object) -> None:
    """Windows ends it once the handler of a closing console or session returns."""
    process = begin("-c", WHOLE)
    assert process.stdout.readline() == "runs\n"
    ending = end(how, process)
    assert process.stdout.readline() == "asked\n"
    if how in (CLOSE, SESSION):
        with pytest.raises(subprocess.TimeoutExpired):
            ending.wait(1.0)
    assert process.communicate(timeout=60) == ("complete\n", "")
    assert (process.returncode, ending.wait(60)) == (0, 0)


def test_a_second_ctrl_c_ends_a_program_whose_main_thread_waits_for_a_lock(begin: Callable) -> None:
    """Before Python 3.14 a signal does not wake it (CPython #125541)."""
    process = begin("-c", STUCK)
    assert process.stdout.readline() == "runs\n"
    for _ in range(2):
        assert end(CTRL_C, process).wait(60) == 0
    assert process.wait(60) - 2**32 == CONTROL_C_EXIT


@pytest.mark.parametrize("how", [CTRL_C, CLOSE])
def test_a_command_that_sleeps_is_interrupted(begin: Callable, how: int) -> None:
    process = begin("-c", ASLEEP)
    assert process.stdout.readline() == "runs\n"
    ending = end(how, process)
    assert process.communicate(timeout=60) == ("interrupted\n", "")
    assert ending.wait(60) == 0


@pytest.mark.parametrize("how", [SESSION, *in_long_form(CTRL_C, CTRL_BREAK, CLOSE, TASKKILL)])
def test_a_run_ends_with_a_whole_recording_and_leaves_no_process(
    tmp_path: Path, begin: Callable, how: object, wait_for: Callable
) -> None:
    process = begin(*RUN, "--sink", "record=out.mp4", cwd=tmp_path)
    while not (line := process.stderr.readline()).startswith("running"):
        assert line, "ended before it ran"
    wait_for(
        lambda: any(path.stat().st_size for path in tmp_path.glob("*out*")), "the first fragment"
    )
    family = psutil.Process(process.pid).children(recursive=True)
    ending = end(how, process)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, ending.wait(60)) == (0, 0), out + err
    assert "wrote     out.mp4" in err and "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert len(pictures_of(tmp_path / "out.mp4")) >= 1
    wait_for(lambda: not any(child.is_running() for child in family), "the end of its processes")


def test_without_a_console_a_run_records_and_a_failure_has_its_exit_code(tmp_path: Path) -> None:
    """pythonw.exe, which programs without a window of text start, has no streams."""
    python, detached = Path(sys.executable).with_name("pythonw.exe"), subprocess.DETACHED_PROCESS
    commands = (
        [*RUN, "--offline", "--frames", "3", "--sink", "record=out.mp4"],
        [*RUN[:2], "preset", "show", "none"],
    )
    codes = [
        subprocess.run([python, *command], cwd=tmp_path, creationflags=detached).returncode
        for command in commands
    ]
    assert codes == [0, 1]
    assert len(pictures_of(tmp_path / "out.mp4")) == 3


def test_a_console_shows_any_name(tmp_path: Path, begin: Callable) -> None:
    """As UTF-8, or in the console's own code page with PYTHONLEGACYWINDOWSSTDIO."""
    program = (
        "import sys; from engine.cli.standard_streams import print_any_name; print_any_name();"
        " print('Über 桜 \\udcff'); open(sys.argv[1], 'w').write(f'{sys.stdout.isatty()} "
        "{sys.stdout.encoding}')"
    )
    seen = tmp_path / "seen"
    assert begin("-c", program, str(seen), stdin=None, stdout=None, stderr=None).wait(60) == 0
    assert seen.read_text() == "True utf-8"
    legacy = os.environ | {"PYTHONLEGACYWINDOWSSTDIO": "1"}
    assert (
        begin("-c", program, str(seen), stdin=None, stdout=None, stderr=None, env=legacy).wait(60)
        == 0
    )
    assert seen.read_text().startswith("True cp")
