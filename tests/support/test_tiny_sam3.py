"""The tiny SAM3 through transformers' own classes: what it finds is what was drawn. Tests of the engine's own classes
show that it tracks."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

WHITE, GREEN, BLUE = (255, 255, 255), (0, 255, 0), (0, 0, 255)
DARK_GREY = 40
ONE_PATCH = 1 / 24
SIDE_PX = 336

Disc = tuple[float, float, float, tuple[int, int, int]]  # centre and radius as shares of the side, colour


def picture(*discs: Disc) -> np.ndarray:
    """(336, 336, 3) uint8 RGB: discs on dark grey."""
    pixels = np.full((SIDE_PX, SIDE_PX, 3), DARK_GREY, np.uint8)
    for x, y, radius, colour in discs:
        cv2.circle(pixels, (round(x * SIDE_PX), round(y * SIDE_PX)), round(radius * SIDE_PX), colour, -1)
    return pixels


def overlap(mask_logits: torch.Tensor, disc: Disc) -> float:
    """IoU of a (side, side) mask, scaled to the picture and cut at a half, with the disc as it was drawn."""
    inside = torch.nn.functional.interpolate(mask_logits[None, None].sigmoid(), (336, 336), mode="bilinear")[0, 0] > 0.5
    drawn = torch.from_numpy(picture(disc).max(2) > 2 * DARK_GREY)
    return float((inside & drawn).sum() / (inside | drawn).sum())


def test_shapes_of_three_colours_are_three_objects(seeing_sam3: Path) -> None:
    from transformers import CLIPTokenizer, Sam3Model

    detector = Sam3Model.from_pretrained(seeing_sam3, local_files_only=True).eval()
    tokenizer = CLIPTokenizer.from_pretrained(seeing_sam3, local_files_only=True)
    tokens = tokenizer(["person"], padding="max_length", truncation=True, return_tensors="pt")
    discs = (0.2, 0.3, 0.12, WHITE), (0.5, 0.7, 0.15, GREEN), (0.8, 0.4, 0.1, BLUE)
    pixels = torch.from_numpy(picture(*discs)).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.inference_mode():
        found = detector(pixel_values=pixels, **tokens)
    scores = (found.pred_logits.sigmoid() * found.presence_logits.sigmoid())[0]
    assert scores[:3].min() > 0.9 and scores[3:].max() < 0.1
    for (x, y, radius, colour), box, mask in zip(discs, found.pred_boxes[0], found.pred_masks[0], strict=False):
        assert overlap(mask, (x, y, radius, colour)) > 0.9
        assert box.tolist() == pytest.approx([x - radius, y - radius, x + radius, y + radius], abs=ONE_PATCH / 2)


def test_the_files_name_their_weights_as_the_models_do(tiny_sam3: Path) -> None:
    from safetensors import safe_open
    from transformers import Sam3Model, Sam3VideoModel

    with safe_open(tiny_sam3 / "model.safetensors", "pt") as weights:
        names = set(weights.keys())
    video, video_loading = Sam3VideoModel.from_pretrained(tiny_sam3, local_files_only=True, output_loading_info=True)
    detector, loading = Sam3Model.from_pretrained(tiny_sam3, local_files_only=True, output_loading_info=True)
    assert names == set(video.state_dict())
    assert names >= {f"detector_model.{name}" for name in detector.state_dict()}
    assert not any(video_loading.values()) and not any(loading.values())
