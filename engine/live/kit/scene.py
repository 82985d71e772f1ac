"""The scene of a frame: the camera picture, and everything that the live models add to it, one
after the other.

Each may use the results of the models before it. Models interact only through the Scene.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from engine.live.kit.fader import Fade
from engine.render.guarded_renderer import GuardedRenderer
from engine.render.picture import Matte, RegionMap
from engine.render.region_mapper import RegionSettings
from engine.sinks.sink import PictureName
from engine.values import FINISHED, FrameId, LazyPicture, Segmentation, VideoFrame

Values = Mapping[str, object]
DrawPicture = Callable[[GuardedRenderer], LazyPicture]
"""Draws an extra picture. Called after the frame is drawn."""
WriteControlImage = Callable[[np.ndarray, FrameId, float], bool]
"""`write(picture, frame, now_s)` sends a control image, (height, width, 3) uint8, to a model;
False: not yet."""


def draw_fade(fade: Fade | None, size_px: tuple[int, int], drawing: GuardedRenderer) -> LazyPicture:
    """Draw an extra picture: the fade on display, or black before the first picture."""
    if fade is None:
        return drawing.layer5_picture(None, size_px=size_px)
    return drawing.layer5_picture(fade.picture, fade.before, fade.mix, size_px=size_px)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer5Offer:
    """A model's picture for layer 5 and simple mode."""

    fade: Fade | None
    """None before the first picture."""
    is_automatic: bool
    """True if `/layer/5/source auto` may select it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MasksView:
    """The objects that a model has found in one frame, and their effect on the picture."""

    segmentation: Segmentation | None = None
    """The same object until the next result; None before the first one and while the model is
    off."""
    picture: VideoFrame | None = None
    """The picture they were found in; without masks, the newest picture of the source."""
    edge: str = ""
    """Address of the model's menu for the edge of its masks."""

    @property
    def is_of_finished(self) -> bool:
        """True if they were found in the finished picture; False if in a picture that layer 5 may
        crop and mirror."""
        return self.picture is not None and self.picture.source == FINISHED

    def matte(self, values: Values) -> Matte | None:
        """The matte of layer 5, or None if nothing is cut."""
        keeps: Any = values["/layer/5/matte"]
        if keeps not in ("subject", "background") or self.segmentation is None:
            return None
        is_hard = values[self.edge] == "hard"
        return Matte(
            segmentation=self.segmentation,
            keeps=keeps,
            is_hard=is_hard,
            is_of_finished=self.is_of_finished,
        )

    def synced_layer5(self, layer5: Fade | None, values: Values) -> Fade | None:
        """`layer5`, or, while layer 5 is cut out and has the same source, the picture that the
        masks were found in."""
        if (
            layer5 is None
            or self.segmentation is None
            or self.picture is None
            or values["/layer/5/matte"] == "all"
        ):
            return layer5
        if not values["/layer/5/matte_sync"] or self.picture.source != layer5.picture.source:
            return layer5
        return Fade(picture=self.picture, before=None, mix=1.0)

    def region_settings(self, values: Values) -> RegionSettings:
        """The settings from the parameters, except that masks of the finished picture are not
        mirrored with layer 5."""
        settings = RegionSettings.from_values(values)
        return (
            replace(settings, is_mirrored=False)
            if settings.is_of_objects and self.is_of_finished
            else settings
        )


@dataclass(slots=True, kw_only=True)
class Scene:
    """The scene of one frame. Render thread."""

    camera: VideoFrame | None
    layer5_offers: dict[str, Layer5Offer] = field(default_factory=dict)
    """By name of the model, which is also its item in the menu `/layer/5/source`."""
    masks: MasksView = MasksView()
    extra_pictures: dict[PictureName, DrawPicture] = field(default_factory=dict)
    control_images: list[WriteControlImage] = field(default_factory=list)
    """Writers of the models that use the masks as control image."""
    needs_regions: bool = False
    """Set by a model that uses the layers' region map, also where the picture does not."""
    regions: RegionMap | None = None
    """The region map, once it was computed."""
    fitted_px: tuple[int, int] | None = None
    """Set by a model that will read the finished picture in this size, as
    `PictureInput.fitted_px`."""

    @property
    def automatic_layer5(self) -> Fade | None:
        """The picture of the last model that offers one, or else the camera picture."""
        for offer in reversed(self.layer5_offers.values()):
            if offer.is_automatic:
                return offer.fade
        return self._camera_fade()

    def layer5(self, values: Values) -> Fade | None:
        """The picture for layer 5, and for simple mode, with these values."""
        source = values["/layer/5/source"]
        if source == "camera":
            fade = self._camera_fade()
        elif source in ("auto", "off"):  # simple mode shows a picture even if layer 5 is off
            fade = self.automatic_layer5
        else:
            offer = self.layer5_offers.get(str(source))
            fade = offer.fade if offer is not None else None
        return self.masks.synced_layer5(fade, values)

    def picture_of(self, model: str) -> VideoFrame | None:
        """The newest picture that this model offers for layer 5."""
        offer = self.layer5_offers.get(model)
        return offer.fade.picture if offer is not None and offer.fade is not None else None

    def _camera_fade(self) -> Fade | None:
        return None if self.camera is None else Fade(picture=self.camera, before=None, mix=1.0)
