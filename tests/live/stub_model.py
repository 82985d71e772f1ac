"""A minimal fourth live model: the echo child, shown as an extra picture and offered to layer 5."""

from collections.abc import Mapping
from functools import partial

from engine.children.spec import ChildSpec
from engine.live.kit.child_link import ChildLink
from engine.live.kit.fader import Fade
from engine.live.kit.live_model import LiveEntry, Surroundings
from engine.live.kit.scene import Layer5Offer, Scene
from engine.params import Snapshot
from engine.render.guarded_renderer import GuardedRenderer
from engine.values import PublishedFrame, ShownPicture, VideoFrame
from osc_schema import ExtraPicture

NAME = "stub"
SIZE_PX = (32, 24)


class StubModel(ChildLink[None]):
    """Sends the camera picture to the child, and shows the result."""

    def __init__(self, around: Surroundings) -> None:
        spec = ChildSpec(name=NAME, loop="engine.children.echo:run", settings={"gain": 0.5})
        super().__init__(spec, in_force=None, gate=around.gate, report=around.report)
        self._input = self._open_input("source")
        self._output = self._open_output("picture")
        self._newest: VideoFrame | None = None

    def start(self, snapshot: Snapshot) -> None:
        self.supervisor.start()

    def describe(self, snapshot: Snapshot) -> list[str]:
        return ["echo"]

    def extra_pictures(self, snapshot: Snapshot) -> Mapping[str, tuple[int, int]]:
        return {NAME: SIZE_PX}

    def follow(self, snapshot: Snapshot, values: Mapping[str, object], moved: Mapping[str, float]) -> None:
        self.supervisor.set_values(self._sent.changes(snapshot, moved))

    def show(self, scene: Scene, values: Mapping[str, object], now_s: float) -> None:
        frame = self._output.newest()
        if frame is not None:
            self._newest = VideoFrame(pixels=frame.pixels, index=frame.index, time_s=frame.time_s, source=NAME)
        fade = None if self._newest is None else Fade(picture=self._newest, before=None, share=1.0)
        scene.layer5_offers[NAME] = Layer5Offer(fade=fade, is_automatic=fade is not None)
        scene.extra_pictures[NAME] = partial(self._draw, self._newest)

    def feed(self, frame: PublishedFrame, scene: Scene, now_s: float) -> None:
        if scene.camera is not None and self.supervisor.wants_frame:
            self._input.write(scene.camera.pixels, frame.id, now_s)

    def _draw(self, picture: VideoFrame | None, drawing: GuardedRenderer) -> ShownPicture:
        return drawing.show(picture, size_px=SIZE_PX)

    def _refuse(self, build: None, stays: None, reason: str) -> None:
        raise AssertionError("a stub is never built anew")


ENTRY = LiveEntry(
    name=NAME,
    no_model="no stub is configured",
    not_offline="a stub cannot be repeated offline",
    is_configured=lambda config: config.camera != "none",
    open=StubModel,
    pictures=(ExtraPicture(name=NAME, addition="Stub", shows="the stub", model="stub", option="--camera"),),
)
