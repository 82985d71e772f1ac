"""What a LoRA file holds, told from its header: for which network, can it be merged. Does not load torch."""

from dataclasses import dataclass
from pathlib import Path

from engine.models.diffusion.extras import lora_file, lora_name
from engine.models.diffusion.network_outline import NetworkOutline
from engine.models.safetensors_header import Tensor, read_header


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraFile:
    name: str
    """By which it is known: the file's, or its folder's or id's where that says nothing."""
    weight: float
    """To start with."""
    file: Path
    tensors: dict[str, Tensor]


def examine_lora(name: str, weight: float, outline: NetworkOutline | None) -> LoraFile:
    """ModelError in one line where `load` would refuse it. `outline`: of the model it is for, None where unknown."""
    file = lora_file(name)
    return LoraFile(name=lora_name(file), weight=weight, file=file, tensors=read_header(file))
