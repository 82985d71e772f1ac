"""`load`: from the names in a ModelSpec to a Model on its device."""

import json
import logging
from pathlib import Path
from typing import Any

import torch

from engine.errors import ModelError
from engine.models.diffusion import locate
from engine.models.diffusion.coefficients import noise_table
from engine.models.diffusion.model import Model
from engine.models.diffusion.model_folder import ModelFolder, weights_in
from engine.models.diffusion.pretrained import one_line, pretrained
from engine.models.diffusion.spec import ModelSpec

log = logging.getLogger(__name__)

DTYPES = {
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "fp32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
}
TAESD = {"sd15": "madebyollin/taesd", "sd21": "madebyollin/taesd", "sdxl": "madebyollin/taesdxl"}
SAMPLERS = ("auto", "lcm", "turbo", "scheduler")
_TEXT_CLASSES = {"text_encoder": "CLIPTextModel", "text_encoder_2": "CLIPTextModelWithProjection"}


def load(spec: ModelSpec, device: str, dtype: str) -> Model:
    """The model on `device` (cpu, cuda, cuda:1, mps), its weights in `dtype` (a key of DTYPES).

    Nothing is downloaded. Weights come from safetensors; where a folder has only pickles these are read with
    torch's `weights_only`, and a note says so. ModelError in one line names what is missing and how to get it;
    `torch.OutOfMemoryError` passes through.
    """
    if dtype not in DTYPES:
        raise ModelError(f"dtype {dtype}: not one of {', '.join(DTYPES)}")
    if spec.sampler not in SAMPLERS:
        raise ModelError(f"sampler {spec.sampler}: not one of {', '.join(SAMPLERS)}")
    _quieten_libraries()
    path = locate.find(spec.model)
    loading = _Loading(spec, torch.device(device), DTYPES[dtype])
    return loading.from_folder(path) if path.is_dir() else loading.from_file(path)


