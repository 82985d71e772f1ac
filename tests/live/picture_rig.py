"""A child of pictures under test: a source ring, and a reader of its output."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from engine.errors import SharedMemoryError
from engine.ipc import FrameRing, RingFrame, RingReader
from tests.live.child_rig import ChildRig


class PictureRig(ChildRig):
    OUTPUT: ClassVar[str]
    """The ring to read."""

    def __init__(self, spec: Mapping[str, Any], picture: np.ndarray, **more: Any) -> None:
        """`picture`: the source picture. `more`: as for ChildRig."""
        super().__init__(spec, **more)
        self.picture = picture
        height, width, channels = picture.shape
        self.ring = FrameRing.create(f"{self.NAME} source", width, height, channels=channels)
        self.fed = 0
        self._reader: RingReader | None = None
        self._segment = ""
        self._seen: tuple[str, int] = ("", 0)
        self._expected: np.ndarray | None = None
        self.supervisor.connect_input("source", self.ring.segment)

    def feed(self) -> None:
        self.ring.write(self.picture, index=self.fed, time_s=float(self.fed))
        self.fed += 1

    def newest(self) -> RingFrame | None:
        """The newest output picture of the current process."""
        segment = self.supervisor.outputs.get(self.OUTPUT, "")
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
        """Feed the child if it asks; the newest output if it is new since the last call and
        `is_right`."""
        if self.supervisor.wants_frame:
            self.feed()
        frame = self.newest()
        if frame is None or (self._segment, frame.sequence) == self._seen or not is_right(frame):
            return None
        self._seen = (self._segment, frame.sequence)
        return frame

    def shows_just(self, picture: np.ndarray) -> RingFrame | None:
        """`shows`, for exactly this picture."""
        self._expected = picture
        return self.shows(lambda frame: np.array_equal(frame.pixels, picture))

    def feed_one(self, wait_for: Callable[..., Any]) -> RingFrame:
        """Feed one picture, and return the output after it. Between two answers the child has made
        a call."""
        self.feed()
        self.wait_until_applied(wait_for)
        self.wait_until_applied(wait_for)
        frame = self.newest()
        assert frame is not None
        self._seen = (self._segment, frame.sequence)
        return frame

    @property
    def facts_for_people(self) -> list[object]:
        facts = [
            *super().facts_for_people,
            f"fed {self.fed}, wants another: {self.supervisor.wants_frame}",
        ]
        if (frame := self.newest()) is None:
            return [*facts, "no picture"]
        if self._expected is None or self._expected.shape != frame.pixels.shape:
            return [*facts, f"picture {frame.sequence}, {frame.pixels.shape}"]
        difference = np.abs(frame.pixels.astype(int) - self._expected)
        amount = f"{np.count_nonzero(difference)} values by up to {difference.max()}"
        return [*facts, f"picture {frame.sequence} differs from the expected one in {amount}"]

    def close(self) -> None:
        super().close()
        if self._reader is not None:
            self._reader.close()
        self.ring.close()
