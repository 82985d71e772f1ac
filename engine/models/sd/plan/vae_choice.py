"""Examines VAEs, and chooses one for a model. TAESD encodes and decodes some twenty times faster
than the full one.

VAEs of different families have the same shape, but with the wrong one colours are wrong. They can
be told apart by the scaling factor in a folder's configuration; for single files and TAESD only by
the name. Single files are those of Stable Diffusion's original code
(`vae-ft-mse-840000-ema-pruned`, `sdxl_vae`), of diffusers, and TAESD's own pairs (`taesd_encoder`
beside `taesd_decoder`). Does not load torch.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models import locate
from engine.models.locate import published_name
from engine.models.not_a_model import is_safetensors
from engine.models.plain_config import CONFIG, Config, read_config
from engine.models.sd.plan.families import FAMILIES, FULL_VAES, TAESD, wrong_model_error
from engine.models.sd.plan.model_folder import DiffusersFolder
from engine.models.sd.plan.original_names import Stored, count_inside, inner_tensors
from engine.models.sd.plan.other_models import PART_CLASSES
from engine.models.sd.plan.unet_config import LATENT_CHANNELS
from engine.models.tensor_file import TensorInfos
from engine.models.weight_files import WeightFiles, find_weights, headers_of, weights_of

FULL = "AutoencoderKL"
TINY = "AutoencoderTiny"
KINDS = (TINY, FULL)
SCALING_FACTORS = {"sd15": 0.18215, "sd21": 0.18215, "sdxl": 0.13025}
"""Scaling factor of the full VAE's latents, by family (vae/config.json)."""
COLOURS = 3
PREFIXES = ("first_stage_model.", "vae.")
"""Prefixes of a VAE's tensors in a file that may contain the whole model."""
TINY_WIDTHS = 4  # number of levels of a TAESD
TINY_LAYERS = {"encoder": 14, "decoder": 18}
"""Index of the last layer of each half (madebyollin/taesd, taesd.py); one more in the file of a
decoder."""
GROUPS = 32  # number of groups of every norm in the original VAE
_SCALING_KEYS = "scaling_factor shift_factor latents_mean latents_std".split()
_HALF = re.compile(r"(encoder|decoder)")
_LAYER = re.compile(r"\d+\.(.+\.)?(weight|bias)")
_OTHERS = (
    (r"decoder\.middle\.0\.residual\.0\.gamma", "Wan's video VAE"),
    (r"(decoder|encoder)\.stages\..+|encoder\.project_in\..+", "an AutoencoderDC (Sana's)"),
    (r"quantize\.embedding.*", "a VQModel"),
    (r".*(time_stack|temporal).*", "a VAE for video"),
    (r"decoder_unet\..+", "a consistency decoder"),
    (r"model\.diffusion_model\..+", "a checkpoint without a VAE in it"),
)
"""Patterns of tensors that only this kind of file has."""
_XL = re.compile(r"sdxl|taesdxl|(?<![a-z])xl(?![a-z])", re.IGNORECASE)
_FIRST = re.compile(
    r"taesd(?!xl|\d)|vae-ft-(mse|ema)|840000|560000|kl-f8|(?<![a-z0-9])sd-?(v?1|v?2|vae)|stable-diffusion-v?[12]",
    re.IGNORECASE,
)
_FIRST_FAMILIES = f"{FAMILIES['sd15']} and 2.x"
_HALF_SAFE = re.compile(r"fp16[-_.]?fix", re.IGNORECASE)
"""Name of the SDXL VAE that works in half precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaeChoice:
    """The VAE chosen for a model."""

    kind: str
    """AutoencoderTiny (TAESD) or AutoencoderKL."""
    folder: Path | None = None
    """Folder with `config.json` and the weights; None for a single file."""
    weights: WeightFiles | None = None
    """None if the VAE is inside the model's single file."""
    config: Config = field(default_factory=dict)
    """Its config.json; for a separate single file, derived from its tensors."""
    note: str = ""

    @property
    def wants_float32(self) -> bool:
        """True if it overflows in float16, according to its configuration."""
        return self.kind != TINY and bool(self.config.get("force_upcast", True))


