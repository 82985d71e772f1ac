"""GGUF files: UNets in Q8_0 are read exactly, as weight times scale; other formats are named. Whole
checkpoints of stable-diffusion.cpp have other names, and projections in the form of convolutions
(model.cpp, preprocess_tensor)."""

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.errors import ModelError
from engine.models.gguf_file import GgufFile
from engine.models.sd import ModelSpec
from engine.models.sd.load import load
from engine.models.sd.plan.model_plan import plan_model
from engine.models.sd.plan.model_summary import summarize_part
from engine.models.sd.plan.single_file import examine
from tests.models.sd.plain_stream import loaded
from tests.support.long_form import in_long_form
from tests.support.replicas.nets import tiny_unet
from tests.support.tiny_single_file import (
    NAMES,
    copy_configuration,
    original_tensors,
    original_unet_tensors,
)

F32, F16, Q4_K, Q8_0, BF16 = 0, 1, 12, 8, 30
TEXT, INTS = 8, 9


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def stored(numbers: np.ndarray, kind: int) -> tuple[bytes, np.ndarray]:
    """The bytes of a tensor in this format, and the numbers that they stand for."""
    if kind == Q8_0:
        blocks = numbers.reshape(-1, 32)
        scales = (np.abs(blocks).max(axis=1, keepdims=True) / 127.0).astype("<f2")
        weights = (
            np.round(blocks / np.maximum(scales.astype(np.float32), 1e-8))
            .clip(-127, 127)
            .astype("i1")
        )
        raw = b"".join(
            scale.tobytes() + row.tobytes() for scale, row in zip(scales, weights, strict=True)
        )
        return raw, (weights * scales.astype(np.float32)).reshape(numbers.shape)
    if kind == BF16:
        upper = (numbers.view("<u4") >> 16).astype("<u2")
        return upper.tobytes(), (upper.astype("<u4") << 16).view("<f4")
    whole = numbers.astype("<f2" if kind == F16 else "<f4")
    return whole.tobytes(), whole.astype(np.float32)


def write_gguf(file: Path, tensors: dict[str, torch.Tensor], kinds: Any) -> dict[str, np.ndarray]:
    """Write a GGUF file as ComfyUI-GGUF's converter does: matrices are stored by `kinds(name,
    numbers)`, rows of convolutions rearranged."""
    pairs, infos, data, expected = (
        [text("general.architecture") + struct.pack("<I", TEXT) + text("sdxl")],
        [],
        b"",
        {},
    )
    for name, tensor in tensors.items():
        numbers = tensor.float().numpy()
        kind, shape = kinds(name, numbers), numbers.shape
        if kind == Q8_0 and shape[-1] % 256 and numbers.size % 256 == 0:
            shape = (numbers.size // 256, 256)
            listed = struct.pack(f"<IQ{numbers.ndim}i", 5, numbers.ndim, *numbers.shape)
            pairs.append(text(f"comfy.gguf.orig_shape.{name}") + struct.pack("<I", INTS) + listed)
        raw, expected[name] = (b"", numbers) if kind == Q4_K else stored(numbers, kind)
        infos.append(
            text(name)
            + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape[::-1], kind, len(data))
        )
        data += raw + b"\0" * (-len(raw) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(pairs)) + b"".join((*pairs, *infos))
    file.write_bytes(head + b"\0" * (-len(head) % 32) + data)
    return expected


def q8(name: str, numbers: np.ndarray) -> int:
    """Format of each tensor: biases and norms in float32, small convolutions in float16, one in
    bfloat16."""
    if numbers.ndim == 1:
        return F32
    return Q8_0 if numbers.size % 256 == 0 else BF16 if name.startswith("out.") else F16


@pytest.fixture(params=["sdxl", *in_long_form("sd15")])
def unet(request: Any) -> tuple[str, dict[str, torch.Tensor]]:
    return request.param, original_unet_tensors(tiny_unet(request.param).state_dict(), 1)


