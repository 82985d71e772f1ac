"""What a child process says of itself without a message: that it lives, what it does since when, its results.

A stopped or hung process answers no message; these words the engine reads whenever it likes. They are two
signs of life, because a main loop may hang while threads go on: `alive` is stored by a thread that does
nothing else, `progress` by the main loop. Phase and time share one word, so that no reader ever joins a new
phase to an old time, which would look like a missed deadline.
"""

from enum import IntEnum
from typing import Self

from engine.ipc import layout
from engine.ipc.ring_folder import RingFolder
from engine.ipc.word_segment import WordSegment

TIME_BITS = 60  # of the progress word: 36 years in ns, counted from the machine's start


class Phase(IntEnum):
    """What a child's main loop is doing. Each has a deadline of its own."""

    STARTING = 1
    LOADING = 2
    COMPILING = 3
    CAPTURING = 4
    IDLE = 5
    RUNNING = 6
    STOPPING = 7


class ChildWords(WordSegment):
    """One child process's words. The engine makes and reads them; the child writes. `now_ns` is perf_counter_ns."""

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
        """New words of the child `name`, all 0. SharedMemoryError when there is no room."""
        return cls._make(name, folder)

    def beat(self, now_ns: int) -> None:
        """Child, in a thread of its own: the process runs."""
        self._words[self._ALIVE] = now_ns

    def enter(self, phase: Phase, now_ns: int) -> None:
        """Child's main loop: in this phase from now on, or still in it and well."""
        self._words[self._PROGRESS] = phase << TIME_BITS | now_ns

    def count_result(self, ms: float, now_ns: int) -> None:
        """Child's main loop: one more result is published, `ms` after its work began."""
        self._floats[self._LAST_MS] = ms
        self._words[self._LAST_NS] = now_ns
        self._fence()  # whoever sees the count sees what it counts
        self._words[self._RESULTS] += 1

    @property
    def wants_frame(self) -> bool:
        """Whether the child will read the next picture; set by the child, False at first."""
        return bool(self._words[self._WANTS_FRAME])

    @wants_frame.setter
    def wants_frame(self, wants: bool) -> None:
        self._words[self._WANTS_FRAME] = wants

    @property
    def expected_s(self) -> float:
        """Seconds that the longest piece of work may honestly take; set by the child, 0: it has not said."""
        return float(self._floats[self._EXPECTED_S])

    @expected_s.setter
    def expected_s(self, seconds: float) -> None:
        self._floats[self._EXPECTED_S] = seconds

    @property
    def alive_ns(self) -> int:
        """When `beat` was last called; 0: never."""
        return int(self._words[self._ALIVE])

    @property
    def progress(self) -> tuple[Phase, int]:
        """The phase, and when it was entered or last renewed; (STARTING, 0) before the first."""
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
        """What the newest result took; 0 before the first."""
        return float(self._floats[self._LAST_MS])

    @property
    def last_result_ns(self) -> int:
        """When the newest result was published; 0 before the first."""
        return int(self._words[self._LAST_NS])
