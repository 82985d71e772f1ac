"""Quantized checkpoints are read exactly, as weight times scale, or refused by name before anything
is loaded."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ModelError
from engine.models.sd import ModelSpec
from engine.models.sd.load import load
from engine.models.sd.plan.model_plan import plan_model
from tests.support.long_form import in_long_form
from tests.support.tensors import copied_tensors
from tests.support.tiny_single_file import copy_configuration, original_tensors, save_tensors

UNET = "model.diffusion_model."
Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def tensors(tiny_models: Any) -> Tensors:
    return original_tensors(tiny_models.sd(vae="kl"))


def matrices(tensors: Tensors) -> list[str]:
    """The weights that ComfyUI quantizes: those of linear layers in the UNet."""
    return [name for name, tensor in tensors.items() if name.startswith(UNET) and tensor.ndim == 2]


def described(**options: Any) -> torch.Tensor:
    return torch.tensor(list(json.dumps(options).encode()), dtype=torch.uint8)


def quantized(
    tensors: Tensors, kind: torch.dtype, scale: str, *, rows: bool = False
) -> tuple[Tensors, Tensors]:
    """A file whose matrices are `kind` with a scale called `scale`, and the weights that it stands
    for."""
    stored, expected = dict(tensors), {}
    most = 127.0 if kind == torch.int8 else torch.finfo(kind).max
    for name in matrices(tensors):
        weight = tensors[name].float()
        largest = weight.abs().amax(dim=1, keepdim=True) if rows else weight.abs().amax()
        scales = largest.clamp(min=1e-6) / most
        stored[name] = (
            (weight / scales).round().to(kind) if kind == torch.int8 else (weight / scales).to(kind)
        )
        stored[f"{name.removesuffix('weight')}{scale}"] = scales
        expected[name] = stored[name].float() * scales
    return stored, expected


def write(
    tiny_models: Any, folder: Path, tensors: Tensors, metadata: dict[str, str] | None = None
) -> str:
    copy_configuration(tiny_models.sd(vae="kl"), folder / "x")
    return str(save_tensors(folder / "x.safetensors", tensors, metadata))


def comfy(
    tensors: Tensors, kind: torch.dtype, *, rows: bool = False, **options: Any
) -> tuple[Tensors, Tensors]:
    stored, expected = quantized(tensors, kind, "weight_scale", rows=rows)
    name = {torch.int8: "int8_tensorwise", torch.float8_e5m2: "float8_e5m2"}.get(
        kind, "float8_e4m3fn"
    )
    for weight in expected:
        stored[f"{weight.removesuffix('weight')}comfy_quant"] = described(
            **({"format": name} | options)
        )
        # of activations: no part of a weight
        stored[f"{weight.removesuffix('weight')}input_scale"] = torch.tensor(3.0)
    return stored, expected


def in_metadata(tensors: Tensors) -> tuple[Tensors, Tensors, dict[str, str]]:
    stored, expected = quantized(tensors, torch.float8_e4m3fn, "weight_scale")
    layers = {
        name.removesuffix(".weight").removeprefix(UNET): {"format": "float8_e4m3fn"}
        for name in expected
    }
    return (
        stored,
        expected,
        {"_quantization_metadata": json.dumps({"format_version": "1.0", "layers": layers})},
    )


def older(tensors: Tensors) -> tuple[Tensors, Tensors]:
    stored, expected = quantized(tensors, torch.float8_e4m3fn, "scale_weight")
    for weight in expected:
        stored[f"{weight.removesuffix('weight')}scale_input"] = torch.tensor(3.0)
    return stored | {"scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}, expected


def rotated(tensors: Tensors) -> tuple[Tensors, Tensors]:
    """ConvRot: rows of 16 columns are multiplied by a Hadamard matrix before they are rounded."""
    four = torch.tensor([[1, 1, 1, -1], [1, 1, -1, 1], [1, -1, 1, 1], [-1, 1, 1, 1]]) / 2
    turn = torch.kron(four, four)
    turned = {
        name: (tensors[name].reshape(-1, 16) @ turn).reshape(tensors[name].shape)
        for name in matrices(tensors)
    }
    stored, weights = comfy(
        tensors | turned, torch.int8, rows=True, convrot=True, convrot_groupsize=16
    )
    expected = {
        name: (weight.reshape(-1, 16) @ turn.T).reshape(weight.shape)
        for name, weight in weights.items()
    }
    assert all(
        (expected[name] - tensors[name]).abs().max() < 0.02 * tensors[name].abs().max()
        for name in expected
    )
    return stored, expected


CASES = {
    "ComfyUI's rotated int8": rotated,
    "ComfyUI's fp8": lambda tensors: comfy(tensors, torch.float8_e4m3fn),
    "ComfyUI's wide fp8": lambda tensors: comfy(tensors, torch.float8_e5m2),
    "ComfyUI's int8": lambda tensors: comfy(tensors, torch.int8),
    "ComfyUI's int8 with a scale a row": lambda tensors: comfy(tensors, torch.int8, rows=True),
    "formats in the header": in_metadata,
    "scaled_fp8": older,
}
LIKE_OTHERS = ("ComfyUI's wide fp8", "ComfyUI's int8")


@pytest.mark.parametrize(
    ("case", "dtype"),
    [
        *((case, torch.float32) for case in CASES if case not in LIKE_OTHERS),
        ("ComfyUI's fp8", torch.float16),
        *in_long_form(*((case, torch.float32) for case in LIKE_OTHERS)),
    ],
)
def test_quantized_weights_are_painted_as_weight_times_scale(
    tiny_models: Any, tensors: Tensors, tmp_path: Path, case: str, dtype: torch.dtype
) -> None:
    stored, weights, *metadata = CASES[case](tensors)
    name = write(tiny_models, tmp_path, stored, *metadata)
    report = plan_model(ModelSpec(model=name, vae="full"))
    assert report.is_complete and any(
        "quantized" in note and "exactly" in note for note in report.notes
    )
    ours = load(
        ModelSpec(model=name, vae="full"), "cpu", str(dtype).removeprefix("torch.")
    ).unet.state_dict()
    plain = write(tiny_models, tmp_path / "plain", tensors | weights)
    expected = load(ModelSpec(model=plain, vae="full"), "cpu", "float32").unet.state_dict()
    assert ours.keys() == expected.keys()
    assert all(torch.equal(ours[key], expected[key].to(dtype)) for key in expected)


def nf4(tensors: Tensors) -> Tensors:
    """Quantize as Forge does in NF4: two weights a byte, scales a block, and the tables of
    bitsandbytes."""
    stored = dict(tensors)
    for name in matrices(tensors):
        stored[name] = torch.zeros(tensors[name].numel() // 2, 1, dtype=torch.uint8)
        stored[f"{name}.absmax"] = torch.ones(tensors[name].numel() // 64)
        stored[f"{name}.quant_map"] = torch.linspace(-1, 1, 16)
        stored[f"{name}.quant_state.bitsandbytes__nf4"] = described(quant_type="nf4", blocksize=64)
    return stored


def one(tensors: Tensors, **changes: Any) -> Tensors:
    """A file in ComfyUI's fp8, with changes at its first quantized layer; None removes a tensor."""
    stored, _ = comfy(tensors, torch.float8_e4m3fn)
    layer = matrices(tensors)[0].removesuffix("weight")
    for role, tensor in changes.items():
        stored.pop(layer + role, None)
        if tensor is not None:
            stored[layer + role] = tensor
    return stored


