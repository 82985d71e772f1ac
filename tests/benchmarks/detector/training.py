"""Trains the network on crops of labelled pictures.

Crops are changed at random, in place of cameras and weather that no training picture shows.
Trainers do so, too: Ultralytics changes hue, saturation and brightness by default, Albumentations
also blurs and adds noise.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from tests.benchmarks.detector.network import MAX_LOG_SIZE, STRIDE, build_network

GAIN, CONTRAST, TINT = 0.3, 0.2, 0.08
"""Largest changes: brightness as a power of e, the others as a fraction."""
SATURATION = (0.5, 1.3)
BLUR_PROBABILITY, BLUR_PX = 0.2, (0.4, 2.0)
NOISE_PROBABILITY, NOISE = 0.2, 0.03
"""Highest standard deviation of the noise, of 1."""
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
MIN_SIGMA_CELLS = 0.6
SIGMA_OF_SIZE = 1 / 6
"""Standard deviation of the blob around a centre, as a fraction of the box's shorter side."""
MIN_SIDE_CELLS = 0.5
NEIGHBOUR_FACTOR = 0.4
"""Weight of the box that a cell beside a centre answers."""
MIN_VISIBLE_IN_CROP = 0.4
"""Boxes of which less is in the crop are ignored."""
MIN_SIDE_PX = 4.0
"""Boxes with a shorter side in the crop are ignored."""
MAX_SCALE = 1.4
"""Crops are enlarged or reduced by at most this factor."""
CROP_PX = 320
BATCH = 6
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 1e-3
WARM_UP = 0.1
"""Share of the steps in which the learning rate rises; then it falls along a cosine."""
AVERAGED = 0.998
"""Share of the old mean of the weights that each step keeps; the means are the result."""
SIZE_WEIGHT, OFFSET_WEIGHT, OVERLAP_WEIGHT = 0.5, 0.8, 2.0
MIN_COUNTED = 16
"""Piles in a batch at least, when losses are divided by their number: those of empty ground would
shake the weights."""


