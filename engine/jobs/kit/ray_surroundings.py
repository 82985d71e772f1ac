"""What belongs to the whole process and is changed by Ray when it is imported and when it starts: kept as it was."""

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
def as_before(variables: Mapping[str, str]) -> Iterator[Callable[[], str]]:
    """Around Ray's import and start. `variables` are in the environment meanwhile, but what the user has set there
    stays. Yields what tells what Ray has said on stderr, from Python and C++, where it is not seen."""
    with ExitStack() as undo:
        undo.callback(_restore_signals, {number: signal.getsignal(number) for number in SIGNALS})
        added = {name: value for name, value in variables.items() if name not in os.environ}
        undo.callback(_remove, added)
        os.environ.update(added)
        # Ray puts the current folder first on its workers' path: no other `engine` can then stand before ours.
        undo.enter_context(chdir(HOME))
        heard = undo.enter_context(tempfile.TemporaryFile())
        with suppress(OSError):  # a program without a console has no stderr
            stderr = os.dup(STDERR)
            undo.callback(os.close, stderr)
            undo.callback(os.dup2, stderr, STDERR)
            os.dup2(heard.fileno(), STDERR)

        def said() -> str:
            heard.seek(0)
            return heard.read().decode(errors="replace")

        yield said


def _remove(variables: Mapping[str, str]) -> None:
    for name in variables:
        os.environ.pop(name, None)


def _restore_signals(kept: Mapping[int, Any]) -> None:
    if threading.current_thread() is threading.main_thread():
        for number, handler in kept.items():
            if handler is not None:  # None: set by somebody in C, whom Python cannot put back
                signal.signal(number, handler)
