"""A live model of one function, `LiveEntry(paint="module:function")`, that repaints pictures in a
child process.

`paint(picture, values)` gets an RGB or RGBA picture, (height, width, channels) uint8, and the
values of the model's parameters by address, with `model` as configured; it returns one of any size
with values 0..255. The picture is the camera's, or the finished one if there is no camera. It is
called as often as the show leaves room for: it rests after late frames, as SD does.
"""

import time
from collections.abc import Mapping
from functools import partial
from pkgutil import resolve_name
from typing import Any

import numpy as np

import osc_schema
from engine.children.port import ChildPort
from engine.children.spec import ChildSpec
from engine.ipc import Phase, RingWriter
from engine.live.kit.child_link import ChildLink
from engine.live.kit.fader import Fader
from engine.live.kit.live_model import LiveEntry, Surroundings
from engine.live.kit.pacing import Pacer
from engine.live.kit.progress import MAX_NAP_S
from engine.live.kit.scene import Layer5Offer, Scene, draw_fade
from engine.params import Snapshot
from engine.values import PublishedFrame, VideoFrame
from osc_schema.live_models import BY_NAME

SIZE_PX = (512, 512)  # until the first result
CROSSFADE_S = 1.0
POLL_S = 0.002


class RepaintingModel(ChildLink[None]):
    def __init__(self, entry: LiveEntry, around: Surroundings) -> None:
        model = around.config.models[entry.name].model
        settings = {"name": entry.name, "paint": entry.paint, "model": model}
        spec = ChildSpec(name=entry.name, loop=f"{__name__}:run", settings=settings)
        super().__init__(spec, in_force=None, gate=around.gate, report=around.report)
        self._input = self._open_input("source")
        self._output = self._open_output("picture")
        self._fader = Fader()

    def describe(self, snapshot: Snapshot) -> list[str]:
        return [str(self.supervisor.spec.settings["model"])]

    def extra_pictures(self, snapshot: Snapshot) -> Mapping[str, tuple[int, int]]:
        return {picture.name: SIZE_PX for picture in BY_NAME[self.name].pictures}

    def follow(
        self, snapshot: Snapshot, values: Mapping[str, object], moved: Mapping[str, float]
    ) -> None:
        self.supervisor.set_values(self._sent.changes(snapshot, moved))

    def show(self, scene: Scene, values: Mapping[str, object], now_s: float) -> None:
        frame = self._output.newest()
        if frame is not None:
            newest = VideoFrame(
                pixels=frame.pixels, index=frame.index, time_s=frame.time_s, source=self.name
            )
            self._fader.show(newest, now_s, CROSSFADE_S)
        fade = self._fader.at(now_s, CROSSFADE_S)
        if BY_NAME[self.name].paints_layer5:
            is_automatic = self._is_enabled and fade is not None
            scene.layer5_offers[self.name] = Layer5Offer(fade=fade, is_automatic=is_automatic)
        size_px = (
            SIZE_PX
            if fade is None
            else (fade.picture.pixels.shape[1], fade.picture.pixels.shape[0])
        )
        for picture in BY_NAME[self.name].pictures:
            scene.extra_pictures[picture.name] = partial(draw_fade, fade, size_px)

    def feed(self, frame: PublishedFrame, scene: Scene, now_s: float) -> None:
        if self._is_enabled and self.supervisor.wants_frame:
            pixels = frame.read_rgba() if scene.camera is None else scene.camera.pixels
            self._input.write(pixels, frame.id, now_s)

    def _refuse(self, build: None, stays: None, reason: str) -> None:
        raise AssertionError("it is never built again")


def run(port: ChildPort) -> None:
    """The child's main function. Settings: `name`, `paint` and `model`. Input `source`, output
    `picture`."""
    port.enter(Phase.LOADING)
    paint: Any = resolve_name(port.settings["paint"])
    name = port.settings["name"]
    model = port.settings["model"]
    declared = {param.address: param.default for param in osc_schema.PARAMS if param.child == name}
    port.ready(model=model)
    pacer = Pacer(port.gate, rest=partial(_rest, port))
    writer: RingWriter | None = None
    seen = None
    while not port.should_stop:
        port.poll()
        values = declared | dict(port.values) | {"model": model}
        port.wants_frame = bool(values[f"/{name}/enable"])
        source = port.input("source")
        frame = None if source is None else source.latest()
        if frame is None or frame is seen or not port.wants_frame:
            time.sleep(POLL_S)
            continue
        seen = frame
        pacer.begin_call(None)
        port.enter(Phase.RUNNING)
        began_s = time.perf_counter()
        painted = np.asarray(paint(frame.pixels, values))
        if painted.ndim != 3 or painted.shape[2] not in (3, 4):
            raise ValueError(
                f"{port.settings['paint']} gave the shape {painted.shape}, not (height, width, 3 "
                "or 4)"
            )
        painted = np.ascontiguousarray(painted[..., :3], np.uint8)
        if writer is None or writer.shape != painted.shape:
            writer = port.open_output("picture", painted.shape[1], painted.shape[0], 3)
        writer.write(painted, index=frame.index, time_s=frame.time_s)
        port.result((time.perf_counter() - began_s) * 1000.0)
        pacer.end_call()


def _rest(port: ChildPort, seconds: float) -> None:
    end_s = time.perf_counter() + seconds
    while not port.should_stop and (left_s := end_s - time.perf_counter()) > 0.0:
        port.poll()
        time.sleep(min(left_s, MAX_NAP_S))
