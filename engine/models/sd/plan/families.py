"""The supported families of Stable Diffusion: their names, published models of each, and their clip
skip."""

from typing import Final

from engine.errors import ModelError
from engine.models.toml_tables import tables_beside

SUPPORTED: Final = "Stable Diffusion 1.5, 2.x and XL with their turbo and LCM relatives"
_TABLES: Final = tables_beside(__file__)
"""By property, its value of each family: sd15, sd21, sdxl."""
FAMILIES: Final[dict[str, str]] = _TABLES["names"]
"""Short names."""
FULL_NAMES: Final[dict[str, str]] = _TABLES["full_names"]
TEXT_WIDTHS: Final = {width: FAMILIES[family] for family, width in _TABLES["text_widths"].items()}
"""Short names by the width of the text embeddings that its UNet attends to
(`cross_attention_dim`)."""
BASES: Final[dict[str, str]] = _TABLES["bases"]
TAESD: Final[dict[str, str]] = _TABLES["tiny_vaes"]
FULL_VAES: Final[dict[str, str]] = _TABLES["full_vaes"]
CONTROLNETS: Final[dict[str, str]] = _TABLES["controlnets"]
CONFIGS: Final[dict[str, dict[str, list[str]]]] = _TABLES["configs"]
OWN_CLIP_SKIP: Final[dict[str, int]] = _TABLES["own_clip_skips"]
MAX_CLIP_SKIP = 12


def wrong_model_error(
    what: str, theirs: str, model: str, ours: str, take: str, *, why: str = ""
) -> ModelError:
    """The error line for a part that belongs to another model. `what` was made for `theirs`, but
    `model` is `ours`. `take`: what to use instead; `why`: how it was recognized."""
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
