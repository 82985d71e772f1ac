"""Words that say which process is using the GPU. The engine's draws go before the children, the voice before all.

A process cannot ask the driver to let another process's draw go first, so children check the gate before each slice of
work. The gate is advisory: it never locks. A word left set by a process that died, or was stopped while drawing,
expires after the times below, and a gate without a period stops nobody.
"""

from typing import Final, Self

from engine.ipc import layout
from engine.ipc.ring_folder import RingFolder
from engine.ipc.word_segment import WordSegment

VOICE_LIMIT_NS: Final = 1_000_000_000  # a block of voice takes a tenth of that; after it the child counts as stopped


class Gate(WordSegment):
    """One gate for an engine and its children. `now_ns`: perf_counter_ns, the same in all processes of a machine."""

    _kind = layout.GATE
    _DRAWING = _kind.word("drawing_ns")
    _PERIOD = _kind.word("period_ns")
    _LATE = _kind.word("late_frames")
    _VOICE = _kind.word("voice_ns")

    @classmethod
    def create(cls, *, folder: RingFolder | None = None) -> Self:
        """A new, open gate. SharedMemoryError when there is no room."""
        return cls._make("gate", folder)

    def draw_begins(self, now_ns: int) -> None:
        """Called by the engine before it submits a draw."""
        self._words[self._DRAWING] = now_ns

    def draw_ends(self) -> None:
        """Called by the engine when the GPU has finished the draw."""
        self._words[self._DRAWING] = 0

    def is_drawing(self, now_ns: int) -> bool:
        """True while a draw is under way that began less than one period ago."""
        began_ns = int(self._words[self._DRAWING])
        return began_ns != 0 and now_ns - began_ns < self.period_ns

    @property
    def period_ns(self) -> int:
        """Frame period of the engine, set by it; 0 until then."""
        return int(self._words[self._PERIOD])

    @period_ns.setter
    def period_ns(self, period_ns: int) -> None:
        self._words[self._PERIOD] = period_ns

    @property
    def late_frames(self) -> int:
        """Frames the engine has published late since its start, set by it; used by `duty auto`."""
        return int(self._words[self._LATE])

    @late_frames.setter
    def late_frames(self, count: int) -> None:
        self._words[self._LATE] = count

    def voice_begins(self, now_ns: int) -> None:
        """Called by the voice child before it processes a block."""
        self._words[self._VOICE] = now_ns

    def voice_ends(self) -> None:
        """Called by the voice child after a block."""
        self._words[self._VOICE] = 0

    def is_voice_running(self, now_ns: int) -> bool:
        """True while the voice child processes a block that it began less than a second ago."""
        began_ns = int(self._words[self._VOICE])
        return began_ns != 0 and now_ns - began_ns < VOICE_LIMIT_NS
