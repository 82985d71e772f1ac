"""Enforces Windows' rules for files in a Linux process, for everything below one folder.

Python and FFmpeg open files without sharing deletion (CreateFileW, FILE_SHARE_READ | FILE_SHARE_WRITE: _open in the C
runtime). A file that any process has open or mapped can be neither removed nor renamed nor replaced: ERROR_SHARING_
VIOLATION (32) for a source, ERROR_ACCESS_DENIED (5) for a target. Linux shows open and mapped files in /proc/PID/fd and
/proc/PID/maps, including those of FFmpeg and of child processes. What a virus scanner holds: `tests.support.scanner`.

An audit hook (PEP 578) refuses: exceptions raised in it are raised by `os.replace`, `os.remove` and `open`.
"""

import contextlib
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable
from typing import Any

ROOT = os.path.realpath(os.environ.get("DISGUISE_FOLDER", "/nowhere"))
LINUX_FOLDERS = ("/proc/", "/sys/", "/dev/shm/")
PASSED = (__name__, *"pathlib os shutil glob fnmatch contextlib posixpath genericpath".split())
"""Modules on the way from the package that opens a file."""
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.IGNORECASE)
REFUSED = re.compile(r'[<>:"|?*\\\x00-\x1f]|[. ]$')  # Microsoft: Naming Files, Paths, and Namespaces

EVENTS = frozenset(f"os.{name}" for name in "rename remove rmdir mkdir link listdir scandir".split()) | {"open"}

_real_rename, _real_fsync = os.rename, os.fsync


def hold() -> None:
    """Enforce Windows' rules from now on."""
    sys.addaudithook(_once(_as_windows))
    os.rename, os.fsync = _rename, _fsync
    shutil._use_fd_functions = False  # remove trees by paths, as there


def hide_linux() -> None:
    """From now on, hide Linux-only features from our code, as on a Mac."""
    sys.addaudithook(_once(_without_linux))


def wrong_name(name: str) -> bool:
    """True if Windows refuses this name of a file or folder, or treats it as a device."""
    return bool(REFUSED.search(name) or RESERVED.match(name)) and name not in (".", "..")


def _once(hook: Callable[..., None]) -> Callable[..., None]:
    """Prevent recursion: the hook itself opens files, which triggers the hook."""
    own = threading.local()

    def ask(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in EVENTS or getattr(own, "is_asking", False):
            return
        own.is_asking = True
        try:
            hook(event, arguments)
        finally:
            own.is_asking = False

    return ask


def _as_windows(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "os.rename":
        source, target = (_inside(path) for path in arguments[:2])
        if target is not None:
            _check_name(target)
            _check_free(target, 5)
        if source is not None:
            _check_free(source, 32)
    elif event in ("os.remove", "os.rmdir"):
        path = _inside(arguments[0])
        if path is not None and _caller() != "tempfile":  # an unnamed file: on Windows O_TEMPORARY
            _check_free(path, 32)
            if event == "os.remove" and os.path.exists(path) and not os.stat(path).st_mode & 0o200:
                raise _denied(path, 5)
    elif event == "open":
        path, mode, flags = arguments
        if (path := _inside(path)) is not None:
            if mode is None and os.path.isdir(path) and not flags & (os.O_DIRECTORY | os.O_TMPFILE):
                raise _denied(path, 5)
            if flags & os.O_CREAT or (mode and mode[0] in "wxa"):
                _check_name(path)
    elif event in ("os.mkdir", "os.link") and (path := _inside(arguments[event == "os.link"])) is not None:
        _check_name(path)
    _without_linux(event, arguments)


def _without_linux(event: str, arguments: tuple[Any, ...]) -> None:
    path = arguments[0]
    is_look = event in ("open", "os.listdir", "os.scandir") and isinstance(path, str)
    if is_look and path.startswith(LINUX_FOLDERS) and _caller() in ("engine", "osc_schema", "touchdesigner"):
        raise FileNotFoundError(2, "No such file or directory", path)


def _caller() -> str:
    """The package that opens a file, ignoring frames of the standard library."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "").partition(".")[0]
        if name not in PASSED:
            return name
        frame = frame.f_back
    return ""


def _inside(path: Any) -> str | None:
    """The path with links in its folder resolved, if it is below ROOT."""
    if isinstance(path, int) or path is None:
        return None
    path = os.path.abspath(os.fsdecode(path))
    path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    return path if path.startswith(ROOT + "/") else None


def _check_name(path: str) -> None:
    for name in path[len(ROOT) + 1 :].split("/"):
        if wrong_name(name):
            error = OSError(22, "The filename, directory name, or volume label syntax is incorrect", path)
            error.winerror = 123
            raise error
    folder, name = os.path.split(path)
    if not os.path.lexists(path) and os.path.isdir(folder):
        for other in os.listdir(folder):
            if other.casefold() == name.casefold():
                raise FileExistsError(17, f"{other} is the same file on Windows", path)


def _check_free(path: str, winerror: int) -> None:
    is_folder = os.path.isdir(path)
    for pid in _family():
        for other in _opened_by(pid):
            is_open = other.startswith(path + "/") and os.path.lexists(other) if is_folder else other == path
            if is_open:
                raise _denied(path, winerror)


def _opened_by(pid: int) -> set[str]:
    """The files that a process has open or mapped."""
    found = set()
    with contextlib.suppress(OSError):  # the process has ended
        for number in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):  # the descriptor of the listing itself, which is closed by now
                found.add(os.readlink(f"/proc/{pid}/fd/{number}"))
        with open(f"/proc/{pid}/maps", "rb") as maps:
            found |= {os.fsdecode(line[line.index(b"/") :].rstrip()) for line in maps if b"/" in line}
    return found


def _denied(path: str, winerror: int) -> PermissionError:
    text = {5: "Access is denied", 32: "The process cannot access the file because it is being used by another process"}
    error = PermissionError(13, text[winerror], path)
    error.winerror = winerror
    return error


def _family() -> list[int]:
    """This process and all its descendants."""
    found = [os.getpid()]
    for pid in found:
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children", "rb") as children:
                    found += map(int, children.read().split())
        except OSError:
            continue
    return found


def _rename(source: Any, target: Any, **options: Any) -> None:
    if _inside(target) is not None and os.path.exists(target):
        raise FileExistsError(17, "Cannot create a file when that file already exists", target)
    _real_rename(source, target, **options)


def _fsync(descriptor: Any) -> None:
    import fcntl

    number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
    if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(9, "Bad file descriptor")  # _commit needs a writable file
    _real_fsync(descriptor)
