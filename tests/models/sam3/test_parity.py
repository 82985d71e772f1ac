"""Our results against transformers' Sam3Model and its post_process_instance_segmentation, in
float32.

With the same features and texts, without padding, boxes and scores are equal bit for bit. Starting
from the picture, transformers' padding uses other attention kernels, which round differently: 1e-6.

SAM3-LiteText is SAM3's detector with a smaller text encoder, which sees the padding of a prompt.
"""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from engine.models.graphs import DirectRunner
from engine.models.sam3 import SegmentationSpec
from engine.models.sam3.backbone import Backbone, Features, preprocess
from engine.models.sam3.check import check
from engine.models.sam3.detected_objects import DetectedObjects
from engine.models.sam3.detector import Detector
from engine.models.sam3.load import load
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.prompts import PromptEncoder
from tests.benchmarks.sam3_reference import extract_post_processing
from tests.models.sam3.small_sam3 import SIDE, as_vision_embeds, detect
from tests.support.tiny_sam3 import build_tiny_lite_text

MAX_OBJECTS = 48  # all queries of the tiny model
Result = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    """Two pictures of bright rectangles on a dark background."""
    pictures = np.full((2, 240, 320, 3), 20, np.uint8)
    pictures[0, 40:120, 60:160] = (200, 40, 40)
    pictures[1, 100:220, 20:90] = (40, 200, 240)
    pictures[1, 30:90, 200:300] = 255
    return preprocess(torch.from_numpy(pictures), SIDE, torch.float32)


@torch.no_grad()
def transformers_finds(model: SegmentationModel, pixels: torch.Tensor, text: str) -> list[Result]:
    """Call transformers' model as users do: padded to 32 tokens, with a mask; threshold 0.5,
    target_sizes None."""
    inputs = model.tokenizer(
        [text] * len(pixels), padding="max_length", max_length=32, return_tensors="pt"
    )
    answer = model.detector(
        pixel_values=pixels, input_ids=inputs.input_ids, attention_mask=inputs.attention_mask
    )
    return post_processed(answer)


@torch.no_grad()
def transformers_finds_in(
    model: SegmentationModel, features: Features, embeds: torch.Tensor
) -> list[Result]:
    """Run transformers' model on our features and texts, whose parity other tests prove."""
    text: Any = SimpleNamespace(
        pooler_output=embeds.expand(len(features.last_hidden_state), -1, -1)
    )
    return post_processed(
        model.detector(vision_embeds=as_vision_embeds(features), text_embeds=text)
    )


def post_processed(answer: Any) -> list[Result]:
    results = extract_post_processing()(
        None, answer, threshold=0.5, mask_threshold=0.5, target_sizes=None
    )
    for each, logits, scores in zip(results, answer.pred_masks, scores_of(answer), strict=True):
        each["probabilities"] = logits[scores > 0.5].sigmoid()
        order = each["scores"].argsort(descending=True, stable=True)
        for name in each:
            each[name] = each[name][order]
    return results


def scores_of(answer: Any) -> torch.Tensor:
    return answer.pred_logits.sigmoid() * answer.presence_logits.sigmoid()


def assert_same_masks(found: DetectedObjects, theirs: Result) -> None:
    inside, probabilities = found.masks > 127.5, theirs["probabilities"].numpy()
    wrong = (inside != theirs["masks"].numpy().astype(bool)) & (np.abs(probabilities - 0.5) >= 1e-4)
    assert not wrong.any()
    assert np.abs(found.masks / 255.0 - probabilities).max() <= 0.5 / 255.0 + 1e-4


