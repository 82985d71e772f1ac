"""Tracking on a card costs two waits a picture, however many objects there are."""

from pathlib import Path

import numpy as np
import pytest

from engine.models.graphs import DirectCalls
from engine.models.sam3 import SegmentationSpec
from engine.models.sam3.load import load
from engine.models.sam3.segmenter import Segmenter
from engine.values import Segmentation
from tests.models.sam3.small_sam3 import BLUE, GREEN, RED, SIDE, picture
from tests.support.sham_card.installation import installed
from tests.support.sham_card.walking import HAS_CARD


def tracked(sam3: Path, device: str) -> Segmenter:
    segmenter = Segmenter(
        load(SegmentationSpec(model=str(sam3), resolution=SIDE), device, "float32"), calls=DirectCalls()
    )
    segmenter.mode = "track"
    segmenter.set_prompts(["disc", "round thing"])
    return segmenter


def shot(number: int) -> np.ndarray:
    """Three discs, of which the third comes second, and one is reconditioned in the picture of number 16."""
    discs = [(0.2 + 0.02 * number, 0.3, 0.12, RED), (0.7, 0.8 - 0.02 * number, 0.15, GREEN)]
    return picture(*discs, *([(0.3, 0.8, 0.08, BLUE)] if number >= 3 else []))


@pytest.mark.skipif(HAS_CARD, reason="has a CUDA device, which would not say it")
def test_a_tracked_picture_costs_two_waits_and_no_pageable_copy(small_seeing_sam3: Path) -> None:
    on_cpu = tracked(small_seeing_sam3, "cpu")
    expected: list[Segmentation] = [on_cpu.segment(shot(number))[0] for number in range(18)]
    with installed() as card:
        segmenter = tracked(small_seeing_sam3, "cuda")
        segmenter.segment(shot(0))
        for number in range(1, 18):
            with card.loop() as tally:
                (found,) = segmenter.segment(shot(number))
            assert len(tally.waits) == 2, number
            # The picture, and the ages of all that is remembered.
            assert [each.what for each in tally.uploads] == ["pinned", "pinned"], number
            assert found.objects == expected[number].objects
            np.testing.assert_array_equal(found.masks, expected[number].masks)
        assert not card.faults and len(found.objects) == 3
