"""Finds the files of a HuBERT on this machine, and reads their configuration. Does not load torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.errors import ModelError
from engine.models import locate
from engine.models.plain_config import CONFIG, read_config
from engine.models.weight_files import weights_in

FILES: Final = ("config.json", "*.safetensors", "pytorch_model*.bin")
"""All files needed from a repository on the Hub."""
MODEL_TYPE: Final = "hubert"
OPTIONS: Final = "--content (run: --rvc-content), or content under [rvc]"
PROJECTION: Final = "final_proj."
"""Prefix of the final projection's tensors, in both layouts. A v1 voice needs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentFolder:
    weights: tuple[Path, ...]
    config: dict[str, Any] | None
    """transformers' configuration; None for a single file without a HuBERT's configuration beside it."""


def find_content(name: str) -> ContentFolder:
    """Find a folder, a Hugging Face id or a single file (.pt, .bin, .safetensors).

    ModelError in one line if it is not on this machine (with how to get it), has no weights, or is another kind of
    model.
    """
    try:
        path = locate.find(name, files=FILES)
    except ModelError as error:
        raise ModelError(f"{error}; or name another one with {OPTIONS}") from None
    if path.is_file():
        beside = path.parent / CONFIG
        config = read_config(name, path.parent) if beside.is_file() else {}
        return ContentFolder(weights=(path,), config=config if config.get("model_type") == MODEL_TYPE else None)
    config, weights = read_config(name, path), weights_in(path)
    if config.get("model_type") != MODEL_TYPE:
        kind = config.get("model_type") or "nothing"
        raise ModelError(f"{name}: {CONFIG} says model_type {kind}; a voice needs {MODEL_TYPE}")
    if weights is None:
        raise ModelError(f"{name}: has no weights (model.safetensors or pytorch_model.bin)")
    return ContentFolder(weights=weights.files, config=config)
