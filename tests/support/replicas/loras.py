"""Published LoRAs: names, alphas, dtypes and metadata of each layout, and files that are not a supported LoRA.

LoRAs for other models have their true widths, by which they are recognized.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from engine.models.sd import ModelSpec
from engine.models.seeded import seeded
from tests.support.replicas.replica import Refused, Replica, Shelf, Works
from tests.support.tiny_models import kohya_name
from tests.support.tiny_single_file import original_unet_name

RANK = 4
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
TRANSFORMER = (*ATTENTION, "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2")
CONVOLUTIONS = ("conv1", "conv2", "conv_shortcut", "time_emb_proj", "downsamplers.0.conv", "upsamplers.0.conv")
TEXT = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
SD15 = ({"ss_base_model_version": "sd_v1", "ss_network_module": "networks.lora"}, 768, 320)
SDXL = ({"ss_base_model_version": "sdxl_base_v1-0", "ss_network_module": "networks.lora"}, 2048, 640)
"""Metadata, text width, and channels of a level with attention."""
Tensors = dict[str, torch.Tensor]


def layers(sd: Path, part: str, targets: tuple[str, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Shapes of the weights of all layers with these suffixes, by their names in diffusers and transformers."""
    from safetensors import safe_open

    (file,) = (sd / part).glob("*.safetensors")
    with safe_open(file, "pt") as opened:
        for name in opened.keys():  # noqa: SIM118  no mapping
            if name.endswith(tuple(f"{target}.weight" for target in targets)):
                yield name.removesuffix(".weight"), tuple(opened.get_slice(name).get_shape())


def drawn(*shape: int) -> torch.Tensor:
    return (torch.randn(*shape) * 0.1).half()


