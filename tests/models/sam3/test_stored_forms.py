"""SAM3's weights in other programs' forms are read as what they stand for, or refused by name, by
checking as well."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ModelError
from engine.models.pretrained import tensor_problems
from engine.models.sam3 import SegmentationSpec
from engine.models.sam3.check import check
from engine.models.sam3.load import load, trials
from engine.models.sam3.model import SegmentationModel
from tests.models.sam3.test_meta_file import as_meta
from tests.support.tensors import copied_tensors

WEIGHTS = "model.safetensors"
Tensors = dict[str, torch.Tensor]


def spec_of(model: Path) -> SegmentationSpec:
    return SegmentationSpec(model=str(model), resolution=112)


@pytest.fixture
def copied(small_seeing_sam3: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_seeing_sam3, tmp_path / "sam3"))


def quantized(
    tensors: Tensors, kind: torch.dtype, scale: str, *, rows: bool, format: str = ""
) -> Tensors:
    """The tensors with their matrices in 8 bits, a scale beside each, and ComfyUI's description if
    it has a format."""
    stored = dict(tensors)
    most = 127.0 if kind == torch.int8 else torch.finfo(kind).max
    for name, tensor in tensors.items():
        if tensor.ndim != 2 or not name.endswith(".weight"):
            continue
        largest = tensor.abs().amax(dim=1, keepdim=True) if rows else tensor.abs().amax()
        scales = largest.clamp(min=1e-6).float() / most
        stored[name] = (
            (tensor / scales).round().to(kind) if kind == torch.int8 else (tensor / scales).to(kind)
        )
        layer = name.removesuffix("weight")
        stored[f"{layer}{scale}"] = scales
        if format:
            described = json.dumps({"format": format}).encode()
            stored[f"{layer}comfy_quant"] = torch.tensor(list(described), dtype=torch.uint8)
    return stored


FORMS: dict[str, Callable[[Tensors], Tensors]] = {
    "ComfyUI's fp8": lambda tensors: quantized(
        tensors, torch.float8_e4m3fn, "weight_scale", rows=False, format="float8_e4m3fn"
    ),
    "older fp8": lambda tensors: quantized(
        tensors, torch.float8_e4m3fn, "scale_weight", rows=False
    ),
    "int8 with a scale a row": lambda tensors: quantized(
        tensors, torch.int8, "weight_scale", rows=True
    ),
}


def assert_same_weights(model: SegmentationModel, expected: Tensors, tolerance: float) -> None:
    own = dict(model.networks[0].named_parameters())
    compared = 0
    for name, tensor in expected.items():
        weight = own.get(name, own.get(name.removeprefix("detector_model.")))
        if weight is not None and tensor.ndim == 2:
            assert (weight - tensor).abs().max() <= tolerance * tensor.abs().max().clamp(
                min=1e-6
            ), name
            compared += 1
    assert compared > 50


@pytest.mark.parametrize("form", FORMS)
def test_quantized_weights_are_read_times_their_scales(copied: Path, form: str) -> None:
    tensors = copied_tensors(copied / WEIGHTS)
    save_file(FORMS[form](tensors), copied / WEIGHTS, metadata={"format": "pt"})
    report = check(spec_of(copied))
    assert report.is_complete and any(
        "quantized weights" in note and "exactly" in note for note in report.notes
    )
    assert tensor_problems(trials(spec_of(copied))) == []
    assert_same_weights(
        load(spec_of(copied), "cpu", "float32"), tensors, 0.01 if "int8" in form else 0.07
    )


def test_quantized_weights_with_metas_names_are_read_times_their_scales(
    seeing: SegmentationModel, copied: Path
) -> None:
    file = copied / "sam3.safetensors"
    stored = FORMS["int8 with a scale a row"](as_meta(seeing.detector, is_newer=False))
    save_file({name: tensor.contiguous() for name, tensor in stored.items()}, file)
    assert check(spec_of(file)).is_complete and tensor_problems(trials(spec_of(file))) == []
    assert_same_weights(
        load(spec_of(file), "cpu", "float32"), dict(seeing.detector.named_parameters()), 0.01
    )


def test_mlxs_transposed_kernels_are_turned_back(copied: Path) -> None:
    tensors = copied_tensors(copied / WEIGHTS)
    turned = {}
    for name, tensor in tensors.items():
        is_kernel = tensor.ndim == 4 and not name.endswith("memory_temporal_positional_encoding")
        order = (1, 2, 3, 0) if "scale_layers." in name or "upscale_conv" in name else (0, 2, 3, 1)
        turned[name] = tensor.permute(order).contiguous() if is_kernel else tensor
    save_file(turned, copied / WEIGHTS, metadata={"format": "mlx"})
    assert tensor_problems(trials(spec_of(copied))) == []
    own = load(spec_of(copied), "cpu", "float32").networks[0].state_dict()
    kernels = [name for name, tensor in tensors.items() if tensor.ndim == 4 and name in own]
    assert len(kernels) > 20 and all(torch.equal(own[name], tensors[name]) for name in kernels)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            lambda stored: stored | {"detector_model.mask_decoder.extra.weight": torch.zeros(2)},
            "1 of its tensors have no",
        ),
        (
            lambda stored: dict(list(stored.items())[::2]),
            "tensors are missing or have another shape",
        ),
        (
            lambda stored: (
                stored
                | {"detector_model.text_projection.weight": torch.zeros(4, 4, dtype=torch.int8)}
            ),
            "detector_model.text_projection.weight is int8 without a scale; use the file in "
            "float16",
        ),
    ],
    ids=["a tensor too many", "half of them", "no scale"],
)
def test_checking_says_what_loading_says_of_tensors(copied: Path, change: Any, line: str) -> None:
    save_file(change(copied_tensors(copied / WEIGHTS)), copied / WEIGHTS, metadata={"format": "pt"})
    with pytest.raises(ModelError) as raised:
        load(spec_of(copied), "cpu", "float32")
    assert line in str(raised.value)
    assert [str(raised.value)] == [
        *check(spec_of(copied)).missing,
        *tensor_problems(trials(spec_of(copied))),
    ][:1]


def test_an_efficientsam3_is_named(copied: Path) -> None:
    file = copied / "efficient_sam3_repvit_s.pt"
    torch.save(
        {
            "model": {
                "detector.backbone.vision_backbone.trunk.model.backbone.conv.weight": torch.zeros(2)
            }
        },
        file,
    )
    with pytest.raises(
        ModelError, match="is EfficientSAM3, a SAM3 with another, small vision encoder"
    ):
        check(spec_of(file))
