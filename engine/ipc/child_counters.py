"""Status of a child process in shared memory: heartbeat, phase with its time, results.

A stopped or hung process answers no messages, but the engine can read these fields at any time.
There are two heartbeats, because the main loop may hang while other threads run: a separate thread
stores `alive`, the main loop `progress`. Phase and time are in one field: a new phase with an old
time would look like a missed deadline.
"""

from enum import IntEnum

from engine.ipc import layout
from engine.ipc.owned_segment import FieldSegment, SharedField

TIME_BITS = 60  # of the progress field: 36 years in ns, counted from the machine's start


class Phase(IntEnum):
    """Phases of a child's main loop. Each has its own deadline."""

    STARTING = 1
    LOADING = 2
    COMPILING = 3
    CAPTURING = 4
    IDLE = 5
    RUNNING = 6
    STOPPING = 7


class ChildCounters(FieldSegment):
    """The status of one child process, all 0 at first; only the child writes it. `now_ns`:
    perf_counter_ns."""

    _kind = layout.CHILD_COUNTERS
    alive_ns = SharedField(_kind, "alive_ns", int)
    """Time of the last `beat`; 0 before the first."""
    results = SharedField(_kind, "results", int)
    """Results published so far."""
    last_result_ms = SharedField(_kind, "last_result_ms", float)
    """Milliseconds the newest result took; 0 before the first."""
    last_result_ns = SharedField(_kind, "last_result_ns", int)
    """Time the newest result was published; 0 before the first."""
    wants_frame = SharedField(_kind, "wants_frame", bool)
    """True if the child will read the next picture. Set by the child, False at first."""
    expected_s = SharedField(_kind, "expected_s", float)
    """Seconds that the child's longest piece of work takes by its own estimate; 0 if it gave
    none."""
    _progress = SharedField(_kind, "progress", int)

    def beat(self, now_ns: int) -> None:
        """Store a heartbeat. Called by a thread of the child that never blocks."""
        self.alive_ns = now_ns

    def enter(self, phase: Phase, now_ns: int) -> None:
        """Store the phase, new or renewed. Called by the child's main loop."""
        self._progress = phase << TIME_BITS | now_ns

    def count_result(self, ms: float, now_ns: int) -> None:
        """Count a published result, which took `ms`. Called by the child's main loop."""
        self.last_result_ms = ms
        self.last_result_ns = now_ns
        self._fence()  # a reader that sees the new count also sees the rest
        self.results += 1

    @property
    def progress(self) -> tuple[Phase, int]:
        """The phase and the time it was entered or renewed; (STARTING, 0) before the first."""
        value = self._progress
        if value == 0:
            return Phase.STARTING, 0
        return Phase(value >> TIME_BITS), value & (1 << TIME_BITS) - 1
