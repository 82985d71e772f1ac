"""Tracking on a card costs two waits a picture and hardly more kernels, however many objects there
are."""

from pathlib import Path

import numpy as np
import pytest

from engine.models.sam3 import SegmentationSpec
from engine.models.sam3.load import load
from engine.models.sam3.segmenter import Segmenter
from engine.values import Segmentation
from tests.models.sam3.small_sam3 import BLUE, GREEN, RED, SIDE, picture
from tests.support.fake_cuda.installation import installed
from tests.support.fake_cuda.walking import HAS_CARD
from tests.support.long_form import in_long_form

TEXTS = ("disc", "ball", "coin", "ring", "moon", "wheel")


def tracked(sam3: Path, device: str, prompts: int) -> Segmenter:
    model = load(SegmentationSpec(model=str(sam3), resolution=SIDE), device, "float32")
    model.video.recondition_every_nth_frame = 4  # not 16: sooner
    segmenter = Segmenter(model)
    segmenter.mode = "track"
    segmenter.set_prompts(TEXTS[:prompts])
    return segmenter


def shot(number: int) -> np.ndarray:
    """Three discs, of which the third comes later."""
    discs = [(0.2 + 0.02 * number, 0.3, 0.12, RED), (0.7, 0.8 - 0.02 * number, 0.15, GREEN)]
    return picture(*discs, *([(0.3, 0.8, 0.08, BLUE)] if number >= 3 else []))


@pytest.mark.skipif(HAS_CARD, reason="has a CUDA device, which would not say it")
@pytest.mark.parametrize(
    ("prompts", "visible", "count"), [(2, range(5), 6), *in_long_form((6, range(3, 5), 16))]
)
def test_a_tracked_picture_costs_two_waits_and_no_pageable_copy(
    small_seeing_sam3: Path, prompts: int, visible: range, count: int
) -> None:
    on_cpu = tracked(small_seeing_sam3, "cpu", prompts)
    expected: list[Segmentation] = [on_cpu.segment(shot(number))[0] for number in visible]
    with installed() as card:
        segmenter = tracked(small_seeing_sam3, "cuda", prompts)
        segmenter.segment(shot(visible[0]))
        for number, result in zip(visible[1:], expected[1:], strict=True):
            with card.loop() as tally:
                (found,) = segmenter.segment(shot(number))
            assert len(tally.waits) == 2, number
            # The picture, and the ages of all that is remembered.
            assert [each.what for each in tally.uploads] == ["pinned", "pinned"], number
            assert found.objects == result.objects
            np.testing.assert_array_equal(found.masks, result.masks)
        assert not card.faults and len(found.objects) == 3
        assert len(segmenter._tracker.state()["objects"]) == count
        assert tally.kernels <= 500 + 40 * prompts, (
            "beside the replays of what is captured: for prompts, not objects"
        )
