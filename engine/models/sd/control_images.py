"""Draws the control images of ControlNets on the device: edges, soft edges, depth and poses.

Nothing here waits for the device, so that it can be captured. Pictures are prepared by hand,
because transformers' processors work on the CPU.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.models.sd.edges import EDGE_HIGH, EDGE_LOW

# OpenCV's fixed-point tangents of 22.5 and 67.5 degrees
TAN_22_5 = 13573 / 32768
TAN_67_5 = 13573 / 32768 + 2
GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601, as OpenCV's RGB2GRAY
GROWTH_PX = 32
"""Weak edges count up to this far from a strong one. OpenCV follows them to their end, which would
need a wait."""
SCALES_PX = (1.0, 2.0, 4.0)
"""Standard deviations. HED has five scales, of which the finest matter at 512 px."""
GAIN = 2.0
"""A straight step of half the brightness, from 0.25 to 0.75, is drawn white."""
MEAN = (0.485, 0.456, 0.406)  # of ImageNet
DEVIATION = (0.229, 0.224, 0.225)
TRAINED_PX = 518  # shorter side at which Depth Anything was trained
MIN_METRES = 1e-3
MIN_SPAN = 1e-3  # of the nearest: differences below it are those of rounding
JOINTS = 17
"""COCO's: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles, each left before
right."""
LEFT_SHOULDER = 5
RIGHT_SHOULDER = 6
NECK = JOINTS
OPENPOSE = (0, NECK, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
"""Index of COCO's joint for each of OpenPose's joints."""
LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12,
        13), (1, 0),
    (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
"""Indices of OpenPose's joints at both ends of each limb."""
COLOURS = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0), (0, 255,
        0), (0, 255, 85),
    (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255), (0, 0, 255), (85, 0, 255), (170, 0,
        255), (255, 0, 255),
    (255, 0, 170), (255, 0, 85),
)  # fmt: skip
"""Colours of the joints; the first 17 are also those of the limbs."""
LIMB_LIGHT = 0.6
RADIUS = 4 / 512  # of a joint and half the width of a limb, as a fraction of the shorter side
MIN_SCORE = 0.3  # below it a joint is not drawn, as in transformers' and MMPose's pictures


def hard_edges(rgb: Tensor) -> Tensor:
    """Edges of (F, 3, H, W) float32 in 0..1, white on black: (F, 3, H, W) float32, 0 or 1. Canny's
    detector (1986), as OpenCV's `Canny` computes it without `L2gradient`."""
    levels = (rgb * 255.0).round()
    across, down = _sobel(_grey(levels).round())
    strength = across.abs() + down.abs()
    weak = (_is_ridge(across, down, strength) & (strength > EDGE_LOW)).float()
    found = weak * (strength > EDGE_HIGH)
    for _ in range(GROWTH_PX):
        found = F.max_pool2d(found, 3, 1, 1) * weak
    return found.expand(-1, 3, -1, -1)


def _grey(rgb: Tensor) -> Tensor:
    """The brightness (F, 1, H, W) of (F, 3, H, W)."""
    red, green, blue = rgb.split(1, dim=1)  # type: ignore[no-untyped-call]
    grey: Tensor = GREY[0] * red + GREY[1] * green + GREY[2] * blue
    return grey


def _sobel(grey: Tensor) -> tuple[Tensor, Tensor]:
    """Derivatives to the right and downwards; the edge pixels are repeated beyond the picture."""
    padded = F.pad(grey, (1, 1, 1, 1), mode="replicate")
    smooth_down = padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]
    smooth_across = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]
    across = smooth_down[..., 2:] - smooth_down[..., :-2]
    down = smooth_across[:, :, 2:] - smooth_across[:, :, :-2]
    return across, down


def _is_ridge(across: Tensor, down: Tensor, strength: Tensor) -> Tensor:
    """True where the gradient is stronger than at both neighbours in its direction, which has four
    steps."""
    padded = F.pad(strength, (1, 1, 1, 1))
    height, width = strength.shape[2:]

    def at(row: int, column: int) -> Tensor:
        return padded[:, :, 1 + row : 1 + row + height, 1 + column : 1 + column + width]

    is_across = down.abs() < across.abs() * TAN_22_5
    is_down = down.abs() > across.abs() * TAN_67_5
    is_falling = across * down < 0
    beside = (strength > at(0, -1)) & (strength >= at(0, 1))
    above = (strength > at(-1, 0)) & (strength >= at(1, 0))
    rising = (strength > at(-1, -1)) & (strength > at(1, 1))
    falling = (strength > at(-1, 1)) & (strength > at(1, -1))
    oblique = torch.where(is_falling, falling, rising)
    steep = torch.where(is_down, above, oblique)
    return torch.where(is_across, beside, steep)


