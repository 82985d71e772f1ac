"""Replicas of models published as diffusers folders: each pair of a layout, a family, a prediction
and a sampler once, and one refused model for each reason."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.models.sd import ModelSpec
from tests.support.replicas.replica import Folders, Refused, Replica, Works
from tests.support.tensors import copied_tensors
from tests.support.tiny_models import NOISE_TABLE

PAGE = "https://huggingface.co/"
COMFY = "https://github.com/comfyanonymous/ComfyUI/blob/master/comfy/supported_models.py"
SDXS = "https://github.com/leejet/stable-diffusion.cpp/blob/master/src/model/diffusion/unet.hpp"

PUBLISHED = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
"""Schedulers as published, and the shapes of UNets, with few channels."""
TABLE = NOISE_TABLE | {"trained_betas": None, "clip_sample": False}
PNDM, DEIS, EULER_XL = (PUBLISHED["schedulers"][name] for name in ("pndm", "deis", "euler_xl"))
UNETS = PUBLISHED["unets"]

Change = Callable[[Path], None]


def update(file: Path, **values: Any) -> None:
    content = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content | values), encoding="utf-8")


def index(**values: Any) -> Change:
    return lambda folder: update(folder / "model_index.json", **values)


def vae_config(**values: Any) -> Change:
    return lambda folder: update(folder / "vae" / "config.json", **values)


def scheduler(values: dict[str, Any], **others: Any) -> Change:
    def change(folder: Path) -> None:
        file = folder / "scheduler" / "scheduler_config.json"
        file.unlink()
        update(file, **(values | others))

    return change


def unet(**shape: Any) -> Change:
    """Replace the UNet by one of this configuration, with weights."""

    def change(folder: Path) -> None:
        import torch
        from diffusers import UNet2DConditionModel

        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = UNet2DConditionModel(**(UNETS["small"] | shape))
        shutil.rmtree(folder / "unet")
        network.save_pretrained(folder / "unet")

    return change


def as_pickles(folder: Path) -> None:
    """Rewrite a folder like repositories of 2022 and 2023: only `.bin`, and a safety checker."""
    import torch
    from safetensors.torch import load_file

    for file in folder.glob("*/*.safetensors"):
        stem = "pytorch_model" if file.stem == "model" else file.stem
        torch.save(load_file(file), file.with_name(f"{stem}.bin"))
        file.unlink()
    (folder / "safety_checker").mkdir()
    (folder / "safety_checker" / "pytorch_model.bin").write_bytes(b"never read")


def with_names_of_2022(folder: Path) -> None:
    """The first names of the VAE's attention in diffusers, and the position table in CLIP's
    files."""
    import torch
    from safetensors.torch import save_file

    file = folder / "vae" / "diffusion_pytorch_model.safetensors"
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    tensors = copied_tensors(file)
    for now, then in old.items():
        tensors = {
            name.replace(f"attentions.0.{now}.", f"attentions.0.{then}."): t
            for name, t in tensors.items()
        }
    save_file(tensors, file, {"format": "pt"})
    text = folder / "text_encoder" / "model.safetensors"
    save_file(
        copied_tensors(text) | {"text_model.embeddings.position_ids": torch.arange(77)[None]},
        text,
        {"format": "pt"},
    )


def in_half_precision(folder: Path) -> None:
    """Keep only `.fp16.safetensors`."""
    from safetensors.torch import load_file, save_file

    for file in folder.glob("*/*.safetensors"):
        halved = {name: tensor.half() for name, tensor in load_file(file).items()}
        save_file(halved, file.with_suffix(".fp16.safetensors"), {"format": "pt"})
        file.unlink()


def in_shards(folder: Path) -> None:
    from diffusers import UNet2DConditionModel

    network = UNet2DConditionModel.from_pretrained(
        folder / "unet", local_files_only=True, disable_mmap=True
    )
    shutil.rmtree(folder / "unet")
    network.save_pretrained(folder / "unet", max_shard_size="200KB")


def model(
    hub_id: str, *changes: Change, kind: str = "sd15", vae: str = "kl"
) -> Callable[[Folders], ModelSpec]:
    """Start from a tiny model; `changes` turn it into the published one."""

    def build(target: Folders) -> ModelSpec:
        folder = shutil.copytree(target.tiny.sd(kind=kind, vae=vae), target.folder / "model")
        for change in changes:
            change(folder)
        target.put_on_hub(hub_id, folder)
        return ModelSpec(model=hub_id)

    return build


def works(
    hub_id: str, *changes: Change, expect: Works, source: str = "", note: str = "", **base: str
) -> Replica:
    """A replica that loads and paints; `base`: kind and vae of the tiny model; `source`: default:
    the model's page."""
    source = source or f"{PAGE}{hub_id}/tree/main"
    return Replica(f"{hub_id}{note}", source, model(hub_id, *changes, **base), expect)


