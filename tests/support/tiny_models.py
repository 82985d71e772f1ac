"""Tiny Stable Diffusion models with random weights: the structure of the real ones, a few megabytes
each.

`python -m tests.support.tiny_models FOLDER [--kind sd15] [--vae analytic]` writes one; the tests
build theirs through the fixtures. The same arguments give the same weights. The analytic VAE is
exact arithmetic in TAESD's layers: encoding averages each 8 x 8 block into the first three latent
channels, decoding fills the block with it. So a picture survives the round trip, and a test can
recognize the origin of a latent.
"""

import json
from pathlib import Path
from typing import Any

import torch

import engine.models  # noqa: F401  registers the replacement for torchaudio before transformers is imported
from engine.models.random_models import seeded
from tests.support.toy_program import write_toy

KINDS = ("sd15", "turbo", "sdxl", "sd21")
VAES = ("analytic", "kl")
SAMPLERS: dict[str, tuple[str, dict[str, Any]]] = {
    "lcm": ("LCM", {}),
    "turbo": ("EulerDiscrete", {"timestep_spacing": "trailing"}),
    "turbo_ancestral": ("EulerAncestralDiscrete", {"timestep_spacing": "trailing"}),
    "ddim": ("DDIM", {"clip_sample": False, "set_alpha_to_one": False}),
    "pndm": ("PNDM", {"skip_prk_steps": True, "set_alpha_to_one": False}),
    "euler": ("EulerDiscrete", {}),
}
"""diffusers' scheduler and its options."""
TEXT_WIDTH = 32
CONTEXT_TOKENS = 77
NOISE_TABLE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
}


def build_tiny_sd(
    folder: Path,
    *,
    kind: str = "sd15",
    vae: str = "analytic",
    sampler: str | None = None,
    seed: int = 0,
) -> Path:
    """Write a diffusers folder, and return it.

    sd15: epsilon, LCM scheduler. turbo: the shape of SD 2.x, epsilon, EulerDiscrete with trailing
    steps, as SD-Turbo ships. sdxl: two text encoders, EulerAncestral with trailing steps, as
    SDXL-Turbo ships. sd21: v-prediction, DDIM. `sampler` (one of SAMPLERS) replaces the scheduler
    that belongs to the kind.
    """
    from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionXLImg2ImgPipeline

    usual = {"sd15": "lcm", "turbo": "turbo", "sdxl": "turbo_ancestral", "sd21": "ddim"}
    scheduler = tiny_scheduler(
        sampler or usual[kind], "v_prediction" if kind == "sd21" else "epsilon"
    )
    with seeded(seed):
        parts: dict[str, Any] = {
            "vae": analytic_vae()
            if vae == "analytic"
            else tiny_kl(scaling_factor=0.13025 if kind == "sdxl" else 0.18215),
            "unet": tiny_unet(kind),
            "scheduler": scheduler,
            "tokenizer": tiny_tokenizer(
                folder / "tokenizer", pad_token=None if kind == "sd15" else "!"
            ),
            "text_encoder": tiny_text_encoder(with_projection=False),
        }
        if kind == "sdxl":
            parts["tokenizer"] = tiny_tokenizer(folder / "tokenizer", pad_token=None)
            parts["tokenizer_2"] = tiny_tokenizer(folder / "tokenizer_2", pad_token="!")
            parts["text_encoder_2"] = tiny_text_encoder(with_projection=True)
            pipeline = StableDiffusionXLImg2ImgPipeline(**parts, add_watermarker=False)
        else:
            pipeline = StableDiffusionImg2ImgPipeline(
                **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
            )
    pipeline.save_pretrained(folder)
    return folder


def tiny_scheduler(sampler: str, prediction_type: str) -> Any:
    import diffusers

    kind, options = SAMPLERS[sampler]
    table = NOISE_TABLE | {"prediction_type": prediction_type, "steps_offset": 1}
    return getattr(diffusers, f"{kind}Scheduler")(**table, **options)


