"""The outputs derived from the masks: OSC messages, layer 5's matte, the region map, two textures, a control image.

The same Segmentation object is passed until there is a new result. The code here and the renderer detect a new result
by object identity.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from engine.live.kit.fader import Fade
from engine.live.kit.scene import Scene, WriteControlImage
from engine.render.guarded_renderer import GuardedRenderer
from engine.render.picture import Matte
from engine.render.region_mapper import RegionSettings
from engine.values import FINISHED, FrameId, Segmentation, ShownPicture, VideoFrame

Tell = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class MasksView:
    """The masks of one frame; implements `scene.Masks`."""

    found: Segmentation | None
    """The same object until the next result; None before the first one and while SAM3 is off."""
    picture: VideoFrame | None
    """The picture they were found in; without masks, the newest picture of the source."""

    @property
    def is_of_finished(self) -> bool:
        """True if they were found in the finished picture; False if in a picture that layer 5 may crop and mirror."""
        return self.picture is not None and self.picture.source == FINISHED

    def matte(self, values: Mapping[str, object]) -> Matte | None:
        """The matte of layer 5, or None if nothing is cut."""
        keeps = values["/layer/5/matte"]
        if (keeps != "subject" and keeps != "background") or self.found is None:
            return None
        is_hard = values["/sam3/mask_edge"] == "hard"
        return Matte(found=self.found, keeps=keeps, is_hard=is_hard, is_of_finished=self.is_of_finished)

    def synced_layer5(self, layer5: Fade | None, values: Mapping[str, object]) -> Fade | None:
        """`layer5`, or, while layer 5 is cut out and has the same source, the picture that the masks were found in."""
        if layer5 is None or self.found is None or self.picture is None or values["/layer/5/matte"] == "all":
            return layer5
        if not values["/layer/5/matte_sync"] or self.picture.source != layer5.picture.source:
            return layer5
        return Fade(picture=self.picture, before=None, share=1.0)

    def region_settings(self, values: Mapping[str, object]) -> RegionSettings:
        """The settings from the parameters, except that masks of the finished picture are not mirrored with layer 5."""
        settings = RegionSettings.from_values(values)
        return replace(settings, is_mirrored=False) if settings.mode == "sam3" and self.is_of_finished else settings


class MaskOutputs:
    """Render thread. Nothing here blocks: a separate thread draws the control image."""

    def __init__(self, tell: Tell) -> None:
        """`tell(address, *args)` sends an OSC message to every subscriber."""
        self._broadcast = tell
        self._told: Segmentation | None = None
        self._size_px = (1, 1)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sam3 control")
        self._painting: tuple[Segmentation, Future[np.ndarray]] | None = None
        self._painted: tuple[Segmentation | None, np.ndarray] | None = None
        self._shown: tuple[Segmentation | None, np.ndarray] | None = None

    def close(self) -> None:
        self._worker.shutdown()

    def add_to(self, scene: Scene, view: MasksView, values: Mapping[str, object]) -> None:
        """Add the masks and their two extra pictures to the scene. The pictures are drawn only when a sink asks for
        them."""
        scene.masks = view
        if view.picture is not None:
            self._size_px = view.picture.pixels.shape[1], view.picture.pixels.shape[0]
        scene.extra_pictures["sam3"] = partial(self._draw_masks, view, values)
        scene.extra_pictures["sam3_mask"] = lambda drawing: drawing.show_ids(view.found, size_px=self._size_px)

    def tell(self, view: MasksView) -> None:
        """Send each result once over OSC: the number of objects, then each object, best first; 0 when the masks end."""
        if view.found is self._told:
            return
        self._told = view.found
        objects = view.found.objects if view.found is not None else ()
        self._broadcast("/sam3/objects", len(objects))
        for place, each in enumerate(objects, start=1):
            self._broadcast(f"/sam3/object/{place}", each.id, each.prompt, each.score, *each.box)

    def update_control_image(
        self, write: WriteControlImage, view: MasksView, prompts: tuple[str, ...], frame: FrameId, now_s: float
    ) -> None:
        """Write the newest result as a control image, black while there are no masks. A separate thread draws it."""
        self._paint(view.found, prompts)
        if self._painted is not None and self._painted is not self._shown:
            picture = self._painted[1] if view.found is not None else np.zeros_like(self._painted[1])
            if write(picture, frame, now_s):
                self._shown = self._painted

    def _draw_masks(self, view: MasksView, values: Mapping[str, object], drawing: GuardedRenderer) -> ShownPicture:
        opacity, is_hard = values["/sam3/opacity"], values["/sam3/mask_edge"] == "hard"
        assert isinstance(opacity, float)
        return drawing.show_masks(view.picture, view.found, is_hard=is_hard, opacity=opacity, size_px=self._size_px)

    def _paint(self, found: Segmentation | None, prompts: tuple[str, ...]) -> None:
        """Take a finished control image, and start drawing the newest result."""
        if self._painting is not None and self._painting[1].done():
            (painted, picture), self._painting = self._painting, None
            self._painted = painted, picture.result()
        known = None
        if self._painted is not None:
            known, last = self._painted
            if found is None and known is not None:
                self._painted = None, last
        if found is not None and found is not known and self._painting is None:
            from engine.render.control_picture import segmentation_picture

            self._painting = found, self._worker.submit(segmentation_picture, found, prompts)
