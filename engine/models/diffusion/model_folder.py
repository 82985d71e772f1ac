"""What a diffusers folder says about itself in its JSON files; no weights are read and torch is not loaded."""

from functools import cached_property
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models import locate
from engine.models.plain_config import class_named, read_config
from engine.models.weight_files import Weights, weights_in

TEXT_PARTS = {
    "sd15": ("text_encoder", "tokenizer"),
    "sd21": ("text_encoder", "tokenizer"),
    "sdxl": ("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2"),
}
SUPPORTED = "Stable Diffusion 1.5, 2.x and XL with their turbo and LCM relatives"


class ModelFolder:
    """`path` holds `model_index.json`. ModelError in one line where it is no Stable Diffusion model we can run."""

    def __init__(self, path: Path, name: str = "") -> None:
        self.path = path
        self.name = name or str(path)
        if not (path / "model_index.json").is_file():
            raise ModelError(f"{self.name}: no diffusers model (model_index.json is missing)")
        self.index = self.config("model_index.json")
        if not (path / "unet" / "config.json").is_file():
            kind = self.index.get("_class_name", "model of an unknown kind")
            raise ModelError(f"{self.name}: a {kind} without unet/config.json; known are {SUPPORTED}")
        self.unet = self.config("unet/config.json")
        for part in TEXT_PARTS[self.family]:
            kind = class_named(self.index.get(part))
            if kind is None:
                raise ModelError(f"{self.name}: has no {part} of its own (a refiner?); known are {SUPPORTED}")
            if not kind.startswith("CLIP"):
                raise ModelError(f"{self.name}: its {part} is a {kind}; known are {SUPPORTED}")
        if self.unet.get("in_channels", 4) != 4:
            raise ModelError(
                f"{self.name}: its UNet takes {self.unet['in_channels']} channels (inpainting or editing); known are "
                f"{SUPPORTED}"
            )

    def config(self, file: str) -> dict[str, Any]:
        """One JSON file of the folder."""
        return read_config(self.name, self.path, file)

    @property
    def family(self) -> str:
        """sd15, sd21 or sdxl, told by the UNet: SD 2.x projects into attention with linear layers, 1.5 does not."""
        if self.unet.get("addition_embed_type") == "text_time":
            return "sdxl"
        return "sd21" if self.unet.get("use_linear_projection") else "sd15"

    @cached_property
    def scheduler(self) -> dict[str, Any]:
        return self.config("scheduler/scheduler_config.json")

    @property
    def is_taesd(self) -> bool:
        return self.vae.get("_class_name") == "AutoencoderTiny"

    @cached_property
    def vae(self) -> dict[str, Any]:
        return self.config("vae/config.json") if (self.path / "vae").is_dir() else {}

    @property
    def zeroes_empty_negative(self) -> bool:
        """SDXL was trained with zeros for an empty prompt; the others with its embedding."""
        return self.family == "sdxl" and self.index.get("force_zeros_for_empty_prompt", True)

    @property
    def parts(self) -> tuple[str, ...]:
        return ("unet", "vae", *TEXT_PARTS[self.family], "scheduler")

    def demand_tokenizer(self, part: str) -> None:
        """ModelError where it is missing: transformers would quietly make one that knows no word."""
        if not any((self.path / part / file).is_file() for file in ("tokenizer.json", "vocab.json")):
            raise ModelError(f"{self.name}: {part} is missing{locate.how_to_get(self.name)}")

    def weights(self, part: str, *, wants_half: bool = False) -> Weights | None:
        """The weight files of `part`: safetensors before pickles, half precision first if wanted; None if none."""
        return weights_in(self.path / part, wants_half=wants_half)
