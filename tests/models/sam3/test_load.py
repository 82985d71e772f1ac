"""Loading folders: complete, detector only, other models, incomplete and broken."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ModelError
from engine.models.sam3 import SegmentationSpec
from engine.models.sam3.check import check
from engine.models.sam3.load import load, offload
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.segmenter import Segmenter
from engine.values import Segmentation
from tests.support.tensors import copied_tensors

WEIGHTS = "model.safetensors"


def spec_of(folder: Path, resolution: int = 336, **options: bool) -> SegmentationSpec:
    return SegmentationSpec(model=str(folder), resolution=resolution, **options)


@pytest.fixture
def copied(tiny_sam3: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_sam3, tmp_path / "sam3"))


def refused(spec: SegmentationSpec, match: str, *, only_loaded: bool = False) -> str:
    """The error line of loading; checking has the same, unless `only_loaded`."""
    ways = (lambda: load(spec, "cpu", "float32"), lambda: check(spec).require_complete())
    lines = []
    for act in ways[: 2 - only_loaded]:
        with pytest.raises(ModelError, match=match) as raised:
            act()
        lines.append(str(raised.value))
        assert "\n" not in lines[-1]
    return lines[0]


# -- what can be loaded


def test_detector_and_tracker_share_their_weights_and_are_built_for_the_resolution(
    tiny_sam3: Path,
) -> None:
    model = load(spec_of(tiny_sam3, 672), "cpu", "bf16")
    assert model.video.detector_model is model.detector and model.networks == (model.video,)
    assert (model.mask_side, model.video.low_res_mask_size, model.notes) == (192, 192, ())
    tracker = model.video.tracker_model
    assert tracker.prompt_encoder.image_embedding_size == (48, 48)
    assert tracker.backbone_feature_sizes[0] == [192, 192]
    assert model.detector.vision_encoder.config.image_size == 672
    assert (
        {parameter.dtype for parameter in model.video.parameters()}
        == {model.dtype}
        == {torch.bfloat16}
    )
    assert (
        not any(parameter.requires_grad for parameter in model.video.parameters())
        and not model.video.training
    )


def test_a_detector_alone_finds_but_does_not_track(tiny_sam3: Path, detector_alone: Path) -> None:
    whole, model = (
        load(spec_of(folder), "cpu", "float32") for folder in (tiny_sam3, detector_alone)
    )
    assert whole.mask_side == 96
    assert model.video is None and model.networks == (model.detector,)
    assert any("no tracker" in note for note in model.notes)
    results = [face_in_noise(each) for each in (whole, model)]
    np.testing.assert_allclose(
        *([each.score for each in found.objects] for found in results), atol=1e-6
    )
    segmenter = Segmenter(model)
    with pytest.raises(ModelError, match=r"no tracker.*facebook/sam3"):
        segmenter.mode = "track"
    assert segmenter.mode == "image"


def face_in_noise(model: SegmentationModel) -> Segmentation:
    segmenter = Segmenter(model)
    segmenter.set_prompts(["face"])
    return segmenter.segment(
        np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    )[0]


# -- what cannot


def test_other_folders_are_refused_by_what_they_are(tmp_path: Path, copied: Path) -> None:
    refused(spec_of(tmp_path), r"not a model folder, config\.json is missing")
    (tmp_path / "model_index.json").write_text("{}")
    refused(
        spec_of(tmp_path), r"a diffusers folder \(Stable Diffusion\?\), config\.json is missing"
    )
    refused(spec_of(copied / "config.json"), "is a file; name the folder")
    refused(spec_of(tmp_path / "nowhere"), "no such file or folder")
    (copied / "config.json").write_text(json.dumps({"model_type": "clip"}))
    refused(spec_of(copied), "model_type clip; supported: sam3_video, sam3")
    (copied / "config.json").write_text("[1]")
    refused(spec_of(copied), r"config\.json is not a JSON object")
    (copied / "config.json").write_text('{"model_type":')
    refused(spec_of(copied), r"config\.json cannot be read")


def test_missing_weights_are_named(copied: Path) -> None:
    (copied / WEIGHTS).unlink()
    refused(spec_of(copied), rf"has no weights \({WEIGHTS}\)")
    index = {
        "weight_map": {
            "a": "model-00001-of-00002.safetensors",
            "b": "model-00002-of-00002.safetensors",
        }
    }
    (copied / "model.safetensors.index.json").write_text(json.dumps(index))
    (copied / "model-00001-of-00002.safetensors").write_bytes(b"")
    refused(spec_of(copied), r"model-00002-of-00002\.safetensors is missing")


def test_truncated_weights_are_reported_with_their_file(copied: Path) -> None:
    file = copied / WEIGHTS
    content = file.read_bytes()
    for size in (0, 4, 5000, -1000):
        file.write_bytes(content[:size])
        line = refused(spec_of(copied), "truncated")
        assert str(file) in line and line.endswith("copy it again")


def test_a_missing_tensor_is_named(copied: Path) -> None:
    name, tensors = (
        "detector_model.detr_decoder.query_embed.weight",
        copied_tensors(copied / WEIGHTS),
    )
    del tensors[name]
    for changed in (tensors, tensors | {name: torch.zeros(3, 3)}):
        save_file(changed, copied / WEIGHTS, metadata={"format": "pt"})
        refused(
            spec_of(copied),
            rf"1 tensors are missing or have another shape, the first is {name}",
            only_loaded=True,
        )


def test_impossible_settings_are_refused(tiny_sam3: Path) -> None:
    refused(
        spec_of(tiny_sam3, 640),
        "resolution 640: not a multiple of 168 px, half this model's window, from 336",
    )
    refused(spec_of(tiny_sam3, 0), "resolution 0")
    refused(
        spec_of(tiny_sam3, is_compiled=True, is_offloaded=True),
        "compile and offload",
        only_loaded=True,
    )
    with pytest.raises(ModelError, match="dtype int8: not one of auto, fp16"):
        load(spec_of(tiny_sam3), "cpu", "int8")


def test_compiling_needs_a_compiler(tiny_sam3: Path) -> None:
    import torch._inductor.config

    with torch._inductor.config.patch({"cpp.cxx": ("no-such-compiler",)}):
        refused(
            spec_of(tiny_sam3, is_compiled=True),
            r"^compile: needs a C\+\+ compiler",
            only_loaded=True,
        )


# -- offload


def test_offloading_on_a_cpu_reports_that_it_has_no_effect(tiny_sam3: Path) -> None:
    model = load(spec_of(tiny_sam3, is_offloaded=True), "cpu", "float32")
    assert [note for note in model.notes if note.startswith("offload: has no effect")]
    assert not model.is_offloaded


def test_offloaded_weights_find_the_same(small_sam3: Path) -> None:
    """From main memory to main memory, but through accelerate's hooks: between calls the layers
    have no weights."""
    results = []
    for is_offloaded in (False, True):
        model = load(spec_of(small_sam3, 112), "cpu", "float32")
        whole = model.memory_bytes()
        if is_offloaded:
            offload(model)
            large = (model.detector.vision_encoder.backbone, model.detector.text_encoder)
            assert all(parameter.is_meta for network in large for parameter in network.parameters())
            assert model.memory_bytes() < whole
        results.append(face_in_noise(model))
    assert results[0].objects == results[1].objects
    np.testing.assert_array_equal(results[0].masks, results[1].masks)


# -- checking


def parameters(network: Any) -> int:
    return sum(each.numel() for each in network.parameters())


def test_the_report_from_headers_equals_the_loaded_model(tiny_sam3: Path) -> None:
    report = check(spec_of(tiny_sam3))
    model = load(spec_of(tiny_sam3), "cpu", "float32")
    counted = {part.name: part.parameters for part in report.parts}
    assert set(counted) == {"vision", "text", "detector", "tracker"}
    assert counted["vision"] == parameters(model.detector.vision_encoder)
    assert counted["text"] == parameters(model.detector.text_encoder) + parameters(
        model.detector.text_projection
    )
    assert counted["vision"] + counted["text"] + counted["detector"] == parameters(model.detector)
    assert {part.dtype for part in report.parts} == {"float32"}
    assert (
        report.memory_bytes("float32")
        == 4 * sum(counted.values())
        == 2 * report.memory_bytes("bfloat16")
    )
    assert (report.kind, report.is_complete, report.missing, report.notes) == (
        "sam3_video",
        True,
        (),
        (),
    )


def test_everything_missing_is_listed_at_once(copied: Path) -> None:
    (copied / WEIGHTS).unlink()
    for file in ("tokenizer.json", "vocab.json"):
        (copied / file).unlink()
    report = check(spec_of(copied, 500))
    assert not report.is_complete and report.parts == ()
    assert [
        any(part in line for line in report.missing) for part in ("tokenizer", "no weights", "500")
    ] == [True] * 3
    assert all("\n" not in line for line in report.missing)


def test_a_part_without_weights_is_named(copied: Path, detector_alone: Path) -> None:
    shutil.copy(detector_alone / WEIGHTS, copied / WEIGHTS)
    (line,) = check(spec_of(copied)).missing
    assert "the weights of the tracker are not in its files" in line
