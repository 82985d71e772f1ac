"""Published ControlNets, VAEs, TAESDs and IP-Adapters, as folders and as single files."""

import json
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from engine.models.sd import ModelSpec
from engine.models.seeded import seeded
from tests.support.replicas.replica import Refused, Replica, Shelf, Works
from tests.support.tiny_models import plus_projection, standard_projection, tiny_unet
from tests.support.tiny_single_file import original_unet_name, original_vae_name

HUB = "https://huggingface.co"
CONTROLNET_KEYS = (
    "_class_name _diffusers_version act_fn attention_head_dim block_out_channels class_embed_type "
    "conditioning_embedding_out_channels controlnet_conditioning_channel_order cross_attention_dim down_block_types "
    "downsample_padding flip_sin_to_cos freq_shift global_pool_conditions in_channels layers_per_block "
    "mid_block_scale_factor norm_eps norm_num_groups num_class_embeds only_cross_attention "
    "projection_class_embeddings_input_dim resnet_time_scale_shift upcast_attention use_linear_projection"
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
    """Name of a ControlNet's tensor in the original ControlNet code (lllyasviel/ControlNet, cldm/cldm.py)."""
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
    return {prefix + original_control_name(name): tensor.half().contiguous() for name, tensor in tensors.items()}


def smaller_controlnet(folder: Path, size: str) -> Path:
    """diffusers/controlnet-canny-sdxl-1.0-mid or -small: without attention in some or all blocks."""
    from diffusers import ControlNetModel

    unet = tiny_unet("sdxl").config
    has_attention = size == MID
    kinds = ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D") if has_attention else ("DownBlock2D", "DownBlock2D")
    keys = (
        "block_out_channels layers_per_block cross_attention_dim attention_head_dim norm_num_groups "
        "use_linear_projection addition_embed_type addition_time_embed_dim projection_class_embeddings_input_dim"
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


def controlnet_folder(shelf: Shelf, kind: str, **values: Any) -> Path:
    """A copy whose config.json has the published keys with these values."""
    sd = shelf.tiny.sd(kind=kind, sampler="lcm")
    folder = Path(shutil.copytree(shelf.tiny.controlnet(sd), shelf.folder / "controlnet"))
    edit_config(folder, CONTROLNET_KEYS if kind == "sd15" else (), **values)
    return folder


def edit_config(folder: Path, keys: tuple[str, ...] | list[str] = (), **values: Any) -> None:
    file = folder / "config.json"
    told = json.loads(file.read_text(encoding="utf-8"))
    told = {key: value for key, value in told.items() if not keys or key in keys} | values
    file.write_text(json.dumps(told), encoding="utf-8")


def with_controlnet(shelf: Shelf, kind: str, name: Path | str) -> ModelSpec:
    return ModelSpec(model=str(shelf.tiny.sd(kind=kind, sampler="lcm")), controlnets=(str(name),))


def canny(shelf: Shelf, hub_id: str = "lllyasviel/control_v11p_sd15_canny", **values: Any) -> ModelSpec:
    kind = "sdxl" if "sdxl" in hub_id else "sd15"
    shelf.put_on_hub(hub_id, controlnet_folder(shelf, kind, **values))
    return with_controlnet(shelf, kind, hub_id)


def fp16_in_a_subfolder(shelf: Shelf) -> ModelSpec:
    folder = controlnet_folder(shelf, "sd15")
    plain = folder / "diffusion_pytorch_model.safetensors"
    plain.rename(folder / "diffusion_pytorch_model.fp16.safetensors")
    whole = shelf.folder / "pipeline"
    whole.mkdir()
    shutil.move(folder, whole / "controlnet")
    return with_controlnet(shelf, "sd15", whole)


def only_a_pickle(shelf: Shelf) -> ModelSpec:
    folder = controlnet_folder(shelf, "sd15")
    file = folder / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(file), folder / "diffusion_pytorch_model.bin")
    file.unlink()
    return with_controlnet(shelf, "sd15", folder)


def original_file(shelf: Shelf, name: str, prefix: str = "control_model.") -> ModelSpec:
    sd = shelf.tiny.sd(kind="sd15", sampler="lcm")
    tensors = original_controlnet(shelf.tiny.controlnet(sd), prefix)
    file = shelf.folder / name
    save_file(tensors, file) if file.suffix == ".safetensors" else torch.save(tensors, file)
    return with_controlnet(shelf, "sd15", file)


def smaller_file(shelf: Shelf, size: str) -> ModelSpec:
    folder = smaller_controlnet(shelf.folder / size, size)
    file = shelf.folder / f"diffusers_xl_canny_{size}.safetensors"
    shutil.move(folder / "diffusion_pytorch_model.safetensors", file)
    return with_controlnet(shelf, "sdxl", file)


def union(shelf: Shelf, class_name: str) -> ModelSpec:
    """Nineteen tensors more than a ControlNetModel has (diffusers, controlnet_union.py)."""
    folder = controlnet_folder(shelf, "sdxl", _class_name=class_name)
    file = folder / "diffusion_pytorch_model.safetensors"
    names = ["task_embedding", "spatial_ch_projs.weight", "spatial_ch_projs.bias"]
    names += [f"control_add_embedding.linear_{n}.{part}" for n in (1, 2) for part in ("weight", "bias")]
    layer = "attn.in_proj_weight attn.in_proj_bias attn.out_proj.weight attn.out_proj.bias ln_1.weight ln_1.bias " \
        "mlp.c_fc.weight mlp.c_fc.bias mlp.c_proj.weight mlp.c_proj.bias ln_2.weight ln_2.bias"  # fmt: skip
    names += [f"transformer_layes.0.{part}" for part in layer.split()]
    save_file(load_file(file) | {name: torch.zeros(2, 2) for name in names}, file)
    shelf.put_on_hub("xinsir/controlnet-union-sdxl-1.0", folder)
    return with_controlnet(shelf, "sdxl", "xinsir/controlnet-union-sdxl-1.0")


def loose_file(shelf: Shelf, name: str, kind: str, tensors: Mapping[str, tuple[int, ...]]) -> ModelSpec:
    """A file with only these tensors, given as a ControlNet."""
    file = shelf.folder / name
    made = {key: torch.zeros(shape) for key, shape in tensors.items()}
    save_file(made, file) if file.suffix == ".safetensors" else torch.save(made, file)
    return with_controlnet(shelf, kind, file)


def config_only(shelf: Shelf, class_name: str) -> ModelSpec:
    folder = shelf.folder / "net"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"_class_name": class_name}), encoding="utf-8")
    return with_controlnet(shelf, "sd15", folder)


