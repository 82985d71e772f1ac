"""Examines models in a single file, like most shared checkpoints: weights without a configuration.
No torch."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import ModelError
from engine.models import locate
from engine.models.pickle_file import pickle_note
from engine.models.quantized import QuantizedWeights, find_quantized, quantized_note, require_plain
from engine.models.sd.plan.families import CONFIGS, FAMILIES, SUPPORTED, TAESD, wrong_model_error
from engine.models.sd.plan.model_folder import DiffusersFolder
from engine.models.sd.plan.original_names import (
    ENCODERS,
    UNET,
    diffusers_name,
    modern_name,
    text_weights,
)
from engine.models.sd.plan.other_models import kind_of, unet_alone
from engine.models.sd.plan.prediction import FilePrediction, file_prediction
from engine.models.sd.plan.sampler_name import sampler_from_name
from engine.models.sd.plan.unet_config import require_same_blocks
from engine.models.tensor_file import Q8, TensorFile, TensorInfo, TensorInfos
from engine.models.tensor_rule import HARMLESS, require_known
from engine.models.weight_files import open_checkpoint

CLASSES = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL"}
TEXT_CLASSES = {"text_encoder": "CLIPTextModel", "text_encoder_2": "CLIPTextModelWithProjection"}
VAE = "first_stage_model."
_OWN = (UNET, VAE, *(start for starts in ENCODERS.values() for start in starts))
_BESIDE = re.compile(
    rf"{HARMLESS.pattern}|^(embedding_manager|denoiser)\.|^edm_\w+|^(v_pred|ztsnr|scaled_fp8|scale_factor|logvar)$"
    r"|^(alphas|betas|sqrt|log_one|posterior|lvlb)\w*$"
)
"""Tensors in checkpoints that belong to none of their networks: averages of training, tables of
noise, and marks."""
_POSITIONS = "embeddings.position_embedding.weight"
_LAYER = re.compile(r"encoder\.layers\.(\d+)\.")
_TEXT_WIDTH_2 = 1024
DEPTH = 12
"""Layers of a text encoder whose configuration does not say it, as transformers has them."""
_INPUT = f"{UNET}input_blocks.0.0.weight"
_OUTPUT = f"{UNET}out.2.weight"
_OTHER_VAE = "the latents of another VAE: 16 are Flux's or SD 3's, 32 and 128 Flux.2's, as in Mugen"
_XL_EMBEDDING = f"{UNET}label_emb.0.0.weight"
_KINDS = {
    9: "an inpainting model",
    8: "an editing model (pix2pix)",
    7: "an upscaler",
    5: "a depth model",
    0: "damaged",
}
_ADDED = "another program added it"
_EDM = "continuous EDM noise is not supported; supported: "


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleFile:
    """A checkpoint of a whole model, or of its UNet only (`unet_file`), described by its header."""

    file: TensorFile
    family: str
    """sd15, sd21 or sdxl."""
    tensors: TensorInfos
    """Tensors by their current original names (`original_names.modern_name`), without those for
    quantization."""
    prediction: FilePrediction
    stored: dict[str, str] = field(default_factory=dict)
    """Names in the file by the names in `tensors`."""
    quantized: QuantizedWeights = field(default_factory=QuantizedWeights)
    name: str = ""
    """The public name, if it is not the file's: of the folder or repository of a UNet."""

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def public_name(self) -> str:
        return self.name or self.path.stem

    @property
    def folder_beside(self) -> Path:
        """The folder that may contain its configuration: `x/` for `x.safetensors`."""
        return self.path.with_suffix("")

    @property
    def is_turbo(self) -> bool:
        """True if its name says so and it does not predict v."""
        named = sampler_from_name(self.public_name, is_lora=False)
        return named is not None and named.kind == "turbo" and not self._predicts_v

    @property
    def config_ids(self) -> list[str]:
        """Repositories with its configuration, the preferred one first."""
        kind = "v" if self._predicts_v else "turbo" if self.is_turbo else "usual"
        return CONFIGS[kind].get(self.family) or CONFIGS["usual"][self.family]

    @property
    def notes(self) -> tuple[str, ...]:
        notes = [pickle_note(self.path.name)] if self.file.is_pickle else []
        dtypes = (
            self.tensors[name].dtype
            for name, stored_name in self.stored.items()
            if stored_name in self.quantized.scales or self.tensors[name].dtype == Q8
        )
        return (*notes, *quantized_note(self.path.name, dtypes))

    @property
    def _predicts_v(self) -> bool:
        choice = self.prediction.marked or self.prediction.likely
        return choice is not None and choice.value == "v_prediction"