def tiny_unet(kind: str) -> Any:
    """A UNet of two levels, 32 and 64 channels, with attention at the lower one. Latents need even
    sides."""
    from diffusers import UNet2DConditionModel

    shape: dict[str, Any] = {
        "sample_size": 64,
        "block_out_channels": (32, 64),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": TEXT_WIDTH,
        "attention_head_dim": 4,
        "norm_num_groups": 8,
    }
    if kind in ("turbo", "sd21", "sdxl"):
        shape |= {"use_linear_projection": True, "attention_head_dim": (2, 4)}
    if kind == "sdxl":
        shape |= {
            "cross_attention_dim": 2 * TEXT_WIDTH,
            "transformer_layers_per_block": (1, 2),
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": TEXT_WIDTH + 6 * 8,
        }
    return UNet2DConditionModel(**shape).eval()


def tiny_tokenizer(folder: Path, *, pad_token: str | None) -> Any:
    """CLIP's byte-level tokenizer with four merges. `pad_token` "!" as SD 2.x and the second
    encoder of SDXL have."""
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    merges = [("t", "h"), ("th", "e</w>"), ("i", "n"), ("a", "n")]
    tokens = [
        *letters,
        *(f"{letter}</w>" for letter in letters),
        *("".join(pair) for pair in merges),
    ]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    lines = "\n".join(" ".join(pair) for pair in merges)
    (folder / "merges.txt").write_text(f"#version: 0.2\n{lines}\n", encoding="utf-8")
    options = {} if pad_token is None else {"pad_token": pad_token}
    return CLIPTokenizer.from_pretrained(
        folder, model_max_length=CONTEXT_TOKENS, local_files_only=True, **options
    )


def tiny_text_encoder(*, with_projection: bool) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=518,
        hidden_size=TEXT_WIDTH,
        projection_dim=TEXT_WIDTH,
        intermediate_size=37,
        num_hidden_layers=3,
        num_attention_heads=4,
        hidden_act="gelu" if with_projection else "quick_gelu",
        bos_token_id=516,
        eos_token_id=517,
        pad_token_id=517,
    )
    return (CLIPTextModelWithProjection if with_projection else CLIPTextModel)(config).eval()


def analytic_vae() -> Any:
    """AutoencoderTiny whose latent channels 0..2 are the 8 x 8 block means of R, G, B in -0.5..0.5;
    channel 3 is 0.

    Decoding paints each latent over its 8 x 8 pixels; within 1 % (TAESD's decoder passes latents
    through 3 tanh(z/3)).
    """
    from diffusers import AutoencoderTiny

    vae = AutoencoderTiny(
        encoder_block_out_channels=(16,) * 4,
        decoder_block_out_channels=(16,) * 4,
        num_encoder_blocks=(1,) * 4,
        num_decoder_blocks=(1,) * 4,
    )
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.zero_()
        encoding = [layer for layer in vae.encoder.layers if isinstance(layer, torch.nn.Conv2d)]
        decoding = [layer for layer in vae.decoder.layers if isinstance(layer, torch.nn.Conv2d)]
        for channel in range(3):
            for halving in encoding[1:-1]:
                halving.weight[channel, channel, 1:, 1:] = (
                    0.25  # stride 2: the mean of 2 x 2 pixels
                )
            for copying in (encoding[0], encoding[-1], *decoding):
                copying.weight[channel, channel, 1, 1] = 1.0
        encoding[-1].bias[:3] = -0.5
        decoding[0].bias[:3] = 0.5
    return vae.eval()


def tiny_kl(*, channels: tuple[int, ...] = (8, 16, 16, 16), groups: int = 8, **values: Any) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=channels,
        layers_per_block=1,
        norm_num_groups=groups,
        **values,
    ).eval()


