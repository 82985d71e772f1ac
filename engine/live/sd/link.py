"""The engine's end of the SD child: pictures in, parameters in, pictures out, and what is shown while it is away.

All of it runs on the frame loop's thread and waits for nothing: the rings are newest wins, the supervisor has a thread
of its own, and what needs a disk or fresh memory is done by a worker.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from engine.children.spec import ChildSpec, ChildStatus
from engine.children.supervisor import Supervisor
from engine.config import SdConfig
from engine.errors import ModelError
from engine.ipc import Gate
from engine.live.kit.fader import Fade, Fader
from engine.live.kit.finished_picture import finished_picture
from engine.live.kit.output_ring import OutputRing
from engine.live.kit.requests import Requests
from engine.live.kit.sent_values import NOTHING, ToldValues
from engine.live.kit.source_rings import SourceRings
from engine.live.sd.conditions import model_named, picture_named
from engine.live.sd.spec import require_complete, spec_of
from engine.models.sd import ModelSpec
from engine.params import Snapshot
from engine.sources import Source
from engine.system.daemon_worker import DaemonWorker
from engine.system.reporting import Report
from engine.values import FrameId, VideoFrame
from osc_schema.sd import CHILD, CONTROLNETS

LOOP = "engine.live.sd.loop:run"
MODEL, IMAGE = "/sd/model", "/sd/ip_adapter/image"
REPEAT_S = 0.1  # a still picture is painted again so often at most: prompts and seeds change under it
PRELOAD = (
    "engine.models",  # first: the libraries find what stands in for torchaudio
    "torch",
    "diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img",
    "transformers.models.clip.modeling_clip",
    "transformers.models.clip.tokenization_clip",
    "diffusers.models.autoencoders.autoencoder_tiny",
    "diffusers.schedulers.scheduling_lcm",
    "engine.live.sd.painter",
    "engine.live.sd.plan",
    "engine.models.sd.conditioner",
    "engine.models.device_work",
    "engine.models.sd.load",
    "engine.models.sd.pixels",
)
"""What the process that SD children are forked from has imported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SdView:
    """What there is to see of SD at one frame."""

    fade: Fade | None
    """None before the first picture."""
    is_on: bool
    """Layer 5's `auto` takes it."""