def refused(row: str) -> Replica:
    """A refused replica from a row of the table below; only configurations are changed, no
    weights."""
    hub_id, kind, pipeline, *pairs = row.split("|")[0].split()
    values = dict(pair.split("=") for pair in pairs)
    index_values: dict[str, Any] = NO_TEXT if values.pop("text", "") == "none" else {}
    if "encoder" in values:
        index_values = {"text_encoder": ["transformers", values.pop("encoder")]}
    is_transformer = values.pop("unet", "") == "none"
    unet_values = {name: int(value) if value.isdigit() else value for name, value in values.items()}

    def change(folder: Path) -> None:
        update(folder / "model_index.json", _class_name=pipeline, **index_values)
        update(folder / "unet" / "config.json", **unet_values)
        if is_transformer:
            shutil.rmtree(folder / "unet")

    says = tuple(part.strip() for part in row.split("|")[1:])
    expect = Refused(says=(hub_id, *says, "hf download"))
    return Replica(hub_id, f"{PAGE}{hub_id}", model(hub_id, change, kind=kind), expect)


PLAIN = Works(family="sd15", prediction="epsilon", sampler="scheduler")
V_21 = Works(family="sd21", prediction="v_prediction", sampler="scheduler")
XL = Works(family="sdxl", prediction="epsilon", sampler="scheduler")
ONE_STEP_15 = Works(
    family="sd15", prediction="epsilon", sampler="turbo", says=("as in SDXS: made for 1 step",)
)
TURBO = Works(
    family="sd21", prediction="epsilon", sampler="turbo", says=("TAESD is not on this machine",)
)
LCM = Works(family="sd15", prediction="epsilon", sampler="lcm")
LIGHTNING = Works(family="sdxl", prediction="epsilon", sampler="lightning")
PICKLES = Works(family="sd15", says=("unet: a pickle, read with weights_only",))
NO_TEXT = {"text_encoder": [None, None], "tokenizer": [None, None]}
SD_15 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
SD_21_V = scheduler(PNDM, _class_name="DDIMScheduler", prediction_type="v_prediction")
KOALA = {"mid_block_type": None, "layers_per_block": 1, "transformer_layers_per_block": [0, 2, 5]}
KOALA_SCHEDULER = scheduler(EULER_XL, timestep_spacing="trailing", steps_offset=0)
LCM_SCHEDULER = scheduler(
    TABLE, _class_name="LCMScheduler", original_inference_steps=50, set_alpha_to_one=True
)
LEADING = scheduler(PNDM, timestep_spacing="leading", prediction_type="epsilon")
EDM = {
    "_class_name": "EDMDPMSolverMultistepScheduler",
    "sigma_min": 0.002,
    "sigma_max": 80.0,
    "sigma_data": 0.5,
}
DISTILLED = "https://github.com/segmind/distill-sd"

