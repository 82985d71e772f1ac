"""Says in few words what a file in a folder of models is, from its header: for lists. Does not load torch."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from engine.errors import ModelError
from engine.models.part_report import first_missing
from engine.models.plain_config import CONFIG, read_config
from engine.models.sd.plan.controlnet_file import examine_controlnet, family_of
from engine.models.sd.plan.embedding_file import BASES, read_embedding
from engine.models.sd.plan.families import FAMILIES
from engine.models.sd.plan.ip_adapter_file import ip_adapter_base
from engine.models.sd.plan.lora_file import examine_lora
from engine.models.sd.plan.model_plan import plan_model
from engine.models.sd.plan.sampler_name import sampler_named
from engine.models.sd.plan.tensor_file import headers_of
from engine.models.sd.plan.unet_file import examine_unet
from engine.models.sd.plan.upscaler_file import examine_upscaler
from engine.models.sd.plan.vae_choice import TINY, vae_kind
from engine.models.sd.spec import ModelSpec
from engine.models.weight_files import Tensor, weights_in

_CLASS = "vision_model.embeddings.class_embedding"


class Headline(msgspec.Struct, frozen=True, kw_only=True):
    family: str = ""
    """Short name of the family of models that it is, or goes with; "" if its header does not tell."""
    what: str = ""
    """Other things to say, such as the sampler."""
    parameters: int = 0
    """Number of weights of a whole model."""
    fault: str = ""
    """Why it cannot be used, in one line; "" if it can."""


def model_headline(spec: ModelSpec) -> Headline:
    """That of a model with everything that it is used with."""
    try:
        plan = plan_model(spec)
    except ModelError as error:
        return Headline(fault=_plain(error, spec.model))
    return Headline(
        family=FAMILIES[plan.family],
        what=plan.sampler.value,
        parameters=sum(part.parameters for part in plan.parts),
        fault=_plain(first_missing(spec.model, plan.missing), spec.model) if plan.missing else "",
    )


def part_headline(kind: str, path: str) -> Headline:
    """That of a file or folder of one of PARTS."""
    try:
        return PARTS[kind](path)
    except (ModelError, OSError) as error:
        return Headline(fault=_plain(error, path))


def _plain(error: object, path: str) -> str:
    """The line without the path before it."""
    return str(error).removeprefix(f"{path}: ")


def _unet(path: str) -> Headline:
    unet, _ = examine_unet(path)
    return Headline(family=FAMILIES[unet.family], what=_sampler(unet.public_name))


def _lora(path: str) -> Headline:
    lora = examine_lora(path, 1.0, None)
    return Headline(family=lora.base, what=_sampler(lora.name, is_lora=True))


def _controlnet(path: str) -> Headline:
    files = examine_controlnet(path, None)
    return Headline(family=FAMILIES[family_of(files.config)])


def _embedding(path: str) -> Headline:
    embedding = read_embedding(path)
    return Headline(family=BASES.get(embedding.widths, ""), what=f"word {embedding.triggers[0]}")


def _ip_adapter(path: str) -> Headline:
    return Headline(family=ip_adapter_base(path))


def _vae(path: str) -> Headline:
    kind, family = vae_kind(path)
    return Headline(family=family, what="TAESD" if kind == TINY else "full")


def _upscaler(path: str) -> Headline:
    file = examine_upscaler(path)
    return Headline(what=f"by {file.factor}, {file.layers} layers of {file.width}")


def _image_encoder(path: str) -> Headline:
    """The configuration is needed to load it, so a file alone, as ComfyUI has it, is refused."""
    place = Path(path)
    if place.is_file() or not (place / CONFIG).is_file():
        raise ModelError(f"{path}: needs a folder with {CONFIG}, as in h94/IP-Adapter")
    if (weights := weights_in(place)) is None:
        raise ModelError(f"{path}: has no weights")
    width = headers_of(weights).get(_CLASS, Tensor("", (0,))).shape[0]
    vision = read_config(path, place)
    return Headline(what=f"width {width or vision.get('hidden_size', '?')}")


def _sampler(name: str, *, is_lora: bool = False) -> str:
    named = sampler_named(name, is_lora=is_lora)
    return named.sampler if named is not None else ""


PARTS: Final[dict[str, Callable[[str], Headline]]] = {
    "unets": _unet,
    "loras": _lora,
    "controlnets": _controlnet,
    "embeddings": _embedding,
    "ip_adapters": _ip_adapter,
    "image_encoders": _image_encoder,
    "vaes": _vae,
    "upscalers": _upscaler,
}
