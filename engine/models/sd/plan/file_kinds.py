"""Recognizes the kind of a file by its tensor names. Does not load torch, reads no weights.

The names are those of published files (diffusers 0.42, loaders/single_file_utils.py; ComfyUI, model_detection.py). Only
kinds that are often mistaken for a model are listed.
"""

import re
from collections.abc import Collection

from engine.models.sd.plan.families import SUPPORTED
from engine.models.sd.plan.other_folder import BESIDE

CONTROLNET = (
    r"controlnet_cond_embedding|^control_model\.|(^|\.)input_hint_block\.|^controlnet_",
    f"a ControlNet; {BESIDE} --controlnet",
)
IP_ADAPTER = r"^ip_adapter\.|^image_proj\.", f"an IP-Adapter; {BESIDE} --ip-adapter"
CONTROL_LORA = r"^lora_controlnet$", "a Control-LoRA; use a ControlNet as diffusers folder"
EMBEDDING = (
    r"^(emb_params|string_to_param|string_to_token|clip_[lg])$",
    "a textual inversion embedding, which goes with a prompt: --embedding",
)
_KNOWN = f"supported: {SUPPORTED}"
_KINDS: tuple[tuple[str, str], ...] = (
    (r"\.absmax$|\.quant_state", "its weights are quantized to 4 bits; use the file in float16"),
    (r"\.time_stack\.|\.time_mixer\.", f"Stable Video Diffusion, which makes videos; {_KNOWN}"),
    (r"(motion_modules|motion_module)\.", f"an AnimateDiff motion module, which is not supported; {_KNOWN}"),
    CONTROL_LORA,
    (r"^lllite_", "a ControlNet-LLLite; use a ControlNet as diffusers folder"),
    (r"\.lora_(up|down|A|B)\.|\.lora\.(up|down)\.|_lora\.(up|down)\.|\.(hada_w1_a|lokr_w1|lokr_w1_a|oft_blocks)$",
     f"a LoRA; {BESIDE} --lora"),
    CONTROLNET,
    IP_ADAPTER,
    (r"^(adapter\.)?body\.\d+\.(resnets|block1|in_conv)\.", "a T2I-Adapter; use a ControlNet"),
    EMBEDDING,
    (r"(^|\.)double_blocks\.\d+\.", f"Flux or a relative of it, a transformer; {_KNOWN}"),
    (r"(^|\.)joint_blocks\.\d+\.", f"Stable Diffusion 3, a transformer; {_KNOWN}"),
    (r"^clip_txt_mapper\.|\.channelwise\.", f"Stable Cascade; {_KNOWN}"),
    (r"(^|\.)head\.modulation$", f"a WAN video model; {_KNOWN}"),
    (r"(^|\.)(caption_projection\.linear_1|adaln_single\.linear|t_block\.1)\.", f"PixArt, a transformer; {_KNOWN}"),
    (r"^(decoder|encoder)\.layers\.\d+\.(conv\.|weight|bias)|^taesd_|^[1-9]\d*\.conv\.0\.",
     f"a TAESD; {BESIDE} --vae"),
    (r"^(first_stage_model\.)?(en|de)coder\.conv_in\.weight$", f"a VAE; {BESIDE} --vae"),
    (r"^(diffusion_model\.)?(down_blocks\.\d+\.(resnets|attentions)|input_blocks\.\d+)\.",
     f"the UNet alone, without text encoders and VAE; {BESIDE} --unet, or take the whole checkpoint"),
    (r"^(text_model|transformer\.text_model|encoder\.block|encoder\.layers\.\d+\.self_attn)\.",
     "a text encoder; name a whole checkpoint as --model"),
    (r"^(vision_model|visual)\.", "an image encoder; name a whole checkpoint as --model"),
    (r"^(conv_first|body\.\d+\.rdb1\.|model\.1\.sub\.)", "an upscaler (ESRGAN), which is not a diffusion model"),
    (r"^enc_p\.", "a voice of RVC; name it as --rvc"),
    (r"^unet\.encoder\.", "RMVPE, which finds the pitch of voices; name it as rmvpe under [rvc]"),
    (r"^(label_embs_concat|(feature_extractor|encoder\.layers)\..*)$",
     "a HuBERT, which extracts speech content; name it as --rvc-content"),
)  # fmt: skip


def kind_of(names: Collection[str]) -> str:
    """Text for an error: the kind of file that has these tensor names, and what to do instead."""
    for pattern, kind in _KINDS:
        found = re.compile(pattern)
        if any(found.search(name) for name in names):
            return f"is {kind}" if not kind.startswith("its ") else kind
    return f"does not contain the UNet of a complete checkpoint ({len(names)} tensors); {_KNOWN}"


def unet_alone(stem: str) -> str:
    """File name of the complete checkpoint published with a file that has only a UNet (ByteDance's names), or ""."""
    whole = re.sub(r"_unet$", "", stem)
    return f"{whole}.safetensors" if whole != stem else ""