def of_another_base(shelf: Shelf) -> ModelSpec:
    folder = shelf.tiny.controlnet(shelf.tiny.sd(kind="sdxl", sampler="lcm"))
    return with_controlnet(shelf, "sd15", folder)


def file_of_another_base(shelf: Shelf) -> ModelSpec:
    return ModelSpec(
        model=str(shelf.tiny.sd(kind="sdxl", sampler="lcm")),
        controlnets=original_file(shelf, "control_v11p_sd15_canny.pth").controlnets,
    )


# -- VAEs


def tiny_vae(**values: Any) -> Any:
    """AutoencoderKL with the 32 groups that every published one has."""
    from diffusers import AutoencoderKL

    with seeded(8):
        return AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(32, 32, 64, 64),
            layers_per_block=1,
            **values,
        ).eval()


def original_vae(vae: Any, prefix: str = "") -> dict[str, torch.Tensor]:
    """Tensors by their original names (ldm/modules/diffusionmodules/model.py), attention as 1x1 convolutions."""
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in vae.state_dict().items():
        is_attention = ".attentions." in name and name.endswith("weight") and "norm" not in name
        shaped = tensor[:, :, None, None] if is_attention else tensor
        tensors[prefix + original_vae_name(name, 4)] = shaped.contiguous()
    return tensors