def choose_vae(folder: DiffusersFolder, requested: str, *, is_in_file: bool = False) -> VaeChoice:
    """Choose the VAE for `requested` (auto, taesd, full, or a folder, file or id). auto: TAESD if
    it is part of the model or in the Hugging Face cache, else the model's own VAE with a note.
    `is_in_file`: the model is a single file that contains its full VAE. ModelError if there is no
    such VAE, or if it does not fit this model."""
    own = folder.path / "vae"
    if requested in ("auto", "taesd") and folder.is_taesd and (weights := find_weights(own)):
        _require_channels(f"{folder.name}/vae", folder.vae, folder)
        return VaeChoice(kind=TINY, folder=own, weights=weights, config=folder.vae)
    tiny = TAESD[folder.family]
    usual = {"scaling_factor": SCALING_FACTORS[folder.family]}
    other = next(
        (
            f"{key} is {value}"
            for key, value in _scaling_of(folder).items()
            if value != usual.get(key)
        ),
        "",
    )
    if requested == "taesd" and other:
        raise ModelError(
            f"{folder.name}: there is no TAESD for a VAE whose {other}; use its own (vae = full)"
        )
    if requested == "taesd" or (requested == "auto" and not other and _is_here(tiny)):
        return _separate_vae(tiny, folder)
    if requested not in ("auto", "full"):
        return _separate_vae(requested, folder)
    if requested == "full" and folder.is_taesd:
        raise ModelError(
            f"{folder.name}: its VAE is a TAESD; for a full one, pass --vae PATH, or set vae "
            "under [sd]"
        )
    if folder.vae:
        _require_kind(f"{folder.name}/vae", folder.vae.get("_class_name", FULL), folder)
        _require_channels(f"{folder.name}/vae", folder.vae, folder)
    note = ""
    if requested == "auto" and not other:
        command = locate.download_command(tiny, locate.PART_FILES)
        note = (
            "TAESD is not on this machine, so the much slower full VAE is used; download it "
            f"once: {command}"
        )
    if is_in_file:
        return VaeChoice(kind=FULL, config=folder.vae, note=note)
    found = find_weights(own)
    if found is None:
        raise ModelError(f"{folder.name}: vae has no weights{locate.how_to_get(folder.name)}")
    return VaeChoice(kind=FULL, folder=own, weights=found, config=folder.vae, note=note)


def _separate_vae(name: str, folder: DiffusersFolder) -> VaeChoice:
    path = locate.find(name, files=locate.PART_FILES)
    if path.is_file():
        beside = find_weights(path.parent)
        if beside is None or path not in beside.files or not (path.parent / CONFIG).is_file():
            return _of_file(name, path, folder)
        path = path.parent
    try:
        config = read_config(name, path)
    except ModelError as error:
        files = sorted(path.glob("*.safetensors"))
        hint = f"; name the file itself: {files[0]}" if files else ""
        raise ModelError(f"{error}, so it is not a VAE folder{hint}") from None
    kind = str(config.get("_class_name"))
    _require_kind(name, kind, folder)
    _require_channels(name, config, folder)
    if kind == FULL:
        _require_factor(name, config, folder)
    note = "" if kind == FULL else _family_note(name, path, folder)
    weights = find_weights(path)
    if weights is None:
        raise ModelError(f"{name}: has no weights{locate.how_to_get(name)}")
    return VaeChoice(kind=kind, folder=path, weights=weights, config=config, note=note)


def _of_file(name: str, path: Path, folder: DiffusersFolder) -> VaeChoice:
    weights, config = _examine_weights(name, path)
    _require_channels(name, config, folder)
    note = _family_note(name, path, folder)
    if config["_class_name"] == TINY:
        return VaeChoice(kind=TINY, weights=weights, config=config, note=note)
    if wants_float32 := folder.family == "sdxl" and not _HALF_SAFE.search(published_name(path)):
        slow = (
            f"VAE {name}: computed in float32, as SDXL's overflows in half precision; half as "
            "slow: "
        )
        note = "; ".join(filter(None, (note, f"{slow}{FULL_VAES['sdxl']}")))
    config |= _scaling_of(folder) | {"force_upcast": wants_float32}
    return VaeChoice(kind=FULL, weights=weights, config=config, note=note)


def _is_here(hub_id: str) -> bool:
    folder = locate.cached_folder(hub_id)
    return folder is not None and find_weights(folder) is not None


# -- fitting the model


def _require_kind(name: str, kind: str, folder: DiffusersFolder) -> None:
    if kind not in KINDS:
        what = f" ({PART_CLASSES[kind]})" if kind in PART_CLASSES else ""
        needed = f"where one of {' and '.join(KINDS)} is needed"
        raise ModelError(f"{name}: a {kind}{what}, {needed}; {_fitting_vaes(folder.family)}")


