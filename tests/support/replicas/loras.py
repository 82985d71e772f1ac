"""Published LoRAs: names, alphas, dtypes and metadata of each layout, and files that are not a
supported LoRA.

LoRAs for other models have their true widths, by which they are recognized.
"""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

from engine.models.random_models import seeded
from engine.models.sd import ModelSpec
from tests.support.replicas.replica import Folders, Refused, Replica, Works
from tests.support.tiny_models import kohya_name
from tests.support.tiny_single_file import original_unet_name

RANK = 4
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
TRANSFORMER = (*ATTENTION, "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2")
CONVOLUTIONS = (
    "conv1",
    "conv2",
    "conv_shortcut",
    "time_emb_proj",
    "downsamplers.0.conv",
    "upsamplers.0.conv",
)
TEXT = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
SD15 = ({"ss_base_model_version": "sd_v1", "ss_network_module": "networks.lora"}, 768, 320)
SDXL = (
    {"ss_base_model_version": "sdxl_base_v1-0", "ss_network_module": "networks.lora"},
    2048,
    640,
)
"""Metadata, text width, and channels of a level with attention."""
Tensors = dict[str, torch.Tensor]


def layers(sd: Path, part: str, targets: tuple[str, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Shapes of the weights of all layers with these suffixes, by their names in diffusers and
    transformers."""
    from safetensors import safe_open

    (file,) = (sd / part).glob("*.safetensors")
    with safe_open(file, "pt") as opened:
        for name in opened.keys():  # noqa: SIM118  no mapping
            if name.endswith(tuple(f"{target}.weight" for target in targets)):
                yield name.removesuffix(".weight"), tuple(opened.get_slice(name).get_shape())


def randn(*shape: int) -> torch.Tensor:
    return (torch.randn(*shape) * 0.1).half()


def factors(shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Random factors of a weight of this shape, down and up."""
    rows, columns, *kernel = shape
    return randn(RANK, columns, *kernel), randn(rows, RANK, *(1 for _ in kernel))


def pair(name: str, shape: tuple[int, ...], alpha: float | None = None) -> Tensors:
    """The two factors by kohya's names, and alpha beside them."""
    down, up = factors(shape)
    tensors = {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
    return tensors if alpha is None else tensors | {f"{name}.alpha": torch.tensor(alpha).half()}


def flat_names(
    sd: Path, *, style: str, unet: tuple[str, ...], text: bool = True
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """kohya's names and their weights' shapes; style: "kohya" (diffusers' block names) or "sgm"
    (original ones)."""
    levels = json.loads((sd / "unet" / "config.json").read_text(encoding="utf-8"))[
        "layers_per_block"
    ]
    for name, shape in layers(sd, "unet", unet):
        named = (
            original_unet_name(f"{name}.weight", levels + 1).removesuffix(".weight")
            if style == "sgm"
            else name
        )
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


LYCORIS_METADATA = {"ss_network_module": "lycoris.kohya"}
TUCKER = LYCORIS_METADATA | {"ss_network_args": '{"algo": "locon", "use_tucker": "True"}'}


def flat(
    layout: Callable[[str, tuple[int, ...]], Tensors],
    file: str,
    metadata: dict[str, str] = LYCORIS_METADATA,
    *,
    kind: str = "sd15",
    style: str = "kohya",
    unet: tuple[str, ...] = (*TRANSFORMER, *CONVOLUTIONS),
    text: bool = True,
    weight: float = 1.0,
) -> Callable[[Folders], ModelSpec]:
    """A file in which `layout` returns the tensors of each layer, from its flat name and the shape
    of its weight."""

    def build(target: Folders) -> ModelSpec:
        sd, tensors = target.tiny.sd(kind=kind), {}
        with seeded(2):
            for name, shape in flat_names(sd, style=style, unet=unet, text=text):
                tensors |= layout(name, shape)
        return spec(sd, written(target.folder / file, tensors, metadata), weight)

    return build


def kohya(kind: str, style: str = "kohya") -> Callable[[Folders], ModelSpec]:
    """A LoRA for sd15 or sdxl, with alpha beside the factors, in half precision."""
    options = {"kind": kind, "style": style, "unet": TRANSFORMER, "weight": 0.8}
    return flat(
        partial(pair, alpha=2.0),
        "glass.safetensors",
        (SD15 if kind == "sd15" else SDXL)[0],
        **options,
    )


def locon(name: str, shape: tuple[int, ...]) -> Tensors:
    tensors = pair(name, shape, 1.0)
    if shape[2:] == (3, 3):
        tensors[f"{name}.lora_mid.weight"] = randn(RANK, RANK, 3, 3)
        tensors[f"{name}.lora_down.weight"] = randn(RANK, shape[1], 1, 1)
    return tensors


def loha(name: str, shape: tuple[int, ...]) -> Tensors:
    rows, columns, *kernel = shape
    is_tucker = kernel == [3, 3]
    tensors = {f"{name}.alpha": torch.tensor(1.0).half()}
    for half in "12":
        first = randn(RANK, rows) if is_tucker else randn(rows, RANK)
        tensors |= {f"{name}.hada_w{half}_a": first, f"{name}.hada_w{half}_b": randn(RANK, columns)}
        if is_tucker:
            tensors[f"{name}.hada_t{half}"] = randn(RANK, RANK, *kernel)
    return tensors


def lokr(name: str, shape: tuple[int, ...]) -> Tensors:
    rows, columns, *kernel = shape
    tensors = {f"{name}.lokr_w1": randn(4, 4), f"{name}.alpha": torch.tensor(1.0).half()}
    if kernel:
        return tensors | {f"{name}.lokr_w2": randn(rows // 4, columns // 4, *kernel)}
    return tensors | {
        f"{name}.lokr_w2_a": randn(rows // 4, 2),
        f"{name}.lokr_w2_b": randn(2, columns // 4),
    }


def dora(name: str, shape: tuple[int, ...]) -> Tensors:
    return pair(name, shape, 2.0) | {f"{name}.dora_scale": 1 + randn(1, shape[1]).float()}


def lcm_lora(target: Folders) -> ModelSpec:
    sd, tensors = target.tiny.sd(sampler="ddim"), {}
    with seeded(2):
        for name, shape in flat_names(
            sd, style="kohya", unet=(*TRANSFORMER, *CONVOLUTIONS), text=False
        ):
            tensors |= pair(name, shape, 8.0)
    written(target.folder / "pytorch_lora_weights.safetensors", tensors)
    target.put_on_hub("latent-consistency/lcm-lora-sdv1-5", target.folder)
    return spec(sd, "latent-consistency/lcm-lora-sdv1-5")


def omi(*encoders: str, kind: str = "sdxl") -> Callable[[Folders], ModelSpec]:
    """A LoRA in OneTrainer's OMI format (Open Model Initiative): original names with dots, CLIP's
    `encoders`."""

    def build(target: Folders) -> ModelSpec:
        sd, tensors = target.tiny.sd(kind=kind), {}
        levels = json.loads((sd / "unet" / "config.json").read_text(encoding="utf-8"))[
            "layers_per_block"
        ]
        with seeded(2):
            for name, shape in layers(sd, "unet", (*TRANSFORMER, *CONVOLUTIONS)):
                original = original_unet_name(f"{name}.weight", levels + 1).removesuffix(".weight")
                tensors |= pair(f"unet.{original}", shape, 2.0)
            for part, start in zip(("text_encoder", "text_encoder_2"), encoders, strict=False):
                for name, shape in layers(sd, part, TEXT):
                    tensors |= pair(
                        f"{start}.text_model.{name.removeprefix('text_model.')}", shape, 2.0
                    )
        return spec(sd, written(target.folder / "glass.safetensors", tensors))

    return build


# -- diffusers and peft


def dora_of_diffusers(target: Folders) -> ModelSpec:
    """As its training scripts write a DoRA with --output_kohya_format: the last dot of a layer
    stays."""
    from diffusers.utils.state_dict_utils import convert_state_dict_to_kohya

    sd, tensors = target.tiny.sd(), {}
    with seeded(2):
        for name, shape in layers(sd, "unet", ATTENTION):
            down, up = factors(shape)
            tensors |= {f"unet.{name}.lora_A.weight": down, f"unet.{name}.lora_B.weight": up}
            tensors[f"unet.{name}.lora_magnitude_vector"] = 1 + randn(shape[0])
    return spec(
        sd, written(target.folder / "oil.safetensors", convert_state_dict_to_kohya(tensors))
    )


def dreambooth(target: Folders) -> ModelSpec:
    sd, tensors = target.tiny.sd(), {}
    with seeded(2):
        for name, shape in layers(sd, "unet", ATTENTION):
            down, up = factors(shape)
            tensors |= {f"unet.{name}.lora.down.weight": down, f"unet.{name}.lora.up.weight": up}
        for name, shape in layers(sd, "text_encoder", TEXT[:4]):
            down, up = factors(shape)
            start = f"text_encoder.text_model.{name.removeprefix('text_model.')}.lora_linear_layer"
            tensors |= {f"{start}.down.weight": down, f"{start}.up.weight": up}
    written(target.folder / "pytorch_lora_weights.safetensors", tensors, {"format": "pt"})
    target.put_on_hub("someone/dreambooth-lora", target.folder)
    return spec(sd, "someone/dreambooth-lora")


def peft_folder(target: Folders) -> ModelSpec:
    sd, tensors = target.tiny.sd(), {}
    with seeded(2):
        for name, shape in layers(sd, "unet", ATTENTION):
            down, up = factors(shape)
            start = f"base_model.model.{name}"
            tensors |= {
                f"{start}.lora_A.weight": down.float(),
                f"{start}.lora_B.weight": up.float(),
            }
    config = {
        "alpha_pattern": {}, "auto_mapping": {"base_model_class": "UNet2DConditionModel"},
        "bias": "none",
        "base_model_name_or_path": None, "fan_in_fan_out": False, "inference_mode": True,
        "init_lora_weights": True,
        "lora_alpha": 8, "lora_dropout": 0.0, "peft_type": "LORA", "r": RANK, "rank_pattern": {},
        "task_type": None,
        "target_modules": ["to_k", "to_q", "to_v", "to_out.0"], "use_rslora": False,
        "modules_to_save": None,
    }  # fmt: skip
    written(target.folder / "adapter_model.safetensors", tensors, {"format": "pt"})
    (target.folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    return spec(sd, target.folder)


# -- of another base, and no LoRAs


def of_another_base(
    base: tuple[dict[str, str], int, int], kind: str
) -> Callable[[Folders], ModelSpec]:
    def build(target: Folders) -> ModelSpec:
        metadata, text_width, width = base
        block = "input_blocks_4_1" if text_width == 2048 else "down_blocks_0_attentions_0"
        tensors: Tensors = {}
        for layer, columns in (
            ("attn1_to_q", width),
            ("attn2_to_q", width),
            ("attn2_to_k", text_width),
        ):
            tensors |= pair(f"lora_unet_{block}_transformer_blocks_0_{layer}", (width, columns))
        file = written(target.folder / "other.safetensors", tensors, metadata)
        return spec(target.tiny.sd(kind=kind), file)

    return build


def foreign(
    shapes: dict[str, tuple[int, ...]], metadata: dict[str, str] | None = None
) -> Callable[[Folders], ModelSpec]:
    """A file of these tensors, named as a LoRA of SD 1.5."""

    def build(target: Folders) -> ModelSpec:
        tensors = {name: randn(*shape) for name, shape in shapes.items()}
        return spec(target.tiny.sd(), written(target.folder / "it.safetensors", tensors, metadata))

    return build


FLUX = {
    "lora_unet_double_blocks_0_img_attn_proj.lora_down.weight": (4, 3072),
    "lora_unet_double_blocks_0_img_attn_proj.lora_up.weight": (3072, 4),
    "lora_te1_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight": (4, 32),
    "lora_te1_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight": (32, 4),
}
FLUX_METADATA = {"ss_base_model_version": "flux1", "modelspec.architecture": "flux-1-dev/lora"}
LCM_15 = Works(family="sd15", sampler="lcm")
_ATTENTION = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q"
LYCORIS = "https://github.com/KohakuBlueleaf/LyCORIS/tree/main/lycoris/modules"
KOHYA = "https://github.com/kohya-ss/sd-scripts/blob/main/networks/lora.py"
KOHYA_FLUX = "https://github.com/kohya-ss/sd-scripts/blob/main/networks/lora_flux.py"
COMFY_ISSUES = "https://github.com/Comfy-Org/ComfyUI/issues"
A1111 = "https://github.com/AUTOMATIC1111/stable-diffusion-webui"
STATE_DICTS = (
    "https://github.com/huggingface/diffusers/blob/main/src/diffusers/utils/state_dict_utils.py"
)
HUB = "https://huggingface.co"
ONE_TRAINER = "https://github.com/Nerogar/OneTrainer/tree/master/modules/util/convert/lora"
TLORA = "https://github.com/ControlGenAI/T-LoRA/blob/main/tlora/model"
_TIMED = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora"
TIMED = {
    **{
        f"{_TIMED}.{name}.weight": shape
        for name, shape in {"q_layer": (4, 64), "p_layer": (64, 4)}.items()
    },
    **{
        f"{_TIMED}.{name}.weight": shape
        for name, shape in {"base_q": (4, 64), "base_p": (64, 4)}.items()
    },
    **{f"{_TIMED}.{name}": (1, 4) for name in ("lambda_layer", "base_lambda")},
}
INVERSION = ("a textual inversion", "goes with a prompt")
XL_AND_15 = ("made for SDXL, this is SD 1.5", "use a LoRA for SD 1.5")


def works(
    name: str, source: str, build: Callable[[Folders], ModelSpec], expect: Works | None = None
) -> Replica:
    return Replica(name, source, build, expect or Works())


def refused(name: str, source: str, build: Callable[[Folders], ModelSpec], *says: str) -> Replica:
    return Replica(name, source, build, Refused(says=says))


def merged(name: str, source: str, tensors: dict[str, tuple[int, ...]], says: str) -> Replica:
    """A layout that is not built: `tensors` of one layer, by the ends of their names."""
    named = {f"{_ATTENTION}.{end}": shape for end, shape in tensors.items()}
    return refused(name, source, foreign(named), says, "merge it into its model")


REPLICAS = [
    works(
        "latent-consistency/lcm-lora-sdv1-5",
        f"{HUB}/latent-consistency/lcm-lora-sdv1-5",
        lcm_lora,
        LCM_15,
    ),
    works("kohya LoRA, SD 1.5", KOHYA, kohya("sd15"), Works(family="sd15")),
    works(
        "kohya LoRA, SDXL (names of the first code)",
        f"{COMFY_ISSUES}/5655",
        kohya("sdxl", "sgm"),
        Works(family="sdxl"),
    ),
    works(
        "OneTrainer LoRA, SDXL (diffusers' block names)",
        f"{A1111}/issues/12221",
        kohya("sdxl"),
        Works(family="sdxl"),
    ),
    works("CivitAI LoCon", f"{LYCORIS}/locon.py", flat(locon, "clay.safetensors", TUCKER)),
    works(
        "CivitAI LoHa",
        "https://github.com/huggingface/diffusers/issues/3087",
        flat(loha, "ink.safetensors"),
    ),
    works(
        "CivitAI LoKr",
        f"{LYCORIS}/lokr.py",
        flat(lokr, "salt.safetensors", unet=(*ATTENTION, "conv1"), text=False),
    ),
    works(
        "CivitAI DoRA, SDXL",
        f"{LYCORIS}/locon.py",
        flat(dora, "oil.safetensors", kind="sdxl", style="sgm", unet=TRANSFORMER),
    ),
    works(
        "OneTrainer LoRA, SDXL (OMI)", ONE_TRAINER, omi("clip_l", "clip_g"), Works(family="sdxl")
    ),
    works(
        "OneTrainer LoRA, SD 1.5 (OMI)",
        ONE_TRAINER,
        omi("clip_l", kind="sd15"),
        Works(family="sd15"),
    ),
    works(
        "OneTrainer LoRA, SD 2.x (ComfyUI)",
        ONE_TRAINER,
        omi("text_encoders.clip_h.transformer", kind="sd21"),
    ),
    works("diffusers DoRA in kohya's names", STATE_DICTS, dora_of_diffusers),
    works("diffusers dreambooth LoRA", STATE_DICTS, dreambooth),
    works(
        "PEFT adapter folder",
        "https://github.com/luosiallen/latent-consistency-model/issues/109",
        peft_folder,
    ),
    refused(
        "SD 1.5 LoRA on SDXL",
        KOHYA,
        of_another_base(SD15, "sdxl"),
        "made for SD 1.5, this is SDXL",
        "for SDXL",
    ),
    refused("SDXL LoRA on SD 1.5", KOHYA, of_another_base(({}, *SDXL[1:]), "sd15"), *XL_AND_15),
    refused(
        "Flux LoRA (kohya)",
        KOHYA_FLUX,
        foreign(FLUX, FLUX_METADATA),
        "made for Flux, this is SD 1.5",
    ),
    refused(
        "textual inversion",
        f"{A1111}/wiki/Textual-Inversion",
        foreign({"emb_params": (8, 768)}),
        *INVERSION,
    ),
    refused(
        "T-LoRA", f"{TLORA}/lora.py", foreign(TIMED), "a T-LoRA, whose rank depends on the timestep"
    ),
    merged("OFT", f"{LYCORIS}/diag_oft.py", {"oft_blocks": (8, 4, 4), "alpha": (1,)}, "an OFT"),
    merged("IA3", f"{COMFY_ISSUES}/6397", {"weight": (32, 1), "on_input": (1,)}, "an IA3"),
]
