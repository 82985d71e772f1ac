"""Single pictures compared with diffusers' own pipelines: same random numbers, same steps, same
picture."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import ModelError
from engine.models.sd.load import load
from engine.models.sd.single import paint
from engine.models.sd.spec import ModelSpec
from tests.models.sd.oracle import painted_by, pipeline_of, source_picture
from tests.support.long_form import in_long_form

SEED = 7
ROUNDING = 0.5 / 255.0
TOLERANCE = 1e-3
PROMPT, NEGATIVE = "the cat in an inn", "grey"

LCM = {"steps": 4, "strength": 0.5}
ONE = {"steps": 2, "strength": 0.5}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "lcm": ({}, LCM),
    "lcm, all steps": ({}, {"steps": 4, "strength": 1.0}),
    "lcm, guided": ({}, LCM | {"guidance": 2.5}),
    "lcm, full vae": ({"vae": "kl"}, LCM),
    "lcm by the library's scheduler": ({}, LCM | {"sampler": "scheduler"}),
    "v prediction, ddim, guided": (
        {"kind": "sd21"},
        {"steps": 10, "strength": 0.35, "guidance": 5.0},
    ),
    "v prediction, lcm": ({"kind": "sd21", "sampler": "lcm"}, LCM),
    "pndm": ({"sampler": "pndm"}, {"steps": 8, "strength": 0.5, "guidance": 3.0}),
    "euler, full vae": ({"sampler": "euler", "vae": "kl"}, {"steps": 8, "strength": 0.5}),
    "turbo": ({"kind": "turbo"}, ONE),
    "turbo's own scheduler": ({"kind": "turbo"}, LCM | {"sampler": "scheduler"}),
    "sdxl turbo, full vae": ({"kind": "sdxl", "vae": "kl"}, ONE),
    "sdxl's own scheduler, guided": (
        {"kind": "sdxl"},
        LCM | {"sampler": "scheduler", "guidance": 2.0},
    ),
}
LIKE_OTHERS = (
    "lcm, all steps",
    "lcm, full vae",
    "v prediction, lcm",
    "turbo's own scheduler",
    "sdxl turbo, full vae",
)


def model_of(tiny_models: Any, built: dict[str, Any], **spec: Any) -> Any:
    vae = "full" if built.get("vae") == "kl" else "auto"
    return load(ModelSpec(model=str(tiny_models.sd(**built)), vae=vae, **spec), "cpu", "fp32")


@pytest.fixture(scope="module")
def models(tiny_models: Any) -> Callable[..., Any]:
    """`models(**built)`: loaded once and never changed."""
    return cache(lambda **built: model_of(tiny_models, built))


@pytest.fixture(scope="module")
def pipelines(tiny_models: Any) -> Callable[..., Any]:
    """`pipelines(**built)`: diffusers' own with the same weights, loaded once and never changed."""
    return cache(lambda **built: pipeline_of(tiny_models.sd(**built)))


@contextmanager
def decoded_by(vae: Any) -> Iterator[list[torch.Tensor]]:
    """Record the latents that a VAE decodes in the `with` block."""
    latents: list[torch.Tensor] = []
    with vae.decoder.register_forward_pre_hook(lambda layer, inputs: latents.append(inputs[0])):
        yield latents


def our_picture(model: Any, settings: dict[str, Any], **more: Any) -> np.ndarray:
    """(64, 64, 3) float in 0..1."""
    picture = paint(
        model,
        source_picture(),
        prompt=PROMPT,
        negative=NEGATIVE,
        seed=SEED,
        width=64,
        height=64,
        **settings,
        **more,
    )
    assert picture.dtype == np.uint8
    return picture / 255.0


def assert_same(
    model: Any, pipeline: Any, settings: dict[str, Any], ours: dict[str, Any], more: dict[str, Any]
) -> np.ndarray:
    """Assert that our picture equals that of diffusers' pipeline, and return theirs, (64, 64, 3)
    float in 0..1. Compares the latents too, which are not rounded."""
    with decoded_by(pipeline.vae) as latents:
        steps, strength, guidance = (
            settings["steps"],
            settings["strength"],
            settings.get("guidance", 1.0),
        )
        more |= {"negative_prompt": NEGATIVE, "guidance_scale": guidance}
        (theirs,) = painted_by(pipeline, PROMPT, steps=steps, strength=strength, seed=SEED, **more)
    with decoded_by(model.vae) as our_latents:
        painted = our_picture(model, settings, **ours)
    torch.testing.assert_close(our_latents, latents, rtol=TOLERANCE, atol=TOLERANCE)
    assert np.abs(painted - theirs).max() <= ROUNDING + TOLERANCE
    return theirs


