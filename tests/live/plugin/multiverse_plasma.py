"""A plug-in in one file: a live model that paints, a sink and a source.

What is imported at the top must not need the engine's parameters, because this file declares some
of them.
"""

from typing import Any

import numpy as np

from engine.live.kit.live_model import LiveEntry
from osc_schema.declare import number, switch
from osc_schema.types import Area, ExtraPicture, SinkKind

CHILD: dict[str, Any] = {"is_look": False, "child": "plasma"}
AREA = Area(
    title="Plasma",
    description="Darkens the picture, as an example.",
    pictures=(
        ExtraPicture(
            name="plasma", addition="Plasma", shows="it", model="Plasma", option="--plasma MODEL"
        ),
    ),
    paints_layer5=True,
    params=(
        switch("/plasma/enable", False, "Switches it on.", stored=False, resumed=False, **CHILD),
        number("/plasma/gain", 0.5, 0, 1, "Brightness of the result.", smoothing_ms=0, **CHILD),
    ),
)
ENTRY = LiveEntry(
    name="plasma",
    title="Plasma",
    no_model="no plasma is configured: start with `multiverse run --plasma MODEL`",
    not_offline="plasma is live only",
    paint="multiverse_plasma:paint",
)


def paint(picture: np.ndarray, values: dict[str, Any]) -> np.ndarray:
    return picture[..., :3] * np.float32(values["/plasma/gain"])


LASER = SinkKind(help_name="the laser", argument="name", class_path="multiverse_plasma:LaserSink")


class LaserSink:
    def __init__(self, argument: str, picture: str = "main") -> None:
        self.name, self.picture, self.frames = argument or "laser", picture, 0

    def publish(self, frame: Any) -> None:
        self.frames += 1

    def status(self) -> Any:
        from engine.sinks.sink import SinkStatus

        return SinkStatus(
            kind="laser", name=self.name, state="running", frames=self.frames, dropped=0
        )

    def drain(self) -> bool:
        return True

    def start(self, output_format: Any, *, may_wait: bool = False) -> None: ...
    def set_format(self, output_format: Any) -> None: ...
    def pump(self) -> None: ...
    def close(self) -> None: ...


class PlainSource:
    """`plain:#b45ac8`: one colour."""

    def __init__(self, name: str, *, clock: Any, report: Any) -> None:
        from engine.values import VideoFrame

        pixels = np.full((72, 128, 3), list(bytes.fromhex(name.removeprefix("#"))), np.uint8)
        self._frame = VideoFrame(pixels=pixels, index=0, time_s=0.0, source="plain")

    def latest_frame(self) -> Any:
        return self._frame

    def status(self) -> Any:
        from engine.sources.source import SourceStatus

        return SourceStatus(state="playing", description="plain", width=128, height=72)

    def start(self) -> None: ...
    def close(self) -> None: ...
