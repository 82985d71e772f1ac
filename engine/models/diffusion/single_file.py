"""Models in one `.safetensors` file, as most checkpoints are passed around: the weights without any configuration."""

import json
import re
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import ModelError
from engine.models import locate
from engine.models.diffusion.model_folder import SUPPORTED, ModelFolder
from engine.models.safetensors_header import Tensor, read_header

if TYPE_CHECKING:
    import torch

# Where the configuration of such a file is published. What a file was distilled to cannot be read from its weights,
# but makers put it in its name.
CONFIGS = {
    ("sd15", False): "stable-diffusion-v1-5/stable-diffusion-v1-5",
    ("sd15", True): "stable-diffusion-v1-5/stable-diffusion-v1-5",
    ("sd21", False): "stabilityai/stable-diffusion-2-1",
    ("sd21", True): "stabilityai/sd-turbo",
    ("sdxl", False): "stabilityai/stable-diffusion-xl-base-1.0",
    ("sdxl", True): "stabilityai/sdxl-turbo",
}
CLASSES = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL"}
TEXT_CLASSES = {"text_encoder": "CLIPTextModel", "text_encoder_2": "CLIPTextModelWithProjection"}
_UNET = "model.diffusion_model."
_INPUT = f"{_UNET}input_blocks.0.0.weight"
_SECOND_TEXT_ENCODER = "conditioner.embedders.1."
_OPEN_CLIP = "cond_stage_model.model."


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleFile:
    """What one file tells of itself, by its header alone."""

    path: Path
    family: str
    """sd15, sd21 or sdxl."""
    tensors: dict[str, Tensor]


def examine(file: Path) -> SingleFile:
    """ModelError in one line, which names what the file is instead, where it is no checkpoint that we can run."""
    if file.suffix != ".safetensors":
        raise ModelError(f"{file}: of single files only .safetensors are read; convert it with diffusers or ComfyUI")
    tensors = read_header(file)
    return SingleFile(path=file, family=family_in(tensors, str(file)), tensors=tensors)


def family_in(tensors: dict[str, Tensor], name: str) -> str:
    if _INPUT not in tensors:
        raise ModelError(f"{name}: holds no UNet of a whole checkpoint ({len(tensors)} tensors); known are {SUPPORTED}")
    channels = tensors[_INPUT].shape[1]
    if channels != 4:
        raise ModelError(f"{name}: its UNet takes {channels} channels (inpainting or editing); known are {SUPPORTED}")
    if any(key.startswith(_SECOND_TEXT_ENCODER) for key in tensors):
        return "sdxl"
    return "sd21" if any(key.startswith(_OPEN_CLIP) for key in tensors) else "sd15"


def config_folder(single: SingleFile) -> Path:
    """The diffusers folder whose JSON files describe `single`.

    The folder of the same name beside it (`x/` for `x.safetensors`), else the published one in the Hugging Face cache;
    ModelError with the command that fetches that one.
    """
    file, family = single.path, single.family
    beside = file.with_suffix("")
    if (beside / "model_index.json").is_file():
        return beside
    is_turbo = re.search("turbo", file.name, re.IGNORECASE) is not None
    published = CONFIGS[family, is_turbo]
    folder = locate.cached(published)
    if folder is None or not (folder / "model_index.json").is_file():
        command = locate.download_command(published, locate.CONFIG_FILES)
        raise ModelError(
            f"{file}: one file holds no configuration; put a diffusers folder of it (JSON and tokenizer only) at "
            f"{beside}, or fetch the published one once: {command}"
        )
    return folder


def read(file: Path, folder: ModelFolder, dtype: "torch.dtype", wanted: Collection[str]) -> dict[str, Any]:
    """Those `wanted` of unet, vae and text_encoders of `file`, on the CPU, through diffusers' own conversion."""
    from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionXLImg2ImgPipeline

    names = ["text_encoder", *(["text_encoder_2"] if folder.family == "sdxl" else [])]
    options: dict[str, Any] = {"local_files_only": True, "dtype": dtype, "scheduler": None}
    options |= {part: None for part in ("unet", "vae") if part not in wanted}
    options |= dict.fromkeys(name.replace("text_encoder", "tokenizer") for name in names)
    if "text_encoders" not in wanted:
        options |= dict.fromkeys(names)
    kind: Any = StableDiffusionXLImg2ImgPipeline if folder.family == "sdxl" else StableDiffusionImg2ImgPipeline
    if folder.family == "sdxl":
        options |= {"add_watermarker": False}
    else:
        options |= dict.fromkeys(("safety_checker", "feature_extractor", "image_encoder"))
    with tempfile.TemporaryDirectory(prefix="multiverse-config-", ignore_cleanup_errors=True) as place:
        _write_plain(
            Path(place), kind.__name__, folder, [part for part in ("unet", "vae", *names) if part not in options]
        )
        pipeline = kind.from_single_file(str(file), config=place, **options)
    parts = {"unet": pipeline.unet, "vae": pipeline.vae}
    parts["text_encoders"] = tuple(getattr(pipeline, name) for name in names)
    return {part: parts[part] for part in wanted}


def _write_plain(place: Path, pipeline: str, folder: ModelFolder, parts: Collection[str]) -> None:
    """A folder of configurations alone, whose classes are ours: what an index names is imported from anywhere."""
    from engine.models.pretrained import architecture

    index: dict[str, Any] = {"_class_name": pipeline}
    for part in parts:
        told = folder.config(f"{part}/config.json")
        if part in CLASSES:
            index[part] = ["diffusers", CLASSES[part]]
        else:
            import transformers

            index[part] = ["transformers", TEXT_CLASSES[part]]
            kind = getattr(transformers, TEXT_CLASSES[part])
            told = architecture(kind.config_class, told, f"{folder.name}/{part}").to_dict()
        (place / part).mkdir()
        (place / part / "config.json").write_text(json.dumps(told), encoding="utf-8")
    (place / locate.INDEX).write_text(json.dumps(index), encoding="utf-8")
