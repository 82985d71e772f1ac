"""Temporal consistency, against flicker: the last result, warped by the optical flow, is mixed into
the next one.

The latents of the last result are moved by the optical flow between its source frame and the new
one (DIS, Kroeger et al. 2016), and mixed into the latents that the model starts with and into those
that it returns, as temporal antialiasing does with pixels (Yang et al. 2020). Where the warped
source does not fit the new one, nothing is mixed in; if it fits almost nowhere, that is a cut, and
the frame starts without the last result.

`flicker` measures it: the mean difference of two results, one moved onto the other (the warping
error of Lai et al. 2018, with the flow of the sources).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.models.sd.edges import resize_to_cover
from engine.models.sd.pixels import pixel_centres

SIDE_PX = 128  # of the pictures that the flow is computed from: 1 ms on a CPU
MIN_SIDE_PX = (
    32  # OpenCV's flow ends the process for pictures of fewer rows (5.0: segmentation fault)
)
# at amount 1 the start is still a fifth new frame
INTO_THE_START = 0.8
INTO_THE_RESULT = 0.5
# levels of 255 between the moved source and the new one, from which nothing of the last result is
# used
MISFIT = 24.0
CUT_FRACTION = 0.25  # fraction of the picture that fits, below which it is a cut

Send = Callable[[str, np.ndarray], Tensor]


@dataclass(frozen=True, slots=True)
class OpticalFlow:
    """Optical flow from a frame to the one before."""

    pixels: np.ndarray
    """(H, W, 2) float32: x and y distance."""
    fit: np.ndarray
    """(H, W) float32 0..1: how well the warped pixel fits."""

    @property
    def is_cut(self) -> bool:
        return float(self.fit.mean()) < CUT_FRACTION


class Consistency:
    """Mixes the last result into the next one. Single thread; never waits for the device."""

    def __init__(self, send: Send) -> None:
        """`send(name, array)` copies to the device."""
        self._send = send
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._last: tuple[Tensor, np.ndarray] | None = None
        self.cuts = 0
        """Number of cuts detected."""

    def forget(self) -> None:
        """Drop the last result: nothing is mixed into the next one."""
        self._last = None

    def mix_into_start(self, z: Tensor, source: np.ndarray, amount: float) -> Tensor:
        """Mix the last result into the start latents `z` (1, 4, h, w). `source`: its thumbnail.
        `amount` 0..1."""
        if self._last is None:
            return z
        flow = self._flow_to(source)
        if not flow.is_cut:
            return self._mix_last(z, flow, INTO_THE_START * amount, "start")
        self.cuts += 1
        self.forget()
        return z

    def mix_into_result(self, z: Tensor, source: np.ndarray, amount: float) -> Tensor:
        """Mix the last result into `z` (1, 4, h, w), which becomes the last. `source`: thumbnail of
        its frame."""
        if self._last is not None:
            z = self._mix_last(z, self._flow_to(source), INTO_THE_RESULT * amount, "result")
        self._last = z, source
        return z

    def _flow_to(self, source: np.ndarray) -> OpticalFlow:
        assert self._last is not None
        return flow_between(self._flow, self._last[1], source)

    def _mix_last(self, z: Tensor, flow: OpticalFlow, amount: float, name: str) -> Tensor:
        assert self._last is not None
        height, width = z.shape[2:]
        high, wide = flow.fit.shape
        planes = (
            flow.pixels[..., 0] * 2.0 / wide,
            flow.pixels[..., 1] * 2.0 / high,
            flow.fit * amount,
        )
        packed: np.ndarray = np.stack(planes, axis=-1, dtype=np.float32)
        packed = np.asarray(cv2.resize(packed, (width, height), interpolation=cv2.INTER_AREA))
        return warp_into(z, self._last[0], self._send(f"flow {name}", packed[None])[0])


def warp_into(z: Tensor, last: Tensor, flow: Tensor) -> Tensor:
    """Warp `last` by `flow` and mix it into `z`, both (1, 4, h, w). `flow` (h, w, 3) float32: x and
    y distance in half sides of the picture, and the weight of `last`."""
    x, y = pixel_centres(z.shape[3], z.shape[2], z.device)
    grid = torch.stack((x + flow[..., 0], y + flow[..., 1]), dim=-1)[None]
    moved = F.grid_sample(last, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return z + flow[None, None, ..., 2] * (moved - z)


def thumbnail(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A small grey copy, (H, W) uint8, of the part of a picture (H, W, 3 or 4) that is painted at
    `size`, (width, height). Its longer side is SIDE_PX, or its shorter one MIN_SIDE_PX."""
    scale = max(SIDE_PX / max(size), MIN_SIDE_PX / min(size))
    small = resize_to_cover(picture[..., :3], (round(size[0] * scale), round(size[1] * scale)))
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)


def flow_between(flow: cv2.DISOpticalFlow, before: np.ndarray, after: np.ndarray) -> OpticalFlow:
    """The optical flow between two thumbnails, (H, W) uint8."""
    pixels: np.ndarray = flow.calc(after, before, None)  # type: ignore[call-overload]  # its stubs leave None out
    height, width = after.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x = x + pixels[..., 0]
    y = y + pixels[..., 1]
    was = cv2.remap(before, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    is_inside = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    fit = np.clip(1.0 - cv2.absdiff(was, after) / np.float32(MISFIT), 0.0, 1.0) * is_inside
    return OpticalFlow(pixels, fit.astype(np.float32))


def flicker(results: Sequence[np.ndarray], moved_px: tuple[int, int]) -> float:
    """Mean difference of neighbouring results (H, W, 3) uint8, of 255, where the source moved by
    `moved_px` (x, y, 0 or above: to the left and up) from one to the next."""
    x, y = moved_px
    height, width = results[0].shape[:2]
    differences = [
        float(np.abs(after[: height - y, : width - x].astype(np.int16) - before[y:, x:]).mean())
        for before, after in pairwise(results)
    ]
    return sum(differences) / len(differences)
