"""A child of pictures under test: a real supervisor and process, a source ring, a reader of its output."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from engine.children.policy import Deadlines
from engine.children.spec import ChildSpec, ChildStatus
from engine.children.supervisor import Supervisor
from engine.errors import SharedMemoryError
from engine.ipc import FrameRing, Gate, RingFrame, RingReader

QUICK = Deadlines(first_delay_s=0.02, max_delay_s=0.1)


class PictureStudio:
    def __init__(
        self,
        spec: ChildSpec,
        *,
        output: str,
        picture: np.ndarray,
        base: Mapping[str, Any],
        times: Deadlines,
        gate: Gate | None = None,
    ) -> None:
        """`output`: the ring to read. `picture`: the source picture. `base`: the values that `reset` restores."""
        self.reports: list[tuple[str, str]] = []
        self.supervisor = Supervisor(
            spec, report=lambda key, line: self.reports.append((key, line)), times=times, gate=gate
        )
        self.picture = picture
        height, width, channels = picture.shape
        self.ring = FrameRing.create(f"{spec.name} source", width, height, channels=channels)
        self.fed = 0
        self._name = spec.name
        self._output = output
        self._base = base
        self._reader: RingReader | None = None
        self._segment = ""
        self._seen: tuple[str, int] = ("", 0)
        self.supervisor.connect_input("source", self.ring.segment)

    def set(self, values: Mapping[str, Any]) -> None:
        self.supervisor.set_values(values)

    def reset(self, values: Mapping[str, Any]) -> None:
        self.set({**self._base, **values})

    def feed(self) -> None:
        self.ring.write(self.picture, index=self.fed, time_s=float(self.fed))
        self.fed += 1

    def newest(self) -> RingFrame | None:
        """The newest output picture of the current process."""
        segment = self.supervisor.outputs.get(self._output, "")
        if segment != self._segment:
            try:
                reader = FrameRing.attach(segment)
            except SharedMemoryError:  # the process was replaced between the two calls
                return None
            if self._reader is not None:
                self._reader.close()
            self._reader, self._segment = reader, segment
        return None if self._reader is None else self._reader.latest()

    def shows(self, is_right: Callable[[RingFrame], bool] = lambda frame: True) -> RingFrame | None:
        """Feed the child if it asks; the newest output if it is new since the last call and `is_right`."""
        if self.supervisor.wants_frame:
            self.feed()
        frame = self.newest()
        if frame is None or (self._segment, frame.sequence) == self._seen or not is_right(frame):
            return None
        self._seen = (self._segment, frame.sequence)
        return frame

    def shows_just(self, picture: np.ndarray) -> RingFrame | None:
        """`shows`, for exactly this picture."""
        return self.shows(lambda frame: np.array_equal(frame.pixels, picture))

    @property
    def status(self) -> ChildStatus:
        return self.supervisor.status()

    def fact(self, name: str) -> Any:
        return self.status.facts.get(name)

    def told(self, key: str) -> str:
        """The child's newest note with this key, or ""."""
        return next((line for told, line in reversed(self.reports) if told == f"child.{self._name}.{key}"), "")

    def taken(self, wait_for: Callable[..., Any], look: Callable[[], Any] = lambda: None) -> None:
        """Wait until the child has taken all values: commands come after values, and every command is answered. Calls
        `look` repeatedly meanwhile."""
        answers: list[str] = []
        self.supervisor.call("anything", on_answer=lambda is_done, text: answers.append(text))
        wait_for(lambda: (look(), answers)[1], "the child's answer")

    def feed_one(self, wait_for: Callable[..., Any]) -> RingFrame:
        """Feed one picture, and return the output after it. Between two answered commands the child has made at least
        one call."""
        self.feed()
        self.taken(wait_for)
        self.taken(wait_for)
        frame = self.newest()
        assert frame is not None
        self._seen = (self._segment, frame.sequence)
        return frame

    def close(self) -> None:
        self.supervisor.close()
        if self._reader is not None:
            self._reader.close()
        self.ring.close()
