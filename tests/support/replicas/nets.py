"""Published ControlNets, VAEs, TAESDs and IP-Adapters, as folders and as single files."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from engine.models.random_models import seeded
from engine.models.sd import ModelSpec
from tests.support.replicas.replica import Folders
from tests.support.tiny_models import (
    adapter_tensors,
    plus_projection,
    standard_projection,
    tiny_kl,
    tiny_unet,
    tiny_vision_model,
)
from tests.support.tiny_single_file import (
    original_unet_name,
    original_vae_tensors,
    save_tensors,
    with_prefix,
)

CONTROLNET_KEYS = (
    "_class_name _diffusers_version act_fn attention_head_dim block_out_channels class_embed_type "
    "conditioning_embedding_out_channels controlnet_conditioning_channel_order "
    "cross_attention_dim down_block_types "
    "downsample_padding flip_sin_to_cos freq_shift global_pool_conditions in_channels "
    "layers_per_block "
    "mid_block_scale_factor norm_eps norm_num_groups num_class_embeds only_cross_attention "
    "projection_class_embeddings_input_dim resnet_time_scale_shift upcast_attention "
    "use_linear_projection"
).split()
"""In config.json of control_v11p_sd15_canny, written by diffusers 0.16."""
CONTROL_NAMES = {
    "controlnet_cond_embedding.conv_in": "input_hint_block.0",
    "controlnet_cond_embedding.conv_out": "input_hint_block.14",
    "controlnet_mid_block": "middle_block_out.0",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}
MID, SMALL = "mid", "small"


# -- ControlNets


def original_control_name(name: str) -> str:
    """Name of a ControlNet's tensor in the original ControlNet code (lllyasviel/ControlNet,
    cldm/cldm.py)."""
    for ours, original in CONTROL_NAMES.items():
        if name.startswith(f"{ours}."):
            return original + name.removeprefix(ours)
    if name.startswith("controlnet_down_blocks."):
        _, number, rest = name.split(".")
        return f"zero_convs.{number}.0.{rest}"
    if name.startswith("controlnet_cond_embedding.blocks."):
        number, rest = name.removeprefix("controlnet_cond_embedding.blocks.").split(".")
        return f"input_hint_block.{2 * int(number) + 2}.{rest}"
    return original_unet_name(name, 2)


def original_controlnet(folder: Path, prefix: str = "control_model.") -> dict[str, torch.Tensor]:
    """Tensors of a ControlNet's folder by their original names, in half precision."""
    tensors = load_file(folder / "diffusion_pytorch_model.safetensors")
    return {
        prefix + original_control_name(name): tensor.half().contiguous()
        for name, tensor in tensors.items()
    }


def smaller_controlnet(folder: Path, size: str) -> Path:
    """diffusers/controlnet-canny-sdxl-1.0-mid or -small: without attention in some or all
    blocks."""
    from diffusers import ControlNetModel

    unet = tiny_unet("sdxl").config
    has_attention = size == MID
    kinds = (
        ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D")
        if has_attention
        else ("DownBlock2D", "DownBlock2D")
    )
    keys = (
        "block_out_channels layers_per_block cross_attention_dim attention_head_dim "
        "norm_num_groups "
        "use_linear_projection addition_embed_type addition_time_embed_dim "
        "projection_class_embeddings_input_dim"
    ).split()
    with seeded(6):
        net = ControlNetModel(
            **{key: unet[key] for key in keys},
            down_block_types=kinds,
            mid_block_type="UNetMidBlock2DCrossAttn" if has_attention else "UNetMidBlock2D",
            transformer_layers_per_block=(0, 1) if has_attention else (0, 0),
        )
    net.half().save_pretrained(folder)
    return folder


def controlnet_folder(target: Folders, kind: str, **values: Any) -> Path:
    """A copy whose config.json has the published keys with these values."""
    sd = target.tiny.sd(kind=kind, sampler="lcm")
    folder = Path(shutil.copytree(target.tiny.controlnet(sd), target.folder / "controlnet"))
    edit_config(folder, CONTROLNET_KEYS if kind == "sd15" else (), **values)
    return folder


def edit_config(folder: Path, keys: tuple[str, ...] | list[str] = (), **values: Any) -> None:
    file = folder / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    config = {key: value for key, value in config.items() if not keys or key in keys} | values
    file.write_text(json.dumps(config), encoding="utf-8")


def with_controlnet(target: Folders, kind: str, name: Path | str) -> ModelSpec:
    return ModelSpec(model=str(target.tiny.sd(kind=kind, sampler="lcm")), controlnets=(str(name),))


def canny(
    target: Folders, hub_id: str = "lllyasviel/control_v11p_sd15_canny", **values: Any
) -> ModelSpec:
    kind = "sdxl" if "sdxl" in hub_id else "sd15"
    target.put_on_hub(hub_id, controlnet_folder(target, kind, **values))
    return with_controlnet(target, kind, hub_id)


