"""Fewer products with the same results: compared with diffusers' own attention on the same weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from engine.models.sd.conditioner import Conditioner
from engine.models.sd.denoiser import ControlInput, Denoiser
from engine.models.sd.model import DiffusionModel
from tests.models.sd.plain_stream import loaded, random_latents

T = torch.tensor([999, 459])


class Products(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func.name().split(".")[0] in ("aten::mm", "aten::addmm", "aten::bmm")
        return func(*args, **(kwargs or {}))


@contextmanager
def products(expected: int) -> Iterator[None]:
    with Products() as seen:
        yield
    assert seen.count == expected


def plain(network: Any) -> Any:
    """The same network as diffusers makes it, on the same weights in memory."""
    with torch.device("meta"):
        twin = type(network).from_config(network.config)
    twin.load_state_dict(network.state_dict(), assign=True)
    return twin.requires_grad_(False).eval()


@pytest.mark.parametrize("kind", ["sd15", "sdxl"])
def test_pictures_are_those_of_separate_products_and_a_text_costs_one(tiny_models: Any, kind: str) -> None:
    sd = tiny_models.sd(kind=kind)
    extra: dict[str, Any] = {"loras": ((str(tiny_models.lora(sd)), 0.0),)} if kind == "sd15" else {}
    model = loaded(sd, controlnets=(str(tiny_models.controlnet(sd)),), **extra)
    separate = replace(
        model, unet=plain(model.unet), controlnets=tuple(map(plain, model.controlnets)), text_weight=None
    )
    ours, theirs, conditioner = Denoiser(model), Denoiser(separate), Conditioner(model)
    cat, fire, z = conditioner.encode("the cat", "grey"), conditioner.encode("fire", "grey"), random_latents(2, seed=1)
    layers = sum(name.endswith("attn2.to_k") for name, _ in model.unet.named_modules())
    with Products() as all_products:
        theirs.predict(z, T, cat, guidance=2.0)
    # A layer's queries, keys and values of its pixels are one product, and the text is in memory.
    rest = all_products.count - 4 * layers
    assert layers >= 2 and rest > 0
    for cond, texts in ((cat, 1), (cat, 0), (fire, 1), (fire, 0), (cat, 1)):
        expected = theirs.predict(z, T, cond, guidance=2.0)
        with products(rest + texts):
            painted = ours.predict(z, T, cond, guidance=2.0)
        torch.testing.assert_close(painted, expected, rtol=1e-4, atol=1e-4)
    expected = ours.predict(z, T, fire, guidance=2.0)
    ours.predict(z, T, cat, guidance=2.0)
    fire.into(cat)
    with products(rest + 1):  # the same tensors with other values
        assert torch.equal(ours.predict(z, T, cat, guidance=2.0), expected)
    shown = [ControlInput(index=0, picture=torch.full((2, 3, 64, 64), 0.3), scale=0.7)]
    torch.testing.assert_close(ours.predict(z, T, cat, shown), theirs.predict(z, T, cat, shown), rtol=1e-4, atol=1e-4)
    if model.loras is not None:
        model.loras.set_weights(dict.fromkeys(model.loras.names, 0.9))
        moved = theirs.predict(z, T, cat)
        assert not torch.allclose(moved, expected, atol=1e-2)
        torch.testing.assert_close(ours.predict(z, T, cat), moved, rtol=1e-4, atol=1e-4)


def test_shared_weights_need_no_memory(tiny_models: Any) -> None:
    model: DiffusionModel = loaded(tiny_models.sd())
    stored = {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in model.unet.parameters()}
    assert sum(stored.values()) == sum(each.nbytes for each in plain(model.unet).parameters())
    assert model.text_weight is not None and model.text_weight.untyped_storage().data_ptr() in stored
