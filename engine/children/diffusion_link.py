"""The engine's end of the SD child: pictures in, parameters in, pictures out, and what is shown while it is away.

Everything here runs on the frame loop's thread and waits for nothing: the rings are newest wins, the supervisor has a
thread of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import osc_schema
from engine.children.crossfade import Crossfade, Fade
from engine.children.diffusion_conditions import model_named, picture_named
from engine.children.spec import ChildSpec, ChildStatus
from engine.children.supervisor import Supervisor
from engine.config import SdConfig
from engine.errors import SharedMemoryError
from engine.frame import FrameId, VideoFrame
from engine.ipc import FrameRing, Gate, RingOwner, RingReader
from engine.models.diffusion.spec import VAE_WORDS
from engine.params import Snapshot
from engine.sources import Source
from osc_schema.diffusion import CHILD

Report = Callable[[str, str], None]

TOLD = frozenset(param.address for param in osc_schema.PARAMS if param.child == CHILD)
REPEAT_S = 0.1  # a still picture is painted again so often at most: prompts and seeds change under it
PRELOAD = (
    "torch",
    "diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img",
    "transformers.models.clip.modeling_clip",
    "transformers.models.clip.tokenization_clip",
    "diffusers.models.autoencoders.autoencoder_tiny",
    "diffusers.schedulers.scheduling_lcm",
    "engine.children.diffusion_painter",
    "engine.children.diffusion_plan",
    "engine.models.diffusion.conditioner",
    "engine.models.diffusion.device_work",
    "engine.models.diffusion.load",
    "engine.models.diffusion.pixels",
)
"""What the process that SD children are forked from has imported."""
AT_WORK = ("ready", "busy")


@dataclass(frozen=True, slots=True, kw_only=True)
class SdView:
    """What there is to see of SD at one frame."""

    fade: Fade | None
    """None before the first picture."""
    is_on: bool
    """Layer 5's `auto` takes it."""


