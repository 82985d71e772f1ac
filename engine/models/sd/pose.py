"""A person's skeleton as the control image of an OpenPose ControlNet: ViTPose (Xu et al. 2022), on the model's device.

ViTPose looks for one person in a box; here the box is the whole picture, so of several people it finds one, or a mix.
Never waits for the device, so that it can be captured: the places of the joints stay there, and every pixel asks
whether it lies in a limb.

COCO's 17 joints become OpenPose's 18, whose neck is the middle of the shoulders. Joints, limbs and colours as the
annotator of ControlNet draws them (lllyasviel/ControlNet, annotator/openpose/util.py, `draw_bodypose`): limbs are
ellipses at 0.6 of their colour, joints are discs on top.
"""

from typing import Any

import torch
from torch.nn import functional as F

from engine.models.sd.depth import normalised

JOINTS = 17
"""COCO's: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles, each left before right."""
LEFT_SHOULDER, RIGHT_SHOULDER, NECK = 5, 6, JOINTS
OPENPOSE = (0, NECK, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
"""COCO's joint in each of OpenPose's places."""
LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13), (1, 0),
    (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
"""OpenPose's joints at both ends."""
COLOURS = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0), (0, 255, 0), (0, 255, 85),
    (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255), (0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255),
    (255, 0, 170), (255, 0, 85),
)  # fmt: skip
"""The joints', and the first of them the limbs'."""
LIMB_LIGHT = 0.6
RADIUS = 4 / 512  # of a joint and half the width of a limb, as a share of the shorter side
MIN_SCORE = 0.3  # below it a joint is not drawn, as in transformers' and MMPose's pictures


class Skeletons:
    """Draws skeletons with a `VitPoseForPoseEstimation` on its device."""

    def __init__(self, network: Any) -> None:
        self.network = network
        backbone, device = network.config.backbone_config, network.device
        self._seen_px: tuple[int, int] = tuple(backbone.image_size)
        # ViTPose+ has an expert for each data set; the first is COCO's.
        is_mixed = backbone.num_experts > 1
        self._options = {"dataset_index": torch.zeros(1, dtype=torch.int64, device=device)} if is_mixed else {}
        # On the device from now on: copying them in a call would wait.
        self._places = torch.tensor(OPENPOSE, device=device)
        self._ends = torch.tensor(LIMBS, device=device).T.contiguous()  # (2, limbs)
        self._level = torch.tensor([[1.0, 0.0]], device=device).expand(len(OPENPOSE), 2)
        colours = torch.tensor(COLOURS, device=device) / 255.0
        limbs = (colours[: len(LIMBS)] * 255.0 * LIMB_LIGHT).floor() / 255.0
        self._colours = torch.cat((limbs, colours))[..., None, None]  # (limbs and joints, 3, 1, 1)

    @torch.no_grad()
    def draw(self, rgb: torch.Tensor) -> torch.Tensor:
        """Skeletons in (F, 3, H, W) float32 in 0..1, on black: (F, 3, H, W) float32 in 0..1."""
        places, scores = self.joints(rgb)
        height, width = rgb.shape[2:]
        return torch.stack([self._drawn(*person, height, width) for person in zip(places, scores, strict=True)])

    @torch.no_grad()
    def joints(self, rgb: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """COCO's joints in (F, 3, H, W): places (F, 17, 2), x and y in px, and scores (F, 17)."""
        height, width = rgb.shape[2:]
        rows, columns = self._seen_px
        px = max(height / rows, width / columns)  # of the picture in one of the network's
        inner = min(rows, round(height / px)), min(columns, round(width / px))
        small = F.interpolate(rgb, inner, mode="bilinear", antialias=True)
        above, left = (rows - inner[0]) // 2, (columns - inner[1]) // 2
        below, right = rows - inner[0] - above, columns - inner[1] - left
        seen = normalised(F.pad(small, (left, right, above, below))).to(self.network.dtype)
        heat = self.network(seen, **self._options).heatmaps.float()
        places, scores = peaks(heat)
        # As in transformers' post-processing, the outermost points of the heatmap lie on the edge of the box.
        x = places[..., 0] * (px * columns / (heat.shape[3] - 1)) + (width - px * columns) / 2
        y = places[..., 1] * (px * rows / (heat.shape[2] - 1)) + (height - px * rows) / 2
        return torch.stack((x, y), dim=-1), scores

    def _drawn(self, places: torch.Tensor, scores: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """(3, height, width) of one person's joints: places (17, 2), scores (17,)."""
        shoulders = slice(LEFT_SHOULDER, RIGHT_SHOULDER + 1)
        places = torch.cat((places, places[shoulders].mean(dim=0, keepdim=True)))[self._places]
        scores = torch.cat((scores, scores[shoulders].amin(dim=0, keepdim=True)))[self._places]
        first, second = places[self._ends[0]], places[self._ends[1]]
        is_joint = scores > MIN_SCORE
        is_limb = is_joint[self._ends[0]] & is_joint[self._ends[1]]
        radius = max(1.0, RADIUS * min(height, width))
        length = (second - first).norm(dim=-1, keepdim=True).clamp(min=1e-3)
        middles = torch.cat(((first + second) / 2, places))
        ahead = torch.cat(((second - first) / length, self._level))
        half = torch.cat((length[:, 0] / 2, torch.full_like(scores, radius)))
        is_seen = torch.cat((is_limb, is_joint))
        x = torch.arange(width, device=places.device, dtype=torch.float32)
        y = torch.arange(height, device=places.device, dtype=torch.float32)[:, None]
        drawn = torch.zeros((3, height, width), device=places.device)
        for place in range(len(self._colours)):
            dx, dy = x - middles[place, 0], y - middles[place, 1]
            along = (dx * ahead[place, 0] + dy * ahead[place, 1]) / half[place]  # (height, width), 1 at both ends
            across = (dy * ahead[place, 0] - dx * ahead[place, 1]) / radius
            is_inside = (along.square() + across.square() <= 1.0) & is_seen[place]
            drawn = torch.where(is_inside, self._colours[place], drawn)
        return drawn


def peaks(heat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The highest point of each heatmap (F, J, h, w): places (F, J, 2), x and y, and heights (F, J). Between the pixels
    by the parabola through the logarithms of the highest and its neighbours, which is exact for a Gaussian (as in DARK,
    Zhang et al. 2020, without its blurring)."""
    height, width = heat.shape[2:]
    flat = heat.flatten(2)
    top, at = flat.max(dim=2)

    def shift(place: torch.Tensor, step: int, most: int) -> torch.Tensor:
        """Distance of the peak from `place` along an axis with pixels `step` apart."""
        inner = (place > 0) & (place < most - 1)
        before, after = (
            flat.gather(2, (at + way).clamp(0, height * width - 1)[..., None])[..., 0] for way in (-step, step)
        )
        low, mid, high = (value.clamp(min=1e-6).log() for value in (before, top, after))
        moved = (high - low) / (2.0 * (2.0 * mid - low - high)).clamp(min=1e-6)
        return torch.where(inner, moved.clamp(-0.5, 0.5), 0.0)

    x, y = at % width, torch.div(at, width, rounding_mode="floor")
    return torch.stack((x + shift(x, 1, width), y + shift(y, width, height)), dim=-1), top
