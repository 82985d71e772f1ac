"""Recognizes models of other kinds, in diffusers folders like ours, by their class names.

These are diffusers' names of pipelines and models, from `model_index.json` and `config.json`. Does not load torch.
"""

import re
from typing import Any, Final

from engine.models import locate
from engine.models.sd.plan.families import BASES, SUPPORTED

UNET: Final = "UNet2DConditionModel"

_VIDEO: Final = "makes videos, while ours paint picture by picture"
# The first pattern found in the class name counts.
_PIPELINES: Final = (
    (r"StableVideo|TextToVideo|VideoToVideo|AnimateDiff|PIA|I2V|ImageToVideo|CogVideo|HunyuanVideo|Wan|LTX", _VIDEO),
    (r"InstructPix2Pix|Edit", "edits a picture after an instruction"),
    (r"Inpaint|PaintByExample|BrushNet", "fills holes in a picture (inpainting)"),
    (r"Upscale|SuperRes", "makes a picture larger"),
    (r"Depth2Img", "paints after a depth map; a ControlNet for depth does that here"),
    (r"UnCLIP|Unclip", "paints after the CLIP embedding of a picture (unCLIP); an IP-Adapter does that here"),
    (r"ImageVariation|Zero123", "paints after a picture without any text; an IP-Adapter does that here"),
    (r"GLIGEN", "paints things into boxes (GLIGEN)"),
    (r"Marigold|Lotus", "estimates depth or normals, and paints nothing"),
    (r"LDM3D", "paints depth beside colour (LDM3D)"),
    (r"AudioLDM|MusicLDM|AudioDiffusion|StableAudio", "makes sound"),
    (r"LDMTextToImage", "is the latent diffusion of 2022, with another text encoder"),
    (r"^IF", "is DeepFloyd IF, which paints pixels after a T5"),
    (r"Kolors", "is Kolors, whose text encoder is ChatGLM"),
    (r"Kandinsky", "is Kandinsky, which paints after embeddings of pictures"),
    (r"Cascade|Wuerstchen", "is Stable Cascade or Wuerstchen, which works in stages of its own"),
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
    (r"UNet2DModel", "paints without any text"),
    (r"UNetControlNetXS", "is joined with a ControlNet-XS"),
    (r"Kandinsky", "belongs to Kandinsky"),
    (r"StableCascade|Wuerstchen", "belongs to Stable Cascade or Wuerstchen"),
    (r"^Flax", "is written for Flax"),
)

PART_CLASSES: Final = {
    "ControlNetUnionModel": "a ControlNet union, one net for many kinds of pictures",
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
"""ControlNets and VAEs that are not run, by their class in diffusers."""


def purpose_of(pipeline: str) -> str:
    """The purpose of a pipeline, in words that follow its class name (`makes videos`); "" for an unknown class."""
    return _first(_PIPELINES, pipeline)


def unet_of_another_kind(told: dict[str, Any], pipeline: str) -> str:
    """For an error: the kind of a UNet that is not one for pictures; "" for ours."""
    unet = told.get("_class_name", UNET)
    if unet == UNET:
        return ""
    what = "" if purpose_of(pipeline) else _first(_UNETS, unet)  # said once
    return f"its UNet is a {unet}{f', which {what}' if what else ''}"


def known_models(family: str) -> str:
    """`known are ...`, with the command that fetches a model that works."""
    return f"known are {SUPPORTED}: {locate.fetch_command(BASES[family])}"


def _first(table: tuple[tuple[str, str], ...], name: str) -> str:
    return next((what for pattern, what in table if re.search(pattern, name)), "")
