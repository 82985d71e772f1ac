"""Recognizes models and files that are not supported, or were passed as something else, for error messages.

By the class names of diffusers in `model_index.json` and `config.json`, and by the tensor names of published files
(diffusers 0.42, loaders/single_file_utils.py; ComfyUI, model_detection.py). Only kinds that are often mistaken for a
model are listed. Does not load torch, reads no weights.
"""

import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from engine.errors import ModelError
from engine.models import locate
from engine.models.not_a_model import MODEL_SUFFIXES, shorten_names
from engine.models.sd.plan.families import BASES, FAMILIES, SUPPORTED
from engine.models.weight_files import TensorInfo
from engine.system.small_file import read_json

UNET: Final = "UNet2DConditionModel"
USE_WITH: Final = "use it together with a --model, as"

_TABLES: Final = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
PART_CLASSES: Final[dict[str, str]] = _TABLES["parts"]
"""ControlNets and VAEs that are not supported, by their class in diffusers."""
CONTROLNET = (
    r"controlnet_cond_embedding|^control_model\.|(^|\.)input_hint_block\.|^controlnet_",
    f"a ControlNet; {USE_WITH} --controlnet",
)
IP_ADAPTER = r"^ip_adapter\.|^image_proj\.", f"an IP-Adapter; {USE_WITH} --ip-adapter"
CONTROL_LORA = r"^lora_controlnet$", "a Control-LoRA; use a ControlNet as diffusers folder"
EMBEDDING = (
    r"^(emb_params|string_to_param|string_to_token|clip_[lg])$",
    "a textual inversion embedding, which goes with a prompt: --embedding",
)
_SUPPORTED = f"supported: {SUPPORTED}"
_KINDS: tuple[tuple[str, str], ...] = (
    (r"\.absmax$|\.quant_state", "its weights are quantized to 4 bits; use the file in float16"),
    (r"\.time_stack\.|\.time_mixer\.", f"Stable Video Diffusion, which makes videos; {_SUPPORTED}"),
    (r"(motion_modules|motion_module)\.", f"an AnimateDiff motion module, which is not supported; {_SUPPORTED}"),
    CONTROL_LORA,
    (r"^lllite_", "a ControlNet-LLLite; use a ControlNet as diffusers folder"),
    (r"\.lora_(up|down|A|B)\.|\.lora\.(up|down)\.|_lora\.(up|down)\.|\.(hada_w1_a|lokr_w1|lokr_w1_a|oft_blocks)$",
     f"a LoRA; {USE_WITH} --lora, or live by /sd/lora/1/file"),
    CONTROLNET,
    IP_ADAPTER,
    (r"^(adapter\.)?body\.\d+\.(resnets|block1|in_conv)\.", "a T2I-Adapter; use a ControlNet"),
    EMBEDDING,
    (r"(^|\.)double_blocks\.\d+\.", f"Flux or a relative of it, a transformer; {_SUPPORTED}"),
    (r"(^|\.)joint_blocks\.\d+\.", f"Stable Diffusion 3, a transformer; {_SUPPORTED}"),
    *((rf"(^|\.)({pattern})", f"{name}, a transformer; {_SUPPORTED}") for pattern, name in (
        (r"cap_pad_token|layers\.\d+\.adaLN_modulation\.0\.", "Z-Image"),
        (r"cap_embedder\.|time_caption_embed\.", "Lumina"),
        (r"txt_norm\.|txt_in\.text_norm\.", "Qwen-Image"),
        (r"inverted_conv\.|conv_inverted\.", "SANA"),
        (r"double_stream_blocks\.", "HiDream"),
        (r"double_layers\.|joint_transformer_blocks\.", "AuraFlow"),
    )),
    (r"^clip_txt_mapper\.|\.channelwise\.", f"Stable Cascade; {_SUPPORTED}"),
    (r"(^|\.)head\.modulation$", f"a WAN video model; {_SUPPORTED}"),
    (r"(^|\.)(caption_projection\.linear_1|adaln_single\.linear|t_block\.1)\.", f"PixArt, a transformer; {_SUPPORTED}"),
    (r"^(model\.diffusion_model\.)?transformer_blocks\.", f"SD 3, Flux or another, a transformer; {_SUPPORTED}"),
    (r"^(decoder|encoder)\.layers\.\d+\.(conv\.|weight|bias)|^taesd_|^[1-9]\d*\.conv\.0\.",
     f"a TAESD; {USE_WITH} --vae"),
    (r"^(first_stage_model\.)?(en|de)coder\.conv_in\.weight$", f"a VAE; {USE_WITH} --vae"),
    (r"^(diffusion_model\.)?(down_blocks\.\d+\.(resnets|attentions)|input_blocks\.\d+)\.",
     f"the UNet alone, without text encoders and VAE; {USE_WITH} --unet, or take the whole checkpoint"),
    (r"^(text_model|transformer\.text_model|encoder\.block|encoder\.layers\.\d+\.self_attn)\.",
     "a text encoder; name a whole checkpoint as --model"),
    (r"^(vision_model|visual)\.", "an image encoder; name a whole checkpoint as --model"),
    (r"^(conv_first|body\.\d+\.rdb1\.|model\.1\.sub\.)", "an upscaler (ESRGAN), which is not a diffusion model"),
    (r"^enc_p\.", "a voice of RVC; name it as --rvc"),
    (r"^unet\.encoder\.", "RMVPE, which finds the pitch of voices; name it as rmvpe under [rvc]"),
    (r"^(label_embs_concat|(feature_extractor|encoder\.layers)\..*)$",
     "a HuBERT, which extracts speech content; name it as --rvc-content"),
)  # fmt: skip
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
_METADATA_BASES = {
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
_LORA_KINDS = {
    r"(^|[._])b?oft_(diag|blocks|R|s)(\b|[._])|^oft_unet": (
        f"an OFT, which rotates weights instead of adding to them{_MERGED}"
    ),
    r"\.on_input$|\.ia3_l(\b|\.)": f"an IA3, which scales the outputs of layers{_MERGED}",
    r"\.[ab][12]\.weight$": f"a GLoRA, which is not a product of two factors{_MERGED}",
    r"\.[qp]_layer\.weight$|\.lambda_layer$": "a T-LoRA, whose rank depends on the timestep; use another LoRA",
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
_EMBEDDED = ((768,), (1024,), (1280,))  # widths of the text encoders
MAX_EMBEDDED = 256  # tokens of an embedding
_FOLDER_CLASSES: Final = (
    ("ControlNet", f"a ControlNet; {USE_WITH} --controlnet"),
    ("Autoencoder", f"a VAE; {USE_WITH} --vae"),
    ("UNet", f"the UNet of a model; {USE_WITH} --unet"),
)


def purpose_of(pipeline: str) -> str:
    """The purpose of a pipeline, to follow "which" (`makes videos`); "" for an unknown class."""
    return _first(_TABLES["pipelines"], pipeline)


def _first(table: list[list[str]], name: str) -> str:
    return next((what for pattern, what in table if re.search(pattern, name)), "")


def unet_of_another_kind(config: dict[str, Any], pipeline: str) -> str:
    """Text for an error: the kind of an unsupported UNet; "" for a supported one."""
    unet = config.get("_class_name", UNET)
    if unet == UNET:
        return ""
    what = "" if purpose_of(pipeline) else _first(_TABLES["unets"], unet)  # mention it only once
    return f"its UNet is a {unet}{f', which {what}' if what else ''}"


def known_models(family: str) -> str:
    """`supported: ...`, with the command that downloads a model that works."""
    return f"supported: {SUPPORTED}; for example {locate.fetch_command(BASES[family])}"


def kind_of(names: Collection[str]) -> str:
    """Text for an error: the kind of file that has these tensor names, and what to do instead."""
    for pattern, kind in _KINDS:
        if any(re.search(pattern, name) for name in names):
            return f"is {kind}" if not kind.startswith("its ") else kind
    return f"does not contain the UNet of a complete checkpoint ({len(names)} tensors); {_SUPPORTED}"


def unet_alone(stem: str) -> str:
    """File name of the complete checkpoint published with a file that has only a UNet (ByteDance's names), or ""."""
    whole = re.sub(r"_unet$", "", stem)
    return f"{whole}.safetensors" if whole != stem else ""


def other_kind(tensors: Mapping[str, TensorInfo], rest: list[str]) -> str | None:
    """Text for an error: the kind of a file passed as a LoRA and what to do instead, or None if it can be merged.
    `rest`: tensors that do not belong to a LoRA, LoHa or LoKr."""
    for name in rest:
        for pattern, what in _LORA_KINDS.items():
            if re.search(pattern, name):
                return what
    if len(rest) < len(tensors):
        return None
    if tensors and all(
        tensor.shape[-1:] in _EMBEDDED
        and tensor.count <= MAX_EMBEDDED * tensor.shape[-1]
        and len(tensor.shape) <= 2
        and not name.endswith((".weight", ".bias"))
        for name, tensor in tensors.items()
    ):
        return EMBEDDING[1]
    first = f", the first is {next(iter(tensors))[:80]}" if tensors else ""
    return f"not a LoRA: none of its {len(tensors)} tensors is part of one{first}"


def foreign_base(tensors: Mapping[str, TensorInfo]) -> str | None:
    """The model of another architecture that a LoRA's layers belong to, or None if they are not recognized."""
    found = (base for base, pattern in _TRANSFORMERS.items() if any(re.search(pattern, name) for name in tensors))
    return next(found, None)


def base_in_metadata(metadata: Mapping[str, str]) -> str | None:
    """The base model of a LoRA according to its metadata, or None."""
    for key in ("ss_base_model_version", "modelspec.architecture"):
        value = metadata.get(key, "").lower()
        for start in sorted(_METADATA_BASES, key=len, reverse=True):
            if value.startswith(start):
                return _METADATA_BASES[start]
    return None


def other_folder(folder: Path) -> str:
    """Text for an error: what a folder without model_index.json is, and the next step; "" if it is not recognized."""
    try:
        config = read_json(folder / "config.json")
    except (OSError, ValueError, ModelError):
        config = None
    if isinstance(config, dict) and config:
        kinds = [what for start, what in _FOLDER_CLASSES if start in str(config.get("_class_name", ""))]
        kind = next(iter(kinds), "") or _TABLES["folders"].get(str(config.get("model_type", "")))
        return f"is {kind}" if kind else ""
    try:
        files = sorted(file.name for file in folder.iterdir() if file.suffix.lower() in MODEL_SUFFIXES)
    except OSError:
        return ""
    return f"is a folder of files; name one of them: {shorten_names(files)}" if files else ""
