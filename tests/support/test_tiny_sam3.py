"""The tiny SAM3 through transformers' own classes: what it finds is what was drawn."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from tests.support.long_form import in_long_form

WHITE, RED, GREEN, BLUE = (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255)
DARK_GREY = 40
ONE_PATCH = 1 / 24

Disc = tuple[float, float, float, tuple[int, int, int]]  # centre and radius as shares of the side, colour


def picture(discs: Sequence[Disc], side: int = 336) -> np.ndarray:
    """(side, side, 3) uint8 RGB: discs on dark grey, the last in front."""
    pixels = np.full((side, side, 3), DARK_GREY, np.uint8)
    for x, y, radius, colour in discs:
        cv2.circle(pixels, (round(x * side), round(y * side)), round(radius * side), colour, -1)
    return pixels


def as_input(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1


def centre_of(mask_logits: torch.Tensor) -> tuple[float, float]:
    """x and y, 0..1, of what is inside a (side, side) mask."""
    rows, columns = torch.nonzero(mask_logits > 0, as_tuple=True)
    side = mask_logits.shape[-1]
    return float(columns.float().mean() + 0.5) / side, float(rows.float().mean() + 0.5) / side


def overlap(mask_logits: torch.Tensor, disc: Disc) -> float:
    """IoU of a (side, side) mask, scaled to the picture and cut at a half, with the disc as it was drawn."""
    inside = torch.nn.functional.interpolate(mask_logits[None, None].sigmoid(), (336, 336), mode="bilinear")[0, 0] > 0.5
    drawn = torch.from_numpy(picture([disc]).max(2) > 2 * DARK_GREY)
    return float((inside & drawn).sum() / (inside | drawn).sum())


@pytest.fixture(scope="module")
def tokens(seeing_sam3: Path) -> Callable[[str], Any]:
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(seeing_sam3, local_files_only=True)
    return lambda text: tokenizer([text], padding="max_length", truncation=True, return_tensors="pt")


@pytest.fixture(scope="module")
def detect(seeing_sam3: Path, tokens: Callable[[str], Any]) -> Callable[..., Any]:
    """`detect(discs, text)`: scores (48,), boxes (48, 4) xyxy, masks (48, 96, 96) logits."""
    from transformers import Sam3Model

    detector = Sam3Model.from_pretrained(seeing_sam3, local_files_only=True).eval()

    @torch.inference_mode()
    def run(discs: Sequence[Disc], text: str = "person") -> Any:
        found = detector(pixel_values=as_input(picture(discs)), **tokens(text))
        scores = found.pred_logits.sigmoid() * found.presence_logits.sigmoid()
        return scores[0], found.pred_boxes[0], found.pred_masks[0]

    return run


@pytest.fixture(scope="module")
def video_model(seeing_sam3: Path) -> Any:
    from transformers import Sam3VideoModel

    return Sam3VideoModel.from_pretrained(seeing_sam3, local_files_only=True).eval()


@pytest.fixture
def follow(video_model: Any, tokens: Callable[[str], Any]) -> Callable[[Sequence[Disc]], Any]:
    """`follow(discs)` is the answer to the next picture of one video, thresholds as they come."""
    from transformers.models.sam3_video.modeling_sam3_video import Sam3VideoInferenceSession

    session = Sam3VideoInferenceSession(dtype=torch.float32, max_vision_features_cache_size=1)
    prompt = session.add_prompt("person")
    session.prompt_input_ids[prompt] = tokens("person").input_ids
    session.prompt_attention_masks[prompt] = tokens("person").attention_mask
    return lambda discs: video_model(inference_session=session, frame=as_input(picture(discs)))


@pytest.mark.parametrize(
    ("colour", "text"),
    [(WHITE, "person"), (RED, "a word it never saw, and a few more"), ((170, 170, 170), "person")],
)
def test_a_disc_is_found_where_it_is_whatever_the_prompt(
    detect: Callable[..., Any], colour: tuple[int, int, int], text: str
) -> None:
    for x, y, radius in ((0.2, 0.3, 1 / 12), (0.5, 0.5, 0.15), (0.7, 0.6, 0.25)):
        disc = (x, y, radius, colour)
        scores, boxes, masks = detect([disc], text)
        assert scores[0] > 0.9 and scores[1:].max() < 0.1
        assert centre_of(masks[0]) == pytest.approx((x, y), abs=ONE_PATCH / 4)
        assert overlap(masks[0], disc) > 0.9
        assert boxes[0].tolist() == pytest.approx([x - radius, y - radius, x + radius, y + radius], abs=ONE_PATCH / 2)


def test_shapes_of_three_colours_are_three_objects(detect: Callable[..., Any]) -> None:
    discs = [(0.2, 0.3, 0.12, WHITE), (0.5, 0.7, 0.15, GREEN), (0.8, 0.4, 0.1, BLUE)]
    scores, boxes, masks = detect(discs)
    assert torch.nonzero(scores > 0.5).flatten().tolist() == [0, 1, 2]
    assert scores[:3].min() > 0.9 and scores[3:].max() < 0.1
    for disc, box, mask in zip(discs, boxes, masks, strict=False):
        assert overlap(mask, disc) > 0.9
        assert ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) == pytest.approx(disc[:2], abs=ONE_PATCH / 2)


def test_a_dark_picture_holds_nothing(detect: Callable[..., Any]) -> None:
    scores, _, masks = detect([])
    assert scores.max() < 0.1
    assert (masks < 0).all()


def test_ids_stay_with_their_shapes_across_the_picture(follow: Callable[[Sequence[Disc]], Any]) -> None:
    for index in range(7):
        along = index / 6
        green, white = (0.8 - 0.6 * along, 0.65, 0.12, GREEN), (1.3 * along - 0.15, 0.25, 0.1, WHITE)
        found = follow([green, white])
        assert found.object_ids in ([0], [0, 1])
        assert overlap(found.obj_id_to_mask[0][0], green) > 0.9
        if 0.1 < white[0] < 0.9:
            assert found.object_ids == [0, 1]
            assert overlap(found.obj_id_to_mask[1][0], white) > 0.9
            assert found.obj_id_to_tracker_score[1] > 0.9
    # White has walked out.
    assert (found.obj_id_to_mask[1] < 0).all()
    assert found.obj_id_to_tracker_score[1] < 0.1


def test_a_shape_that_comes_back_keeps_its_id(follow: Callable[[Sequence[Disc]], Any]) -> None:
    assert follow([]).object_ids == []
    assert follow([(0.3, 0.5, 0.12, BLUE)]).object_ids == [0]
    for _ in range(3):
        gone = follow([])
        assert (gone.obj_id_to_mask[0] < 0).all()
        assert gone.obj_id_to_tracker_score[0] < 0.1
    back = follow([(0.7, 0.5, 0.12, BLUE)])
    assert back.object_ids == [0]
    assert centre_of(back.obj_id_to_mask[0][0]) == pytest.approx((0.7, 0.5), abs=ONE_PATCH / 4)


def test_shapes_that_touch_and_hide_each_other_keep_their_ids(follow: Callable[[Sequence[Disc]], Any]) -> None:
    for along in (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0):
        behind, front = (0.25 + 0.5 * along, 0.4, 0.2, GREEN), (0.75 - 0.5 * along, 0.6, 0.2, RED)
        found = follow([behind, front])
        assert found.object_ids == [0, 1]
        red = next(number for number in (0, 1) if overlap(found.obj_id_to_mask[number][0], front) > 0.9)
        assert red == 0  # query 0 finds what is red: the first id


@pytest.mark.parametrize("size", [336, *in_long_form(672)])
def test_random_weights_find_more_than_16_objects(tiny_sam3: Path, tokens: Callable[[str], Any], size: int) -> None:
    from transformers import Sam3Model, Sam3VideoConfig

    config = Sam3VideoConfig.from_pretrained(tiny_sam3, local_files_only=True)
    config.image_size = size
    detector = Sam3Model.from_pretrained(tiny_sam3, config=config, local_files_only=True).eval()
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
    for pixels in (picture([(0.4, 0.5, 0.2, RED)], size), noise):
        with torch.inference_mode():
            found = detector(pixel_values=as_input(pixels), **tokens("person"))
        scores = (found.pred_logits.sigmoid() * found.presence_logits.sigmoid())[0]
        assert int((scores > 0.5).sum()) > 16
        assert found.pred_masks.shape[-2:] == (4 * size // 14, 4 * size // 14)
        assert int((found.pred_masks[0] > 0).flatten(1).any(1).sum()) > 16


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
