"""Where LoRAs and the IP-Adapter's image encoder lie. Does not load torch."""

from pathlib import Path

from engine.errors import ModelError
from engine.models.diffusion import locate

_PUBLISHED = "pytorch_lora_weights"  # the file name that diffusers gives to every LoRA


def lora_file(name: str) -> Path:
    """The one `.safetensors` file that `name` (file, folder or id) stands for."""
    path = locate.find(name, files=("*.safetensors",))
    if path.is_file():
        return path
    files = sorted(path.glob("*.safetensors"))
    if len(files) != 1:
        found = ", ".join(file.name for file in files) or "none"
        raise ModelError(f"{name}: one .safetensors file is wanted, found {found}; name the file")
    return files[0]


def lora_name(file: Path) -> str:
    """The file's name; its folder's where that says nothing, and the id's for one from the Hugging Face cache."""
    if file.stem != _PUBLISHED:
        return file.stem
    if file.parent.parent.name == "snapshots":
        return file.parent.parent.parent.name.rpartition("--")[2]
    return file.parent.name


def encoder_beside(file: Path) -> Path:
    """`image_encoder` in the adapter's folder or the one above it, where the published ones lie."""
    for folder in (file.parent, file.parent.parent, file.parent.parent / "models"):
        if (folder / "image_encoder" / "config.json").is_file():
            return folder / "image_encoder"
    raise ModelError(f"{file}: no image_encoder folder beside it; name one with image_encoder")
