"""Trains the network."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from engine.models.detector.augmenting import recolored
from engine.models.detector.network import MAX_LOG_SIZE, build_network
from engine.models.detector.targets import CropTarget, LabelledPicture, make_target, random_crop

if TYPE_CHECKING:
    import torch
    from torch import nn

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
"""Piles in a batch at least, when losses are divided by their number: those of empty ground would shake the weights."""


def train(
    pictures: Sequence[LabelledPicture],
    *,
    steps: int,
    seed: int,
    crop_px: int = CROP_PX,
    is_bfloat16: bool = False,
    tell: Callable[[int, float], None] = lambda step, loss: None,
) -> "nn.Module":
    """Train a new network on random crops of the pictures. `tell(step, loss)` is called
    after each step. `is_bfloat16`: convolve in bfloat16, which halves the time where the processor has instructions
    for it. The same arguments give the same weights with one thread of torch."""
    import torch
    from torch.optim.swa_utils import AveragedModel

    draw = np.random.default_rng(seed)
    network = build_network(seed)
    network.train()
    average = AveragedModel(network, avg_fn=_averaged, use_buffers=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_share(step, steps))
    for step in range(steps):
        crops, targets = [], []
        for _ in range(BATCH):
            crop, boxes, is_ignored = random_crop(pictures, crop_px, draw)
            crops.append(recolored(crop, draw))
            targets.append(make_target(boxes, is_ignored, crop_px))
        batch = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)  # (B, 3, side, side), channels last in memory
        with torch.autocast("cpu", torch.bfloat16, enabled=is_bfloat16):
            answer = network(batch)
        loss = _loss(answer.float(), targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch's stubs
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(network)
        tell(step + 1, float(loss.detach()))
    network.load_state_dict(average.module.state_dict())
    network.eval()
    return network


def has_fast_bfloat16() -> bool:
    """True if this processor multiplies matrices in bfloat16 with instructions of its own."""
    import torch

    known = torch.cpu.get_capabilities()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def rate_share(step: int, steps: int) -> float:
    """Share of the highest learning rate in this step, 0..1."""
    rising = max(1.0, WARM_UP * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    return 0.5 + 0.5 * math.cos(math.pi * min((step - rising) / max(steps - rising, 1.0), 1.0))


def _averaged(mean: "torch.Tensor", new: "torch.Tensor", step: "torch.Tensor | int") -> "torch.Tensor":
    kept = min(AVERAGED, (1 + float(step)) / (10 + float(step)))  # the first steps are forgotten soon
    return (mean + (1 - kept) * (new - mean)).to(mean.dtype)


def _loss(answer: "torch.Tensor", targets: Sequence[CropTarget]) -> "torch.Tensor":
    """Focal loss of the centres (Law and Deng, CornerNet, 2018); for the boxes L1 of offset and logarithm of the size,
    and one minus intersection over union, which weighs a pixel more for a small box (Yu et al., UnitBox, 2016)."""
    import torch

    wanted = torch.from_numpy(np.stack([target.centres for target in targets]))  # (B, rows, columns)
    weights = torch.from_numpy(np.stack([target.weights for target in targets]))
    logits = answer[:, 0]
    found = torch.sigmoid(logits)
    right = torch.nn.functional.logsigmoid(logits) * (1 - found) ** 2
    wrong = torch.nn.functional.logsigmoid(-logits) * found**2 * (1 - wanted) ** 4
    is_centre = wanted == 1
    count = max(int(is_centre.sum()), MIN_COUNTED)
    centres = -(torch.where(is_centre, right, wrong) * weights).sum() / count

    numbers = np.repeat(np.arange(len(targets)), [len(target.cells) for target in targets])
    cells = torch.from_numpy(np.concatenate([target.cells for target in targets]))
    sizes = torch.from_numpy(np.concatenate([target.sizes for target in targets]))
    shares = torch.from_numpy(np.concatenate([target.shares for target in targets]))
    picked = answer[torch.from_numpy(numbers), 1:, cells[:, 0], cells[:, 1]]  # (n, 4)
    off = (picked - sizes).abs()
    a_box = OFFSET_WEIGHT * off[:, :2].sum(dim=1) + SIZE_WEIGHT * off[:, 2:].sum(dim=1)
    a_box = a_box + OVERLAP_WEIGHT * (1 - _overlap(picked, sizes))
    return centres + (a_box * shares).sum() / max(float(shares.sum()), MIN_COUNTED)


def _overlap(found: "torch.Tensor", wanted: "torch.Tensor") -> "torch.Tensor":
    """Intersection over union of boxes with the same cell, (n, 4) offset and logarithm of the size, to (n,)."""
    import torch

    sides = [torch.exp(boxes[:, 2:].clamp(max=MAX_LOG_SIZE)) for boxes in (found, wanted)]
    low = torch.maximum(found[:, :2] - sides[0] / 2, wanted[:, :2] - sides[1] / 2)
    high = torch.minimum(found[:, :2] + sides[0] / 2, wanted[:, :2] + sides[1] / 2)
    shared = (high - low).clamp(min=0).prod(dim=1)
    return shared / (sides[0].prod(dim=1) + sides[1].prod(dim=1) - shared)
