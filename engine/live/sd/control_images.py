"""The control images of the ControlNets in use: of the source, of the second or of the last picture."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from engine.live.sd.settings import ControlSetting
from engine.models.sd.edges import covering
from engine.models.sd.prompt_syntax import Note
from osc_schema.sd import MASKS_SOURCE

AUTO_MODES = {"input": "tile", MASKS_SOURCE: "segments"}
"""The kind of these sources for a ControlNet Union; others are called like their kind."""

if TYPE_CHECKING:
    import torch

    from engine.models.graphs import State
    from engine.models.sd.denoiser import ControlInput
    from engine.models.sd.model import DiffusionModel
    from engine.models.sd.pixels import Pixels


class ControlImages:
    """Used on the model's thread only. Pictures are (1, H, W, 3) uint8 on the device, control images (1, 3, height,
    width) of SD's size."""

    def __init__(self, model: "DiffusionModel", send: "Callable[[str, np.ndarray], torch.Tensor]", note: Note) -> None:
        """`send(what, picture)`: copies it to the device (`DeviceCopies.send`). `note`: as of the Painter."""
        self._model, self._send, self._note = model, send, note
        self._modes: dict[int, str] = {}
        self.used: tuple[ControlSetting, ...] = ()
        """The settings of the ControlNets in use."""

    def take(self, controls: Sequence[ControlSetting], pixels: "Pixels") -> None:
        count = self._model.controlnet_count
        self._note_modes(controls[:count])
        self.used = tuple(control for control in controls if control.scale and control.number <= count)
        self._pixels = pixels
        self._draw = {"input": pixels.prepare_control, "edges": pixels.prepare_edges, "soft": pixels.prepare_soft_edges}

    @property
    def detected(self) -> tuple[ControlSetting, ...]:
        """One for each control image that `detect` makes."""
        first = {control.image: control for control in self.used if control.sees in self._model.detectors}
        return tuple(first.values())

    def detect(self, control: ControlSetting, state: "State") -> "State":
        """The control image of `control`, by the network for it."""
        rgb = self._pixels.fitted(state["rgb"])
        return {"drawn": self._model.detectors[control.sees].draw(rgb).to(self._model.dtype)}

    def pictures(
        self, source: "torch.Tensor", second: np.ndarray | None, last: "torch.Tensor | None", also: str = ""
    ) -> "State":
        """The pictures by the names in `ControlSetting.of`, as far as they are used, and that named `also`. A second
        one that has not arrived is black; before the first picture was painted, the last one is the source."""
        shown = {"source": source}
        of = {also} | {control.of for control in self.used if control.sees != MASKS_SOURCE}
        if "second" in of:
            width, height = self._pixels.width, self._pixels.height
            given = np.zeros((height, width, 3), np.uint8) if second is None else second
            shown["second"] = self._send("second", given)[..., :3]
        if "last" in of:
            shown["last"] = self._pixels.resized(source) if last is None else last[None]
        return shown

    @property
    def drawn(self) -> tuple[str, ...]:
        """The names of the control images that `draw` makes."""
        return tuple(sorted({control.image for control in self.used if control.sees in self._draw}))

    def draw(self, names: Sequence[str], pictures: "State") -> "State":
        """The control images of these names."""
        wanted = (name.split() for name in names)
        return {f"{sees} {of}": self._draw[sees](pictures[of]) for sees, of in wanted}

    def inputs(self, drawn: "State", found: np.ndarray | None) -> "list[ControlInput]":
        """One for each of `used`. `found`: the control image of the masks, (H, W, 3) uint8, or None."""
        from engine.models.sd.denoiser import ControlInput

        shown = dict(drawn)
        for control in self.used:
            if control.sees == MASKS_SOURCE and control.image not in shown:
                masks = self._send(MASKS_SOURCE, segments(found, (self._pixels.width, self._pixels.height)))
                shown[control.image] = self._pixels.prepare_control(masks)
        return [
            ControlInput(index=self._index(control), picture=shown[control.image], scale=control.scale)
            for control in self.used
        ]

    def _note_modes(self, controls: Sequence[ControlSetting]) -> None:
        """Tell of each newly chosen mode that its ControlNet does not have."""
        modes = {control.number: control.mode for control in controls}
        known = {(index + 1, kind) for index, kind in self._model.union_views}
        for number, mode in modes.items():
            if mode not in ("auto", self._modes.get(number)) and (number, mode) not in known:
                is_union = any(union == number for union, _ in known)
                why = "it has no such mode, and sees edges" if is_union else "no effect, because it is no union"
                self._note("controlnet", f"/sd/controlnet/{number}/mode {mode}: ControlNet {number}: {why}")
        self._modes = modes

    def _index(self, control: ControlSetting) -> int:
        """The index of the network, in `DiffusionModel.controlnets`: of a union that which sees this kind."""
        kind = AUTO_MODES.get(control.sees, control.sees) if control.mode == "auto" else control.mode
        return self._model.union_views.get((control.number - 1, kind), control.number - 1)


def segments(picture: np.ndarray | None, size: tuple[int, int]) -> np.ndarray:
    """A segmentation picture scaled to `size`, (height, width, 3) uint8, cropped like the source; black without a
    picture. Colours are not interpolated, because a colour between two classes would be a third class."""
    if picture is None:
        return np.zeros((size[1], size[0], 3), np.uint8)
    return covering(picture[..., :3], size, interpolation=cv2.INTER_NEAREST_EXACT)
