"""COM on threads that open sound devices, by Windows' own answers (CoGetApartmentType,
combaseapi.h)."""

import ctypes
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from engine.audio.devices import com_apartment

pytestmark = pytest.mark.only_on("win32", reason="COM is part of Windows")

NONE, MULTI_THREADED = -0x7FFBFE10, 1  # the first is CO_E_NOTINITIALIZED
SINGLE_THREADED = (0, 3)  # the second is that of the first such thread


def apartment() -> int:
    """The kind of apartment that this thread is in, or NONE."""
    kind, qualifier = ctypes.c_int(), ctypes.c_int()
    ask = ctypes.WinDLL("ole32").CoGetApartmentType  # type: ignore[attr-defined, unused-ignore]
    result: int = ask(ctypes.byref(kind), ctypes.byref(qualifier))
    return result if result < 0 else kind.value


def on_a_thread(step: Callable[[], None]) -> None:
    thread = threading.Thread(target=step)
    thread.start()
    thread.join()


def test_a_thread_is_in_an_apartment_of_its_own_until_it_has_closed_its_streams(caplog) -> None:
    seen: list[int] = []

    def open_and_close() -> None:
        before = apartment()
        with com_apartment():
            seen.append(apartment())
        seen.append(apartment() - before)

    on_a_thread(open_and_close)
    assert seen[0] in SINGLE_THREADED and seen[1] == 0 and caplog.records == []


def test_com_stays_when_the_thread_that_started_portaudio_has_ended() -> None:
    program = (
        "import threading; from engine.audio.devices import load_portaudio; from tests.on_windows "
        "import test_com\n"
        "before = test_com.apartment(); test_com.on_a_thread(load_portaudio); print(before, "
        "test_com.apartment())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(NONE), str(MULTI_THREADED)]
