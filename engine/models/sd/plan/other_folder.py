"""Recognizes folders that are not a diffusers model, for error messages. Does not load torch."""

from pathlib import Path
from typing import Any, Final

from engine.errors import ModelError
from engine.models.not_a_model import MODEL_SUFFIXES, shown_names
from engine.system.small_file import read_json

BESIDE: Final = "use it together with a --model, as"
_CLASSES: Final = (
    ("ControlNet", f"a ControlNet; {BESIDE} --controlnet"),
    ("Autoencoder", f"a VAE; {BESIDE} --vae"),
    ("UNet", f"the UNet of a model; {BESIDE} --unet"),
)
_TYPES: Final = {
    "hubert": "a HuBERT, which extracts speech content; name the voice (.pth) as the model, this with --content",
    "clip_text_model": "a text encoder; give the folder of the whole model, where model_index.json lies",
    "clip_vision_model": "an image encoder of IP-Adapters; give it with image_encoder under [sd]",
}


def other_folder(folder: Path) -> str:
    """Text for an error: what a folder without model_index.json is, and the next step; "" if it is not recognized."""
    config = _config(folder)
    for start, what in _CLASSES:
        if start in str(config.get("_class_name", "")):
            return f"is {what}"
    kind = _TYPES.get(str(config.get("model_type", "")))
    if kind:
        return f"is {kind}"
    if config:
        return ""
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() in MODEL_SUFFIXES)
    except OSError:
        return ""
    return f"is a folder of files; name one of them: {shown_names([file.name for file in files])}" if files else ""


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = read_json(folder / "config.json")
    except (OSError, ValueError, ModelError):
        return {}
    return config if isinstance(config, dict) else {}
