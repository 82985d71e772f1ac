"""What a model is, what it needs and what is missing, told from file headers in milliseconds. Does not load torch."""

from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelError
from engine.models import locate
from engine.models.diffusion import single_file
from engine.models.diffusion.extras import image_encoder, lora_file, lora_name
from engine.models.diffusion.model_folder import ModelFolder
from engine.models.diffusion.spec import ModelSpec
from engine.models.diffusion.vae_choice import choose_vae
from engine.models.part_report import Missing, PartReport, Report, counted_part
from engine.models.plain_config import demand_no_adapter, notes_on
from engine.models.safetensors_header import Tensor, read_header
from engine.models.weight_files import Weights, weights_in

TINY_VAE = "AutoencoderTiny"

# Which tensors of a single file belong to which part: the names of the original training code, SD first, then XL.
FILE_PARTS = {
    "unet": ("model.diffusion_model.",),
    "vae": ("first_stage_model.",),
    "text_encoder": ("cond_stage_model.", "conditioner.embedders.0."),
    "text_encoder_2": ("conditioner.embedders.1.",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport(Report):
    family: str
    """sd15, sd21 or sdxl."""
    prediction_type: str
    sampler: str
    vae: str
    """AutoencoderTiny (TAESD) or AutoencoderKL."""

    @property
    def pickles(self) -> tuple[str, ...]:
        return tuple(file for part in self.parts if part.is_pickle for file in part.files)


def check(spec: ModelSpec) -> ModelReport:
    """ModelError where `spec.model` is not found or is no model we know; all else that is wrong is in the report."""
    path = locate.find(spec.model)
    return _Check(spec, path).report()


def has_tiny_vae(spec: ModelSpec) -> bool:
    """Whether the VAE that `load` takes for it is a TAESD; ModelError where there is none to take."""
    if spec.random_shape:
        return True
    path = locate.find(spec.model)
    folder = ModelFolder(single_file.config_folder(path) if path.is_file() else path, spec.model)
    return choose_vae(folder, spec.vae, is_in_file=path.is_file()).kind == TINY_VAE


class _Check:
    def __init__(self, spec: ModelSpec, path: Path) -> None:
        self._spec, self._path = spec, path
        self._parts: list[PartReport] = []
        self._missing = Missing()
        self._notes: list[str] = []

    def report(self) -> ModelReport:
        if self._path.is_file():
            tensors = read_header(self._path)
            family, folder = single_file.family_in(tensors, str(self._path)), None
            with self._missing.listed():
                folder = ModelFolder(single_file.config_folder(self._path), self._spec.model)
            self._add_file_parts(tensors, family)
        else:
            folder = ModelFolder(self._path, self._spec.model)
            family = folder.family
            self._notes += notes_on(self._spec.model, self._path, locate.INDEX)
            self._add_folder_parts(folder)
        prediction_type, sampler, vae = "", self._spec.sampler, ""
        if folder is not None:
            with self._missing.listed():
                vae = self._add_vae(folder)
            with self._missing.listed():
                prediction_type = folder.prediction_type
                if sampler == "auto":
                    sampler = folder.sampler(tuple(name for name, _ in self._spec.loras))
        self._add_extras()
        return ModelReport(
            model=self._spec.model,
            path=str(self._path),
            family=family,
            prediction_type=prediction_type,
            sampler=sampler,
            vae=vae,
            parts=tuple(self._parts),
            missing=tuple(self._missing),
            notes=tuple(self._notes),
        )

    def _add_folder_parts(self, folder: ModelFolder) -> None:
        for part in folder.parts:
            with self._missing.listed():
                if part == "scheduler":
                    folder.config("scheduler/scheduler_config.json")
                elif part.startswith("tokenizer"):
                    folder.demand_tokenizer(part)
                elif part != "vae":
                    demand_no_adapter(folder.name, folder.path, folder.path / part)
                    self._add(part, folder.weights(part), f"{folder.name}: {part}", self._spec.model)

    def _add_file_parts(self, tensors: dict[str, Tensor], family: str) -> None:
        for part, starts in FILE_PARTS.items():
            own = {name: tensor for name, tensor in tensors.items() if name.startswith(starts)}
            if own:
                if part != "vae" or self._spec.vae in ("auto", "full"):
                    self._parts.append(counted_part(part, own, (str(self._path),)))
            elif part != "text_encoder_2" or family == "sdxl":
                self._missing.append(f"{self._path}: {part} is not in the file")

    def _add_vae(self, folder: ModelFolder) -> str:
        choice = choose_vae(folder, self._spec.vae, is_in_file=self._path.is_file())
        self._notes += [choice.note] if choice.note else []
        if choice.folder is not None:
            self._parts = [part for part in self._parts if part.name != "vae"]
            self._add("vae", choice.weights, str(choice.folder))
        return choice.kind

    def _add_extras(self) -> None:
        for name, _ in self._spec.loras:
            with self._missing.listed():
                file = lora_file(name)
                self._parts.append(counted_part(f"lora {lora_name(file)}", read_header(file), (str(file),)))
        for name in self._spec.controlnets:
            with self._missing.listed():
                path = locate.find(name, files=locate.PART_FILES)
                self._add(f"controlnet {path.name}", weights_in(path), name, name)
        if self._spec.ip_adapter:
            with self._missing.listed():
                file = locate.find(self._spec.ip_adapter)
                self._parts.append(counted_part("ip_adapter", read_header(file), (str(file),)))
                encoder = image_encoder(self._spec.ip_adapter, file, self._spec.image_encoder)
                self._add("image_encoder", weights_in(encoder), str(encoder))

    def _add(self, part: str, weights: Weights | None, what: str, hub_name: str = "") -> None:
        if weights is None:
            raise ModelError(f"{what} has no weights{locate.how_to_get(hub_name)}")
        self._notes += notes_on(part, weights.files[0].parent)
        files = tuple(str(file) for file in weights.files)
        if weights.is_pickle:
            self._parts.append(PartReport(name=part, parameters=None, dtype="unknown", files=files, is_pickle=True))
            self._notes.append(f"{part}: a pickle, read with weights_only; safetensors would be safer")
            return
        tensors: dict[str, Tensor] = {}
        for file in weights.files:
            tensors |= read_header(file)
        self._parts.append(counted_part(part, tensors, files))
