"""Recognizes unsupported models of the SAM family, for error messages. Does not load torch.

Supported is SAM3 in transformers' format: config.json and model.safetensors of facebook/sam3. That repository also
holds sam3.pt, the same weights with the names of Meta's own program (github.com/facebookresearch/sam3,
model_builder.py); facebook/sam3.1 has only such a file (huggingface/transformers pull request 45110,
facebookresearch/sam3 issue 521).
"""

import re
from pathlib import Path
from typing import Final

from engine.errors import ModelError
from engine.models.pickle_file import read_pickle
from engine.models.weight_files import read_header

CLICKED: Final = "which needs clicks and cannot find objects by text"
MODEL_TYPES: Final = {
    "sam": f"SAM 1, {CLICKED}",
    "sam_hq": f"SAM-HQ, a SAM 1, {CLICKED}",
    "sam2": f"SAM 2, {CLICKED}",
    "sam2_video": f"SAM 2, {CLICKED}",
    "edgetam": f"EdgeTAM, a small SAM 2, {CLICKED}",
    "edgetam_video": f"EdgeTAM, a small SAM 2, {CLICKED}",
    "sam3_tracker": f"SAM3's tracker alone, {CLICKED}",
    "sam3_tracker_video": f"SAM3's tracker alone, {CLICKED}",
}
"""Descriptions of transformers models by `model_type`."""
_SAM31: Final = "SAM 3.1, which is published only as Meta's own checkpoint (sam3.1_multiplex.pt), not for transformers"
_SAM3_FILE: Final = "Meta's own checkpoint of SAM 3, not the model.safetensors and config.json for transformers"
_IDS: Final = (
    (re.compile(r"facebook/sam3\.1\b.*"), _SAM31),
    (re.compile(r"facebook/sam2(\.1)?-hiera-.*"), MODEL_TYPES["sam2"]),
    (re.compile(r"facebook/sam-vit-.*"), MODEL_TYPES["sam"]),
    (re.compile(r"(facebook|yonigozlan)/EdgeTAM.*", re.IGNORECASE), MODEL_TYPES["edgetam"]),
)
_SUFFIXES: Final = (".pt", ".pth", ".safetensors", ".bin")


def what_id_is(name: str) -> str:
    """Description of a published id that is known to be unsupported; "" for any other."""
    return next((what for pattern, what in _IDS if pattern.fullmatch(name)), "")


def what_file_is(path: Path) -> str:
    """Description of a single file with the weights of a SAM, recognized by its tensor names.

    "" for any other file, and for one that cannot be read.
    """
    names = _tensor_names(path)
    starts = {name.split(".")[0] for name in names}
    if any(name.startswith("detector.backbone.") for name in names):
        is_newer = "multiplex" in path.name.lower() or any(name.startswith("tracker.model.") for name in names)
        return _SAM31 if is_newer else _SAM3_FILE
    if "spatial_perceiver" in starts:
        return MODEL_TYPES["edgetam"]
    if "memory_attention" in starts:
        return MODEL_TYPES["sam2"]
    if {"image_encoder", "prompt_encoder", "mask_decoder"} <= starts:
        is_mobile = any(name.startswith("image_encoder.layers.") for name in names)
        return f"MobileSAM, a small SAM 1, {CLICKED}" if is_mobile else MODEL_TYPES["sam"]
    return ""


def is_of_transformers(path: Path) -> bool:
    """True if the file contains SAM3's weights in the supported format."""
    return any(name.startswith(("detector_model.", "tracker_model.")) for name in _tensor_names(path))


def checkpoint_in(folder: Path) -> str:
    """Name and description of the first such file in a folder; "" if there is none."""
    for file in sorted(file for file in folder.iterdir() if file.suffix in _SUFFIXES):
        if what := what_file_is(file):
            return f"{file.name} is {what}"
    return ""


def _tensor_names(path: Path) -> list[str]:
    if path.suffix not in _SUFFIXES or not path.is_file():
        return []
    try:
        if path.suffix == ".safetensors":
            return list(read_header(path))
        stored = read_pickle(path)
    except ModelError:  # the caller reports the broken file
        return []
    return list(stored.tensors("model") or stored.tensors())
