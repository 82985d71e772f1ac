"""All that is made of what SAM3 finds: OSC messages, layer 5's matte, two textures, and what a ControlNet is shown.

One result has one Segmentation object until the next, by which everything here, and the renderer, knows that it is new.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from engine.live.kit.fader import Fade
from engine.live.sam3.link import MasksView, SegmentationLink
from engine.live.sd.link import DiffusionLink
from engine.render import Matte, RegionSettings
from engine.render.guarded_renderer import Drawing
from engine.sinks import Picture
from engine.values import FrameId, Segmentation, ShownPicture

Tell = Callable[..., None]


class MaskOutputs:
    """Frame loop's thread. Waits for nothing: what takes time is made by a thread beside it."""

    def __init__(self, link: SegmentationLink, sd: DiffusionLink | None, tell: Tell) -> None:
        """`tell(address, *args)` sends an OSC message to every subscriber."""
        self._link = link
        self._sd = sd
        self._tell = tell
        self._told: Segmentation | None = None
        self._size_px = (1, 1)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sam3 control")
        self._painting: tuple[Segmentation, Future[np.ndarray]] | None = None
        self._painted: tuple[Segmentation | None, np.ndarray] | None = None
        self._shown: tuple[Segmentation | None, np.ndarray] | None = None

    def close(self) -> None:
        self._worker.shutdown()

    def tell(self, view: MasksView) -> None:
        """Each result once: how many objects, then each of them, best first; 0 once there are no masks any more."""
        if view.found is self._told:
            return
        self._told = view.found
        objects = view.found.objects if view.found is not None else ()
        self._tell("/sam3/objects", len(objects))
        for place, each in enumerate(objects, start=1):
            self._tell(f"/sam3/object/{place}", each.id, each.prompt, each.score, *each.box)

    @staticmethod
    def matte(view: MasksView, values: Mapping[str, object]) -> Matte | None:
        """What is cut out of layer 5; None for nothing."""
        keeps = values["/layer/5/matte"]
        if keeps == "all" or view.found is None:
            return None
        is_hard = values["/sam3/mask_edge"] == "hard"
        return Matte(found=view.found, keeps=str(keeps), is_hard=is_hard, is_of_finished=view.is_of_finished)

    @staticmethod
    def in_step(layer5: Fade | None, view: MasksView, values: Mapping[str, object]) -> Fade | None:
        """What layer 5 shows: while it is cut out the picture that the masks were found in, where it is its own."""
        if layer5 is None or view.found is None or view.picture is None or values["/layer/5/matte"] == "all":
            return layer5
        if not values["/layer/5/matte_sync"] or view.picture.source != layer5.picture.source:
            return layer5
        return Fade(picture=view.picture, before=None, share=1.0)

    @staticmethod
    def region_settings(view: MasksView, values: Mapping[str, object]) -> RegionSettings:
        """As the parameters have them; what was found in the finished picture is not mirrored with layer 5."""
        settings = RegionSettings.from_values(values)
        return replace(settings, is_mirrored=False) if settings.mode == "sam3" and view.is_of_finished else settings

    def pictures(self, view: MasksView, values: Mapping[str, object], drawing: Drawing) -> dict[Picture, ShownPicture]:
        """The textures `sam3` and `sam3_mask`; they cost nothing until a sink asks for them."""
        found = view.found
        if view.picture is not None:
            height, width = view.picture.pixels.shape[:2]
            self._size_px = (width, height)
        masks = drawing.show_masks(
            view.picture,
            found,
            is_hard=values["/sam3/mask_edge"] == "hard",
            opacity=float(values["/sam3/opacity"]),
            size_px=self._size_px,
        )
        return {"sam3": masks, "sam3_mask": drawing.show_ids(found, size_px=self._size_px)}

    def steer(self, view: MasksView, tick: FrameId, now_s: float) -> None:
        """Show the ControlNet of SD what was found, painted beside the frame loop; black while there are no masks."""
        if self._sd is None or not self._sd.wants_segments:
            return
        self._paint(view.found)
        if self._painted is not None and self._painted is not self._shown:
            picture = self._painted[1] if view.found is not None else np.zeros_like(self._painted[1])
            if self._sd.show_segments(picture, tick, now_s):
                self._shown = self._painted

    def _paint(self, found: Segmentation | None) -> None:
        """Take the picture that is finished, and have the newest result painted."""
        if self._painting is not None and self._painting[1].done():
            (painted, picture), self._painting = self._painting, None
            self._painted = painted, picture.result()
        known = self._painted[0] if self._painted is not None else None
        if found is None and known is not None:
            self._painted = None, self._painted[1]
        if found is not None and found is not known and self._painting is None:
            from engine.render.control_picture import segmentation_picture

            self._painting = found, self._worker.submit(segmentation_picture, found, self._link.prompts)
