"""The seeing SAM3 at 112 x 112: 8 x 8 patches in one window, masks of 32 x 32; twenty milliseconds
per picture."""

from typing import Any

import cv2
import numpy as np
import torch

from engine.models.graphs import DirectRunner
from engine.models.sam3.backbone import Backbone, Features, preprocess
from engine.models.sam3.detected_objects import DetectedObjects
from engine.models.sam3.detector import Detector
from engine.models.sam3.model import SegmentationModel
from tests.support.tiny_sam3 import PATCH_SIZE

SIDE = 112
PATCHES = SIDE // PATCH_SIZE
MASK_SIDE = 4 * PATCHES
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)

Disc = tuple[float, float, float, tuple[int, int, int]]
"""Centre x, centre y and radius in 0..1 of the picture, and a colour."""


def picture(*discs: Disc, width: int = SIDE, height: int = SIDE) -> np.ndarray:
    """(height, width, 3) uint8: discs on black, which are ellipses if the picture is not square."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for x, y, radius, colour in discs:
        centre = (round(x * width), round(y * height))
        cv2.ellipse(
            pixels, centre, (round(radius * width), round(radius * height)), 0, 0, 360, colour, -1
        )
    return pixels


def features_of(model: SegmentationModel, picture_px: np.ndarray) -> Features:
    return Backbone(model, DirectRunner()).run(
        preprocess(torch.from_numpy(picture_px)[None], SIDE, model.dtype)
    )


def detect(detector: Detector, *arguments: Any, **options: Any) -> list[DetectedObjects]:
    """Run the detector: call `launch` and wait for its result."""
    return detector.launch(*arguments, **options)()


def as_vision_embeds(features: Features) -> Any:
    """Our Features as input for transformers' Sam3Model: four levels, of which it ignores the
    last."""
    from transformers.models.sam3.modeling_sam3 import Sam3VisionEncoderOutput

    unread: Any = None
    batch = len(features.last_hidden_state)
    return Sam3VisionEncoderOutput(
        last_hidden_state=features.last_hidden_state,
        fpn_hidden_states=(*features.fpn_hidden_states, unread),
        fpn_position_encoding=(unread, unread, features.position.expand(batch, -1, -1, -1), unread),
    )


def sizes(root: Any) -> tuple[int, int]:
    """Number of entries of all containers in `root`, at any depth, and bytes that its tensors keep
    alive."""
    storages: dict[int, int] = {}

    def entries(each: Any) -> int:
        if isinstance(each, torch.Tensor):
            storage = each.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
        elif isinstance(each, dict):
            return len(each) + sum(entries(value) for value in each.values())
        elif isinstance(each, list | tuple | set):
            return len(each) + sum(entries(value) for value in each)
        elif hasattr(each, "__dict__"):
            return entries(vars(each))
        return 0

    return entries(root), sum(storages.values())
