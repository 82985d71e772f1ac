"""Status of a child process in shared memory: heartbeat, phase with its time, results.

A stopped or hung process answers no messages, but the engine can read these words at any time. There are two
heartbeats, because the main loop may hang while other threads run: a separate thread stores `alive`, the main loop
stores `progress`. Phase and time share one word, so that a reader never combines a new phase with an old time, which
would look like a missed deadline.
"""

from enum import IntEnum
from typing import Self

from engine.ipc import layout
from engine.ipc.owned_segment import WordSegment
from engine.ipc.ring_folder import RingFolder

TIME_BITS = 60  # of the progress word: 36 years in ns, counted from the machine's start


class Phase(IntEnum):
    """Phases of a child's main loop. Each has its own deadline."""

    STARTING = 1
    LOADING = 2
    COMPILING = 3
    CAPTURING = 4
    IDLE = 5
    RUNNING = 6
    STOPPING = 7


class ChildWords(WordSegment):
    """The status of one child process. The engine makes and reads it, the child writes. `now_ns`: perf_counter_ns."""

    _kind = layout.CHILD_WORDS
    _ALIVE = _kind.word("alive_ns")
    _PROGRESS = _kind.word("progress")
    _RESULTS = _kind.word("results")
    _LAST_MS = _kind.word("last_result_ms")
    _LAST_NS = _kind.word("last_result_ns")
    _WANTS_FRAME = _kind.word("wants_frame")
    _EXPECTED_S = _kind.word("expected_s")

    @classmethod
    def create(cls, name: str, *, folder: RingFolder | None = None) -> Self:
        """A new status for the child `name`, all 0. SharedMemoryError when there is no room."""
        return cls._make(name, folder)

    def beat(self, now_ns: int) -> None:
        """Store a heartbeat. Called by a thread of the child that never blocks."""
        self._words[self._ALIVE] = now_ns

    def enter(self, phase: Phase, now_ns: int) -> None:
        """Store the phase, new or renewed. Called by the child's main loop."""
        self._words[self._PROGRESS] = phase << TIME_BITS | now_ns

    def count_result(self, ms: float, now_ns: int) -> None:
        """Count a published result, which took `ms`. Called by the child's main loop."""
        self._floats[self._LAST_MS] = ms
        self._words[self._LAST_NS] = now_ns
        self._fence()  # a reader that sees the new count also sees the rest
        self._words[self._RESULTS] += 1

    @property
    def wants_frame(self) -> bool:
        """True if the child will read the next picture. Set by the child, False at first."""
        return bool(self._words[self._WANTS_FRAME])

    @wants_frame.setter
    def wants_frame(self, wants: bool) -> None:
        self._words[self._WANTS_FRAME] = wants

    @property
    def expected_s(self) -> float:
        """Seconds that the child's longest piece of work takes by its own estimate; 0 if it gave none."""
        return float(self._floats[self._EXPECTED_S])

    @expected_s.setter
    def expected_s(self, seconds: float) -> None:
        self._floats[self._EXPECTED_S] = seconds

    @property
    def alive_ns(self) -> int:
        """Time of the last `beat`; 0 before the first."""
        return int(self._words[self._ALIVE])

    @property
    def progress(self) -> tuple[Phase, int]:
        """The phase and the time it was entered or renewed; (STARTING, 0) before the first."""
        word = int(self._words[self._PROGRESS])
        if word == 0:
            return Phase.STARTING, 0
        return Phase(word >> TIME_BITS), word & (1 << TIME_BITS) - 1

    @property
    def results(self) -> int:
        """Results published so far."""
        return int(self._words[self._RESULTS])

    @property
    def last_result_ms(self) -> float:
        """Milliseconds the newest result took; 0 before the first."""
        return float(self._floats[self._LAST_MS])

    @property
    def last_result_ns(self) -> int:
        """Time the newest result was published; 0 before the first."""
        return int(self._words[self._LAST_NS])
