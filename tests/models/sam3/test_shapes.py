"""Benchmark models have the size of the published one, and find as many objects as requested."""

import cv2
import numpy as np
import pytest
import torch

from engine.errors import ModelError
from engine.models.sam3 import SegmentationSpec
from engine.models.sam3.load import load
from engine.models.sam3.segmenter import Segmenter
from engine.models.sam3.shapes import OBJECTS, build
from osc_schema.sam3 import RESOLUTIONS_PX
from tests.benchmarks.clip import draw_discs
from tests.benchmarks.gflop import sam3_gflop, sam3_tracker_gflop
from tests.benchmarks.sam3_reference import ReferenceSegmenter
from tests.support.long_form import IS_SOAK

THRESHOLD = 0.5


def picture(index: int = 0) -> np.ndarray:
    return np.ascontiguousarray(draw_discs(320, 180, index)[..., :3])


def test_the_true_size_has_as_many_weights_as_the_published_model() -> None:
    model = build("sam3", 1008, "meta", torch.bfloat16)
    counted = {
        name: sum(p.numel() for p in part.parameters())
        for name, part in model.detector.named_children()
    }
    assert sum(counted.values()) == 840_376_374
    assert round(counted["vision_encoder"] / 1e6) == 454
    assert round((counted["text_encoder"] + counted["text_projection"]) / 1e6) == 354
    assert {p.dtype for p in model.video.parameters()} == {torch.bfloat16}
    assert model.mask_side == 288


def test_the_counted_work_equals_published_counts_and_is_what_the_advice_says() -> None:
    """A tenth to a third: WORK_FRACTIONS in engine/jobs/segment/times.py, and the help of
    /sam3/resolution."""
    coarse, small, middle, large, whole = (
        sam3_gflop("sam3", resolution, 1) for resolution in RESOLUTIONS_PX
    )
    assert whole["backbone"] == pytest.approx(5614, rel=0.001)
    assert 0 < whole["masks"] < whole["decoder"] < 0.1 * whole["backbone"]
    assert sum(coarse.values()) / sum(whole.values()) == pytest.approx(0.1, abs=0.01)
    assert sum(coarse.values()) / sum(middle.values()) == pytest.approx(0.25, abs=0.01)
    assert sum(coarse.values()) / sum(small.values()) == pytest.approx(1 / 3, abs=0.04)
    assert sum(coarse.values()) / sum(large.values()) == pytest.approx(1 / 7, abs=0.01)
    of_whole = [sum(each.values()) / sum(whole.values()) for each in (small, middle, large)]
    assert of_whole == pytest.approx([0.28, 0.42, 0.75], abs=0.01)


def test_an_object_that_is_followed_costs_the_more_the_larger_the_picture() -> None:
    """Of the real size: 3 % of a picture without it at 336 px, 15 % at 1008 px: the figures in
    docs/how-to/sam3.md."""
    for resolution, percent in ((336, 3.2), *(((1008, 15.0),) if IS_SOAK else ())):
        work, more = sam3_gflop("sam3", resolution, 1), sam3_tracker_gflop("sam3", resolution)
        alone = sum(work.values()) + more["picture"]
        assert 100 * more["object"] / alone == pytest.approx(percent, abs=0.1)
    seven, patches = 7 * 24**2, 24**2
    # four layers, two products, of 256 channels
    attention = 4 * 2 * 2 * patches * seven * 256 / 1e9
    assert sam3_tracker_gflop("sam3", 336)["object"] > attention


@pytest.mark.parametrize("has_tracker", [False, True])
def test_every_prompt_finds_sixteen_objects_in_every_picture(has_tracker: bool) -> None:
    baseline = ReferenceSegmenter(
        build("tiny", 336, "cpu", torch.float32, has_tracker=has_tracker),
        ("person", "lamp on the left"),
    )
    for index in (0, 40):
        for found in baseline.call_prepared(picture(index), THRESHOLD):
            assert len(found["scores"]) == OBJECTS
            assert len(set(found["scores"].tolist())) == OBJECTS
            fractions = found["masks"].float().mean(dim=(1, 2))
            assert fractions.max() < 0.8 and fractions.median() > 0.05
            areas = [
                cv2.connectedComponents(np.uint8(mask))[0] - 1 for mask in found["masks"].numpy()
            ]
            assert np.median(areas) < 20 and max(areas) < 100, "as few as those of a trained model"


def test_tracked_objects_are_visible_in_every_picture() -> None:
    segmenter = Segmenter(build("tiny", 336, "cpu", torch.float32, objects=2))
    segmenter.mode, segmenter.max_objects = "track", 2
    segmenter.set_prompts(("person",))
    visible_ids = [
        {each.id for each in segmenter.segment(picture(index))[0].objects} for index in range(4)
    ]
    assert visible_ids[1:] == [{1, 2}] * 3


def test_a_model_with_random_weights_is_loaded_by_the_name_of_its_shape_and_an_unknown_one_is_refused() -> (
    None
):
    spec = SegmentationSpec(model="random:tiny", resolution=672)
    model = load(spec, "cpu", "float32")
    assert (model.spec, model.mask_side) == (spec, 192)
    assert model.video.detector_model is model.detector
    with pytest.raises(ModelError, match=r"shape huge: not one of sam3, sam3\.1, tiny, tiny3\.1"):
        load(SegmentationSpec(model="random:huge"), "cpu", "float32")
