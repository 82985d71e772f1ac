"""Preprocessed pictures equal torchvision's arithmetic; our token order and slices of the ViT equal transformers'."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from engine.models.graphs import DirectCalls
from engine.models.sam3 import SegmentationSpec
from engine.models.sam3 import backbone as module
from engine.models.sam3 import load as loading
from engine.models.sam3.backbone import Backbone, preprocess, rotation, vit_layer
from engine.models.sam3.load import load
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.propagation import Propagation
from engine.models.sam3.segmenter import Segmenter
from tests.support.sham_card.walking import HAS_CARD, walked_card


@pytest.fixture(scope="module")
def wide(small_sam3: Path) -> SegmentationModel:
    """224 px: four windows, and a global layer whose positions are in another order."""
    return load(SegmentationSpec(model=str(small_sam3), resolution=224), "cpu", "float32")


def pixels(batch: int, side: int = 224, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, 3, side, side, generator=generator) * 2.0 - 1.0


def test_features_are_those_of_transformers(
    small_sam3: Path, model: SegmentationModel, wide: SegmentationModel
) -> None:
    """With a single window, at 112 px, no token moves, and they are equal bit for bit. 168 px fill only half of two."""
    half = load(SegmentationSpec(model=str(small_sam3), resolution=168), "cpu", "float32")
    cases = (wide, pixels(1), 1e-5), (wide, pixels(2), 1e-5), (model, pixels(2, 112), 0.0), (half, pixels(2, 168), 1e-5)
    for seen, x, away in cases:
        ours = Backbone(seen, DirectCalls()).run(x)
        with torch.no_grad():
            theirs = seen.detector.get_vision_features(x)
        for level, expected in zip(ours.fpn_hidden_states, theirs.fpn_hidden_states[:3], strict=True):
            torch.testing.assert_close(level, expected, rtol=0.0, atol=away)
        torch.testing.assert_close(ours.last_hidden_state, theirs.last_hidden_state, rtol=0.0, atol=away)
        assert torch.equal(ours.position.expand(len(x), -1, -1, -1), theirs.fpn_position_encoding[2])


def test_queries_keys_and_values_are_one_product_and_no_weight_is_stored_twice(wide: SegmentationModel) -> None:
    layer = wide.detector.vision_encoder.backbone.layers[0]
    attention, products = layer.attention, []

    class Products(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is torch.ops.aten.addmm.default:
                products.append(args[2].shape)
            return func(*args, **(kwargs or {}))

    window = layer.window_size
    turn = rotation(wide.detector.vision_encoder.backbone.config, window, 16, wide.device)
    width = attention.q_proj.in_features
    with torch.no_grad(), Products():
        vit_layer(layer, torch.rand(1, 4, window**2, width), turn)
    assert products[0] == (width, 3 * width) and len(products) == 4, "that, the output, and two of the MLP"
    products.clear()
    propagation = Propagation(wide)
    layer = wide.video.tracker_model.memory_attention.layers[0]
    attention, width = layer.self_attn, layer.self_attn.q_proj.in_features
    with torch.no_grad(), Products():
        propagation._self_attended(layer, torch.rand(1, 16 * 16, width))
    assert products == [(width, 3 * width), (width, width)], "the same of the tracker: that, and the output"
    weight, bias = attention.joined
    for place, name in enumerate(("q_proj", "k_proj", "v_proj")):
        part = getattr(attention, name)
        assert part.weight.data_ptr() == weight[place * width].data_ptr()
        assert part.bias.data_ptr() == bias[place * width :].data_ptr()


@pytest.mark.skipif(HAS_CARD, reason="has a CUDA device, which would not count kernels")
def test_a_compiled_backbone_is_captured_on_a_card(small_seeing_sam3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler is left out: it knows no sham card."""
    monkeypatch.setattr(module, "compiled", lambda part: part)
    monkeypatch.setattr(loading, "require_compiler", lambda device, asked: None)
    kernels = []
    with walked_card() as card:
        for is_compiled in (False, True):
            spec = SegmentationSpec(model=str(small_seeing_sam3), resolution=112, is_compiled=is_compiled)
            segmenter = Segmenter(load(spec, "cuda", "float32"))
            segmenter.set_prompts(["disc"])
            for _ in range(2):
                with card.tally() as tally:
                    segmenter.segment(np.zeros((112, 112, 3), np.uint8))
            kernels.append((tally.kernels, tally.captures))
    assert kernels[0] == kernels[1]


