"""A child of pictures as the engine has it: a real supervisor and process, a source ring, eyes on what comes out."""

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
        """`output`: the ring that is looked at. `picture`: what is fed. `base`: the values `reset` goes back to."""
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
        """The newest picture that has come out, of whichever process."""
        segment = self.supervisor.outputs.get(self._output, "")
        if segment != self._segment:
            try:
                reader = FrameRing.attach(segment)
            except SharedMemoryError:  # replaced between two looks
                return None
            if self._reader is not None:
                self._reader.close()
            self._reader, self._segment = reader, segment
        return None if self._reader is None else self._reader.latest()

    def shows(self, is_right: Callable[[RingFrame], bool] = lambda frame: True) -> RingFrame | None:
        """Feed the child if it wants that; the newest picture if it came after the last one given, and is right."""
        if self.supervisor.wants_frame:
            self.feed()
        frame = self.newest()
        if frame is None or (self._segment, frame.sequence) == self._seen or not is_right(frame):
            return None
        self._seen = (self._segment, frame.sequence)
        return frame

    def shows_just(self, picture: np.ndarray) -> RingFrame | None:
        """The same, where this very picture is the right one."""
        return self.shows(lambda frame: np.array_equal(frame.pixels, picture))

    @property
    def status(self) -> ChildStatus:
        return self.supervisor.status()

    def fact(self, name: str) -> Any:
        return self.status.facts.get(name)

    def told(self, key: str) -> str:
        """The newest line the child has noted under a key; "" when there was none."""
        return next((line for told, line in reversed(self.reports) if told == f"child.{self._name}.{key}"), "")

    def taken(self, wait_for: Callable[..., Any], look: Callable[[], Any] = lambda: None) -> None:
        """Return when the child has taken all that was set: commands come after values, and any is answered. Until then
        `look` again and again."""
        answers: list[str] = []
        self.supervisor.call("anything", on_answer=lambda is_done, text: answers.append(text))
        wait_for(lambda: (look(), answers)[1], "the child's answer")

    def feed_one(self, wait_for: Callable[..., Any]) -> RingFrame:
        """Feed one picture; what is to be seen when the child has done with it. Two looks at its commands have
        one call between them at least."""
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
