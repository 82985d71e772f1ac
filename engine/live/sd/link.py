"""The engine's end of the SD child: sends parameters and pictures, receives painted pictures,
applies the fallback."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

import osc_schema
from engine.children.spec import ChildSpec
from engine.errors import ModelError
from engine.live.kit.ahead import Ahead
from engine.live.kit.child_link import PictureLink, device_settings, require_complete
from engine.live.kit.fader import Fade, Fader
from engine.live.kit.live_model import LiveEntry, Surroundings
from engine.live.kit.picture_rings import finished_picture
from engine.live.kit.scene import Layer5Offer, Scene, draw_fade
from engine.live.kit.sent_values import NOTHING
from engine.live.sd.entry import (
    BUILD,
    CONTROLNET_FILES,
    IMAGES,
    LORA_FILES,
    UPSCALE,
    SdConfig,
    model_path,
    part_path,
    picture_path,
    unconfigured,
)
from engine.live.sd.settings import RESETS
from engine.live.sd.travel import PromptTravel
from engine.models.locate import absolute
from engine.models.sd.plan.model_plan import plan_model
from engine.models.sd.spec import VAE_OPTIONS, ModelSpec
from engine.params import Snapshot
from engine.values import FrameId, PublishedFrame, UpcomingValues, VideoFrame
from osc_schema import Rejected
from osc_schema.sd import CHILD, CONTROLNETS, LARGER, MASKS_SOURCE, declared

LOOP = "engine.live.sd.loop:run"
MODEL = BUILD[0]
Build = tuple[str, ...]
AS_CONFIGURED: Build = ("",) * len(BUILD)
SIZE = frozenset({"/sd/width", "/sd/height", UPSCALE})
SLOW = SIZE.union(BUILD)
LOOKED_UP = frozenset((*BUILD, *IMAGES))
REPAINTS_ITSELF = (
    "/mode simple shows SD alone and /sd/source is the Multiverse: SD repaints itself; choose "
    "another source, or /mode "
    "multiverse"
)
FRAMES_AHEAD = (
    2  # from a picture in the ring to the frame that shows it, and from a value to the control pipe
)
MAX_LEAD_S = (
    4.0  # a slower child is late: its last picture must not stand still for bars before the beat
)
REPEAT_S = (
    0.1  # interval at which an unchanged picture is painted again, because prompts and seeds change
)
PRELOAD = (
    # first: it registers the replacement for torchaudio before its users are imported
    "engine.models",
    "torch",
    "diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img",
    "transformers.models.clip.modeling_clip",
    "transformers.models.clip.tokenization_clip",
    "diffusers.models.autoencoders.autoencoder_tiny",
    "diffusers.schedulers.scheduling_lcm",
    "engine.live.sd.painter",
    "engine.models.sd.batch_schedule",
    "engine.models.sd.conditioner",
    "engine.models.sd.stream_schedule",
    "engine.models.device_work",
    "engine.models.sd.load",
    "engine.models.sd.pixels",
)
"""Modules that the fork server of the SD children imports in advance."""


def spec_of(config: SdConfig, model: str, chosen: Mapping[str, str] = NOTHING) -> ModelSpec:
    """The ModelSpec of `model` with the configured VAE, LoRAs, ControlNets and so on. `chosen`:
    names that replace some of them, by the addresses in BUILD. Reads the disk. ValueError for an
    unknown name, or an empty slot before one."""
    loras = _parts(config, LORA_FILES, chosen)
    weights = {lora.path: lora.weight for lora in config.loras}
    return ModelSpec(
        model=absolute(model),
        vae=config.vae if config.vae in VAE_OPTIONS else absolute(config.vae),
        unet=absolute(config.unet),
        sampler=config.sampler,
        prediction=config.prediction,
        loras=tuple((absolute(path), weights.get(path, 1.0)) for path in loras),
        controlnets=tuple(absolute(path) for path in _parts(config, CONTROLNET_FILES, chosen)),
        depth=absolute(config.depth),
        pose=absolute(config.pose),
        upscaler=absolute(config.upscaler),
        ip_adapter=absolute(config.ip_adapter),
        image_encoder=absolute(config.image_encoder),
        accelerator=config.accelerator,
        embeddings=tuple(absolute(name) for name in config.embeddings),
        clip_skip=config.clip_skip,
    )


def _parts(config: SdConfig, addresses: Sequence[str], chosen: Mapping[str, str]) -> list[str]:
    """The paths of the LoRAs or ControlNets, in their order."""
    paths = [part_path(config, at, chosen.get(at, "")) for at in addresses]
    for before, at, path in zip(addresses, addresses[1:], paths[1:], strict=False):
        if path and not paths[addresses.index(before)]:
            raise ValueError(f"{at} has a file, but {before} has none: choose that first")
    return [path for path in paths if path]


class DiffusionLink(PictureLink[Build]):
    """The engine's connection to the SD child, a LiveModel."""

    def __init__(self, config: SdConfig, around: Surroundings) -> None:
        self._config = config
        self._set_value = partial(around.store.set, by=CHILD)
        self._require = around.store.require
        self._coming = around.coming
        self._pulse = around.pulse
        spec = ChildSpec(
            name=CHILD,
            loop=LOOP,
            settings=self._settings(spec_of(config, config.model)),
            preload=PRELOAD,
        )
        super().__init__(spec, around, in_force=AS_CONFIGURED, video=config.video, obsoleting=SIZE)
        self._output = self._open_output("picture")
        self._segments = self._open_input("segments")
        self._second = around.open_video(config.second)
        self._second_input = self._open_input("second")
        self._second_fed: VideoFrame | None = None
        self._regions = self._open_input("regions")
        self._region_map: np.ndarray | None = None
        self._fader = Fader()
        self._moved: Mapping[str, float] = NOTHING
        travel, ahead = PromptTravel(), Ahead(self._sent.mark)
        self._travel = travel
        self._ahead = ahead
        self._upcoming: dict[Hashable, UpcomingValues] = {}
        self._unconfigured = unconfigured(config)
        self._last_lead_s = 0.0
        self._is_idle = False
        """True while the travel is on, but has no prompts."""
        self._fed: VideoFrame | None = None
        self._fed_s = 0.0
        self._multiverse: VideoFrame | None = None
        self._cropped_source: tuple[VideoFrame, VideoFrame] | None = None
        self._newest: VideoFrame | None = None
        self._is_black = False

    def describe(self, snapshot: Snapshot) -> list[str]:
        spec = spec_of(self._config, self._config.model)
        if spec.random_shape:
            return [self._config.model]
        plan = plan_model(spec)
        return [f"{self._config.model}, {plan.sampler}, {plan.prediction}"]

    def extra_pictures(self, snapshot: Snapshot) -> Mapping[str, tuple[int, int]]:
        return {CHILD: shown_size_of(snapshot)}

    # -- parameters ----------------------------------------------------------------------------

    def follow(
        self,
        snapshot: Snapshot,
        values: Mapping[str, object] = NOTHING,
        moved: Mapping[str, float] = NOTHING,
    ) -> None:
        """Send the values that changed since the last frame. Values that wait for a beat are sent
        earlier, by the time that a picture takes. A change of BUILD starts a planned swap."""
        self._moved = moved
        is_first = self._sent.snapshot is None
        lead_s = self._lead_s(snapshot)
        weights, steps = self._travel.follow(values or snapshot, self._pulse(), lead_s)
        is_idle = bool(snapshot["/sd/travel/enable"]) and not weights
        if is_idle and not self._is_idle:
            self._report(
                "sd.travel",
                "/sd/travel/enable: none of the prompts 1 to 8 has a text to travel through",
            )
        self._is_idle = is_idle
        ahead = self._ahead.send([*steps, *self._upcoming_changes(lead_s)])
        changes = self._sent.changes(snapshot, {**moved, **weights, **ahead})
        for address, reason in self._unconfigured.items():
            default = declared(address.removeprefix("/sd/")).default
            if (
                changes.get(address, default) != default
                and not snapshot[f"{address.rpartition('/')[0]}/file"]
            ):
                self._report(f"sd{address}", f"{address}: {reason}")
        if plain := {
            address: value for address, value in changes.items() if address not in LOOKED_UP
        }:
            self.supervisor.set_values(plain)
        self._reset(snapshot, lead_s)
        for address in IMAGES:
            if address in changes:
                name = str(changes[address])
                self._in_background(partial(self._change_image, address), name, of=f'"{name}"')
        if not changes.keys().isdisjoint(BUILD):
            build = tuple(str(snapshot[at]) for at in BUILD)
            if not (is_first and build == AS_CONFIGURED):
                self._in_background(
                    self._change_build, build, of=", ".join(f'"{name}"' for name in build if name)
                )

    def _reset(self, snapshot: Snapshot, lead_s: float) -> None:
        """Let the temporal consistency start over with the picture of each beat or bar."""
        every = snapshot["/sd/consistency_reset"]
        pulse = self._pulse()
        if every != "cut" and snapshot["/sd/consistency"]:
            beats = pulse.beat + pulse.step / 2 + lead_s * pulse.bpm / 60.0
            self.supervisor.set_values(
                {RESETS: math.floor(beats / (pulse.beats_a_bar if every == "bar" else 1))}
            )

    def _lead_s(self, snapshot: Snapshot) -> float:
        """Longest time from sending a value until the picture with it is shown, as the child
        measures it. It gets shorter no faster than time passes, so that a value sent ahead is not
        sent again."""
        delay_ms = self.supervisor.status().facts.get("delay_ms", 0.0)
        fps = snapshot["/engine/fps"]
        assert isinstance(delay_ms, int | float) and isinstance(fps, float)
        measured_s = min(delay_ms / 1000.0 + FRAMES_AHEAD / fps, MAX_LEAD_S)
        self._last_lead_s = max(measured_s, self._last_lead_s - 1.0 / fps) if delay_ms else 0.0
        return self._last_lead_s

    def _upcoming_changes(self, lead_s: float) -> list[UpcomingValues]:
        """The changes for the child that wait for a beat within `lead_s`. Each is checked once for
        usable values."""
        coming = self._coming(lead_s) if lead_s else ()

        def usable(change: UpcomingValues) -> UpcomingValues:
            return replace(
                change,
                values={at: to for at, to in change.values.items() if self._is_sent_ahead(at, to)},
            )

        near = self._upcoming
        self._upcoming = {
            each.key: each if each.is_due else near.get(each.key) or usable(each) for each in coming
        }
        return [change for change in self._upcoming.values() if change.values or change.is_due]

    def _is_sent_ahead(self, address: str, value: Any) -> bool:
        """True for a value of the child that this run can use. A model or a size takes too long to
        be sent ahead."""
        param = osc_schema.lookup(address)
        if param is None or address not in self._sent.addresses or address in SLOW:
            return False
        if address in IMAGES:  # the disk is read in the background
            return True
        try:
            self._require(param, value)
        except Rejected:
            return False
        return True

    def _change_image(self, address: str, name: str) -> None:
        """The worker's thread."""
        try:
            self.supervisor.set_values({address: picture_path(self._config, name)})
        except ValueError as reason:  # the file existed when the parameter was set
            self._report(
                "sd.picture", f'{address} "{name}": {reason}; keeping the previous picture'
            )

    def _change_build(self, build: Build) -> None:
        """The worker's thread."""
        try:
            spec = spec_of(
                self._config,
                model_path(self._config, build[0]),
                dict(zip(BUILD, build, strict=True)),
            )
            require_complete(spec, plan_model)
        except (ValueError, ModelError) as reason:
            self._refuse(build, self._builds.newest, str(reason))
        else:
            self._swap(build, self._settings(spec))

    def _refuse(self, build: Build, stays: Build, reason: str) -> None:
        changed = [
            (at, new, old) for at, new, old in zip(BUILD, build, stays, strict=True) if new != old
        ]
        listed = ", ".join(f'{at} "{new}"' for at, new, _ in changed)
        self._report("sd.model", f"{listed or MODEL}: {reason}; keeping the previous model")
        for at, _, old in changed:
            self._set_value(at, old)

    # -- pictures to the child -----------------------------------------------------------------

    def feed(self, frame: PublishedFrame, scene: Scene, now_s: float) -> None:
        """Send the child a picture if it requests one."""
        if not self._is_enabled:
            return
        self._send_regions(frame, scene, now_s)
        wants_frame = self.supervisor.wants_frame
        if wants_frame or self._values["/sd/source"] == "feedback":  # a feedback requests no source
            self._feed_second(frame.id, now_s)
        if self.source == "multiverse":
            is_loop = self._values["/mode"] == "simple" and self._values["/sd/source"] != "feedback"
            self._warn_of_loop(is_loop, REPAINTS_ITSELF)
            if not (wants_frame or self._shows_source):
                return
            read = frame.read_fitted
            pixels = frame.read_rgba() if read is None else read(size_of(self._values))
            if wants_frame:
                self._input.write(pixels, frame.id, now_s)
            if self._shows_source:
                self._multiverse = finished_picture(pixels, frame.id)
            return
        picture = self._from_outside(scene.camera)
        if picture is None or not wants_frame:
            return
        is_due = picture is not self._fed or now_s - self._fed_s >= REPEAT_S
        if is_due and self._input.write(picture.pixels, frame.id, now_s):
            self._fed = picture
            self._fed_s = now_s

    def _feed_second(self, frame_id: FrameId, now_s: float) -> None:
        """Send the newest second picture before the source, if a ControlNet or the IP-Adapter uses
        it."""
        seen = [
            self._values["/sd/ip_adapter/live"],
            *(self._values[f"{at}/from"] for at in self._used_controlnets()),
        ]
        if self._second is None or "second" not in seen:
            return
        picture = self._second.latest_frame()
        if picture is None or picture is self._second_fed:
            return
        if self._second_input.write(picture.pixels, frame_id, now_s):
            self._second_fed = picture

    def _used_controlnets(self) -> list[str]:
        """Address prefixes of the ControlNets that are on."""
        return [
            f"/sd/controlnet/{n}" for n in CONTROLNETS if self._values[f"/sd/controlnet/{n}/enable"]
        ]

    def _send_regions(self, frame: PublishedFrame, scene: Scene, now_s: float) -> None:
        """Send a new map of the layers' regions, aligned with SD's picture, which layer 5 may
        mirror."""
        regions = scene.regions
        if (
            not self._values["/sd/regions"]
            or regions is None
            or regions.indices is self._region_map
        ):
            return
        is_mirrored = scene.masks.region_settings(self._values).is_mirrored
        indices = regions.indices[:, ::-1] if is_mirrored else regions.indices
        if self._regions.write(np.ascontiguousarray(indices)[..., None], frame.id, now_s):
            self._region_map = regions.indices

    # -- pictures from the child ---------------------------------------------------------------

    def show(self, scene: Scene, values: Mapping[str, object], now_s: float) -> None:
        offer = self.offer(now_s, scene.camera)
        scene.layer5_offers[CHILD] = offer
        scene.extra_pictures[CHILD] = partial(draw_fade, offer.fade, shown_size_of(self._values))
        if not self._is_enabled:
            return
        current = self._values
        if any(current[f"{at}/source"] == MASKS_SOURCE for at in self._used_controlnets()):
            scene.control_images.append(self._segments.write)
        scene.needs_regions |= bool(current["/sd/regions"])
        if self.source == "multiverse" and (self.supervisor.wants_frame or self._shows_source):
            scene.fitted_px = size_of(current)

    def offer(self, now_s: float, camera: VideoFrame | None) -> Layer5Offer:
        """The picture to show in this frame. Reads the newest one from the ring, unless frozen."""
        set_s = self._values["/sd/crossfade_s"]
        assert isinstance(set_s, float)
        crossfade_s = self._moved.get("/sd/crossfade_s", set_s)
        if not self._values["/sd/freeze"]:
            self._take_newest(now_s, crossfade_s)
        fade = self._fader.at(now_s, crossfade_s)
        source = self._multiverse if self.source == "multiverse" else self._from_outside(camera)
        if self._shows_source and source is not None:
            fade = Fade(picture=self._fit(source), before=None, mix=1.0)
        return Layer5Offer(fade=fade, is_automatic=self._is_enabled and fade is not None)

    @property
    def _is_away(self) -> bool:
        return self.supervisor.status().is_away

    @property
    def _shows_source(self) -> bool:
        has_source = self._values["/sd/source"] != "feedback"
        return has_source and self._values["/sd/fallback"] == "source" and self._is_away

    def _take_newest(self, now_s: float, crossfade_s: float) -> None:
        valid_from = self._sent.valid_from  # never a picture from before a change of size
        frame = self._ahead.show(self._output.newest(generation=valid_from), valid_from=valid_from)
        is_black = self._values["/sd/fallback"] == "black" and self._is_away
        if frame is not None:
            self._newest = VideoFrame(
                pixels=frame.pixels, index=frame.index, time_s=frame.time_s, source=CHILD
            )
        elif self._newest is None or is_black == self._is_black:
            return
        self._is_black = is_black and frame is None
        picture = self._newest
        if self._is_black:
            picture = replace(picture, pixels=np.zeros_like(picture.pixels))
        self._fader.show(picture, now_s, crossfade_s)

    def _fit(self, frame: VideoFrame) -> VideoFrame:
        """Crop the middle of `frame` to the size of SD's pictures, so that their sinks see a
        constant size."""
        width, height = shown_size_of(self._values)
        source, cropped = self._cropped_source or (None, frame)
        if source is not frame or cropped.pixels.shape[:2] != (height, width):
            cropped = replace(
                frame, pixels=self._fader.fit(frame.pixels, width, height), source=CHILD
            )
            self._cropped_source = frame, cropped
        return cropped

    def _settings(self, spec: ModelSpec) -> Mapping[str, Any]:
        return device_settings(spec, self._config, self._config.dtype)


def size_of(values: Snapshot) -> tuple[int, int]:
    """Requested width and height of the SD picture."""
    width, height = values["/sd/width"], values["/sd/height"]
    assert isinstance(width, int) and isinstance(height, int)
    return width, height


def shown_size_of(values: Snapshot) -> tuple[int, int]:
    """Width and height of the pictures that the child publishes."""
    width, height = size_of(values)
    scale = 2 if values[UPSCALE] == LARGER else 1
    return scale * width, scale * height


def open_sd(entry: LiveEntry, around: Surroundings) -> DiffusionLink:
    config: SdConfig = around.config.models[entry.name]
    require_complete(spec_of(config, config.model), plan_model)
    return DiffusionLink(config, around)
