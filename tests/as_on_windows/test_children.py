"""Children as on Windows: their pipes, their stderr, their priority. How one is started: `test_the_whole_system`.

Based on CPython's Lib/multiprocessing/connection.py, which runs here with a fake `_winapi`, and its
Modules/faulthandler.c for the output of a crash.
"""

import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import msgspec
import psutil
import pytest

from engine.children import stderr_file
from engine.children.child_main import prepare_windows
from engine.children.mailbox import Mailbox
from engine.children.messages import Begin, ChildMessage, Stop, ToChild, Update
from engine.children.port import ChildPort
from engine.errors import ControlPipeError, PipeClosedError
from engine.ipc import ChildCounters, ControlPipe
from engine.ipc.control_pipe import NEW_PIPE_BYTES, ROOM_WAIT_S, open_pipe
from engine.live.kit.model_loading import load_on_device
from engine.system import priority
from tests.as_on_windows import fake_winapi
from tests.as_on_windows.fake_winapi import FakeWinapi
from tests.support.fake_win32 import FakeWindows


@pytest.fixture
def winapi(monkeypatch: pytest.MonkeyPatch) -> FakeWinapi:
    return fake_winapi.installed(monkeypatch)


def both_ends() -> tuple[ControlPipe[ChildMessage], ControlPipe[ToChild]]:
    """The engine's and the child's end of a new pipe."""
    ours, theirs = open_pipe()
    return ControlPipe(ours, ChildMessage), ControlPipe(theirs, ToChild)


def begin(text: str) -> Begin:
    return Begin(loop="a:run", settings={"text": text}, environment={}, niceness=0, counters="", gate="")


def test_the_first_messages_are_written_while_the_childs_interpreter_starts(winapi: FakeWinapi) -> None:
    engine, child = both_ends()
    messages = [begin("x" * 40_000), Update(number=1, values={"/sd/prompt": "y" * 48_000}), Update(number=2), Stop()]
    for message in messages:  # no reader yet
        engine.send(message)
    assert winapi.timeouts_ms == []
    assert [child.receive(1.0) for _ in messages] == messages
    assert child.receive() is None


def test_a_stopped_child_blocks_its_writer_for_a_second_and_gets_its_messages_after_it_continues(
    winapi: FakeWinapi,
) -> None:
    engine, child = both_ends()
    messages = [Update(number=number, values={"/sd/prompt": "x" * 50_000}) for number in range(8)]
    fitting = NEW_PIPE_BYTES // 50_000
    for message in messages[:fitting]:
        engine.send(message)
    for message in messages[fitting : fitting + 2]:
        with pytest.raises(ControlPipeError, match="no room for a Update: the other end does not read"):
            engine.send(message)
    assert winapi.timeouts_ms == [ROOM_WAIT_S * 1000] * 2
    assert winapi.cancelled == [], "a reader may have started on it"
    got = [child.receive(1.0) for _ in range(fitting + 1)]
    assert got == messages[: fitting + 1], "the first that found no room is on its way, the second was never written"
    engine.send(messages[-1])
    assert child.receive(1.0) == messages[-1]


