"""Summarizes what a model file is, from its header, for the lists. Does not load torch."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from engine.errors import ModelError
from engine.models.part_report import missing_message
from engine.models.plain_config import CONFIG, read_config
from engine.models.sd.plan.controlnet_file import examine_controlnet, family_of
from engine.models.sd.plan.embedding_file import BASES, read_embedding
from engine.models.sd.plan.families import FAMILIES
from engine.models.sd.plan.ip_adapter_file import ip_adapter_base
from engine.models.sd.plan.lora_file import examine_lora
from engine.models.sd.plan.model_plan import plan_model
from engine.models.sd.plan.sampler_name import sampler_from_name
from engine.models.sd.plan.unet_file import examine_unet
from engine.models.sd.plan.upscaler_file import examine_upscaler
from engine.models.sd.plan.vae_choice import TINY, vae_kind
from engine.models.sd.spec import ModelSpec
from engine.models.tensor_file import TensorInfo
from engine.models.weight_files import find_weights, headers_of

_CLASS = "vision_model.embeddings.class_embedding"


class ModelSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A short description of a model file for a list."""

    family: str = ""
    """Short name of the family that the model belongs to, or the part goes with; "" if unknown."""
    what: str = ""
    """Further description, such as the sampler."""
    parameters: int = 0
    """Number of weights of a whole model."""
    fault: str = ""
    """Why it cannot be used, in one line; "" if it can."""


def summarize_model(spec: ModelSpec) -> ModelSummary:
    """Summarize a model together with its parts."""
    try:
        plan = plan_model(spec)
    except ModelError as error:
        return ModelSummary(fault=_plain(error, spec.model))
    return ModelSummary(
        family=FAMILIES[plan.family],
        what=plan.sampler.value,
        parameters=sum(part.parameters for part in plan.parts),
        fault=_plain(missing_message(spec.model, plan.missing), spec.model) if plan.missing else "",
    )


def summarize_part(kind: str, path: str) -> ModelSummary:
    """Summarize a file or folder of one of the kinds in PARTS."""
    try:
        return PARTS[kind](path)
    except (ModelError, OSError) as error:
        return ModelSummary(fault=_plain(error, path))


def _plain(error: object, path: str) -> str:
    """The error line without its path prefix."""
    return str(error).removeprefix(f"{path}: ")


def _unet(path: str) -> ModelSummary:
    unet, _ = examine_unet(path)
    return ModelSummary(family=FAMILIES[unet.family], what=_sampler(unet.public_name))


def _lora(path: str) -> ModelSummary:
    lora = examine_lora(path, 1.0, None)
    return ModelSummary(family=lora.base, what=_sampler(lora.name, is_lora=True))


def _controlnet(path: str) -> ModelSummary:
    return ModelSummary(family=FAMILIES[family_of(examine_controlnet(path, None).config)])


def _embedding(path: str) -> ModelSummary:
    embedding = read_embedding(path)
    return ModelSummary(
        family=BASES.get(embedding.widths, ""), what=f"word {embedding.triggers[0]}"
    )


def _ip_adapter(path: str) -> ModelSummary:
    return ModelSummary(family=ip_adapter_base(path))


def _vae(path: str) -> ModelSummary:
    kind, family = vae_kind(path)
    return ModelSummary(family=family, what="TAESD" if kind == TINY else "full")


def _upscaler(path: str) -> ModelSummary:
    file = examine_upscaler(path)
    return ModelSummary(what=f"by {file.factor}, {file.layers} layers of {file.width}")


def _image_encoder(path: str) -> ModelSummary:
    """Summarize an image encoder. A file alone, as in ComfyUI, is refused: loading it needs the
    configuration."""
    folder = Path(path)
    if folder.is_file() or not (folder / CONFIG).is_file():
        raise ModelError(f"{path}: needs a folder with {CONFIG}, as in h94/IP-Adapter")
    weights = find_weights(folder)
    if weights is None:
        raise ModelError(f"{path}: has no weights")
    width = headers_of(weights).get(_CLASS, TensorInfo("", (0,))).shape[0]
    return ModelSummary(what=f"width {width or read_config(path, folder).get('hidden_size', '?')}")


def _sampler(name: str, *, is_lora: bool = False) -> str:
    named = sampler_from_name(name, is_lora=is_lora)
    return named.sampler if named is not None else ""


PARTS: Final[dict[str, Callable[[str], ModelSummary]]] = {
    "unets": _unet,
    "loras": _lora,
    "controlnets": _controlnet,
    "embeddings": _embedding,
    "ip_adapters": _ip_adapter,
    "image_encoders": _image_encoder,
    "vaes": _vae,
    "upscalers": _upscaler,
}