def fp16_in_a_subfolder(target: Folders) -> ModelSpec:
    folder = controlnet_folder(target, "sd15")
    plain = folder / "diffusion_pytorch_model.safetensors"
    plain.rename(folder / "diffusion_pytorch_model.fp16.safetensors")
    whole = target.folder / "pipeline"
    whole.mkdir()
    shutil.move(folder, whole / "controlnet")
    return with_controlnet(target, "sd15", whole)


def only_a_pickle(target: Folders) -> ModelSpec:
    folder = controlnet_folder(target, "sd15")
    file = folder / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(file), folder / "diffusion_pytorch_model.bin")
    file.unlink()
    return with_controlnet(target, "sd15", folder)


def original_file(target: Folders, name: str, prefix: str = "control_model.") -> ModelSpec:
    sd = target.tiny.sd(kind="sd15", sampler="lcm")
    tensors = original_controlnet(target.tiny.controlnet(sd), prefix)
    return with_controlnet(target, "sd15", saved(target.folder / name, tensors))


def saved(file: Path, tensors: dict[str, torch.Tensor]) -> Path:
    save_file(tensors, file) if file.suffix == ".safetensors" else torch.save(tensors, file)
    return file


def smaller_file(target: Folders) -> ModelSpec:
    folder = smaller_controlnet(target.folder / SMALL, SMALL)
    file = target.folder / "diffusers_xl_canny_small.safetensors"
    shutil.move(folder / "diffusion_pytorch_model.safetensors", file)
    return with_controlnet(target, "sdxl", file)


def union(target: Folders, class_name: str, kinds: int = 6) -> ModelSpec:
    """A ControlNet Union as xinsir publishes it: configured as a ControlNetModel, without the
    number of kinds."""
    folder = target.folder / "union"
    shutil.copytree(
        target.tiny.controlnet(target.tiny.sd(kind="sdxl"), kinds=kinds), folder, dirs_exist_ok=True
    )
    edit_config(
        folder,
        _class_name=class_name,
        num_control_type=None,
        num_trans_channel=None,
        num_proj_channel=None,
    )
    target.put_on_hub("xinsir/controlnet-union-sdxl-1.0", folder)
    return with_controlnet(target, "sdxl", "xinsir/controlnet-union-sdxl-1.0")


def union_file(target: Folders, name: str) -> ModelSpec:
    """promax: eight kinds, its file beside the configuration of the smaller one."""
    union(target, "ControlNetModel", kinds=8)
    folder = target.folder / "union"
    file = Path(shutil.move(folder / "diffusion_pytorch_model.safetensors", folder / name))
    return with_controlnet(target, "sdxl", file)


def loose_file(
    target: Folders, name: str, kind: str, tensors: Mapping[str, tuple[int, ...]]
) -> ModelSpec:
    """A file with only these tensors, given as a ControlNet."""
    tensors_by_name = {key: torch.zeros(shape) for key, shape in tensors.items()}
    return with_controlnet(target, kind, saved(target.folder / name, tensors_by_name))


def config_only(target: Folders, kind: str) -> ModelSpec:
    folder = target.folder / "net"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"_class_name": kind}), encoding="utf-8")
    return with_controlnet(target, "sd15", folder)


def of_another_base(target: Folders) -> ModelSpec:
    folder = target.tiny.controlnet(target.tiny.sd(kind="sdxl", sampler="lcm"))
    return with_controlnet(target, "sd15", folder)


def file_of_another_base(target: Folders) -> ModelSpec:
    return ModelSpec(
        model=str(target.tiny.sd(kind="sdxl", sampler="lcm")),
        controlnets=original_file(target, "control_v11p_sd15_canny.pth").controlnets,
    )


# -- VAEs


def tiny_vae(**values: Any) -> Any:
    """AutoencoderKL with the 32 groups that every published one has."""
    with seeded(8):
        return tiny_kl(channels=(32, 32, 64, 64), groups=32, **values)


def vae_file(
    target: Folders,
    name: str,
    *,
    kind: str = "sd15",
    prefix: str = "",
    hub_id: str = "",
    extra: tuple[str, ...] = (),
) -> ModelSpec:
    tensors = with_prefix(prefix, original_vae_tensors(tiny_vae().state_dict(), 4))
    tensors |= {each: torch.zeros(1) for each in extra}
    folder = target.folder / "vae"
    folder.mkdir()
    file = folder / name
    if file.suffix == ".safetensors":
        save_tensors(file, tensors)
    else:
        torch.save({"state_dict": tensors}, file)
    if hub_id:
        target.put_on_hub(hub_id, folder)
    return ModelSpec(model=sd_of(target, kind), vae=f"{hub_id}/{name}" if hub_id else str(file))


def sd_of(target: Folders, kind: str) -> str:
    return str(target.tiny.sd(kind=kind, sampler="lcm"))


def vae_folder(target: Folders, hub_id: str, *, kind: str = "sd15", **values: Any) -> ModelSpec:
    folder = target.folder / "vae"
    tiny_vae().save_pretrained(folder)
    edit_config(folder, **values)
    target.put_on_hub(hub_id, folder)
    return ModelSpec(model=sd_of(target, kind), vae=hub_id)


