"""Pictures painted by diffusers' own pipelines, and the same from our parts with diffusers' scheduler between them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.models.sd.conditioner import Cond
from engine.models.sd.model import DiffusionModel
from engine.models.sd.pixels import Pixels

SIDE_PX = 64
SEED = 7
TOLERANCE = 1e-3 * 255


def source_picture(seed: int = 0, side_px: int = SIDE_PX) -> np.ndarray:
    """(side, side, 3) uint8: coloured ramps and a disc, so that neither flips nor channel swaps go unnoticed."""
    y, x = np.mgrid[0:side_px, 0:side_px] / side_px
    disc = (x - 0.3) ** 2 + (y - 0.6) ** 2 < 0.05
    picture = np.stack([x, y, np.where(disc, 0.9, 0.2 + 0.1 * seed)], axis=-1)
    return (picture * 255).round().astype(np.uint8)


def pipeline_of(folder: Path, **parts: Any) -> Any:
    """The img2img pipeline of a folder; with `controlnet` its ControlNet form."""
    import diffusers

    is_xl = (folder / "text_encoder_2").is_dir()
    kind = "StableDiffusionXL" if is_xl else "StableDiffusion"
    kind += "ControlNetImg2ImgPipeline" if "controlnet" in parts else "Img2ImgPipeline"
    if not is_xl:
        parts |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    pipeline = getattr(diffusers, kind).from_pretrained(folder, local_files_only=True, dtype=torch.float32, **parts)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def diffusers_picture(pipeline: Any, prompt: str = "a cat", guidance: float = 1.0, **options: Any) -> np.ndarray:
    """(64, 64, 3) float, 0..255: two of four steps on the source picture."""
    from PIL import Image

    result = pipeline(
        prompt,
        image=Image.fromarray(source_picture()),
        num_inference_steps=4,
        strength=0.5,
        guidance_scale=guidance,
        generator=torch.Generator().manual_seed(SEED),
        output_type="np",
        **options,
    )
    return result.images[0] * 255.0


@torch.no_grad()
def our_latents(model: DiffusionModel, cond: Cond, residuals: Any = None) -> torch.Tensor:
    """The same two steps on the same noise, through our parts, without guidance."""
    import diffusers

    pixels = Pixels(model, SIDE_PX, SIDE_PX)
    generator = torch.Generator().manual_seed(SEED)
    z = pixels.encode_sampled(source_picture()[None], generator)
    scheduler = getattr(diffusers, model.scheduler_config["_class_name"]).from_config(model.scheduler_config)
    scheduler.set_timesteps(4)
    timesteps = scheduler.timesteps[2:]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(2)
    noise = torch.randn(z.shape, generator=generator)
    z = scheduler.add_noise(z, noise, timesteps[:1])
    added: dict[str, Any] = {}
    if cond.ip is not None:
        added["image_embeds"] = list(cond.ip)
    if cond.pooled is not None:
        added |= {"text_embeds": cond.pooled, "time_ids": cond.time_ids}
    for t in timesteps:
        more = residuals(z, t, cond.text, added) if residuals else {}
        scaled = scheduler.scale_model_input(z, t)
        output = model.unet(scaled, t, encoder_hidden_states=cond.text, added_cond_kwargs=added, **more).sample
        takes_generator = "generator" in scheduler.step.__code__.co_varnames
        z = scheduler.step(output, t, z, **({"generator": generator} if takes_generator else {})).prev_sample
    return z


def our_picture(model: DiffusionModel, cond: Cond, residuals: Any = None) -> np.ndarray:
    """(64, 64, 3) uint8 of `our_latents`."""
    return Pixels(model, SIDE_PX, SIDE_PX).decode(our_latents(model, cond, residuals))[0][0].numpy()


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Largest difference of two pictures, in steps of 255."""
    return float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max())
