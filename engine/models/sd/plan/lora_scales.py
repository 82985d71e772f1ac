"""Reads the scale of a LoRA from a peft configuration, if it is there instead of in the file. Does not load torch."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models.plain_config import ADAPTER, read_config
from engine.models.safetensors_header import read_metadata
from engine.system.small_file import parse_json

METADATA = "lora_adapter_metadata"
KINDS = ("LORA", "LOHA", "LOKR")
"""peft's types that can be merged from their factors alone."""
_PLAIN = frozenset(
    "target_modules exclude_modules target_parameters layers_to_transform layers_pattern rank_pattern alpha_pattern "
    "bias init_lora_weights megatron_core peft_type task_type base_model_name_or_path revision peft_version".split()
)
"""peft options whose values need not be numbers or booleans."""
_SILENT = _PLAIN | {"auto_mapping", "inference_mode"}
"""The same for `adapter_config.json`, whose auto_mapping contains the class of its model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scales:
    """peft's options by part of the model; "" for a file without parts."""

    options: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of(self, part: str, layer: str, rank: int | None, what: str) -> float | None:
        """Alpha / rank, or alpha / sqrt(rank) with `use_rslora`; None if there are no options for the part.

        `rank`: of the layer's factors, None for full matrices. ModelError if it contradicts the configuration.
        """
        options = self.options.get(part, self.options.get(""))
        if options is None or ("lora_alpha" not in options and "alpha" not in options):
            return None
        alpha = _number(
            _matched(options, "alpha_pattern", layer, what) or options.get("lora_alpha", options.get("alpha")), what
        )
        stated = _matched(options, "rank_pattern", layer, what) or options.get("r")
        stated_rank = rank if stated is None else _number(stated, what)
        if not stated_rank or (rank is not None and rank != stated_rank):
            raise ModelError(f"{what}: {layer} has rank {rank}, its configuration says {stated}")
        return float(alpha / (math.sqrt(stated_rank) if options.get("use_rslora") else stated_rank))


def scales_of(file: Path, *, is_pickle: bool) -> Scales:
    """Read the scales from the file's metadata or the `adapter_config.json` next to it.

    ModelError if they need more than factors and scales: some options change the model's own weights, and
    `megatron_config` imports any module named in `megatron_core`.
    """
    if (file.parent / ADAPTER).is_file() and file.stem == "adapter_model":
        options = read_config(str(file.parent), file.parent, ADAPTER)
        _require_plain(file, f"its {ADAPTER}", options, _SILENT)
        kind = str(options.get("peft_type", "LORA"))
        if kind not in KINDS:
            raise ModelError(f"{file.parent}: a peft adapter of type {kind[:40]}; supported: {', '.join(KINDS)}")
        return Scales(options={"": options})
    if is_pickle:
        return Scales()
    try:
        metadata = parse_json(read_metadata(file).get(METADATA) or "{}")
        items = [(str(key).rpartition("."), value) for key, value in metadata.items()]
    except (ValueError, AttributeError):
        raise ModelError(f"{file}: its metadata ({METADATA}) are not a JSON object") from None
    parts: dict[str, dict[str, Any]] = {}
    for (part, _, key), value in items:
        parts.setdefault(part, {})[key] = value
    for options in parts.values():
        _require_plain(file, "its metadata", options, _PLAIN)
    return Scales(options=parts)


def _require_plain(file: Path, where: str, options: Mapping[str, Any], plain: frozenset[str]) -> None:
    if options.get("init_lora_weights") not in (None, True, False, "gaussian"):
        raise ModelError(f"{file}: init_lora_weights of {where} would change the model's own weights")
    for key, value in options.items():
        asks = any(value.values()) if key == "runtime_config" and isinstance(value, dict) else bool(value)
        if asks and key not in plain and not isinstance(value, int | float):
            raise ModelError(f"{file}: {where} use {key[:40]}; only factors and their scales are supported")


def _matched(options: Mapping[str, Any], key: str, layer: str, what: str) -> Any:
    """The value whose pattern matches `layer` as in peft: the full name, or its end after a dot."""
    patterns = options.get(key) or {}
    if not isinstance(patterns, dict):
        raise ModelError(f"{what}: {key} is not an object")
    for pattern, value in patterns.items():
        plain = pattern.removeprefix("^").removesuffix("$").replace("\\.", ".")
        if any(letter in plain for letter in "\\[](){}*+?|^$"):
            raise ModelError(f"{what}: {key} has a regular expression ({pattern[:40]}); it must be a layer's name")
        if layer == plain or (not pattern.startswith("^") and layer.endswith(f".{plain}")):
            return value
    return None


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ModelError(f"{what}: alpha or rank in its configuration is {str(value)[:40]!r}, not a number")
    return float(value)