def vae_file(
    shelf: Shelf, name: str, *, kind: str = "sd15", prefix: str = "", hub_id: str = "", extra: tuple[str, ...] = ()
) -> ModelSpec:
    tensors = original_vae(tiny_vae(), prefix) | {each: torch.zeros(1) for each in extra}
    place = shelf.folder / "vae"
    place.mkdir()
    file = place / name
    if file.suffix == ".safetensors":
        save_file(tensors, file)
    else:
        torch.save({"state_dict": tensors}, file)
    if hub_id:
        shelf.put_on_hub(hub_id, place)
    return ModelSpec(model=sd_of(shelf, kind), vae=f"{hub_id}/{name}" if hub_id else str(file))


def sd_of(shelf: Shelf, kind: str) -> str:
    return str(shelf.tiny.sd(kind=kind, sampler="lcm"))


def vae_folder(shelf: Shelf, hub_id: str, *, kind: str = "sd15", **values: Any) -> ModelSpec:
    folder = shelf.folder / "vae"
    tiny_vae().save_pretrained(folder)
    edit_config(folder, **values)
    shelf.put_on_hub(hub_id, folder)
    return ModelSpec(model=sd_of(shelf, kind), vae=hub_id)


def own_vae(shelf: Shelf, **values: Any) -> ModelSpec:
    """The model's own vae folder, with these values in its config.json."""
    folder = Path(shutil.copytree(shelf.tiny.sd(kind="sdxl", vae="kl", sampler="lcm"), shelf.folder / "model"))
    edit_config(folder / "vae", **values)
    return ModelSpec(model=str(folder), vae="full")


def taesd_pair(shelf: Shelf, name: str, *, kind: str, halves: tuple[str, ...] = ("encoder", "decoder")) -> ModelSpec:
    """madebyollin/taesd's own files: layers counted from 0, the decoder's from 1 (its first layer clamps)."""
    tensors = tiny_taesd().state_dict()
    for half in halves:
        own: dict[str, torch.Tensor] = {}
        for key, tensor in tensors.items():
            if key.startswith(f"{half}.layers."):
                number, rest = key.removeprefix(f"{half}.layers.").split(".", 1)
                own[f"{int(number) + (half == 'decoder')}.{rest}"] = tensor.contiguous()
        save_file(own, shelf.folder / f"{name}_{half}.safetensors")
    return ModelSpec(model=sd_of(shelf, kind), vae=str(shelf.folder / f"{name}_decoder.safetensors"))


def tiny_taesd(**values: Any) -> Any:
    from diffusers import AutoencoderTiny

    with seeded(9):
        return AutoencoderTiny(
            encoder_block_out_channels=(16,) * 4, decoder_block_out_channels=(16,) * 4, **values
        ).eval()


def taesd_folder(shelf: Shelf, hub_id: str, *, kind: str, **values: Any) -> ModelSpec:
    tiny_taesd(**values).save_pretrained(shelf.folder / "taesd")
    shelf.put_on_hub(hub_id, shelf.folder / "taesd")
    return ModelSpec(model=sd_of(shelf, kind), vae=hub_id)


# -- IP-Adapters


def vision_model(folder: Path, *, hidden: int, projection: int) -> None:
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
    with seeded(10):
        CLIPVisionModelWithProjection(config).save_pretrained(folder)


def adapter_tensors(unet: Any, projection: dict[str, torch.Tensor], width: int = 0) -> dict[str, torch.Tensor]:
    """`width`: text width that it was made for, if not the UNet's."""
    width = width or unet.config.cross_attention_dim
    tensors = {f"image_proj.{name}": tensor for name, tensor in projection.items()}
    crossing = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
    for place, name in enumerate(crossing):
        inner = unet.get_submodule(name.removesuffix(".processor")).to_k.weight.shape[0]
        for which in ("to_k_ip", "to_v_ip"):
            tensors[f"ip_adapter.{2 * place + 1}.{which}.weight"] = torch.randn(inner, width) * 0.3
    return tensors


