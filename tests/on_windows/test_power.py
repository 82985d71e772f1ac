"""Sleep, priorities, window messages and crashes, as the system itself has them."""

import ctypes
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from engine.children.mailbox import Mailbox
from engine.children.messages import ToChild
from engine.children.port import ChildPort
from engine.ipc import ChildCounters, ControlPipe
from engine.ipc.control_pipe import open_pipe
from engine.render.context import MAX_MESSAGES_PER_PICTURE, load_message_pump
from engine.system import win32
from engine.system.power import kept_awake

pytestmark = pytest.mark.only_on("win32", reason="states, classes and messages of Windows")

WM_APP = 0x8000  # winuser.h


@pytest.mark.parametrize("display", [False, True], ids=["a picture", "a window"])
def test_the_machine_does_not_sleep_while_the_picture_runs(display: bool) -> None:
    win32.set_thread_execution_state(win32.ES_CONTINUOUS)
    with kept_awake(display=display):
        now = win32.set_thread_execution_state(win32.ES_CONTINUOUS)
        assert now & win32.ES_SYSTEM_REQUIRED and bool(now & win32.ES_DISPLAY_REQUIRED) == display
        win32.set_thread_execution_state(now)
    assert win32.set_thread_execution_state(win32.ES_CONTINUOUS) == win32.ES_CONTINUOUS


def test_a_crash_ends_a_child_without_a_dialog() -> None:
    program = (
        "from engine.children.child_main import prepare_windows; prepare_windows()\n"
        "import ctypes; print(ctypes.windll.kernel32.GetErrorMode() & 3)"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True
        ).stdout.strip()
        == "3"
    )


def test_a_draw_dispatches_waiting_messages_and_continues_even_if_they_never_end() -> None:
    user = ctypes.WinDLL("user32")  # type: ignore[attr-defined]
    pump, message = load_message_pump(), win32._Message()

    def left() -> int:
        count = 0
        while user.PeekMessageW(ctypes.byref(message), None, 0, 0, 1):
            count += message.message == WM_APP
        return count

    left()
    thread = ctypes.WinDLL("kernel32").GetCurrentThreadId()  # type: ignore[attr-defined]
    for posted, after in ((2, 0), (MAX_MESSAGES_PER_PICTURE + 3, 3)):
        for _ in range(posted):
            assert user.PostThreadMessageW(thread, WM_APP, 0, 0)
        pump()
        assert left() == after


def test_a_request_to_close_a_window_of_the_renderer_reaches_the_run(
    wait_for: Callable[..., Any],
) -> None:
    """`taskkill` may ask that window alone."""
    user, requests = ctypes.WinDLL("user32"), list[int]()  # type: ignore[attr-defined]
    threading.Thread(target=win32.serve_close_window, args=(requests.append,), daemon=True).start()
    wait_for(lambda: win32._close_window, "the window for requests")
    user.CreateWindowExW.restype = ctypes.c_void_p
    window = ctypes.c_void_p(
        user.CreateWindowExW(0, "STATIC", "context", 0, 0, 0, 0, 0, None, None, None, None)
    )
    assert user.PostMessageW(window, 0x10, 0, 0)  # WM_CLOSE
    load_message_pump()()
    wait_for(lambda: requests == [win32.CLOSE_REQUEST], "the request")
    assert user.IsWindow(window)
    user.DestroyWindow(window)


@pytest.fixture
def port() -> Iterator[ChildPort]:
    process = psutil.Process()
    before = process.nice()
    ours, theirs = open_pipe()
    counters = ChildCounters.create("toy words")
    with ours, theirs:
        yield ChildPort(
            settings={"threads": 1, "device": "cpu", "dtype": "auto"},
            send=lambda message: None,
            mailbox=Mailbox(ControlPipe[ToChild](theirs, ToChild), counters),
            counters=counters,
            gate=None,
        )
    counters.close()
    process.nice(before)


@pytest.mark.parametrize("gives_way", [False, True], ids=["a voice", "pictures"])
def test_a_model_is_loaded_at_idle_priority(gives_way: bool, port: ChildPort) -> None:
    from engine.live.kit.model_loading import load_on_device  # torch

    process, while_loading = psutil.Process(), []
    before = process.nice()

    class Model:
        notes = ()

        def __init__(self, device: str, dtype: str) -> None:
            while_loading.append(process.nice())

    load_on_device(port, "tiny", Model, half="float16", gives_way=gives_way)
    assert while_loading == [psutil.IDLE_PRIORITY_CLASS]
    assert process.nice() == (psutil.IDLE_PRIORITY_CLASS if gives_way else before)
