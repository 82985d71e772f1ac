"""Where LoRAs and the IP-Adapter's image encoder lie. Does not load torch."""

from pathlib import Path

from engine.errors import ModelError
from engine.models import locate
from engine.models.plain_config import ADAPTER

_PUBLISHED = ("pytorch_lora_weights", "adapter_model")  # the names that diffusers and peft give to every LoRA
PICKLES = (".bin", ".pt", ".pth", ".ckpt")


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


def image_encoder(adapter: str, file: Path, named: str) -> Path:
    """The folder of the CLIP vision model of the IP-Adapter `adapter`, whose file is `file`.

    `named` (a folder or id) or, where that is empty, `image_encoder` beside the file, in the folder above or in
    `models` next to it, as the published ones lie. ModelError with what to do where there is none.
    """
    if named:
        return locate.find(named, files=locate.PART_FILES)
    for folder in (file.parent, file.parent.parent, file.parent.parent / "models"):
        if (folder / "image_encoder" / "config.json").is_file():
            return folder / "image_encoder"
    if Path(adapter).expanduser().exists():
        raise ModelError(f"{adapter}: no image_encoder folder beside it; put one there or name one with image_encoder")
    return locate.find(f"{adapter.rpartition('/')[0]}/image_encoder")
