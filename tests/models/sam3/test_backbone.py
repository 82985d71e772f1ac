"""Our token order and slices of the ViT, compared with transformers' own forward."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from engine.models.compiling import compiled
from engine.models.graphs import DirectCalls, GraphCalls
from engine.models.sam3 import SegmentationSpec
from engine.models.sam3 import backbone as module
from engine.models.sam3 import load as loading
from engine.models.sam3.backbone import Backbone, rotation, vit_layer
from engine.models.sam3.load import load
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.propagation import Propagation
from engine.models.sam3.segmenter import Segmenter
from tests.models.recorded_graphs import Recording
from tests.models.sam3.small_sam3 import as_vision_embeds
from tests.support.sham_card.walking import HAS_CARD, walked_card

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def model(small_sam3: Path) -> SegmentationModel:
    return load(SegmentationSpec(model=str(small_sam3), resolution=224), "cpu", "float32")


def pixels(batch: int, side: int = 224, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, 3, side, side, generator=generator) * 2.0 - 1.0


@pytest.mark.parametrize("batch", [1, 2])
def test_features_are_those_of_transformers(model: SegmentationModel, batch: int) -> None:
    """224 px: four windows, and a global layer whose positions are in another order."""
    x = pixels(batch)
    ours = Backbone(model, DirectCalls()).run(x)
    with torch.no_grad():
        theirs = model.detector.get_vision_features(x)
    for level, expected in zip(ours.fpn_hidden_states, theirs.fpn_hidden_states[:3], strict=True):
        torch.testing.assert_close(level, expected, rtol=0.0, atol=1e-5)
    torch.testing.assert_close(ours.last_hidden_state, theirs.last_hidden_state, rtol=0.0, atol=1e-5)
    assert torch.equal(ours.position.expand(batch, -1, -1, -1), theirs.fpn_position_encoding[2])


def test_a_single_window_gives_the_same_bits(small_sam3: Path) -> None:
    """112 px: no token moves, and nothing else differs."""
    model = load(SegmentationSpec(model=str(small_sam3), resolution=112), "cpu", "float32")
    x = pixels(2, 112)
    ours = Backbone(model, DirectCalls()).run(x)
    with torch.no_grad():
        theirs = model.detector.get_vision_features(x)
    assert torch.equal(ours.last_hidden_state, theirs.last_hidden_state)
    for level, expected in zip(ours.fpn_hidden_states, theirs.fpn_hidden_states[:3], strict=True):
        assert torch.equal(level, expected)


def test_queries_keys_and_values_are_one_product_and_no_weight_is_stored_twice(model: SegmentationModel) -> None:
    layer = model.detector.vision_encoder.backbone.layers[0]
    attention, products = layer.attention, []

    class Products(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is torch.ops.aten.addmm.default:
                products.append(args[2].shape)
            return func(*args, **(kwargs or {}))

    window = layer.window_size
    turn = rotation(model.detector.vision_encoder.backbone.config, window, 16, model.device)
    width = attention.q_proj.in_features
    with torch.no_grad(), Products():
        vit_layer(layer, torch.rand(1, 4, window**2, width), turn)
    assert products[0] == (width, 3 * width) and len(products) == 4, "that, the output, and two of the MLP"
    products.clear()
    propagation = Propagation(model)
    layer = model.video.tracker_model.memory_attention.layers[0]
    attention, width = layer.self_attn, layer.self_attn.q_proj.in_features
    with torch.no_grad(), Products():
        propagation._self_attended(layer, torch.rand(1, 16 * 16, width))
    assert products == [(width, 3 * width), (width, width)], "the same of the tracker: that, and the output"
    weight, bias = attention.joined
    for place, name in enumerate(("q_proj", "k_proj", "v_proj")):
        part = getattr(attention, name)
        assert part.weight.data_ptr() == weight[place * width].data_ptr()
        assert part.bias.data_ptr() == bias[place * width :].data_ptr()


def test_the_gelu_that_can_be_part_of_a_product_on_cuda_is_up_to_half_a_thousandth_off() -> None:
    x = torch.linspace(-6.0, 6.0, 100_001, dtype=torch.float64)
    assert 0.0004 < (F.gelu(x) - F.gelu(x, approximate="tanh")).abs().max() < 0.0005


def test_a_smaller_last_batch_does_not_compile_again(small_sam3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU, where the detector is called directly."""
    monkeypatch.setattr(module, "compiled", lambda part: compiled(part, "eager"))
    slow: list[str] = []
    model = load(SegmentationSpec(model=str(small_sam3), resolution=112, is_compiled=True), "cpu", "float32")
    segmenter = Segmenter(model, before_capture=lambda: slow.append("compile"))
    segmenter.set_prompts(["face"])
    film = np.zeros((2, 112, 112, 3), np.uint8)
    segmenter.segment(film)
    once = len(slow)
    assert once > 0 and len(segmenter.segment(film[:1])) == 1
    assert len(slow) == once


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


