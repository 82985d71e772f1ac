"""Protects process-wide state that Ray changes when it is imported and started: signals, environment, stderr."""

import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager, suppress
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parents[3]  # the folder that this package is imported from
STDERR = 2
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def preserve_process_state(variables: Mapping[str, str]) -> Iterator[Callable[[], str]]:
    """Wrap Ray's import and start. Sets `variables` in the environment for that time, without overriding the user's.

    Captures stderr of Python and C++. Yields a function that returns the text captured so far.
    """
    with ExitStack() as undo:
        undo.callback(_restore_signals, {number: signal.getsignal(number) for number in SIGNALS})
        added = {name: value for name, value in variables.items() if name not in os.environ}
        undo.callback(_remove, added)
        os.environ.update(added)
        # Ray puts the working directory first on its workers' path: another `engine` there would shadow ours.
        undo.enter_context(chdir(HOME))
        captured = undo.enter_context(tempfile.TemporaryFile())
        with suppress(OSError):  # a program without a console has no stderr
            stderr = os.dup(STDERR)
            undo.callback(os.close, stderr)
            undo.callback(os.dup2, stderr, STDERR)
            os.dup2(captured.fileno(), STDERR)

        def captured_text() -> str:
            captured.seek(0)
            return captured.read().decode(errors="replace")

        yield captured_text


def _remove(variables: Mapping[str, str]) -> None:
    for name in variables:
        os.environ.pop(name, None)


def _restore_signals(kept: Mapping[int, Any]) -> None:
    if threading.current_thread() is threading.main_thread():
        for number, handler in kept.items():
            if handler is not None:  # None: set in C, which Python cannot restore
                signal.signal(number, handler)
