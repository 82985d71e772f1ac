"""The scene of a frame: the camera picture, and everything that the live models add to it, one after the other.

Each may use the results of the models before it. Models interact only through the Scene.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from engine.live.kit.fader import Fade
from engine.render.guarded_renderer import GuardedRenderer
from engine.render.picture import Matte, RegionMap
from engine.render.region_mapper import RegionSettings
from engine.sinks.sink import PictureName
from engine.values import FrameId, Segmentation, ShownPicture, VideoFrame

Values = Mapping[str, object]
DrawPicture = Callable[[GuardedRenderer], ShownPicture]
"""Draws an extra picture. Called after the frame is drawn."""
WriteControlImage = Callable[[np.ndarray, FrameId, float], bool]
"""`write(picture, frame, now_s)`: sends a control image, (height, width, 3) uint8, to a model; False: not possible
yet."""


def draw_fade(fade: Fade | None, size_px: tuple[int, int], drawing: GuardedRenderer) -> ShownPicture:
    """Draw an extra picture: the fade on display, or black before the first picture."""
    if fade is None:
        return drawing.show(None, size_px=size_px)
    return drawing.show(fade.picture, fade.before, fade.share, size_px=size_px)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer5Offer:
    """A model's picture for layer 5 and simple mode."""

    fade: Fade | None
    """None before the first picture."""
    is_automatic: bool
    """True if `/layer/5/source auto` may select it."""


class Masks(Protocol):
    """Objects that a model has found, and their effect on the picture."""

    @property
    def found(self) -> Segmentation | None:
        """The newest result; the same object until the next result, None before the first."""

    def matte(self, values: Values) -> Matte | None:
        """The matte of layer 5, or None if nothing is cut."""

    def synced_layer5(self, layer5: Fade | None, values: Values) -> Fade | None:
        """`layer5`, or, while it is cut out, the picture that the masks were found in."""

    def region_settings(self, values: Values) -> RegionSettings:
        """The settings of the region map, adapted to the picture that the masks were found in."""


@dataclass(slots=True, kw_only=True)
class Scene:
    """The scene of one frame. Render thread."""

    camera: VideoFrame | None
    layer5_offers: dict[str, Layer5Offer] = field(default_factory=dict)
    """By name of the model, which is also its item in the menu `/layer/5/source`."""
    masks: Masks | None = None
    extra_pictures: dict[PictureName, DrawPicture] = field(default_factory=dict)
    control_images: list[WriteControlImage] = field(default_factory=list)
    """Those of the models that use the masks as control image."""
    needs_regions: bool = False
    """Set by a model that uses the layers' region map, also where the picture does not."""
    regions: RegionMap | None = None
    """That map, once it is made."""
    fitted_px: tuple[int, int] | None = None
    """Set by a model that will read the finished picture in this size, as `PictureInput.fitted_px`."""

    @property
    def found(self) -> Segmentation | None:
        return None if self.masks is None else self.masks.found

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
            shown = self._camera_fade()
        elif source in ("auto", "off"):  # simple mode shows a picture even if layer 5 is off
            shown = self.automatic_layer5
        else:
            offer = self.layer5_offers.get(str(source))
            shown = offer.fade if offer is not None else None
        return shown if self.masks is None else self.masks.synced_layer5(shown, values)

    def picture_of(self, model: str) -> VideoFrame | None:
        """The newest picture that this model offers for layer 5."""
        offer = self.layer5_offers.get(model)
        return offer.fade.picture if offer is not None and offer.fade is not None else None

    def matte(self, values: Values) -> Matte | None:
        return None if self.masks is None else self.masks.matte(values)

    def region_settings(self, values: Values) -> RegionSettings:
        return RegionSettings.from_values(values) if self.masks is None else self.masks.region_settings(values)

    def _camera_fade(self) -> Fade | None:
        return None if self.camera is None else Fade(picture=self.camera, before=None, share=1.0)
