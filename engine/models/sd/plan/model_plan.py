"""Decides how a model is run, from file headers and JSON only: `check` prints the plan, `load`
executes it.

One module decides for each part: single_file, model_folder, sampler_choice, scheduler_config,
vae_choice, lora_file, controlnet_file, detector_file, ip_adapter_file. Each problem becomes one
line in `missing`, and `load` raises the first. Does not load torch.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models import locate
from engine.models.libraries import require_libraries
from engine.models.part_report import ModelReport, PartReport, Problems, describe_part
from engine.models.pickle_file import pickle_note
from engine.models.plain_config import ADAPTER, CONFIG, notes_on_code, require_no_adapter
from engine.models.quantized import require_plain
from engine.models.sd.plan import single_file
from engine.models.sd.plan.controlnet_file import ControlNetFiles, examine_controlnet
from engine.models.sd.plan.detector_file import KINDS, DetectorFiles, examine_detector
from engine.models.sd.plan.embedding_file import EmbeddingFile, examine_embedding, text_widths
from engine.models.sd.plan.families import MAX_CLIP_SKIP, clip_skip_note
from engine.models.sd.plan.ip_adapter_file import IpAdapterFiles, examine_ip_adapter
from engine.models.sd.plan.lora_file import LoraFile, examine_lora
from engine.models.sd.plan.model_folder import DiffusersFolder
from engine.models.sd.plan.network_outline import NetworkOutline, outline_of
from engine.models.sd.plan.original_names import ENCODERS, UNET
from engine.models.sd.plan.prediction import Decision
from engine.models.sd.plan.sampler_choice import FEW_STEPS, SamplerChoice, choose_sampler
from engine.models.sd.plan.sampler_name import (
    MERGE_STEPS,
    distillation_note,
    name_notes,
    sampler_from_name,
)
from engine.models.sd.plan.scheduler_config import (
    choose_prediction,
    flow_note,
    require_signal,
    scheduler_config,
)
from engine.models.sd.plan.single_file import SingleFile
from engine.models.sd.plan.unet_file import examine_unet, with_unet
from engine.models.sd.plan.upscaler_file import UpscalerFile, examine_upscaler
from engine.models.sd.plan.vae_choice import VaeChoice, choose_vae
from engine.models.sd.spec import ModelSpec
from engine.models.tensor_file import TensorInfo
from engine.models.weight_files import WeightFiles, headers_of

FILE_PARTS = {"unet": (UNET,), "vae": (single_file.VAE,), **ENCODERS}
"""Prefixes of each part's tensors in a single file, in the original layout."""
VAE_OF_THE_MODEL = ("auto", "full")
CONFIG_SUFFIXES = (".json", ".txt")
"""Suffixes of configurations and tokenizer vocabularies."""
COMPANION_FILES = (CONFIG, ADAPTER, "preprocessor_config.json")
"""Files that are read in addition to the weights of a VAE, LoRA, ControlNet or image encoder."""
# from the example of SimianLuo/LCM_Dreamshaper_v7, in diffusers' scale, where 7 is embedded
EMBEDDED_GUIDANCE = 8.0
DEFAULT_GUIDANCE = 6.0
DEFAULT_STEPS = 20
_DISTILLED_STEPS = {"lcm": 4, "turbo": 2, "lightning": 4, "hyper": 8, "tcd": 4}
"""For distillations whose name has no number; turbo: stabilityai's example for pictures, of which
half is run."""
_UNKNOWN = SamplerChoice("", "")


