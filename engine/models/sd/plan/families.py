"""The supported families of Stable Diffusion: their names, published models of each, and their clip skip."""

from typing import Final

from engine.errors import ModelError

SUPPORTED: Final = "Stable Diffusion 1.5, 2.x and XL with their turbo and LCM relatives"
FAMILIES: Final = {"sd15": "SD 1.5", "sd21": "SD 2.x", "sdxl": "SDXL"}
"""Short names."""
FULL_NAMES: Final = {"sd15": "Stable Diffusion 1.5", "sd21": "Stable Diffusion 2.x", "sdxl": "Stable Diffusion XL"}
TEXT_WIDTHS: Final = {768: FAMILIES["sd15"], 1024: FAMILIES["sd21"], 2048: FAMILIES["sdxl"]}
"""Family by the width of the text embeddings that its UNet attends to (`cross_attention_dim`)."""
BASES: Final = {
    "sd15": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "sd21": "stabilityai/sd-turbo",
    "sdxl": "stabilityai/stable-diffusion-xl-base-1.0",
}
"""A tested model of each family, suggested when another one is refused."""
TAESD: Final = {"sd15": "madebyollin/taesd", "sd21": "madebyollin/taesd", "sdxl": "madebyollin/taesdxl"}
FULL_VAES: Final = {
    "sd15": "stabilityai/sd-vae-ft-mse",
    "sd21": "stabilityai/sd-vae-ft-mse",
    "sdxl": "madebyollin/sdxl-vae-fp16-fix",
}
"""Full VAEs that are published separately."""
CONTROLNETS: Final = {
    "sd15": "lllyasviel/control_v11p_sd15_canny",
    "sd21": "thibaud/controlnet-sd21-canny-diffusers",
    "sdxl": "diffusers/controlnet-canny-sdxl-1.0",
}
"""An edge ControlNet for each family."""
OWN_CLIP_SKIP = {"sd15": 1, "sd21": 2, "sdxl": 2}
"""The model's own clip skip, by family."""
MAX_CLIP_SKIP = 12


def wrong_model_error(what: str, theirs: str, model: str, ours: str, take: str, *, why: str = "") -> ModelError:
    """The error line for a part that belongs to another model. `what` was made for `theirs`, but `model` is `ours`.
    `take`: what to use instead; `why`: how it was recognized."""
    because = f" ({why})" if why else ""
    return ModelError(f"{what} made for {theirs}, {model} is {ours}{because}; {take}")


def layers_skipped(family: str, clip_skip: int) -> int:
    """Number of layers to skip in addition to the model's own; 0 if `clip_skip` is 0."""
    return max(0, clip_skip - OWN_CLIP_SKIP[family])


def clip_skip_note(family: str, clip_skip: int) -> str:
    """A note for a clip skip without effect; "" if it has an effect, or is 0."""
    if not clip_skip or layers_skipped(family, clip_skip):
        return ""
    own = OWN_CLIP_SKIP[family]
    if clip_skip == own:
        return f"clip skip {clip_skip} is the model's default"
    return f"clip skip {clip_skip}: this model was trained with {own}; using that"
