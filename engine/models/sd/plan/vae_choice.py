"""Chooses the VAE of a model. TAESD encodes and decodes some twenty times faster than the full one.

VAEs of different families have the same shape: SD 1.5 latents decoded by an SDXL VAE have wrong colours. They can be
told apart by the scaling factor in a folder's configuration; for single files and TAESD only by the name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models import locate
from engine.models.plain_config import CONFIG, read_config
from engine.models.sd.plan.extras import published_name
from engine.models.sd.plan.families import FAMILIES, FULL_VAES, TAESD, made_for_another
from engine.models.sd.plan.model_folder import DiffusersFolder
from engine.models.sd.plan.other_models import PART_CLASSES
from engine.models.sd.plan.unet_fields import LATENT_CHANNELS
from engine.models.sd.plan.vae_file import FULL, TINY, examine_vae_file
from engine.models.weight_files import Weights, weights_in

SCALING_FACTORS = {"sd15": 0.18215, "sd21": 0.18215, "sdxl": 0.13025}
"""Scaling factor of the full VAE's latents, by family (vae/config.json)."""
COLOURS = 3
KINDS = (TINY, FULL)
_SPAN = "scaling_factor shift_factor latents_mean latents_std".split()
_XL = re.compile(r"sdxl|taesdxl|(?<![a-z])xl(?![a-z])", re.IGNORECASE)
_FIRST = re.compile(
    r"taesd(?!xl|\d)|vae-ft-(mse|ema)|840000|560000|kl-f8|(?<![a-z0-9])sd-?(v?1|v?2|vae)|stable-diffusion-v?[12]",
    re.IGNORECASE,
)
_HALF_SAFE = re.compile(r"fp16[-_.]?fix", re.IGNORECASE)
"""Name of the SDXL VAE that works in half precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaeChoice:
    kind: str
    """AutoencoderTiny (TAESD) or AutoencoderKL."""
    folder: Path | None
    """Folder with `config.json` and the weights; None for a single file."""
    weights: Weights | None = None
    """None if the VAE is inside the model's single file."""
    config: dict[str, Any] = field(default_factory=dict)
    """config.json of a VAE in a separate single file, derived from its tensors."""
    wants_float32: bool = False
    """True if it overflows in float16, according to its configuration."""
    note: str = ""


def choose_vae(folder: DiffusersFolder, wanted: str, *, is_in_file: bool = False) -> VaeChoice:
    """The VAE for `wanted` (auto, taesd, full, or a folder, file or id).

    auto: TAESD if it is part of the model or in the Hugging Face cache, else the model's own VAE with a note.
    `is_in_file`: the model is a single file that contains its full VAE. ModelError if there is no such VAE, or if it
    does not fit this model.
    """
    own = folder.path / "vae"
    if wanted in ("auto", "taesd") and folder.is_taesd and weights_in(own):
        _require_channels(f"{folder.name}/vae", folder.vae, folder)
        return VaeChoice(kind=TINY, folder=own, weights=weights_in(own))
    tiny = TAESD[folder.family]
    other = _another_normalisation(folder)
    if wanted == "taesd" and other:
        raise ModelError(f"{folder.name}: there is no TAESD for a VAE whose {other}; use its own (vae = full)")
    if wanted == "taesd" or (wanted == "auto" and not other and _is_here(tiny)):
        return _elsewhere(tiny, folder)
    if wanted not in ("auto", "full"):
        return _elsewhere(wanted, folder)
    if wanted == "full" and folder.is_taesd:
        raise ModelError(f"{folder.name}: its VAE is a TAESD; for a full one, pass --vae PATH, or set vae under [sd]")
    if folder.vae:
        _require_kind(f"{folder.name}/vae", folder.vae.get("_class_name", FULL), folder)
        _require_channels(f"{folder.name}/vae", folder.vae, folder)
    note = ""
    if wanted == "auto" and not other:
        command = locate.download_command(tiny, locate.PART_FILES)
        note = f"TAESD is not on this machine, so the much slower full VAE is used; download it once: {command}"
    if is_in_file:
        return VaeChoice(kind=FULL, folder=None, wants_float32=_wants_float32(folder.vae), note=note)
    weights = weights_in(own)
    if weights is None:
        raise ModelError(f"{folder.name}: vae has no weights{locate.how_to_get(folder.name)}")
    wants_float32 = _wants_float32(folder.vae)
    return VaeChoice(kind=FULL, folder=own, weights=weights, wants_float32=wants_float32, note=note)


def _elsewhere(name: str, folder: DiffusersFolder) -> VaeChoice:
    path = locate.find(name, files=locate.PART_FILES)
    if path.is_file():
        beside = weights_in(path.parent)
        if beside is None or path not in beside.files or not (path.parent / CONFIG).is_file():
            return _of_file(name, path, folder)
        path = path.parent
    try:
        config = read_config(name, path)
    except ModelError as error:
        raise ModelError(f"{error}, so it is not a VAE folder{_file_hint(path)}") from None
    kind = str(config.get("_class_name"))
    _require_kind(name, kind, folder)
    _require_channels(name, config, folder)
    note = ""
    if kind == FULL:
        _require_factor(name, config, folder)
    else:
        note = _require_family(name, path, folder)
    weights = weights_in(path)
    if weights is None:
        raise ModelError(f"{name}: has no weights{locate.how_to_get(name)}")
    return VaeChoice(kind=kind, folder=path, weights=weights, wants_float32=_wants_float32(config), note=note)


