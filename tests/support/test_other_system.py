"""The disguise that the suites "as on Windows" and "as on a Mac" wear: what our code sees is what the system has."""

from collections import Counter
from pathlib import Path

import pytest

from tests.support.disguise.file_rules import wrong_name
from tests.support.other_system import FOREIGN, ROOT, run_as

# Run as a module of ours is; each line is tried for itself.
TRY = """
def tried(lines, name="engine.tried"):
    said = {}
    for line in lines:
        try:
            exec(line, {"__name__": name, "__package__": name.partition(".")[0]})
            said[line] = ""
        except BaseException as error:
            said[line] = type(error).__name__ + (f" {error.winerror}" if hasattr(error, "winerror") else "")
    return said
"""
WINDOWS = {
    "import fcntl": "ModuleNotFoundError",
    "import resource": "ModuleNotFoundError",
    "import _posixshmem": "ModuleNotFoundError",
    "import os; os.fork": "AttributeError",
    "import os; os.nice": "AttributeError",
    "import os; os.statvfs": "AttributeError",
    "import os; os.posix_fallocate": "AttributeError",
    "from os import getuid": "ImportError",
    "import os; assert os.name == 'nt'": "",
    "import os; assert not hasattr(os, 'pidfd_open')": "",
    "import os; os.kill(1, 0)": "AssertionError",
    "import os; os.symlink('a', 'b')": "OSError 1314",
    "import sys; assert sys.platform == 'win32'": "",
    "import platform; assert platform.system() == 'Windows'": "",
    "import select; select.poll": "AttributeError",
    "import signal; signal.SIGKILL": "AttributeError",
    "import signal; signal.signal(1, signal.SIG_IGN)": "ValueError",
    "import signal; signal.signal(signal.SIGBREAK, signal.SIG_IGN)": "",
    "import socket; socket.AF_UNIX": "AttributeError",
    "import asyncio; asyncio.SelectorEventLoop().add_signal_handler(2, print)": "NotImplementedError",
    "import asyncio; asyncio.new_event_loop().add_reader(0, print)": "NotImplementedError",
    "import subprocess; subprocess.Popen(['true'], pass_fds=(1,))": "ValueError",
    "import subprocess; subprocess.run(['true'], text=True)": "AssertionError",
    "import ctypes; ctypes.CDLL(None)": "TypeError",
    "import time; time.clock_gettime": "AttributeError",
    "open('/proc/self/stat')": "FileNotFoundError",
    "open('text', 'w')": "EncodingWarning",
    "open('a:b.txt', 'wb')": "OSError 123",
    "open('nul.json', 'wb')": "OSError 123",
    "import os; os.mkdir('trailing.')": "OSError 123",
    "import os; f = open('held', 'wb'); os.remove('held')": "PermissionError 32",
    "import os; f = open('held', 'rb'); open('new', 'wb').close(); os.replace('new', 'held')": "PermissionError 5",
    "import shutil, os; os.mkdir('d'); f = open('d/held', 'wb'); shutil.rmtree('d')": "PermissionError 32",
    "import os; open('one', 'wb').close(); open('two', 'wb').close(); os.rename('one', 'two')": "FileExistsError",
    "open('Case', 'wb').close(); open('case', 'wb')": "FileExistsError",
    "import os; os.open('d', os.O_RDONLY)": "PermissionError 5",
    "import os; os.fsync(os.open('one', os.O_RDONLY))": "OSError",
    "print('夜')": "UnicodeEncodeError",
}
MAC = {
    "import fcntl": "",
    "import os; os.fork": "",
    "import os; os.pidfd_open": "AttributeError",
    "import os; os.posix_fallocate": "AttributeError",
    "import os; os.sched_setscheduler": "AttributeError",
    "import sys; assert sys.platform == 'darwin'": "",
    "import platform; assert platform.mac_ver()[0]": "",
    "import select; select.epoll": "AttributeError",
    "import select; select.poll": "",
    "import socket; socket.TCP_KEEPIDLE": "AttributeError",
    "import socket; socket.TCP_KEEPALIVE": "",
    "import ctypes; ctypes.CDLL('libc.so.6')": "OSError",
    "open('/proc/self/stat')": "FileNotFoundError",
    "open('text', 'w')": "EncodingWarning",
    "print('夜')": "",
}


@pytest.mark.parametrize(("system", "expected"), [("win32", WINDOWS), ("darwin", MAC)])
def test_our_code_finds_what_the_system_has_and_nothing_else(
    system: str, expected: dict[str, str], tmp_path: Path
) -> None:
    told = run_as(
        system, f"{TRY}\ntell([tried({list(expected)!r}), tried(['import fcntl'], 'numba')])", tmp_path / FOREIGN
    )
    assert told.code == 0, told.err
    assert told.value == [expected, {"import fcntl": ""}]


def test_a_scanner_holds_a_fresh_file_as_often_as_asked(tmp_path: Path) -> None:
    lines = [
        "import os; open('new', 'wb').close()",
        *["import os; os.replace('new', 'old')" + " " * n for n in range(3)],
    ]
    told = run_as("win32", f"{TRY}\ntell(tried({lines!r}))", tmp_path / FOREIGN, scanned=2)
    assert list(told.value.values()) == ["", "PermissionError 32", "PermissionError 32", ""], told.err


@pytest.mark.parametrize(
    ("name", "is_wrong"),
    [("a.toml", False), ("夜 ö.png", False), ("console", False), ("12:30.mp4", True), ("aux", True), ("COM1.txt", True),
     ("end.", True), ("end ", True), ("what?", True)],
)  # fmt: skip
def test_names_that_windows_refuses_are_known(name: str, is_wrong: bool) -> None:
    assert wrong_name(name) is is_wrong


def test_every_file_of_the_project_has_a_name_allowed_on_windows_and_mac() -> None:
    """No two names that differ by case only (NTFS, APFS), and none that Windows refuses."""
    paths = [
        path.relative_to(ROOT)
        for folder in ("engine", "osc_schema", "touchdesigner", "tests", "docs")
        for path in (ROOT / folder).rglob("*")
        if "__pycache__" not in path.parts
    ]
    assert len(paths) > 1000
    assert [str(path) for path in paths if any(wrong_name(part) for part in path.parts)] == []
    seen = Counter(str(path).casefold() for path in paths)
    assert [path for path, count in seen.items() if count > 1] == []