def examine(file: Path) -> SingleFile:
    """Examine a checkpoint. ModelError in one line, with the actual kind of the file, if it is not
    a supported one."""
    opened = open_checkpoint(file)
    is_xl = _XL_EMBEDDING in opened.tensors
    return describe_checkpoint(
        opened, {modern_name(name, is_xl=is_xl): name for name in opened.tensors}
    )


def describe_checkpoint(file: TensorFile, named: Mapping[str, str], name: str = "") -> SingleFile:
    """Describe a checkpoint file. `named`: names in the file by original names. ModelError as from
    `examine`."""
    listed = file.tensors
    family = _family_in({ours: listed[theirs] for ours, theirs in named.items()}, file.path)
    quantized = find_quantized(file, (UNET, "diffusion_model."))
    stored = {ours: theirs for ours, theirs in named.items() if theirs not in quantized.auxiliary}
    tensors = {ours: listed[theirs] for ours, theirs in stored.items()}
    if file.is_gguf and family != "sd15":
        tensors = {ours: _as_linear(ours, tensor) for ours, tensor in tensors.items()}
    others = {
        ours: tensor for ours, tensor in tensors.items() if not ours.endswith((".weight", ".bias"))
    }
    require_plain(str(file), others)
    beside = [stored[ours] for ours in stored if not ours.startswith(_OWN)]
    require_known(str(file), "a checkpoint", beside, may_ignore=_BESIDE.search, why=_ADDED)
    own = [ours for ours in stored if ours.startswith(UNET)]
    strange = [stored[ours] for ours in own if ours in others or not diffusers_name(ours, 2)]
    require_known(str(file), "a UNet", strange, why=_ADDED)
    return SingleFile(
        file=file,
        family=family,
        tensors=tensors,
        prediction=file_prediction(file, family),
        stored=stored,
        quantized=quantized,
        name=name,
    )


def _as_linear(name: str, tensor: TensorInfo) -> TensorInfo:
    """The description of a UNet's projection as SD 2.x and SDXL have it; stable-diffusion.cpp
    stores convolutions."""
    is_turned = name.startswith(UNET) and name.endswith((".proj_in.weight", ".proj_out.weight"))
    return TensorInfo(tensor.dtype, tensor.shape[:2]) if is_turned else tensor


def _family_in(tensors: TensorInfos, file: Path) -> str:
    if any(".time_stack." in name for name in tensors) or _INPUT not in tensors:
        whole = unet_alone(file.stem)
        raise ModelError(f"{file}: {kind_of(tensors)}{f' ({whole})' if whole else ''}")
    channels = next(iter(tensors[_INPUT].shape[1:]), 0)
    if channels != 4:
        makes = next(iter(tensors[_OUTPUT].shape), -1) if _OUTPUT in tensors else -1
        kind = _KINDS.get(channels, "inpainting or editing") if makes != channels else _OTHER_VAE
        raise ModelError(
            f"{file}: its UNet takes {channels} channels ({kind}); supported: {SUPPORTED}"
        )
    if "edm_mean" in tensors:
        raise ModelError(
            f"{file}: Playground v2.5, whose {_EDM}{SUPPORTED}; Playground v2 is such a model"
        )
    if "edm_vpred.sigma_max" in tensors:
        raise ModelError(f"{file}: CosXL, whose {_EDM}{SUPPORTED}")
    if _XL_EMBEDDING not in tensors:
        ins = [
            name for name in tensors if name.startswith(UNET) and name.endswith("proj_in.weight")
        ]
        texts = [
            tensors[name].shape[-1:] for name in tensors if name.endswith(".attn2.to_k.weight")
        ]
        # The attention of SD 2.x has linear projections, that of 1.x and of stable-diffusion.cpp
        # convolutions.
        is_newer = any(len(tensors[name].shape) == 2 for name in ins) or (_TEXT_WIDTH_2,) in texts
        return "sd21" if is_newer else "sd15"
    if any(name.startswith("conditioner.embedders.0.model.") for name in tensors):
        raise ModelError(
            f"{file}: the refiner of SDXL, which has one text encoder and only finishes pictures; "
            "use the base "
            "(sd_xl_base_1.0.safetensors) or another SDXL checkpoint"
        )
    if any(name.startswith(("embedder.model.", "cond_stage_model.")) for name in tensors):
        raise ModelError(
            f"{file}: an unCLIP model, which paints from pictures instead of text; supported: "
            f"{SUPPORTED}"
        )
    return "sdxl"


