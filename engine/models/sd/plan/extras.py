"""Finds LoRA files, and the names to show for files. Does not load torch."""

from pathlib import Path

from engine.errors import ModelError
from engine.models import locate
from engine.models.pickle_file import PICKLES
from engine.models.plain_config import ADAPTER

_PUBLISHED = ("pytorch_lora_weights", "adapter_model")  # diffusers' and peft's file names for every LoRA


def lora_file(name: str) -> Path:
    """The LoRA file called `name` (file, folder or id).

    In a peft folder that is `adapter_model`. A pickle is used only if there is no `.safetensors` file.
    """
    path = locate.find(name, files=("*.safetensors", ADAPTER))
    if path.is_file():
        if path.suffix not in (".safetensors", *PICKLES):
            raise ModelError(f"{path}: a LoRA is a .safetensors file (or {', '.join(PICKLES)}); convert this one")
        return path
    if (path / ADAPTER).is_file() and (path / "adapter_model.safetensors").is_file():
        return path / "adapter_model.safetensors"
    files = sorted(path.glob("*.safetensors"))
    files = files or sorted(file for file in path.iterdir() if file.suffix in PICKLES)
    if len(files) != 1:
        found = ", ".join(file.name for file in files) or "none"
        raise ModelError(f"{name}: need exactly one .safetensors file, found {found}; name the file")
    return files[0]


def lora_name(file: Path) -> str:
    """The file's name, or that of its folder or repository if the file name is generic."""
    if file.stem not in _PUBLISHED:
        return file.stem
    if file.parent.parent.name == "snapshots":
        return file.parent.parent.parent.name.rpartition("--")[2]
    return file.parent.name


def published_name(path: Path) -> str:
    """The public name of a file or folder: its own name, preceded by the id in the Hugging Face cache."""
    for parent in path.parents:
        if parent.name == "snapshots":
            return f"{parent.parent.name.removeprefix('models--').replace('--', '/')}/{path.stem}"
    return path.stem if path.is_file() else path.name
