"""Windows functions missing in Python's library, called through ctypes, one Python function each.

Each call declares its types: without them ctypes passes C ints, which truncates 64-bit handles. A
DLL is loaded when a function is called, so this module can be imported on any system.
"""

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

CTRL_C: Final = 0  # CTRL_C_EVENT (wincon.h); the window's closing is 2, shutting down 6
CTRL_BREAK: Final = 1
CTRL_LOGOFF: Final = 5
CLOSE_REQUEST: Final = -1  # not of Windows: another program asks to close, perhaps again

_WM_CLOSE: Final = 0x10  # winuser.h
_WM_ENDSESSION: Final = 0x16
_GWLP_WNDPROC: Final = -4

# EXECUTION_STATE (winnt.h)
ES_SYSTEM_REQUIRED: Final = 0x1
ES_DISPLAY_REQUIRED: Final = 0x2
ES_CONTINUOUS: Final = 0x80000000

_SM_REMOTESESSION: Final = 0x1000  # winuser.h
# 0x80010106 (winerror.h): the thread is in an apartment of another kind
RPC_E_CHANGED_MODE: Final = -0x7FFEFEFA

_COINIT_APARTMENTTHREADED: Final = 0x2  # objbase.h
_HANDLE: Final = ctypes.c_void_p
_THIS_PROCESS: Final = ctypes.c_void_p(-1)  # what GetCurrentProcess returns

_PROCESS_POWER_THROTTLING: Final = 4  # in PROCESS_INFORMATION_CLASS (processthreadsapi.h)
_EXECUTION_SPEED: Final = 0x1
_IGNORE_TIMER_RESOLUTION: Final = 0x4
_WINDOWS_11: Final = (10, 0, 22000)
_PM_REMOVE: Final = 1
_FILE_MAP_READ: Final = 4  # memoryapi.h
_EDD_GET_DEVICE_INTERFACE_NAME: Final = 1  # winuser.h
_STD_OUTPUT: Final = 2**32 - 11  # STD_OUTPUT_HANDLE (processenv.h)


def begin_timer_period(period_ms: int) -> None:
    """Request timers of this resolution, until `end_timer_period`."""
    _function("winmm", "timeBeginPeriod", ctypes.c_uint32, ctypes.c_uint32)(period_ms)


def end_timer_period(period_ms: int) -> None:
    """Undo one `begin_timer_period` of the same value."""
    _function("winmm", "timeEndPeriod", ctypes.c_uint32, ctypes.c_uint32)(period_ms)


def set_thread_execution_state(state: int) -> int:
    """Set the thread's execution state (`ES_*`) until it ends or sets another; returns the former
    state. OSError when Windows refuses. `ES_CONTINUOUS` alone requests nothing."""
    before = int(
        _function("kernel32", "SetThreadExecutionState", ctypes.c_uint32, ctypes.c_uint32)(state)
    )
    if before == 0:  # Windows documents no error code for this call
        raise OSError(f"SetThreadExecutionState refuses {state:#x}")
    return before


def forbid_power_throttling() -> None:
    """Run this process at full speed with its requested timers, even if all its windows are hidden.
    Windows 11 ignores timeBeginPeriod in a process whose windows are all hidden or covered
    (Microsoft's documentation of timeBeginPeriod). OSError when Windows 11 refuses. Versions before
    it do not throttle timers, and those before 1709 nothing."""
    # Not `build`, which is an older system's in a program that does not declare Windows 10 in its
    # manifest
    is_windows_11 = sys.getwindowsversion().platform_version >= _WINDOWS_11  # type: ignore[attr-defined]  # Windows only
    mask = _EXECUTION_SPEED | (_IGNORE_TIMER_RESOLUTION if is_windows_11 else 0)
    state = _ThrottlingState(1, mask, 0)
    types = (_HANDLE, ctypes.c_int32, ctypes.c_void_p, ctypes.c_uint32)
    call = _function("kernel32", "SetProcessInformation", ctypes.c_int32, *types)
    if (
        not call(
            _THIS_PROCESS, _PROCESS_POWER_THROTTLING, ctypes.byref(state), ctypes.sizeof(state)
        )
        and is_windows_11
    ):
        raise _refusal("SetProcessInformation")


