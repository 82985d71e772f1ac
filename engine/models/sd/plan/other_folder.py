"""Recognizes folders that are not a diffusers model, for the error that refuses them. No torch."""

from pathlib import Path
from typing import Any, Final

from engine.errors import ModelError
from engine.models.not_a_model import MODEL_SUFFIXES, listed
from engine.system.small_file import read_json

BESIDE: Final = "it goes beside a --model, as"
_CLASSES: Final = (
    ("ControlNet", f"a ControlNet; {BESIDE} --controlnet"),
    ("Autoencoder", f"a VAE; {BESIDE} --vae"),
    ("UNet", "the UNet of a model; give the folder of the whole model, where model_index.json lies"),
)
_TYPES: Final = {
    "hubert": "a HuBERT, which hears the words of a voice; name the voice (.pth), and this with --content",
    "clip_text_model": "a text encoder; give the folder of the whole model, where model_index.json lies",
    "clip_vision_model": "an image encoder of IP-Adapters; give it with image_encoder under [sd]",
}


def other_folder(folder: Path) -> str:
    """For an error: the kind of a folder without model_index.json, and what to do; "" if it is not recognized."""
    told = _config(folder)
    for start, what in _CLASSES:
        if start in str(told.get("_class_name", "")):
            return f"is {what}"
    kind = _TYPES.get(str(told.get("model_type", "")))
    if kind:
        return f"is {kind}"
    if told:
        return ""
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() in MODEL_SUFFIXES)
    except OSError:
        return ""
    return f"is a folder of files; name one of them: {listed([file.name for file in files])}" if files else ""


def _config(folder: Path) -> dict[str, Any]:
    try:
        told = read_json(folder / "config.json")
    except (OSError, ValueError, ModelError):
        return {}
    return told if isinstance(told, dict) else {}