def build_tiny_controlnet(folder: Path, sd_folder: Path, *, seed: int = 1, kinds: int = 0) -> Path:
    """A ControlNet of the model in `sd_folder`, written to `folder`; its zero convolutions are
    random, so that it has an effect. `kinds`: those of a ControlNet Union, 0 for a plain one."""
    from diffusers import ControlNetModel, ControlNetUnionModel, UNet2DConditionModel

    unet = UNet2DConditionModel.from_pretrained(sd_folder, subfolder="unet", local_files_only=True)
    with seeded(seed):
        controlnet = ControlNetModel.from_unet(unet)
        for convolution in (*controlnet.controlnet_down_blocks, controlnet.controlnet_mid_block):
            convolution.weight.normal_(0.0, 0.3)
        # With the default initialisation the layers shrink the picture to nothing: all pictures
        # have the same effect.
        for convolution in (
            controlnet.controlnet_cond_embedding.conv_in,
            *controlnet.controlnet_cond_embedding.blocks,
        ):
            convolution.weight.mul_(2.0)
        controlnet.controlnet_cond_embedding.conv_out.weight.normal_(0.0, 0.3)
        if kinds:
            plain, width = controlnet, controlnet.config.block_out_channels[0]
            widths = {
                "num_control_type": kinds,
                "num_trans_channel": width,
                "num_proj_channel": width,
            }
            times = {"addition_time_embed_dim": plain.config.addition_time_embed_dim or 8}
            controlnet = ControlNetUnionModel.from_config({**plain.config, **widths, **times})
            controlnet.load_state_dict(plain.state_dict(), strict=False)
            controlnet.spatial_ch_projs.weight.data.normal_(0.0, 0.3)
    controlnet.save_pretrained(folder)
    return folder


def build_tiny_t2i_adapter(folder: Path, *, channels: int = 3, seed: int = 1) -> Path:
    """A T2I-Adapter for the UNet of the tiny SDXL, with random weights large enough for an
    effect."""
    from diffusers import T2IAdapter

    with seeded(seed):
        adapter = T2IAdapter(
            channels, [32, 64, 64], downscale_factor=16, adapter_type="full_adapter_xl"
        )
        for weight in adapter.parameters():
            if weight.ndim > 1:
                torch.nn.init.normal_(weight, std=0.1)
    adapter.save_pretrained(folder)
    return folder


def build_tiny_lora(
    file: Path,
    sd_folder: Path,
    *,
    style: str = "diffusers",
    with_text: bool = True,
    with_conv: bool = False,
    seed: int = 2,
) -> Path:
    """Rank-4 deltas for the attention of the UNet (and the text encoder, and convolutions), alpha
    2, written to `file`. style: "diffusers" (peft's names, alpha folded into the weights) or
    "kohya" (lora_unet_..., alpha beside them; not for XL)."""
    from diffusers import UNet2DConditionModel
    from safetensors.torch import save_file
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    unet = UNet2DConditionModel.from_pretrained(sd_folder, subfolder="unet", local_files_only=True)
    parts: dict[str, tuple[Any, tuple[str, ...]]] = {
        "unet": (unet, ("to_q", "to_k", "to_v", "to_out.0"))
    }
    if with_conv:
        parts["unet"] = (unet, (*parts["unet"][1], "conv1", "proj_in"))
    if with_text:
        projections = ("q_proj", "k_proj", "v_proj", "out_proj")
        text = CLIPTextModel.from_pretrained(
            sd_folder, subfolder="text_encoder", local_files_only=True
        )
        parts["text_encoder"] = (text, projections)
        if (sd_folder / "text_encoder_2").is_dir():
            second = CLIPTextModelWithProjection.from_pretrained(
                sd_folder, subfolder="text_encoder_2", local_files_only=True
            )
            parts["text_encoder_2"] = (second, projections)
    rank, alpha = 4, 2.0
    tensors: dict[str, torch.Tensor] = {}
    with seeded(seed):
        for part, (model, targets) in parts.items():
            for name, module in model.named_modules():
                if not name.endswith(targets):
                    continue
                kernel = module.weight.shape[2:]
                down = torch.randn(rank, module.weight.shape[1], *kernel) * 0.3
                up = torch.randn(module.weight.shape[0], rank, *(1 for _ in kernel)) * 0.3
                if style == "kohya":
                    prefix = f"lora_{'unet' if part == 'unet' else 'te'}_{kohya_name(part, name)}"
                    tensors[f"{prefix}.lora_down.weight"] = down
                    tensors[f"{prefix}.lora_up.weight"] = up
                    tensors[f"{prefix}.alpha"] = torch.tensor(alpha)
                else:
                    tensors[f"{part}.{name}.lora_A.weight"] = down
                    tensors[f"{part}.{name}.lora_B.weight"] = up * (alpha / rank)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file)
    return file


