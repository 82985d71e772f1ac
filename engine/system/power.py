"""Keeps the operating system from throttling this program or going to sleep while there is work.

Windows has timers of 15.6 ms unless a program requests 1 ms, and Windows 11 ignores that request if
its windows are hidden, like the one that OpenGL draws into. macOS delays timers and slows threads
of programs without a window (App Nap). Both go to sleep without user input. Linux does none of this
by itself; on a desktop that sleeps when idle, use `systemd-inhibit multiverse run`. A closed lid,
the power button and an empty battery still mean sleep.
"""

import contextlib
import logging
import sys
from collections.abc import Iterator

from engine.system import win32
from engine.system.installing import install_line

log = logging.getLogger(__name__)

WINDOWS_TIMER_MS = 1

# NSActivityOptions (Foundation, NSProcessInfo.h)
NS_ACTIVITY_IDLE_SYSTEM_SLEEP_DISABLED = 1 << 20
NS_ACTIVITY_USER_INITIATED = 0x00FFFFFF | NS_ACTIVITY_IDLE_SYSTEM_SLEEP_DISABLED
NS_ACTIVITY_LATENCY_CRITICAL = 0xFF00000000
NS_ACTIVITY_IDLE_DISPLAY_SLEEP_DISABLED = 1 << 40


@contextlib.contextmanager
def kept_awake(*, display: bool = False) -> Iterator[None]:
    """Context with exact timers, full speed and no sleep, for live pictures. `display`: keep the
    display on, too. Exit it on the thread that entered it. If the system refuses something, the log
    has a warning."""
    with contextlib.ExitStack() as stack:
        if sys.platform == "win32":
            win32.begin_timer_period(WINDOWS_TIMER_MS)
            stack.callback(win32.end_timer_period, WINDOWS_TIMER_MS)
            try:
                win32.forbid_power_throttling()
            except OSError as error:
                log.warning(
                    "Windows may slow the picture down while its window is hidden (%s)", error
                )
            stack.enter_context(_windows_awake(display=display))
        elif sys.platform == "darwin":
            stack.enter_context(
                _mac_activity(
                    "showing live pictures", NS_ACTIVITY_LATENCY_CRITICAL, display=display
                )
            )
        yield


@contextlib.contextmanager
def kept_from_sleep(doing: str) -> Iterator[None]:
    """Context without sleep, for a long job. macOS shows `doing` as the reason (`pmset -g
    assertions`). Exit it on the thread that entered it. If the system refuses something, the log
    has a warning."""
    if sys.platform == "win32":
        with _windows_awake(display=False):
            yield
    elif sys.platform == "darwin":
        with _mac_activity(doing, 0, display=False):
            yield
    else:
        yield


@contextlib.contextmanager
def _windows_awake(*, display: bool) -> Iterator[None]:
    # The state belongs to the thread. The former one is restored, so that these contexts can be
    # nested.
    state = (
        win32.ES_CONTINUOUS
        | win32.ES_SYSTEM_REQUIRED
        | (win32.ES_DISPLAY_REQUIRED if display else 0)
    )
    before = None
    try:
        before = win32.set_thread_execution_state(state)
    except OSError as error:
        log.warning(
            "Windows may go to sleep meanwhile (%s): set Sleep to Never in its power settings",
            error,
        )
    try:
        yield
    finally:
        if before is not None:
            with contextlib.suppress(OSError):  # it ends with the thread
                win32.set_thread_execution_state(before | win32.ES_CONTINUOUS)


@contextlib.contextmanager
def _mac_activity(reason: str, more_options: int, *, display: bool) -> Iterator[None]:
    options = (
        NS_ACTIVITY_USER_INITIATED
        | more_options
        | (NS_ACTIVITY_IDLE_DISPLAY_SLEEP_DISABLED if display else 0)
    )
    try:
        from Foundation import NSProcessInfo  # pyobjc, a dependency of syphon-python
    except ImportError as error:
        log.warning(
            "macOS may go to sleep meanwhile (%s): %s",
            error,
            install_line("pyobjc-framework-Cocoa"),
        )
        yield
        return
    process = NSProcessInfo.processInfo()
    activity = process.beginActivityWithOptions_reason_(options, reason)
    try:
        yield
    finally:
        process.endActivity_(activity)