def own_vae(target: Folders, **values: Any) -> ModelSpec:
    """The model's own vae folder, with these values in its config.json."""
    folder = Path(
        shutil.copytree(
            target.tiny.sd(kind="sdxl", vae="kl", sampler="lcm"), target.folder / "model"
        )
    )
    edit_config(folder / "vae", **values)
    return ModelSpec(model=str(folder), vae="full")


def taesd_pair(
    target: Folders,
    name: str = "taesd",
    *,
    kind: str = "sd15",
    halves: tuple[str, ...] = ("encoder", "decoder"),
) -> ModelSpec:
    """A TAESD in madebyollin/taesd's files: layers from 0, the decoder's from 1 (its first layer
    clamps)."""
    tensors = tiny_taesd().state_dict()
    for half in halves:
        own: dict[str, torch.Tensor] = {}
        for key, tensor in tensors.items():
            if key.startswith(f"{half}.layers."):
                number, rest = key.removeprefix(f"{half}.layers.").split(".", 1)
                own[f"{int(number) + (half == 'decoder')}.{rest}"] = tensor.contiguous()
        save_file(own, target.folder / f"{name}_{half}.safetensors")
    return ModelSpec(
        model=sd_of(target, kind), vae=str(target.folder / f"{name}_decoder.safetensors")
    )


def tiny_taesd(**values: Any) -> Any:
    from diffusers import AutoencoderTiny

    with seeded(9):
        return AutoencoderTiny(
            encoder_block_out_channels=(16,) * 4, decoder_block_out_channels=(16,) * 4, **values
        ).eval()


def taesd_folder(target: Folders, hub_id: str, *, kind: str = "sd15", **values: Any) -> ModelSpec:
    tiny_taesd(**values).save_pretrained(target.folder / "taesd")
    target.put_on_hub(hub_id, target.folder / "taesd")
    return ModelSpec(model=sd_of(target, kind), vae=hub_id)


# -- IP-Adapters


def vision_model(folder: Path, *, hidden: int, projection: int) -> None:
    with seeded(10):
        tiny_vision_model(hidden, projection).save_pretrained(folder)


def projection_of(kind: str, width: int, wide: int) -> dict[str, torch.Tensor]:
    """image_proj of a standard, plus, full-face, FaceID, InstantID or PuLID adapter for an encoder
    `wide` numbers wide (tencent-ailab/IP-Adapter, ip_adapter.py and ip_adapter_faceid.py;
    InstantX/InstantID, resampler.py)."""
    if kind == "plus":
        return plus_projection(width) | {"proj_in.weight": torch.randn(64, wide) * 0.2}
    if kind == "standard":
        return standard_projection(width) | {"proj.weight": torch.randn(4 * width, wide) * 0.2}
    if kind == "full":
        return {
            "proj.0.weight": torch.randn(wide, wide) * 0.2,
            "proj.0.bias": torch.zeros(wide),
            "proj.2.weight": torch.randn(width, wide) * 0.2,
            "proj.2.bias": torch.zeros(width),
            "proj.3.weight": torch.ones(width),
            "proj.3.bias": torch.zeros(width),
        }
    if kind == "faceid":
        return {"proj.0.weight": torch.zeros(1024, 512), "proj.2.weight": torch.zeros(4 * width,
            1024),
                "norm.weight": torch.ones(width)}  # fmt: skip
    return {"mapping_0.0.weight": torch.zeros(4, 4), "body.0.weight": torch.zeros(4, 4)}


def h94(
    target: Folders, file: str, *, projection: str, wide: int, kind: str, text_width: int = 0
) -> ModelSpec:
    """An IP-Adapter in a repository like h94/IP-Adapter, with both image encoders, of smaller
    hidden sizes."""
    folder = target.folder / "repository"
    vision_model(folder / "models" / "image_encoder", hidden=32, projection=1024)
    vision_model(folder / "sdxl_models" / "image_encoder", hidden=64, projection=1280)
    spec = lone_adapter(
        target, folder / file, projection=projection, wide=wide, kind=kind, text_width=text_width
    )
    target.put_on_hub("h94/IP-Adapter", folder)
    return ModelSpec(model=spec.model, ip_adapter=f"h94/IP-Adapter/{file}")


def lone_adapter(
    target: Folders, file: Path, *, projection: str, wide: int, kind: str, text_width: int = 0
) -> ModelSpec:
    with seeded(11):
        unet = tiny_unet(kind)
        width = text_width or unet.config.cross_attention_dim
        tensors = adapter_tensors(unet, projection_of(projection, width, wide), text_width)
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".safetensors":
        save_file(tensors, file)
    else:
        nested: dict[str, dict[str, torch.Tensor]] = {"image_proj": {}, "ip_adapter": {}}
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            nested[part][rest] = tensor
        torch.save(nested, file)
    return ModelSpec(model=sd_of(target, kind), ip_adapter=str(file))


def lone(
    target: Folders,
    name: str = "ip-adapter_sd15.safetensors",
    *,
    projection: str = "standard",
    **options: Any,
) -> ModelSpec:
    return lone_adapter(target, target.folder / name, projection=projection, kind="sdxl", **options)
