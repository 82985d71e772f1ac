"""Main function of a child process: receives its first message, runs the loop, and reports why it
exits.

forked:  fork_server.serve         -> run(descriptor)
spawned: main(handle)              -> run(handle)
spare:   main(handle, its modules) -> run(handle, its modules)
"""

import faulthandler
import importlib
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pkgutil import resolve_name
from typing import Final

from engine.children.mailbox import EXIT_ORPHANED, Mailbox
from engine.children.messages import Begin, FaultReport, Hello, ToChild
from engine.children.port import ChildFault, ChildPort
from engine.errors import PipeClosedError, in_one_line
from engine.ipc import ChildCounters, ControlPipe, Gate, Phase
from engine.system import metal, priority, win32

log = logging.getLogger(__name__)

BEGIN_WAIT_S: Final = 10.0  # the message is sent before the process starts
EXIT_FAULT: Final = 1


def main(handle: int, modules: Sequence[str] = (), niceness: int = 0) -> None:
    """Main function of a spawned interpreter; ends the process."""
    priority.lower_priority(niceness)  # a spare process imports while the show runs
    os._exit(run(handle, modules))


def import_all(modules: Sequence[str]) -> None:
    for module in modules:
        # the child's loop, which knows the model, reports a missing module
        with suppress(ImportError, OSError):
            importlib.import_module(module)


def ignore_signals() -> None:
    """Ignore Ctrl-C and SIGTERM: the engine decides when this process ends. A terminal or a service
    manager sends them to all processes at once. The engine then stops its children in order, and if
    it dies they exit anyway."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def prepare_windows() -> None:
    """Windows: let a crash end this process at once, without Windows Error Reporting or a message
    box (SetErrorMode). Disable power throttling, which may slow a process without a window."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.SetErrorMode(msvcrt.SEM_FAILCRITICALERRORS | msvcrt.SEM_NOGPFAULTERRORBOX)
        try:
            win32.forbid_power_throttling()
        except OSError as error:
            log.warning(
                "Windows may throttle this process to save power: %s", error.strerror or error
            )


def run(handle: int, modules: Sequence[str] = ()) -> int:
    """Run the child for the engine at the other end of this pipe; returns the exit code. Flushes
    the output. A spare process imports these modules, and waits for its first message as long as
    the engine lives."""
    ignore_signals()
    prepare_windows()
    faulthandler.enable()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a TextIOWrapper here; goes to stderr
    imports = threading.Thread(target=import_all, args=(modules,), daemon=True)
    imports.start()
    pipe: ControlPipe[ToChild] = ControlPipe(connection_of(handle), ToChild)
    try:
        begin = pipe.receive(None if modules else BEGIN_WAIT_S)
        if not isinstance(begin, Begin):
            return EXIT_ORPHANED
        return _serve(pipe, begin, imports)
    except PipeClosedError:  # the mailbox thread may notice it first
        return EXIT_ORPHANED
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()


def _serve(pipe: ControlPipe[ToChild], begin: Begin, imports: threading.Thread) -> int:
    # a fork inherits its server's, which another engine may have started
    os.environ.update(begin.environment)
    priority.lower_priority(begin.niceness)
    counters = ChildCounters.open(begin.counters)
    mailbox = Mailbox(pipe, counters)
    gate = Gate.open(begin.gate) if begin.gate else None
    port = ChildPort(
        settings=begin.settings,
        send=pipe.send,
        mailbox=mailbox,
        counters=counters,
        gate=gate,
        turn_index=begin.turn_index,
    )
    port.enter(Phase.STARTING)
    mailbox.open()
    pipe.send(Hello(pid=os.getpid()))
    port.wait_first()
    metal.report_fallback(port.note)
    imports.join()  # two threads that import modules of one package meet them half made
    try:
        resolve_name(begin.loop)(port)
    except ChildFault as error:
        pipe.send(error.fault)
        return EXIT_FAULT
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except Exception as error:  # the top of a child process: the traceback goes to its stderr
        traceback.print_exc()
        pipe.send(FaultReport(kind="error", text=in_one_line(error), is_final=False))
        return EXIT_FAULT
    port.enter(Phase.STOPPING)
    port.close()
    return 0


def connection_of(handle: int) -> Connection:
    """Open the pipe end that this process inherited under this handle."""
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection

        return PipeConnection(handle)
    return Connection(handle)