def projection_of(kind: str, width: int, wide: int) -> dict[str, torch.Tensor]:
    """image_proj of a standard, plus, full-face, FaceID, InstantID or PuLID adapter for an encoder `wide` numbers wide
    (tencent-ailab/IP-Adapter, ip_adapter.py and ip_adapter_faceid.py; InstantX/InstantID, resampler.py)."""
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
        return {"proj.0.weight": torch.zeros(1024, 512), "proj.2.weight": torch.zeros(4 * width, 1024),
                "norm.weight": torch.ones(width)}  # fmt: skip
    return {"mapping_0.0.weight": torch.zeros(4, 4), "body.0.weight": torch.zeros(4, 4)}


def h94(shelf: Shelf, file: str, *, projection: str, wide: int, kind: str, text_width: int = 0) -> ModelSpec:
    """`file` in a repository like h94/IP-Adapter, with both image encoders, whose hidden sizes are smaller but whose
    projections are not."""
    place = shelf.folder / "repository"
    vision_model(place / "models" / "image_encoder", hidden=32, projection=1024)
    vision_model(place / "sdxl_models" / "image_encoder", hidden=64, projection=1280)
    spec = lone_adapter(shelf, place / file, projection=projection, wide=wide, kind=kind, text_width=text_width)
    shelf.put_on_hub("h94/IP-Adapter", place)
    return ModelSpec(model=spec.model, ip_adapter=f"h94/IP-Adapter/{file}")


def lone_adapter(shelf: Shelf, file: Path, *, projection: str, wide: int, kind: str, text_width: int = 0) -> ModelSpec:
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
    return ModelSpec(model=sd_of(shelf, kind), ip_adapter=str(file))


def lone(shelf: Shelf, name: str, **options: Any) -> ModelSpec:
    return lone_adapter(shelf, shelf.folder / name, **options)


# -- the lists


def works(name: str, source: str, build: Callable[[Shelf], ModelSpec], *says: str) -> Replica[ModelSpec, Works]:
    return Replica(name=name, source=source, build=build, expect=Works(says=says))


def refused(name: str, source: str, build: Callable[[Shelf], ModelSpec], *says: str) -> Replica[ModelSpec, Works]:
    return Replica(name=name, source=source, build=build, expect=Refused(says=says))


CLDM = "https://github.com/lllyasviel/ControlNet/blob/main/cldm/cldm.py"
COMFY = "https://github.com/comfyanonymous/ComfyUI/blob/master/comfy/controlnet.py"
DIFFUSERS = "https://github.com/huggingface/diffusers/blob/main/src/diffusers"
SINGLE = f"{DIFFUSERS}/loaders/single_file_utils.py"
IP = f"{HUB}/h94/IP-Adapter/tree/main"
PLAIN = "supported: a plain ControlNetModel"

