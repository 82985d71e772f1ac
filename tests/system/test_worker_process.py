"""Workers with real processes."""

import operator
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.system import worker_process
from engine.system.worker_process import WorkerProcess, claim_output, end_with_parent
from tests.children.toys import is_live

CEILING_S = 120.0


def echo(*lines: str) -> None:
    """A worker that answers each line, and also prints; `die` ends it, `nap` starts a process that
    sleeps."""
    answers = claim_output()
    for line in sys.stdin.buffer:
        print("a driver says hello", flush=True)
        if line == b"die\n":
            sys.stderr.write("out of luck\n")
            sys.exit(7)
        if line == b"nap\n":
            napper = subprocess.Popen(
                [sys.executable, "-c", "import time; time.sleep(1000)"], start_new_session=True
            )
            line = f"{napper.pid}\n".encode()
        if line == b"half\n":
            answers.write(b"whole\nhal")
            answers.flush()
            os.kill(os.getpid(), signal.SIGTERM)
        answers.write(line)
        answers.flush()


def sleep() -> None:
    """A worker that never reads its input."""
    answers = claim_output()
    end_with_parent()
    import scipy.linalg  # noqa: F401  its libraries ask what the standard streams are

    answers.write(b"begun\n")
    answers.flush()
    while True:
        sum(range(10_000))


def start(call: str, **values: Any) -> WorkerProcess:
    return WorkerProcess("tests.system.test_worker_process", call, **values)


def test_answers_come_back_as_lines_and_the_end_as_an_error_with_its_reason(tmp_path: Path) -> None:
    worker = start("echo()", log=tmp_path / "log")
    assert worker.receive(0.0) is None
    worker.send(b"one\n")
    assert worker.receive(CEILING_S) == b"one\n" and not worker.has_ended
    worker.send(b"die\n")
    for _ in range(2):
        with pytest.raises(EOFError):
            worker.receive(CEILING_S)
    assert worker.end() == 7 and worker.reason == "exit code 7; out of luck"
    worker.send(b"two\n")


@pytest.mark.only_on("linux", "darwin", reason="signals of POSIX")
def test_what_a_worker_sends_last_is_a_whole_line_or_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_process, "MAX_LINE_BYTES", 1000)
    for line, answer in (
        (b"half\n", b"whole\n"),
        (b"x" * 999 + b"\n" + b"y" * 1000 + b"\n", b"x" * 999 + b"\n"),
    ):
        worker = start("echo()")
        worker.send(line)
        assert worker.receive(CEILING_S) == answer
        with pytest.raises(EOFError):
            worker.receive(CEILING_S)
        worker.kill()


def test_a_stopped_worker_holds_nobody_who_sends_more_than_its_pipe_takes() -> None:
    worker, long = start("echo()"), b"x" * 2**20 + b"\n"
    for is_woken in (True, False):
        psutil.Process(worker.pid).suspend()
        worker.send(long)
        assert worker.receive(0.0) is None
        if is_woken:
            psutil.Process(worker.pid).resume()
            assert worker.receive(CEILING_S) == long
    assert worker.end(0.0) == (signal.SIGTERM if sys.platform == "win32" else -9)


@pytest.mark.only_on("linux", "darwin", reason="signals of POSIX")
def test_a_kill_takes_the_processes_that_it_has_started_and_names_those_that_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for is_stuck in (False, True):
        worker = start("echo()")
        worker.send(b"nap\n")
        napper = psutil.Process(int(worker.receive(CEILING_S) or b"0"))
        if is_stuck:
            monkeypatch.setattr(worker_process, "_has_ended", partial(operator.ne, napper))
        assert worker.kill(1.0 if is_stuck else CEILING_S) == -9 == worker.kill()
        assert worker.reason == "killed by SIGKILL" and worker.stuck_pids == [napper.pid] * is_stuck
    monkeypatch.undo()
    assert not is_live(napper)


def test_a_worker_that_works_ends_with_a_parent_that_is_killed(
    wait_for: Callable[..., Any],
) -> None:
    code = (
        "from tests.system.test_worker_process import *; import time\n"
        "worker = start('sleep()'); worker.receive(CEILING_S); print(worker.pid, flush=True); "
        "time.sleep(1000)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    wait_for(lambda: not is_live(worker), "its end")
