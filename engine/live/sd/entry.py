"""Registers live Stable Diffusion: its configuration, its options, and the values that a run
refuses."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from engine.errors import ModelError
from engine.live.kit.live_model import Check, DeviceTable, LiveEntry, option
from engine.live.kit.refusing import find_named, refuse_missing_source, refuse_unresolved, refusing
from engine.live.sd.folders import MODELS, path_of
from osc_schema import Rejected, Value
from osc_schema.sd import CHILD, CONTROLNETS, LARGER, LISTS, LORAS, REFERENCES

LORA_FILES = tuple(f"/sd/lora/{n}/file" for n in LORAS)
CONTROLNET_FILES = tuple(f"/sd/controlnet/{n}/file" for n in CONTROLNETS)
UPSCALE = "/sd/upscale"
IMAGES = tuple(f"/sd/ip_adapter/image{end}" for end in REFERENCES)
LIVE = "/sd/ip_adapter/live"
BUILD = ("/sd/model", *LORA_FILES, *CONTROLNET_FILES)
"""The parameters that a process is loaded with; changing one needs a new process."""

Sampler = Literal[
    "auto", "lcm", "turbo", "lightning", "hyper", "tcd", "scheduler", "deis", "euler", "dpm"
]


class LoraConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Configuration of one LoRA: a table `[[sd.loras]]`. Its weight while running is
    `/sd/lora/<n>/weight`."""

    path: str
    """A `.safetensors` file, a folder or a Hugging Face id."""
    weight: Annotated[float, Meta(ge=-2, le=2)] = 1.0