CONTROLNETS = [
    works(
        "lllyasviel/control_v11p_sd15_canny",
        f"{HUB}/lllyasviel/control_v11p_sd15_canny/blob/main/config.json",
        canny,
    ),
    works(
        "lllyasviel/control_v11e_sd15_shuffle",
        f"{HUB}/lllyasviel/control_v11e_sd15_shuffle/blob/main/config.json",
        partial(canny, hub_id="lllyasviel/control_v11e_sd15_shuffle", global_pool_conditions=True),
    ),
    works(
        "diffusers/controlnet-canny-sdxl-1.0",
        f"{HUB}/diffusers/controlnet-canny-sdxl-1.0/blob/main/config.json",
        partial(canny, hub_id="diffusers/controlnet-canny-sdxl-1.0"),
    ),
    works("a pipeline's controlnet folder, fp16 only", f"{DIFFUSERS}/models/modeling_utils.py", fp16_in_a_subfolder),
    works("a controlnet folder, .bin only", f"{DIFFUSERS}/models/modeling_utils.py", only_a_pickle, "a pickle"),
    works(
        "lllyasviel/ControlNet-v1-1/control_v11p_sd15_canny.pth",
        CLDM,
        partial(original_file, name="control_v11p_sd15_canny.pth"),
        "a pickle",
    ),
    works(
        "comfyanonymous/ControlNet-v1-1_fp16_safetensors/control_v11e_sd15_shuffle_fp16.safetensors",
        COMFY,
        partial(original_file, name="control_v11e_sd15_shuffle_fp16.safetensors", prefix=""),
        "named a shuffle one",
    ),
    *(
        works(
            f"diffusers_xl_canny_{size}.safetensors",
            f"{SINGLE} (CHECKPOINT_KEY_NAMES, controlnet_xl)",
            partial(smaller_file, size=size),
        )
        for size in (MID, SMALL)
    ),
    *(
        refused(
            f"xinsir/controlnet-union-sdxl-1.0 as {class_name}",
            f"{DIFFUSERS}/models/controlnets/controlnet_union.py",
            partial(union, class_name=class_name),
            "a ControlNet union",
            "diffusers/controlnet-canny-sdxl-1.0",
        )
        for class_name in ("ControlNetUnionModel", "ControlNetModel")
    ),
    *(
        refused(name, f"{DIFFUSERS}/models", partial(config_only, class_name=class_name), says, PLAIN)
        for name, class_name, says in (
            ("TencentARC/t2iadapter_canny_sd15v2", "T2IAdapter", "a T2I-Adapter"),
            ("InstantX/SD3-Controlnet-Canny", "SD3ControlNetModel", "a ControlNet for SD 3"),
            ("guoyww/animatediff-sparsectrl-scribble", "SparseControlNetModel", "a SparseCtrl"),
        )
    ),
    refused(
        "t2iadapter_canny_sd15v2.pth",
        f"{COMFY} (load_t2i_adapter)",
        partial(
            loose_file,
            name="t2iadapter_canny_sd15v2.pth",
            kind="sd15",
            tensors={"conv_in.weight": (32, 64, 3, 3), "body.0.block1.weight": (32, 32, 3, 3)},
        ),
        "a T2I-Adapter",
        PLAIN,
    ),
    refused(
        "t2i-adapter_diffusers_xl_canny.safetensors",
        f"{COMFY} (load_t2i_adapter)",
        partial(
            loose_file,
            name="t2i-adapter_diffusers_xl_canny.safetensors",
            kind="sdxl",
            tensors={"adapter.body.0.resnets.0.block1.weight": (32, 32, 3, 3)},
        ),
        "a T2I-Adapter",
    ),
    refused(
        "stabilityai/control-lora/control-lora-canny-rank128.safetensors",
        f"{COMFY} (lora_controlnet)",
        partial(
            loose_file,
            name="control-lora-canny-rank128.safetensors",
            kind="sdxl",
            tensors={"lora_controlnet": (1,), "input_blocks.0.0.up": (32, 4), "input_blocks.0.0.down": (4, 4, 3, 3)},
        ),
        "a Control-LoRA",
        PLAIN,
    ),
    refused(
        "kohya-ss/controlnet-lllite/controllllite_v01032064e_sdxl_canny.safetensors",
        "https://github.com/kohya-ss/sd-scripts/blob/main/docs/train_lllite_README.md",
        partial(
            loose_file,
            name="controllllite_v01032064e_sdxl_canny.safetensors",
            kind="sdxl",
            tensors={"lllite_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_k.down.0.weight": (4, 4)},
        ),
        "a ControlNet-LLLite",
    ),
    refused("an SDXL ControlNet beside SD 1.5", SINGLE, of_another_base, "made for SDXL", "is SD 1.5", "hf download"),
    refused("control_v11p_sd15_canny.pth beside SDXL", SINGLE, file_of_another_base, "made for SD 1.5", "is SDXL"),
]

