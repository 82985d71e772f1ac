from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.errors import ModelError
from engine.models.sd import ModelSpec
from engine.models.sd.conditioner import Cond, Conditioner
from engine.models.sd.load import load
from engine.models.sd.model import DiffusionModel
from tests.models.sd.oracle import our_picture, source_picture

SHOWN = source_picture(seed=5, side_px=48)


@pytest.fixture(scope="module", params=["standard", "plus"])
def adapter(request: pytest.FixtureRequest, tiny_models: Any, tiny_sd: Path) -> Path:
    return tiny_models.ip_adapter(tiny_sd, kind=request.param)


@pytest.fixture(scope="module")
def model(tiny_sd: Path, adapter: Path) -> DiffusionModel:
    return load(ModelSpec(model=str(tiny_sd), ip_adapter=str(adapter)), "cpu", "fp32")


def test_at_strength_0_and_without_a_picture_the_result_is_bit_identical(tiny_sd: Path, model: DiffusionModel) -> None:
    plain = load(ModelSpec(model=str(tiny_sd)), "cpu", "fp32")
    base = our_picture(plain)
    model.ip_adapter.set_scale(1.0)
    assert np.array_equal(our_picture(model), base)
    assert not np.array_equal(our_picture(model, ip_image=SHOWN), base)
    full = [weight.clone() for weight, _ in model.ip_adapter._values]
    model.ip_adapter.set_scale(0.0)
    assert np.array_equal(our_picture(model, ip_image=SHOWN), base)
    model.ip_adapter.set_scale(1.0)
    assert all(torch.equal(weight, was) for (weight, _), was in zip(model.ip_adapter._values, full, strict=True))


def test_a_picture_prompt_is_copied_into_buffers_and_removed_again(model: DiffusionModel) -> None:
    conditioner = Conditioner(model)
    buffers: Cond = conditioner.encode("a cat", None)
    address = buffers.ip[0].data_ptr()
    conditioner.encode("a cat", None, ip_image=SHOWN).into(buffers)
    assert buffers.ip[0].abs().sum() > 0
    conditioner.encode("a cat", None).into(buffers)
    assert buffers.ip[0].abs().sum() == 0
    assert buffers.ip[0].data_ptr() == address


def test_the_same_picture_again_is_not_encoded_again(model: DiffusionModel) -> None:
    calls: list[int] = []
    hook = model.ip_adapter.modules()[0].register_forward_hook(lambda *_: calls.append(1))
    first, _ = model.ip_adapter.encode(SHOWN.copy())
    once = len(calls)
    other = source_picture(seed=1)
    second, _ = model.ip_adapter.encode(other)
    second[0].zero_()  # as if it were the buffers that another condition is copied into
    again, _ = model.ip_adapter.encode(other)
    hook.remove()
    assert len(calls) == 2 * once
    assert again[0].abs().sum() > 0 and not torch.equal(again[0], first[0])


def test_an_adapter_without_its_image_encoder_says_so(tiny_sd: Path, adapter: Path, tmp_path: Path) -> None:
    alone = tmp_path / "folder" / "alone.safetensors"
    alone.parent.mkdir()
    alone.write_bytes(adapter.read_bytes())
    with pytest.raises(ModelError, match="no image_encoder folder next to it"):
        load(ModelSpec(model=str(tiny_sd), ip_adapter=str(alone)), "cpu", "fp32")
    named = ModelSpec(model=str(tiny_sd), ip_adapter=str(alone), image_encoder=str(adapter.parent / "image_encoder"))
    assert load(named, "cpu", "fp32").ip_adapter is not None


def test_an_adapter_that_needs_a_face_detector_is_refused(tiny_models: Any, tiny_sd: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    standard = tiny_models.ip_adapter(tiny_sd)
    attention = {name: t for name, t in load_file(standard).items() if name.startswith("ip_adapter.")}
    face = {"norm.weight": (32,), "norm.bias": (32,), "proj.0.weight": (64, 32), "proj.0.bias": (64,)}
    face |= {"proj.2.weight": (128, 64), "proj.2.bias": (128,)}
    face_id = {f"image_proj.{name}": torch.zeros(shape) for name, shape in face.items()}
    save_file(attention | face_id, tmp_path / "face.safetensors")
    named = ModelSpec(
        model=str(tiny_sd),
        ip_adapter=str(tmp_path / "face.safetensors"),
        image_encoder=str(standard.parent / "image_encoder"),
    )
    with pytest.raises(ModelError, match="a FaceID adapter"):
        load(named, "cpu", "fp32")


def test_a_published_adapter_without_its_encoder_says_how_to_get_it(
    tiny_sd: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--h94--IP-Adapter" / "snapshots" / ("0" * 40)
    (snapshot / "models").mkdir(parents=True)
    (snapshot.parent.parent / "refs").mkdir()
    (snapshot.parent.parent / "refs" / "main").write_text("0" * 40)
    (snapshot / "models" / "ip.safetensors").write_bytes(adapter.read_bytes())
    spec = ModelSpec(model=str(tiny_sd), ip_adapter="h94/IP-Adapter/models/ip.safetensors")
    with pytest.raises(ModelError, match=r'hf download h94/IP-Adapter --include "models/image_encoder/\*.json"'):
        load(spec, "cpu", "fp32")


def test_an_adapter_for_another_model_is_refused(tiny_models: Any, tiny_sd: Path) -> None:
    other = tiny_models.ip_adapter(tiny_models.sd(kind="sdxl"))
    with pytest.raises(ModelError, match=r"an IP-Adapter made for texts of 64 numbers a token, .* is SD 1.5; one"):
        load(ModelSpec(model=str(tiny_sd), ip_adapter=str(other)), "cpu", "fp32")


def test_any_picture_shape_is_accepted(model: DiffusionModel) -> None:
    for shape in ((3, 5, 3), (200, 31, 3)):
        assert model.ip_adapter.encode(np.full(shape, 99, np.uint8))[0][0].isfinite().all()
