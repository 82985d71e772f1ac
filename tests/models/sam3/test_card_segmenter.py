"""SAM3 on a card: captured graphs find and follow what direct calls do, and a picture in image mode
costs one wait."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.models.graphs import DirectRunner
from engine.models.sam3 import SegmentationSpec
from engine.models.sam3.load import load
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.segmenter import MODES, Segmenter
from engine.values import Segmentation
from tests.models.sam3.small_sam3 import BLUE, GREEN, RED, SIDE, picture
from tests.support.fake_cuda.device import FakeCuda
from tests.support.fake_cuda.installation import installed
from tests.support.fake_cuda.walking import HAS_CARD, reference_device, walked_card
from tests.support.long_form import IS_SOAK

PICTURES = 4


@pytest.fixture(scope="module", autouse=True)
def libraries(small_seeing_sam3: Path) -> None:
    # before there is a card
    load(SegmentationSpec(model=str(small_seeing_sam3), resolution=SIDE), "cpu", "float32")


def shot(number: int) -> np.ndarray:
    """Two discs that move, and a third that jumps and changes its size."""
    third = (0.3, 0.8, 0.08, BLUE) if number > 1 else (0.9, 0.1, 0.05, RED)
    discs = (0.2 + 0.05 * number, 0.3, 0.12, RED), (0.7, 0.7 - 0.03 * number, 0.15, GREEN), third
    return picture(*discs, width=160, height=112)


def found(model: SegmentationModel, mode: str, **options: Any) -> Iterator[Segmentation]:
    """Every picture's result; from the third one on with more prompts, of which two have as many
    tokens."""
    segmenter = Segmenter(model, **options)
    segmenter.mode = mode
    segmenter.set_prompts(["disc"])
    for number in range(PICTURES):
        if number == 2:
            segmenter.set_prompts(["disc", "round thing", "ball"])
        yield from segmenter.segment(shot(number), index=number)


def test_objects_are_found_and_followed_as_by_direct_calls(small_seeing_sam3: Path) -> None:
    spec = SegmentationSpec(model=str(small_seeing_sam3), resolution=SIDE)
    whole, halves = (MODES, MODES) if IS_SOAK else (["track"], ["image"])
    with reference_device() as device:
        model = load(spec, device, "float32")
        expected = [each for mode in whole for each in found(model, mode, runner=DirectRunner())]
    # A real card chooses the kernel of halves by where the numbers lie, and a graph has its own
    # buffers: an edge may come out a texel of the mask further.
    of_halves = (1.1 / 32, 255) if HAS_CARD else (1e-4, 1)
    tolerances = [(1e-4, 1)] * len(whole) * PICTURES + [of_halves] * len(halves) * PICTURES
    with walked_card():
        model = load(spec, "cuda", "float32")
        ours = [each for mode in whole for each in found(model, mode)]
        # In half precision a CPU's kernels round at other places, which moves an edge of a box by a
        # tenth.
        half = load(spec, "cuda", "bfloat16")
        for mode in halves:
            ours += found(half, mode)
            expected += found(half, mode, runner=DirectRunner())
    for result, theirs, (of_box, of_mask) in zip(ours, expected, tolerances, strict=True):
        objects, others = result.objects, theirs.objects
        assert [(each.id, each.prompt) for each in objects] == [
            (each.id, each.prompt) for each in others
        ]
        for one, other in zip(objects, others, strict=True):
            assert (one.score, *one.box) == pytest.approx((other.score, *other.box), abs=of_box)
        assert np.abs(result.masks.astype(int) - theirs.masks).max() <= of_mask
    assert {len(result.objects) for result in ours} == {2, 3}


def test_a_picture_in_image_mode_costs_one_wait_and_one_upload(
    fake_cuda: FakeCuda, small_seeing_sam3: Path
) -> None:
    spec = SegmentationSpec(model=str(small_seeing_sam3), resolution=SIDE)
    results = found(load(spec, "cuda", "float32"), "image")
    for _ in range(PICTURES - 1):
        next(results)
    with fake_cuda.loop() as tally:
        next(results)
    assert (len(tally.waits), len(tally.uploads)) == (1, 1)


@pytest.mark.skipif(HAS_CARD, reason="has a CUDA device, which would not count replays")
def test_prompts_with_as_many_tokens_are_one_batch(small_seeing_sam3: Path) -> None:
    replays = []
    with installed() as card:
        segmenter = Segmenter(
            load(SegmentationSpec(model=str(small_seeing_sam3), resolution=SIDE), "cuda", "float32")
        )
        for texts in (["disc"], ["disc", "ball"], ["disc", "round thing"]):
            segmenter.set_prompts(texts)
            segmenter.segment(shot(0))
            with card.tally() as tally:
                segmenter.segment(shot(0))
            replays.append(tally.replays)
    assert replays[0] == replays[1] < replays[2]


@pytest.mark.skipif(HAS_CARD, reason="has a CUDA device, which would not count captures")
def test_a_smaller_last_batch_is_filled_up_and_captures_nothing(small_seeing_sam3: Path) -> None:
    spec = SegmentationSpec(model=str(small_seeing_sam3), resolution=SIDE)
    video = np.stack([shot(number) for number in range(3)])
    plain = Segmenter(load(spec, "cpu", "float32"))
    plain.set_prompts(["disc"])
    expected = [plain.segment(video), plain.segment(video[:2]), plain.segment(video[:2])]
    with installed() as card:
        segmenter = Segmenter(load(spec, "cuda", "float32"))
        segmenter.set_prompts(["disc"])
        segmenter.segment(video)
        captures = []
        for count, expected_count in zip((3, 2, 2), expected, strict=True):
            with card.tally() as tally:
                results = segmenter.segment(video[:count])
            captures.append(tally.captures)
            assert len(results) == count
            for one, other in zip(results, expected_count, strict=True):
                assert [each.box for each in one.objects] == [
                    pytest.approx(each.box, abs=1e-4) for each in other.objects
                ]
                assert np.abs(one.masks.astype(int) - other.masks).max() <= 1
        assert captures[:2] == [0, 0] and captures[2] > 0, (
            "batches that stay smaller get graphs of their own"
        )
        assert not card.faults