VAES = [
    works(
        "stabilityai/sd-vae-ft-mse-original/vae-ft-mse-840000-ema-pruned.safetensors",
        f"{HUB}/stabilityai/sd-vae-ft-mse-original",
        partial(vae_file, name="vae-ft-mse-840000-ema-pruned.safetensors", extra=("loss.logvar",)),
    ),
    works(
        "vae-ft-mse-840000-ema-pruned.ckpt",
        f"{HUB}/stabilityai/sd-vae-ft-mse-original",
        partial(vae_file, name="vae-ft-mse-840000-ema-pruned.ckpt", prefix="first_stage_model."),
        "a pickle",
    ),
    works(
        "a VAE file of any name",
        SINGLE,
        partial(vae_file, name="mine.safetensors"),
        "its family is unknown; assuming SD 1.5",
    ),
    works(
        "stabilityai/sdxl-vae/sdxl_vae.safetensors",
        f"{HUB}/stabilityai/sdxl-vae",
        partial(vae_file, name="sdxl_vae.safetensors", kind="sdxl", hub_id="stabilityai/sdxl-vae"),
        "computed in float32",
    ),
    works(
        "madebyollin/sdxl-vae-fp16-fix",
        f"{HUB}/madebyollin/sdxl-vae-fp16-fix/blob/main/config.json",
        partial(
            vae_folder,
            hub_id="madebyollin/sdxl-vae-fp16-fix",
            kind="sdxl",
            scaling_factor=0.13025,
            force_upcast=False,
        ),
    ),
    refused(
        "sdxl_vae.safetensors beside SD 1.5",
        f"{HUB}/stabilityai/sdxl-vae",
        partial(vae_file, name="sdxl_vae.safetensors"),
        "made for SDXL",
        "all colours would be wrong",
        "hf download madebyollin/taesd",
    ),
    refused(
        "stabilityai/sd-vae-ft-mse beside SDXL",
        f"{HUB}/stabilityai/sd-vae-ft-mse/blob/main/config.json",
        partial(vae_folder, hub_id="stabilityai/sd-vae-ft-mse", kind="sdxl"),
        "scaling_factor is 0.18215",
        "trained with 0.13025",
        "madebyollin/sdxl-vae-fp16-fix",
    ),
    refused(
        "stabilityai/stable-diffusion-3-medium-diffusers/vae",
        f"{HUB}/stabilityai/stable-diffusion-3-medium-diffusers/blob/main/vae/config.json",
        partial(vae_folder, hub_id="a/sd3-vae", latent_channels=16, scaling_factor=1.5305, shift_factor=0.0609),
        "a VAE of 16 latent channels (as SD 3's and Flux's)",
    ),
    *(
        refused(
            f"{kind} as VAE",
            f"{DIFFUSERS}/models/autoencoders",
            partial(vae_folder, hub_id="a/vae", _class_name=kind),
            f"a {kind} (",
            "madebyollin/taesd",
        )
        for kind in ("AutoencoderKLTemporalDecoder", "ConsistencyDecoderVAE", "VQModel")
    ),
    refused(
        "a model's own vae of 16 channels", f"{DIFFUSERS}/models", partial(own_vae, latent_channels=16), "16 latent"
    ),
    works(
        "a model's own vae with latents_mean and latents_std",
        f"{HUB}/playgroundai/playground-v2.5-1024px-aesthetic/blob/main/vae/config.json",
        partial(
            own_vae,
            latents_mean=[-1.6574, 1.886, -1.383, 2.5155],
            latents_std=[8.4927, 5.9022, 6.5498, 5.2299],
            scaling_factor=0.5,
        ),
    ),
    works(
        "madebyollin/taesdxl/taesdxl_decoder.safetensors",
        "https://github.com/madebyollin/taesd/blob/main/taesd.py",
        partial(taesd_pair, name="taesdxl", kind="sdxl"),
    ),
    refused(
        "taesd_decoder.safetensors beside SDXL",
        "https://github.com/madebyollin/taesd/blob/main/taesd.py",
        partial(taesd_pair, name="taesd", kind="sdxl"),
        "made for SD 1.5 and 2.x",
        "madebyollin/taesdxl",
    ),
    refused(
        "taesd_decoder.safetensors alone",
        "https://github.com/madebyollin/taesd",
        partial(taesd_pair, name="taesd", kind="sd15", halves=("decoder",)),
        "put taesd_encoder.safetensors next to it",
    ),
    refused(
        "madebyollin/taesd beside SDXL",
        f"{HUB}/madebyollin/taesd",
        partial(taesd_folder, hub_id="madebyollin/taesd", kind="sdxl"),
        "made for SD 1.5 and 2.x",
    ),
    refused(
        "madebyollin/taesd3",
        f"{HUB}/madebyollin/taesd3/blob/main/config.json",
        partial(taesd_folder, hub_id="madebyollin/taesd3", kind="sd15", latent_channels=16),
        "16 latent channels",
    ),
]

