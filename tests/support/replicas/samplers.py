"""Models distilled to few steps, and models that only look like it, with the expected sampler of
each."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.models.sd import ModelSpec
from tests.support.links import link_or_copy
from tests.support.replicas.replica import Folders, Replica, Works

PUBLISHED_LORA = "pytorch_lora_weights.safetensors"
DEIS = {
    "_class_name": "DEISMultistepScheduler",
    "algorithm_type": "deis",
    "timestep_spacing": "leading",
}
XL_BASE = {
    "_class_name": "EulerDiscreteScheduler",
    "timestep_spacing": "leading",
    "set_alpha_to_one": False,
}
HYPER = "https://huggingface.co/ByteDance/Hyper-SD"
LIGHTNING = "https://huggingface.co/ByteDance/SDXL-Lightning"


def with_scheduler(sd: Path, folder: Path, **scheduler: Any) -> Path:
    """`sd` at `folder`, with these values in its scheduler's configuration."""
    folder.mkdir(parents=True)
    for part in sd.iterdir():
        if part.name != "scheduler":
            link_or_copy(folder / part.name, part)
    config = (
        json.loads((sd / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8"))
        | scheduler
    )
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(
        json.dumps(config), encoding="utf-8"
    )
    return folder


def dreamshaper_8(target: Folders) -> Path:
    return with_scheduler(target.tiny.sd(), target.folder / "dreamshaper-8", **DEIS)


def xl_base(target: Folders) -> Path:
    return with_scheduler(
        target.tiny.sd(kind="sdxl"), target.folder / "stable-diffusion-xl-base-1.0", **XL_BASE
    )


def with_lora(base: Callable[[Folders], Path], lora: str) -> Callable[[Folders], ModelSpec]:
    """`base` with a LoRA in a file of this name, which may include a folder."""

    def build(target: Folders) -> ModelSpec:
        model = base(target)
        file = target.folder / lora
        file.parent.mkdir(parents=True, exist_ok=True)
        is_sdxl = (model / "text_encoder_2").is_dir()
        sd = target.tiny.sd(kind="sdxl") if is_sdxl else target.tiny.sd()
        link_or_copy(file, target.tiny.lora(sd, with_text=False))
        return ModelSpec(model=str(model), loras=((str(file), 1.0),))

    return build


def tcd_by_id(target: Folders) -> ModelSpec:
    model = xl_base(target)
    folder = target.folder / "published"
    folder.mkdir()
    link_or_copy(
        folder / PUBLISHED_LORA, target.tiny.lora(target.tiny.sd(kind="sdxl"), with_text=False)
    )
    target.put_on_hub("h1t/TCD-SDXL-LoRA", folder)
    return ModelSpec(model=str(model), loras=(("h1t/TCD-SDXL-LoRA", 1.0),))


def sdxl_turbo(target: Folders) -> ModelSpec:
    target.put_on_hub("stabilityai/sdxl-turbo", target.tiny.sd(kind="sdxl"))
    return ModelSpec(model="stabilityai/sdxl-turbo")


def lcm_file(target: Folders) -> ModelSpec:
    """A folder next to the file, added by a user, has the configuration of SD 1.5."""
    published = target.tiny.single_file(target.tiny.sd(vae="kl", sampler="pndm"))
    file = target.folder / "dreamshaper_8LCM.safetensors"
    link_or_copy(file, published)
    link_or_copy(file.with_suffix(""), published.with_suffix(""))
    return ModelSpec(model=str(file), vae="full")


def lora_replica(
    name: str, source: str, base: Callable[[Folders], Path], sampler: str, *says: str
) -> Replica:
    return Replica(
        name,
        source,
        with_lora(
            base,
            name.rpartition("/")[2]
            if name.endswith(".safetensors")
            else f"{name}/{PUBLISHED_LORA}",
        ),
        Works(sampler=sampler, says=says),
    )


SCHEDULERS = "blob/main/scheduler/scheduler_config.json"
REPLICAS = [
    Replica(
        "stabilityai/sdxl-turbo",
        f"https://huggingface.co/stabilityai/sdxl-turbo/{SCHEDULERS}",
        sdxl_turbo,
        Works(
            family="sdxl", prediction="epsilon", sampler="turbo", says=("and the name sdxl-turbo",)
        ),
    ),
    Replica(
        "Lykon/DreamShaper/dreamshaper_8LCM.safetensors",
        "https://civitai.com/models/4384/dreamshaper",
        lcm_file,
        Works(family="sd15", sampler="lcm", says=("the name dreamshaper_8LCM: LCM",)),
    ),
    Replica(
        "h1t/TCD-SDXL-LoRA",
        "https://huggingface.co/h1t/TCD-SDXL-LoRA",
        tcd_by_id,
        Works(family="sdxl", sampler="tcd", says=("the name of the LoRA TCD-SDXL-LoRA: TCD",)),
    ),
    lora_replica(
        "lcm-lora-sdv1-5",
        "https://huggingface.co/latent-consistency/lcm-lora-sdv1-5",
        dreamshaper_8,
        "lcm",
    ),
    lora_replica(
        "ByteDance/SDXL-Lightning/sdxl_lightning_4step_lora.safetensors",
        LIGHTNING,
        xl_base,
        "lightning",
        "SDXL-Lightning, made for 4 steps",
    ),
    lora_replica(
        "ByteDance/Hyper-SD/Hyper-SDXL-8steps-lora.safetensors",
        HYPER,
        xl_base,
        "hyper",
        "made for 8 steps",
    ),
    lora_replica(
        "ByteDance/Hyper-SD/Hyper-SD15-4steps-lora.safetensors", HYPER, dreamshaper_8, "hyper"
    ),
    lora_replica(
        "ByteDance/Hyper-SD/Hyper-SD15-1step-lora.safetensors", HYPER, dreamshaper_8, "tcd"
    ),
]