@pytest.mark.parametrize(
    "case", [*(each for each in CASES if each not in LIKE_OTHERS), *in_long_form(*LIKE_OTHERS)]
)
def test_a_picture_equals_that_of_diffusers(
    models: Callable[..., Any], pipelines: Callable[..., Any], case: str
) -> None:
    built, settings = CASES[case]
    assert_same(models(**built), pipelines(**built), settings, {}, {})


@pytest.mark.parametrize(
    ("kind", "guidance"),
    [("sd15", 2.0), ("sdxl", 1.0), *in_long_form(("sd15", 1.0), ("sdxl", 2.0))],
)
def test_a_picture_with_two_controlnets_equals_that_of_diffusers(
    tiny_models: Any, kind: str, guidance: float
) -> None:
    from diffusers import ControlNetModel

    built = {} if kind == "sd15" else {"kind": kind, "sampler": "lcm"}
    sd = tiny_models.sd(**built)
    nets = [tiny_models.controlnet(sd), tiny_models.controlnet(sd, seed=9)]
    model = model_of(tiny_models, built, controlnets=tuple(map(str, nets)))
    pipeline = pipeline_of(sd, controlnet=[ControlNetModel.from_pretrained(net) for net in nets])
    pictures, scales = [source_picture(1), source_picture(2)[::-1].copy()], [1.0, 0.5]
    more = {
        "control_image": [*map(Image.fromarray, pictures)],
        "controlnet_conditioning_scale": scales,
    }
    settings = LCM | {"guidance": guidance}
    steered = assert_same(
        model, pipeline, settings, {"controls": list(zip(pictures, scales, strict=True))}, more
    )
    assert np.abs(our_picture(model, settings) - steered).max() > 0.05


@pytest.mark.parametrize(
    ("built", "adapter"), [({}, "standard"), ({}, "plus"), ({"kind": "sdxl"}, "standard")]
)
def test_a_picture_with_an_ip_adapter_equals_that_of_diffusers(
    tiny_models: Any, built: dict[str, Any], adapter: str
) -> None:
    sd = tiny_models.sd(**built)
    file = tiny_models.ip_adapter(sd, kind=adapter)
    model, pipeline = model_of(tiny_models, built, ip_adapter=str(file)), pipeline_of(sd)
    pipeline.load_ip_adapter(
        str(file.parent), subfolder="", weight_name=file.name, image_encoder_folder="image_encoder"
    )
    pipeline.set_ip_adapter_scale(0.6)
    model.ip_adapter.set_scale(0.6)
    followed = source_picture(3)
    more = {"ip_adapter_image": Image.fromarray(followed)}
    settings = LCM | {"guidance": 2.0, "sampler": "lcm" if adapter == "plus" else "scheduler"}
    assert_same(model, pipeline, settings, {"ip_image": followed}, more)


def test_the_guidance_of_a_fully_distilled_model_is_a_separate_input(
    tiny_models: Any, tiny_sd: Any
) -> None:
    """Models like LCM Dreamshaper take it as an input instead of a second, negative call."""
    from diffusers.models.embeddings import TimestepEmbedding

    def distilled(unet: Any) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(1)
            unet.time_embedding = TimestepEmbedding(32, 128, cond_proj_dim=64)
        unet.register_to_config(time_cond_proj_dim=64)

    model = model_of(tiny_models, {})
    distilled(model.unet)
    model.time_cond_proj_dim = 64
    pipeline = pipeline_of(tiny_sd)
    distilled(pipeline.unet)
    settings = LCM | {"guidance": 6.0}
    assert_same(model, pipeline, settings, {}, {})
    assert np.abs(our_picture(model, settings) - our_picture(model, LCM)).max() > 0.01


def test_a_picture_of_any_shape_is_cropped_to_the_requested_size(
    models: Callable[..., Any],
) -> None:
    painted = paint(
        models(), source_picture(side_px=200)[:120], prompt=PROMPT, width=128, height=64
    )
    assert painted.shape == (64, 128, 3)


@pytest.mark.parametrize("part", ["unet", "vae"])
def test_a_picture_that_overflows_is_an_error_with_a_remedy(tiny_models: Any, part: str) -> None:
    model = model_of(tiny_models, {"vae": "kl"})
    with torch.no_grad():
        if part == "unet":
            model.unet.conv_out.bias.fill_(float("nan"))
        else:
            model.vae.decoder.conv_out.bias.fill_(float("inf"))
    with pytest.raises(ModelError, match="the picture contains NaN; try --dtype float32"):
        paint(model, source_picture(), prompt=PROMPT, width=64, height=64)
