"""The engine's end of one output of a child: the newest picture of the process in charge."""

from engine.children.supervisor import Supervisor
from engine.errors import SharedMemoryError
from engine.ipc import FrameRing, RingFrame, RingReader


class OutputRing:
    """One thread. Follows the output across processes and shapes."""

    def __init__(self, supervisor: Supervisor, name: str) -> None:
        self._supervisor = supervisor
        self._name = name
        self._reader: RingReader | None = None
        self._segment = ""
        self._sequence = 0

    def newest(self, *, generation: int = 0) -> RingFrame | None:
        """The child's newest picture, once, and only if it is of this generation or a later one. It may be kept."""
        segment = self._supervisor.outputs.get(self._name, "")
        if segment != self._segment:
            try:
                reader = FrameRing.attach(segment) if segment else None
            except SharedMemoryError:  # replaced meanwhile: its successor is named next time
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
