"""SAM3-LiteText: SAM3's detector with a smaller text encoder, which sees the padding of a prompt."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.models.graphs import DirectCalls
from engine.models.sam3 import SegmentationSpec
from engine.models.sam3.backbone import Backbone, preprocess
from engine.models.sam3.check import check
from engine.models.sam3.detector import Detector
from engine.models.sam3.load import load
from engine.models.sam3.prompts import PromptEncoder
from tests.models.sam3.small_sam3 import detect
from tests.models.sam3.test_parity import MAX_OBJECTS, assert_same_masks, transformers_finds
from tests.support.tiny_sam3 import build_tiny_lite_text

SIDE_PX = 112


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_lite_text(tmp_path_factory.mktemp("lite") / "sam3-litetext-s0", side_px=SIDE_PX)


@pytest.mark.parametrize("text", ["face", "a person in red"])
def test_it_finds_what_transformers_finds(folder: Path, text: str) -> None:
    model = load(SegmentationSpec(model=str(folder), resolution=SIDE_PX), "cpu", "float32")
    pictures = np.full((1, 60, 80, 3), 20, np.uint8)
    pictures[0, 10:40, 20:60] = (200, 40, 40)
    pixels = preprocess(torch.from_numpy(pictures), SIDE_PX, torch.float32)
    prompt = PromptEncoder(model).encode(text)
    features = Backbone(model, DirectCalls()).run(pixels)
    (ours,) = detect(Detector(model, DirectCalls()), features, [prompt], threshold=0.5, max_objects=MAX_OBJECTS)
    (theirs,) = transformers_finds(model, pixels, text)
    assert len(ours) > 4 and prompt.tokens < 32
    np.testing.assert_allclose(ours.scores, theirs["scores"], rtol=0.0, atol=1e-6)
    np.testing.assert_allclose(ours.boxes, theirs["boxes"], rtol=0.0, atol=1e-6)
    assert_same_masks(ours, theirs)
    with torch.no_grad():  # what would be wrong without the padding
        bare = model.detector.get_text_features(input_ids=torch.tensor([model.tokenizer(text).input_ids]))
    assert (bare.pooler_output - prompt.embeds).abs().max() > 1e-3


def test_its_folder_is_recognised_and_has_no_tracker(folder: Path) -> None:
    report = check(SegmentationSpec(model=str(folder), resolution=SIDE_PX))
    assert (report.kind, report.missing) == ("sam3_lite_text", ())
    assert {part.name for part in report.parts} == {"vision", "text", "detector"}
    assert any(note.startswith("no tracker") for note in report.notes)