IP_ADAPTERS = [
    works(
        "h94/IP-Adapter/sdxl_models/ip-adapter_sdxl.safetensors",
        IP,
        partial(h94, file="sdxl_models/ip-adapter_sdxl.safetensors", projection="standard", wide=1280, kind="sdxl"),
    ),
    works(
        "h94/IP-Adapter/sdxl_models/ip-adapter_sdxl_vit-h.safetensors",
        IP,
        partial(
            h94, file="sdxl_models/ip-adapter_sdxl_vit-h.safetensors", projection="standard", wide=1024, kind="sdxl"
        ),
    ),
    works(
        "h94/IP-Adapter/sdxl_models/ip-adapter-plus_sdxl_vit-h.safetensors",
        IP,
        partial(
            h94, file="sdxl_models/ip-adapter-plus_sdxl_vit-h.safetensors", projection="plus", wide=32, kind="sdxl"
        ),
    ),
    works(
        "h94/IP-Adapter/models/ip-adapter-full-face_sd15.safetensors",
        IP,
        partial(h94, file="models/ip-adapter-full-face_sd15.safetensors", projection="full", wide=32, kind="sd15"),
    ),
    works(
        "h94/IP-Adapter/models/ip-adapter_sd15.bin",
        IP,
        partial(h94, file="models/ip-adapter_sd15.bin", projection="standard", wide=1024, kind="sd15"),
        "a pickle",
    ),
    refused(
        "h94/IP-Adapter/sdxl_models/ip-adapter_sdxl.safetensors alone",
        IP,
        partial(lone, name="ip-adapter_sdxl.safetensors", projection="standard", wide=1280, kind="sdxl"),
        "projection_dim is 1280 (CLIP ViT-bigG)",
        "hf download h94/IP-Adapter",
        "sdxl_models/image_encoder/model.safetensors",
    ),
    refused(
        "ip-adapter_sd15.safetensors beside SDXL",
        IP,
        partial(
            lone, name="ip-adapter_sd15.safetensors", projection="standard", wide=1024, kind="sdxl", text_width=768
        ),
        "made for SD 1.5",
        "is SDXL",
        "ip-adapter_sdxl_vit-h.safetensors",
    ),
    *(
        refused(name, source, partial(lone, name=name, projection=projection, wide=wide, kind="sdxl"), says)
        for name, source, projection, wide, says in (
            ("ip-adapter-faceid_sdxl.bin", f"{HUB}/h94/IP-Adapter-FaceID", "faceid", 512, "a FaceID adapter"),
            ("ip-adapter.bin", f"{HUB}/InstantX/InstantID", "plus", 512, "InstantID's adapter"),
            ("ip-adapter_pulid_sdxl_fp16.safetensors", "https://github.com/ToTheBeginning/PuLID", "pulid", 0, "PuLID"),
            ("ip_adapter_plus_general.bin", f"{HUB}/Kwai-Kolors/Kolors-IP-Adapter-Plus", "plus", 1024, "of Kolors"),
        )
    ),
]

REPLICAS = [*CONTROLNETS, *VAES, *IP_ADAPTERS]
