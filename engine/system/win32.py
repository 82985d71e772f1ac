"""Windows functions that Python's library does not offer, called by ctypes. Each is one Python function here.

Each call declares its types. Without them ctypes passes C ints, which cuts handles of 64 bits in two. A DLL is loaded
when a function is called, so this module can be imported on any system.
"""

import ctypes
from collections.abc import Callable
from typing import Any, Final

GPU_PRIORITY_HIGH: Final = 4  # D3DKMT_SCHEDULINGPRIORITYCLASS_HIGH (d3dkmthk.h)

_HANDLE: Final = ctypes.c_void_p
_THIS_PROCESS: Final = ctypes.c_void_p(-1)  # what GetCurrentProcess returns


def begin_timer_period(period_ms: int) -> None:
    """Ask for timers this exact, until `end_timer_period`."""
    _function("winmm", "timeBeginPeriod", ctypes.c_uint32, ctypes.c_uint32)(period_ms)


def end_timer_period(period_ms: int) -> None:
    """Undo one `begin_timer_period` of the same value."""
    _function("winmm", "timeEndPeriod", ctypes.c_uint32, ctypes.c_uint32)(period_ms)


def set_gpu_priority(priority_class: int) -> int:
    """Set this process's priority on the GPU (`GPU_PRIORITY_HIGH`); returns the NTSTATUS, 0 for success."""
    call = _function("gdi32", "D3DKMTSetProcessSchedulingPriorityClass", ctypes.c_int32, _HANDLE, ctypes.c_int32)
    return int(call(_THIS_PROCESS, priority_class))


def _function(dll: str, name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    call = getattr(ctypes.WinDLL(dll, use_last_error=True), name)  # type: ignore[attr-defined]
    call.restype, call.argtypes = result, list(arguments)
    return call  # type: ignore[no-any-return]