def soft_edges(rgb: Tensor) -> Tensor:
    """Outlines of (F, 3, H, W) float32 in 0..1: (F, 3, H, W) float32 in 0..1, brighter for a higher
    step.

    Replaces a network for soft edges (HED, PiDiNet) without weights: it adds the gradients of the
    brightness at three scales. Each is multiplied by its scale, so that a step counts equally in
    all (Lindeberg 1998, "Edge detection and ridge detection with automatic scale selection"). Fine
    texture shows at the finest scale only, so it stays dark."""
    grey = _grey(rgb)
    total = sum(_steps(grey, scale_px) for scale_px in SCALES_PX)
    assert isinstance(total, Tensor)
    return (total * (GAIN / len(SCALES_PX))).clamp(0.0, 1.0).expand(-1, 3, -1, -1)


def _steps(grey: Tensor, scale_px: float) -> Tensor:
    """Heights (F, 1, H, W) of the steps of `grey` (F, 1, H, W) at this scale: of a straight step
    its height."""
    reach_px = math.ceil(3 * scale_px)
    # Built on the device: copying a kernel there would wait for it.
    x = torch.arange(-reach_px, reach_px + 1, device=grey.device, dtype=torch.float32)
    smooth = torch.exp(-(x**2) / (2 * scale_px**2))
    smooth = smooth / smooth.sum()
    slope = x * smooth
    slope = slope / slope.clamp(min=0.0).sum()  # of a step of 1 the largest answer is 1
    kernels = torch.stack((smooth, slope))[:, None]  # (2, 1, K)
    padded = F.pad(grey, (reach_px, reach_px, reach_px, reach_px), mode="replicate")
    # Blurred, and the slope downwards.
    columns = F.conv2d(padded, kernels[..., None])  # (F, 2, H, W + 2 r)
    # The slopes across and downwards.
    slopes = F.conv2d(columns, kernels.flip(0)[:, :, None], groups=2)  # (F, 2, H, W)
    return slopes.square().sum(dim=1, keepdim=True).sqrt()


class DepthMaps:
    """Makes depth maps with a `DepthAnythingForDepthEstimation` (Yang et al. 2024)."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self._patch_px: int = network.config.patch_size
        self._is_metric = network.config.depth_estimation_type == "metric"

    @torch.no_grad()
    def draw(self, rgb: Tensor) -> Tensor:
        """Depth of (F, 3, H, W) in 0..1, float32 of the same shape: nearest point 1, farthest 0; 0
        without depth."""
        height, width = rgb.shape[2:]
        input_size = self._input_size(height, width)
        small = F.interpolate(rgb, input_size, mode="bicubic", antialias=True).clamp(0.0, 1.0)
        picture = normalize(small).to(self.network.dtype)
        near = self.network(picture).predicted_depth.float()  # (F, rows, columns)
        if self._is_metric:  # metres; other networks predict nearness
            near = 1.0 / near.clamp(min=MIN_METRES)
        near = F.interpolate(near[:, None], (height, width), mode="bicubic")
        farthest = near.amin((2, 3), keepdim=True)
        nearest = near.amax((2, 3), keepdim=True)
        span = torch.maximum(nearest - farthest, nearest.abs() * MIN_SPAN + 1e-6)
        return ((near - farthest) / span).expand(-1, 3, -1, -1)

    def _input_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the network's input: about the picture's, not larger than in
        training."""
        scale = min(1.0, TRAINED_PX / min(height, width))
        rows, columns = (max(1, round(side * scale / self._patch_px)) for side in (height, width))
        return rows * self._patch_px, columns * self._patch_px


def normalize(
    rgb: Tensor, means: Sequence[float] = MEAN, deviations: Sequence[float] = DEVIATION
) -> Tensor:
    """Normalize (F, 3, H, W) in 0..1 for networks trained on pictures with these means and
    deviations of the colours; by default on ImageNet."""
    # Channel by channel: a tensor of the three would have to be copied to the device.
    colours = zip(rgb.unbind(1), means, deviations, strict=True)
    return torch.stack([(each - mean) / deviation for each, mean, deviation in colours], dim=1)


