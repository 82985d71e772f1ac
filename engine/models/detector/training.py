"""Trains the network."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from engine.models.detector.network import build_network
from engine.models.detector.targets import CropTarget, LabelledPicture, make_target, random_crop

if TYPE_CHECKING:
    import torch
    from torch import nn

CROP_PX = 256
BATCH = 8
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-3
SIZE_WEIGHT, OFFSET_WEIGHT = 0.5, 0.5


def train(
    pictures: Sequence[LabelledPicture],
    *,
    steps: int,
    seed: int,
    crop_px: int = CROP_PX,
    tell: Callable[[int, float], None] = lambda step, loss: None,
) -> "nn.Module":
    """Train a new network on random crops of the pictures, none smaller than `crop_px`. `tell(step, loss)` is called
    after each step. The same arguments give the same weights with one thread of torch."""
    import torch

    draw = np.random.default_rng(seed)
    network = build_network(seed)
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=max(steps, 2), pct_start=0.1)
    for step in range(steps):
        crops, targets = [], []
        for _ in range(BATCH):
            crop, boxes, is_ignored = random_crop(pictures, crop_px, draw)
            crops.append(crop)
            targets.append(make_target(boxes, is_ignored, crop_px))
        batch = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)  # (B, 3, side, side), channels last in memory
        loss = _loss(network(batch), targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch's stubs
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        tell(step + 1, float(loss.detach()))
    network.eval()
    return network


def _loss(answer: "torch.Tensor", targets: Sequence[CropTarget]) -> "torch.Tensor":
    """Focal loss of the centres (Law and Deng, CornerNet, 2018), L1 of offset and logarithm of the size, per pile."""
    import torch

    wanted = torch.from_numpy(np.stack([target.centres for target in targets]))  # (B, rows, columns)
    weights = torch.from_numpy(np.stack([target.weights for target in targets]))
    logits = answer[:, 0]
    found = torch.sigmoid(logits)
    right = torch.nn.functional.logsigmoid(logits) * (1 - found) ** 2
    wrong = torch.nn.functional.logsigmoid(-logits) * found**2 * (1 - wanted) ** 4
    is_centre = wanted == 1
    count = max(int(is_centre.sum()), 1)
    centres = -(torch.where(is_centre, right, wrong) * weights).sum() / count

    numbers = np.repeat(np.arange(len(targets)), [len(target.cells) for target in targets])
    cells = torch.from_numpy(np.concatenate([target.cells for target in targets]))
    sizes = torch.from_numpy(np.concatenate([target.sizes for target in targets]))
    picked = answer[torch.from_numpy(numbers), 1:, cells[:, 0], cells[:, 1]]  # (n, 4)
    off = (picked - sizes).abs().sum(dim=0) / count
    return centres + OFFSET_WEIGHT * (off[0] + off[1]) + SIZE_WEIGHT * (off[2] + off[3])
