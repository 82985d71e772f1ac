"""Makes this process look like Windows or a Mac to our own code only.

Setting `sys.platform` globally does not work: pathlib, subprocess, asyncio and multiprocessing depend on it, and would
call missing DLLs. Instead, `import` is wrapped. A module of ours that imports `os` gets a view of it: names that the
other system lacks raise AttributeError, names that only that system has are added, and everything else is real. A
module that the other system lacks cannot be imported. The standard library and packages still see Linux.

So our code's use of the system is checked; the behaviour of packages on the other system is not. Two rules are
enforced for the whole process: Linux's own files are hidden (`file_rules`), and no text file is opened with the
encoding of the locale, which is cp1252 on Windows (PEP 597).

`system_names.json` has the names of the standard library that Linux has and Windows or macOS lacks, generated from the
branches on `sys.platform` in typeshed's stubs. These are github.com/python/typeshed, commit 21dff5c0, stdlib/, Python
3.11 to 3.14; no members of classes. Other sources: CPython's Modules/posixmodule.c, Modules/signalmodule.c
(`signal.signal` takes seven signals on Windows), Lib/subprocess.py (what Popen refuses there), Lib/asyncio/events.py
(`add_signal_handler` and Proactor's `add_reader` raise NotImplementedError).
"""

import builtins
import importlib.util
import json
import os
import sys
import threading
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

OURS = ("engine", "osc_schema", "touchdesigner")
WINDOWS_SIGNALS = ("SIGABRT", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM", "SIGBREAK")
CREATION_FLAGS = {  # winbase.h, as far as our code names them
    "CREATE_NEW_PROCESS_GROUP": 0x200,
    "BELOW_NORMAL_PRIORITY_CLASS": 0x4000,
    "IDLE_PRIORITY_CLASS": 0x40,
    "NORMAL_PRIORITY_CLASS": 0x20,
    "CREATE_NO_WINDOW": 0x8000000,
}
# Functions that return 0 on failure (learn.microsoft.com, "Return value" of each).
DONE = "SetConsoleCtrlHandler SetPriorityClass SetProcessInformation SetThreadPriority"
ANSWERS = {**dict.fromkeys(DONE.split(), 1), "SetThreadExecutionState": 0x80000000}
CALLS: list[tuple[Any, ...]] = []
"""Calls of the stand-ins: (function, *arguments)."""

_import = builtins.__import__
_absent: frozenset[str] = frozenset()
_absent_names: dict[str, frozenset[str]] = {}
_overrides: dict[str, dict[str, Any]] = {}
"""Module -> what our code finds in it besides, or instead."""
_prepare: dict[str, Callable[[], dict[str, Any]]] = {}
"""Module -> what makes its given names, once our code imports it."""
_views: dict[str, "View"] = {}
_making = threading.RLock()


class View(types.ModuleType):
    """A module of the standard library as it is on the other system."""

    def __init__(self, module: types.ModuleType) -> None:
        super().__init__(module.__name__)
        self.__dict__["_module"] = module

    def __getattr__(self, name: str) -> Any:
        module = self.__dict__["_module"]
        overrides = _overrides.get(module.__name__, {})
        if name in overrides:
            return overrides[name]
        if name in _absent_names.get(module.__name__, ()):
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        return _seen(getattr(module, name))

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.__dict__["_module"], name, value)


def put_on(system: str) -> None:
    """Disguise this process: `system` as in `sys.platform`, "win32" or "darwin"."""
    global _absent
    absent = json.loads(Path(__file__).with_name("system_names.json").read_text(encoding="utf-8"))[system]
    _absent = frozenset(absent["modules"].split())
    _absent_names.update({name: frozenset(text.split()) for name, text in absent["names"].items()})
    if system == "win32":
        _as_windows()
    else:
        _as_mac()
    builtins.__import__ = _import_as_there
    warnings.filterwarnings("ignore", category=EncodingWarning)
    warnings.filterwarnings("error", category=EncodingWarning, module=rf"({'|'.join(OURS)})\b")


