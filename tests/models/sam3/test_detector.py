"""Selection of the best objects of several prompts, masks only for those, and box prompts."""

import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from engine.models.graphs import DirectRunner, GraphRunner
from engine.models.sam3.backbone import Backbone, Features
from engine.models.sam3.detector import Detector, append_boxes
from engine.models.sam3.detr import to_uint8
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.prompts import EncodedPrompt, PromptEncoder
from tests.models.recorded_graphs import Recording
from tests.models.sam3.small_sam3 import as_vision_embeds, detect

BOXES = [(0.5, 0.5, 0.25, 0.5), (0.25, 0.75, 0.2, 0.1)]


@pytest.fixture(scope="module")
def features(model: SegmentationModel) -> Features:
    generator = torch.Generator().manual_seed(3)
    return Backbone(model, DirectRunner()).run(
        torch.rand(2, 3, 112, 112, generator=generator) * 2.0 - 1.0
    )


@pytest.fixture(scope="module")
def prompts(model: SegmentationModel) -> list[EncodedPrompt]:
    encoder = PromptEncoder(model)
    return [encoder.encode(text) for text in ("face", "a person in red")]


def one(features: Features, index: int) -> Features:
    levels = tuple(level[index : index + 1] for level in features.fpn_hidden_states)
    hidden = features.last_hidden_state[index : index + 1]
    return replace(features, fpn_hidden_states=levels, last_hidden_state=hidden)


def test_the_best_objects_of_all_prompts_are_kept(
    model: SegmentationModel, features: Features, prompts: list[EncodedPrompt]
) -> None:
    detector = Detector(model, DirectRunner())
    for index, found in enumerate(
        detect(detector, features, prompts, threshold=0.5, max_objects=6)
    ):
        by_itself = [
            detect(detector, one(features, index), [p], threshold=0.5, max_objects=6)[0]
            for p in prompts
        ]
        scores = np.concatenate([each.scores for each in by_itself])
        order = np.argsort(-scores, kind="stable")[:6]
        np.testing.assert_allclose(found.scores, scores[order], rtol=0.0, atol=1e-6)
        np.testing.assert_array_equal(
            found.prompts, np.repeat([0, 1], [len(each) for each in by_itself])[order]
        )
        masks = np.concatenate([each.masks for each in by_itself])[order]
        assert np.abs(found.masks.astype(int) - masks).max() <= 1
        assert found.is_finite and found.ids is None
    every = detect(detector, features, prompts[:1], threshold=0.0, max_objects=500)
    assert [len(each) for each in every] == [48, 48], "more than there are queries"


def test_a_captured_decoder_sees_each_new_picture_and_prompt(
    model: SegmentationModel, features: Features, prompts: list[EncodedPrompt]
) -> None:
    """Each prompt length has its own graphs; two prompts of one length share them; fewer objects
    need no others."""
    recording = Recording()
    graphs, plain = Detector(model, GraphRunner(recording, 8)), Detector(model, DirectRunner())
    like_the_first = PromptEncoder(model).encode("case")
    assert like_the_first.tokens == prompts[0].tokens != prompts[1].tokens
    all_prompts = [*prompts, like_the_first]
    for index in (0, 1, 0):
        (ours,) = detect(graphs, one(features, index), all_prompts, threshold=0.5, max_objects=8)
        (expected,) = detect(plain, one(features, index), all_prompts, threshold=0.5, max_objects=8)
        np.testing.assert_allclose(ours.scores, expected.scores, rtol=0.0, atol=1e-6)
        np.testing.assert_array_equal(ours.prompts, expected.prompts)
        np.testing.assert_allclose(ours.boxes, expected.boxes, rtol=0.0, atol=1e-6)
        assert np.abs(ours.masks.astype(int) - expected.masks).max() <= 1
    for max_objects in (16, 3, 9):
        (found,) = detect(
            graphs, one(features, 0), all_prompts[:1], threshold=0.5, max_objects=max_objects
        )
        assert len(found) == max_objects
    assert len(recording.captured) == 4  # decoder and masks of each length


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_nan_empties_only_the_result_of_its_own_picture(
    model: SegmentationModel, features: Features, prompts: list[EncodedPrompt], number: float
) -> None:
    for level_index in (0, 2):  # the finest level reaches the masks only, the coarsest everything
        levels = [level.clone() for level in features.fpn_hidden_states]
        levels[level_index][1, 0, 5, 5] = number
        broken = replace(features, fpn_hidden_states=tuple(levels))
        good, bad = detect(
            Detector(model, DirectRunner()), broken, prompts, threshold=0.5, max_objects=4
        )
        assert good.is_finite and len(good) == 4
        assert not bad.is_finite and len(bad) == 0


