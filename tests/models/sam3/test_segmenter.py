"""From pictures to objects, as used by the child process and the command line."""

import sys
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ModelError
from engine.models.sam3 import SegmentationSpec
from engine.models.sam3.detected_objects import DetectedObjects
from engine.models.sam3.load import load
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.segmenter import Segmenter, to_segmentation
from tests.models.sam3.small_sam3 import RED, picture


def square(
    left: int = 200, top: int = 100, width: int = 160, height: int = 120, channels: int = 3
) -> np.ndarray:
    """A white rectangle on black in a picture of 640 x 480."""
    picture = np.zeros((480, 640, channels), np.uint8)
    picture[top : top + height, left : left + width] = 255
    return picture


def noise(height: int = 120, width: int = 160) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8)


def prompted(model: SegmentationModel, *texts: str) -> Segmenter:
    segmenter = Segmenter(model)
    segmenter.set_prompts(texts or ("shape",))
    return segmenter


def test_an_object_is_at_the_same_place_at_every_size(small_seeing_sam3: Path) -> None:
    """112 and 224 px fill the model's windows, 168 px does not."""
    for resolution in (112, 168, 224):
        spec = SegmentationSpec(model=str(small_seeing_sam3), resolution=resolution)
        segmenter = Segmenter(load(spec, "cpu", "float32"))
        segmenter.set_prompts(["disc"])
        for mode in ("image", "track"):
            segmenter.mode = mode
            for _ in range(2):
                (found,) = segmenter.segment(picture((0.3, 0.6, 0.15, RED), width=240, height=180))
                assert found.masks.shape == (1, 4 * resolution // 14, 4 * resolution // 14)
                *centre, width, height = found.objects[0].box
                assert centre == pytest.approx([0.3, 0.6], abs=0.03), (resolution, mode)
                assert (width, height) == pytest.approx((0.3, 0.3), abs=1.1 * 14 / resolution), (
                    resolution,
                    mode,
                )


def test_alpha_and_a_batch_change_nothing(seeing: SegmentationModel) -> None:
    segmenter = prompted(seeing)
    pictures = [square(100, 60), square(300, 200)]
    by_itself = [segmenter.segment(picture)[0] for picture in pictures]
    together = segmenter.segment(np.stack(pictures))
    for alone, one in zip(by_itself, together, strict=True):
        assert [each.id for each in one.objects] == [each.id for each in alone.objects] == [1]
        np.testing.assert_allclose(one.objects[0].box, alone.objects[0].box, atol=1e-5)
        assert np.abs(one.masks.astype(int) - alone.masks).max() <= 1
    (rgba,) = segmenter.segment(square(100, 60, channels=4))
    assert rgba.objects == by_itself[0].objects


def test_a_picture_without_pixels_is_refused(seeing: SegmentationModel) -> None:
    with pytest.raises(ModelError, match="a picture of 0 x 480: has no pixels"):
        prompted(seeing).segment(np.zeros((480, 0, 3), np.uint8))


# -- prompts


def test_empty_texts_are_skipped_and_the_others_keep_their_numbers(
    model: SegmentationModel,
) -> None:
    segmenter = prompted(model, "", "face", "  ", "guitar")
    (found,) = segmenter.segment(noise())
    assert {each.prompt for each in found.objects} <= {2, 4}
    assert segmenter.work == 2 * 112 * 112


def test_without_a_prompt_nothing_is_found(model: SegmentationModel) -> None:
    for texts in ((), ("",), ("  ", "")):
        segmenter = Segmenter(model)
        assert segmenter.set_prompts(texts) == ()
        found = segmenter.segment(np.zeros((2, 120, 160, 3), np.uint8))
        assert [each.objects for each in found] == [(), ()]
        assert found[0].masks.shape == (0, 32, 32) and found[0].picture_px == (160, 120)


def test_a_prompt_of_500_words_is_truncated_and_reported_in_one_line(
    model: SegmentationModel,
) -> None:
    segmenter = Segmenter(model)
    (note,) = segmenter.set_prompts(["face", "red " * 499 + "end"])
    assert note.startswith('prompt 2: 500 words; the model reads 32 tokens, up to "...')
    assert note.endswith('red"') and "\n" not in note and len(note) < 120
    assert len(segmenter.segment(noise())[0].objects) > 0


def test_boxes_without_words_are_refused_without_torchvision_and_in_track_mode(
    model: SegmentationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    # transformers has imported it if it is installed
    monkeypatch.setitem(sys.modules, "torchvision.ops", None)
    segmenter = Segmenter(model)
    segmenter.boxes = ((0.5, 0.5, 0.2, 0.2),)
    with pytest.raises(ModelError, match="box prompts: need torchvision"):
        segmenter.segment(noise())
    segmenter.mode = "track"
    with pytest.raises(ModelError, match="box prompts: in image mode only"):
        segmenter.segment(noise())


# -- threshold and max_objects


def test_threshold_and_max_objects_apply_at_once(model: SegmentationModel) -> None:
    segmenter = prompted(model)
    segmenter.threshold = 0.0
    (everyone,) = segmenter.segment(noise())
    assert len(everyone.objects) <= 16
    scores = [each.score for each in everyone.objects]
    assert scores == sorted(scores, reverse=True)
    assert [each.id for each in everyone.objects] == list(range(1, len(scores) + 1))
    segmenter.max_objects = 3
    assert [each.score for each in segmenter.segment(noise())[0].objects] == pytest.approx(
        scores[:3]
    )
    segmenter.threshold = 1.0
    assert segmenter.segment(noise())[0].objects == ()


# -- track mode


def test_another_size_or_mode_or_no_prompt_starts_a_new_scene(seeing: SegmentationModel) -> None:
    segmenter = prompted(seeing)
    segmenter.mode = "track"
    seen = [segmenter.segment(square())[0].objects[0].id]
    seen.append(segmenter.segment(square()[::2, ::2])[0].objects[0].id)
    segmenter.mode = "image"
    assert segmenter.segment(square()[::2, ::2])[0].objects[0].id == 1
    segmenter.mode = "track"
    seen.append(segmenter.segment(square()[::2, ::2])[0].objects[0].id)
    segmenter.set_prompts([""])
    assert segmenter.segment(square()[::2, ::2])[0].objects == ()
    segmenter.set_prompts(["shape"])
    seen.append(segmenter.segment(square()[::2, ::2])[0].objects[0].id)
    assert seen == [1, 2, 3, 4]


# -- faults, stages and memory


@pytest.mark.parametrize(
    "layer", ["mask_decoder.instance_projection", "detr_decoder.presence_head.layer3"]
)
def test_nan_from_the_model_gives_no_objects_and_is_counted(small_sam3: Path, layer: str) -> None:
    """NaN in the masks, or only in the scores."""
    model = load(SegmentationSpec(model=str(small_sam3), resolution=112), "cpu", "float32")
    segmenter = prompted(model)
    bias = model.detector.get_submodule(layer).bias
    before = bias.data.clone()
    bias.data.fill_(float("nan"))
    (found,) = segmenter.segment(noise())
    assert found.objects == () and segmenter.not_finite == 1
    bias.data.copy_(before)
    (found,) = segmenter.segment(noise())
    assert found.objects != () and segmenter.not_finite == 0


def test_boxes_are_cut_at_the_edges_of_the_picture() -> None:
    found = DetectedObjects(
        scores=np.array([0.9, 0.8], np.float32),
        boxes=np.array([[-0.25, 0.25, 0.5, 1.5], [1.25, 0.0, 1.5, 0.5]], np.float32),
        prompts=np.array([1, 0]),
        masks=np.zeros((2, 32, 32), np.uint8),
    )
    result = to_segmentation(found, [2, 4], (640, 480), 0, 0.0)
    assert [each.box for each in result.objects] == [
        (0.25, 0.625, 0.5, 0.75),
        (1.0, 0.25, 0.0, 0.5),
    ]
    assert [(each.id, each.prompt) for each in result.objects] == [(1, 4), (2, 2)]