def _quieten_libraries() -> None:
    """No progress bars and no advice on stderr: what matters is said in our own notes and errors."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    for library in (diffusers_logging, transformers_logging):
        library.set_verbosity_error()
        library.disable_progress_bar()


class _Loading:
    def __init__(self, spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> None:
        self.spec, self.device, self.dtype = spec, device, dtype
        self.notes: list[str] = []

    # -- the two ways a model lies on disk

    def from_folder(self, path: Path) -> Model:
        folder = ModelFolder(path, self.spec.model)
        texts = [part for part in folder.parts if part in _TEXT_CLASSES]
        return self._assembled(
            folder,
            unet=self.part(folder, "unet", "UNet2DConditionModel"),
            vae=self._vae(folder),
            text_encoders=tuple(self.part(folder, part, _TEXT_CLASSES[part]) for part in texts),
        )

    def from_file(self, path: Path) -> Model:
        from engine.models.diffusion.single_file import config_folder, read

        folder = ModelFolder(config_folder(path), self.spec.model)
        vae = self._vae(folder, is_own_in_file=True)
        with one_line(str(path)):
            parts = read(path, folder, self.dtype, vae)
        return self._assembled(folder, **parts)

    def _assembled(self, folder: ModelFolder, *, unet: Any, vae: Any, text_encoders: tuple[Any, ...]) -> Model:
        from diffusers import AutoencoderTiny

        scheduler_config = self._scheduler_config(folder)
        tokenizers = tuple(self._tokenizer(folder, part) for part in folder.parts if part.startswith("tokenizer"))
        sampler = self.spec.sampler
        if sampler == "auto":
            sampler = folder.sampler(tuple(name for name, _ in self.spec.loras))
        model = Model(
            spec=self.spec,
            device=self.device,
            dtype=self.dtype,
            family=folder.family,
            unet=self.placed(unet),
            vae=self.placed(vae, self._vae_dtype(vae)),
            is_tiny_vae=isinstance(vae, AutoencoderTiny),
            text_encoders=tuple(self.placed(encoder) for encoder in text_encoders),
            tokenizers=tokenizers,
            scheduler_config=scheduler_config,
            prediction_type=scheduler_config.get("prediction_type", "epsilon"),
            scaling_factor=vae.config.scaling_factor,
            shift_factor=vae.config.get("shift_factor") or 0.0,
            alphas_cumprod=noise_table(scheduler_config),
            sampler=sampler,
            time_cond_proj_dim=unet.config.time_cond_proj_dim,
            zeroes_empty_negative=folder.zeroes_empty_negative,
        )
        self._add_extras(model)
        model.notes = tuple(self.notes)
        for note in self.notes:
            log.info("%s: %s", self.spec.model, note)
        return model

    def _add_extras(self, model: Model) -> None:
        if self.spec.loras:
            from engine.models.diffusion.lora import LoraSet

            model.loras = LoraSet(model, self.spec.loras)
        if self.spec.controlnets:
            from engine.models.diffusion.controlnet import load_controlnet

            nets = [load_controlnet(name, model) for name in self.spec.controlnets]
            model.controlnets = tuple(self.placed(net) for net in nets)
        if self.spec.ip_adapter:
            from engine.models.diffusion.ip_adapter import IpAdapter

            model.ip_adapter = IpAdapter(model, self.spec.ip_adapter, self.spec.image_encoder)

    # -- parts

    def part(self, folder: ModelFolder, part: str, kind: str) -> Any:
        """One network of a folder, in evaluation mode on the CPU."""
        weights = folder.weights(part, wants_half=self.dtype != torch.float32)
        if weights is None:
            raise ModelError(f"{folder.name}: {part} has no weights{_how_to_get(self.spec.model)}")
        if weights.is_pickle:
            self.notes.append(f"{part}: read from a pickle ({weights.files[0].name}); safetensors would be safer")
        return pretrained(kind, folder.path, part, self.dtype, f"{folder.name}/{part}")

    def _vae(self, folder: ModelFolder, *, is_own_in_file: bool = False) -> Any:
        """The VAE that the spec asks for; None: the one inside the single file."""
        wanted, tiny = self.spec.vae, TAESD[folder.family]
        has_own = is_own_in_file or folder.weights("vae") is not None
        if wanted == "full" and folder.is_taesd:
            raise ModelError(f"{folder.name}: its own VAE is a TAESD, there is no full one; name another with vae")
        if wanted in ("auto", "taesd") and folder.is_taesd and folder.weights("vae") is not None:
            return self.part(folder, "vae", "AutoencoderTiny")
        if wanted == "taesd" or (wanted == "auto" and locate.cached(tiny) is not None):
            return self._vae_from(tiny)
        if wanted not in ("auto", "full"):
            return self._vae_from(wanted)
        if not has_own:
            raise ModelError(f"{folder.name}: vae has no weights{_how_to_get(self.spec.model)}")
        if wanted == "auto":
            command = locate.download_command(tiny, ("*",))
            self.notes.append(f"TAESD is not here, so the slower full VAE decodes; fetch it once: {command}")
        return None if is_own_in_file else self.part(folder, "vae", "AutoencoderKL")

    def _vae_from(self, name: str) -> Any:
        path = locate.find(name, files=("*.json", "*.safetensors"))
        if not (path / "config.json").is_file():
            raise ModelError(f"{name}: no VAE folder (config.json is missing)")
        with one_line(name):
            kind = json.loads((path / "config.json").read_text(encoding="utf-8")).get("_class_name")
        if kind not in ("AutoencoderTiny", "AutoencoderKL"):
            raise ModelError(f"{name}: a {kind}, where an AutoencoderTiny or AutoencoderKL is needed")
        if weights_in(path) is None:
            raise ModelError(f"{name}: has no weights{_how_to_get(name)}")
        return pretrained(kind, path, "", self.dtype, name)

    def _vae_dtype(self, vae: Any) -> torch.dtype:
        # The full VAE of SDXL overflows in float16: its configuration asks for float32.
        must_be_float32 = self.dtype == torch.float16 and vae.config.get("force_upcast", False)
        return torch.float32 if must_be_float32 and type(vae).__name__ == "AutoencoderKL" else self.dtype

    def _tokenizer(self, folder: ModelFolder, part: str) -> Any:
        from transformers import CLIPTokenizer

        with one_line(f"{folder.name}/{part}"):
            return CLIPTokenizer.from_pretrained(folder.path, subfolder=part, local_files_only=True)

    def _scheduler_config(self, folder: ModelFolder) -> dict[str, Any]:
        """With the defaults of the scheduler's class filled in."""
        import diffusers

        kind = folder.scheduler.get("_class_name", "")
        if not kind.endswith("Scheduler") or not hasattr(diffusers, kind):
            raise ModelError(f"{folder.name}: scheduler {kind or 'without _class_name'} is not known to diffusers")
        with one_line(f"{folder.name}/scheduler"):
            return dict(getattr(diffusers, kind).from_config(folder.scheduler).config) | {"_class_name": kind}

    def placed(self, module: Any, dtype: torch.dtype | None = None) -> Any:
        """On the device, without gradients; convolutions run faster there with channels last."""
        module.requires_grad_(False).eval().to(self.device, dtype or self.dtype)
        return module.to(memory_format=torch.channels_last) if self.device.type == "cuda" else module


def _how_to_get(name: str) -> str:
    if Path(name).expanduser().exists():
        return ""
    return f"; fetch it: {locate.download_command(name, locate.MODEL_FILES)}"