def test_a_byte_is_above_the_middle_exactly_where_the_probability_is() -> None:
    near = torch.tensor([0.0, 1e-6, -1e-6, 0.004, -0.004])
    levels = to_uint8(torch.cat((near, torch.linspace(-12.0, 12.0, 10001))))
    probabilities = torch.cat((near, torch.linspace(-12.0, 12.0, 10001))).sigmoid()
    assert torch.equal(levels > 127.5, probabilities > 0.5)
    assert (levels.float() - probabilities * 255.0).abs().max() <= 0.5001
    assert (levels[-1], levels[5]) == (255, 0)


# -- box prompts


def roi_align(picture: torch.Tensor, boxes: list[torch.Tensor], size: int) -> torch.Tensor:
    """A plain roi_align: one sample in the middle of each of size x size bins of each box, in
    texels."""
    count = len(boxes[0])
    assert all(len(each) == count for each in boxes)
    corners = torch.stack(boxes)  # (B, n, 4)
    bins = (torch.arange(size) + 0.5) / size
    x = corners[..., 0:1] + bins * (corners[..., 2:3] - corners[..., 0:1])  # (B, n, size)
    y = corners[..., 1:2] + bins * (corners[..., 3:4] - corners[..., 1:2])
    height, width = picture.shape[2:]
    grid = torch.stack(
        (
            (2.0 * x / width - 1.0)[:, :, None, :].expand(-1, -1, size, -1),
            (2.0 * y / height - 1.0)[:, :, :, None].expand(-1, -1, -1, size),
        ),
        dim=-1,
    )
    cut = F.grid_sample(picture, grid.flatten(1, 2), align_corners=False)  # (B, C, n * size, size)
    return cut.unflatten(2, (count, size)).permute(0, 2, 1, 3, 4).flatten(0, 1)


@pytest.fixture
def torchvision(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A fake torchvision with the one function that box prompts need."""
    package, operations = ModuleType("torchvision"), ModuleType("torchvision.ops")
    operations.roi_align = roi_align  # type: ignore[attr-defined]
    package.ops = operations  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.ops", operations)
    return package


def test_box_prompts_equal_those_of_transformers(
    model: SegmentationModel,
    features: Features,
    prompts: list[EncodedPrompt],
    torchvision: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from transformers.models.sam3 import modeling_sam3

    monkeypatch.setattr(modeling_sam3, "torchvision", torchvision, raising=False)
    inputs = model.tokenizer(["face"] * 2, return_tensors="pt")
    boxes = torch.tensor([BOXES] * 2)
    with torch.no_grad():
        ours = append_boxes(model.detector.geometry_encoder, prompts[0].embeds, features, BOXES)
        theirs = model.detector.geometry_encoder(
            box_embeddings=boxes,
            box_mask=torch.ones(2, 2, dtype=torch.bool),
            box_labels=torch.ones(2, 2, dtype=torch.long),
            img_feats=features.fpn_hidden_states,
            img_pos_embeds=as_vision_embeds(features).fpn_position_encoding[:-1],
        ).last_hidden_state
        answer = model.detector(
            vision_embeds=as_vision_embeds(features), input_ids=inputs.input_ids, input_boxes=boxes
        )
    assert ours.shape == (2, prompts[0].tokens + 3, 128)
    torch.testing.assert_close(ours[:, prompts[0].tokens :], theirs, rtol=0.0, atol=2e-6)
    best = Detector(model, DirectRunner()).best(features, prompts[:1], max_queries=48, boxes=BOXES)
    scores = answer.pred_logits.sigmoid() * answer.presence_logits.sigmoid()
    torch.testing.assert_close(
        best.scores, scores.sort(dim=1, descending=True).values, rtol=0.0, atol=1e-6
    )
    without = Detector(model, DirectRunner()).best(features, prompts[:1], max_queries=48)
    assert not torch.allclose(best.scores, without.scores, atol=1e-3)
