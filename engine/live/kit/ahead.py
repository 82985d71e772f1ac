"""Lets a child's *picture* change on the beat, not only its values.

A child needs time: the first picture with a new value is painted 50 ms or a second after it was sent. The child
measures that (`Figures.delay_s`), and values that wait for a beat are sent that much earlier. The first pictures with
them are ready a little before the beat, and wait for its frame; until then the last picture without them stays.

Each change that is sent ahead begins a generation, which the child attaches to its pictures. Two changes may be on
their way: between two beats that are closer than the delay. So the newest picture of each is kept. If a change is taken
back, the pictures that have it are never shown: the next ones begin another generation.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

from engine.ipc import RingFrame
from engine.values import ComingValues


class Ahead:
    """Render thread."""

    def __init__(self, mark: Callable[[], int]) -> None:
        """`mark()` begins a generation, and returns it (`SentValues.mark`)."""
        self._mark = mark
        self._marks: dict[Hashable, int] = {}
        """The generation of each change that has been sent and whose beat has not come."""
        self._ready: list[RingFrame] = []
        """Pictures that wait, oldest first; one of each number of changes it must wait for."""
        self._void = range(0)
        """Generations with a change that was taken back, until a picture of a later one has come."""

    def send(self, coming: Iterable[ComingValues]) -> Mapping[str, Any]:
        """The values to send ahead, by address. `coming`: each change from its time to be sent to the frame of its
        beat; one that is missing earlier was taken back."""
        values: dict[str, Any] = {}
        marks: dict[Hashable, int] = {}
        changes = list(coming)
        gone = self._marks.keys() - {change.key for change in changes}
        if gone:
            first = min(self._marks[key] for key in gone)
            self._void = range(min(first, self._void.start) if self._void else first, self._mark())
        for change in changes:
            if change.is_due:
                continue
            before = self._marks.get(change.key)
            marks[change.key] = self._mark() if before is None else before
            values |= change.values
        self._marks = marks
        return values

    def show(self, newest: RingFrame | None, *, valid_from: int = 0) -> RingFrame | None:
        """The picture to show from this frame on; None: none yet, or the one before stays. `newest`: from the child, if
        it is new. `valid_from`: pictures of a lower generation are dropped."""
        self._ready = [
            ready for ready in self._ready if ready.generation >= valid_from and ready.generation not in self._void
        ]
        if newest is not None and newest.generation not in self._void:
            if newest.generation >= self._void.stop:
                self._void = range(0)
            self._ready = [ready for ready in self._ready if self._waits(ready) < self._waits(newest)] + [newest]
        while self._ready and not self._waits(self._ready[0]):
            if len(self._ready) == 1 or self._waits(self._ready[1]):
                return self._ready.pop(0)
            del self._ready[0]
        return None

    def _waits(self, picture: RingFrame) -> int:
        """The number of changes in the picture whose beat has not come."""
        return sum(generation <= picture.generation for generation in self._marks.values())
