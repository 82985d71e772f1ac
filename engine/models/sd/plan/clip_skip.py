"""Clip skip: the layer of a text encoder that is read, counted as CivitAI and A1111 do. Does not load torch.

1 is the last layer, 2 the last but one. SD 1.5's own is 1. SD 2.x and SDXL were trained with 2, and 1 is 2 there: what
Forge makes of it (`minimal_clip_skip`), while A1111 reads 2 whatever is asked (modules/sd_hijack_clip.py,
modules/sd_hijack_open_clip.py). SD 2.x folders of diffusers lack the last layer: their own 2 is the last one that is
there. diffusers counts what is left out instead: its `clip_skip` is ours less the model's own.
"""

OWN = {"sd15": 1, "sd21": 2, "sdxl": 2}
"""By family."""
MAX_CLIP_SKIP = 12


def layers_skipped(family: str, clip_skip: int) -> int:
    """Layers left out beyond what the model itself leaves out; `clip_skip` 0 is the model's own."""
    return max(0, clip_skip - OWN[family])


def clip_skip_note(family: str, clip_skip: int) -> str:
    """One line about a number that changes nothing; "" where it does, or none was asked for."""
    if not clip_skip or layers_skipped(family, clip_skip):
        return ""
    own = OWN[family]
    if clip_skip == own:
        return f"clip skip {clip_skip} is the model's own"
    return f"clip skip {clip_skip}: this model was trained with {own}, which is taken"