def _import_as_there(
    name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
) -> types.ModuleType:
    if level or globals is None or not _is_ours(globals):
        return _import(name, globals, locals, fromlist, level)
    if name.partition(".")[0] in _absent:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    if name in _overrides and name not in sys.modules and importlib.util.find_spec(name) is None:
        stand_in = types.ModuleType(name)
        stand_in.__dict__.update(_overrides[name])
        return stand_in
    return _seen(_import(name, globals, locals, fromlist, level))


def _is_ours(globals: Any) -> bool:
    name = globals.get("__package__") or globals.get("__name__") or ""
    return name.partition(".")[0] in OURS


def _seen(value: Any) -> Any:
    """A module as our code sees it; anything else as it is."""
    if not isinstance(value, types.ModuleType) or isinstance(value, View):
        return value
    name = value.__name__
    with _making:  # a second thread that imports it waits until its names are there
        if name not in _views:
            if name in _prepare:
                _overrides.setdefault(name, {}).update(_prepare.pop(name)())
            if name not in _overrides and name not in _absent_names and not _has_a_view(name):
                return value
            _views[name] = View(value)
        return _views[name]


def _has_a_view(package: str) -> bool:
    """True if one of its modules has a view: `import asyncio.streams` gives `asyncio`."""
    return any(name.startswith(f"{package}.") for name in (*_overrides, *_absent_names, *_prepare))


def _as_windows() -> None:
    import file_rules

    file_rules.hide_linux()
    if not sys.flags.utf8_mode:  # what a console's or a file's stream is without PYTHONUTF8
        sys.stdin.reconfigure(encoding="cp1252")
        sys.stdout.reconfigure(encoding="cp1252", errors="strict")
        sys.stderr.reconfigure(encoding="cp1252")
    windows = types.SimpleNamespace(platform_version=(10, 0, 26100))
    _overrides["sys"] = {"platform": "win32", "getwindowsversion": lambda: windows}
    _overrides["os"] = {
        "name": "nt",
        "kill": _kill,
        "set_handle_inheritable": os.set_inheritable,
        "symlink": _refuse_symlink,
    }
    _overrides["socket"] = {"SO_EXCLUSIVEADDRUSE": 9}  # SO_KEEPALIVE, which does no harm: Linux is exclusive anyway
    _overrides["msvcrt"] = {
        "LK_NBLCK": 2,
        "locking": _locking,
        "SEM_FAILCRITICALERRORS": 1,
        "SEM_NOGPFAULTERRORBOX": 2,
        "SetErrorMode": lambda mode: CALLS.append(("SetErrorMode", mode)) or 0,
    }
    _overrides["winreg"] = {"HKEY_LOCAL_MACHINE": 0x80000002, "HKEY_CURRENT_USER": 0x80000001, "OpenKey": _no_key}
    _prepare.update(
        {
            "asyncio": _windows_asyncio,
            "ctypes": _windows_ctypes,
            "engine.ipc.windows_pipe": _windows_pipe,
            "moderngl": _any_gl,
            "multiprocessing.connection": lambda: {
                "PipeConnection": importlib.import_module("multiprocessing.connection").Connection
            },
            "multiprocessing.shared_memory": _windows_memory,
            "platform": lambda: _platform("Windows", "AMD64", "Windows-11-10.0.26100-SP0"),
            "psutil": _windows_psutil,
            "signal": _windows_signal,
            "subprocess": _windows_subprocess,
        }
    )


def _as_mac() -> None:
    import file_rules

    file_rules.hide_linux()
    _overrides["sys"] = {"platform": "darwin"}
    _overrides["Foundation"] = {"NSProcessInfo": _NSProcessInfo}
    _prepare.update(
        {
            "ctypes": _mac_ctypes,
            "moderngl": _any_gl,
            "platform": lambda: _platform("Darwin", "arm64", "macOS-14.5-arm64-arm-64bit"),
            "socket": lambda: {"TCP_KEEPALIVE": importlib.import_module("socket").TCP_KEEPIDLE},
        }
    )


