"""Models of the published sizes with random weights, built in memory, for measuring speed.

Their speed does not depend on the weights. The configurations are those of the published models.
"""

from dataclasses import dataclass
from typing import Any

import torch

from engine.errors import ModelError
from engine.models.card_memory import reserve_memory
from engine.models.device_work import in_fastest_layout, weights_of
from engine.models.pretrained import silence_libs
from engine.models.random_models import letter_tokenizer, seeded
from engine.models.sd.coefficients import noise_table
from engine.models.sd.model import DiffusionModel
from engine.models.sd.spec import ModelSpec
from engine.models.sd.tiny_vae import fuse_blocks

CONTEXT_TOKENS = 77
NOISE_TABLE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
}
TINY_BLOCKS = {
    "block_out_channels": (32, 64),
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "attention_head_dim": 4,
    "norm_num_groups": 8,
}
XL_BLOCKS = {
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "attention_head_dim": (5, 10, 20),
    "transformer_layers_per_block": (1, 2, 10),
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 1280 + 6 * 256,
}
SSD_BLOCKS = XL_BLOCKS | {
    "mid_block_type": "UNetMidBlock2D",
    "transformer_layers_per_block": (0, (2, 2), (4, 4)),
    "reverse_transformer_layers_per_block": ((4, 4, 10), (2, 1, 1), 1),
}
SDXS_BLOCKS = {
    "block_out_channels": (320, 640, 1280),
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "mid_block_type": None,
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
}
OPENCLIP_H = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 23,
    "num_attention_heads": 16,
}
OPENCLIP_G = {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
}
CLIP_L = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
}
CLIP_TINY = {
    "hidden_size": 32,
    "intermediate_size": 37,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    family: str
    sampler: str
    unet: dict[str, Any]
    texts: tuple[dict[str, Any], ...]
    taesd_channels: int = 64


SHAPES = {
    "sd15": ModelShape(
        family="sd15", sampler="lcm", unet={"cross_attention_dim": 768}, texts=(CLIP_L,)
    ),
    "sd-turbo": ModelShape(
        family="sd21",
        sampler="turbo",
        unet={
            "cross_attention_dim": 1024,
            "attention_head_dim": (5, 10, 20, 20),
            "use_linear_projection": True,
        },
        texts=(OPENCLIP_H,),
    ),
    "sdxl-turbo": ModelShape(
        family="sdxl",
        sampler="turbo",
        unet={"cross_attention_dim": 2048, **XL_BLOCKS},
        texts=(CLIP_L, OPENCLIP_G),
    ),
    "ssd-1b": ModelShape(
        family="sdxl",
        sampler="lcm",
        unet={"cross_attention_dim": 2048, **SSD_BLOCKS},
        texts=(CLIP_L, OPENCLIP_G),
    ),
    "sdxs": ModelShape(
        family="sd15",
        sampler="turbo",
        unet={"cross_attention_dim": 768, **SDXS_BLOCKS},
        texts=(CLIP_L,),
    ),
    "tiny": ModelShape(
        family="sd15",
        sampler="lcm",
        unet={"cross_attention_dim": 32, **TINY_BLOCKS},
        texts=(CLIP_TINY,),
        taesd_channels=16,
    ),
}
"""ssd-1b: SSD-1B with its LCM LoRA. sdxs: SDXS-512-DreamShaper, one step. tiny: small enough for a
CPU."""


def build(name: str, device: str, dtype: torch.dtype) -> DiffusionModel:
    """Build a model of this shape with TAESD; without values on device `meta`. DeviceFullError if
    it does not fit."""
    silence_libs("diffusers", "transformers")
    from engine.models.sd.attention import install_attention

    shape = _shape(name)
    with (
        reserve_memory(device, lambda: _float32_bytes(name), f"random:{name}"),
        torch.device(device),
    ):
        with seeded(0):
            unet = build_unet(name)
        with seeded(0):
            encoders = tuple(
                _text_encoder(config, number > 0) for number, config in enumerate(shape.texts)
            )
        with seeded(0):
            vae = build_taesd(name)
    scheduler = build_scheduler(name)
    for module in (unet, vae, *encoders):
        in_fastest_layout(module.requires_grad_(False).eval().to(dtype), torch.device(device))
    return DiffusionModel(
        text_weight=install_attention(unet),
        spec=ModelSpec(model=f"{name} with random weights", vae="taesd", sampler=shape.sampler),
        device=torch.device(device),
        dtype=dtype,
        family=shape.family,
        unet=unet,
        vae=fuse_blocks(vae, torch.device(device)),
        is_tiny_vae=True,
        text_encoders=encoders,
        tokenizers=tuple(letter_tokenizer(CONTEXT_TOKENS) for _ in encoders),
        scheduler_config=dict(scheduler.config) | {"_class_name": type(scheduler).__name__},
        prediction_type="epsilon",
        scaling_factor=vae.config.scaling_factor,
        shift_factor=0.0,
        alphas_cumprod=noise_table(scheduler.config),
        sampler=shape.sampler,
        time_cond_proj_dim=None,
        zeroes_empty_negative=shape.family == "sdxl",
    )


def _float32_bytes(name: str) -> int:
    """Bytes of the weights of `build` while they are drawn, as float32."""
    model = build(name, "meta", torch.float32)
    return sum(each.nbytes for each in weights_of((model.unet, model.vae, *model.text_encoders)))


def build_unet(name: str) -> Any:
    import diffusers

    kind: Any = diffusers.UNet2DConditionModel  # pyright: ignore[reportPrivateImportUsage]  # not annotated
    return kind(sample_size=64, **_shape(name).unet)


def build_taesd(name: str) -> Any:
    import diffusers

    kind: Any = diffusers.AutoencoderTiny  # pyright: ignore[reportPrivateImportUsage]  # not annotated
    channels = (_shape(name).taesd_channels,) * 4
    return kind(encoder_block_out_channels=channels, decoder_block_out_channels=channels)


def build_scheduler(name: str) -> Any:
    import diffusers

    library: Any = diffusers  # its schedulers are not annotated
    if _shape(name).sampler == "lcm":
        return library.LCMScheduler(**NOISE_TABLE)
    return library.EulerAncestralDiscreteScheduler(**NOISE_TABLE, timestep_spacing="trailing")


def build_pipeline(model: DiffusionModel, name: str) -> Any:
    """diffusers' own img2img pipeline with the weights of `model` and its own attention, without a
    progress bar."""
    import diffusers

    library: Any = diffusers  # its pipelines are not annotated
    with torch.device("meta"):
        unet = build_unet(name)
    unet.load_state_dict(model.unet.state_dict(), assign=True)
    parts: dict[str, Any] = {
        "vae": model.vae,
        "unet": unet.requires_grad_(False).eval(),
        "scheduler": build_scheduler(name),
    }
    for number, (encoder, tokenizer) in enumerate(
        zip(model.text_encoders, model.tokenizers, strict=True)
    ):
        suffix = f"_{number + 1}" if number else ""
        parts |= {f"text_encoder{suffix}": encoder, f"tokenizer{suffix}": tokenizer}
    if model.family == "sdxl":
        pipeline = library.StableDiffusionXLImg2ImgPipeline(**parts, add_watermarker=False)
    else:
        options = {
            "safety_checker": None,
            "feature_extractor": None,
            "requires_safety_checker": False,
        }
        pipeline = library.StableDiffusionImg2ImgPipeline(**parts, **options)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _shape(name: str) -> ModelShape:
    if name not in SHAPES:
        raise ModelError(f"shape {name}: not one of {', '.join(SHAPES)}")
    return SHAPES[name]


def _text_encoder(config: dict[str, Any], has_projection: bool) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    full = CLIPTextConfig(
        **config,
        vocab_size=49408,
        projection_dim=config["hidden_size"],
        hidden_act="quick_gelu" if config is CLIP_L else "gelu",
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    return (CLIPTextModelWithProjection if has_projection else CLIPTextModel)(full)
