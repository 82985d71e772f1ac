"""A supervised toy child for tests, and counts of leaked resources."""

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import psutil
import pytest

from engine.children.launcher import CAN_FORK, LAUNCHER, Launcher
from engine.children.policy import Deadlines
from engine.children.spec import ChildSpec, ChildStatus
from engine.children.supervisor import OnSwap, Supervisor
from engine.errors import SharedMemoryError
from engine.ipc import FrameRing
from engine.ipc.ring_folder import system_folder

SPEC = ChildSpec(name="toy", loop="tests.children.toy:run", settings={})
SOON = Deadlines(first_delay_s=0.02, max_delay_s=0.1, exit_at_end_s=10.0)
"""For tests of deaths: the usual timeouts, but short restart delays."""
SOON_KILLED = replace(SOON, stop_s=0.5)
"""For processes that ignore the stop request."""
ATTENTIVE = replace(SOON, silent_s=3.0, silent_loading_s=3.0 if CAN_FORK else 20.0)
"""For stopped processes. Longer than a healthy process is silent even on an overloaded machine;
without a fork server it imports first."""
KILLED = "killed by SIGKILL" if sys.platform != "win32" else "exit code 15"
"""The end by `psutil.Process.kill`: on Windows TerminateProcess with this code."""
FORKS = pytest.mark.only_on("linux", reason="a fork server needs pidfd")
SERVERS = int(CAN_FORK)
"""Number of fork servers among `processes`."""


def segments() -> set[str]:
    """Names of this process's shared memory."""
    return {
        name for name in system_folder().segments() if name.startswith(f"multiverse-{os.getpid()}-")
    }


def descriptors() -> int:
    """Number of files this process has open; on Linux."""
    return len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0


def threads() -> set[threading.Thread]:
    """All threads, but the one that keeps markers of rings: it ends ten minutes after the last."""
    return {thread for thread in threading.enumerate() if thread.name != "ring markers"}


def is_live(process: psutil.Process) -> bool:
    """True if the process runs. It may exit at any moment, even between two calls."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def running(pid: int) -> str:
    """The process and its state, as the kernel reports it; "" if it does not run. It need not be a
    descendant."""
    try:
        process = psutil.Process(pid)
        return f"{process}" if is_live(process) else ""
    except psutil.NoSuchProcess:
        return ""


def is_tracker(process: psutil.Process) -> bool:
    """True for multiprocessing's resource tracker, and for the console of a process on Windows."""
    try:
        return any(
            name in " ".join(process.cmdline()) for name in ("resource_tracker", "conhost.exe")
        )
    except (psutil.Error, OSError):  # it has just ended, or begins: Windows refuses to read that
        return False


def processes() -> set[int]:
    """All live descendants of this process, but the resource tracker, consoles, and the fork server
    of SD and SAM3."""
    family = psutil.Process().children(recursive=True)
    others = LAUNCHER.server_pid
    return {
        each.pid for each in family if each.pid != others and is_live(each) and not is_tracker(each)
    }


def fork_one(launcher: Launcher) -> None:
    """Fork one child that exits at once. Afterwards the server runs, and all earlier requests are
    done."""
    if not CAN_FORK:
        return
    process, pipe, output = launcher.launch(SPEC)
    pipe.close()  # so it exits at once
    end_s = time.perf_counter() + 120.0
    while not process.has_ended(time.perf_counter()):
        assert time.perf_counter() < end_s, "no fork within two minutes"
        time.sleep(0.002)
    process.close()
    output.close()


class Toy:
    """A supervisor of the toy child, with a record of its states and swaps."""

    def __init__(
        self, open_supervisor: Callable[[OnSwap], Supervisor], wait_for: Callable[..., Any]
    ) -> None:
        self.wait_for = wait_for
        self.states: list[str] = []
        self.pids: set[int] = set()
        self.swaps = 0
        self.swap_ends: list[tuple[bool, str]] = []
        self.received = 0
        self.supervisor = open_supervisor(self._note_swap)
        self.supervisor.subscribe(self._note)

    def _note(self, status: ChildStatus) -> None:
        self.states.append(status.state)
        if status.pid:
            self.pids.add(status.pid)

    def _note_swap(self, is_done: bool, reason: str) -> None:
        self.received += 1
        self.swap_ends.append((is_done, reason))

    def swap(self, settings: Mapping[str, Any]) -> None:
        """Request a swap. The `toys` fixture checks that each one ends exactly once."""
        self.swaps += 1
        self.supervisor.swap(settings)

    def run(self) -> ChildStatus:
        """Start it, and wait for its first result."""
        self.supervisor.start()
        return self.until_results()

    @property
    def status(self) -> ChildStatus:
        return self.supervisor.status()

    def until(self, *states: str, not_pid: int = 0) -> ChildStatus:
        """Wait for a state, with a process other than `not_pid`."""

        def look() -> ChildStatus | None:
            status = self.status
            return (
                status
                if status.state in states and (status.pid != not_pid or not not_pid)
                else None
            )

        return self.wait_for(look, self._missing(f"{states}"))

    def until_results(self, count: int = 1) -> ChildStatus:
        return self.wait_for(
            lambda: self.status if self.status.results >= count else None,
            self._missing(f"{count} results"),
        )

    def _missing(self, what: str) -> Callable[[], str]:
        return lambda: f"{what}: {self.status}, processes {[running(pid) for pid in self.pids]}"

    def other_outputs(self, than: Mapping[str, str]) -> Mapping[str, str]:
        """Wait until other outputs are published."""

        def look() -> Mapping[str, str] | None:
            outputs = self.supervisor.outputs
            return outputs if outputs and outputs != than else None

        return self.wait_for(look, "other outputs")

    def grey(self) -> int:
        """Wait for a published picture and return its grey value."""
        return int(self.wait_for(self._grey, "a picture"))

    def _grey(self) -> str:
        try:
            reader = FrameRing.attach(self.supervisor.outputs.get("picture", "none"))
        except SharedMemoryError:  # none yet, or just replaced
            return ""
        frame = reader.latest()
        reader.close()
        return str(frame.pixels[0, 0, 0]) if frame else ""
