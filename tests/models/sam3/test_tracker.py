"""Tracked objects keep their ids: coloured discs on black, tracked by the small SAM3 that really
sees them."""

import itertools
import logging
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from engine.models.graphs import DirectRunner
from engine.models.sam3 import memory_attention, propagation, tracker
from engine.models.sam3.backbone import Features
from engine.models.sam3.detected_objects import DetectedObjects
from engine.models.sam3.detector import Detector
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.prompts import EncodedPrompt, PromptEncoder
from engine.models.sam3.propagation import Propagation
from engine.models.sam3.tracker import Tracker
from tests.models.sam3.small_sam3 import (
    BLUE,
    GREEN,
    MASK_SIDE,
    RED,
    SIDE,
    Disc,
    features_of,
    picture,
)

RED_DISC: Disc = (0.3, 0.3, 0.13, RED)
GREEN_DISC: Disc = (0.7, 0.3, 0.12, GREEN)
BLUE_DISC: Disc = (0.3, 0.7, 0.11, BLUE)

LOST_SOON = 6  # results, instead of LOST_AFTER


@pytest.fixture(scope="module")
def prompts(seeing: SegmentationModel) -> dict[str, EncodedPrompt]:
    encoder = PromptEncoder(seeing)
    return {text: encoder.encode(text) for text in ("face", "dog")}


class Stream:
    def __init__(self, model: SegmentationModel, prompts: Sequence[EncodedPrompt]) -> None:
        self.model = model
        self.tracker = Tracker(model, Detector(model, DirectRunner()))
        self.prompts = list(prompts)
        self._seen: dict[tuple[Disc, ...], Features] = {}

    def show(
        self, *discs: Disc, max_objects: int = 16, threshold: float = 0.5, **options: Any
    ) -> DetectedObjects:
        features = self._seen.get(discs)
        if features is None:
            features = self._seen[discs] = features_of(self.model, picture(*discs))
        return self.tracker.step(
            features, self.prompts, max_objects=max_objects, threshold=threshold, **options
        )

    def ids(self, *discs: Disc, **options: Any) -> list[int]:
        return self.show(*discs, **options).ids.tolist()


@pytest.fixture
def stream(
    seeing: SegmentationModel, prompts: dict[str, EncodedPrompt], monkeypatch: pytest.MonkeyPatch
) -> Stream:
    monkeypatch.setattr(tracker, "LOST_AFTER", LOST_SOON)
    return Stream(seeing, [prompts["face"]])


def test_an_object_hidden_for_too_many_results_is_lost_and_frees_its_place(stream: Stream) -> None:
    assert stream.ids(RED_DISC, max_objects=1) == [1]
    for _ in range(LOST_SOON - 1):
        assert stream.ids(GREEN_DISC, max_objects=1) == []
    assert stream.ids(RED_DISC, max_objects=1) == [1]
    for _ in range(LOST_SOON):
        assert stream.ids(GREEN_DISC, max_objects=1) == []  # red's place is not free yet
    assert stream.ids(GREEN_DISC, max_objects=1) == [2]


def test_a_tracked_object_that_is_no_longer_detected_is_lost_too(stream: Stream) -> None:
    small: Disc = (0.3, 0.3, 5 / SIDE, RED)  # it scores less than 0.95
    assert stream.ids(RED_DISC, threshold=0.95) == [1]
    for _ in range(LOST_SOON):
        assert stream.ids(small, threshold=0.95) == [1]
    assert stream.ids(small, threshold=0.95) == []


def test_two_shapes_have_two_ids_and_the_best_comes_first(stream: Stream) -> None:
    assert stream.ids(GREEN_DISC) == [1]
    found = stream.show(RED_DISC, GREEN_DISC)
    assert found.ids.tolist() == [2, 1]
    assert found.scores[0] > found.scores[1]
    assert found.boxes[0, 0] < 0.3 < found.boxes[1, 0]
    for _ in range(5):
        assert stream.ids(RED_DISC, GREEN_DISC) == [2, 1]