def test_a_message_is_complete_even_if_its_reader_was_stopped_halfway(winapi: FakeWinapi) -> None:
    engine, child = both_ends()
    before = [begin("x" * 50_000)] * (NEW_PIPE_BYTES // 50_000)
    late = Update(number=1, values={"/sd/prompt": "y" * 50_000})
    for message in before:
        engine.send(message)
    with pytest.raises(ControlPipeError):
        engine.send(late)
    assert [child.receive(1.0) for _ in before] == before
    handle = child.connection.fileno()
    start, _ = winapi.ReadFile(handle, 128, overlapped=True)  # the first step of PipeConnection.recv_bytes
    with pytest.raises(ControlPipeError):
        engine.send(Stop())
    rest, _ = winapi.ReadFile(handle, winapi.PeekNamedPipe(handle)[1], overlapped=True)
    assert msgspec.msgpack.decode(start.getbuffer() + rest.getbuffer(), type=ToChild) == late
    engine.send(Stop())
    assert child.receive(1.0) == Stop()


def test_each_process_notices_the_end_of_the_other(winapi: FakeWinapi) -> None:
    engine, child = both_ends()
    engine.send(Stop())
    engine.close()
    assert child.receive(1.0) == Stop(), "earlier messages are still received"
    with pytest.raises(PipeClosedError):
        child.receive(1.0)
    engine, child = both_ends()
    child.close()
    with pytest.raises(PipeClosedError):
        engine.send(Stop())


def test_a_pending_message_is_cancelled_before_its_handle_is_closed_and_hides_no_death(winapi: FakeWinapi) -> None:
    engine, child = both_ends()
    with pytest.raises(ControlPipeError):
        for number in range(6):
            engine.send(Update(number=number, values={"/sd/prompt": "x" * 50_000}))
    child.close()
    with pytest.raises(PipeClosedError):
        engine.send(Stop())
    engine, _ = both_ends()
    with pytest.raises(ControlPipeError):
        for number in range(6):
            engine.send(Update(number=number, values={"/sd/prompt": "x" * 50_000}))
    before = len(winapi.cancelled)
    engine.close()
    assert len(winapi.cancelled) == before + 1


def test_a_verbose_child_keeps_its_newest_lines_without_append_mode(tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("w+b", buffering=0) as file:
        stdout, stderr = os.dup(file.fileno()), os.dup(file.fileno())  # one shared position, as with inherited handles
        os.write(stdout, b"x" * (stderr_file.MAX_BYTES + 1))
        for number in range(3):
            stderr_file.truncate_long(stderr)  # four times per second
            os.write((stdout, stderr)[number % 2], b"line %d\n" % number)
        assert os.fstat(file.fileno()).st_size < 100, "no hole before them"
        assert stderr_file.read_tail(file) == ["(older lines were removed)", "line 0", "line 1", "line 2"]
        os.close(stdout)
        os.close(stderr)


ACCESS_VIOLATION = b"""Windows fatal exception: access violation

Thread 0x00001a2c (most recent call first):
  File "C:\\engine\\children\\mailbox.py", line 59 in _run

Current thread 0x000024e8 (most recent call first):
  File "C:\\torch\\nn\\functional.py", line 7 in conv2d
  File "C:\\engine\\children\\diffusion.py", line 3 in run
"""


@pytest.mark.parametrize(
    ("printed", "crash_summary"),
    [
        (ACCESS_VIOLATION, 'access violation in File "C:\\torch\\nn\\functional.py", line 7 in conv2d'),
        (ACCESS_VIOLATION + b"ModelError: no such file\n", "ModelError: no such file"),
        (b"a driver handled one:\n" + 2 * ACCESS_VIOLATION, "access violation in File"),
    ],
    ids=["the end of the process", "handled by a library", "the second was the end"],
)
def test_a_child_that_crashes_names_its_line(printed: bytes, crash_summary: str) -> None:
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(printed)
        assert stderr_file.crash_summary(stderr_file.read_tail(file)).startswith(crash_summary)


BELOW_NORMAL, IDLE = 0x4000, 0x40  # ..._PRIORITY_CLASS (winbase.h)


def test_a_painting_child_starts_at_lower_priority_and_the_voice_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", BELOW_NORMAL, raising=False)
    assert (priority.creation_flags(10), priority.creation_flags(0)) == (BELOW_NORMAL, 0)


@pytest.fixture
def own_class(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """The priority class of this process, as psutil has it on Windows; below normal at first."""
    now = [BELOW_NORMAL]

    def nice(process: psutil.Process, value: int | None = None) -> int | None:
        if value is None:
            return now[0]
        now[0] = value
        return None

    monkeypatch.setattr(psutil.Process, "nice", nice)
    monkeypatch.setattr(psutil, "IDLE_PRIORITY_CLASS", IDLE, raising=False)
    return lambda: now[0]


@pytest.mark.parametrize(("gives_way", "after"), [(False, BELOW_NORMAL), (True, IDLE)], ids=["a voice", "pictures"])
def test_a_model_is_loaded_at_idle_priority(
    gives_way: bool, after: int, own_class: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    importlib.import_module("engine.models.device_work")  # now: torch loads the DLLs of the system it detects
    ours, theirs = open_pipe()
    counters = ChildCounters.create("toy words")
    port = ChildPort(
        settings={"threads": 1, "device": "cpu", "dtype": "auto"},
        send=lambda message: None,
        mailbox=Mailbox(ControlPipe(theirs, ToChild), counters),
        counters=counters,
        gate=None,
    )
    while_loading = []

    class Model:
        notes = ()

        def __init__(self, device: str, dtype: str) -> None:
            while_loading.append(own_class())

    with ours, theirs, monkeypatch.context() as on_windows:
        on_windows.setattr(sys, "platform", "win32")
        load_on_device(port, "tiny", Model, half="float16", gives_way=gives_way)
    counters.close()
    assert while_loading == [IDLE]
    assert own_class() == after


def test_a_refused_priority_stops_no_model(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def refused(process: psutil.Process, value: int | None = None) -> None:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "nice", refused)
    monkeypatch.setattr(sys, "platform", "win32")
    priority.leave_idle_class(priority.enter_idle_class())
    assert len(caplog.messages) == 1 and "lower its priority" in caplog.messages[0]


@pytest.mark.parametrize("is_refused", [False, True], ids=["granted", "refused"])
def test_a_child_is_not_throttled_and_a_crash_ends_it_without_a_dialog(
    is_refused: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    windows = FakeWindows.installed(monkeypatch)
    windows.answers["SetProcessInformation"] = 0 if is_refused else 1
    modes: list[int] = []
    msvcrt = SimpleNamespace(SetErrorMode=modes.append, SEM_FAILCRITICALERRORS=1, SEM_NOGPFAULTERRORBOX=2)
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "platform", "win32")
    prepare_windows()
    assert modes == [3]
    assert windows.called("SetProcessInformation")
    assert len(caplog.messages) == is_refused