def _platform(system: str, machine: str, name: str) -> dict[str, Any]:
    return {
        "system": lambda: system,
        "machine": lambda: machine,
        "platform": lambda *_, **__: name,
        "mac_ver": lambda: ("14.5" if system == "Darwin" else "", ("", "", ""), machine),
    }


def _any_gl() -> dict[str, Any]:
    """A context without a named backend: that of the system, which is EGL here."""
    import glcontext

    glcontext.default_backend = lambda: _egl
    return {}


def _egl(**options: Any) -> Any:
    import glcontext

    options.pop("backend", None)
    return glcontext.get_backend_by_name("egl")(**{"libgl": "libGL.so.1", "libegl": "libEGL.so.1", **options})


# Windows


def _kill(pid: int, number: int) -> None:
    assert number > 1, "os.kill(pid, 0) sends Ctrl-C on Windows, and 1 Ctrl-Break"
    os.kill(pid, 9)  # TerminateProcess, whatever the signal


def _refuse_symlink(*arguments: Any, **options: Any) -> None:
    error = OSError(22, "A required privilege is not held by the client", arguments[1])
    error.winerror = 1314
    raise error


def _no_key(hive: int, key: str, *arguments: Any) -> None:
    raise FileNotFoundError(2, "The system cannot find the file specified", key)


def _locking(descriptor: int, mode: int, length: int) -> None:
    import fcntl

    assert mode == 2
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PermissionError(13, "Permission denied") from error


def _windows_asyncio() -> dict[str, Any]:
    import asyncio

    def no_signals(loop: Any, *arguments: Any) -> None:
        raise NotImplementedError

    class ProactorEventLoop(asyncio.SelectorEventLoop):
        """Like the loop of Windows, serves sockets but no bare descriptors."""

        add_reader = add_writer = remove_reader = remove_writer = no_signals

    asyncio.SelectorEventLoop.add_signal_handler = asyncio.SelectorEventLoop.remove_signal_handler = no_signals
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        type(asyncio.get_event_loop_policy())._loop_factory = ProactorEventLoop
    return {"ProactorEventLoop": ProactorEventLoop}


def _windows_ctypes() -> dict[str, Any]:
    from tests.support.fake_win32 import FakeWindows

    names: dict[str, Any] = {}

    class Put:
        """In pytest's monkeypatch's place."""

        def setattr(self, target: Any, name: str, value: Any, raising: bool = True) -> None:
            names[name] = value

    windows = FakeWindows.installed(Put())
    windows.calls = CALLS
    windows.answers.update(ANSWERS)
    real = importlib.import_module("ctypes").CDLL

    def cdll(name: Any, *arguments: Any, **options: Any) -> Any:
        if name is None:
            raise TypeError("argument of type 'NoneType' is not iterable")  # what Windows says
        if str(name).endswith((".so", ".so.1")):
            raise FileNotFoundError(f"Could not find module {name!r} (or one of its dependencies)")
        return names["WinDLL"](name) if not os.path.isabs(name) else real(name, *arguments, **options)

    names["CDLL"] = cdll
    return names


def _windows_pipe() -> dict[str, Any]:
    """Sockets in the named pipes' place, since another process has the other end."""
    from multiprocessing.connection import Connection, Pipe

    class TimedWriter:
        def __init__(self, end: Connection) -> None:
            self._end = end

        def write(self, message: bytes, timeout_s: float) -> bool:
            self._end.send_bytes(message)
            return True

        def cancel(self) -> None:
            pass

    return {"open_pipe": lambda buffer_bytes: Pipe(), "TimedWriter": TimedWriter}


