"""The engine's end of the SAM3 child: sends parameters and pictures, receives masks, each with its
source picture."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import osc_schema
from engine.children.spec import ChildSpec
from engine.errors import SharedMemoryError
from engine.ipc.segmentation_sheet import read_sheet
from engine.live.kit.child_link import PictureLink, device_settings, require_complete
from engine.live.kit.fed_pictures import FedPictures
from engine.live.kit.live_model import LiveEntry, Surroundings
from engine.live.kit.picture_rings import finished_picture
from engine.live.kit.scene import MasksView, Scene
from engine.live.kit.sent_values import NOTHING
from engine.live.sam3.entry import Sam3Config
from engine.live.sam3.outputs import MaskOutputs
from engine.models.locate import absolute
from engine.models.sam3 import SegmentationSpec
from engine.models.sam3.check import check
from engine.params import Snapshot
from engine.values import FrameId, PublishedFrame, Segmentation, VideoFrame
from osc_schema.sam3 import AREA, CHILD, PROMPTS

BUILT: Final = {
    "resolution": "/sam3/resolution",
    "is_compiled": "/sam3/compile",
    "is_offloaded": "/sam3/offload",
    "is_fp8": "/sam3/fp8",
}
"""Field of the spec -> address of its parameter. Changing one of them needs a new process."""
Build = Mapping[str, Any]
"""Values of the parameters in `BUILT`, by address."""
AS_DECLARED: Final[Build] = {
    param.address: param.default for param in osc_schema.PARAMS if param.address in BUILT.values()
}

PRELOAD = (
    # first: it registers the replacement for torchaudio before its users are imported
    "engine.models",
    "torch",
    "transformers.models.clip.modeling_clip",
    "transformers.models.clip.tokenization_clip",
    "transformers.models.sam3.modeling_sam3",
    "transformers.models.sam3_tracker_video.modeling_sam3_tracker_video",
    "transformers.models.sam3_video.modeling_sam3_video",
    "engine.live.sam3.loop",
    "engine.models.device_work",
    "engine.models.sam3.load",
    "engine.models.sam3.segmenter",
)
"""Modules that the fork server of the SAM3 children imports in advance."""
LOOP = "engine.live.sam3.loop:run"
SOURCE = "/sam3/source"
# an object that is cut away is no longer found, so it reappears
SEES_ITS_MATTE = (
    "/layer/5/matte cuts the finished picture that SAM3 segments: feedback; choose "
    "another /sam3/source"
)
REPEAT_S = 0.1  # interval at which an unchanged picture is segmented again, because prompts change


def spec_of(config: Sam3Config) -> SegmentationSpec:
    """Specification of the configured model. Reads the disk."""
    return SegmentationSpec(model=absolute(config.model))


class SegmentationLink(PictureLink[Build]):
    """The engine's end of the SAM3 child: a LiveModel."""

    def __init__(self, config: Sam3Config, around: Surroundings) -> None:
        import cv2  # noqa: F401  0.1 s, before the first frame is due: finished_picture uses it

        self._config = config
        self._spec = spec_of(config)
        spec = ChildSpec(
            name=CHILD, loop=LOOP, settings=self._settings(AS_DECLARED), preload=PRELOAD
        )
        super().__init__(
            spec, around, in_force=AS_DECLARED, video=config.video, obsoleting={SOURCE}
        )
        self._store = around.store
        self._size_px = around.config.width, around.config.height
        """Size of the extra pictures until the first result."""
        self._output = self._open_output("objects")
        self._outputs = MaskOutputs(around.notify)
        self._view = MasksView()
        self._segmentation: Segmentation | None = None
        self._picture: VideoFrame | None = None
        """The source picture of `_segmentation`."""
        self._fed = FedPictures()
        self._fed_count = 0
        self._fed_s = 0.0
        self._newest: VideoFrame | None = None
        """The newest picture from the source that SAM3 uses."""
        self._prompts: tuple[str, ...] = ()

    def start(self, snapshot: Snapshot) -> None:
        self._rebuild(snapshot)
        self.supervisor.start()

    def close(self) -> None:
        self._outputs.close()
        super().close()

    def describe(self, snapshot: Snapshot) -> list[str]:
        return [self._config.model]

    def extra_pictures(self, snapshot: Snapshot) -> Mapping[str, tuple[int, int]]:
        return {picture.name: self._size_px for picture in AREA.pictures}

    # -- parameters ----------------------------------------------------------------------------

    def follow(
        self,
        snapshot: Snapshot,
        values: Mapping[str, object] = NOTHING,
        moved: Mapping[str, float] = NOTHING,
    ) -> None:
        """Send the values that changed since the last frame. A change of a BUILT parameter starts a
        planned swap."""
        changes = self._sent.changes(snapshot, moved)
        if plain := {
            address: value for address, value in changes.items() if address not in BUILT.values()
        }:
            self.supervisor.set_values(plain)
            self._prompts = tuple(str(snapshot[f"/sam3/prompt/{n}"]) for n in PROMPTS)
        if len(plain) < len(changes):
            self._rebuild(snapshot)

    def _rebuild(self, snapshot: Snapshot) -> None:
        build = {address: snapshot[address] for address in BUILT.values()}
        if build != self._builds.newest:
            self._swap(build, self._settings(build))

    def _refuse(self, build: Build, stays: Build, reason: str) -> None:
        # the supervisor has already reported the reason
        self._store.set_many(list(stays.items()), by=CHILD)

    def _settings(self, build: Build) -> dict[str, Any]:
        spec = replace(self._spec, **{field: build[address] for field, address in BUILT.items()})
        return device_settings(spec, self._config, self._config.dtype)

    # -- pictures to the child -----------------------------------------------------------------

    def feed(self, frame: PublishedFrame, scene: Scene, now_s: float) -> None:
        """Send the child a picture if it requests one, and the masks to a model that uses them as
        control image."""
        self._feed_picture(frame, scene, now_s)
        for write in scene.control_images:
            self._outputs.update_control_image(write, self._view, self._prompts, frame.id, now_s)

    def _feed_picture(self, frame: PublishedFrame, scene: Scene, now_s: float) -> None:
        is_requested = self._is_enabled and self.supervisor.wants_frame
        self._fed.follow_wish(is_requested)
        source = self.source
        is_cut = (
            self._is_enabled and source == "multiverse" and self._values["/layer/5/matte"] != "all"
        )
        self._warn_of_loop(is_cut, SEES_ITS_MATTE)
        if source in ("camera", "video"):
            picture = self._from_outside(scene.camera)
        elif source != "multiverse":
            picture = scene.picture_of(source)
        elif is_requested or (self._is_enabled and self._shows_source):
            picture = finished_picture(frame.read_rgba(), frame.id)
        elif self._is_enabled:
            return
        else:
            # otherwise the last result would stay on display, frozen, until SAM3 is switched on
            # again
            picture = None
        self._newest = picture
        if picture is None or not is_requested:
            return
        if picture is not self._fed.newest or now_s - self._fed_s >= REPEAT_S:
            number = FrameId(index=self._fed_count, time_s=frame.time_s)
            if self._input.write(picture.pixels, number, now_s):
                self._fed.add(self._fed_count, picture)
                self._fed_count += 1
                self._fed_s = now_s

    # -- masks from the child ------------------------------------------------------------------

    def show(self, scene: Scene, values: Mapping[str, object], now_s: float) -> None:
        self._view = self.view()
        self._outputs.add_to(scene, self._view, values)
        self._outputs.notify_objects(self._view)

    def view(self) -> MasksView:
        """The masks to show in this frame. Reads the newest result."""
        self._take_newest()
        if not self._is_enabled:  # results from before or during a pause are not shown after it
            self._segmentation = None
            self._picture = None
        if not self._is_enabled or self._shows_source:
            return MasksView(segmentation=None, picture=self._newest)
        return MasksView(
            segmentation=self._segmentation, picture=self._picture, edge="/sam3/mask_edge"
        )

    @property
    def _shows_source(self) -> bool:
        """True if the source is shown without masks: before the first result, or while the child is
        down and the fallback is `source`."""
        is_away = self._values["/sam3/fallback"] == "source" and self.supervisor.status().is_away
        return self._segmentation is None or is_away

    def _take_newest(self) -> None:
        sheet = self._output.newest(generation=self._sent.valid_from)
        if sheet is None:
            return
        try:
            self._segmentation = read_sheet(sheet.pixels, index=sheet.index, time_s=sheet.time_s)
        except SharedMemoryError as error:
            self._report("sam3.masks", f"sam3: {error}; the last masks stay")
            return
        self._picture = self._fed.answered(sheet.index) or self._newest


def open_sam3(entry: LiveEntry, around: Surroundings) -> SegmentationLink:
    config: Sam3Config = around.config.models[entry.name]
    require_complete(spec_of(config), check)
    return SegmentationLink(config, around)