def factors(shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """The two factors, down and up."""
    rows, columns, *kernel = shape
    return drawn(RANK, columns, *kernel), drawn(rows, RANK, *(1 for _ in kernel))


def flat_names(
    sd: Path, *, style: str, unet: tuple[str, ...], text: bool = True
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """kohya's names and their weights' shapes; style: "kohya" (diffusers' block names) or "sgm" (original ones)."""
    levels = json.loads((sd / "unet" / "config.json").read_text(encoding="utf-8"))["layers_per_block"]
    for name, shape in layers(sd, "unet", unet):
        named = original_unet_name(f"{name}.weight", levels + 1).removesuffix(".weight") if style == "sgm" else name
        yield f"lora_unet_{kohya_name('unet', named)}", shape
    is_xl = (sd / "text_encoder_2").is_dir()
    for number, part in enumerate(("text_encoder", "text_encoder_2") if text else (), 1):
        if (sd / part).is_dir():
            for name, shape in layers(sd, part, TEXT):
                plain = kohya_name("text_encoder", name)
                yield f"lora_te{number if is_xl else ''}_{plain}", shape


def written(file: Path, tensors: Tensors, metadata: dict[str, str] | None = None) -> Path:
    from safetensors.torch import save_file

    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file, metadata)
    return file


def spec(sd: Path, lora: Any, weight: float = 1.0) -> ModelSpec:
    return ModelSpec(model=str(sd), loras=((str(lora), weight),))


# -- kohya and LyCORIS


def kohya(kind: str, style: str = "kohya", text: bool = True) -> Callable[[Shelf], ModelSpec]:
    """A LoRA for sd15 or sdxl, with alpha beside the factors, in half precision."""

    def build(shelf: Shelf) -> ModelSpec:
        sd, tensors = shelf.tiny.sd(kind=kind), {}
        with seeded(2):
            for name, shape in flat_names(sd, style=style, unet=TRANSFORMER, text=text):
                down, up = factors(shape)
                tensors |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
                tensors[f"{name}.alpha"] = torch.tensor(2.0).half()
        metadata = (SD15 if kind == "sd15" else SDXL)[0]
        return spec(sd, written(shelf.folder / "glass.safetensors", tensors, metadata), 0.8)

    return build


def lcm_lora(shelf: Shelf) -> ModelSpec:
    sd, tensors = shelf.tiny.sd(sampler="ddim"), {}
    with seeded(2):
        for name, shape in flat_names(sd, style="kohya", unet=(*TRANSFORMER, *CONVOLUTIONS), text=False):
            down, up = factors(shape)
            tensors |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
            tensors[f"{name}.alpha"] = torch.tensor(8.0).half()
    written(shelf.folder / "pytorch_lora_weights.safetensors", tensors)
    shelf.put_on_hub("latent-consistency/lcm-lora-sdv1-5", shelf.folder)
    return spec(sd, "latent-consistency/lcm-lora-sdv1-5")


def locon(shelf: Shelf) -> ModelSpec:
    sd, tensors = shelf.tiny.sd(), {}
    with seeded(2):
        for name, shape in flat_names(sd, style="kohya", unet=(*TRANSFORMER, *CONVOLUTIONS)):
            down, up = factors(shape)
            if shape[2:] == (3, 3):
                tensors[f"{name}.lora_mid.weight"] = drawn(RANK, RANK, 3, 3)
                down = drawn(RANK, shape[1], 1, 1)
            tensors |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
            tensors[f"{name}.alpha"] = torch.tensor(1.0).half()
    metadata = {"ss_network_module": "lycoris.kohya", "ss_network_args": '{"algo": "locon", "use_tucker": "True"}'}
    return spec(sd, written(shelf.folder / "clay.safetensors", tensors, metadata))


def loha(shelf: Shelf) -> ModelSpec:
    sd, tensors = shelf.tiny.sd(), {}
    with seeded(2):
        for name, (rows, columns, *kernel) in flat_names(sd, style="kohya", unet=(*TRANSFORMER, *CONVOLUTIONS)):
            is_tucker = kernel == [3, 3]
            for half in "12":
                first = drawn(RANK, rows) if is_tucker else drawn(rows, RANK)
                tensors |= {f"{name}.hada_w{half}_a": first, f"{name}.hada_w{half}_b": drawn(RANK, columns)}
                if is_tucker:
                    tensors[f"{name}.hada_t{half}"] = drawn(RANK, RANK, *kernel)
            tensors[f"{name}.alpha"] = torch.tensor(1.0).half()
    return spec(sd, written(shelf.folder / "ink.safetensors", tensors, {"ss_network_module": "lycoris.kohya"}))


def lokr(shelf: Shelf) -> ModelSpec:
    sd, tensors = shelf.tiny.sd(), {}
    with seeded(2):
        for name, (rows, columns, *kernel) in flat_names(sd, style="kohya", unet=(*ATTENTION, "conv1"), text=False):
            tensors |= {f"{name}.lokr_w1": drawn(4, 4), f"{name}.alpha": torch.tensor(1.0).half()}
            if kernel:
                tensors[f"{name}.lokr_w2"] = drawn(rows // 4, columns // 4, *kernel)
            else:
                tensors |= {f"{name}.lokr_w2_a": drawn(rows // 4, 2), f"{name}.lokr_w2_b": drawn(2, columns // 4)}
    return spec(sd, written(shelf.folder / "salt.safetensors", tensors, {"ss_network_module": "lycoris.kohya"}))


def dora(shelf: Shelf) -> ModelSpec:
    sd, tensors = shelf.tiny.sd(kind="sdxl"), {}
    with seeded(2):
        for name, (rows, columns, *kernel) in flat_names(sd, style="sgm", unet=TRANSFORMER):
            down, up = factors((rows, columns, *kernel))
            tensors |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
            tensors |= {f"{name}.alpha": torch.tensor(2.0).half(), f"{name}.dora_scale": 1 + drawn(1, columns).float()}
    return spec(sd, written(shelf.folder / "oil.safetensors", tensors, {"ss_network_module": "lycoris.kohya"}))


# -- diffusers and peft


def dreambooth(shelf: Shelf) -> ModelSpec:
    sd, tensors = shelf.tiny.sd(), {}
    with seeded(2):
        for name, shape in layers(sd, "unet", ATTENTION):
            down, up = factors(shape)
            tensors |= {f"unet.{name}.lora.down.weight": down, f"unet.{name}.lora.up.weight": up}
        for name, shape in layers(sd, "text_encoder", TEXT[:4]):
            down, up = factors(shape)
            start = f"text_encoder.text_model.{name.removeprefix('text_model.')}.lora_linear_layer"
            tensors |= {f"{start}.down.weight": down, f"{start}.up.weight": up}
    written(shelf.folder / "pytorch_lora_weights.safetensors", tensors, {"format": "pt"})
    shelf.put_on_hub("someone/dreambooth-lora", shelf.folder)
    return spec(sd, "someone/dreambooth-lora")


def attention_processors(shelf: Shelf) -> ModelSpec:
    sd, tensors = shelf.tiny.sd(), {}
    with seeded(2):
        for name, shape in layers(sd, "unet", ATTENTION):
            down, up = (factor.float() for factor in factors(shape))
            old = re.sub(r"\.(to_\w+?)(\.0)?$", r".processor.\1_lora", name)
            tensors |= {f"{old}.down.weight": down, f"{old}.up.weight": up}
    torch.save(tensors, shelf.folder / "pytorch_lora_weights.bin")
    shelf.put_on_hub("sayakpaul/sd-model-finetuned-lora-t4", shelf.folder)
    return spec(sd, "sayakpaul/sd-model-finetuned-lora-t4")


def peft_folder(shelf: Shelf) -> ModelSpec:
    sd, tensors = shelf.tiny.sd(), {}
    with seeded(2):
        for name, shape in layers(sd, "unet", ATTENTION):
            down, up = factors(shape)
            start = f"base_model.model.{name}"
            tensors |= {f"{start}.lora_A.weight": down.float(), f"{start}.lora_B.weight": up.float()}
    config = {
        "alpha_pattern": {}, "auto_mapping": {"base_model_class": "UNet2DConditionModel"}, "bias": "none",
        "base_model_name_or_path": None, "fan_in_fan_out": False, "inference_mode": True, "init_lora_weights": True,
        "lora_alpha": 8, "lora_dropout": 0.0, "peft_type": "LORA", "r": RANK, "rank_pattern": {}, "task_type": None,
        "target_modules": ["to_k", "to_q", "to_v", "to_out.0"], "use_rslora": False, "modules_to_save": None,
    }  # fmt: skip
    written(shelf.folder / "adapter_model.safetensors", tensors, {"format": "pt"})
    (shelf.folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    return spec(sd, shelf.folder)


# -- of another base, and no LoRAs


def of_another_base(base: tuple[dict[str, str], int, int], kind: str) -> Callable[[Shelf], ModelSpec]:
    def build(shelf: Shelf) -> ModelSpec:
        metadata, text_width, width = base
        block = "input_blocks_4_1" if text_width == 2048 else "down_blocks_0_attentions_0"
        tensors: Tensors = {}
        for layer, columns in (("attn1_to_q", width), ("attn2_to_q", width), ("attn2_to_k", text_width)):
            name = f"lora_unet_{block}_transformer_blocks_0_{layer}"
            down, up = factors((width, columns))
            tensors |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
        file = written(shelf.folder / "other.safetensors", tensors, metadata)
        return spec(shelf.tiny.sd(kind=kind), file)

    return build


def foreign(shapes: dict[str, tuple[int, ...]], metadata: dict[str, str] | None = None) -> Callable[[Shelf], ModelSpec]:
    """A file of these tensors, named as a LoRA of SD 1.5."""

    def build(shelf: Shelf) -> ModelSpec:
        tensors = {name: drawn(*shape) for name, shape in shapes.items()}
        return spec(shelf.tiny.sd(), written(shelf.folder / "it.safetensors", tensors, metadata))

    return build


FLUX = {
    "lora_unet_double_blocks_0_img_attn_proj.lora_down.weight": (4, 3072),
    "lora_unet_double_blocks_0_img_attn_proj.lora_up.weight": (3072, 4),
    "lora_te1_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight": (4, 32),
    "lora_te1_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight": (32, 4),
}
FLUX_DIFFUSERS = {
    "transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight": (4, 3072),
    "transformer.single_transformer_blocks.0.attn.to_q.lora_B.weight": (3072, 4),
}
WAN = {
    "diffusion_model.blocks.0.cross_attn.k.lora_A.weight": (4, 1536),
    "diffusion_model.blocks.0.cross_attn.k.lora_B.weight": (1536, 4),
    "diffusion_model.blocks.0.self_attn.q.lora_A.weight": (4, 1536),
    "diffusion_model.blocks.0.self_attn.q.lora_B.weight": (1536, 4),
}
_ATTENTION = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q"
LYCORIS = "https://github.com/KohakuBlueleaf/LyCORIS/tree/main/lycoris/modules"
KOHYA = "https://github.com/kohya-ss/sd-scripts/blob/main/networks/lora.py"
COMFY = "https://github.com/comfyanonymous/ComfyUI/blob/master/comfy/lora.py"

REPLICAS = [
    Replica(
        name="latent-consistency/lcm-lora-sdv1-5",
        source="https://huggingface.co/latent-consistency/lcm-lora-sdv1-5",
        build=lcm_lora,
        expect=Works(family="sd15", sampler="lcm"),
    ),
    Replica(name="kohya LoRA, SD 1.5", source=KOHYA, build=kohya("sd15"), expect=Works(family="sd15")),
    Replica(
        name="kohya LoRA, SDXL (names of the first code)",
        source="https://github.com/Comfy-Org/ComfyUI/issues/5655",
        build=kohya("sdxl", "sgm"),
        expect=Works(family="sdxl"),
    ),
    Replica(
        name="OneTrainer LoRA, SDXL (diffusers' block names)",
        source="https://github.com/AUTOMATIC1111/stable-diffusion-webui/issues/12221",
        build=kohya("sdxl"),
        expect=Works(family="sdxl"),
    ),
    Replica(
        name="kohya LoRA extracted, SD 1.5 (names of the first code)",
        source="https://github.com/kohya-ss/sd-scripts/issues/1490",
        build=kohya("sd15", "sgm", text=False),
        expect=Works(family="sd15"),
    ),
    Replica(name="CivitAI LoCon", source=f"{LYCORIS}/locon.py", build=locon, expect=Works()),
    Replica(
        name="CivitAI LoHa", source="https://github.com/huggingface/diffusers/issues/3087", build=loha, expect=Works()
    ),
    Replica(name="CivitAI LoKr", source=f"{LYCORIS}/lokr.py", build=lokr, expect=Works()),
    Replica(name="CivitAI DoRA, SDXL", source=f"{LYCORIS}/locon.py", build=dora, expect=Works()),
    Replica(
        name="diffusers dreambooth LoRA",
        source="https://github.com/huggingface/diffusers/blob/main/src/diffusers/utils/state_dict_utils.py",
        build=dreambooth,
        expect=Works(),
    ),
    Replica(
        name="sayakpaul/sd-model-finetuned-lora-t4",
        source="https://huggingface.co/sayakpaul/sd-model-finetuned-lora-t4",
        build=attention_processors,
        expect=Works(says=("a pickle, read with weights_only",)),
    ),
    Replica(
        name="PEFT adapter folder",
        source="https://github.com/luosiallen/latent-consistency-model/issues/109",
        build=peft_folder,
        expect=Works(),
    ),
    Replica(
        name="SD 1.5 LoRA on SDXL",
        source=KOHYA,
        build=of_another_base(SD15, "sdxl"),
        expect=Refused(says=("made for SD 1.5, this is SDXL", "use a LoRA for SDXL")),
    ),
    Replica(
        name="SDXL LoRA on SD 1.5",
        source=KOHYA,
        build=of_another_base(({}, *SDXL[1:]), "sd15"),
        expect=Refused(says=("made for SDXL, this is SD 1.5", "use a LoRA for SD 1.5")),
    ),
    Replica(
        name="Flux LoRA (kohya)",
        source="https://github.com/kohya-ss/sd-scripts/blob/main/networks/lora_flux.py",
        build=foreign(FLUX, {"ss_base_model_version": "flux1", "modelspec.architecture": "flux-1-dev/lora"}),
        expect=Refused(says=("made for Flux, this is SD 1.5",)),
    ),
    Replica(
        name="Flux LoRA (diffusers)",
        source="https://huggingface.co/ByteDance/Hyper-SD",
        build=foreign(FLUX_DIFFUSERS),
        expect=Refused(says=("made for Flux, this is SD 1.5",)),
    ),
    Replica(
        name="Wan LoRA",
        source="https://github.com/tdrussell/diffusion-pipe/issues/114",
        build=foreign(WAN),
        expect=Refused(says=("made for Wan (video), this is SD 1.5",)),
    ),
    Replica(
        name="textual inversion as a LoRA",
        source="https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/Textual-Inversion",
        build=foreign({"emb_params": (8, 768)}),
        expect=Refused(says=("a textual inversion", "goes with a prompt")),
    ),
    Replica(
        name="SDXL textual inversion as a LoRA",
        source=COMFY,
        build=foreign({"clip_l": (8, 768), "clip_g": (8, 1280)}),
        expect=Refused(says=("a textual inversion", "goes with a prompt")),
    ),
    Replica(
        name="OFT",
        source=f"{LYCORIS}/diag_oft.py",
        build=foreign({f"{_ATTENTION}.oft_blocks": (8, 4, 4), f"{_ATTENTION}.alpha": (1,)}),
        expect=Refused(says=("an OFT", "merge it into its model")),
    ),
    Replica(
        name="IA3",
        source="https://github.com/Comfy-Org/ComfyUI/issues/6397",
        build=foreign({f"{_ATTENTION}.weight": (32, 1), f"{_ATTENTION}.on_input": (1,)}),
        expect=Refused(says=("an IA3", "merge it into its model")),
    ),
    Replica(
        name="LyCORIS full",
        source=f"{LYCORIS}/full.py",
        build=foreign({f"{_ATTENTION}.diff": (32, 32)}),
        expect=Refused(says=("whole differences of weights", "merge it into its model")),
    ),
]
