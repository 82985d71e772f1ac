"""The metadata of what Stable Diffusion painted, by `multiverse sd` and `multiverse video`."""

from engine.models.locate import public_name
from engine.sinks.made_with import MadeWith, made_with
from engine.system.package_version import package_version


def painted_with(
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
) -> MadeWith:
    """`model`: as the user named it. `sampler`: auto is left out. `size`: width and height in pixels."""
    values = {
        "Steps": steps,
        "Sampler": None if sampler == "auto" else sampler,
        "CFG scale": float(guidance),
        "Seed": seed,
        "Size": f"{size[0]}x{size[1]}",
        "Model": public_name(model),
        "Denoising strength": float(strength),
    }
    return made_with(package_version(), prompt, values, negative)
