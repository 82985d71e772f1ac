"""Sinks and sources of plug-ins that fail while they run, each in a way of its own, and a model
that never rests."""

import sys
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np

from engine.live.kit.live_model import LiveEntry
from osc_schema.declare import switch
from osc_schema.types import Area, SinkKind
from tests.live.plugin.multiverse_plasma import LaserSink

AREA = Area(
    title="Eager",
    description="Repaints without a rest.",
    params=(
        switch(
            "/eager/enable", False, "Switches it on.", stored=False, resumed=False, child="eager"
        ),
    ),
)
ENTRY = LiveEntry(
    name="eager", title="Eager", no_model="none", not_offline="live", paint=f"{__name__}:paint"
)
SINKS = ("raises", "silent", "blocks", "hangs", "leaves")
KINDS = {
    name: SinkKind(
        help_name="a sink that fails", argument="name", class_path=f"{__name__}:{name.capitalize()}"
    )
    for name in SINKS
}
RAISES, SILENT, BLOCKS, HANGS, LEAVES = KINDS.values()
SOUND = SinkKind(
    help_name="a sink without a fault", argument="name", class_path=f"{__name__}:Failing"
)
POINTS = {
    "multiverse.models": {"eager": f"{__name__}:ENTRY"},
    "multiverse.parameters": {"eager": f"{__name__}:AREA"},
    "multiverse.sinks": {name: f"{__name__}:{name.upper()}" for name in SINKS},
    "multiverse.sources": {"bad": f"{__name__}:BadSource"},
}


def paint(picture: np.ndarray, values: dict[str, Any]) -> np.ndarray:
    end_s = time.perf_counter() + 0.02
    while time.perf_counter() < end_s:
        picture = 255 - picture
    return picture


class Failing(LaserSink):
    """A sink without a fault."""

    def __init__(self, argument: str, picture: str = "main") -> None:
        super().__init__(argument or "failing", picture)


class Raises(Failing):
    def publish(self, frame: Any) -> None:
        raise ValueError("no\nlaser")


class Silent(Failing):
    def status(self) -> Any:
        return "running"


class Blocks(Failing):
    def publish(self, frame: Any) -> None:
        threading.Event().wait()


class Hangs(Failing):
    def close(self) -> None:
        threading.Event().wait()


class Leaves(Failing):
    def pump(self) -> None:
        sys.exit(3)


class BadSource:
    """`bad:NAME`: a source whose `latest_frame` does what NAME says once it has played for ten
    pictures."""

    def __init__(self, name: str, *, clock: Any = None, report: Any = None) -> None:
        from engine.values import VideoFrame

        self._name, self._requests = name, 0
        pixels = np.full((72, 128, 3), 90, np.uint8)
        self._good = VideoFrame(pixels=pixels, index=0, time_s=0.0, source="bad")

    def latest_frame(self) -> Any:
        self._requests += 1
        if self._requests <= 10 or self._name == "still":
            return self._good
        if self._name == "raises":
            raise OSError("no\ncable")
        if self._name == "blocks":
            threading.Event().wait()
        if self._name == "text":
            return "a picture"
        return replace(self._good, pixels=BAD_PIXELS[self._name])

    def status(self) -> Any: ...
    def start(self) -> None: ...
    def close(self) -> None: ...


BAD_PIXELS: dict[str, Any] = {
    "empty": np.zeros((0, 0, 3), np.uint8),
    "nan": np.full((72, 128, 3), np.nan),
    "grey": np.zeros((72, 128), np.uint8),
    "vast": np.zeros((1, 99999, 3), np.uint8),
}