def _require_channels(name: str, config: Config, folder: DiffusersFolder) -> None:
    channels = config.get("latent_channels", LATENT_CHANNELS)
    if channels != LATENT_CHANNELS:
        whose = " (as SD 3's and Flux's)" if channels == 16 else ""
        ours = f"{folder.name} has {LATENT_CHANNELS}"
        raise ModelError(
            f"{name}: a VAE of {channels} latent channels{whose}, {ours}; "
            f"{_fitting_vaes(folder.family)}"
        )
    for key in ("in_channels", "out_channels"):
        channels = config.get(key, COLOURS)
        if channels != COLOURS:
            raise ModelError(
                f"{name}: a VAE whose pictures have {str(channels)[:40]} channels ({key}), ours "
                f"have {COLOURS}; "
                f"{_fitting_vaes(folder.family)}"
            )
    for key in ("latents_mean", "latents_std"):
        values = config.get(key)
        if values is not None and not (isinstance(values, list) and len(values) == LATENT_CHANNELS):
            raise ModelError(f"{name}: {key} is not a list of {LATENT_CHANNELS} numbers")


def _require_factor(name: str, config: Config, folder: DiffusersFolder) -> None:
    """Raise ModelError if this VAE scales latents differently from the one the model was trained
    with."""
    ours = _scaling_of(folder)
    theirs = {"scaling_factor": SCALING_FACTORS["sd15"]} | _configured_scaling(config)
    families = {factor: FAMILIES[family] for family, factor in reversed(SCALING_FACTORS.items())}
    whose = families.get(theirs["scaling_factor"])
    for key in _SCALING_KEYS:
        if theirs.get(key) != ours.get(key):
            raise ModelError(
                f"{name}: a VAE{f' of {whose}' if whose else ''} whose {key} is "
                f"{theirs.get(key)}, {folder.name} was "
                f"trained with {ours.get(key)}: all colours would be wrong; "
                f"{_fitting_vaes(folder.family)}"
            )


def _scaling_of(folder: DiffusersFolder) -> dict[str, Any]:
    """Scaling of the full VAE's latents for this model, from its configuration, else its
    family's."""
    own = folder.vae if folder.vae.get("_class_name", TINY) == FULL else {}
    return {"scaling_factor": SCALING_FACTORS[folder.family]} | _configured_scaling(own)


def _configured_scaling(config: Config) -> dict[str, Any]:
    return {key: config[key] for key in _SCALING_KEYS if config.get(key)}


def vae_kind(name: str) -> tuple[str, str]:
    """The kind of a VAE, one of KINDS, and the families shown by its name or "". ModelError if it
    is not a VAE."""
    path = locate.find(name, files=locate.PART_FILES)
    config = _examine_weights(name, path)[1] if path.is_file() else read_config(name, path)
    if config.get("_class_name") not in KINDS:
        raise ModelError(f"{name}: not a VAE of Stable Diffusion")
    return config["_class_name"], _families_shown(path)


def _families_shown(path: Path) -> str:
    """Families recognized in the name of a VAE, "" if none."""
    known_as = published_name(path)
    is_xl = _XL.search(known_as) is not None
    is_first = _FIRST.search(known_as) is not None
    return "" if is_xl == is_first else FAMILIES["sdxl"] if is_xl else _FIRST_FAMILIES


def _family_note(name: str, path: Path, folder: DiffusersFolder) -> str:
    """A note if the name does not show the family; ModelError if it shows another family."""
    theirs = _families_shown(path)
    ours = FAMILIES[folder.family]
    if not theirs:
        return f"VAE {name}: its family is unknown; assuming {ours}"
    if (theirs == FAMILIES["sdxl"]) != (folder.family == "sdxl"):
        why = "all colours would be wrong"
        raise wrong_model_error(
            f"{name}: a VAE", theirs, folder.name, ours, _fitting_vaes(folder.family), why=why
        )
    return ""


def _fitting_vaes(family: str) -> str:
    full = FULL_VAES[family]
    tiny = TAESD[family]
    return f"those that fit: {tiny}, {full} ({locate.fetch_command(tiny, files=locate.PART_FILES)})"


# -- single files