def test_a_unet_in_q8_0_is_painted_as_weight_times_scale(
    tiny_models: Any, tmp_path: Path, unet: tuple[str, dict[str, torch.Tensor]]
) -> None:
    kind, tensors = unet
    expected = write_gguf(tmp_path / "unet-Q8_0.gguf", tensors, q8)
    spec = ModelSpec(model=str(tiny_models.sd(kind=kind)), unet=str(tmp_path / "unet-Q8_0.gguf"))
    report = plan_model(spec)
    assert report.missing == () and any(
        "quantized weights (Q8_0) are read exactly" in note for note in report.notes
    )
    (part,) = (part for part in report.parts if part.name == "unet")
    assert part.parameters == sum(
        tensor.numel() for tensor in tensors.values()
    ) and part.dtype.startswith("Q8_0")
    for dtype in (torch.float32, torch.bfloat16):
        read = load(spec, "cpu", str(dtype).removeprefix("torch.")).unet.state_dict()
        for name, numbers in original_unet_tensors(read, 1).items():
            assert torch.equal(numbers, torch.from_numpy(expected[name]).to(dtype)), name
    assert summarize_part("unets", str(tmp_path / "unet-Q8_0.gguf")).fault == ""


def of_stable_diffusion_cpp(
    tensors: dict[str, torch.Tensor], *, is_old: bool
) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint as it stores them: until 2025 queries, keys and values apart, and
    convolutions."""
    found = {}
    for name, tensor in tensors.items():
        is_projection = name.endswith(("proj_in.weight", "proj_out.weight"))
        if is_old and is_projection and name.startswith("model.diffusion_model."):
            tensor = tensor.reshape(*tensor.shape[:2], 1, 1)
        name = name.replace("conditioner.embedders.0.", "cond_stage_model.")
        name = name.replace("conditioner.embedders.1.", "cond_stage_model.1.")
        start, of_open_clip, rest = name.partition(".model.")
        if not of_open_clip:
            found[name] = tensor
        elif rest != "logit_scale":
            for ours, original in NAMES["text encoder"].items():
                rest = rest.replace(original, ours)
            inner = rest.replace(".attn.in_proj_", ".self_attn.in_proj.")
            rest = f"{start}.transformer.text_model.{inner}"
            is_joined = ".in_proj." in rest and is_old
            names = (
                [rest.replace("in_proj", f"{each}_proj") for each in "qkv"] if is_joined else [rest]
            )
            found |= dict(zip(names, tensor.chunk(len(names)), strict=True))
    return found


@pytest.mark.parametrize(("kind", "is_old"), [("sdxl", True), ("turbo", False)])
def test_a_checkpoint_of_stable_diffusion_cpp_gives_the_same_networks_as_its_folder(
    tiny_models: Any, tmp_path: Path, kind: str, is_old: bool
) -> None:
    folder = tiny_models.sd(kind=kind, vae="kl")
    tensors = of_stable_diffusion_cpp(original_tensors(folder), is_old=is_old)
    assert not any(".model." in name or "conditioner" in name for name in tensors)
    write_gguf(tmp_path / "x.gguf", tensors, lambda name, numbers: F32)
    copy_configuration(folder, tmp_path / "x")
    assert plan_model(ModelSpec(model=str(tmp_path / "x.gguf"), vae="full")).missing == ()
    file, expected = (loaded(path, vae="full") for path in (tmp_path / "x.gguf", folder))
    for ours, theirs in zip(
        (file.unet, *file.text_encoders), (expected.unet, *expected.text_encoders), strict=True
    ):
        values = theirs.state_dict()
        assert ours.state_dict().keys() == values.keys()
        assert all(torch.equal(tensor, values[name]) for name, tensor in ours.state_dict().items())


def test_sd_2_is_told_by_its_texts_where_its_projections_are_convolutions(tmp_path: Path) -> None:
    block = "model.diffusion_model.input_blocks.1.1."
    tensors = {"model.diffusion_model.input_blocks.0.0.weight": torch.zeros(8, 4, 3, 3)}
    tensors |= {
        f"{block}proj_in.weight": torch.zeros(8, 8, 1, 1),
        f"{block}attn2.to_k.weight": torch.zeros(8, 1024),
    }
    write_gguf(tmp_path / "sd_turbo-f16.gguf", tensors, lambda name, numbers: F16)
    described = examine(tmp_path / "sd_turbo-f16.gguf")
    assert described.family == "sd21" and described.tensors[f"{block}proj_in.weight"].shape == (
        8,
        8,
    )


def test_other_formats_and_broken_files_are_named_in_one_line(
    tiny_models: Any, tmp_path: Path, unet: tuple[str, dict[str, torch.Tensor]]
) -> None:
    kind, tensors = unet
    file = tmp_path / "unet.gguf"

    def line() -> str:
        (missing,) = plan_model(
            ModelSpec(model=str(tiny_models.sd(kind=kind)), unet=str(file))
        ).missing
        assert (
            missing == f"{file}: {summarize_part('unets', str(file)).fault}" and "\n" not in missing
        )
        return missing.removeprefix(f"{file}: ")

    write_gguf(file, tensors, lambda name, numbers: F32 if numbers.ndim == 1 else Q4_K)
    assert (
        line()
        == "input_blocks.0.0.weight is Q4_K; of GGUF, F32, F16, BF16 and Q8_0 are read; use the "
        "file in float16"
    )
    write_gguf(
        file, {"double_blocks.0.img_attn.qkv.weight": torch.zeros(2, 2)}, lambda name, numbers: Q4_K
    )
    assert "Flux" in line()
    write_gguf(file, tensors, q8)
    with pytest.raises(ModelError, match=r"is the UNet alone, .*--unet"):
        plan_model(ModelSpec(model=str(file)))
    whole = file.read_bytes()
    for broken in (
        whole[:-40],
        whole[:100],
        b"GGUF" + b"\xff" * 400,
        whole.replace(b"sdxl", b"\xff\xfe\xff\xfe"),
    ):
        file.write_bytes(broken)
        assert line() == "not a GGUF file of version 2 or 3, or truncated; download it again"
    file.write_bytes(b"<!doctype html>")
    assert "a web page saved instead of the model" in line()


def test_a_header_whose_numbers_do_not_fit_is_damaged(tmp_path: Path) -> None:
    """Without this, it would fail while the tensor is read."""
    file, uint32, int32, float32 = tmp_path / "unet.gguf", 4, 5, 6

    def read(
        sides: int, key: str = "x", value: bytes = struct.pack("<II", uint32, 0)
    ) -> torch.Tensor:
        tensor = text("a") + struct.pack("<IQIQ", 1, sides, Q8_0, 0)
        head = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + text(key) + value + tensor
        file.write_bytes(head + b"\0" * (-len(head) % 32 + 68))
        return GgufFile(file).read()["a"]

    shape = "comfy.gguf.orig_shape.a"
    assert read(32).shape == (32,) and read(
        32, shape, struct.pack("<IIQ2i", INTS, int32, 2, 4, 8)
    ).shape == (4, 8)
    assert read(32, "general.alignment", struct.pack("<If", float32, 32.0)).shape == (32,)
    for damaged in (
        (33,),
        (32, "general.alignment", struct.pack("<Ii", int32, -32)),
        (32, "general.alignment", struct.pack("<If", float32, math.nan)),
        (32, shape, struct.pack("<IIQ2i", INTS, int32, 2, -4, -8)),
        (32, shape, struct.pack("<IIQ2f", INTS, float32, 2, 4.0, 8.0)),
    ):
        with pytest.raises(
            ModelError, match="not a GGUF file of version 2 or 3, or truncated; download it again"
        ):
            read(*damaged)
