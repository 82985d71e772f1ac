"""Pictures painted by diffusers' own pipelines, and the same by our program."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from engine.models.sd.model import DiffusionModel
from engine.models.sd.single import paint

SIDE_PX = 64
SEED = 7


def source_picture(seed: int = 0, side_px: int = SIDE_PX) -> np.ndarray:
    """(side, side, 3) uint8: coloured ramps and a disc, so that neither flips nor channel swaps go
    unnoticed."""
    y, x = np.mgrid[0:side_px, 0:side_px] / side_px
    disc = (x - 0.3) ** 2 + (y - 0.6) ** 2 < 0.05
    return (
        (np.stack([x, y, np.where(disc, 0.9, 0.2 + 0.1 * seed)], axis=-1) * 255)
        .round()
        .astype(np.uint8)
    )


def pipeline_of(folder: Path, **parts: Any) -> Any:
    """The img2img pipeline of a folder; with `controlnet` its ControlNet form."""
    import diffusers

    is_xl = (folder / "text_encoder_2").is_dir()
    kind = "StableDiffusionXL" if is_xl else "StableDiffusion"
    kind += "ControlNetImg2ImgPipeline" if "controlnet" in parts else "Img2ImgPipeline"
    if not is_xl:
        parts |= {
            "safety_checker": None,
            "feature_extractor": None,
            "requires_safety_checker": False,
        }
    pipeline = getattr(diffusers, kind).from_pretrained(
        folder, local_files_only=True, dtype=torch.float32, **parts
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def painted_by(
    pipeline: Any,
    prompt: str,
    picture: np.ndarray | None = None,
    *,
    steps: int,
    strength: float,
    seed: int,
    **more: Any,
) -> Any:
    """The picture that diffusers paints over `picture`, by default the source picture: (1, H, W, 3)
    float, 0..1."""
    return pipeline(
        prompt,
        image=Image.fromarray(source_picture() if picture is None else picture),
        num_inference_steps=steps,
        strength=strength,
        generator=torch.Generator().manual_seed(seed),
        **{"output_type": "np"} | more,
    ).images


def diffusers_picture(pipeline: Any, guidance: float = 1.0) -> np.ndarray:
    """(64, 64, 3) float, 0..255: two of four steps on the source picture."""
    return (
        painted_by(pipeline, "a cat", steps=4, strength=0.5, seed=SEED, guidance_scale=guidance)[0]
        * 255.0
    )


def our_picture(model: DiffusionModel, **more: Any) -> np.ndarray:
    """(64, 64, 3) uint8: the same, by our program."""
    settings = {
        "prompt": "a cat",
        "steps": 4,
        "strength": 0.5,
        "seed": SEED,
        "width": SIDE_PX,
        "height": SIDE_PX,
    }
    return paint(model, source_picture(), **settings, **more)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Largest difference of two pictures, in steps of 255."""
    return float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max())
