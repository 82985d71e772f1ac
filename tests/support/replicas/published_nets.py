"""The published ControlNets, VAEs, TAESDs and IP-Adapters that are tried, and what becomes of
each."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from engine.models.sd import ModelSpec
from tests.support.cases import cases_of
from tests.support.replicas.folders import PLAYGROUND_VAE
from tests.support.replicas.nets import (
    canny,
    config_only,
    file_of_another_base,
    fp16_in_a_subfolder,
    h94,
    lone,
    loose_file,
    of_another_base,
    only_a_pickle,
    original_file,
    own_vae,
    smaller_file,
    taesd_folder,
    taesd_pair,
    union,
    union_file,
    vae_file,
    vae_folder,
)
from tests.support.replicas.replica import Refused, Replica, Works

CLDM = "https://github.com/lllyasviel/ControlNet/blob/main/cldm/cldm.py"
COMFY = "https://github.com/comfyanonymous/ComfyUI/blob/master/comfy/controlnet.py"
DIFFUSERS = "https://github.com/huggingface/diffusers/blob/main/src/diffusers"
SINGLE = f"{DIFFUSERS}/loaders/single_file_utils.py"
TAESD = "https://github.com/madebyollin/taesd/blob/main/taesd.py"
SOURCES = {taesd_pair: TAESD, union: DIFFUSERS, of_another_base: SINGLE}
"""Where a replica is from that is not on the page of the repository that its title begins with."""


def row(
    title: str, build: Callable[..., ModelSpec], expect: Works | Refused, source: str, options: Any
) -> Any:
    page = "/".join(title.split()[0].strip(",").split("/")[:2])
    source = source or SOURCES.get(build, f"https://huggingface.co/{page}")
    return Replica(title, source, partial(build, **options), expect)


def works(
    title: str, build: Callable[..., ModelSpec], /, *says: str, source: str = "", **options: Any
) -> Any:
    return row(title, build, Works(says=says), source, options)


def refused(
    title: str, build: Callable[..., ModelSpec], /, *says: str, source: str = "", **options: Any
) -> Any:
    return row(title, build, Refused(says=says), source, options)


_TABLES: Any = cases_of(__file__)
PLAIN = "supported: a ControlNetModel or ControlNetUnionModel"
SHUFFLE, CANNY_XL = "lllyasviel/control_v11e_sd15_shuffle", "diffusers/controlnet-canny-sdxl-1.0"
UNION, PROMAX = "xinsir/controlnet-union-sdxl-1.0", "diffusion_pytorch_model_promax.safetensors"
CANNY_FILE, SHUFFLE_FILE = (
    "control_v11p_sd15_canny.pth",
    "control_v11e_sd15_shuffle_fp16.safetensors",
)
FT_MSE, XL_VAE, XL_FIX = (
    "vae-ft-mse-840000-ema-pruned",
    "sdxl_vae.safetensors",
    "madebyollin/sdxl-vae-fp16-fix",
)
MSE, FT_MSE_PAGE = "stabilityai/sd-vae-ft-mse", "stabilityai/sd-vae-ft-mse-original"
LOOSE_NETS: list[tuple[str, str, str, Mapping[str, tuple[int, ...]], str]] = _TABLES[
    "no_controlnets"
]
"""Files that a user takes for a ControlNet, and what they are."""

CONTROLNETS = [
    works("lllyasviel/control_v11p_sd15_canny", canny),
    works(SHUFFLE, canny, hub_id=SHUFFLE, global_pool_conditions=True),
    works(CANNY_XL, canny, hub_id=CANNY_XL),
    works("a pipeline's controlnet folder, fp16 only", fp16_in_a_subfolder, source=DIFFUSERS),
    works("a controlnet folder, .bin only", only_a_pickle, "a pickle", source=DIFFUSERS),
    works(
        f"lllyasviel/ControlNet-v1-1/{CANNY_FILE}",
        original_file,
        "a pickle",
        source=CLDM,
        name=CANNY_FILE,
    ),
    works(
        SHUFFLE_FILE,
        original_file,
        "named a shuffle one",
        source=COMFY,
        name=SHUFFLE_FILE,
        prefix="",
    ),
    works("diffusers_xl_canny_small.safetensors", smaller_file, source=SINGLE),
    *(
        works(f"{UNION} as {kind}", union, class_name=kind)
        for kind in ("ControlNetUnionModel", "ControlNetModel")
    ),
    works(f"{UNION}/{PROMAX}", union_file, name=PROMAX),
    refused(
        "InstantX/SD3-Controlnet-Canny",
        config_only,
        "a ControlNet for SD 3",
        PLAIN,
        kind="SD3ControlNetModel",
    ),
    *(
        refused(name, loose_file, says, PLAIN, source=source, name=name, kind=kind, tensors=tensors)
        for name, source, kind, tensors, says in LOOSE_NETS
    ),
    refused("an SDXL ControlNet beside SD 1.5", of_another_base, "made for SDXL", "hf download"),
    refused(
        f"{CANNY_FILE} beside SDXL",
        file_of_another_base,
        "made for SD 1.5",
        "is SDXL",
        source=SINGLE,
    ),
]

SD3_VAE = {"latent_channels": 16, "scaling_factor": 1.5305, "shift_factor": 0.0609}
PLAYGROUND = (
    "playgroundai/playground-v2.5-1024px-aesthetic, its own vae with latents_mean and latents_std"
)
COLOURS = ("made for SDXL", "all colours would be wrong", "hf download madebyollin/taesd")
MSE_ON_XL = ("scaling_factor is 0.18215", "trained with 0.13025", XL_FIX)
SIXTEEN = "a VAE of 16 latent channels (as SD 3's and Flux's)"
UNKNOWN = "family is unknown; assuming SD 1.5"
LONE_HALF = "put taesd_encoder.safetensors next to it"
TAESD_15 = ("made for SD 1.5 and 2.x", "madebyollin/taesdxl")
XL_HUB = "stabilityai/sdxl-vae"
VAES = [
    works(
        f"{FT_MSE_PAGE}/{FT_MSE}.safetensors",
        vae_file,
        name=f"{FT_MSE}.safetensors",
        extra=("loss.logvar",),
    ),
    works(
        f"{FT_MSE_PAGE}/{FT_MSE}.ckpt",
        vae_file,
        "a pickle",
        name=f"{FT_MSE}.ckpt",
        prefix="first_stage_model.",
    ),
    works("a VAE file of any name", vae_file, UNKNOWN, source=SINGLE, name="m.safetensors"),
    works(
        f"{XL_HUB}/{XL_VAE}",
        vae_file,
        "computed in float32",
        name=XL_VAE,
        kind="sdxl",
        hub_id=XL_HUB,
    ),
    works(
        XL_FIX, vae_folder, hub_id=XL_FIX, kind="sdxl", scaling_factor=0.13025, force_upcast=False
    ),
    refused(f"{XL_HUB}/{XL_VAE} beside SD 1.5", vae_file, *COLOURS, name=XL_VAE),
    refused(f"{MSE} beside SDXL", vae_folder, *MSE_ON_XL, hub_id=MSE, kind="sdxl"),
    refused(
        "stabilityai/stable-diffusion-3-medium-diffusers/vae",
        vae_folder,
        SIXTEEN,
        hub_id="a/sd3-vae",
        **SD3_VAE,
    ),
    refused(
        "VQModel as VAE",
        vae_folder,
        "a VQModel (",
        source=DIFFUSERS,
        hub_id="a/vae",
        _class_name="VQModel",
    ),
    refused(
        "a model's own vae of 16 channels",
        own_vae,
        "16 latent",
        source=DIFFUSERS,
        latent_channels=16,
    ),
    works(PLAYGROUND, own_vae, **PLAYGROUND_VAE),
    works(
        "madebyollin/taesdxl/taesdxl_decoder.safetensors", taesd_pair, name="taesdxl", kind="sdxl"
    ),
    refused("taesd_decoder.safetensors beside SDXL", taesd_pair, *TAESD_15, kind="sdxl"),
    refused("taesd_decoder.safetensors alone", taesd_pair, LONE_HALF, halves=("decoder",)),
    refused(
        "madebyollin/taesd beside SDXL",
        taesd_folder,
        "made for SD 1.5",
        hub_id="madebyollin/taesd",
        kind="sdxl",
    ),
    refused(
        "madebyollin/taesd3",
        taesd_folder,
        "16 latent channels",
        hub_id="madebyollin/taesd3",
        latent_channels=16,
    ),
]

ADAPTERS: list[tuple[str, str, int, str, tuple[str, ...]]] = _TABLES["adapters"]
FOREIGN_ADAPTERS: list[tuple[str, str, str, int, str]] = _TABLES["foreign_adapters"]
XL_ADAPTER, ADAPTER_15 = (
    "h94/IP-Adapter/sdxl_models/ip-adapter_sdxl",
    "h94/IP-Adapter/models/ip-adapter_sd15",
)
ENCODER = (
    "projection_dim is 1280 (CLIP ViT-bigG)",
    "hf download h94/IP-Adapter",
    "sdxl_models/image_encoder/model.",
)
OF_15 = ("made for SD 1.5", "is SDXL", "ip-adapter_sdxl_vit-h.safetensors")
IP_ADAPTERS = [
    *(
        works(
            f"h94/IP-Adapter/{file}",
            h94,
            *says,
            file=file,
            projection=projection,
            wide=wide,
            kind=kind,
        )
        for file, projection, wide, kind, says in ADAPTERS
    ),
    refused(
        f"{XL_ADAPTER}.safetensors alone",
        lone,
        *ENCODER,
        name="ip-adapter_sdxl.safetensors",
        wide=1280,
    ),
    refused(f"{ADAPTER_15}.safetensors beside SDXL", lone, *OF_15, wide=1024, text_width=768),
    *(
        refused(name, lone, says, source=source, name=name, projection=projection, wide=wide)
        for name, source, projection, wide, says in FOREIGN_ADAPTERS
    ),
]

REPLICAS = [*CONTROLNETS, *VAES, *IP_ADAPTERS]
