"""Recognizes files passed as a LoRA that cannot be merged, and the model that a LoRA was made for.

Does not load torch.
"""

import re
from collections.abc import Mapping

from engine.models.safetensors_header import Tensor
from engine.models.sd.plan.families import FAMILIES
from engine.models.sd.plan.file_kinds import CONTROL_LORA, CONTROLNET, EMBEDDING, IP_ADAPTER

_TRANSFORMERS = {
    "HunyuanVideo": r"double_blocks\.\d+\.img_attn_qkv|double_blocks_\d+_img_attn_qkv.*token_refiner",
    "Flux": r"(double_blocks[._]\d+[._](img|txt)_(attn|mlp|mod))|(single_(transformer_)?blocks[._]\d)",
    "Stable Diffusion 3": r"joint_(transformer_)?blocks[._]\d",
    "Wan (video)": r"(^|[._])blocks[._]\d+[._](self|cross)_attn[._](q|k|v|o)([._]|$)|[._]cross_attn[._][kv]_img",
    "AnimateDiff (a motion module of video)": r"motion_modules|temporal_transformer",
    "Stable Cascade": r"^lora_prior_",
    "a diffusion transformer (PixArt, Stable Diffusion 3, a video model)": (
        r"(^|model[._]|unet[._]|transformer[._])transformer_blocks[._]\d+[._]attn|^transformer\."
        r"|[._]adaln_single[._]"
    ),
}
"""Models with other networks, by the names of their layers (ComfyUI, comfy/lora.py, model_detection.py)."""
_TOLD_BASES = {
    "sd_v1": FAMILIES["sd15"],
    "stable-diffusion-v1": FAMILIES["sd15"],
    "sd_v2": FAMILIES["sd21"],
    "stable-diffusion-v2": FAMILIES["sd21"],
    "sdxl": FAMILIES["sdxl"],
    "stable-diffusion-xl": FAMILIES["sdxl"],
    "sd3": "Stable Diffusion 3",
    "stable-diffusion-3": "Stable Diffusion 3",
    "flux": "Flux",
    "hunyuan": "Hunyuan",
    "wan": "Wan (video)",
    "lumina": "Lumina",
}
"""Prefixes of `ss_base_model_version` (kohya) and `modelspec.architecture` (Stability AI's ModelSpec)."""
_MERGED = "; merge it into its model with the program that made it, and load that model"
_KINDS = {
    r"(^|[._])b?oft_(diag|blocks|R|s)(\b|[._])|^oft_unet": (
        f"an OFT, which rotates weights instead of adding to them{_MERGED}"
    ),
    r"\.on_input$|\.ia3_l(\b|\.)": f"an IA3, which scales the outputs of layers{_MERGED}",
    r"\.[ab][12]\.weight$": f"a GLoRA, which is not a product of two factors{_MERGED}",
    r"\.vera_lambda": f"a VeRA, whose factors are not in the file{_MERGED}",
    r"\.(diff|diff_b)$": f"made of whole differences of weights and biases (LyCORIS' full), not a LoRA{_MERGED}",
    r"\.(lora_[AB]|lora_up|lora_down|up|down)(\.default)?\.bias$": (
        f"a LoRA that changes biases too; only weights can be merged{_MERGED}"
    ),
    r"custom_diffusion": f"of Custom Diffusion, which replaces weights of attention{_MERGED}",
    r"^(unet|text_encoder):\d+:(up|down)$": (
        "a LoRA of the package lora_diffusion, which numbers its layers instead of naming them; convert it with that"
    ),
    r"^(model\.diffusion_model|cond_stage_model|first_stage_model|conditioner)\.": (
        "a complete model, not a LoRA; name it as the model"
    ),
    **dict((CONTROL_LORA, IP_ADAPTER, CONTROLNET, EMBEDDING)),
}
_TEXT_WIDTHS = (768, 1024, 1280)
MAX_TOKENS_OF_EMBEDDING = 256


def other_kind(tensors: Mapping[str, Tensor], rest: list[str]) -> str | None:
    """Text for an error: the kind of the file and what to do instead, or None if it can be merged.

    `rest`: tensors that do not belong to a LoRA, LoHa or LoKr.
    """
    for name in rest:
        for pattern, what in _KINDS.items():
            if re.search(pattern, name):
                return what
    if len(rest) < len(tensors):
        return None
    sizes = [tensor.shape for tensor in tensors.values()]
    if (
        sizes
        and all(
            len(shape) in (1, 2)
            and shape[-1] in _TEXT_WIDTHS
            and (len(shape) == 1 or shape[0] <= MAX_TOKENS_OF_EMBEDDING)
            for shape in sizes
        )
        and not any(name.endswith((".weight", ".bias")) for name in tensors)
    ):
        return EMBEDDING[1]
    first = next(iter(tensors), "")
    return (
        f"not a LoRA: none of its {len(tensors)} tensors is part of one"
        f"{f', the first is {first[:80]}' if first else ''}"
    )


def foreign_base(tensors: Mapping[str, Tensor]) -> str | None:
    """The model of another architecture that the file's layers belong to, or None if they are not recognized."""
    for base, pattern in _TRANSFORMERS.items():
        if any(re.search(pattern, name) for name in tensors):
            return base
    return None


def base_in_metadata(metadata: Mapping[str, str]) -> str | None:
    """The model that it was trained on according to its metadata, or None."""
    for key in ("ss_base_model_version", "modelspec.architecture"):
        said = metadata.get(key, "").lower()
        for start in sorted(_TOLD_BASES, key=len, reverse=True):
            if said.startswith(start):
                return _TOLD_BASES[start]
    return None