def test_a_square_is_found_to_the_texel(stream: Stream) -> None:
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    pixels[28:84, 42:84] = RED
    for _ in range(3):
        found = stream.tracker.step(
            features_of(stream.model, pixels), stream.prompts, threshold=0.5, max_objects=16
        )
        assert found.masks.shape == (1, MASK_SIDE, MASK_SIDE) and found.masks.dtype == np.uint8
        expected = np.zeros((MASK_SIDE, MASK_SIDE), bool)
        expected[8:24, 12:24] = True
        assert np.array_equal(found.masks[0] > 127, expected)
        assert found.boxes.tolist() == [[0.375, 0.25, 0.75, 0.75]]
        assert found.boxes.dtype == found.scores.dtype == np.float32
        assert found.ids.dtype == found.prompts.dtype == np.int64


def test_a_lower_limit_and_a_higher_threshold_drop_the_worst_without_a_warning(
    stream: Stream, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    crowd = (BLUE_DISC, GREEN_DISC, RED_DISC)
    assert stream.ids(*crowd) == [1, 2, 3]
    for max_objects, ids in ((1, [1]), (1, [1]), (2, [1, 4])):
        found = stream.show(*crowd, max_objects=max_objects)
        assert found.ids.tolist() == ids
        # the largest
        assert np.allclose(found.boxes[:, 0], (0.17, 0.58)[: len(ids)], atol=1.5 / MASK_SIDE)
    small: Disc = (0.5, 0.75, 5 / SIDE, BLUE)
    assert stream.show(RED_DISC, small).scores[-1] < 0.95
    assert stream.ids(RED_DISC, small, threshold=0.95) == [1]
    assert stream.ids(RED_DISC, small, threshold=0.5) == [1, 6]
    assert not caplog.records


def test_while_others_are_tracked_a_new_object_needs_more_than_the_threshold(
    stream: Stream,
) -> None:
    faint: Disc = (0.5, 0.7, 4 / SIDE, BLUE)
    score = stream.show(faint, threshold=0.05).scores.item()
    assert 0.45 < score < 0.7
    # 0.4 + 0.6 threshold is asked of a new one
    strict, loose = (score - 0.04, (score - 0.4) / 0.6 - 0.04)
    stream.tracker.reset()
    assert stream.ids(RED_DISC) == [2]
    assert stream.ids(RED_DISC, faint, threshold=strict) == [2]
    assert stream.ids(RED_DISC, faint, threshold=loose) == [2, 3]
    stream.tracker.reset()
    assert stream.ids(faint, threshold=strict) == [4]  # by itself it needs no more


def test_objects_of_a_removed_text_are_dropped_and_a_text_given_twice_is_searched_once(
    stream: Stream, prompts: dict[str, EncodedPrompt]
) -> None:
    face, dog = prompts["face"], prompts["dog"]
    assert stream.ids(RED_DISC) == [1]
    stream.prompts = [dog, face]
    found = stream.show(RED_DISC)
    assert dict(zip(found.ids.tolist(), found.prompts.tolist(), strict=True)) == {1: 1, 2: 0}
    stream.prompts = [dog]
    found = stream.show(RED_DISC)
    assert found.ids.tolist() == [2] and found.prompts.tolist() == [0]
    stream.prompts = [face]
    assert stream.ids(RED_DISC) == [3]
    stream.prompts = []
    assert stream.ids(RED_DISC) == []
    stream.prompts = [dog, face, face]
    assert sorted(stream.show(RED_DISC).prompts.tolist()) == [0, 1]


def test_a_piece_of_work_is_at_most_three_objects_of_long_memories_in_the_largest_picture() -> None:
    large, small = 72**2, 24**2
    assert propagation.batch_by_length([(10, 31)] * 4, large) == [[0, 1, 2], [3]]
    assert propagation.batch_by_length([(7, 20), (1, 1), (7, 20), (7, 16), (7, 20)], large) == [
        [1, 3, 0, 2, 4]
    ]
    assert propagation.batch_by_length([(10, 31)] * 16, small) == [list(range(16))]
    assert propagation.batch_by_length([], small) == []


def test_an_aborted_picture_changes_no_object(stream: Stream) -> None:
    """As if the device ran out of memory, at each point in turn."""
    for call in itertools.count():
        stream.tracker.reset()
        (red,) = stream.ids(RED_DISC)
        points = iter(range(call))

        def between(left: Iterator[int] = points) -> None:
            if next(left, None) is None:
                raise MemoryError

        try:
            stream.show(RED_DISC, GREEN_DISC, between=between)
            break
        except MemoryError:
            assert stream.ids(RED_DISC, GREEN_DISC) == [red, red + 1]
    assert call >= 8


def test_tracked_objects_survive_a_picture_with_nan(stream: Stream) -> None:
    assert stream.ids(RED_DISC) == [1]
    features = features_of(stream.model, picture(RED_DISC))
    for tensor in (*features.fpn_hidden_states, features.last_hidden_state):
        tensor.fill_(torch.nan)
    found = stream.tracker.step(features, stream.prompts, threshold=0.5, max_objects=16)
    assert not found.is_finite and len(found) == 0
    assert stream.ids(RED_DISC) == [1]


def test_an_object_with_nan_in_memory_is_found_again_and_harms_no_others(stream: Stream) -> None:
    assert stream.ids(RED_DISC) == [1]
    bias = stream.model.video.tracker_model.memory_encoder.projection.bias
    sound = bias.clone()
    bias.fill_(torch.nan)
    try:
        assert stream.ids(RED_DISC) == [1]
    finally:
        bias.copy_(sound)
    for _ in range(LOST_SOON + 1):
        assert stream.ids(RED_DISC, GREEN_DISC) == [2, 3]


def test_between_detections_known_objects_are_tracked_and_new_ones_wait(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []
    best_of_each = Detector.best_of_each

    def noted(*arguments: Any, **options: Any) -> Any:
        looked.append(stream.tracker._frames)
        return best_of_each(*arguments, **options)

    monkeypatch.setattr(Detector, "best_of_each", noted)
    monkeypatch.setattr(stream.model.video, "recondition_every_nth_frame", 8)
    stream.tracker.detect_every = 3
    assert stream.ids() == stream.ids() == [], "without an object each picture is looked at"
    assert [stream.ids(RED_DISC, GREEN_DISC) for _ in range(3)] == [[1, 2]] * 3
    assert [stream.ids(BLUE_DISC, RED_DISC, GREEN_DISC) for _ in range(5)] == [
        [1, 2],
        *[[1, 2, 3]] * 4,
    ]
    assert looked == [0, 1, 2, 3, 6, 8, 9], "0, 1, 2: nothing was tracked; 8: reconditioned"
    features = features_of(stream.model, picture(RED_DISC))
    features.last_hidden_state.fill_(torch.nan)
    found = stream.tracker.step(features, stream.prompts, threshold=0.5, max_objects=16)
    assert not found.is_finite and stream.ids(BLUE_DISC, RED_DISC, GREEN_DISC) == [1, 2, 3]


def test_an_object_is_lost_after_as_many_detections_as_with_one_in_each_picture(
    stream: Stream,
) -> None:
    small: Disc = (0.3, 0.3, 5 / SIDE, RED)  # it scores less than 0.95
    stream.tracker.detect_every = 2
    assert stream.ids(RED_DISC, threshold=0.95) == [1]
    for _ in range(2 * LOST_SOON):
        assert stream.ids(small, threshold=0.95) == [1]
    assert stream.ids(small, threshold=0.95) == []


def test_no_attention_to_a_memory_that_grows_is_planned_by_its_length(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As cuDNN's is, which torch tries first on recent cards."""
    attended = F.scaled_dot_product_attention
    planned: dict[int, bool] = {}

    def noted(
        query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, **options: Any
    ) -> torch.Tensor:
        if sys._getframe(1).f_globals["__name__"] == Propagation.__module__:
            planned[key.shape[-2]] = torch.backends.cuda.cudnn_sdp_enabled()
        return attended(query, key, value, **options)

    monkeypatch.setattr(F, "scaled_dot_product_attention", noted)
    monkeypatch.setattr(memory_attention, "MAX_PLAIN_SCORES", 0)  # as on a card
    for _ in range(4):
        stream.show(RED_DISC)
    assert torch.backends.cuda.cudnn_sdp_enabled(), "elsewhere"
    assert len(planned) == 4 and not any(planned.values()), (
        "the picture's own, and three lengths of the memory"
    )