def recolor(crop: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Change brightness, contrast, tint, saturation at random; may add blur, noise. A new (h, w, 3)
    float32 0..1."""
    gain = np.exp(GAIN * draw.uniform(-1, 1)) * (1 + TINT * draw.uniform(-1, 1, 3))
    contrast, saturation = 1 + CONTRAST * draw.uniform(-1, 1), draw.uniform(*SATURATION)
    # (3, 3): from RGB to RGB
    changing = saturation * np.eye(3) + (1 - saturation) * np.ones((3, 1)) * LUMA
    changing = (contrast * gain[:, None] * changing).astype(np.float32)
    middle = float(crop.mean()) * (1 - contrast)
    crop = crop @ changing.T + np.float32(middle)
    if draw.random() < BLUR_PROBABILITY:
        crop = cv2.GaussianBlur(crop, (0, 0), draw.uniform(*BLUR_PX))
    if draw.random() < NOISE_PROBABILITY:
        crop = crop + np.float32(draw.uniform(0, NOISE)) * draw.standard_normal(
            crop.shape, np.float32
        )
    clipped: np.ndarray = np.clip(crop, 0, 1, dtype=np.float32)
    return clipped


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledPicture:
    colors: np.ndarray
    """(height, width, 3) uint8 RGB."""
    boxes: np.ndarray
    """(k, 4) float64: x0 y0 x1 y1 in px."""
    is_ignored: np.ndarray
    """(k,) bool: True for boxes that may be found or not (slivers)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CropTarget:
    """The training target for one crop, in cells of the network's output."""

    centres: np.ndarray
    """(rows, columns) float32: 1 at a centre, a Gaussian blob around it."""
    weights: np.ndarray
    """(rows, columns) float32: 0 where anything may be answered, else 1."""
    cells: np.ndarray
    """(n, 2) int64: row and column of the cells that answer with a box: those at a centre and
    around it."""
    factors: np.ndarray
    """(n,) float32: weight of each of these cells, 1 at a centre."""
    sizes: np.ndarray
    """(n, 4) float32: offset x and y from the cell's corner, logarithm of width and height."""


def random_crop(
    pictures: Sequence[LabelledPicture], side_px: int, draw: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut a crop, scaled, turned and mirrored at random: (side, side, 3) float32 0..1, its boxes,
    and which to ignore.

    Half of the crops are around a random box, so that pictures with few piles teach something.
    """
    picture = pictures[int(draw.integers(len(pictures)))]
    height, width = picture.colors.shape[:2]
    cut_px = min(round(side_px * MAX_SCALE ** draw.uniform(-1, 1)), height, width)
    at = draw.random(2) * (np.array([width, height]) - cut_px)
    if len(picture.boxes) and draw.random() < 0.5:
        box = picture.boxes[int(draw.integers(len(picture.boxes)))]
        at = (box[:2] + box[2:]) / 2 - draw.random(2) * cut_px
    x, y = np.clip(np.rint(at), 0, np.array([width, height]) - cut_px).astype(int)
    cut = picture.colors[y : y + cut_px, x : x + cut_px]
    if cut_px != side_px:
        how = cv2.INTER_AREA if cut_px > side_px else cv2.INTER_LINEAR
        cut = cv2.resize(cut, (side_px, side_px), interpolation=how)
    crop = cut.astype(np.float32) / 255
    boxes = (picture.boxes - (x, y, x, y)) * (side_px / cut_px)
    inside = np.clip(boxes, 0, side_px)
    visible = _area(inside) / np.maximum(_area(boxes), 1e-9)
    is_there = visible > 0
    is_cut = visible < MIN_VISIBLE_IN_CROP
    is_small = (inside[:, 2:] - inside[:, :2]).min(axis=1, initial=np.inf) < MIN_SIDE_PX
    boxes, is_ignored = inside[is_there], (picture.is_ignored | is_cut | is_small)[is_there]
    for _ in range(int(draw.integers(4))):
        crop = np.rot90(crop)  # counter-clockwise
        boxes = np.stack(
            [boxes[:, 1], side_px - boxes[:, 2], boxes[:, 3], side_px - boxes[:, 0]], axis=1
        )
    if draw.random() < 0.5:
        crop = crop[:, ::-1]
        boxes = np.stack(
            [side_px - boxes[:, 2], boxes[:, 1], side_px - boxes[:, 0], boxes[:, 3]], axis=1
        )
    return np.ascontiguousarray(crop), boxes, is_ignored


def make_target(boxes: np.ndarray, is_ignored: np.ndarray, side_px: int) -> CropTarget:
    """The training target for a crop with these boxes, (k, 4) px."""
    count = side_px // STRIDE
    centres = np.zeros((count, count), np.float32)
    weights = np.ones((count, count), np.float32)
    rows = np.arange(count) + 0.5
    for x0, y0, x1, y1 in boxes[is_ignored] / STRIDE:
        weights[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))] = 0
    real = boxes[~is_ignored] / STRIDE
    middles, sides = (
        (real[:, :2] + real[:, 2:]) / 2,
        np.maximum(real[:, 2:] - real[:, :2], MIN_SIDE_CELLS),
    )
    at = np.minimum(middles.astype(np.int64), count - 1)  # (k, 2) column and row
    for (x, y), side in zip(at + 0.5, sides.min(axis=1), strict=True):
        sigma = max(MIN_SIGMA_CELLS, float(side) * SIGMA_OF_SIZE)
        low, high = max(int(y - 4 * sigma), 0), int(y + 4 * sigma) + 1
        left, right = max(int(x - 4 * sigma), 0), int(x + 4 * sigma) + 1
        down = np.exp(-((rows[low:high] - y) ** 2) / (2 * sigma * sigma))
        across = np.exp(-((rows[left:right] - x) ** 2) / (2 * sigma * sigma))
        patch = centres[low:high, left:right]
        np.maximum(patch, down[:, None] * across, out=patch)
    centres[at[:, 1], at[:, 0]] = 1
    weights[at[:, 1], at[:, 0]] = 1
    cells, pile, factors = _answer_cells(at, count)
    answers = np.concatenate([middles[pile] - cells, np.log(sides[pile])], axis=1).astype(
        np.float32
    )
    return CropTarget(
        centres=centres,
        weights=weights,
        cells=cells[:, ::-1].copy(),
        factors=factors,
        sizes=answers,
    )


def _answer_cells(at: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The cells at and around centres, (n, 2), the number of the pile of each, and its weight; each
    cell only once.

    A peak may come out one cell off, so the neighbours answer for the same box, too (as in TTFNet,
    Liu et al., 2019).
    """
    around = np.stack(np.meshgrid((-1, 0, 1), (-1, 0, 1)), axis=-1).reshape(-1, 2)  # (9, 2)
    cells = (at[:, None] + around).reshape(-1, 2)
    factors = np.tile(NEIGHBOUR_FACTOR ** np.abs(around).sum(axis=1), len(at)).astype(np.float32)
    pile = np.repeat(np.arange(len(at)), len(around))
    is_inside = ((cells >= 0) & (cells < count)).all(axis=1)
    cells, factors, pile = cells[is_inside], factors[is_inside], pile[is_inside]
    order = np.argsort(-factors, kind="stable")  # nearer piles first
    _, first = np.unique(cells[order] @ (1, count), return_index=True)
    chosen = order[first]
    return cells[chosen], pile[chosen], factors[chosen]


def _area(boxes: np.ndarray) -> np.ndarray:
    areas: np.ndarray = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas


def train(
    pictures: Sequence[LabelledPicture],
    *,
    steps: int,
    seed: int,
    crop_px: int = CROP_PX,
    is_bfloat16: bool = False,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> nn.Module:
    """Train a new network on random crops of the pictures. `on_step(step, loss)` is called
    after each step. `is_bfloat16`: convolve in bfloat16, which halves the time where the processor
    has instructions for it. The same arguments give the same weights with one thread of torch."""
    draw = np.random.default_rng(seed)
    network = build_network(seed)
    network.train()
    average = AveragedModel(network, avg_fn=_average, use_buffers=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_factor(step, steps))
    for step in range(steps):
        crops, targets = [], []
        for _ in range(BATCH):
            crop, boxes, is_ignored = random_crop(pictures, crop_px, draw)
            crops.append(recolor(crop, draw))
            targets.append(make_target(boxes, is_ignored, crop_px))
        # (B, 3, side, side), channels last in memory
        batch = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
        with torch.autocast("cpu", torch.bfloat16, enabled=is_bfloat16):
            answer = network(batch)
        loss = _loss(answer.float(), targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch's stubs
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(network)
        on_step(step + 1, float(loss.detach()))
    network.load_state_dict(average.module.state_dict())
    network.eval()
    return network


def has_fast_bfloat16() -> bool:
    """True if this processor multiplies matrices in bfloat16 with instructions of its own."""
    known = torch.cpu.get_capabilities()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def rate_factor(step: int, steps: int) -> float:
    """Share of the highest learning rate in this step, 0..1."""
    rising = max(1.0, WARM_UP * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    return 0.5 + 0.5 * math.cos(math.pi * min((step - rising) / max(steps - rising, 1.0), 1.0))


def _average(mean: torch.Tensor, new: torch.Tensor, step: torch.Tensor | int) -> torch.Tensor:
    # the first steps are forgotten soon
    decay = min(AVERAGED, (1 + float(step)) / (10 + float(step)))
    return (mean + (1 - decay) * (new - mean)).to(mean.dtype)


def _loss(answer: torch.Tensor, targets: Sequence[CropTarget]) -> torch.Tensor:
    """Focal loss of the centres (Law and Deng, CornerNet, 2018); for the boxes L1 of offset and
    logarithm of the size, and one minus intersection over union, which weighs a pixel more for a
    small box (Yu et al., UnitBox, 2016)."""
    # (B, rows, columns)
    expected = torch.from_numpy(np.stack([target.centres for target in targets]))
    weights = torch.from_numpy(np.stack([target.weights for target in targets]))
    logits = answer[:, 0]
    found = torch.sigmoid(logits)
    right = torch.nn.functional.logsigmoid(logits) * (1 - found) ** 2
    wrong = torch.nn.functional.logsigmoid(-logits) * found**2 * (1 - expected) ** 4
    is_centre = expected == 1
    count = max(int(is_centre.sum()), MIN_COUNTED)
    centres = -(torch.where(is_centre, right, wrong) * weights).sum() / count

    numbers = np.repeat(np.arange(len(targets)), [len(target.cells) for target in targets])
    cells = torch.from_numpy(np.concatenate([target.cells for target in targets]))
    sizes = torch.from_numpy(np.concatenate([target.sizes for target in targets]))
    factors = torch.from_numpy(np.concatenate([target.factors for target in targets]))
    picked = answer[torch.from_numpy(numbers), 1:, cells[:, 0], cells[:, 1]]  # (n, 4)
    off = (picked - sizes).abs()
    a_box = OFFSET_WEIGHT * off[:, :2].sum(dim=1) + SIZE_WEIGHT * off[:, 2:].sum(dim=1)
    a_box = a_box + OVERLAP_WEIGHT * (1 - _overlap(picked, sizes))
    return centres + (a_box * factors).sum() / max(float(factors.sum()), MIN_COUNTED)


def _overlap(found: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    """Intersection over union of boxes with the same cell, (n, 4) offset and logarithm of the size,
    to (n,)."""
    sides = [torch.exp(boxes[:, 2:].clamp(max=MAX_LOG_SIZE)) for boxes in (found, expected)]
    low = torch.maximum(found[:, :2] - sides[0] / 2, expected[:, :2] - sides[1] / 2)
    high = torch.minimum(found[:, :2] + sides[0] / 2, expected[:, :2] + sides[1] / 2)
    shared = (high - low).clamp(min=0).prod(dim=1)
    return shared / (sides[0].prod(dim=1) + sides[1].prod(dim=1) - shared)