def text_parts(family: str) -> list[str]:
    """The text encoders of this family."""
    return list(ENCODERS) if family == "sdxl" else ["text_encoder"]


def missing_encoders(single: SingleFile) -> list[str]:
    """A list with a line about missing text encoders, if any."""
    parts = text_parts(single.family)
    absent = [
        part
        for part in parts
        if not any(name.startswith(ENCODERS[part]) for name in single.tensors)
    ]
    if not absent:
        return []
    if len(absent) == len(parts):
        return [
            f"{single.path}: contains no text encoder; use the complete checkpoint, or with a "
            "--model as --unet"
        ]
    return [
        f"{single.path}: {absent[0]}, one of two, is not in the file; use the complete checkpoint"
    ]


def require_vae(single: SingleFile) -> None:
    """Raise ModelError if the file contains no VAE."""
    if any(name.startswith(VAE) for name in single.tensors):
        return
    tiny = TAESD[single.family]
    raise ModelError(
        f"{single.path}: contains no VAE; pass --vae with one of {FAMILIES[single.family]}: a "
        f"folder, or {tiny} "
        f"({locate.download_command(tiny, locate.PART_FILES)})"
    )


def require_config(single: SingleFile, folder: DiffusersFolder) -> None:
    """Raise ModelError if the configuration in `folder` is of another family or size, or has no
    tokenizer."""
    if folder.family != single.family:
        raise wrong_model_error(
            f"{single.path}: its configuration ({folder.path}) was",
            FAMILIES[folder.family],
            "the file",
            FAMILIES[single.family],
            "put a diffusers folder of this model (JSON and tokenizer only) at "
            f"{single.folder_beside}",
        )
    require_same_blocks(str(single.path), single.family, single.tensors, folder.unet)
    for part in text_parts(single.family):
        own = text_weights(single.tensors, ENCODERS[part], None)
        if not own:
            continue
        config = folder.config(f"{part}/config.json")
        layers = len({found[1] for name in own if (found := _LAYER.match(name))})
        width = next(iter(own[_POSITIONS].shape[-1:]), 0) if _POSITIONS in own else 0
        depth = config.get("num_hidden_layers", DEPTH)
        side = config.get("hidden_size", 512)
        if layers < depth or width != side:
            raise ModelError(
                f"{single.path}: {part} has {layers} layers of width {width}, its configuration "
                f"{depth} of "
                f"{side}; put a diffusers folder of this model (JSON and tokenizer only) at "
                f"{single.folder_beside}"
            )
    for part in folder.parts:
        if part.startswith("tokenizer"):
            folder.tokenizer(part)


def config_folder(single: SingleFile) -> Path:
    """The diffusers folder with the configuration of `single`: the folder of the same name next to
    it (`x/` for `x.safetensors`), else the published one in the Hugging Face cache. ModelError with
    the download command if none."""
    beside = single.folder_beside
    if (beside / locate.INDEX).is_file():
        return beside
    for published in single.config_ids:
        folder = locate.cached_folder(published)
        if folder is not None and (folder / locate.INDEX).is_file():
            return folder
    command = locate.download_command(single.config_ids[0], locate.CONFIG_FILES)
    raise ModelError(
        f"{single.path}: a single file contains no configuration; put a diffusers folder of it "
        "(JSON and tokenizer "
        f"only) at {beside}, or fetch the published one once: {command}"
    )