class Skeletons:
    """Draws a person's skeleton with a `VitPoseForPoseEstimation` (Xu et al. 2022) on its device.
    ViTPose looks for one person in a box; here that is the whole picture, so of several people it
    finds one, or a mix.

    COCO's 17 joints become OpenPose's 18, whose neck is the middle of the shoulders. Joints, limbs
    and colours as the annotator of ControlNet draws them (lllyasviel/ControlNet,
    annotator/openpose/util.py, `draw_bodypose`): limbs are ellipses at 0.6 of their colour, joints
    are discs on top."""

    def __init__(self, network: Any) -> None:
        self.network = network
        backbone = network.config.backbone_config
        device = network.device
        self._input_px: tuple[int, int] = tuple(backbone.image_size)
        # ViTPose+ has an expert for each data set; the first is COCO's.
        is_mixed = backbone.num_experts > 1
        self._options = (
            {"dataset_index": torch.zeros(1, dtype=torch.int64, device=device)} if is_mixed else {}
        )
        # On the device from now on: copying them in a call would wait.
        self._joint_order = torch.tensor(OPENPOSE, device=device)
        self._ends = torch.tensor(LIMBS, device=device).T.contiguous()  # (2, limbs)
        self._level = torch.tensor([[1.0, 0.0]], device=device).expand(len(OPENPOSE), 2)
        colours = torch.tensor(COLOURS, device=device) / 255.0
        limbs = (colours[: len(LIMBS)] * 255.0 * LIMB_LIGHT).floor() / 255.0
        self._colours = torch.cat((limbs, colours))[..., None, None]  # (limbs and joints, 3, 1, 1)

    @torch.no_grad()
    def draw(self, rgb: Tensor) -> Tensor:
        """Skeletons in (F, 3, H, W) float32 in 0..1, on black: (F, 3, H, W) float32 in 0..1."""
        positions, scores = self.joints(rgb)
        height, width = rgb.shape[2:]
        people = zip(positions, scores, strict=True)
        return torch.stack([self._draw_person(*person, height, width) for person in people])

    @torch.no_grad()
    def joints(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Find COCO's joints in (F, 3, H, W): positions (F, 17, 2), x and y in px, and scores (F,
        17)."""
        height, width = rgb.shape[2:]
        rows, columns = self._input_px
        px = max(height / rows, width / columns)  # of the picture in one of the network's
        inner = min(rows, round(height / px)), min(columns, round(width / px))
        small = F.interpolate(rgb, inner, mode="bilinear", antialias=True)
        above = (rows - inner[0]) // 2
        left = (columns - inner[1]) // 2
        below = rows - inner[0] - above
        right = columns - inner[1] - left
        seen = normalize(F.pad(small, (left, right, above, below))).to(self.network.dtype)
        heat = self.network(seen, **self._options).heatmaps.float()
        positions, scores = peaks(heat)
        # As in transformers' post-processing, the outermost points of the heatmap lie on the edge
        # of the box.
        box_width = px * columns
        box_height = px * rows
        x = positions[..., 0] * (box_width / (heat.shape[3] - 1)) + (width - box_width) / 2
        y = positions[..., 1] * (box_height / (heat.shape[2] - 1)) + (height - box_height) / 2
        return torch.stack((x, y), dim=-1), scores

    def _draw_person(self, positions: Tensor, scores: Tensor, height: int, width: int) -> Tensor:
        """Draw one person, (3, height, width). Joints: positions (17, 2), scores (17,)."""
        shoulders = slice(LEFT_SHOULDER, RIGHT_SHOULDER + 1)
        neck = positions[shoulders].mean(dim=0, keepdim=True)
        neck_score = scores[shoulders].amin(dim=0, keepdim=True)
        positions = torch.cat((positions, neck))[self._joint_order]  # (18, 2)
        scores = torch.cat((scores, neck_score))[self._joint_order]  # (18,)
        is_joint = scores > MIN_SCORE
        first, second = positions[self._ends]  # (limbs, 2) each
        is_limb = is_joint[self._ends].all(dim=0)
        radius = max(1.0, RADIUS * min(height, width))
        length = (second - first).norm(dim=-1, keepdim=True).clamp(min=1e-3)  # (limbs, 1)
        # Of limbs, then of joints: all are ellipses.
        middles = torch.cat(((first + second) / 2, positions))
        ahead = torch.cat(((second - first) / length, self._level))
        half = torch.cat((length[:, 0] / 2, torch.full_like(scores, radius)))
        is_seen = torch.cat((is_limb, is_joint))
        x = torch.arange(width, device=positions.device, dtype=torch.float32)
        y = torch.arange(height, device=positions.device, dtype=torch.float32)[:, None]
        image = torch.zeros((3, height, width), device=positions.device)
        for index, colour in enumerate(self._colours):
            dx = x - middles[index, 0]
            dy = y - middles[index, 1]
            cosine, sine = ahead[index]
            along = (dx * cosine + dy * sine) / half[index]  # (height, width), 1 at both ends
            across = (dy * cosine - dx * sine) / radius
            is_inside = (along.square() + across.square() <= 1.0) & is_seen[index]
            image = torch.where(is_inside, colour, image)
        return image


def peaks(heat: Tensor) -> tuple[Tensor, Tensor]:
    """The highest point of each heatmap (F, J, h, w): positions (F, J, 2), x and y; heights (F, J).
    Between the pixels by the parabola through the logarithms of the highest and its neighbours,
    which is exact for a Gaussian (as in DARK, Zhang et al. 2020, without its blurring)."""
    height, width = heat.shape[2:]
    flat = heat.flatten(2)
    top, at = flat.max(dim=2)

    def shift(coordinate: Tensor, step: int, most: int) -> Tensor:
        """Distance of the peak from `coordinate` along an axis with pixels `step` apart."""
        inner = (coordinate > 0) & (coordinate < most - 1)
        neighbours = torch.stack((at - step, at, at + step), dim=-1)  # (F, J, 3)
        heights = flat.gather(2, neighbours.clamp(0, height * width - 1))
        low, mid, high = heights.clamp(min=1e-6).log().unbind(-1)
        moved = (high - low) / (2.0 * (2.0 * mid - low - high)).clamp(min=1e-6)
        return torch.where(inner, moved.clamp(-0.5, 0.5), 0.0)

    x = at % width
    y = torch.div(at, width, rounding_mode="floor")
    positions = torch.stack((x + shift(x, 1, width), y + shift(y, width, height)), dim=-1)
    return positions, top