@pytest.mark.parametrize("texts", [["face"], ["a person in red", "white dog"]])
def test_boxes_and_scores_are_those_of_transformers_bit_for_bit(
    model: SegmentationModel, pixels: torch.Tensor, texts: Sequence[str]
) -> None:
    features = Backbone(model, DirectRunner()).run(pixels)
    prompts = [PromptEncoder(model).encode(text) for text in texts]
    found = detect(
        Detector(model, DirectRunner()),
        features,
        prompts,
        threshold=0.5,
        max_objects=len(texts) * MAX_OBJECTS,
    )
    for index, prompt in enumerate(prompts):
        for ours, theirs in zip(
            found, transformers_finds_in(model, features, prompt.embeds), strict=True
        ):
            mine = ours.select(ours.prompts == index)
            assert len(mine) > 12
            np.testing.assert_array_equal(mine.scores, theirs["scores"].numpy())
            np.testing.assert_array_equal(mine.boxes, theirs["boxes"].numpy())
            assert_same_masks(mine, theirs)


def test_results_from_the_picture_differ_only_by_rounding(
    model: SegmentationModel, pixels: torch.Tensor
) -> None:
    features = Backbone(model, DirectRunner()).run(pixels)
    prompt = PromptEncoder(model).encode("face")
    found = detect(
        Detector(model, DirectRunner()), features, [prompt], threshold=0.5, max_objects=MAX_OBJECTS
    )
    for ours, theirs in zip(found, transformers_finds(model, pixels, "face"), strict=True):
        np.testing.assert_allclose(ours.scores, theirs["scores"], rtol=0.0, atol=1e-6)
        np.testing.assert_allclose(ours.boxes, theirs["boxes"], rtol=0.0, atol=1e-6)
        assert_same_masks(ours, theirs)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_lite_text(tmp_path_factory.mktemp("lite") / "sam3-litetext-s0", side_px=SIDE)


@pytest.mark.parametrize("text", ["face", "a person in red"])
def test_it_finds_what_transformers_finds(folder: Path, text: str) -> None:
    model = load(SegmentationSpec(model=str(folder), resolution=SIDE), "cpu", "float32")
    pictures = np.full((1, 60, 80, 3), 20, np.uint8)
    pictures[0, 10:40, 20:60] = (200, 40, 40)
    pixels = preprocess(torch.from_numpy(pictures), SIDE, torch.float32)
    prompt = PromptEncoder(model).encode(text)
    features = Backbone(model, DirectRunner()).run(pixels)
    (ours,) = detect(
        Detector(model, DirectRunner()), features, [prompt], threshold=0.5, max_objects=MAX_OBJECTS
    )
    (theirs,) = transformers_finds(model, pixels, text)
    assert len(ours) > 4 and prompt.tokens < 32
    np.testing.assert_allclose(ours.scores, theirs["scores"], rtol=0.0, atol=1e-6)
    np.testing.assert_allclose(ours.boxes, theirs["boxes"], rtol=0.0, atol=1e-6)
    assert_same_masks(ours, theirs)
    with torch.no_grad():  # what would be wrong without the padding
        bare = model.detector.get_text_features(
            input_ids=torch.tensor([model.tokenizer(text).input_ids])
        )
    assert (bare.pooler_output - prompt.embeds).abs().max() > 1e-3


def test_its_folder_is_recognised_and_has_no_tracker(folder: Path) -> None:
    report = check(SegmentationSpec(model=str(folder), resolution=SIDE))
    assert (report.kind, report.missing) == ("sam3_lite_text", ())
    assert {part.name for part in report.parts} == {"vision", "text", "detector"}
    assert any(note.startswith("no tracker") for note in report.notes)


def test_a_score_equal_to_the_threshold_is_not_kept(
    model: SegmentationModel, pixels: torch.Tensor
) -> None:
    features = Backbone(model, DirectRunner()).run(pixels[:1])
    detector, prompt = Detector(model, DirectRunner()), PromptEncoder(model).encode("face")
    (all_found,) = detect(detector, features, [prompt], threshold=0.0, max_objects=MAX_OBJECTS)
    (above,) = detect(
        detector, features, [prompt], threshold=float(all_found.scores[5]), max_objects=MAX_OBJECTS
    )
    np.testing.assert_array_equal(above.scores, all_found.scores[:5])
