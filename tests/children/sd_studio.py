"""A diffusion child as the engine has it: a real supervisor and process, a source ring, and eyes on what comes out."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import osc_schema
from engine.children.diffusion_link import PRELOAD
from engine.children.policy import Deadlines
from engine.children.spec import ChildSpec, ChildStatus
from engine.children.supervisor import Supervisor
from engine.errors import SharedMemoryError
from engine.ipc import FrameRing, RingFrame, RingReader

SIDE_PX = 64
DEFAULTS = {param.address: param.default for param in osc_schema.PARAMS if param.child == "sd"}
BASE: dict[str, Any] = {"/sd/enable": True, "/sd/width": SIDE_PX, "/sd/height": SIDE_PX, "/sd/prompt": "sea"}
QUICK = Deadlines(first_delay_s=0.02, longest_delay_s=0.1)


def source_picture(seed: int) -> np.ndarray:
    """(64, 64, 3) uint8: 8 x 8 blocks of random colours, which the analytic VAE keeps."""
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return blocks.repeat(8, axis=0).repeat(8, axis=1)


def painting_core(model: Path) -> Callable[..., np.ndarray]:
    """`paint(**options)`: what the core makes of `source_picture(0)` in this process, for the values of BASE.

    `paint(picture, **options)`: of another."""
    from engine.models.diffusion import ModelSpec
    from engine.models.diffusion.load import load
    from engine.models.diffusion.single import paint

    loaded = load(ModelSpec(model=str(model)), "cpu", "float32")

    def painted(picture: np.ndarray | None = None, **options: Any) -> np.ndarray:
        options = {"prompt": "sea", "seed": 1, "width": SIDE_PX, "height": SIDE_PX} | options
        return paint(loaded, source_picture(0) if picture is None else picture, **options)

    return painted


class Studio:
    def __init__(
        self,
        model: Path | str,
        *,
        spec: Mapping[str, Any] | None = None,
        loop: str = "engine.children.diffusion:run",
        settings: Mapping[str, Any] | None = None,
        values: Mapping[str, Any] | None = None,
        times: Deadlines = QUICK,
    ) -> None:
        self.reports: list[tuple[str, str]] = []
        plain = {"spec": {"model": str(model), **(spec or {})}, "device": "cpu", "dtype": "auto", "threads": 1}
        self.supervisor = Supervisor(
            ChildSpec(name="sd", loop=loop, settings=plain | dict(settings or {}), preload=PRELOAD),
            report=lambda key, line: self.reports.append((key, line)),
            times=times,
        )
        self.ring = FrameRing.create("sd source", SIDE_PX, SIDE_PX, channels=3)
        self.fed = 0
        self._reader: RingReader | None = None
        self._segment = ""
        self._seen = 0
        self.supervisor.connect_input("source", self.ring.segment)
        self.set(DEFAULTS | BASE | dict(values or {}))

    def set(self, values: Mapping[str, Any]) -> None:
        self.supervisor.set_values(values)

    def reset(self, values: Mapping[str, Any]) -> None:
        self.set(DEFAULTS | BASE | dict(values))

    def feed(self, seed: int = 0) -> None:
        self.ring.write(source_picture(seed), index=self.fed, time_s=float(self.fed))
        self.fed += 1

    def newest(self) -> RingFrame | None:
        """The newest picture that has come out, of whichever process."""
        segment = self.supervisor.outputs.get("picture", "")
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
        return next((line for told, line in reversed(self.reports) if told == f"child.sd.{key}"), "")

    def taken(self, wait_for: Callable[..., Any]) -> None:
        """Return when the child has taken all that was set: commands come after values, and any is answered."""
        answers: list[str] = []
        self.supervisor.call("anything", on_answer=lambda is_done, text: answers.append(text))
        wait_for(lambda: answers, "the child's answer")

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
