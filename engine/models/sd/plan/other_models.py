"""Recognizes unsupported models in diffusers folders by their class names.

These are diffusers' names of pipelines and models, from `model_index.json` and `config.json`. Does not load torch.
"""

import re
from typing import Any, Final

from engine.models import locate
from engine.models.sd.plan.families import BASES, SUPPORTED

UNET: Final = "UNet2DConditionModel"

_VIDEO: Final = "makes videos, not single pictures"
# The first pattern found in the class name is used.
_PIPELINES: Final = (
    (r"StableVideo|TextToVideo|VideoToVideo|AnimateDiff|PIA|I2V|ImageToVideo|CogVideo|HunyuanVideo|Wan|LTX", _VIDEO),
    (r"InstructPix2Pix|Edit", "edits a picture by an instruction"),
    (r"Inpaint|PaintByExample|BrushNet", "fills holes in a picture (inpainting)"),
    (r"Upscale|SuperRes", "makes a picture larger"),
    (r"Depth2Img", "paints from a depth map; use a depth ControlNet for that"),
    (r"UnCLIP|Unclip", "paints from the CLIP embedding of a picture (unCLIP); use an IP-Adapter for that"),
    (r"ImageVariation|Zero123", "paints from a picture without text; use an IP-Adapter for that"),
    (r"GLIGEN", "paints objects into boxes (GLIGEN)"),
    (r"Marigold|Lotus", "estimates depth or normals"),
    (r"LDM3D", "paints depth and colour (LDM3D)"),
    (r"AudioLDM|MusicLDM|AudioDiffusion|StableAudio", "makes sound"),
    (r"LDMTextToImage", "is the latent diffusion of 2022, with another text encoder"),
    (r"^IF", "is DeepFloyd IF, which paints pixels with a T5 text encoder"),
    (r"Kolors", "is Kolors, whose text encoder is ChatGLM"),
    (r"Kandinsky", "is Kandinsky, which paints from picture embeddings"),
    (r"Cascade|Wuerstchen", "is Stable Cascade or Wuerstchen, which has other stages"),
    (
        r"Flux|StableDiffusion3|PixArt|Hunyuan|AuraFlow|Sana|Lumina|QwenImage|ZImage|Chroma|HiDream|CogView|OmniGen|DiT",
        "is a diffusion transformer, not a UNet",
    ),
    (r"^Flax", "is written for Flax"),
    (r"^(Onnx|ORT|OV)", "is exported to ONNX or OpenVINO"),
)
_UNETS: Final = (
    (r"UNet3D", f"{_VIDEO} (ModelScope or a relative)"),
    (r"UNetMotion", f"{_VIDEO} (AnimateDiff)"),
    (r"SpatioTemporal", f"{_VIDEO} (Stable Video Diffusion)"),
    (r"I2VGen", _VIDEO),
    (r"UNet2DModel", "paints without text"),
    (r"UNetControlNetXS", "contains a ControlNet-XS"),
    (r"Kandinsky", "belongs to Kandinsky"),
    (r"StableCascade|Wuerstchen", "belongs to Stable Cascade or Wuerstchen"),
    (r"^Flax", "is written for Flax"),
)

PART_CLASSES: Final = {
    "ControlNetUnionModel": "a ControlNet union, for several kinds of control images",
    "ControlNetXSAdapter": "a ControlNet-XS",
    "ControlNetXSModel": "a ControlNet-XS",
    "SD3ControlNetModel": "a ControlNet for SD 3",
    "FluxControlNetModel": "a ControlNet for Flux",
    "T2IAdapter": "a T2I-Adapter",
    "SparseControlNetModel": "a SparseCtrl for AnimateDiff",
    "HunyuanDiT2DControlNetModel": "a ControlNet for Hunyuan-DiT",
    "AutoencoderKLTemporalDecoder": "the video VAE of Stable Video Diffusion",
    "AsymmetricAutoencoderKL": "an asymmetric VAE for inpainting",
    "ConsistencyDecoderVAE": "a consistency decoder, many times slower",
    "VQModel": "a VQ model, as the first latent diffusion had",
    "AutoencoderDC": "Sana's autoencoder",
    "AutoencoderKLWan": "Wan's video VAE",
}
"""ControlNets and VAEs that are not supported, by their class in diffusers."""


def purpose_of(pipeline: str) -> str:
    """The purpose of a pipeline, to follow "which" (`makes videos`); "" for an unknown class."""
    return _first(_PIPELINES, pipeline)


def unet_of_another_kind(config: dict[str, Any], pipeline: str) -> str:
    """Text for an error: the kind of an unsupported UNet; "" for a supported one."""
    unet = config.get("_class_name", UNET)
    if unet == UNET:
        return ""
    what = "" if purpose_of(pipeline) else _first(_UNETS, unet)  # mention it only once
    return f"its UNet is a {unet}{f', which {what}' if what else ''}"


def known_models(family: str) -> str:
    """`supported: ...`, with the command that downloads a model that works."""
    return f"supported: {SUPPORTED}; for example {locate.fetch_command(BASES[family])}"


def _first(table: tuple[tuple[str, str], ...], name: str) -> str:
    return next((what for pattern, what in table if re.search(pattern, name)), "")
