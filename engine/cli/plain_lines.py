"""Progress of a long command as periodic plain lines, for output that is not a terminal."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

from engine.cli.log_thread import MAX_END_S, Write, write_to_stderr

LINE_EVERY_S = 10.0
POLL_INTERVAL_S = 0.5


class PlainPace:
    """Decides when a line is due; time is an argument. A run shorter than LINE_EVERY_S prints nothing."""

    def __init__(self, began_s: float, nothing: str) -> None:
        """`nothing`: printed with the elapsed time before the first progress, such as `no picture yet`."""
        self.words: str | None = None
        """The newest progress; None before the first."""
        self._nothing = nothing
        self._began_s = began_s
        self._due_s = began_s + LINE_EVERY_S

    def line(self, now_s: float) -> str | None:
        """The next line, or None if none is due."""
        if now_s < self._due_s:
            return None
        self._due_s = now_s + LINE_EVERY_S
        return self.words or f"{self._nothing} after {now_s - self._began_s:.0f} s"


@contextmanager
def plain_lines(pace: PlainPace, write: Write = write_to_stderr) -> Iterator[Callable[[str], None]]:
    """Print progress lines periodically; yields a function that sets the text. A separate thread prints, because
    loading or one batch may block for longer than the interval."""
    end = threading.Event()

    def run() -> None:
        while not end.wait(POLL_INTERVAL_S):
            line = pace.line(time.perf_counter())
            if line is not None:
                try:
                    write(f"progress: {line}")
                except OSError:  # a closed pipe or a full disk must not end the run
                    return

    def tell(words: str) -> None:
        pace.words = words

    thread = threading.Thread(target=run, name="plain progress", daemon=True)
    thread.start()
    try:
        yield tell
    finally:
        end.set()
        thread.join(MAX_END_S)


Progress = TypeVar("Progress")
Shown = tuple[Callable[[Progress], None], Callable[[str], None]]


@contextmanager
def bar_or_lines(
    is_quiet: bool,
    nothing: str,
    words_of: Callable[[Progress], str],
    open_bar: Callable[[], AbstractContextManager[Shown[Progress]]],
    *,
    has_bar: bool = True,
) -> Iterator[Shown[Progress]]:
    """Show a bar on a terminal, otherwise `words_of(progress)` periodically. Yields `tell(progress)`, which may be
    called at any rate, and `say(line)`, which prints a line above the bar; both from any thread."""
    if is_quiet:
        yield lambda progress: None, write_to_stderr
    elif has_bar and sys.stderr.isatty():
        with open_bar() as shown:
            yield shown
    else:
        with plain_lines(PlainPace(time.perf_counter(), nothing)) as say:
            yield lambda progress: say(words_of(progress)), write_to_stderr
