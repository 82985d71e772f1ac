"""Preprocessed pictures equal torchvision's arithmetic; our token order and slices of the ViT equal
transformers'."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from engine.models.graphs import DirectRunner
from engine.models.sam3 import SegmentationSpec, detector
from engine.models.sam3 import backbone as module
from engine.models.sam3 import load as loading
from engine.models.sam3.backbone import Backbone, preprocess
from engine.models.sam3.load import load
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.segmenter import Segmenter
from tests.support.fake_cuda.walking import HAS_CARD, walked_card


@pytest.fixture(scope="module")
def wide(small_sam3: Path) -> SegmentationModel:
    """A small SAM3 for 224 px: four windows, and a global layer whose positions are in another
    order."""
    return load(SegmentationSpec(model=str(small_sam3), resolution=224), "cpu", "float32")


def pixels(batch: int, side: int = 224, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, 3, side, side, generator=generator) * 2.0 - 1.0


def test_features_are_those_of_transformers(
    small_sam3: Path, model: SegmentationModel, wide: SegmentationModel
) -> None:
    """With a single window, at 112 px, no token moves, and they are equal bit for bit. 168 px fill
    only half of two."""
    half = load(SegmentationSpec(model=str(small_sam3), resolution=168), "cpu", "float32")
    cases = (
        (wide, pixels(1), 1e-5),
        (wide, pixels(2), 1e-5),
        (model, pixels(2, 112), 0.0),
        (half, pixels(2, 168), 1e-5),
    )
    for seen, x, away in cases:
        ours = Backbone(seen, DirectRunner()).run(x)
        with torch.no_grad():
            theirs = seen.detector.get_vision_features(x)
        for level, expected in zip(
            ours.fpn_hidden_states, theirs.fpn_hidden_states[:3], strict=True
        ):
            torch.testing.assert_close(level, expected, rtol=0.0, atol=away)
        torch.testing.assert_close(
            ours.last_hidden_state, theirs.last_hidden_state, rtol=0.0, atol=away
        )
        assert torch.equal(
            ours.position.expand(len(x), -1, -1, -1), theirs.fpn_position_encoding[2]
        )


@pytest.mark.skipif(HAS_CARD, reason="has a CUDA device, which would not count kernels")
def test_a_compiled_backbone_is_captured_on_a_card(
    small_seeing_sam3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The compiler is left out: it knows no fake device."""
    for parts in (module, detector):
        monkeypatch.setattr(parts, "compile_part", lambda part: part)
    monkeypatch.setattr(loading, "require_compiler", lambda device, what: None)
    kernels = []
    with walked_card() as card:
        for is_compiled in (False, True):
            spec = SegmentationSpec(
                model=str(small_seeing_sam3), resolution=112, is_compiled=is_compiled
            )
            segmenter = Segmenter(load(spec, "cuda", "float32"))
            segmenter.set_prompts(["disc"])
            for _ in range(2):
                with card.tally() as tally:
                    segmenter.segment(np.zeros((112, 112, 3), np.uint8))
            kernels.append((tally.kernels, tally.captures))
    assert kernels[0] == kernels[1]


def test_the_device_is_free_between_the_slices(
    wide: SegmentationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LAYERS_PER_SLICE", 1)
    stops: list[str] = []
    Backbone(wide, DirectRunner()).run(pixels(1), lambda: stops.append("between"))
    assert len(stops) == 2  # after each of two layers; then the pyramid


def test_the_rotations_of_bfloat16_weights_are_those_of_float32(
    small_sam3: Path, wide: SegmentationModel
) -> None:
    """A position rounded to 8 bits would be another position."""
    half = load(SegmentationSpec(model=str(small_sam3), resolution=224), "cpu", "bfloat16")
    ours, expected = (Backbone(each, DirectRunner())._rotations for each in (half, wide))
    assert ours.keys() == expected.keys() and all(
        torch.equal(ours[size], expected[size]) for size in ours
    )


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def as_the_processor(picture: np.ndarray, side: int) -> torch.Tensor:
    """Preprocess as Sam3ImageProcessor does on a CPU: antialiased resize of uint8, then mean and
    std 127.5."""
    channels = torch.from_numpy(picture).permute(2, 0, 1).contiguous()[None]
    return (
        F.interpolate(channels, (side, side), mode="bilinear", antialias=True).float() - 127.5
    ) / 127.5


@pytest.mark.parametrize("size", [(480, 640), (1080, 1920), (200, 100), (336, 336)])
def test_a_picture_is_what_transformers_makes_of_it_bit_for_bit(size: tuple[int, int]) -> None:
    picture = noise(*size, 3)
    ours = preprocess(torch.from_numpy(picture)[None], 336, torch.float32)
    assert ours.shape == (1, 3, 336, 336)
    assert torch.equal(ours, as_the_processor(picture, 336))


@pytest.mark.parametrize("is_cut_out", [False, True])
def test_the_result_is_channels_last_even_where_numpy_added_the_first_axis(
    is_cut_out: bool,
) -> None:
    """Its stride is 0 there, and torch would choose a kernel six times as slow."""
    picture = noise(240, 320, 3)
    pixels = torch.from_numpy(picture[None]) if is_cut_out else torch.from_numpy(picture)[None]
    ours = preprocess(pixels, 336, torch.float32)
    assert ours.stride() == (336 * 336 * 3, 1, 336 * 3, 3)
    assert torch.equal(ours, as_the_processor(picture, 336))
