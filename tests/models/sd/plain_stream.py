"""The expected output of a stream, computed frame by frame from the formulas: one row per call, no
ring, no batch."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from engine.models.sd.conditioner import Conditioning
from engine.models.sd.denoiser import ControlInput
from engine.models.sd.load import load
from engine.models.sd.model import DiffusionModel
from engine.models.sd.spec import ModelSpec
from engine.models.sd.stream_schedule import StreamSettings

SIGMA_DATA = 0.5


def loaded(folder: Path, **spec: Any) -> DiffusionModel:
    return load(ModelSpec(model=str(folder), **spec), "cpu", "fp32")


def with_short_scaling(model: DiffusionModel) -> DiffusionModel:
    """The same model with a boundary condition so wide that a missing c_skip is obvious."""
    return replace(model, scheduler_config=model.scheduler_config | {"timestep_scaling": 0.01})


def random_latents(count: int, seed: int, size: tuple[int, int] = (8, 8)) -> torch.Tensor:
    """(count, 4, h, w): every picture different."""
    return 0.5 * torch.randn((count, 4, *size), generator=torch.Generator().manual_seed(seed))


def plain_picture(
    model: DiffusionModel,
    settings: StreamSettings,
    z: torch.Tensor,
    conds: Sequence[Conditioning],
    controls: Sequence[ControlInput] = (),
) -> torch.Tensor:
    """(1, 4, h, w): the picture of the frame with latents `z` (1, 4, h, w); `conds`: one for each
    of its calls. The steps of `settings.t_index`, one UNet call each, and one more if guidance
    needs a negative prediction."""
    alphas = torch.cumprod(
        1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2, 0
    )
    scaling = model.scheduler_config.get("timestep_scaling", 10.0)
    generator = torch.Generator().manual_seed(settings.seed)
    noises = [torch.randn(z.shape, generator=generator) for _ in settings.t_index]
    clean, origin, ahead = z, z, None
    for step, (index, noise, cond) in enumerate(zip(settings.t_index, noises, conds, strict=True)):
        t = 999 - 20 * index
        signal, spread = float(alphas[t] ** 0.5), float((1 - alphas[t]) ** 0.5)
        x = signal * clean + spread * noise if ahead is None else ahead
        residuals = control_residuals(model, x, t, cond.prompt_embeds, controls)
        predicted = unet(model, x, t, cond.prompt_embeds, residuals)
        fraction = (step + 0.5) / len(settings.t_index)
        guidance = (
            settings.guidance
            if settings.guidance_begin <= fraction <= settings.guidance_end
            else 1.0
        )
        if settings.guidance > 1:
            embeds = cond.negative_embeds
            match settings.cfg_type:
                case "full":
                    against = unet(
                        model, x, t, embeds, control_residuals(model, x, t, embeds, controls)
                    )
                    predicted = against + guidance * (predicted - against)
                case "self" | "initialise":
                    if settings.cfg_type == "initialise" and step == 0:
                        residuals = control_residuals(model, x, t, embeds, controls)
                        origin = (x - spread * unet(model, x, t, embeds, residuals)) / signal
                    against = settings.delta * (x - signal * origin) / spread
                    predicted = against + guidance * (predicted - against)
        x0 = (x - spread * predicted) / signal
        if model.sampler in ("lightning", "tcd"):
            last = step == len(settings.t_index) - 1
            to = 0 if last else 999 - 20 * settings.t_index[step + 1]
            clean = ahead = stepped(
                model, alphas, x0, predicted, to, torch.zeros_like(z) if last else noises[step + 1]
            )
            continue
        scaled = t * scaling
        size = scaled**2 + SIGMA_DATA**2
        clean = scaled / size**0.5 * x0 + SIGMA_DATA**2 / size * x
    return clean


def stepped(
    model: DiffusionModel,
    alphas: torch.Tensor,
    x0: torch.Tensor,
    predicted: torch.Tensor,
    to: int,
    noise: torch.Tensor,
) -> torch.Tensor:
    """The sample of the next step at timestep `to`, 0 after the last, by the published samplers."""
    # Euler: along the prediction, and at last to where no noise is
    if model.sampler == "lightning":
        left = float(alphas[to]) if to else 1.0
        return left**0.5 * x0 + (1 - left) ** 0.5 * predicted
    # TCD: back, then forth again
    through, left = (float(alphas[int((1 - model.eta) * to)]), float(alphas[to]))
    noised = through**0.5 * x0 + (1 - through) ** 0.5 * predicted
    return (left / through) ** 0.5 * noised + (1 - left / through) ** 0.5 * noise


def unet(
    model: DiffusionModel, x: torch.Tensor, t: int, text: torch.Tensor, residuals: Any
) -> torch.Tensor:
    down, mid = residuals
    with torch.no_grad():
        return model.unet(
            x,
            t,
            encoder_hidden_states=text,
            down_block_additional_residuals=down,
            mid_block_additional_residual=mid,
        ).sample


def control_residuals(
    model: DiffusionModel,
    x: torch.Tensor,
    t: int,
    text: torch.Tensor,
    controls: Sequence[ControlInput],
) -> Any:
    down, mid = None, None
    for control in controls:
        with torch.no_grad():
            output = model.controlnets[control.index](
                x,
                t,
                encoder_hidden_states=text,
                controlnet_cond=control.picture,
                conditioning_scale=control.scale,
            )
        own, own_mid = output.down_block_res_samples, output.mid_block_res_sample
        down = own if down is None else [a + b for a, b in zip(down, own, strict=True)]
        mid = own_mid if mid is None else mid + own_mid
    return down, mid
