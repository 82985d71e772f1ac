"""A process that has imported torch and the like, and forks children that have them too: 10 ms instead of seconds.

It runs nowhere but on Linux and holds one thread: what it imports may start no other, and must not touch CUDA. On
its control socket come requests, each with three descriptors: the child's end of the control pipe, its stderr, and a
socket on which this server tells the child's id together with a pidfd, later its exit status. Nothing else has a copy
of the child's end, so whoever dies is noticed at the other. When the engine is gone the control socket ends, and the
server with it; its children see their own pipes end.

Why not `multiprocessing.forkserver`: there is one in a process, which a host program may have started already with
other modules; it takes its environment from ours, so that ours had to be changed while other threads read it (numba
reads OMP_NUM_THREADS when it is imported); each of its children runs the user's script again to find pickled
functions; and in Python 3.11 it looks for modules in the current folder first.
"""

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import struct
import threading
import traceback
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from engine.children import child_main
from engine.system.python_process import wake_with_parent

NUMBER: Final = struct.Struct("=q")
"""A process id or exit code on its way to the engine."""
REQUEST: Final = b"fork"
NICENESS: Final = 10  # of the imports: seconds of work beside a picture that is being drawn
DESCRIPTORS: Final = 3
POLL_S: Final = 0.1  # how soon the engine's death is noticed while modules are imported


class _Child(NamedTuple):
    pid: int
    news: socket.socket


def serve(control_descriptor: int, modules: Sequence[str]) -> None:
    """Import `modules`, then fork children until the engine is gone. The server's main function."""
    child_main.ignore_signals()
    control = socket.socket(fileno=control_descriptor)
    # Niceness is a thread's own on Linux, and nobody may take it back: children begin with that of the main thread.
    imports = threading.Thread(target=_import_gently, args=(modules,), daemon=True)
    gc.disable()  # modules are what is made here, and they stay: to look through them again and again takes a quarter
    imports.start()
    while imports.is_alive():
        imports.join(POLL_S)
        if _is_hung_up(control):
            os._exit(0)  # the imports, which may hold the GIL or wait for a disk, are nobody's any more
    gc.enable()
    gc.collect()
    gc.freeze()  # a collection in a child would write to, and so copy, every page of the modules
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
                pidfd = _fork(control, children, descriptors)
                if pidfd is not None:
                    events.register(pidfd, select.POLLIN)
            else:
                events.unregister(descriptor)
                _reap(descriptor, children.pop(descriptor))


def _is_hung_up(control: socket.socket) -> bool:
    """Whether the engine is gone, though requests of it may still lie there."""
    events = select.poll()
    events.register(control, 0)
    return bool(events.poll(0))


def _kill(children: Mapping[int, _Child]) -> None:
    """They have nothing to save: what they publish belongs to the engine."""
    for pidfd in children:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def _import_gently(modules: Sequence[str]) -> None:
    os.nice(NICENESS)
    for module in modules:
        # A missing one is the child's to report: it says which model needs it.
        with contextlib.suppress(ImportError, OSError):
            importlib.import_module(module)


def _fork(control: socket.socket, children: dict[int, _Child], descriptors: list[int]) -> int | None:
    """A new child with these descriptors, which are closed here; its pidfd. None: no process to be had."""
    pipe, stderr, news_descriptor = descriptors
    news = socket.socket(fileno=news_descriptor)
    try:
        pid = os.fork()
    except OSError:
        traceback.print_exc()
        news.close()
        os.close(pipe)
        os.close(stderr)
        return None
    if pid == 0:
        code = 1
        try:
            wake_with_parent()
            control.close()
            news.close()
            for pidfd, child in children.items():
                os.close(pidfd)
                child.news.close()
            os.dup2(stderr, 1)
            os.dup2(stderr, 2)
            os.close(stderr)
            code = child_main.run(pipe)
        finally:
            os._exit(code)
    os.close(pipe)
    os.close(stderr)
    pidfd = os.pidfd_open(pid)
    children[pidfd] = _Child(pid, news)
    with contextlib.suppress(OSError):  # the engine is gone, or wants it no more: its pipe has ended too
        socket.send_fds(news, [NUMBER.pack(pid)], [pidfd])
    return pidfd


def _reap(pidfd: int, child: _Child) -> None:
    _, status = os.waitpid(child.pid, 0)
    with contextlib.suppress(OSError):
        child.news.send(NUMBER.pack(os.waitstatus_to_exitcode(status)))
    child.news.close()
    os.close(pidfd)
