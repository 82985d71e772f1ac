"""Examines an IP-Adapter by its headers, and finds the image encoder that it needs. Does not load
torch.

Published adapters come with two CLIP vision models, ViT-H and ViT-bigG, in folders of the same
name. A standard adapter takes the encoder's projection (width 1024 of ViT-H, 1280 of bigG); plus
and full-face take its second to last layer (width 1280 of ViT-H, 1664 of bigG). So the adapter's
shapes show which encoder it needs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models import locate
from engine.models.locate import published_name
from engine.models.pickle_file import pickle_note
from engine.models.plain_config import CONFIG, read_config
from engine.models.sd.plan.families import FAMILIES, TEXT_WIDTHS, wrong_model_error
from engine.models.sd.plan.network_outline import NetworkOutline
from engine.models.tensor_file import TensorInfos
from engine.models.tensor_rule import require_known, require_present
from engine.models.toml_tables import tables_beside
from engine.models.weight_files import WeightFiles, find_weights, headers_of, weights_of

PUBLISHED = "h94/IP-Adapter"
ENCODER = "image_encoder"
VIT_H = "models/image_encoder"
BIG_G = "sdxl_models/image_encoder"
"""Folders of PUBLISHED that contain the two encoders."""
ENCODER_FILES = ("config.json", "model.safetensors")
ADAPTERS = {
    "sd15": "models/ip-adapter_sd15.safetensors",
    "sdxl": "sdxl_models/ip-adapter_sdxl_vit-h.safetensors",
}
"""A standard adapter for each family that has one; SD 2.x has none."""
FACE_NUMBERS = 512  # width of a face recognition embedding, the input of FaceID and InstantID
_DEFAULTS = {"hidden_size": 768, "projection_dim": 512}  # default of transformers' CLIPVisionConfig
_KEY = re.compile(r"ip_adapter\.(\d+)\.to_k_ip\.weight")
_LAYER = re.compile(r"image_proj\.layers\.(\d+)\.")
_NAMES: dict[str, list[str]] = tables_beside(__file__)
"""The tensors of each supported kind."""
_KOLORS_WIDTH = 1024
"""hidden_size of the CLIP ViT-L of Kolors' adapter. Kolors' UNet has the same widths as SDXL's, but
other texts."""
_FACE = "which needs a face detector"


@dataclass(frozen=True, slots=True)
class EncoderRequirement:
    """The image encoder that an IP-Adapter needs: `key` in its config.json must be `width`."""

    key: str
    """projection_dim for a standard adapter, hidden_size for plus and full-face."""
    width: int

    def is_met_by(self, config: Mapping[str, Any]) -> bool:
        inner = config.get("vision_config")
        vision = inner if isinstance(inner, dict) else config
        return bool(vision.get(self.key, _DEFAULTS[self.key]) == self.width)

    @property
    def published(self) -> str:
        """The folder of PUBLISHED with this encoder, or ""."""
        known = {("projection_dim", 1024): VIT_H, ("hidden_size", 1280): VIT_H}
        known |= {("projection_dim", 1280): BIG_G, ("hidden_size", 1664): BIG_G}
        return known.get((self.key, self.width), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class IpAdapterFiles:
    """An IP-Adapter on disk with the image encoder that it needs."""

    name: str
    """The name given by the user."""
    file: Path
    tensors: TensorInfos
    encoder: Path
    """The folder of the CLIP vision model."""
    encoder_config: dict[str, Any]
    encoder_weights: WeightFiles
    notes: tuple[str, ...] = ()


def examine_ip_adapter(name: str, encoder: str, outline: NetworkOutline | None) -> IpAdapterFiles:
    """Examine an IP-Adapter from its headers. ModelError in one line if `load` would refuse it.
    `encoder`: its image encoder, "": search. `outline`: that of its model, or None if unknown."""
    file = locate.find(name)
    if file.is_dir():
        names = (
            ", ".join(sorted(each.name for each in file.glob("*adapter*.safetensors"))) or "none"
        )
        raise ModelError(
            f"{name}: an IP-Adapter is one .safetensors or .bin file; name the file (found: "
            f"{names})"
        )
    weights = weights_of(name, file)
    tensors = headers_of(weights)
    need = _required_encoder(name, file, tensors)
    _require_tensors(name, tensors)
    if outline is not None:
        _require_fit(name, tensors, outline)
    folder, config = _encoder(name, file, encoder, need)
    encoder_weights = find_weights(folder)
    if encoder_weights is None:
        raise ModelError(f"{folder} has no weights{locate.how_to_get(encoder)}")
    notes = (pickle_note(f"ip_adapter {file.name}"),) if weights.is_pickle else ()
    return IpAdapterFiles(
        name=name,
        file=file,
        tensors=tensors,
        encoder=folder,
        encoder_config=config,
        encoder_weights=encoder_weights,
        notes=notes,
    )


def ip_adapter_base(name: str) -> str:
    """The family of an IP-Adapter, "" if unknown; needs no image encoder. ModelError if its kind is
    unsupported."""
    file = locate.find(name)
    tensors = headers_of(weights_of(name, file))
    _required_encoder(name, file, tensors)
    return TEXT_WIDTHS.get(
        next(tensor.shape[1] for each, tensor in tensors.items() if _KEY.fullmatch(each)), ""
    )


def _required_encoder(name: str, file: Path, tensors: TensorInfos) -> EncoderRequirement:
    """The image encoder that the adapter needs. ModelError with its kind if it is an unsupported
    one."""

    def shape(inner: str) -> tuple[int, ...]:
        tensor = tensors.get(f"image_proj.{inner}")
        return tensor.shape if tensor is not None and len(tensor.shape) >= 2 else ()

    known = "supported: standard, plus, plus-face and full-face of SD 1.5 and SDXL"
    if any(
        each.startswith(("id_adapter", "pulid", "image_proj.mapping_", "image_proj.body."))
        for each in tensors
    ):
        raise ModelError(f"{name}: a PuLID adapter, {_FACE}; {known}")
    is_face = "image_proj.perceiver_resampler.proj_in.weight" in tensors or (
        shape("proj.0.weight") and "image_proj.norm.weight" in tensors
    )
    if is_face or any("_lora." in each for each in tensors):
        raise ModelError(f"{name}: a FaceID adapter, {_FACE}; {known}")
    if not any(_KEY.fullmatch(each) for each in tensors):
        raise ModelError(
            f"{name}: not an IP-Adapter for Stable Diffusion ({len(tensors)} tensors); {known}"
        )
    if shape("proj.weight"):
        return EncoderRequirement("projection_dim", shape("proj.weight")[1])
    if shape("proj.0.weight") and "image_proj.proj.3.weight" in tensors:
        return EncoderRequirement("hidden_size", shape("proj.0.weight")[1])
    if not shape("proj_in.weight") or not shape("latents"):
        raise ModelError(f"{name}: its image_proj is of an unknown kind; {known}")
    width = shape("proj_in.weight")[1]
    if width == FACE_NUMBERS:
        raise ModelError(f"{name}: InstantID's adapter, {_FACE}; {known}")
    if width == _KOLORS_WIDTH or "kolors" in published_name(file).lower():
        raise ModelError(f"{name}: an IP-Adapter of Kolors, which is not supported; {known}")
    return EncoderRequirement("hidden_size", width)


def _require_tensors(name: str, tensors: TensorInfos) -> None:
    """Raise ModelError unless the file has all tensors of its kind, and no others."""
    kind = next(
        (kind for kind in ("standard", "full") if f"image_proj.{_NAMES[kind][0]}" in tensors),
        "plus",
    )
    layers = {found[1] for each in tensors if (found := _LAYER.match(each))}
    numbers = [found[1] for each in tensors if (found := _KEY.fullmatch(each))]
    names = {f"image_proj.{each}" for each in _NAMES[kind]}
    names |= {f"image_proj.layers.{layer}.{each}" for layer in layers for each in _NAMES["layer"]}
    names |= {f"ip_adapter.{number}.to_{side}_ip.weight" for number in numbers for side in "kv"}
    require_present(name, sorted(names - tensors.keys()))
    require_known(
        name, "an IP-Adapter", tensors.keys() - names, why="it is another kind of adapter"
    )


def _require_fit(name: str, tensors: TensorInfos, outline: NetworkOutline) -> None:
    keys = [tensor.shape for each, tensor in tensors.items() if _KEY.fullmatch(each)]
    theirs = keys[0][1]
    ours = outline.text_width
    model = outline.model
    family = FAMILIES[outline.family]
    if theirs != ours:
        base = TEXT_WIDTHS.get(theirs, f"texts of {theirs} numbers a token")
        fitting = ADAPTERS.get(outline.family)
        take = f"none is published for {family}"
        if fitting:
            take = (
                f"one that fits: {PUBLISHED}/{fitting} "
                f"({locate.fetch_command(f'{PUBLISHED}/{fitting}')})"
            )
        raise wrong_model_error(f"{name}: an IP-Adapter", base, model, family, take)
    attended = [
        tensor.shape
        for each, tensor in outline.unet_tensors.items()
        if each.endswith(".attn2.to_k.weight")
    ]
    if attended and sorted(shape[0] for shape in attended) != sorted(shape[0] for shape in keys):
        raise ModelError(
            f"{name}: an IP-Adapter for a UNet with {len(keys)} attention layers, that of {model} "
            f"has {len(attended)} "
            "or others (a distilled one?); use a model with a whole UNet"
        )


def _encoder(
    name: str, file: Path, named: str, need: EncoderRequirement
) -> tuple[Path, dict[str, Any]]:
    """Folder and config.json of the CLIP vision model that meets `need`: `named` (folder or id), or
    an `image_encoder` folder near the file, as in published repositories. ModelError with the next
    step if there is none."""
    above = file.parent.parent
    folders = (
        root / ENCODER for root in (file.parent, above, above / "models", above / "sdxl_models")
    )
    near = {
        folder: read_config(str(folder), folder)
        for folder in folders
        if (folder / CONFIG).is_file()
    }
    fitting = [(folder, config) for folder, config in near.items() if need.is_met_by(config)]
    if named:
        folder = locate.find(named, files=locate.PART_FILES)
        config = near.get(folder) or read_config(named, folder)
        if need.is_met_by(config):
            return folder, config
        fits = [folder for folder, _ in fitting]
        raise ModelError(
            f"{name}: needs {_describe(need)}, {named} is another; {_how_to_get(need, fits)}"
        )
    if fitting:
        return fitting[0]
    lacking = (
        "the one next to it is another" if near else "there is no image_encoder folder next to it"
    )
    raise ModelError(f"{name}: needs {_describe(need)}, {lacking}; {_how_to_get(need, [], name)}")


def _describe(need: EncoderRequirement) -> str:
    called = {VIT_H: " (CLIP ViT-H)", BIG_G: " (CLIP ViT-bigG)"}.get(need.published, "")
    return f"an image_encoder whose {need.key} is {need.width}{called}"


def _how_to_get(need: EncoderRequirement, fitting: list[Path], adapter: str = "") -> str:
    """How to get the encoder. `adapter`: the requested id, if its repository may contain the
    encoder."""
    if fitting:
        return f"this one fits: {fitting[0]}"
    if not need.published:
        is_id = bool(adapter) and not Path(adapter).expanduser().exists()
        command = locate.fetch_command(f"{adapter.rpartition('/')[0]}/{ENCODER}") if is_id else ""
        return f"fetch it once: {command}" if command else "name one with image_encoder"
    files = tuple(f"{need.published}/{each}" for each in ENCODER_FILES)
    command = locate.fetch_command(PUBLISHED, files=files)
    return (
        "put it there, or fetch it once and name it as image_encoder: "
        f"{PUBLISHED}/{need.published} ({command})"
    )
