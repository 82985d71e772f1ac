"""Conditions for `/sd`: refuse values that the schema allows but this run has no model, file or source for.

The command line and the configuration may name any model. Over OSC only files in the configured folders are allowed, so
that no sender can make the engine read the rest of the disk.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import osc_schema
from engine.config import SdConfig
from engine.errors import ModelError
from engine.live.sd.settings import parse_t_index
from engine.system.file_names import clean_name
from osc_schema import Rejected, Value
from osc_schema.sd import CONTROLNETS, LORAS

NO_MODEL = (
    "no Stable Diffusion model is configured: start with `multiverse run --sd MODEL` (a diffusers folder, a "
    ".safetensors file or a Hugging Face id, for example --sd stabilityai/sd-turbo), "
    'or set model = "..." under [sd] in the configuration'
)
WITHOUT_VIDEO = "no video is configured: start with `multiverse run --sd-video FILE`, or set video under [sd]"
WITHOUT_CAMERA = "no camera is open: choose one (/camera/open), or start with `multiverse run --camera INDEX` or a file"

Check = Callable[[Value], None]


def pictures_folder(config: SdConfig) -> Path:
    return Path(config.pictures or "pictures")


def conditions(config: SdConfig, *, has_camera: Callable[[], bool]) -> Iterator[tuple[str, Check]]:
    """(address, check) for `ParamStore.add_condition`. Defaults are never refused, because presets contain them."""
    if not config.model:
        yield from _refusing("/sd/enable", NO_MODEL)
    for n in CONTROLNETS[len(config.controlnets) :]:
        yield from _refusing(
            f"/sd/controlnet/{n}/enable", f"no ControlNet {n} is configured: add it to controlnets under [sd]"
        )
    for n in LORAS[len(config.loras) :]:
        yield from _refusing(f"/sd/lora/{n}/weight", f"no LoRA {n} is configured: add it as [[sd.loras]] with a path")
    image = "/sd/ip_adapter/image"
    if not config.ip_adapter:
        yield from _refusing(image, "no IP-Adapter is configured: set ip_adapter under [sd]")
    else:
        yield image, lambda name: _require(image, picture_named, config, name)
    yield "/sd/t_index", _require_places
    yield "/sd/model", lambda name: _require("/sd/model", model_named, config, name)

    def require_source(source: Value) -> None:
        reason = {"video": "" if config.video else WITHOUT_VIDEO, "camera": "" if has_camera() else WITHOUT_CAMERA}
        if reason.get(str(source)):
            raise Rejected(f"/sd/source: {reason[str(source)]}")

    yield "/sd/source", require_source


def model_named(config: SdConfig, name: str) -> str:
    """Path of the named model in the first model folder that contains it; "" gives the configured model."""
    if not name:
        return config.model
    if not config.folders:
        raise ValueError('no model folders are configured: set folders = ["..."] under [sd]')
    return _named(name, [Path(folder) for folder in config.folders])


def picture_named(config: SdConfig, name: str) -> str:
    """Path of the named picture in the pictures folder; "" stays ""."""
    return _named(name, [pictures_folder(config)]) if name else ""


def _named(name: str, folders: list[Path]) -> str:
    name = clean_name(name)
    for folder in folders:
        if (folder / name).exists():
            return str((folder / name).absolute())
    raise ValueError(f"is not in {', '.join(map(str, folders))}")


def _require_places(text: Value) -> None:
    try:
        parse_t_index(str(text))
    except ModelError as reason:
        raise Rejected(str(reason)) from None


def _refusing(address: str, reason: str) -> Iterator[tuple[str, Check]]:
    param = osc_schema.lookup(address)
    assert param is not None

    def check(value: Value) -> None:
        if value != param.default:
            raise Rejected(f"{address}: {reason}")

    yield address, check


def _require(address: str, find: Callable[[SdConfig, str], str], config: SdConfig, name: Value) -> None:
    try:
        find(config, str(name))
    except ValueError as reason:
        raise Rejected(f'{address}: "{name}": {reason}') from None
