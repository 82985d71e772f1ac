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
    """Decides which line is due when; time is an argument. A run shorter than LINE_EVERY_S prints nothing."""

    def __init__(self, began_s: float, nothing: str) -> None:
        """`nothing`: the text, printed with the elapsed time, before the first progress: `no picture yet`."""
        self.words: str | None = None
        """The newest."""
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
    """Takes words as they change. Lines come by a thread of their own: a batch, and the loading before all, may take
    longer than one is due."""
    end = threading.Event()

    def run() -> None:
        while not end.wait(POLL_INTERVAL_S):
            line = pace.line(time.perf_counter())
            if line is not None:
                try:
                    write(f"progress: {line}")
                except OSError:  # a closed pipe or a full disk does not end the run
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
    """`tell(progress)` as often as one likes, and `say(line)`, from any thread, for which a bar makes room. A bar on a
    terminal, else `words_of(progress)` now and then."""
    if is_quiet:
        yield lambda progress: None, write_to_stderr
    elif has_bar and sys.stderr.isatty():
        with open_bar() as shown:
            yield shown
    else:
        with plain_lines(PlainPace(time.perf_counter(), nothing)) as say:
            yield lambda progress: say(words_of(progress)), write_to_stderr