def kohya_name(part: str, name: str) -> str:
    if part == "text_encoder" and not name.startswith("text_model."):
        name = f"text_model.{name}"
    return name.replace(".", "_")


def build_tiny_ip_adapter(
    folder: Path, sd_folder: Path, *, kind: str = "standard", seed: int = 3
) -> Path:
    """Write `ip-adapter.safetensors` and `image_encoder/` into `folder`; 4 image tokens. Returns
    the adapter's file. kind: "standard" (linear projection of the image embedding) or "plus"
    (resampler over the patches)."""
    from diffusers import UNet2DConditionModel
    from safetensors.torch import save_file
    from transformers import CLIPImageProcessor

    unet = UNet2DConditionModel.from_pretrained(sd_folder, subfolder="unet", local_files_only=True)
    width = unet.config.cross_attention_dim
    with seeded(seed):
        projection = standard_projection(width) if kind == "standard" else plus_projection(width)
        tensors = adapter_tensors(unet, projection)
        encoder = tiny_vision_model(hidden=32, projection=32)
    file = folder / "ip-adapter.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file)
    encoder.save_pretrained(folder / "image_encoder")
    CLIPImageProcessor(size=32, crop_size=32).save_pretrained(folder / "image_encoder")
    return file


def adapter_tensors(
    unet: Any, projection: dict[str, torch.Tensor], width: int = 0
) -> dict[str, torch.Tensor]:
    """Tensors of an IP-Adapter for this UNet; `width`: text width that it was made for, if not the
    UNet's."""
    width = width or unet.config.cross_attention_dim
    tensors = {f"image_proj.{name}": tensor for name, tensor in projection.items()}
    crossing = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
    for index, name in enumerate(crossing):
        inner = unet.get_submodule(name.removesuffix(".processor")).to_k.weight.shape[0]
        for which in ("to_k_ip", "to_v_ip"):
            tensors[f"ip_adapter.{2 * index + 1}.{which}.weight"] = torch.randn(inner, width) * 0.3
    return tensors


def tiny_vision_model(hidden: int, projection: int) -> Any:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=hidden,
        projection_dim=projection,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
        intermediate_size=37,
    )
    return CLIPVisionModelWithProjection(config).eval()


def standard_projection(width: int) -> dict[str, torch.Tensor]:
    return {
        "proj.weight": torch.randn(4 * width, 32) * 0.2,
        "proj.bias": torch.zeros(4 * width),
        "norm.weight": torch.ones(width),
        "norm.bias": torch.zeros(width),
    }


def plus_projection(width: int) -> dict[str, torch.Tensor]:
    """Tensors of an IP-Adapter's resampler of four layers, one head of 64, named as in
    ip-adapter-plus."""
    inner = 64
    tensors = {
        "latents": torch.randn(1, 4, inner) * 0.2,
        "proj_in.weight": torch.randn(inner, 32) * 0.2,
        "proj_in.bias": torch.zeros(inner),
        "proj_out.weight": torch.randn(width, inner) * 0.2,
        "proj_out.bias": torch.zeros(width),
        "norm_out.weight": torch.ones(width),
        "norm_out.bias": torch.zeros(width),
    }
    for layer in range(4):
        attention, feed = f"layers.{layer}.0", f"layers.{layer}.1"
        for norm in (f"{attention}.norm1", f"{attention}.norm2", f"{feed}.0"):
            tensors |= {f"{norm}.weight": torch.ones(inner), f"{norm}.bias": torch.zeros(inner)}
        tensors |= {
            f"{attention}.to_q.weight": torch.randn(inner, inner) * 0.2,
            f"{attention}.to_kv.weight": torch.randn(2 * inner, inner) * 0.2,
            f"{attention}.to_out.weight": torch.randn(inner, inner) * 0.2,
            f"{feed}.1.weight": torch.randn(4 * inner, inner) * 0.2,
            f"{feed}.3.weight": torch.randn(inner, 4 * inner) * 0.2,
        }
    return tensors


if __name__ == "__main__":
    write_toy(
        build_tiny_sd,
        "Write a tiny random Stable Diffusion model.",
        kind=KINDS,
        vae=VAES,
        sampler=SAMPLERS,
    )