def _examine_weights(name: str, file: Path) -> tuple[WeightFiles, dict[str, Any]]:
    """The weights, and the config.json that diffusers would write, except the scaling factor, which
    cannot be derived from tensors. ModelError in one line, with the actual kind of the file, if it
    is not a Stable Diffusion VAE."""
    weights = weights_of(name, file)
    header = headers_of(weights)
    if header and all(_LAYER.fullmatch(each) for each in header):
        return _tiny_pair(name, file)
    tensors = vae_tensors(header)
    for pattern, kind in _OTHERS:
        if any(re.fullmatch(pattern, each) for each in tensors or header):
            raise ModelError(
                f"{name}: {kind}; supported: an {FULL} or a TAESD, such as madebyollin/taesd"
            )
    if "encoder.layers.0.weight" in tensors and "decoder.layers.0.weight" in tensors:
        return weights, _tiny_config(name, tensors)
    for half in ("encoder", "decoder"):
        if f"{half}.conv_in.weight" not in tensors:
            first = next(iter(header), "none")
            raise ModelError(
                f"{name}: not a VAE, it has no {half} (first of {len(header)}: {first})"
            )
    return weights, _full_config(tensors)


def vae_tensors(stored: Mapping[str, Stored]) -> dict[str, Stored]:
    """Tensors of a VAE's file, or their descriptions, by the network's names without prefix."""
    for start in PREFIXES:
        if own := inner_tensors(stored, start):
            return own
    return dict(stored)


def is_original_vae(names: Collection[str]) -> bool:
    """True for the layout of Stable Diffusion's original code, not diffusers'."""
    return any(name.startswith("encoder.down.") for name in names)


def join_halves(encoder: Mapping[str, Stored], decoder: Mapping[str, Stored]) -> dict[str, Stored]:
    """Join the tensors of a TAESD's two files by diffusers' names. diffusers' decoder clamps
    outside its layers, so its layer indices are one lower (see convert_tiny_autoencoder)."""
    tensors = {f"encoder.layers.{name}": tensor for name, tensor in encoder.items()}
    for name, tensor in decoder.items():
        number, _, rest = name.partition(".")
        tensors[f"decoder.layers.{int(number) - 1}.{rest}"] = tensor
    return tensors


def _tiny_pair(name: str, file: Path) -> tuple[WeightFiles, dict[str, Any]]:
    halves = _HALF.findall(file.stem)
    if not halves:
        raise ModelError(
            f"{name}: half of a TAESD, with a name that does not show which; name the files "
            "..._encoder and ..._decoder"
        )
    half = halves[-1]
    other = "decoder" if half == "encoder" else "encoder"
    beside = file.with_name(other.join(file.name.rsplit(half, 1)))
    if not beside.is_file():
        raise ModelError(
            f"{name}: the {half} of a TAESD without its {other}; put {beside.name} next to it"
        )
    files = (file, beside) if half == "encoder" else (beside, file)
    config = _tiny_config(
        name, join_halves(*(headers_of(weights_of(name, path)) for path in files))
    )
    is_pickle = not all(map(is_safetensors, files))
    return WeightFiles(files=files, variant=None, is_pickle=is_pickle), config


def _tiny_config(name: str, tensors: TensorInfos) -> dict[str, Any]:
    for half, last in TINY_LAYERS.items():
        if (
            f"{half}.layers.0.weight" not in tensors
            or f"{half}.layers.{last}.weight" not in tensors
        ):
            raise ModelError(
                f"{name}: an unknown kind of TAESD, its {half} does not have {last + 1} layers"
            )
    return {
        "_class_name": TINY,
        "encoder_block_out_channels": [tensors["encoder.layers.0.weight"].shape[0]] * TINY_WIDTHS,
        "decoder_block_out_channels": [tensors["decoder.layers.0.weight"].shape[0]] * TINY_WIDTHS,
        "latent_channels": tensors["decoder.layers.0.weight"].shape[1],
    }


def _full_config(tensors: TensorInfos) -> dict[str, Any]:
    down, resnet = ("down", "block") if is_original_vae(tensors) else ("down_blocks", "resnets")
    widths: list[int] = []
    while (
        first := tensors.get(f"encoder.{down}.{len(widths)}.{resnet}.0.conv1.weight")
    ) is not None:
        widths.append(first.shape[0])
    return {
        "_class_name": FULL,
        "block_out_channels": widths,
        "down_block_types": ["DownEncoderBlock2D"] * len(widths),
        "up_block_types": ["UpDecoderBlock2D"] * len(widths),
        "layers_per_block": count_inside(tensors, f"encoder.{down}.0.{resnet}."),
        "latent_channels": tensors["decoder.conv_in.weight"].shape[1],
        "norm_num_groups": GROUPS,
        "use_quant_conv": "quant_conv.weight" in tensors,
        "use_post_quant_conv": "post_quant_conv.weight" in tensors,
    }
