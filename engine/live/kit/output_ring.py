"""The engine's end of one output of a child: the newest picture of its current process."""

from engine.children.supervisor import Supervisor
from engine.errors import SharedMemoryError
from engine.ipc import FrameRing, RingFrame, RingReader


class OutputRing:
    """Single thread. Reopens the ring when the process or the picture's shape changes."""

    def __init__(self, supervisor: Supervisor, name: str) -> None:
        self._supervisor = supervisor
        self._name = name
        self._reader: RingReader | None = None
        self._segment = ""
        self._sequence = 0

    def newest(self, *, generation: int = 0) -> RingFrame | None:
        """The child's newest picture if it is of this generation or later and was not returned before, else None. The
        caller may keep it."""
        segment = self._supervisor.outputs.get(self._name, "")
        if segment != self._segment:
            try:
                reader = FrameRing.attach(segment) if segment else None
            except SharedMemoryError:  # the process was replaced in the meantime; the next call finds the new one
                return None
            self.close()
            self._reader, self._segment, self._sequence = reader, segment, 0
        if self._reader is None:
            return None
        frame = self._reader.latest()
        if frame is None or frame.sequence == self._sequence:
            return None
        self._sequence = frame.sequence
        return frame if frame.generation >= generation else None

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
