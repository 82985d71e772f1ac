"""Clip skip: the layer of the text encoder whose output is used, counted as on CivitAI and in A1111. Does not load
torch.

1 is the last layer, 2 the second to last. SD 1.5's own is 1. SD 2.x and SDXL were trained with 2, and 1 is treated as 2
there, as in Forge (`minimal_clip_skip`); A1111 always uses 2 (modules/sd_hijack_clip.py,
modules/sd_hijack_open_clip.py). diffusers folders of SD 2.x lack the last layer: their own 2 is the last existing one.
diffusers counts the skipped layers instead: its `clip_skip` is ours minus the model's own.
"""

OWN = {"sd15": 1, "sd21": 2, "sdxl": 2}
"""The model's own clip skip, by family."""
MAX_CLIP_SKIP = 12


def layers_skipped(family: str, clip_skip: int) -> int:
    """Number of layers to skip in addition to the model's own; 0 if `clip_skip` is 0."""
    return max(0, clip_skip - OWN[family])


def clip_skip_note(family: str, clip_skip: int) -> str:
    """A note for a clip skip without effect; "" if it has an effect, or is 0."""
    if not clip_skip or layers_skipped(family, clip_skip):
        return ""
    own = OWN[family]
    if clip_skip == own:
        return f"clip skip {clip_skip} is the model's default"
    return f"clip skip {clip_skip}: this model was trained with {own}; using that"