def test_transformers_takes_the_features_for_its_own(model: SegmentationModel) -> None:
    x = pixels(2)
    words = model.tokenizer(["face"] * 2, return_tensors="pt")
    with torch.no_grad():
        plain = model.detector(pixel_values=x, input_ids=words.input_ids)
        ours = model.detector(
            vision_embeds=as_vision_embeds(Backbone(model, DirectCalls()).run(x)), input_ids=words.input_ids
        )
    torch.testing.assert_close(ours.pred_boxes, plain.pred_boxes, rtol=0.0, atol=1e-5)
    torch.testing.assert_close(ours.pred_logits, plain.pred_logits, rtol=0.0, atol=1e-4)


def test_the_device_is_free_between_the_slices(model: SegmentationModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LAYERS_A_SLICE", 1)
    stops: list[str] = []
    Backbone(model, DirectCalls()).run(pixels(1), lambda: stops.append("between"))
    assert len(stops) == 2  # after each of two layers; then the pyramid


def test_features_do_not_depend_on_how_the_layers_are_cut(
    model: SegmentationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = pixels(1)
    whole = Backbone(model, DirectCalls()).run(x)
    monkeypatch.setattr(module, "LAYERS_A_SLICE", 1)
    cut = Backbone(model, DirectCalls()).run(x)
    assert torch.equal(cut.last_hidden_state, whole.last_hidden_state)


def test_a_captured_backbone_sees_each_new_picture(model: SegmentationModel) -> None:
    recorder = Recording()
    graphs = Backbone(model, GraphCalls(recorder))
    plain = Backbone(model, DirectCalls())
    for seed in range(2):
        x = pixels(1, seed=seed)
        torch.testing.assert_close(graphs.run(x).last_hidden_state, plain.run(x).last_hidden_state, rtol=0.0, atol=1e-6)
    assert len(recorder.captured) == 1


def test_bfloat16_features_are_near_those_in_float32(small_sam3: Path, model: SegmentationModel) -> None:
    half = load(SegmentationSpec(model=str(small_sam3), resolution=224), "cpu", "bfloat16")
    x = pixels(1)
    ours = Backbone(half, DirectCalls()).run(x.bfloat16())
    plain = Backbone(model, DirectCalls()).run(x)
    assert ours.last_hidden_state.dtype == torch.bfloat16
    error = (ours.last_hidden_state.float() - plain.last_hidden_state).norm() / plain.last_hidden_state.norm()
    assert error < 0.02


def test_the_rotations_of_bfloat16_weights_are_those_of_float32(small_sam3: Path, model: SegmentationModel) -> None:
    """A position rounded to 8 bits would be another position."""
    half = load(SegmentationSpec(model=str(small_sam3), resolution=224), "cpu", "bfloat16")
    for ours, expected in zip(
        Backbone(half, DirectCalls())._rotations.values(),
        Backbone(model, DirectCalls())._rotations.values(),
        strict=True,
    ):
        assert torch.equal(ours, expected)