class DiffusionLink:
    """Frame loop's thread, but for `supervisor` and `status`."""

    def __init__(
        self,
        config: SdConfig,
        *,
        video: Source | None,
        has_camera: Callable[[], bool],
        gate: Gate,
        report: Report,
        set_value: Callable[[str, str], None],
    ) -> None:
        """`set_value(address, value)` puts a parameter back that could not be had. Any thread."""
        self._config = config
        self._video = video
        self._has_camera = has_camera
        self._report = report
        self._set_value = set_value
        settings = self._settings(spec_of(config, config.model))
        self.supervisor = Supervisor(
            ChildSpec(name=CHILD, loop=LOOP, settings=settings, preload=PRELOAD), report=report, gate=gate
        )
        self.supervisor.on_swap = self._on_swap
        self._models: Requests[str] = Requests("")
        """By name, as /sd/model has it."""
        self._worker = DaemonWorker("sd files")
        self._input = SourceRings("sd source", self._worker, partial(self.supervisor.connect_input, "source"), report)
        connect_segments = partial(self.supervisor.connect_input, "segments")
        self._segments = SourceRings("sd segments", self._worker, connect_segments, report)
        self._fader = Fader()
        self._values: Snapshot | None = None
        self._told = ToldValues(CHILD)
        self._moved = NOTHING
        self._fed: VideoFrame | None = None
        self._fed_s = 0.0
        self._multiverse: VideoFrame | None = None
        self._fitted: tuple[VideoFrame, VideoFrame] | None = None
        self._output = OutputRing(self.supervisor, "picture")
        self._newest: VideoFrame | None = None
        self._is_black = False
        self._is_loop = False

    def start(self) -> None:
        """Begin to load the model."""
        self.supervisor.start()

    def ask_to_end(self) -> None:
        """Begin to end without waiting: the child is asked to stop."""
        self.supervisor.on_swap = None  # one that is under way now fails nobody
        self.supervisor.ask_to_end()

    def close(self) -> None:
        self.ask_to_end()
        self._worker.shutdown()
        self.supervisor.close()
        self._output.close()
        self._input.close()
        self._segments.close()

    def status(self) -> ChildStatus:
        """Any thread. After `close`: what the child last said of itself."""
        return self.supervisor.status()

    # -- parameters ----------------------------------------------------------------------------

    def follow(self, values: Snapshot, moved: Mapping[str, float] = NOTHING) -> None:
        """Tell the child what has changed since the last frame; another model is a planned swap.

        `moved`: what modulation makes of some values in this frame. The child takes the newest when it is ready for it.
        """
        self._values, self._moved = values, moved
        is_first = not self._told.has_told
        news = self._told.news(values, moved)
        plain = {address: value for address, value in news.items() if address not in (MODEL, IMAGE)}
        if plain:
            self.supervisor.set_values(plain)
        if IMAGE in news:
            self._look_up(self._change_image, str(values[IMAGE]))
        if MODEL in news and not (is_first and not values[MODEL]):
            self._look_up(self._change_model, str(values[MODEL]))

    def _look_up(self, change: Callable[[str], None], name: str) -> None:
        """`change(name)` on the worker's thread; what it raises is reported, not lost with its future."""

        def report(looked_up: Future[None]) -> None:
            if (error := looked_up.exception()) is not None:
                self._report("sd.files", f'"{name}" cannot be looked up: {type(error).__name__}: {error}')

        self._worker.submit(change, name).add_done_callback(report)

    def _change_image(self, name: str) -> None:
        """The worker's thread."""
        try:
            self.supervisor.set_values({IMAGE: picture_named(self._config, name)})
        except ValueError as reason:  # it was there when it was set
            self._report("sd.picture", f'{IMAGE} "{name}": {reason}; the picture before stays')

    def _change_model(self, name: str) -> None:
        """The worker's thread."""
        try:
            spec = spec_of(self._config, model_named(self._config, name))
            require_complete(spec)
        except (ValueError, ModelError) as reason:
            self._refuse_model(name, str(reason))
        else:
            self._models.begin(name)
            self.supervisor.swap(self._settings(spec))

    def _on_swap(self, is_done: bool, reason: str) -> None:
        """The supervisor's thread: of the swaps under way the first has ended."""
        name, is_last = self._models.end(is_done)
        if not is_done and is_last:  # else it was given up for the next
            self._refuse_model(name, reason)

    def _refuse_model(self, name: str, reason: str) -> None:
        self._report("sd.model", f'{MODEL} "{name}": {reason}; the model before stays')
        self._set_value(MODEL, self._models.newest)

    # -- pictures in ---------------------------------------------------------------------------

    def feed(
        self, tick: FrameId, now_s: float, camera: VideoFrame | None, read_picture: Callable[[], np.ndarray]
    ) -> None:
        """Hand the child a picture if it wants one. `read_picture` reads back what was drawn last, RGBA."""
        if not self._is_enabled:
            return
        is_wanted = self.supervisor.wants_frame
        if self.source == "multiverse":
            self._warn_of_loop()
            if is_wanted:
                self._input.write(read_picture(), tick, now_s)
            if self._shows_source:
                self._multiverse = finished_picture(read_picture(), tick)
            return
        frame = self._picture_fed(camera)
        is_due = frame is not None and (frame is not self._fed or now_s - self._fed_s >= REPEAT_S)
        if is_wanted and is_due and self._input.write(frame.pixels, tick, now_s):
            self._fed, self._fed_s = frame, now_s

    @property
    def wants_segments(self) -> bool:
        """Whether a ControlNet is to be shown what SAM3 finds."""
        values = self._values
        return self._is_enabled and any(
            values[f"/sd/controlnet/{n}/enable"] and values[f"/sd/controlnet/{n}/source"] == "sam3" for n in CONTROLNETS
        )

    def show_segments(self, picture: np.ndarray, tick: FrameId, now_s: float) -> bool:
        """Hand the child a segmentation picture, (height, width, 3) uint8. False while there is no ring for it."""
        return self._segments.write(picture, tick, now_s)

    @property
    def source(self) -> str:
        """Where the pictures come from: /sd/source with `auto` decided, and feedback by what it may begin with."""
        assert self._values is not None
        chosen = str(self._values["/sd/source"])
        return chosen if chosen not in ("auto", "feedback") else "camera" if self._has_camera() else "multiverse"

    def _warn_of_loop(self) -> None:
        """Said once each time it begins: SD shown alone and fed what is shown sees nothing but itself."""
        assert self._values is not None
        is_loop = self._values["/mode"] == "simple" and self._values["/sd/source"] != "feedback"
        if is_loop and not self._is_loop:
            self._report(
                "sd.loop",
                "/mode simple shows SD alone and /sd/source is the Multiverse: SD repaints itself; "
                "choose another source, or /mode multiverse",
            )
        self._is_loop = is_loop

    def _picture_fed(self, camera: VideoFrame | None) -> VideoFrame | None:
        """The newest picture of what SD repaints."""
        if self.source == "camera":
            return camera
        if self.source == "video":
            return None if self._video is None else self._video.latest_frame()
        return self._multiverse

    # -- pictures out --------------------------------------------------------------------------

    def view(self, now_s: float, camera: VideoFrame | None) -> SdView:
        """What is seen of SD now. Takes the newest picture out of the ring, unless frozen."""
        assert self._values is not None
        crossfade_s = float(self._moved.get("/sd/crossfade_s", self._values["/sd/crossfade_s"]))
        if not self._values["/sd/freeze"]:
            self._take_newest(now_s, crossfade_s)
        fade = self._fader.at(now_s, crossfade_s)
        if self._shows_source and (fed := self._picture_fed(camera)) is not None:
            fade = Fade(picture=self._fit(fed), before=None, share=1.0)
        return SdView(fade=fade, is_on=self._is_enabled and fade is not None)

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the SD picture that is asked for."""
        assert self._values is not None
        return int(self._values["/sd/width"]), int(self._values["/sd/height"])

    @property
    def _is_enabled(self) -> bool:
        return self._values is not None and bool(self._values["/sd/enable"])

    @property
    def _is_away(self) -> bool:
        return self.supervisor.status().is_away

    @property
    def _shows_source(self) -> bool:
        assert self._values is not None
        is_fed = self._values["/sd/source"] != "feedback"
        return is_fed and self._values["/sd/fallback"] == "source" and self._is_away

    def _take_newest(self, now_s: float, crossfade_s: float) -> None:
        assert self._values is not None
        frame = self._newest_frame()
        is_black = self._values["/sd/fallback"] == "black" and self._is_away
        if frame is not None:
            self._newest = frame
        elif self._newest is None or is_black == self._is_black:
            return
        self._is_black = is_black and frame is None
        shown = self._newest
        if self._is_black:
            shown = replace(shown, pixels=np.zeros_like(shown.pixels))
        self._fader.show(shown, now_s, crossfade_s)

    def _newest_frame(self) -> VideoFrame | None:
        """The child's newest picture, once."""
        frame = self._output.newest()
        if frame is None:
            return None
        return VideoFrame(pixels=frame.pixels, index=frame.index, time_s=frame.time_s, source="sd")

    def _fit(self, frame: VideoFrame) -> VideoFrame:
        """The middle of `frame` at SD's size, so that no sink of SD's picture has to follow another size."""
        width, height = self.size_px
        if self._fitted is None or self._fitted[0] is not frame or self._fitted[1].pixels.shape[:2] != (height, width):
            fitted = self._fader.fitted(frame.pixels, width, height)
            self._fitted = frame, replace(frame, pixels=fitted, source=CHILD)
        return self._fitted[1]

    def _settings(self, spec: ModelSpec) -> Mapping[str, Any]:
        config = self._config
        return {
            "spec": asdict(spec),
            "device": config.device,
            "dtype": config.dtype,
            "threads": config.threads,
        }