class SdConfig(DeviceTable, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Configuration of live Stable Diffusion: the table `[sd]`. `multiverse sd` and `multiverse
    video` read it, too."""

    model: Annotated[
        str,
        option(
            "Live Stable Diffusion: a diffusers folder, a .safetensors file or a Hugging Face id.",
            "MODEL",
        ),
    ] = ""
    vae: Annotated[
        str,
        option(
            "VAE: auto: TAESD if it is on this machine; full: the model's own, slower, more "
            "detail; or a folder, file "
            "or id.",
            "auto|taesd|full|PATH",
        ),
    ] = "auto"
    unet: Annotated[
        str,
        option(
            "UNet in place of the model's own, as SDXL-Lightning, DMD2 or Hyper-SD publish it: a "
            "file, folder or id.",
            "PATH|ID",
        ),
    ] = ""
    sampler: Annotated[
        Sampler,
        option(
            "Sampler the model was distilled for; scheduler: none. (default: detected from the "
            "model's files)",
            "|".join(get_args(Sampler)),
        ),
    ] = "auto"
    prediction: Annotated[
        Literal["auto", "epsilon", "v", "flow"],
        option(
            "What the model's UNet predicts. (default: detected from the model's files)",
            "auto|epsilon|v|flow",
        ),
    ] = "auto"
    loras: Annotated[tuple[LoraConfig, ...], Meta(max_length=len(LORAS))] = ()
    controlnets: Annotated[tuple[str, ...], Meta(max_length=len(CONTROLNETS))] = ()
    depth: Annotated[
        str,
        option(
            "DepthAnything model for /sd/controlnet/<n>/source depth: a folder or Hugging Face id.",
            "PATH|ID",
        ),
    ] = ""
    pose: Annotated[
        str,
        option(
            "ViTPose model for /sd/controlnet/<n>/source pose: a folder or Hugging Face id.",
            "PATH|ID",
        ),
    ] = ""
    ip_adapter: str = ""
    image_encoder: str = ""
    """The IP-Adapter's image encoder; needed only if it is not in the IP-Adapter's folder."""
    embeddings: tuple[str, ...] = ()
    """Textual inversion embeddings for use in prompts: `.safetensors`, `.pt` or `.bin` files."""
    upscaler: str = ""
    """A small network for /sd/upscale 2x: a `.pth` or `.safetensors` file, as
    realesr-animevideov3.pth."""
    clip_skip: Annotated[int, Meta(ge=0, le=12)] = 0
    """Layer of the text encoder to read, counted from the end: 1 is the last; 0: the model's
    own."""
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    accelerator: Literal["auto", "none", "inductor", "deepcache"] = "auto"
    """The compiler of the UNet, which works beside the picture; auto: inductor on CUDA, if Triton
    and a C compiler are installed."""
    video: Annotated[
        str,
        option(
            "Video, picture, stream or another program's picture for /sd/source video.",
            "FILE|URL|KIND:NAME",
        ),
    ] = ""
    second: Annotated[
        str,
        option(
            "The same for ControlNets and the IP-Adapter: /sd/controlnet/<n>/from second.",
            "FILE|URL|KIND:NAME",
        ),
    ] = ""
    folders: tuple[str, ...] = ()
    """Folders of the models that `/sd/model` may name over OSC. The command line may name any
    model."""
    pictures: str | None = None
    """Folder of the pictures for `/sd/ip_adapter/image` to `image_d`; None: `pictures` in the
    working folder."""


def first_values(config: SdConfig) -> Iterator[tuple[str, Value]]:
    for n, lora in enumerate(config.loras, start=1):
        yield f"/sd/lora/{n}/weight", lora.weight
    if config.clip_skip:
        yield "/sd/clip_skip", config.clip_skip


def conditions(config: SdConfig, has_camera: Callable[[], bool]) -> Iterator[tuple[str, Check]]:
    if not config.folders:  # otherwise one may be chosen later
        yield from (refusing(address, reason) for address, reason in unconfigured(config).items())
    for address in BUILD[1:]:
        yield refuse_unresolved(address, partial(part_path, config, address))
    if not config.upscaler:
        yield refusing(UPSCALE, "no upscaler is configured: set upscaler under [sd]", LARGER)
    from engine.models.sd.spec import DETECTORS

    for part, example in DETECTORS.items():
        if not getattr(config, part):
            start = f"start with `multiverse run --sd-{part} {example}`, or set {part} under [sd]"
            reason = f"no {part} model is configured: {start}"
            yield from (refusing(f"/sd/controlnet/{n}/source", reason, part) for n in CONTROLNETS)
    if not config.second:
        start = "start with `multiverse run --sd-second FILE`, or set second under [sd]"
        reason = f"no second picture is configured: {start}"
        yield from (refusing(f"/sd/controlnet/{n}/from", reason, "second") for n in CONTROLNETS)
        yield refusing(LIVE, reason, "second")
    if not config.ip_adapter:
        reason = "no IP-Adapter is configured: set ip_adapter under [sd]"
        yield from (refusing(address, reason) for address in (*IMAGES, LIVE))
    else:
        yield from (refuse_unresolved(address, partial(picture_path, config)) for address in IMAGES)
    yield "/sd/t_index", _require_t_index
    yield refuse_unresolved(BUILD[0], partial(model_path, config))
    yield refuse_missing_source(CHILD, config.video, has_camera)


def unconfigured(config: SdConfig) -> dict[str, str]:
    """Why a value has no effect until a file is chosen, by address, for unconfigured ControlNets
    and LoRAs."""
    nets = (
        (f"/sd/controlnet/{n}/", "enable", f"ControlNet {n}", "to controlnets under [sd]")
        for n in CONTROLNETS
    )
    loras = (
        (f"/sd/lora/{n}/", "weight", f"LoRA {n}", "as [[sd.loras]] with a path") for n in LORAS
    )
    return {
        f"{at}{end}": f"no {what} is configured: add it {how}, or set folders under [sd] and "
        f"choose it by {at}file"
        for at, end, what, how in (
            *[*nets][len(config.controlnets) :],
            *[*loras][len(config.loras) :],
        )
    }


def model_path(config: SdConfig, name: str) -> str:
    """Path of the named model in the first model folder that contains it; "" gives the configured
    model."""
    return path_of(MODELS, name, config.folders) if name else config.model


def part_path(config: SdConfig, address: str, name: str) -> str:
    """Path of the LoRA or ControlNet named by /sd/lora/<n>/file or /sd/controlnet/<n>/file. The
    name "" gives the configured one, or "" if none is configured."""
    _, _, kind, number, _ = address.split("/")
    own = config.controlnets if kind == "controlnet" else [lora.path for lora in config.loras]
    if name:
        return path_of(f"{kind}s", name, config.folders)
    return own[int(number) - 1] if int(number) <= len(own) else ""


def picture_path(config: SdConfig, name: str) -> str:
    """Path of the named picture in the pictures folder; "" stays ""."""
    return str(find_named(name, [pictures_folder(config)], may_be_folder=False)) if name else ""


def pictures_folder(config: SdConfig) -> Path:
    return Path(config.pictures or "pictures")


def _require_t_index(text: Value) -> None:
    from engine.live.sd.settings import parse_t_index

    try:
        parse_t_index(str(text))
    except ModelError as reason:
        raise Rejected(str(reason)) from None


ENTRY = LiveEntry(
    name=CHILD,
    title="Stable Diffusion",
    table=SdConfig,
    no_model="no Stable Diffusion model is configured: start with `multiverse run --sd MODEL` (a "
    "diffusers folder, a "
    ".safetensors file or a Hugging Face id, for example --sd stabilityai/sd-turbo), "
    'or set model = "..." under [sd] in the configuration',
    not_offline="live Stable Diffusion cannot be repeated offline; `multiverse sd` paints pictures",
    opened_by="engine.live.sd.link:open_sd",
    conditions=conditions,
    first_values=first_values,
    lists={
        "/sd": "engine.live.sd.browsing:model_entries",
        **{f"/sd/{kind}": "engine.live.sd.browsing:part_entries" for kind in LISTS},
        "/sd/pictures": "engine.live.sd.browsing:picture_entries",
    },
)