WORKING = [
    works("stabilityai/sd-turbo", kind="turbo", expect=TURBO),
    works(SD_15, scheduler(PNDM), with_names_of_2022, expect=PLAIN),
    works(
        SD_15,
        scheduler(PNDM),
        in_half_precision,
        note=" --include *.fp16.safetensors",
        expect=PLAIN,
    ),
    works(SD_15, scheduler(PNDM), as_pickles, note=" --include *.bin", expect=PICKLES),
    works(SD_15, in_shards, note=" in shards", expect=Works(family="sd15")),
    works("stabilityai/stable-diffusion-2-1", SD_21_V, kind="sd21", expect=V_21),
    works("stabilityai/stable-diffusion-xl-base-1.0", scheduler(EULER_XL), kind="sdxl", expect=XL),
    works(
        "SimianLuo/LCM_Dreamshaper_v7",
        index(_class_name="LatentConsistencyModelPipeline"),
        unet(**UNETS["bk_base"], time_cond_proj_dim=256),
        *(LCM_SCHEDULER, as_pickles),
        expect=LCM,
    ),
    works("segmind/tiny-sd", unet(**UNETS["bk_tiny"]), LEADING, expect=PLAIN, source=DISTILLED),
    works(
        *(
            "IDKiro/sdxs-512-dreamshaper",
            unet(**UNETS["sdxs_dreamshaper"]),
            scheduler(DEIS, timestep_spacing="linspace"),
        ),
        expect=ONE_STEP_15,
        vae="analytic",
        source=SDXS,
    ),
    works(
        "segmind/SSD-1B",
        unet(**UNETS["ssd_1b"]),
        scheduler(EULER_XL),
        kind="sdxl",
        expect=XL,
        source=COMFY,
    ),
    works(
        "etri-vilab/koala-lightning-700m",
        unet(**UNETS["small_xl"] | KOALA),
        KOALA_SCHEDULER,
        kind="sdxl",
        expect=LIGHTNING,
    ),
]

REFUSED = """
Intel/ldm3d-4c sd15 StableDiffusionLDM3DPipeline in_channels=4 out_channels=4
    | paints depth and colour (LDM3D)
stabilityai/stable-diffusion-xl-refiner-1.0 sdxl StableDiffusionXLImg2ImgPipeline text=none cross_attention_dim=1280
    | has no text_encoder, as the refiner of SDXL | stabilityai/stable-diffusion-xl-base-1.0
stable-diffusion-v1-5/stable-diffusion-inpainting sd15 StableDiffusionInpaintPipeline in_channels=9
    | StableDiffusionInpaintPipeline, which fills holes | takes 9 channels
stabilityai/stable-diffusion-2-1-unclip sd21 StableUnCLIPImg2ImgPipeline class_embed_type=projection
    | use an IP-Adapter for that | needs class labels (class_embed_type projection)
masterful/gligen-1-4-generation-text-box sd15 StableDiffusionGLIGENPipeline attention_type=gated
    | (GLIGEN) | attention_type gated
ali-vilab/text-to-video-ms-1.7b sd15 TextToVideoSDPipeline _class_name=UNet3DConditionModel
    | makes videos | UNet3DConditionModel
Kwai-Kolors/Kolors-diffusers sdxl KolorsPipeline encoder=ChatGLMModel encoder_hid_dim=4096
    encoder_hid_dim_type=text_proj | Kolors, whose text encoder is ChatGLM | text_encoder is a ChatGLMModel
DeepFloyd/IF-I-XL-v1.0 sd15 IFPipeline encoder=T5EncoderModel in_channels=3 out_channels=6
    encoder_hid_dim_type=text_proj addition_embed_type=text | DeepFloyd IF | T5EncoderModel
black-forest-labs/FLUX.1-schnell sd15 FluxPipeline unet=none
    | a diffusion transformer, not a UNet | without unet/config.json
kandinsky-community/kandinsky-2-2-decoder sd15 KandinskyV22Pipeline text=none addition_embed_type=image
    encoder_hid_dim_type=image_proj out_channels=8
    | Kandinsky, which paints from picture embeddings | has no text_encoder
"""
"""Hub id, the tiny model to start from, the pipeline's class, what else the published configuration
says (of the UNet; `text=none`: no text encoder, `unet=none`: no UNet), and parts of the refusal."""

PLAYGROUND = "playgroundai/playground-v2.5-1024px-aesthetic"
PLAYGROUND_VAE = {
    "scaling_factor": 0.5,
    "latents_mean": [-1.6574, 1.886, -1.383, 2.5155],
    "latents_std": [8.4927, 5.9022, 6.5498, 5.2299],
}
REPLICAS = [
    *WORKING,
    *map(refused, re.split(r"\n(?=\S)", REFUSED.strip())),
    Replica(
        PLAYGROUND,
        "https://github.com/lllyasviel/stable-diffusion-webui-forge/issues/461",
        model(PLAYGROUND, scheduler(EDM), vae_config(**PLAYGROUND_VAE), kind="sdxl"),
        Refused(
            says=(
                PLAYGROUND,
                "EDMDPMSolverMultistepScheduler parametrizes noise as EDM does",
                "hf download",
            )
        ),
    ),
]
