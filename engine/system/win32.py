"""Windows functions that Python's library does not offer, called by ctypes. Each is one Python function here.

Each call declares its types. Without them ctypes passes C ints, which cuts handles of 64 bits in two. A DLL is loaded
when a function is called, so this module can be imported on any system.
"""

import ctypes
from collections.abc import Callable
from typing import Any, Final

# D3DKMT_SCHEDULINGPRIORITYCLASS_* (d3dkmthk.h)
GPU_PRIORITY_ABOVE_NORMAL: Final = 3
GPU_PRIORITY_HIGH: Final = 4

# EXECUTION_STATE (winnt.h)
ES_SYSTEM_REQUIRED: Final = 0x1
ES_DISPLAY_REQUIRED: Final = 0x2
ES_CONTINUOUS: Final = 0x80000000

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


def set_thread_execution_state(state: int) -> int:
    """Set what this thread needs of the system (`ES_*`) until it ends or sets another; returns what it needed before.

    OSError when Windows refuses. `ES_CONTINUOUS` alone asks for nothing.
    """
    before = int(_function("kernel32", "SetThreadExecutionState", ctypes.c_uint32, ctypes.c_uint32)(state))
    if before == 0:  # Windows documents no error code for it
        raise OSError(f"SetThreadExecutionState refuses {state:#x}")
    return before


def _function(dll: str, name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    call = getattr(ctypes.WinDLL(dll, use_last_error=True), name)  # type: ignore[attr-defined]
    call.restype, call.argtypes = result, list(arguments)
    return call  # type: ignore[no-any-return]