REFUSED = {
    "nf4": (nf4, "nf4"),
    "a rotation of 8": (lambda ts: comfy(ts, torch.int8, convrot=True, convrot_groupsize=8)[0],
        "convrot_groupsize 8"),
    "a rotation of 256": (lambda ts: comfy(ts, torch.int8, convrot=True)[0],
        "convrot_groupsize 256 is no power of 4"),
    "rotated floats": (lambda ts: comfy(ts, torch.float8_e4m3fn, convrot=True)[0],
        "convrot of float8"),
    "blocks": (lambda ts: one(ts, comfy_quant=described(format="int8_blockwise")),
        "int8_blockwise"),
    "no scale": (lambda ts: one(ts, weight_scale=None), "no scale"),
    "a scale of another size": (lambda ts: one(ts, weight_scale=torch.ones(3)), "weight_scale"),
    "int8 without a scale": (
        lambda ts: ts | {matrices(ts)[0]: torch.ones(ts[matrices(ts)[0]].shape, dtype=torch.int8)},
        "int8",
    ),
    "an unknown tensor": (
        lambda ts: ts | {f"{UNET}input_blocks.1.0.in_layers.2.gain": torch.ones(1)},
        "gain",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_exactly_is_refused_in_one_line_that_names_it(
    tiny_models: Any, tensors: Tensors, tmp_path: Path, case: str
) -> None:
    make, named = REFUSED[case]
    assert_refused(ModelSpec(model=write(tiny_models, tmp_path, make(tensors)), vae="full"), named)


def assert_refused(spec: ModelSpec, named: str) -> None:
    """Assert that `model check` refuses a model before anything is loaded, and loading does with
    the same line."""
    with pytest.raises(ModelError, match=re.escape(named)) as error:
        plan_model(spec).require_complete()
    with pytest.raises(ModelError) as refused:
        load(spec, "cpu", "float32")
    assert str(refused.value) == str(error.value) and "\n" not in str(error.value)


def nunchaku(tensors: Tensors) -> Tensors:
    """Quantize as SVDQuant does: 4 bits in whole numbers, the scales of groups, and two thin
    matrices next to them."""
    stored = dict(tensors)
    for name in [
        name for name in tensors if ".transformer_blocks." in name and name.endswith("to_q.weight")
    ]:
        layer, (rows, columns) = name.removesuffix("weight"), stored.pop(name).shape
        stored |= {f"{layer}qweight": torch.zeros(rows, columns // 2, dtype=torch.int8)}
        stored |= {
            f"{layer}wscales": torch.ones(1, rows),
            f"{layer}smooth_factor": torch.ones(columns),
        }
        stored |= {
            f"{layer}proj_down": torch.ones(columns, 4),
            f"{layer}proj_up": torch.ones(rows, 4),
        }
    return stored


def eight_bits(tensors: Tensors, kind: torch.dtype, scale: str) -> Tensors:
    stored = dict(tensors)
    for name in [name for name in tensors if tensors[name].ndim == 2 and name.endswith("weight")]:
        weight, scale_name = tensors[name], f"{name.removesuffix('weight')}{scale}"
        stored |= {name: weight.to(kind), scale_name: torch.ones(len(weight))}
    return stored


FOLDERS = {
    "nunchaku": (nunchaku, "attn1.to_q is quantized (proj_down)"),
    "bitsandbytes": (lambda tensors: eight_bits(tensors, torch.int8, "SCB"), "is quantized (SCB)"),
    "int8 without scales": (
        lambda ts: ts | {"conv_in.weight": ts["conv_in.weight"].to(torch.int8)},
        "is int8",
    ),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_a_folder_with_quantized_weights_is_refused_by_the_check_as_by_loading(
    tiny_models: Any, tmp_path: Path, case: str
) -> None:
    make, named = FOLDERS[case]
    folder = tmp_path / "sd"
    shutil.copytree(tiny_models.sd(), folder)
    (file,) = (folder / "unet").glob("*.safetensors")
    save_file(make(copied_tensors(file)), file)
    assert_refused(ModelSpec(model=str(folder)), named)
    if case == "nunchaku":  # published as a file with the UNet alone
        assert_refused(ModelSpec(model=str(tiny_models.sd()), unet=str(file)), named)


def test_plain_eight_bit_floats_are_their_own_values(
    tiny_models: Any, tensors: Tensors, tmp_path: Path
) -> None:
    """Files that were only rounded to fp8, without scales, as the smallest downloads are."""
    stored = {name: tensor.to(torch.float8_e4m3fn) for name, tensor in tensors.items()}
    name = write(tiny_models, tmp_path, stored)
    plain = write(
        tiny_models, tmp_path / "plain", {name: tensor.float() for name, tensor in stored.items()}
    )
    ours, expected = (
        load(ModelSpec(model=each, vae="full"), "cpu", "float32").unet.state_dict()
        for each in (name, plain)
    )
    assert all(torch.equal(ours[key], expected[key]) for key in expected)
