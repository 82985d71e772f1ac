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
from tests.models.sd.plain_stream import loaded
from tests.support.replicas.replica import Shelf

SHOWN = source_picture(seed=5, side_px=48)


@pytest.fixture(scope="module", params=["standard", "plus"])
def adapter(request: pytest.FixtureRequest, tiny_models: Any, tiny_sd: Path) -> Path:
    return tiny_models.ip_adapter(tiny_sd, kind=request.param)


@pytest.fixture(scope="module")
def model(tiny_sd: Path, adapter: Path) -> DiffusionModel:
    return loaded(tiny_sd, ip_adapter=str(adapter))


def test_at_strength_0_and_without_a_picture_the_result_is_bit_identical(tiny_sd: Path, model: DiffusionModel) -> None:
    plain = loaded(tiny_sd)
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


def test_two_pictures_are_mixed_in_what_the_encoder_says_of_them(model: DiffusionModel) -> None:
    adapter, other = model.ip_adapter, source_picture(seed=2, side_px=48)
    encoded: list[int] = []

    def mixed(share: float, picture: Any = SHOWN, second: Any = other) -> torch.Tensor:
        adapter.mix_in(second, share)
        (tokens,), _ = adapter.encode(picture)
        return tokens

    first, last = (mixed(0.0, each, None) for each in (SHOWN, other))
    embeds = [adapter._embedded(each)[0] for each in (SHOWN, other)]
    hook = adapter.modules()[0].register_forward_hook(lambda *_: encoded.append(1))
    assert torch.equal(mixed(0.0), first) and torch.equal(mixed(1.0), last) and not torch.equal(first, last)
    assert torch.allclose(mixed(0.25), adapter._tokens(0.75 * embeds[0] + 0.25 * embeds[1]), atol=1e-6)
    assert torch.equal(mixed(0.25, None), last) and torch.equal(mixed(0.25, SHOWN, None), first)
    assert not mixed(0.5, None, None).any() and not mixed(0.0, None).any()
    hook.remove()
    adapter.mix_in(None, 0.0)
    assert not encoded, "a moving mix encodes no picture"


def test_an_adapter_without_its_image_encoder_says_so(tiny_sd: Path, adapter: Path, tmp_path: Path) -> None:
    alone = tmp_path / "folder" / "alone.safetensors"
    alone.parent.mkdir()
    alone.write_bytes(adapter.read_bytes())
    with pytest.raises(ModelError, match="no image_encoder folder next to it"):
        loaded(tiny_sd, ip_adapter=str(alone))
    named = ModelSpec(model=str(tiny_sd), ip_adapter=str(alone), image_encoder=str(adapter.parent / "image_encoder"))
    assert load(named, "cpu", "fp32").ip_adapter is not None


def test_an_adapter_of_a_repository_says_how_to_get_its_encoder(tiny_sd: Path, adapter: Path, shelf: Shelf) -> None:
    (shelf.folder / "ip.safetensors").write_bytes(adapter.read_bytes())
    shelf.put_on_hub("artist/adapters/models", shelf.folder)
    spec = ModelSpec(model=str(tiny_sd), ip_adapter="artist/adapters/models/ip.safetensors")
    with pytest.raises(ModelError, match=r'hf download artist/adapters --include "models/image_encoder/\*.json"'):
        load(spec, "cpu", "fp32")


def test_any_picture_shape_is_accepted(model: DiffusionModel) -> None:
    for shape in ((3, 5, 3), (200, 31, 3)):
        assert model.ip_adapter.encode(np.full(shape, 99, np.uint8))[0][0].isfinite().all()