def _windows_memory() -> dict[str, Any]:
    import threading
    from multiprocessing import resource_tracker, shared_memory

    lock = threading.Lock()

    class SharedMemory(shared_memory.SharedMemory):
        """Windows has no resource tracker: a process that opens a segment and ends takes it from nobody."""

        def __init__(self, name: str | None = None, create: bool = False, size: int = 0) -> None:
            with lock:
                register = resource_tracker.register
                if not create:
                    resource_tracker.register = lambda *_: None
                try:
                    super().__init__(name, create, size)
                finally:
                    resource_tracker.register = register

    return {"SharedMemory": SharedMemory}


def _windows_psutil() -> dict[str, Any]:
    import psutil

    flags = {name: value for name, value in CREATION_FLAGS.items() if name.endswith("_PRIORITY_CLASS")}

    class Process(psutil.Process):
        def memory_info(self) -> Any:
            rss = super().memory_info().rss
            return types.SimpleNamespace(rss=rss, vms=rss, peak_wset=rss, wset=rss)

        def nice(self, value: int | None = None) -> int | None:
            if value is None:
                return flags["NORMAL_PRIORITY_CLASS"]
            assert value in flags.values(), f"psutil's nice takes a priority class on Windows, not {value}"
            CALLS.append(("nice", self.pid, value))
            return None

    return {"Process": Process, **flags}


def _windows_signal() -> dict[str, Any]:
    import signal

    def allowed(number: int) -> int:
        if number not in numbers:
            raise ValueError("invalid signal value")
        return number

    names = {"SIGBREAK": 21}
    numbers = {getattr(signal, name, names.get(name)) for name in WINDOWS_SIGNALS}
    return names | {
        "signal": lambda number, handler: signal.signal(allowed(number), handler),
        "getsignal": lambda number: signal.getsignal(allowed(number)),
        "raise_signal": lambda number: signal.raise_signal(allowed(number)),
    }


def _windows_subprocess() -> dict[str, Any]:
    import subprocess

    class Popen(subprocess.Popen):
        """Takes what Windows takes; hands on the handles that the child inherits."""

        def __init__(self, args: Any, *, startupinfo: Any = None, creationflags: int = 0, **options: Any) -> None:
            for name in ("preexec_fn", "pass_fds"):
                if options.get(name):
                    raise ValueError(f"{name} is not supported on Windows platforms")
            for name in ("start_new_session", "process_group", "user", "group", "umask"):
                assert options.get(name) in (None, False), f"{name} has no effect on Windows"
            is_text = options.get("text") or options.get("universal_newlines")
            assert not is_text or options.get("encoding"), f"{args}: its output would be read as cp1252"
            handles = (getattr(startupinfo, "lpAttributeList", None) or {}).get("handle_list", ())
            CALLS.append(("CreateProcess", creationflags, len(handles)))
            super().__init__(args, pass_fds=tuple(handles), **options)

    class STARTUPINFO:
        def __init__(self, *, lpAttributeList: Any = None) -> None:
            self.lpAttributeList = lpAttributeList

    def run(*arguments: Any, **options: Any) -> Any:
        subprocess.Popen = Popen
        try:
            return subprocess.run(*arguments, **options)
        finally:
            subprocess.Popen = Popen.__mro__[1]

    return {"Popen": Popen, "STARTUPINFO": STARTUPINFO, "run": run} | CREATION_FLAGS


# macOS


class _NSProcessInfo:
    @classmethod
    def processInfo(cls) -> "_NSProcessInfo":
        return cls()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if not name.endswith("_"):
            raise AttributeError(name)
        return lambda *arguments: CALLS.append((name, *arguments)) or (name, *arguments)


def _mac_ctypes() -> dict[str, Any]:
    real = importlib.import_module("ctypes").CDLL

    def cdll(name: Any, *arguments: Any, **options: Any) -> Any:
        if str(name).endswith("/OpenGL"):
            return real("libGL.so.1")
        if str(name).endswith((".so", ".so.1", ".so.6")) and not os.path.isabs(str(name)):
            raise OSError(f"dlopen({name}, 0x0006): tried: '{name}' (no such file)")
        return real(name, *arguments, **options)

    return {"CDLL": cdll}
