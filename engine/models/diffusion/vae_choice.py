"""Which VAE a model is to use. TAESD encodes and decodes some twenty times faster than the full one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models import locate
from engine.models.diffusion.model_folder import ModelFolder
from engine.models.plain_config import read_config
from engine.models.weight_files import Weights, weights_in

TAESD = {"sd15": "madebyollin/taesd", "sd21": "madebyollin/taesd", "sdxl": "madebyollin/taesdxl"}
KINDS = ("AutoencoderTiny", "AutoencoderKL")


@dataclass(frozen=True, slots=True, kw_only=True)
class VaeChoice:
    kind: str
    """AutoencoderTiny (TAESD) or AutoencoderKL."""
    folder: Path | None
    """Holds `config.json` and the weights; None: the VAE is inside the model's single file."""
    weights: Weights | None = None
    wants_float32: bool = False
    """Its configuration says that float16 overflows."""
    note: str = ""


def choose_vae(folder: ModelFolder, wanted: str, *, is_in_file: bool = False) -> VaeChoice:
    """The VAE for `wanted` (auto, taesd, full, or a folder or id).

    auto takes TAESD where the model ships it or it lies in the Hugging Face cache, else the model's own with a note.
    `is_in_file`: the model is a single file that holds its full VAE. ModelError where there is no such VAE.
    """
    own = folder.path / "vae"
    if wanted in ("auto", "taesd") and folder.is_taesd and weights_in(own):
        return VaeChoice(kind="AutoencoderTiny", folder=own, weights=weights_in(own))
    tiny = TAESD[folder.family]
    if wanted == "taesd" or (wanted == "auto" and _is_here(tiny)):
        return _elsewhere(tiny)
    if wanted not in ("auto", "full"):
        return _elsewhere(wanted)
    if wanted == "full" and folder.is_taesd:
        raise ModelError(
            f"{folder.name}: its own VAE is a TAESD, there is no full one here; name one as vae under [sd] in a file "
            "and pass --config FILE.toml"
        )
    note = ""
    if wanted == "auto":
        command = locate.download_command(tiny, locate.PART_FILES)
        note = f"no TAESD here, so the much slower full VAE is used; fetch it once: {command}"
    if is_in_file:
        return VaeChoice(kind="AutoencoderKL", folder=None, wants_float32=_wants_float32(folder.vae), note=note)
    weights = weights_in(own)
    if weights is None:
        raise ModelError(f"{folder.name}: vae has no weights{locate.how_to_get(folder.name)}")
    wants_float32 = _wants_float32(folder.vae)
    return VaeChoice(kind="AutoencoderKL", folder=own, weights=weights, wants_float32=wants_float32, note=note)


def _elsewhere(name: str) -> VaeChoice:
    path = locate.find(name, files=locate.PART_FILES)
    try:
        config = read_config(name, path)
    except ModelError as error:
        raise ModelError(f"{error}, so it is no VAE folder") from None
    kind = config.get("_class_name")
    if kind not in KINDS:
        raise ModelError(f"{name}: a {kind}, where one of {' and '.join(KINDS)} is needed")
    weights = weights_in(path)
    if weights is None:
        raise ModelError(f"{name}: has no weights{locate.how_to_get(name)}")
    return VaeChoice(kind=kind, folder=path, weights=weights, wants_float32=_wants_float32(config))


def _is_here(hub_id: str) -> bool:
    folder = locate.cached(hub_id)
    return folder is not None and weights_in(folder) is not None


def _wants_float32(config: dict[str, Any]) -> bool:
    return config.get("_class_name") != "AutoencoderTiny" and config.get("force_upcast", True)