def _of_file(name: str, path: Path, folder: DiffusersFolder) -> VaeChoice:
    file = examine_vae_file(name, path)
    _require_channels(name, file.config, folder)
    note = _require_family(name, path, folder)
    if file.kind == TINY:
        return VaeChoice(kind=TINY, folder=None, weights=file.weights, config=file.config, note=note)
    config = file.config | _span_of(folder)
    wants_float32 = folder.family == "sdxl" and not _HALF_SAFE.search(published_name(path))
    if wants_float32:
        slow = f"VAE {name}: computed in float32, as SDXL's overflows in half precision; half as slow: "
        note = "; ".join(filter(None, (note, f"{slow}{FULL_VAES['sdxl']}")))
    config["force_upcast"] = wants_float32
    return VaeChoice(
        kind=FULL, folder=None, weights=file.weights, config=config, wants_float32=wants_float32, note=note
    )


def _require_kind(name: str, kind: str, folder: DiffusersFolder) -> None:
    if kind not in KINDS:
        what = f" ({PART_CLASSES[kind]})" if kind in PART_CLASSES else ""
        raise ModelError(
            f"{name}: a {kind}{what}, where one of {' and '.join(KINDS)} is needed; {_that_fits(folder.family)}"
        )


def _require_channels(name: str, config: Mapping[str, Any], folder: DiffusersFolder) -> None:
    channels = config.get("latent_channels", LATENT_CHANNELS)
    if channels != LATENT_CHANNELS:
        whose = " (as SD 3's and Flux's)" if channels == 16 else ""
        raise ModelError(
            f"{name}: a VAE of {channels} latent channels{whose}, {folder.name} has {LATENT_CHANNELS}; "
            f"{_that_fits(folder.family)}"
        )
    for key in ("in_channels", "out_channels"):
        if (channels := config.get(key, COLOURS)) != COLOURS:
            raise ModelError(
                f"{name}: a VAE whose pictures have {str(channels)[:40]} channels ({key}), ours have {COLOURS}; "
                f"{_that_fits(folder.family)}"
            )
    for key in ("latents_mean", "latents_std"):
        values = config.get(key)
        if values is not None and not (isinstance(values, list) and len(values) == LATENT_CHANNELS):
            raise ModelError(f"{name}: {key} is not a list of {LATENT_CHANNELS} numbers")


def _require_factor(name: str, config: Mapping[str, Any], folder: DiffusersFolder) -> None:
    """Raise ModelError if this VAE scales latents differently from the one the model was trained with."""
    ours, theirs = _span_of(folder), {"scaling_factor": SCALING_FACTORS["sd15"]} | _configured_span(config)
    made_for = {factor: FAMILIES[family] for family, factor in reversed(SCALING_FACTORS.items())}
    whose = made_for.get(theirs["scaling_factor"])
    for key in _SPAN:
        if theirs.get(key) != ours.get(key):
            raise ModelError(
                f"{name}: a VAE{f' of {whose}' if whose else ''} whose {key} is {theirs.get(key)}, {folder.name} was "
                f"trained with {ours.get(key)}: all colours would be wrong; {_that_fits(folder.family)}"
            )


def _span_of(folder: DiffusersFolder) -> dict[str, Any]:
    """Scaling of the full VAE's latents for this model, from its configuration, else its family's."""
    own = folder.vae if folder.vae.get("_class_name", TINY) == FULL else {}
    return {"scaling_factor": SCALING_FACTORS[folder.family]} | _configured_span(own)


def _configured_span(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: config[key] for key in _SPAN if config.get(key)}


def _another_normalisation(folder: DiffusersFolder) -> str:
    """For example "scaling_factor is 0.5" if the scaling differs from that of the model's family, else ""."""
    for key, value in _span_of(folder).items():
        if value != {"scaling_factor": SCALING_FACTORS[folder.family]}.get(key):
            return f"{key} is {value}"
    return ""


def _require_family(name: str, path: Path, folder: DiffusersFolder) -> str:
    """A note if the name does not show the family; ModelError if it shows another family."""
    known_as = published_name(path)
    is_xl, is_first = _XL.search(known_as) is not None, _FIRST.search(known_as) is not None
    shown = FAMILIES[folder.family]
    if is_xl == is_first:
        return f"VAE {name}: its family is unknown; assuming {shown}"
    if is_xl != (folder.family == "sdxl"):
        theirs, why = FAMILIES["sdxl"] if is_xl else "SD 1.5 and 2.x", "all colours would be wrong"
        raise made_for_another(f"{name}: a VAE", theirs, folder.name, shown, _that_fits(folder.family), why=why)
    return ""


def _that_fits(family: str) -> str:
    full, tiny = FULL_VAES[family], TAESD[family]
    return f"those that fit: {tiny}, {full} ({locate.fetch_command(tiny, files=locate.PART_FILES)})"


def _file_hint(path: Path) -> str:
    files = sorted(path.glob("*.safetensors"))
    return f"; name the file itself: {files[0]}" if files else ""


def _is_here(hub_id: str) -> bool:
    folder = locate.cached(hub_id)
    return folder is not None and weights_in(folder) is not None


def _wants_float32(config: dict[str, Any]) -> bool:
    return config.get("_class_name") != TINY and config.get("force_upcast", True)