class DiffusionLink:
    """Frame loop's thread, but for `supervisor` and `status`."""

    def __init__(self, config: SdConfig, *, video: Source | None, has_camera: bool, gate: Gate, report: Report) -> None:
        self._config = config
        self._video = video
        self._has_camera = has_camera
        self._report = report
        self.supervisor = Supervisor(
            ChildSpec(
                name=CHILD,
                loop="engine.children.diffusion:run",
                settings=self._settings(config.model),
                preload=PRELOAD,
            ),
            report=report,
            gate=gate,
        )
        self._last: ChildStatus | None = None
        self._crossfade = Crossfade()
        self._values: Snapshot | None = None
        self._input: RingOwner | None = None
        self._fed: VideoFrame | None = None
        self._fed_s = 0.0
        self._reader: RingReader | None = None
        self._segment = ""
        self._sequence = 0
        self._is_black = False

    def start(self) -> None:
        """Begin to load the model."""
        self.supervisor.start()

    def close(self) -> None:
        last = self.supervisor.status()
        self.supervisor.close()
        self._last = replace(self.supervisor.status(), ms_a_result=last.ms_a_result, facts=last.facts)
        if self._reader is not None:
            self._reader.close()
        if self._input is not None:
            self._input.close()

    def status(self) -> ChildStatus:
        """Any thread. After `close`: what the child last said of itself."""
        return self._last or self.supervisor.status()

    def follow(self, values: Snapshot) -> None:
        """Tell the child what has changed since the last frame; another model is a planned swap."""
        before, self._values = self._values, values
        changed = TOLD if before is None else TOLD.intersection(values.changed_from(before))
        if not changed:
            return
        told = {address: values[address] for address in changed if address != "/sd/model"}
        image = "/sd/ip_adapter/image"
        try:
            if image in told:
                told[image] = picture_named(self._config, str(told[image]))
        except ValueError as reason:  # it was there when it was set
            self._report("sd.picture", f'{image} "{told.pop(image)}": {reason}; the picture before stays')
        self.supervisor.set_values(told)
        if "/sd/model" in changed and before is not None:
            try:
                model = model_named(self._config, str(values["/sd/model"]))
            except ValueError as reason:
                self._report("sd.model", f'/sd/model "{values["/sd/model"]}": {reason}; the model before stays')
            else:
                self.supervisor.swap(self._settings(model))

    def feed(
        self, tick: FrameId, now_s: float, camera: VideoFrame | None, read_picture: Callable[[], np.ndarray]
    ) -> None:
        """Hand the child a picture if it wants one. `read_picture` reads back what was drawn last, RGBA."""
        source = self.source
        if not self._is_enabled or source == "feedback" or not self.supervisor.wants_frame:
            return
        if source == "multiverse":
            self._write(read_picture(), tick)
            return
        frame = self._picture_fed(camera)
        if frame is not None and (frame is not self._fed or now_s - self._fed_s >= REPEAT_S):
            self._fed, self._fed_s = frame, now_s
            self._write(frame.pixels, tick)

    def view(self, now_s: float, camera: VideoFrame | None) -> SdView:
        """What is seen of SD now. Takes the newest picture out of the ring, unless frozen."""
        assert self._values is not None
        values = self._values
        crossfade_s = float(values["/sd/crossfade_s"])
        is_away = self.supervisor.status().state not in AT_WORK
        if not values["/sd/freeze"]:
            self._take_newest(now_s, crossfade_s, is_away=is_away)
        fade = self._crossfade.at(now_s, crossfade_s)
        if is_away and values["/sd/fallback"] == "source":
            fed = self._picture_fed(camera)
            fade = None if fed is None else Fade(picture=fed, before=None, share=1.0)
        return SdView(fade=fade, is_on=self._is_enabled and fade is not None)

    @property
    def source(self) -> str:
        """Where SD's pictures come from: /sd/source with `auto` decided."""
        assert self._values is not None
        chosen = str(self._values["/sd/source"])
        return chosen if chosen != "auto" else "camera" if self._has_camera else "multiverse"

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the SD picture that is asked for."""
        assert self._values is not None
        return int(self._values["/sd/width"]), int(self._values["/sd/height"])

    @property
    def _is_enabled(self) -> bool:
        return self._values is not None and bool(self._values["/sd/enable"])

    def _picture_fed(self, camera: VideoFrame | None) -> VideoFrame | None:
        """The newest picture of the camera or the video, whichever SD repaints."""
        if self.source == "camera":
            return camera
        return self._video.latest_frame() if self.source == "video" and self._video is not None else None

    def _take_newest(self, now_s: float, crossfade_s: float, *, is_away: bool) -> None:
        assert self._values is not None
        frame = self._newest_frame()
        if frame is not None:
            self._crossfade.show(frame, now_s, crossfade_s)
            self._is_black = False
        elif is_away and self._values["/sd/fallback"] == "black" and not self._is_black:
            seen = self._crossfade.at(now_s, crossfade_s)
            if seen is not None:
                black = np.zeros_like(seen.picture.pixels)
                self._crossfade.show(_frame(black, seen.picture.index, seen.picture.time_s), now_s, crossfade_s)
                self._is_black = True

    def _newest_frame(self) -> VideoFrame | None:
        """The child's newest picture, once."""
        segment = self.supervisor.outputs.get("picture", "")
        if segment != self._segment:
            try:
                reader = FrameRing.attach(segment) if segment else None
            except SharedMemoryError:  # replaced between two looks: its successor stands there next frame
                return None
            if self._reader is not None:
                self._reader.close()
            self._reader, self._segment, self._sequence = reader, segment, 0
        if self._reader is None:
            return None
        frame = self._reader.latest()
        if frame is None or frame.sequence == self._sequence:
            return None
        self._sequence = frame.sequence
        return _frame(frame.pixels, frame.index, frame.time_s)

    def _write(self, pixels: np.ndarray, tick: FrameId) -> None:
        try:
            ring = self._ring_of(pixels.shape)
        except SharedMemoryError as error:  # the picture goes on, and so does SD with what it has
            self._report("sd.source", f"sd is fed nothing: {error}")
            return
        ring.write(pixels, index=tick.index, time_s=tick.time_s)

    def _ring_of(self, shape: tuple[int, ...]) -> RingOwner:
        height, width, channels = shape
        if self._input is None:
            self._input = FrameRing.create("sd source", width, height, channels=channels)
        elif self._input.shape != shape:
            self._input.resize(width, height, channels)
        self.supervisor.connect_input("source", self._input.segment)
        return self._input

    def _settings(self, model: str) -> Mapping[str, Any]:
        config = self._config
        return {
            "spec": {
                "model": _absolute(model),
                "vae": config.vae if config.vae in VAE_WORDS else _absolute(config.vae),
                "sampler": config.sampler,
                "loras": [[_absolute(lora.path), lora.weight] for lora in config.loras],
                "controlnets": [_absolute(name) for name in config.controlnets],
                "ip_adapter": _absolute(config.ip_adapter),
                "image_encoder": _absolute(config.image_encoder),
            },
            "device": config.device,
            "dtype": config.dtype,
            "threads": config.threads,
        }


def _absolute(name: str) -> str:
    """A path as a child finds it, whose current folder may be another one; an id stays as it is."""
    path = Path(name).expanduser()
    return str(path.resolve()) if name and path.exists() else name


def _frame(pixels: np.ndarray, index: int, time_s: float) -> VideoFrame:
    return VideoFrame(pixels=pixels, index=index, time_s=time_s, source="sd")
