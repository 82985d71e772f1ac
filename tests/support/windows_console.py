"""Programs in consoles of their own on Windows, and what ends them.

`python -m tests.support.windows_console END PID` ends one, from a process that may change its
console. It exits when the program has been told. Wine 8 sends only Ctrl-C from a console: the
thread that Windows starts for the other events is started here.
"""

import ctypes
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
CTRL_C, CTRL_BREAK, CLOSE = 0, 1, 2  # HandlerRoutine's dwCtrlType
SESSION, TASKKILL = "session", "taskkill"
WM_QUERYENDSESSION, WM_ENDSESSION, ENDSESSION_LOGOFF = 0x11, 0x16, 0x80000000  # winuser.h


def start(*arguments: str, **options: Any) -> "subprocess.Popen[str]":
    """Start Python in a console of its own; its streams are pipes."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    command, flags = [sys.executable, *arguments], subprocess.CREATE_NEW_CONSOLE
    return subprocess.Popen(
        command, creationflags=flags, encoding="utf-8", **{"cwd": ROOT, **pipes, **options}
    )


def end(how: object, process: "subprocess.Popen[Any]") -> "subprocess.Popen[bytes]":
    """Begin to end a program: by CTRL_C, CTRL_BREAK, CLOSE (its console), SESSION (a log-off) or
    TASKKILL."""
    return subprocess.Popen([sys.executable, "-m", __name__, str(how), str(process.pid)], cwd=ROOT)


def _windows_of(pid: int) -> list[int]:
    """The top-level windows of a process, once it has its own one for messages."""
    user32, found = ctypes.WinDLL("user32"), []
    name, owner = ctypes.create_unicode_buffer(32), ctypes.c_uint32()

    def look(window: int, is_named: int) -> bool:
        user32.GetWindowThreadProcessId(ctypes.c_void_p(window), ctypes.byref(owner))
        user32.GetWindowTextW(ctypes.c_void_p(window), name, 32)
        if owner.value == pid and (not is_named or name.value == "multiverse"):
            found.append(window)
        return True

    call = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_ssize_t)(look)
    end_s = time.monotonic() + 120.0
    while not found:
        assert psutil.pid_exists(pid) and time.monotonic() < end_s, (
            f"process {pid} has no window for messages"
        )
        time.sleep(0.02)
        user32.EnumWindows(call, 1)
    found.clear()
    user32.EnumWindows(call, 0)
    return found


def _end(how: str, pid: int) -> None:
    kernel32, user32 = ctypes.WinDLL("kernel32", use_last_error=True), ctypes.WinDLL("user32")
    pointer = ctypes.c_void_p
    if how == TASKKILL:
        _windows_of(pid)
        subprocess.run(["taskkill", "/PID", str(pid)], check=True)
    elif how == SESSION:
        for message, is_ending in ((WM_QUERYENDSESSION, 0), (WM_ENDSESSION, 1)):
            for window in _windows_of(pid):
                user32.SendMessageW(
                    pointer(window), message, is_ending, ctypes.c_ssize_t(ENDSESSION_LOGOFF)
                )
    elif int(how) == CTRL_C:
        kernel32.FreeConsole()
        assert kernel32.AttachConsole(pid), ctypes.get_last_error()
        kernel32.SetConsoleCtrlHandler(None, 1)
        assert kernel32.GenerateConsoleCtrlEvent(CTRL_C, 0), ctypes.get_last_error()
    else:
        for name in ("OpenProcess", "CreateRemoteThread", "GetModuleHandleW", "GetProcAddress"):
            getattr(kernel32, name).restype = pointer
        process = pointer(kernel32.OpenProcess(0x1F0FFF, 0, pid))  # PROCESS_ALL_ACCESS
        module = pointer(kernel32.GetModuleHandleW("kernelbase"))
        routine = pointer(kernel32.GetProcAddress(module, b"CtrlRoutine"))
        thread = kernel32.CreateRemoteThread(
            process, None, pointer(0), routine, pointer(int(how)), 0, None
        )
        assert thread, ctypes.get_last_error()
        kernel32.WaitForSingleObject(pointer(thread), -1)


if __name__ == "__main__":
    _end(sys.argv[1], int(sys.argv[2]))
