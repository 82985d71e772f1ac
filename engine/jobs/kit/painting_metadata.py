"""Metadata of what Stable Diffusion painted, by `multiverse sd` and `multiverse video`."""

from engine.models.locate import public_name
from engine.sinks.generation_info import GenerationInfo, generation_info
from engine.system.package_version import package_version


def painting_metadata(
    *,
    model: str,
    prompt: str,
    negative: str,
    steps: int,
    strength: float,
    guidance: float,
    seed: int,
    sampler: str,
    size: tuple[int, int],
    dtype: str,
) -> GenerationInfo:
    """Metadata of a painting. `model`: as named by the user. `sampler`: without auto. `size`:
    width, height in px. `dtype`: in which the model computed; "" if unknown."""
    values = {
        "Steps": steps,
        "Sampler": None if sampler == "auto" else sampler,
        "CFG scale": float(guidance),
        "Seed": seed,
        "Size": f"{size[0]}x{size[1]}",
        "Model": public_name(model),
        "Denoising strength": float(strength),
        "Precision": dtype or None,
    }
    return generation_info(package_version(), prompt, values, negative)
