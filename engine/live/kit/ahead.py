"""Lets a child's picture change on the beat, not only its values.

The first picture with a new value is painted 50 ms to a second after the value was sent. The child
measures that (`Figures.delay_s`), and values that wait for a beat are sent that much earlier. The
first pictures with them are ready a little before the beat, and wait for its frame; until then the
last picture without them stays.

Each change that is sent ahead begins a generation, which the child attaches to its pictures. Two
changes may be pending at once if two beats are closer than the delay. So the newest picture of each
is cached. If a change is cancelled, the pictures that have it are never shown: the next ones begin
another generation.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

from engine.ipc import RingFrame
from engine.values import UpcomingValues


class Ahead:
    """Decides which picture of a child to show, so that a change appears on its beat. Render
    thread."""

    def __init__(self, mark: Callable[[], int]) -> None:
        """`mark()` begins a generation, and returns it (`SentValues.mark`)."""
        self._mark = mark
        self._marks: dict[Hashable, int] = {}
        """The generation of each change that has been sent, until its beat."""
        self._ready: list[RingFrame] = []
        """Pictures that wait, oldest first; one of each number of changes it must wait for."""
        self._cancelled = range(0)
        """Generations with a cancelled change, until a picture of a later one has arrived."""

    def send(self, coming: Iterable[UpcomingValues]) -> Mapping[str, Any]:
        """The values to send ahead, by address. `coming`: each change from its time to be sent to
        the frame of its beat; one that is missing earlier was cancelled."""
        values: dict[str, Any] = {}
        marks: dict[Hashable, int] = {}
        changes = list(coming)
        if cancelled := self._marks.keys() - {change.key for change in changes}:
            first = min(self._marks[key] for key in cancelled)
            self._cancelled = range(
                min(first, self._cancelled.start) if self._cancelled else first, self._mark()
            )
        for change in changes:
            if change.is_due:
                continue
            before = self._marks.get(change.key)
            marks[change.key] = self._mark() if before is None else before
            values |= change.values
        self._marks = marks
        return values

    def show(self, newest: RingFrame | None, *, valid_from: int = 0) -> RingFrame | None:
        """The picture to show from this frame on; None: none yet, or the one before stays.
        `newest`: from the child, if it is new. `valid_from`: pictures of a lower generation are
        dropped."""
        self._ready = [
            ready
            for ready in self._ready
            if ready.generation >= valid_from and ready.generation not in self._cancelled
        ]
        if newest is not None and newest.generation not in self._cancelled:
            if newest.generation >= self._cancelled.stop:
                self._cancelled = range(0)
            self._ready = [
                ready for ready in self._ready if self._waits(ready) < self._waits(newest)
            ] + [newest]
        while self._ready and not self._waits(self._ready[0]):
            if len(self._ready) == 1 or self._waits(self._ready[1]):
                return self._ready.pop(0)
            del self._ready[0]
        return None

    def _waits(self, picture: RingFrame) -> int:
        """The number of changes in the picture whose beat is still to come."""
        return sum(generation <= picture.generation for generation in self._marks.values())
