"""Prepares the control images of the ControlNets in use, from the source, the second or the last
picture."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from engine.live.sd.settings import ControlNetSettings
from engine.models.sd.edges import resize_to_cover
from engine.models.sd.prompt_syntax import Note
from osc_schema.sd import MASKS_SOURCE

AUTO_MODES = {"input": "tile", MASKS_SOURCE: "segments"}
"""Mode of a ControlNet Union for these sources; other sources have the name of their mode."""

if TYPE_CHECKING:
    import torch

    from engine.models.graphs import State
    from engine.models.sd.denoiser import ControlInput
    from engine.models.sd.model import DiffusionModel
    from engine.models.sd.pixels import Pixels


class ControlImages:
    """The control images of a model's ControlNets. Used on the model's thread only. Pictures are
    (1, H, W, 3) uint8 on the device, control images (1, 3, height, width) of SD's size."""

    def __init__(
        self, model: "DiffusionModel", send: "Callable[[str, np.ndarray], torch.Tensor]", note: Note
    ) -> None:
        """`send(what, picture)` copies a picture to the device (`DeviceCopies.send`). `note`: see
        `Painter`."""
        self._model = model
        self._send = send
        self._note = note
        self._modes: dict[int, str] = {}
        self.used: tuple[ControlNetSettings, ...] = ()
        """The settings of the ControlNets in use."""

    def apply(self, controls: Sequence[ControlNetSettings], pixels: "Pixels") -> None:
        count = self._model.controlnet_count
        self._note_modes(controls[:count])
        self.used = tuple(
            control for control in controls if control.scale and control.number <= count
        )
        self._pixels = pixels
        self._draw = {
            "input": pixels.prepare_control,
            "edges": pixels.prepare_edges,
            "soft": pixels.prepare_soft_edges,
        }

    @property
    def detected(self) -> tuple[ControlNetSettings, ...]:
        """The settings of one ControlNet for each control image that `detect` computes."""
        first = {
            control.image_key: control
            for control in self.used
            if control.image_kind in self._model.detectors
        }
        return tuple(first.values())

    def detect(self, control: ControlNetSettings, state: "State") -> "State":
        """Compute the control image of `control` with its detector network."""
        rgb = self._pixels.crop_and_resize(state["rgb"])
        return {"drawn": self._model.detectors[control.image_kind].draw(rgb).to(self._model.dtype)}

    def pictures(
        self,
        source: "torch.Tensor",
        second: np.ndarray | None,
        last: "torch.Tensor | None",
        also: str = "",
    ) -> "State":
        """The pictures in use, by their names in `ControlNetSettings.image_source`, and the one
        named `also`. A second picture that has not arrived is black; until a picture has been
        painted, the last one is the source."""
        by_name = {"source": source}
        of = {also} | {
            control.image_source for control in self.used if control.image_kind != MASKS_SOURCE
        }
        if "second" in of:
            width, height = self._pixels.width, self._pixels.height
            array = np.zeros((height, width, 3), np.uint8) if second is None else second
            by_name["second"] = self._send("second", array)[..., :3]
        if "last" in of:
            by_name["last"] = self._pixels.resize(source) if last is None else last[None]
        return by_name

    @property
    def image_names(self) -> tuple[str, ...]:
        """Names of the control images that `draw` computes without a network."""
        return tuple(
            sorted({control.image_key for control in self.used if control.image_kind in self._draw})
        )

    def draw(self, names: Sequence[str], pictures: "State") -> "State":
        """Compute the control images with these names."""
        pairs = (name.split() for name in names)
        return {f"{kind} {source}": self._draw[kind](pictures[source]) for kind, source in pairs}

    def inputs(self, images: "State", segmentation: np.ndarray | None) -> "list[ControlInput]":
        """The input of each ControlNet in `used`. `segmentation`: picture of the masks, (H, W, 3)
        uint8, or None."""
        from engine.models.sd.denoiser import ControlInput

        by_key = dict(images)
        for control in self.used:
            if control.image_kind == MASKS_SOURCE and control.image_key not in by_key:
                masks = self._send(
                    MASKS_SOURCE, segments(segmentation, (self._pixels.width, self._pixels.height))
                )
                by_key[control.image_key] = self._pixels.prepare_control(masks)
        return [
            ControlInput(
                index=self._index(control), picture=by_key[control.image_key], scale=control.scale
            )
            for control in self.used
        ]

    def _note_modes(self, controls: Sequence[ControlNetSettings]) -> None:
        """Note each newly chosen mode that its ControlNet does not have."""
        modes = {control.number: control.mode for control in controls}
        known = {(index + 1, kind) for index, kind in self._model.union_views}
        for number, mode in modes.items():
            if mode not in ("auto", self._modes.get(number)) and (number, mode) not in known:
                is_union = any(union == number for union, _ in known)
                why = (
                    "it has no such mode, and sees edges"
                    if is_union
                    else "no effect, because it is no union"
                )
                self._note(
                    "controlnet", f"/sd/controlnet/{number}/mode {mode}: ControlNet {number}: {why}"
                )
        self._modes = modes

    def _index(self, control: ControlNetSettings) -> int:
        """Index of the network in `DiffusionModel.controlnets`; for a union, that of its view for
        this kind."""
        kind = (
            AUTO_MODES.get(control.image_kind, control.image_kind)
            if control.mode == "auto"
            else control.mode
        )
        return self._model.union_views.get((control.number - 1, kind), control.number - 1)


def segments(picture: np.ndarray | None, size: tuple[int, int]) -> np.ndarray:
    """Scale a segmentation picture to `size`, (height, width, 3) uint8, cropped like the source;
    black without a picture. Colours are not interpolated, because a colour between two classes
    would be a third class."""
    if picture is None:
        return np.zeros((size[1], size[0], 3), np.uint8)
    return resize_to_cover(picture[..., :3], size, interpolation=cv2.INTER_NEAREST_EXACT)
