"""Tiny networks that draw control images: with random weights as files, and with known answers."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from engine.models.plain_config import read_config
from engine.models.random_models import seeded
from engine.models.weight_files import find_weights

CONFIGURATIONS = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


def build_tiny_depth(folder: Path, **changes: Any) -> Path:
    """A DepthAnything of 160 KB; `changes` of its configuration."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation

    with seeded(0):
        network = DepthAnythingForDepthEstimation(
            DepthAnythingConfig(**CONFIGURATIONS["depth"] | changes)
        )
        network.head.conv3.bias.data.fill_(1.0)  # above 0, where its answer ends
        _spread(network).save_pretrained(folder)
    return folder


def build_tiny_pose(folder: Path, *, experts: int = 1) -> Path:
    """A ViTPose, or with several experts a ViTPose+."""
    from transformers import VitPoseConfig, VitPoseForPoseEstimation

    pose = CONFIGURATIONS["pose"]
    backbone = pose["backbone_config"] | {"num_experts": experts}
    with seeded(0):
        network = VitPoseForPoseEstimation(VitPoseConfig(**pose | {"backbone_config": backbone}))
        _spread(network).save_pretrained(folder)
    return folder


def network_of(kind: str, folder: Path, **changes: int) -> Any:
    """The network in `folder`, a class of transformers, as a model loads it."""
    from engine.models.pretrained import load_network

    weights = find_weights(folder)
    assert weights is not None
    return load_network(
        kind, weights, read_config("x", folder), torch.float32, "x", changes=changes
    ).eval()


def _spread(network: Any) -> Any:
    """With larger weights: as built, the output is all but the same everywhere."""
    for weight in network.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.2)
    return network


class BrightnessAsDepth(torch.nn.Module):
    """Fake DepthAnything: says that bright points are near."""

    dtype = torch.float32

    def __init__(self, *, is_metric: bool = False) -> None:
        super().__init__()
        kind = "metric" if is_metric else "relative"
        self.config = SimpleNamespace(patch_size=14, depth_estimation_type=kind)
        self.seen: torch.Tensor | None = None

    def forward(self, pixel_values: torch.Tensor) -> Any:
        self.seen = pixel_values
        near = pixel_values.mean(dim=1) + 3.0  # above 0
        return SimpleNamespace(
            predicted_depth=1.0 / near if self.config.depth_estimation_type == "metric" else near
        )


class KnownPose(torch.nn.Module):
    """Fake ViTPose: finds the joints at given places, as Gaussians in heatmaps of 64 x 48."""

    dtype, device = torch.float32, torch.device("cpu")

    def __init__(self, positions: torch.Tensor, scores: torch.Tensor) -> None:
        """`positions` (17, 2): x and y in pixels of the heatmaps; `scores` (17,)."""
        super().__init__()
        self.config = SimpleNamespace(
            backbone_config=SimpleNamespace(image_size=[256, 192], num_experts=1)
        )
        x, y = torch.arange(48.0), torch.arange(64.0)[:, None]
        apart = (x - positions[:, 0, None, None]) ** 2 + (y - positions[:, 1, None, None]) ** 2
        self.heatmaps = (torch.exp(-apart / (2 * 2.0**2)) * scores[:, None, None])[None]
        self.seen: torch.Tensor | None = None

    def forward(self, pixel_values: torch.Tensor) -> Any:
        self.seen = pixel_values
        return SimpleNamespace(heatmaps=self.heatmaps)
