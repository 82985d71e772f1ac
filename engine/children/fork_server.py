"""A process that imports torch and other heavy modules once, then forks children that have them: 10
ms, not seconds.

Linux only. It has one thread: the modules it imports must not start others. Requests come on its
control socket, each with three descriptors: the child's end of the control pipe, its stderr, and a
socket on which this server sends the child's process id and pidfd, and later its exit status. Only
the child keeps its end of the control pipe, so either side notices when the other dies. When the
engine dies the control socket closes and the server ends; its children notice that their own pipes
close.

CUDA does not survive a fork, and an imported module may open it through torch. Where NVML is
missing (a container without NVIDIA's "utility" capability), even torch.cuda.is_available() does.
Then each fork becomes a new interpreter, and the engine logs a line about it. Only torch is
checked: CUDA that a library opens without it is not detected.

Why not `multiprocessing.forkserver`: there is only one per process, which a host program may have
started with other modules; it inherits our environment, which we would have to change while other
threads read it (numba reads OMP_NUM_THREADS when it is imported); each of its children runs the
user's script again to find pickled functions; and in Python 3.11 it searches the current folder for
modules first.
"""

import contextlib
import gc
import os
import select
import signal
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from engine.children import child_main
from engine.system.python_process import command, wake_with_parent

NUMBER: Final = struct.Struct("=q")
"""A process id or exit code, as sent to the engine. A line for the log may follow a process id."""
MAX_NOTE: Final = 200  # bytes
REQUEST: Final = b"fork"
NICENESS: Final = 10  # while importing, which takes seconds of CPU time during a show
DESCRIPTORS: Final = 3
CUDA_IS_OPEN: Final = (
    "torch opened CUDA while modules were imported, so children start from nothing: seconds later"
)
POLL_S: Final = 0.1  # polling interval for the engine's death during the imports


class _Child(NamedTuple):
    pid: int
    events: socket.socket
    """Socket to the engine: sends the process id, a pidfd, and later the exit status."""


def serve(control_descriptor: int, modules: Sequence[str]) -> None:
    """Main function of the server: import `modules`, then fork children until the engine has
    ended."""
    child_main.ignore_signals()
    control = socket.socket(fileno=control_descriptor)
    # On Linux each thread has its own niceness and cannot lower it again. Children get the main
    # thread's.
    imports = threading.Thread(target=_import_with_low_priority, args=(modules,), daemon=True)
    # almost nothing becomes garbage here: collections would take a quarter of the time
    gc.disable()
    imports.start()
    while imports.is_alive():
        imports.join(POLL_S)
        if _is_hung_up(control):
            os._exit(0)  # not sys.exit: an import in progress would block it
    gc.enable()
    gc.collect()
    # otherwise a collection in a child writes to every page of the modules, which copies them
    gc.freeze()
    is_cuda_open = _is_cuda_lost_by_forking()
    note = CUDA_IS_OPEN if is_cuda_open else ""
    children: dict[int, _Child] = {}  # by pidfd
    events = select.poll()
    events.register(control, select.POLLIN)
    while True:
        for descriptor, _ in events.poll():
            if descriptor == control_descriptor:
                request, descriptors, _, _ = socket.recv_fds(control, len(REQUEST), DESCRIPTORS)
                if not request:
                    _kill(children)
                    return
                pidfd = _fork(control, children, descriptors, note=note, is_fresh=is_cuda_open)
                if pidfd is not None:
                    events.register(pidfd, select.POLLIN)
                    note = ""
            else:
                events.unregister(descriptor)
                _reap(descriptor, children.pop(descriptor))


def _is_hung_up(control: socket.socket) -> bool:
    """True if the engine has ended, even if unread requests are left."""
    events = select.poll()
    events.register(control, 0)
    return bool(events.poll(0))


def _kill(children: Mapping[int, _Child]) -> None:
    """Kill all children. They have nothing to save: the engine owns what they publish."""
    for pidfd in children:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def _import_with_low_priority(modules: Sequence[str]) -> None:
    os.nice(NICENESS)
    child_main.import_all(modules)


def _is_cuda_lost_by_forking() -> bool:
    """True if a fork of this process could not use CUDA. Checks in a fork: only there does torch
    report it, also of a driver that was only queried for the number of cards
    (torch/csrc/cuda/Module.cpp)."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is None:
        return False
    from engine.models.compat.torch import is_in_bad_fork

    pid = os.fork()
    if pid == 0:
        os._exit(int(is_in_bad_fork(cuda)()))
    _, status = os.waitpid(pid, 0)
    return status != 0


def _fork(
    control: socket.socket,
    children: dict[int, _Child],
    descriptors: list[int],
    *,
    note: str,
    is_fresh: bool,
) -> int | None:
    """Fork a child with these descriptors, which are closed here. Returns its pidfd, or None if
    fork failed. `note`: sent with its process id. `is_fresh`: it becomes a new interpreter."""
    pipe, stderr, events_descriptor = descriptors
    events = socket.socket(fileno=events_descriptor)
    try:
        pid = os.fork()
    except OSError:
        traceback.print_exc()
        events.close()
        os.close(pipe)
        os.close(stderr)
        return None
    if pid == 0:
        code = 1
        try:
            wake_with_parent()
            os.setsid()  # a group of its own for the scheduler, see `priority`
            control.close()
            events.close()
            for pidfd, child in children.items():
                os.close(pidfd)
                child.events.close()
            os.dup2(stderr, 1)
            os.dup2(stderr, 2)
            os.close(stderr)
            if is_fresh:
                os.set_inheritable(pipe, True)
                program = command(child_main.__name__, f"main({pipe})")
                os.execv(program[0], program)
            code = child_main.run(pipe)
        finally:
            os._exit(code)
    os.close(pipe)
    os.close(stderr)
    pidfd = os.pidfd_open(pid)
    children[pidfd] = _Child(pid, events)
    # the engine has ended or abandoned this child, whose pipe is then closed too
    with contextlib.suppress(OSError):
        socket.send_fds(events, [NUMBER.pack(pid), note.encode()], [pidfd])
    return pidfd


def _reap(pidfd: int, child: _Child) -> None:
    _, status = os.waitpid(child.pid, 0)
    with contextlib.suppress(OSError):
        child.events.send(NUMBER.pack(os.waitstatus_to_exitcode(status)))
    child.events.close()
    os.close(pidfd)
