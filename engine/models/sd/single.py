"""Paints a single picture, for `multiverse sd` and for comparison with diffusers' pipelines."""

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from engine.errors import ModelError
from engine.models.graphs import DirectRunner
from engine.models.sd.batch_schedule import BatchSchedule, Progress, Sampler, ignore
from engine.models.sd.conditioner import Conditioner
from engine.models.sd.denoiser import ControlInput, Denoiser
from engine.models.sd.pixels import Pixels
from engine.models.sd.prompt_syntax import applied_tags

if TYPE_CHECKING:
    from engine.models.sd.model import DiffusionModel

log = logging.getLogger(__name__)


def paint(
    model: "DiffusionModel",
    image: np.ndarray,
    *,
    prompt: str,
    negative: str = "",
    strength: float = 0.5,
    steps: int = 2,
    guidance: float = 1.0,
    seed: int = 0,
    width: int = 512,
    height: int = 512,
    sampler: Sampler = "auto",
    controls: Sequence[tuple[np.ndarray, float]] = (),
    ip_image: np.ndarray | None = None,
    progress: Progress = ignore,
    note: Callable[[str], None] | None = None,
) -> np.ndarray:
    """Repaint `image` (H, W, 3) uint8 of any size: (height, width, 3) uint8. Deterministic.
    `controls`: for each ControlNet of the model its input (H, W, 3) uint8 of any size, and its
    scale. `ip_image` (H, W, 3) uint8. `note(line)` is called for unsupported prompt syntax; by
    default a log warning. ModelError for sizes and settings that the model does not support, and if
    the result contains NaN (float16)."""
    if len(controls) > model.controlnet_count:
        raise ModelError(
            f"{len(controls)} control pictures, but {model.spec.model} has "
            f"{model.controlnet_count} nets"
        )
    report = (
        (lambda key, line: log.warning("%s: %s", key, line))
        if note is None
        else (lambda key, line: note(line))
    )
    pixels = Pixels(model, width, height)
    # One generator for both draws, in the order of diffusers' pipelines: first for the full VAE,
    # then the noise.
    generator = torch.Generator().manual_seed(seed)
    z = pixels.encode_sampled(image[None], generator)
    inputs = [
        ControlInput(index=index, picture=pixels.prepare_control(picture[None]), scale=scale)
        for index, (picture, scale) in enumerate(controls)
    ]
    # Direct calls on every device: capturing a graph takes longer than painting one picture.
    schedule = BatchSchedule(
        model,
        Denoiser(model, calls=DirectRunner()),
        steps=steps,
        strength=strength,
        guidance=guidance,
        sampler=sampler,
    )
    with applied_tags(model, prompt, report):
        images = [] if ip_image is None else [(ip_image, 1.0)]
        cond = Conditioner(model, note=report).encode(
            prompt, negative, ip_images=images, size=(width, height)
        )
        latents = schedule.run(z, cond, inputs, generator, progress=progress)
    rgb, is_finite = pixels.decode(latents)
    if not is_finite.item():
        raise ModelError(f"{model.spec.model}: the picture contains NaN; try --dtype float32")
    return rgb[0].cpu().numpy()
