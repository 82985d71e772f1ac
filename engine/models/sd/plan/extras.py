"""Where LoRAs lie, and the names of files. Does not load torch."""

from pathlib import Path

from engine.errors import ModelError
from engine.models import locate
from engine.models.pickle_file import PICKLES
from engine.models.plain_config import ADAPTER

_PUBLISHED = ("pytorch_lora_weights", "adapter_model")  # the names that diffusers and peft give to every LoRA


def lora_file(name: str) -> Path:
    """The one `.safetensors` file that `name` (file, folder or id) stands for, or one of PICKLES.

    In a folder of peft that is `adapter_model`; a pickle only where there is no `.safetensors` file.
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
        raise ModelError(f"{name}: one .safetensors file is wanted, found {found}; name the file")
    return files[0]


def lora_name(file: Path) -> str:
    """The file's name; its folder's where that says nothing, and the id's for one from the Hugging Face cache."""
    if file.stem not in _PUBLISHED:
        return file.stem
    if file.parent.parent.name == "snapshots":
        return file.parent.parent.parent.name.rpartition("--")[2]
    return file.parent.name


def published_name(path: Path) -> str:
    """By which people know a file or folder: its own name and, in the Hugging Face cache, the id before it."""
    for parent in path.parents:
        if parent.name == "snapshots":
            return f"{parent.parent.name.removeprefix('models--').replace('--', '/')}/{path.stem}"
    return path.stem if path.is_file() else path.name
