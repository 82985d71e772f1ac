"""Tensors of a file that is written again: Windows replaces no file that a tensor still maps."""

from pathlib import Path
from typing import Any


def copied_tensors(file: Path) -> dict[str, Any]:
    """The tensors of a safetensors file, in memory of their own."""
    from safetensors.torch import load_file

    return {name: tensor.clone() for name, tensor in load_file(file).items()}