@dataclass(slots=True, kw_only=True)
class ModelPlan(ModelReport):
    """The parts of a model and how to run it. Fields may be empty, for a reason listed in
    `missing`. Read-only."""

    spec: ModelSpec
    family: str
    """sd15, sd21 or sdxl."""
    single: SingleFile | None = None
    """The model's file, or None if it is a folder."""
    unet: SingleFile | None = None
    """The UNet that replaces the model's own, or None."""
    folder: DiffusersFolder | None = None
    """The model's folder, or the folder with the configuration of its single file; with that of
    `unet`."""
    prediction: Decision = _UNKNOWN
    """epsilon, v_prediction, flow_prediction or sample."""
    sampler: SamplerChoice = _UNKNOWN
    """lcm, turbo, lightning, hyper, tcd or scheduler."""
    scheduler: dict[str, Any] = field(default_factory=dict)
    """The effective configuration of the noise schedule."""
    vae: VaeChoice | None = None
    loras: tuple[LoraFile, ...] = ()
    controlnets: tuple[ControlNetFiles, ...] = ()
    detectors: tuple[DetectorFiles, ...] = ()
    """The networks that compute control images."""
    ip_adapter: IpAdapterFiles | None = None
    embeddings: tuple[EmbeddingFile, ...] = ()
    upscaler: UpscalerFile | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that are read to run it: weights, and their JSON files and tokenizers."""
        described = [self.folder.path] if self.folder is not None else []
        texts = [
            file
            for folder in described
            for file in folder.rglob("*")
            if file.suffix in CONFIG_SUFFIXES
        ]
        weights = [Path(file) for part in self.parts for file in part.files]
        beside = [file.parent / name for file in weights for name in COMPANION_FILES]
        return tuple(
            sorted({self.path, *texts, *weights, *(file for file in beside if file.is_file())})
        )

    def as_json(self) -> dict[str, Any]:
        own = ModelReport(
            model=self.model,
            path=self.path,
            parts=self.parts,
            missing=self.missing,
            notes=self.notes,
        )
        return own.as_json() | {
            "family": self.family,
            "prediction_type": self.prediction.value,
            "prediction_reason": self.prediction.reason,
            "sampler": self.sampler.value,
            "sampler_reason": self.sampler.reason,
            "vae": "" if self.vae is None else self.vae.kind,
        }


def plan_model(spec: ModelSpec) -> ModelPlan:
    """Examine a model, in milliseconds. ModelError if not found or unsupported; other problems are
    in `missing`."""
    require_libraries()
    return _Planner(spec, locate.find(spec.model)).plan()


class _Planner:
    def __init__(self, spec: ModelSpec, path: Path) -> None:
        self._spec = spec
        self._path = path
        self._named: dict[str, Any] = {"spec": spec, "model": spec.model, "path": path}
        self._parts: list[PartReport] = []
        self._missing = Problems()
        self._notes: list[str] = list(locate.revision_notes(spec.model))

    def plan(self) -> ModelPlan:
        if self._path.is_file():
            single = single_file.examine(self._path)
            plan = ModelPlan(**self._named, family=single.family, single=single)
            with self._missing.collect():
                plan.folder = DiffusersFolder(single_file.config_folder(single), self._spec.model)
                single_file.require_config(single, plan.folder)
            self._add_file_parts(single, plan.folder)
        else:
            folder = DiffusersFolder(self._path, self._spec.model)
            plan = ModelPlan(**self._named, family=folder.family, folder=folder)
            self._add_folder_parts(folder)
        if plan.folder is not None:
            self._notes += notes_on_code(plan.folder.name, plan.folder.index, locate.INDEX)
        if self._spec.unet:
            with self._missing.collect():
                unet, config = examine_unet(self._spec.unet)
                if plan.folder is not None:
                    plan.folder = with_unet(plan.folder, unet, config)
                plan.unet = unet
                self._parts.append(
                    describe_part("unet", unet.tensors, unet.file, is_pickle=unet.file.is_pickle)
                )
                self._notes += unet.notes
        outline = None
        if plan.folder is not None:
            with self._missing.collect():
                plan.vae = self._vae(plan.folder, plan.single)
            if self._spec.loras or self._spec.controlnets or self._spec.ip_adapter:
                with self._missing.collect():
                    outline = outline_of(plan.folder, plan.single, plan.unet)
        self._add_extras(plan, outline)
        self._add_prompt_parts(plan)
        if plan.folder is not None:
            with self._missing.collect():
                source = plan.unet or plan.single
                plan.prediction = choose_prediction(self._spec.prediction, plan.folder, source)
                plan.scheduler = scheduler_config(
                    plan.folder, source, plan.prediction, self._spec.sampler
                )
                self._notes += filter(None, [flow_note(plan.prediction, plan.scheduler, source)])
                plan.sampler = choose_sampler(
                    self._spec.sampler, plan.folder, source, plan.prediction, plan.loras
                )
                require_signal(
                    plan.folder.name, plan.scheduler, plan.prediction, plan.sampler.value
                )
        self._notes += self._name_notes(plan)
        plan.parts = tuple(self._parts)
        plan.missing = tuple(self._missing)
        plan.notes = tuple(self._notes)
        return plan

    def _name_notes(self, plan: ModelPlan) -> tuple[str, ...]:
        """Notes that follow from names; without those on the sampler if the user names it."""
        source = plan.unet or plan.single
        loras = [lora.name for lora in plan.loras]
        notes = [distillation_note(loras)]
        if self._spec.sampler == "auto":
            own = source.public_name if source is not None else Path(self._spec.model).name
            for name, is_lora in (*((lora, True) for lora in loras), (own, False)):
                notes += name_notes(name, is_lora=is_lora)
        return tuple(filter(None, notes))

    def _add_folder_parts(self, folder: DiffusersFolder) -> None:
        for part in folder.parts:
            with self._missing.collect():
                if part == "scheduler":
                    folder.config("scheduler/scheduler_config.json")
                elif part.startswith("tokenizer"):
                    folder.tokenizer(part)
                elif part != "vae" and not (part == "unet" and self._spec.unet):
                    require_no_adapter(folder.name, folder.path, folder.path / part)
                    what = f"{folder.name}: {part}"
                    weights = folder.weights(part)
                    if weights is None:
                        raise ModelError(
                            f"{what} has no weights{locate.how_to_get(self._spec.model)}"
                        )
                    self._add(
                        part, weights, what, folder.config(f"{part}/{CONFIG}"), folder.tensors(part)
                    )
        if not self._missing:
            with self._missing.collect():
                folder.require_text_width()

    def _add_file_parts(self, single: SingleFile, folder: DiffusersFolder | None) -> None:
        replaced = {"unet"} if self._spec.unet else set()
        replaced |= set() if self._spec.vae in VAE_OF_THE_MODEL else {"vae"}
        for part, starts in FILE_PARTS.items():
            own = {
                name: tensor for name, tensor in single.tensors.items() if name.startswith(starts)
            }
            if own and part not in replaced:
                self._parts.append(
                    describe_part(part, own, self._path, is_pickle=single.file.is_pickle)
                )
                if folder is not None and (folder.path / part / CONFIG).is_file():
                    with self._missing.collect():
                        self._notes += notes_on_code(part, folder.config(f"{part}/{CONFIG}"))
        self._missing += single_file.missing_encoders(single)
        self._notes += single.notes

    def _vae(self, folder: DiffusersFolder, single: SingleFile | None) -> VaeChoice:
        choice = choose_vae(folder, self._spec.vae, is_in_file=self._path.is_file())
        if single is not None and choice.folder is None:
            single_file.require_vae(single)
        self._notes += [choice.note] if choice.note else []
        if choice.weights is not None:
            self._parts = [part for part in self._parts if part.name != "vae"]
            self._add(
                "vae", choice.weights, str(choice.folder or choice.weights.files[0]), choice.config
            )
        return choice

    def _add_extras(self, plan: ModelPlan, outline: NetworkOutline | None) -> None:
        for name, weight in self._spec.loras:
            with self._missing.collect():
                lora = examine_lora(name, weight, outline)
                self._parts.append(describe_part(f"lora {lora.name}", lora.file.tensors, lora.file))
                self._notes += lora.notes
                plan.loras += (lora,)
        for name in self._spec.controlnets:
            with self._missing.collect():
                net = examine_controlnet(name, outline)
                self._add(f"controlnet {net.path.name}", net.weights, name, net.config, net.tensors)
                self._notes += net.notes
                plan.controlnets += (net,)
        for part in KINDS:
            if name := getattr(self._spec, part):
                with self._missing.collect():
                    detector = examine_detector(part, name)
                    self._add(part, detector.weights, name, detector.config)
                    plan.detectors += (detector,)
        if self._spec.upscaler:
            with self._missing.collect():
                plan.upscaler = examine_upscaler(self._spec.upscaler)
                file = plan.upscaler.file
                self._parts.append(describe_part("upscaler", file.tensors, file))
        if self._spec.ip_adapter:
            with self._missing.collect():
                adapter = examine_ip_adapter(
                    self._spec.ip_adapter, self._spec.image_encoder, outline
                )
                self._parts.append(describe_part("ip_adapter", adapter.tensors, adapter.file))
                self._notes += adapter.notes
                self._add(
                    "image_encoder",
                    adapter.encoder_weights,
                    str(adapter.encoder),
                    adapter.encoder_config,
                )
                plan.ip_adapter = adapter

    def _add_prompt_parts(self, plan: ModelPlan) -> None:
        """Add clip skip and embeddings, which change how prompts are encoded."""
        clip_skip = self._spec.clip_skip
        if not 0 <= clip_skip <= MAX_CLIP_SKIP:
            self._missing.append(
                f"clip skip {clip_skip}: must be 1 to {MAX_CLIP_SKIP}, or 0 for the model's default"
            )
        elif note := clip_skip_note(plan.family, clip_skip):
            self._notes.append(note)
        if plan.folder is None or not self._spec.embeddings:
            return
        triggers: set[str] = set()
        for name in self._spec.embeddings:
            with self._missing.collect():
                embedding = examine_embedding(name, text_widths(plan.folder), self._spec.model)
                if duplicates := triggers & {trigger.lower() for trigger in embedding.triggers}:
                    raise ModelError(
                        f"{name}: two embeddings have the name {min(duplicates)}; rename one file"
                    )
                triggers |= {trigger.lower() for trigger in embedding.triggers}
                part = f"embedding {embedding.triggers[0]}"
                self._parts.append(describe_part(part, embedding.tensors, embedding.file))
                if embedding.file.is_pickle:
                    self._notes.append(pickle_note(part))
                plan.embeddings += (embedding,)

    def _add(
        self,
        part: str,
        weights: WeightFiles,
        what: str,
        config: Mapping[str, Any],
        tensors: dict[str, TensorInfo] | None = None,
    ) -> None:
        """Report a part. `tensors`: those of the weights, if their headers were read already."""
        self._notes += notes_on_code(part, config)
        tensors = headers_of(weights) if tensors is None else tensors
        require_plain(what, tensors)
        self._parts.append(
            describe_part(part, tensors, *weights.files, is_pickle=weights.is_pickle)
        )
        if weights.is_pickle:
            self._notes.append(pickle_note(part))


@dataclass(frozen=True, slots=True)
class RecommendedSettings:
    """Steps and guidance that suit a model if the user names none."""

    steps: int
    """Total steps, of which the last `strength` fraction is run."""
    guidance: float
    """1: off."""


def recommended_settings(plan: ModelPlan) -> RecommendedSettings:
    if plan.folder is not None and plan.folder.unet.get("time_cond_proj_dim") is not None:
        return RecommendedSettings(_DISTILLED_STEPS["lcm"], EMBEDDED_GUIDANCE)
    return _recommend(plan.sampler.value, plan.sampler.steps, plan.sampler.guidance)


def recommended_settings_for(spec: ModelSpec, plan: ModelPlan | None = None) -> RecommendedSettings:
    """Recommended settings of a model that may be on other machines (a cluster's): then by the
    names alone."""
    try:
        if spec.model and not spec.random_shape:
            return recommended_settings(plan or plan_model(spec))
    except ModelError:  # reported in full on loading
        names: Iterable[tuple[str, bool]] = [(name, True) for name, _ in spec.loras]
        for name, is_lora in (*names, (spec.unet, False), (spec.model, False)):
            if named := sampler_from_name(Path(name).stem, is_lora=is_lora):
                return _recommend(named.sampler, named.steps, named.guidance)
    return RecommendedSettings(DEFAULT_STEPS, DEFAULT_GUIDANCE)


def _recommend(sampler: str, steps: int | None, guidance: float) -> RecommendedSettings:
    if sampler not in FEW_STEPS:
        return RecommendedSettings(DEFAULT_STEPS, DEFAULT_GUIDANCE)
    return RecommendedSettings(
        steps or (_DISTILLED_STEPS[sampler] if guidance <= 1.0 else MERGE_STEPS), guidance
    )
