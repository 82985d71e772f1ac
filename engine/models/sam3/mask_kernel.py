"""Mask NMS and connected components for transformers' SAM3 video model, which otherwise downloads a
package for them, and the part that cleans masks on the device.

NMS is greedy, as in Faster R-CNN: by descending score, a mask is selected unless a selected mask
overlaps it by more than the threshold. Components are 8-connected. On the CPU OpenCV finds them. On
other devices labels spread by a fixed number of max poolings, so that the host need not wait:
enough for small components, whose areas alone are needed.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.models.compat.transformers import swap_kernel
from engine.models.graphs import State
from engine.models.sam3.association import greedy_nms
from engine.models.sam3.detected_objects import FILLED, INSIDE, REMOVED, small_limit


def install(largest_area: int) -> None:
    """Make transformers' SAM3 video model use a MaskKernel from now on, in the whole process."""
    swap_kernel(lambda present: MaskKernel(max(largest_area, getattr(present, "largest_area", 0))))


class MaskKernel:
    """The interface that transformers calls. transformers ignores errors raised here."""

    def __init__(self, largest_area: int) -> None:
        """`largest_area`: pixels of the largest component whose area is needed (the model's
        `fill_hole_area`)."""
        self.largest_area = largest_area

    def generic_nms(
        self,
        ious: Tensor,
        scores: Tensor,
        iou_threshold: float,
        use_iou_matrix: bool = True,
    ) -> Tensor:
        """Indices of the selected masks, best first, int64 on the scores' device, from IoUs (n, n)
        and scores (n,). Needs one copy to the host, which selects greedily among at most a few
        dozen masks."""
        both = torch.cat((ious.float(), scores.float()[None])).cpu().numpy()
        return torch.tensor(
            greedy_nms(both[:-1], both[-1], iou_threshold), dtype=torch.int64, device=scores.device
        )

    def cc_2d(self, masks: Tensor, get_counts: bool = True) -> tuple[Tensor, Tensor]:
        """Label and area in pixels of each pixel's component, both (n, 1, h, w) int32, 0 outside
        the masks. `masks` has the same shape, uint8. On devices other than the CPU the area of a
        component larger than `largest_area` may be reported as h * w."""
        if masks.device.type == "cpu":
            return host_components(masks)
        return device_components(masks, self.largest_area)


def host_components(masks: Tensor) -> tuple[Tensor, Tensor]:
    """cc_2d on the CPU, with exact areas."""
    labels = np.zeros(masks.shape, np.int32)
    areas = np.zeros(masks.shape, np.int32)
    for index, mask in enumerate(masks.numpy()[:, 0]):
        _, labels[index, 0], stats, _ = cv2.connectedComponentsWithStats(
            mask, connectivity=8, ltype=cv2.CV_32S
        )
        area = stats[:, cv2.CC_STAT_AREA]
        area[0] = 0
        areas[index, 0] = area[labels[index, 0]]
    return torch.from_numpy(labels), torch.from_numpy(areas)


def device_components(masks: Tensor, largest_area: int) -> tuple[Tensor, Tensor]:
    """cc_2d by max pooling, on any device, without waiting for it. Each pixel takes the largest
    neighbouring label, `largest_area` times. A label crosses a component of n pixels in at most n -
    1 steps, so a small one ends with a single label. In a larger one, the area of a label that
    still touches a larger label is set to h * w; any other label has spread `largest_area` steps,
    so it covers more pixels than that."""
    count, _, height, width = masks.shape
    inside = masks != 0
    pixels = height * width  # exact in float32 up to 4096 x 4096
    first_labels = torch.arange(1, pixels + 1, device=masks.device, dtype=torch.float32).view(
        1, 1, height, width
    )
    labels = torch.where(inside, first_labels, 0.0)
    for _ in range(largest_area):
        labels = torch.where(inside, F.max_pool2d(labels, 3, 1, 1), 0.0)
    is_open = inside & (F.max_pool2d(labels, 3, 1, 1) > labels)
    flat = labels.view(count, -1).long()
    weight = torch.where(is_open, pixels, 1).view(count, -1) * inside.view(count, -1)
    areas = torch.zeros(count, pixels + 1, dtype=torch.int64, device=masks.device).scatter_add_(
        1, flat, weight
    )
    areas = areas.gather(1, flat).clamp_(max=pixels) * inside.view(count, -1)
    return labels.to(torch.int32), areas.view(masks.shape).to(torch.int32)


def cleaning_part(state: State) -> State:
    """The part that removes holes and specks as `clean_mask` does on the host. In: masks (B, n,
    side, side) uint8. Out: masks without them, and shared (B, n, n) float32, the pixels that two of
    the given ones share."""
    masks = state["masks"]
    flat = (masks > INSIDE).flatten(2).float()
    shared = flat @ flat.transpose(1, 2)  # counts exactly, in TF32 as well
    return {"masks": clean_masks(masks.flatten(0, 1)).view(masks.shape), "shared": shared}


def clean_masks(masks: Tensor) -> Tensor:
    """A copy of `masks` (n, height, width) uint8 without small holes and specks, on any device,
    without waits."""
    limit = small_limit(*masks.shape[1:])
    if limit < 1:
        return masks.clone()
    inside = masks > INSIDE
    holes = _small_components(~inside, limit)
    inside = inside | holes
    half = inside.flatten(1).sum(dim=1)[:, None, None] // 2
    specks = _small_components(inside, limit, half.clamp(max=limit))
    return masks.masked_fill(holes, FILLED).masked_fill(specks, REMOVED)


def _small_components(shape: Tensor, limit: int, largest: Tensor | None = None) -> Tensor:
    """The pixels (n, height, width) bool of components of `shape` with at most `limit` px, or
    `largest` if less."""
    areas = device_components(shape[:, None], limit)[1][:, 0]
    return (areas > 0) & (areas <= (limit if largest is None else largest))
