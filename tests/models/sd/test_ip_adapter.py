"""IP-Adapters: mixed and moving pictures, strengths, and missing image encoders."""

from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from engine.errors import ModelError
from engine.models.sd import ModelSpec
from engine.models.sd.ip_adapter import BLOCKS
from engine.models.sd.load import load
from engine.models.sd.model import DiffusionModel
from engine.models.sd.plan.ip_adapter_file import examine_ip_adapter
from tests.models.sd.oracle import our_picture, source_picture
from tests.models.sd.plain_stream import loaded
from tests.support.replicas.replica import Folders
from tests.support.tensors import copied_tensors

REFERENCE = source_picture(seed=5, side_px=48)


@pytest.fixture(scope="module", params=["standard", "plus"])
def adapter(request: pytest.FixtureRequest, tiny_models: Any, tiny_sd: Path) -> Path:
    return tiny_models.ip_adapter(tiny_sd, kind=request.param)


@pytest.fixture(scope="module")
def model(tiny_sd: Path, adapter: Path) -> DiffusionModel:
    return loaded(tiny_sd, ip_adapter=str(adapter))


def test_at_strength_0_and_without_a_picture_the_result_is_bit_identical(
    tiny_sd: Path, model: DiffusionModel
) -> None:
    base = our_picture(loaded(tiny_sd))
    model.ip_adapter.set_scale(1.0)
    assert np.array_equal(our_picture(model), base)
    assert not np.array_equal(our_picture(model, ip_image=REFERENCE), base)
    full = [weight.clone() for _, weight, _ in model.ip_adapter._values]
    model.ip_adapter.set_scale(0.0)
    assert np.array_equal(our_picture(model, ip_image=REFERENCE), base)
    model.ip_adapter.set_scale(1.0)
    assert all(
        torch.equal(weight, was)
        for (_, weight, _), was in zip(model.ip_adapter._values, full, strict=True)
    )


def prepared(adapter: Any, picture: np.ndarray) -> torch.Tensor:
    """Preprocess a picture for the encoder with transformers' own processor."""
    return adapter._processor(Image.fromarray(picture), return_tensors="pt").pixel_values


def test_pictures_are_mixed_by_weight_in_what_the_encoder_says_of_them(
    model: DiffusionModel,
) -> None:
    adapter, others = (
        model.ip_adapter,
        [source_picture(seed=seed, side_px=48) for seed in (2, 3, 4)],
    )
    encoded: list[int] = []

    def mixed(*weights: float) -> torch.Tensor:
        (tokens,), _ = adapter.encode(
            list(zip_longest((REFERENCE, *others), weights, fillvalue=0.0))
        )
        return tokens

    embeds = [adapter._embed(prepared(adapter, each)) for each in (REFERENCE, *others)]
    mixed(1.0)
    hook = adapter.modules()[0].register_forward_hook(lambda *_: encoded.append(1))
    assert torch.equal(mixed(1.0), adapter._tokens(embeds[0])) and torch.equal(
        mixed(0.5), mixed(1.0)
    )
    assert torch.equal(mixed(0.0, 0.5), adapter._tokens(embeds[1]))
    expected = 0.5 * embeds[0] + 0.25 * embeds[1] + 0.25 * embeds[3]
    assert torch.allclose(mixed(0.8, 0.4, 0.0, 0.4), adapter._tokens(expected), atol=1e-6)
    assert not mixed(0.0, 0.0).any()
    hook.remove()
    assert not encoded, "a moving mix encodes no picture"
    assert not adapter.encode([])[0][0].any()


@pytest.mark.parametrize("shape", [(32, 32), (48, 96), (200, 31)])
def test_a_moving_picture_is_seen_as_a_file_is(
    model: DiffusionModel, shape: tuple[int, int]
) -> None:
    adapter = model.ip_adapter
    picture = cv2.resize(
        source_picture(seed=6, side_px=48), shape[::-1], interpolation=cv2.INTER_CUBIC
    )
    rgb = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255.0
    still, _ = adapter.mix([(REFERENCE, 1.0)])
    for fraction in (0.0, 0.5, 1.0):
        tokens = adapter.encode_live(rgb, torch.tensor(fraction), still)
        expected = adapter._tokens(
            torch.lerp(still, adapter._embed(prepared(adapter, picture)), fraction)
        )
        # theirs rounds to 8 bits
        near = partial(torch.allclose, expected, atol=0.005 * float(expected.abs().max()))
        assert near(tokens)
        assert near(adapter._tokens(still)) == (fraction == 0.0)


def test_each_block_has_a_strength_of_its_own(model: DiffusionModel) -> None:
    adapter = model.ip_adapter

    def norms(scale: float, *blocks: float) -> dict[str, float]:
        adapter.set_scale(scale, blocks)
        return {
            block: sum(float(w.norm()) for name, w, _ in adapter._values if name == block)
            for block in BLOCKS
        }

    full = norms(1.0, 1.0, 1.0, 1.0)
    assert all(full.values())
    for index, block in enumerate(BLOCKS):
        factors = [0.5 if index == other else 0.0 for other in range(3)]
        assert norms(0.5, *factors) == pytest.approx(
            dict.fromkeys(BLOCKS, 0.0) | {block: full[block] / 4}
        )
    assert norms(1.0, 1.0, 1.0, 1.0) == full


def test_an_adapter_without_its_image_encoder_says_so(
    tiny_sd: Path, adapter: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "folder" / "alone.safetensors"
    alone.parent.mkdir()
    alone.write_bytes(adapter.read_bytes())
    with pytest.raises(ModelError, match="no image_encoder folder next to it"):
        loaded(tiny_sd, ip_adapter=str(alone))
    named = ModelSpec(
        model=str(tiny_sd),
        ip_adapter=str(alone),
        image_encoder=str(adapter.parent / "image_encoder"),
    )
    assert load(named, "cpu", "fp32").ip_adapter is not None


def test_an_adapter_with_an_unknown_or_a_missing_tensor_is_refused(
    adapter: Path, tmp_path: Path
) -> None:
    file, tensors = tmp_path / "x.safetensors", copied_tensors(adapter)
    save_file(tensors | {"image_proj.gain": torch.ones(1)}, file)
    with pytest.raises(
        ModelError, match=r"no place in an IP-Adapter, the first is image_proj\.gain; it is"
    ):
        examine_ip_adapter(str(file), "", None)
    del tensors["ip_adapter.1.to_v_ip.weight"]
    save_file(tensors, file)
    with pytest.raises(
        ModelError, match=r"1 tensors are missing .*, the first is ip_adapter\.1\.to_v_ip\.weight"
    ):
        examine_ip_adapter(str(file), "", None)


def test_an_adapter_of_a_repository_says_how_to_get_its_encoder(
    tiny_sd: Path, adapter: Path, target: Folders
) -> None:
    (target.folder / "ip.safetensors").write_bytes(adapter.read_bytes())
    target.put_on_hub("artist/adapters/models", target.folder)
    spec = ModelSpec(model=str(tiny_sd), ip_adapter="artist/adapters/models/ip.safetensors")
    with pytest.raises(
        ModelError, match=r'hf download artist/adapters --include "models/image_encoder/\*.json"'
    ):
        load(spec, "cpu", "fp32")