class _ThrottlingState(ctypes.Structure):
    """PROCESS_POWER_THROTTLING_STATE (processthreadsapi.h): state bits of the features that the
    mask selects."""

    _fields_ = [
        ("version", ctypes.c_uint32),
        ("control_mask", ctypes.c_uint32),
        ("state_mask", ctypes.c_uint32),
    ]


class _DisplayDevice(ctypes.Structure):
    """DISPLAY_DEVICEW (wingdi.h)."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("name", ctypes.c_wchar * 32),
        ("description", ctypes.c_wchar * 128),
        ("state", ctypes.c_uint32),
        ("identifier", ctypes.c_wchar * 128),
        ("key", ctypes.c_wchar * 128),
    ]


class _MemoryRegion(ctypes.Structure):
    """MEMORY_BASIC_INFORMATION (winnt.h), 64 bits."""

    _fields_ = [
        ("base", ctypes.c_void_p),
        ("allocation", ctypes.c_void_p),
        ("allocation_protection", ctypes.c_uint64),
        ("size", ctypes.c_size_t),
        ("state", ctypes.c_uint32),
        ("protection", ctypes.c_uint32),
        ("kind", ctypes.c_uint64),
    ]


class _Message(ctypes.Structure):
    """MSG (winuser.h)."""

    _fields_ = [
        ("window", ctypes.c_void_p),
        ("message", ctypes.c_uint32),
        ("wparam", ctypes.c_size_t),
        ("lparam", ctypes.c_ssize_t),
        ("time_ms", ctypes.c_uint32),
        ("x", ctypes.c_int32),
        ("y", ctypes.c_int32),
    ]


_close_window: list[int] = []
"""The window of `serve_close_window`, if there is one."""


def load_message_pump(max_messages: int) -> Callable[[], None]:
    """A function that dispatches window messages of the calling thread, at most `max_messages` a
    call; never waits. Its windows are not closed, or a context would lose its own: `taskkill` asks
    one or all windows of a process to close. The window of `serve_close_window` gets that message
    instead."""
    peek_types = (ctypes.c_void_p, _HANDLE, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint32)
    peek = _function("user32", "PeekMessageW", ctypes.c_int32, *peek_types)
    dispatch = _function("user32", "DispatchMessageW", ctypes.c_ssize_t, ctypes.c_void_p)
    post_types = (_HANDLE, ctypes.c_uint32, ctypes.c_size_t, ctypes.c_ssize_t)
    post = _function("user32", "PostMessageW", ctypes.c_int32, *post_types)
    message = _Message()
    pointer = ctypes.byref(message)

    def pump() -> None:
        for _ in range(max_messages):
            if not peek(pointer, None, 0, 0, _PM_REMOVE):
                return
            if message.message != _WM_CLOSE:
                dispatch(pointer)
            elif _close_window:
                post(_close_window[0], _WM_CLOSE, 0, 0)

    return pump


def is_remote_session() -> bool:
    """True in a Remote Desktop session, including RemoteFX, which `GetSystemMetrics` takes for a
    local one. As in Microsoft's "Detecting the Remote Desktop Services environment": the local
    session is the one whose number is GlassSessionId in the registry."""
    if _function("user32", "GetSystemMetrics", ctypes.c_int, ctypes.c_int)(_SM_REMOTESESSION):
        return True
    session = ctypes.c_uint32()
    this_process = _function("kernel32", "GetCurrentProcessId", ctypes.c_uint32)()
    ask = _function(
        "kernel32", "ProcessIdToSessionId", ctypes.c_int, ctypes.c_uint32, ctypes.c_void_p
    )
    glass = registry_value(
        "HKEY_LOCAL_MACHINE", r"SYSTEM\CurrentControlSet\Control\Terminal Server", "GlassSessionId"
    )
    return (
        glass is not None
        and bool(ask(this_process, ctypes.byref(session)))
        and session.value != glass
    )


def registry_value(hive: str, key: str, name: str) -> str | int | None:
    """The registry value, or None if it is missing or not readable. `hive`: for example
    "HKEY_CURRENT_USER"."""
    import winreg  # Windows only

    try:
        with winreg.OpenKey(getattr(winreg, hive), key) as opened:  # type: ignore[attr-defined]  # exists on Windows only
            value = winreg.QueryValueEx(opened, name)[0]  # type: ignore[attr-defined]  # exists on Windows only
    except OSError:
        return None
    return value if isinstance(value, str | int) else None


def add_console_handler(handler: Callable[[int], bool]) -> Callable[[], None]:
    """Call `handler(event)` on a new thread for each console event, before handlers that were added
    earlier.

    It returns True if it has handled the event; then no other handler is called. For events other
    than `CTRL_C` and `CTRL_BREAK` Windows ends the process when it returns. Returns a function that
    removes the handler; call it before Python ends. Adding and removing wait until no handler runs:
    Windows holds one lock for all of it (libuv/libuv #1168, dotnet/runtime #117753). OSError when
    Windows refuses."""
    kind = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_uint32)  # type: ignore[attr-defined]  # exists on Windows only
    callback = kind(handler)
    call = _function("kernel32", "SetConsoleCtrlHandler", ctypes.c_int, kind, ctypes.c_int)
    if not call(callback, 1):
        raise _refusal("SetConsoleCtrlHandler")
    return partial(call, callback, 0)  # keeps the callback from being collected


def serve_close_window(handler: Callable[[int], object]) -> None:
    """Open a hidden window and serve it on this thread until the process ends. Calls
    `handler(CLOSE_REQUEST)` when another program asks this one to close (`taskkill`), and
    `handler(CTRL_LOGOFF)` when the session ends: Windows ends the process when that call returns,
    or after 5 s. OSError when Windows refuses."""
    types = (_HANDLE, ctypes.c_uint32, ctypes.c_size_t, ctypes.c_ssize_t)
    default = _function("user32", "DefWindowProcW", ctypes.c_ssize_t, *types)

    def on_message(window: int, message: int, wparam: int, lparam: int) -> int:
        # 0: another program has refused the end
        if message == _WM_CLOSE or (message == _WM_ENDSESSION and wparam):
            handler(CLOSE_REQUEST if message == _WM_CLOSE else CTRL_LOGOFF)
            return 0
        return int(default(window, message, wparam, lparam))

    procedure = ctypes.WINFUNCTYPE(ctypes.c_ssize_t, *types)(on_message)  # type: ignore[attr-defined]  # Windows only
    create_types = (
        ctypes.c_uint32,
        ctypes.c_wchar_p,
        ctypes.c_wchar_p,
        *[ctypes.c_int32] * 5,
        *[_HANDLE] * 4,
    )
    create = _function("user32", "CreateWindowExW", _HANDLE, *create_types)
    window = create(0, "STATIC", "multiverse", 0, 0, 0, 0, 0, None, None, None, None)
    if not window:
        raise _refusal("CreateWindowEx")
    _close_window[:] = [window]
    set_long = _function("user32", "SetWindowLongPtrW", _HANDLE, _HANDLE, ctypes.c_int, _HANDLE)
    set_long(window, _GWLP_WNDPROC, ctypes.cast(procedure, _HANDLE))
    get = _function(
        "user32", "GetMessageW", ctypes.c_int32, _HANDLE, _HANDLE, ctypes.c_uint32, ctypes.c_uint32
    )
    dispatch = _function("user32", "DispatchMessageW", ctypes.c_ssize_t, ctypes.c_void_p)
    message = ctypes.byref(_Message())
    while get(message, None, 0, 0) > 0:
        dispatch(message)


def read_shared_memory(name: str) -> bytes:
    """The bytes of another program's named shared memory, as large as its pages; b"" if there is
    none."""
    open_types = (ctypes.c_uint32, ctypes.c_int, ctypes.c_wchar_p)
    handle = _function("kernel32", "OpenFileMappingW", _HANDLE, *open_types)(
        _FILE_MAP_READ, 0, name
    )
    if not handle:
        return b""
    map_types = (_HANDLE, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_size_t)
    view = _function("kernel32", "MapViewOfFile", _HANDLE, *map_types)(
        handle, _FILE_MAP_READ, 0, 0, 0
    )
    region = _MemoryRegion()
    query_types = (_HANDLE, ctypes.c_void_p, ctypes.c_size_t)
    query = _function("kernel32", "VirtualQuery", ctypes.c_size_t, *query_types)
    try:
        if not view or not query(view, ctypes.byref(region), ctypes.sizeof(region)):
            return b""
        return ctypes.string_at(view, region.size)
    finally:
        if view:
            _function("kernel32", "UnmapViewOfFile", ctypes.c_int, _HANDLE)(view)
        _function("kernel32", "CloseHandle", ctypes.c_int, _HANDLE)(handle)


def display_path(adapter: str, monitor: str) -> str:
    r"""The path of the display that GLFW names `\\.\DISPLAY1\Monitor0` at the adapter
    `\\.\DISPLAY1`: its model and socket, `\\?\DISPLAY#DEL40A3#...`; "" if Windows has none."""
    types = (ctypes.c_wchar_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32)
    ask = _function("user32", "EnumDisplayDevicesW", ctypes.c_int, *types)
    device = _DisplayDevice(size=ctypes.sizeof(_DisplayDevice))
    number = 0
    while ask(adapter, number, ctypes.byref(device), 0):
        is_this_one = device.name == monitor
        if is_this_one and ask(
            adapter, number, ctypes.byref(device), _EDD_GET_DEVICE_INTERFACE_NAME
        ):
            return str(device.identifier)
        number += 1
    return ""


@contextmanager
def without_standard_output() -> Iterator[None]:
    """DLLs loaded meanwhile that have a C runtime of their own print to nowhere; Python's output is
    unchanged."""
    get = _function("kernel32", "GetStdHandle", _HANDLE, ctypes.c_uint32)
    put = _function("kernel32", "SetStdHandle", ctypes.c_int, ctypes.c_uint32, _HANDLE)
    before = get(_STD_OUTPUT)
    put(_STD_OUTPUT, None)
    try:
        yield
    finally:
        put(_STD_OUTPUT, before)


def enter_com_apartment() -> int:
    """Initialise COM for this thread as a single-threaded apartment; returns the HRESULT. If it is
    not negative, call `leave_com_apartment` on the same thread."""
    call = _function("ole32", "CoInitializeEx", ctypes.c_int32, ctypes.c_void_p, ctypes.c_uint32)
    return int(call(None, _COINIT_APARTMENTTHREADED))


def leave_com_apartment() -> None:
    """Undo one `enter_com_apartment` of this thread."""
    _function("ole32", "CoUninitialize", None)()


def keep_com_alive() -> int:
    """Keep COM and the DLLs of its objects loaded when threads end; returns the HRESULT."""
    cookie = ctypes.c_void_p()
    call = _function(
        "ole32", "CoIncrementMTAUsage", ctypes.c_int32, ctypes.POINTER(ctypes.c_void_p)
    )
    return int(call(ctypes.byref(cookie)))


def _function(dll: str, name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    call = getattr(ctypes.WinDLL(dll, use_last_error=True), name)  # type: ignore[attr-defined]  # exists on Windows only
    call.restype = result
    call.argtypes = list(arguments)
    return call  # type: ignore[no-any-return]  # ctypes has no types for it


def _refusal(name: str) -> OSError:
    """The error of this thread's last call, in Windows' text. Its code is no errno, so it is left
    out."""
    code = ctypes.get_last_error()  # type: ignore[attr-defined]  # exists on Windows only
    return OSError(f"{name}: {ctypes.FormatError(code)}")  # type: ignore[attr-defined]  # exists on Windows only
