"""Who is using the GPU now: words that keep children out of the engine's way, and all of them out of the voice's.

A process cannot tell the driver to let another's draw go first, so children ask here before each slice of
work. The gate only advises: it never locks. A word left up by a process that died, or was stopped in the
middle of its draw, counts no longer than the times below, and a gate whose engine has not told its period
stops nobody.
"""

from typing import Final, Self

from engine.ipc import layout
from engine.ipc.ring_folder import RingFolder
from engine.ipc.word_segment import WordSegment

VOICE_LIMIT_NS: Final = 1_000_000_000  # a block of voice is a tenth of that: longer, and its child has stopped


class Gate(WordSegment):
    """One for the engine and all its children. `now_ns` is perf_counter_ns, alike in all processes of a machine."""

    _kind = layout.GATE
    _DRAWING = _kind.word("drawing_ns")
    _PERIOD = _kind.word("period_ns")
    _LATE = _kind.word("late_frames")
    _VOICE = _kind.word("voice_ns")

    @classmethod
    def create(cls, *, folder: RingFolder | None = None) -> Self:
        """A new gate, open. SharedMemoryError when there is no room."""
        return cls._make("gate", folder)

    def draw_begins(self, now_ns: int) -> None:
        """Engine: a draw is about to be submitted."""
        self._words[self._DRAWING] = now_ns

    def draw_ends(self) -> None:
        """Engine: the GPU has finished it."""
        self._words[self._DRAWING] = 0

    def is_drawing(self, now_ns: int) -> bool:
        """Whether a draw is under way that began less than one period ago."""
        began_ns = int(self._words[self._DRAWING])
        return began_ns != 0 and now_ns - began_ns < self.period_ns

    @property
    def period_ns(self) -> int:
        """One frame of the engine, set by it; 0 until then."""
        return int(self._words[self._PERIOD])

    @period_ns.setter
    def period_ns(self, period_ns: int) -> None:
        self._words[self._PERIOD] = period_ns

    @property
    def late_frames(self) -> int:
        """Frames the engine has published late since its start, set by it: what `duty auto` looks at."""
        return int(self._words[self._LATE])

    @late_frames.setter
    def late_frames(self, count: int) -> None:
        self._words[self._LATE] = count

    def voice_begins(self, now_ns: int) -> None:
        """Voice child: a block of sound is about to be worked on."""
        self._words[self._VOICE] = now_ns

    def voice_ends(self) -> None:
        """Voice child: it is done."""
        self._words[self._VOICE] = 0

    def is_voice_running(self, now_ns: int) -> bool:
        """Whether the voice child works on a block it began less than a second ago."""
        began_ns = int(self._words[self._VOICE])
        return began_ns != 0 and now_ns - began_ns < VOICE_LIMIT_NS
