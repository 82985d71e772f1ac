"""Reads the JSON files of a diffusers folder. No weights are read, and torch is not loaded."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models import locate
from engine.models.plain_config import CONFIG, class_named, read_config
from engine.models.sd.plan.other_models import (
    known_models,
    other_folder,
    purpose_of,
    unet_of_another_kind,
)
from engine.models.sd.plan.unet_config import SIZES, count_size_inputs, unsupported_input
from engine.models.tensor_file import TensorInfos
from engine.models.tokenizer_files import CONFIG as TOKENIZER_CONFIG
from engine.models.tokenizer_files import read_tokenizer_files
from engine.models.weight_files import WeightFiles, find_weights, headers_of

TEXT_PARTS = {
    "sd15": ("text_encoder", "tokenizer"),
    "sd21": ("text_encoder", "tokenizer"),
    "sdxl": ("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2"),
}
TEXT_WIDTH = 512  # default of transformers' CLIPTextConfig
MAX_TOKENS = 1024  # maximum length of a text; CLIP has 77
TEXT_CLASSES = ("CLIPTextModel", "CLIPTextModelWithProjection")


class DiffusersFolder:
    """A model in diffusers layout; `path` holds `model_index.json`. Each of its files is read once
    and cached: its configurations, tokenizers and the headers of its weights. ModelError in one
    line, with the actual kind and a model that works, if it is not a supported model."""

    def __init__(self, path: Path, name: str = "") -> None:
        self.path = path
        self._configs: dict[str, dict[str, Any]] = {}
        self._tensors: dict[str, TensorInfos] = {}
        self._tokenizers: dict[str, dict[str, bytes]] = {}
        self.name = name or str(path)
        self.unet: dict[str, Any] = {}
        if not (path / "model_index.json").is_file():
            what = other_folder(path)
            raise ModelError(
                f"{self.name}: {what or 'not a diffusers model (model_index.json is missing)'}"
            )
        self.index = self.config("model_index.json")
        if not (path / "unet" / CONFIG).is_file():
            if not purpose_of(self._pipeline) and (
                class_named(self.index.get("unet")) or not self._pipeline
            ):
                again = locate.how_to_get(self.name) or "; fetch it again"
                raise ModelError(f"{self.name}: incomplete, unet/{CONFIG} is missing{again}")
            kind = self.index.get("_class_name", "model of an unknown kind")
            raise self._refusal(f"a {kind} without unet/config.json")
        self.unet = self.config("unet/config.json")
        if wrong := unet_of_another_kind(self.unet, self._pipeline):
            raise self._refusal(wrong)
        self._require_texts()
        if "LDM3D" in self._pipeline:  # whose UNet has the shape of SD 1.5's
            raise self._refusal("its latents contain a depth map too")
        self._require_inputs()

    def with_unet(self, unet: Mapping[str, Any]) -> "DiffusersFolder":
        """This folder with another configuration of the UNet. ModelError if it needs inputs that we
        do not provide."""
        changed = copy.copy(self)
        changed.unet = dict(unet)
        changed._require_inputs()
        return changed

    @property
    def _pipeline(self) -> str:
        return str(self.index.get("_class_name", ""))

    def _refusal(self, wrong: str) -> ModelError:
        """The error line: the purpose of the model's class, `wrong`, and a model that works."""
        does = purpose_of(self._pipeline)
        what = f"a {self._pipeline}, which {does}: " if does else ""
        return ModelError(f"{self.name}: {what}{wrong}; {known_models(self.family)}")

    def _require_texts(self) -> None:
        for part in TEXT_PARTS[self.family]:
            kind = class_named(self.index.get(part))
            if kind is None and part.startswith("text_encoder") and self.family == "sdxl":
                raise self._refusal(
                    f"has no {part}, as the refiner of SDXL, which only finishes the base model's "
                    "work"
                )
            if kind is None:
                raise self._refusal(f"has no {part}")
            if not kind.startswith("CLIP") or (
                part.startswith("text_encoder") and kind not in TEXT_CLASSES
            ):
                raise self._refusal(f"its {part} is a {kind}, not CLIP's")

    def _require_inputs(self) -> None:
        if wrong := unsupported_input(self.unet):
            raise self._refusal(f"its UNet {wrong}")
        if self.family == "sdxl":
            self._require_sizes()

    def _require_sizes(self) -> None:
        config = (
            self.config("text_encoder_2/config.json")
            if (self.path / "text_encoder_2" / CONFIG).is_file()
            else {}
        )
        pooled = config.get("projection_dim")
        if isinstance(pooled, int) and count_size_inputs(self.unet, pooled) != SIZES:
            count = count_size_inputs(self.unet, pooled)
            raise self._refusal(
                f"its UNet wants {count} numbers about the picture (the refiner: 5), not {SIZES}"
            )

    def config(self, file: str) -> dict[str, Any]:
        """One JSON file of the folder. Read-only."""
        if file not in self._configs:
            self._configs[file] = read_config(self.name, self.path, file)
        return self._configs[file]

    @property
    def family(self) -> str:
        """sd15, sd21 or sdxl, by the UNet: SD 2.x has linear projections in its attention, 1.5 does
        not."""
        if self.unet.get("addition_embed_type") == "text_time":
            return "sdxl"
        return "sd21" if self.unet.get("use_linear_projection") else "sd15"

    @property
    def scheduler(self) -> dict[str, Any]:
        return self.config("scheduler/scheduler_config.json")

    @property
    def is_taesd(self) -> bool:
        return self.vae.get("_class_name") == "AutoencoderTiny"

    @property
    def vae(self) -> dict[str, Any]:
        return self.config("vae/config.json") if (self.path / "vae").is_dir() else {}

    @property
    def zeroes_empty_negative(self) -> bool:
        """True for SDXL, which was trained with zeros for an empty prompt; the others with its
        embedding."""
        return self.family == "sdxl" and self.index.get("force_zeros_for_empty_prompt", True)

    @property
    def parts(self) -> tuple[str, ...]:
        return ("unet", "vae", *TEXT_PARTS[self.family], "scheduler")

    def tokenizer(self, part: str) -> dict[str, bytes]:
        """The files of a tokenizer, for `pretrained.tokenizer`. ModelError if it is missing,
        broken, or has no maximum length: transformers would silently create an empty tokenizer, or
        pad every text without limit."""
        if part not in self._tokenizers:
            files = read_tokenizer_files(f"{self.name}: {part}/", self.path / part)
            if not files.keys() & {"tokenizer.json", "vocab.json"}:
                raise ModelError(f"{self.name}: {part} is missing{locate.how_to_get(self.name)}")
            if TOKENIZER_CONFIG not in files:
                raise ModelError(f"{self.name}: {part}/{TOKENIZER_CONFIG} is missing")
            length = json.loads(files[TOKENIZER_CONFIG]).get("model_max_length")
            if not isinstance(length, int) or not 0 < length <= MAX_TOKENS:
                raise ModelError(
                    f"{self.name}: {part}/{TOKENIZER_CONFIG}: model_max_length is "
                    f"{str(length)[:40]}, not 1 to "
                    f"{MAX_TOKENS} tokens (CLIP's: 77)"
                )
            self._tokenizers[part] = files
        return self._tokenizers[part]

    def require_text_width(self) -> None:
        """Raise ModelError if the text width of the UNet differs from that of the text encoders."""
        configs = [
            self.config(f"{part}/config.json")
            for part in self.parts
            if part.startswith("text_encoder")
        ]
        # The configuration of a whole CLIP has one of its own for each half.
        halves = [
            config if "hidden_size" in config else config.get("text_config") or config
            for config in configs
        ]
        widths = [half.get("hidden_size", TEXT_WIDTH) for half in halves]
        expected = self.unet.get("cross_attention_dim", 1280)
        if all(isinstance(width, int) for width in widths) and sum(widths) != expected:
            raise ModelError(
                f"{self.name}: its UNet needs text embeddings of width {expected}, its "
                "text_encoder makes "
                f"{' + '.join(map(str, widths))}: one of the two belongs to another model"
            )

    def weights(self, part: str) -> WeightFiles | None:
        """The weight files of `part`, or None. Prefers safetensors to pickles, and half precision
        if `wants_half`."""
        return find_weights(self.path / part)

    def tensors(self, part: str) -> TensorInfos:
        """The tensors of `weights`, from their headers; {} if there are none."""
        if part not in self._tensors:
            weights = self.weights(part)
            self._tensors[part] = headers_of(weights) if weights else {}
        return self._tensors[part]