def test_the_device_is_free_between_the_slices(wide: SegmentationModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LAYERS_A_SLICE", 1)
    stops: list[str] = []
    Backbone(wide, DirectCalls()).run(pixels(1), lambda: stops.append("between"))
    assert len(stops) == 2  # after each of two layers; then the pyramid


def test_the_rotations_of_bfloat16_weights_are_those_of_float32(small_sam3: Path, wide: SegmentationModel) -> None:
    """A position rounded to 8 bits would be another position."""
    half = load(SegmentationSpec(model=str(small_sam3), resolution=224), "cpu", "bfloat16")
    ours, expected = (Backbone(each, DirectCalls())._rotations for each in (half, wide))
    assert ours.keys() == expected.keys() and all(torch.equal(ours[size], expected[size]) for size in ours)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def as_the_processor(picture: np.ndarray, side: int) -> torch.Tensor:
    """Sam3ImageProcessor on a CPU: torchvision's antialiased resize of uint8, then its fused rescale and normalise
    with mean and std of 127.5."""
    channels = torch.from_numpy(picture).permute(2, 0, 1).contiguous()[None]
    small = F.interpolate(channels, (side, side), mode="bilinear", antialias=True)
    return (small.float() - 127.5) / 127.5


@pytest.mark.parametrize("size", [(480, 640), (1080, 1920), (200, 100), (336, 336)])
def test_a_picture_is_what_transformers_makes_of_it_bit_for_bit(size: tuple[int, int]) -> None:
    picture = noise(*size, 3)
    ours = preprocess(torch.from_numpy(picture)[None], 336, torch.float32)
    assert ours.shape == (1, 3, 336, 336)
    assert torch.equal(ours, as_the_processor(picture, 336))


def test_a_batch_equals_its_single_pictures() -> None:
    batch = torch.from_numpy(noise(3, 120, 160, 3))
    ours = preprocess(batch, 336, torch.float32)
    for one, picture in zip(ours, batch, strict=True):
        assert torch.equal(one, preprocess(picture[None], 336, torch.float32)[0])


def test_the_whole_picture_is_squashed_with_its_top_left_at_the_top_left_black_as_minus_one() -> None:
    white = torch.full((1, 90, 160, 3), 255, dtype=torch.uint8)
    assert preprocess(white, 336, torch.bfloat16).unique().tolist() == [1.0]
    picture = np.zeros((100, 400, 3), np.uint8)
    picture[:50, :200] = 255
    x = preprocess(torch.from_numpy(picture)[None], 336, torch.float32)[0, 0]
    assert x[:160, :160].min() == 1.0
    assert x[176:].max() == -1.0 and x[:, 176:].max() == -1.0 and x.min() == -1.0


@pytest.mark.parametrize("is_cut_out", [False, True])
def test_the_result_is_channels_last_even_where_numpy_added_the_first_axis(is_cut_out: bool) -> None:
    """Its stride is 0 there, and torch would choose a kernel six times as slow."""
    picture = noise(240, 320, 3)
    pixels = torch.from_numpy(picture[None]) if is_cut_out else torch.from_numpy(picture)[None]
    ours = preprocess(pixels, 336, torch.float32)
    assert ours.stride() == (336 * 336 * 3, 1, 336 * 3, 3)
    assert torch.equal(ours, as_the_processor(picture, 336))
