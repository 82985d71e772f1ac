"""Shared fields that show which process is using the GPU. The engine's draws precede SD and SAM3,
the voice all.

A process cannot ask the driver to let another process's draw go first, so children check the gate
before each slice of work. The voice does not: a late block would be heard. Children of one device
also take turns, so that a draw finds at most one slice under way. The gate is advisory: it never
locks. A field left set by a process that was stopped, or by the engine while it draws, expires
after the times below, and a gate without a period stops nobody.
"""

import logging
from typing import Final

from engine.ipc import layout
from engine.ipc.owned_segment import FieldSegment, MappedSegment, SharedField

logger = logging.getLogger(__name__)
DEVICE, WANTS, WORKS = range(3)
VOICE_LIMIT_NS: Final = (
    1_000_000_000  # a block of voice takes a tenth of that; after it the child counts as stopped
)
TURN_LIMIT_NS: Final = (
    250_000_000  # a slice takes milliseconds; one that compiles or captures stops no other child
)
_TURN_FIELDS: Final = [
    tuple(
        layout.GATE.field_index(f"{field}_{index}") for field in ("device", "wants_ns", "works_ns")
    )
    for index in range(1, layout.MAX_TURNS + 1)
]
"""The index of each of these three fields, for each child's process."""


class Gate(FieldSegment):
    """One gate for an engine and its children. `now_ns`: perf_counter_ns, the same in all processes
    of a machine."""

    _kind = layout.GATE
    draw_ns = SharedField(_kind, "draw_ns", int)
    """When the draw under way began, or the next one will; 0: unknown."""
    period_ns = SharedField(_kind, "period_ns", int)
    """Frame period of the engine, set by it; 0 until then."""
    late_frames = SharedField(_kind, "late_frames", int)
    """Frames the engine has published late since its start, set by it; used by `duty auto`."""
    _voice_ns = SharedField(_kind, "voice_ns", int)

    def __init__(self, memory: MappedSegment) -> None:
        super().__init__(memory)
        # taken from the end, on several threads
        self._free_indices = list(range(layout.MAX_TURNS, 0, -1))

    def draw_begins(self, now_ns: int) -> None:
        """Called by the engine before it submits a draw."""
        self.draw_ns = now_ns

    def draw_ends(self, next_ns: int = 0) -> None:
        """Called by the engine when the sinks have the picture. `next_ns`: when the next draw will
        be submitted; the gate closes by itself then. 0: unknown."""
        self.draw_ns = next_ns

    def is_drawing(self, now_ns: int) -> bool:
        """True while a draw is under way, or due, that began less than one period ago."""
        began_ns = self.draw_ns
        return 0 < began_ns <= now_ns < began_ns + self.period_ns

    def voice_begins(self, now_ns: int) -> None:
        """Called by the voice child before it processes a block."""
        self._voice_ns = now_ns

    def voice_ends(self) -> None:
        """Called by the voice child after a block."""
        self._voice_ns = 0

    def is_voice_running(self, now_ns: int) -> bool:
        """True while the voice child processes a block that it began less than a second ago."""
        began_ns = self._voice_ns
        return began_ns != 0 and now_ns - began_ns < VOICE_LIMIT_NS

    def acquire_turn_index(self) -> int:
        """Reserve an index at which a new child process takes turns, from 1; 0, with a warning in
        the log, when all are in use. Called by the gate's owner, on any thread."""
        try:
            return self._free_indices.pop()
        except IndexError:
            logger.warning(
                "all %d places of children that take turns on a GPU are taken: another one does "
                "not wait for them, "
                "and pictures may be late",
                layout.MAX_TURNS,
            )
            return 0

    def release_turn_index(self, index: int) -> None:
        """Release the index of a process that has ended, for the next one. Called by the gate's
        owner."""
        if index:
            for field in _TURN_FIELDS[index - 1]:
                self._fields[field] = 0
            self._free_indices.append(index)

    def turns(self, index: int, device: int) -> "Turns | None":
        """The turns of the child with this index on a device, numbered from 1; None for index 0."""
        return Turns(self, index, device) if index else None


class Turns:
    """The turns of one child among those that use the same device. Times: perf_counter_ns."""

    def __init__(self, gate: Gate, index: int, device: int) -> None:
        """`index`, `device`: from 1."""
        self._gate = gate
        self._own = _TURN_FIELDS[index - 1]
        self._set(self._own[DEVICE], device)

    def request(self, requested_ns: int) -> None:
        """Request a turn as of `requested_ns`; 0: no request, the others need not wait for this
        child."""
        self._set(self._own[WANTS], requested_ns)

    def try_begin(self, now_ns: int, requested_ns: int) -> bool:
        """Begin a slice, unless another child works on this device or has requested one before,
        each for up to 250 ms. True for one child only, even if two try at the same moment: each
        announces its work before it looks at the others (Dekker's algorithm), so one of them sees
        the other."""
        self.request(requested_ns)
        device = self._get(self._own[DEVICE])
        others = [
            other
            for other in _TURN_FIELDS
            if other is not self._own and self._get(other[DEVICE]) == device
        ]
        if any(self._is_set(other[WANTS], now_ns) and self._is_before(other) for other in others):
            return False
        self._set(self._own[WORKS], now_ns)
        self._gate._fence()
        if any(self._is_set(other[WORKS], now_ns) for other in others):
            self.end()
            return False
        self.request(0)
        return True

    def begin(self, now_ns: int) -> None:
        """Begin a slice whatever the others do."""
        self._set(self._own[WORKS], now_ns)
        self.request(0)

    def end(self) -> None:
        """Called when the device has finished the slice."""
        self._set(self._own[WORKS], 0)

    def _is_set(self, field: int, now_ns: int) -> bool:
        return now_ns - self._get(field) < TURN_LIMIT_NS

    def _is_before(self, other: tuple[int, ...]) -> bool:
        """True if the other child has requested earlier; at the same time, the one whose fields
        come first."""
        return (self._get(other[WANTS]), other) < (self._get(self._own[WANTS]), self._own)

    def _get(self, field: int) -> int:
        return int(self._gate._fields[field])

    def _set(self, field: int, value: int) -> None:
        self._gate._fields[field] = value
