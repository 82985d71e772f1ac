"""Checks a SAM3 model folder from its JSON files and file headers. Reads no weights and does not
load torch.

Supported is SAM3 in transformers' format: config.json and model.safetensors of facebook/sam3. That
repository also holds sam3.pt, the same weights with the names of Meta's own program
(github.com/facebookresearch/sam3, model_builder.py); facebook/sam3.1 has only such a file
(huggingface/transformers pull request 45110, facebookresearch/sam3 issue 521). Their detector is
read by `meta_file.py`.
"""

import re
from pathlib import Path
from typing import Any, Final

from engine.errors import ModelError
from engine.models import locate
from engine.models.known_repositories import repository_info
from engine.models.not_a_model import AGAIN, PICKLES, SAFETENSORS, is_safetensors
from engine.models.pickle_file import WEIGHTS, PickleLayout, read_pickle
from engine.models.plain_config import notes_on_code, read_config, require_no_adapter
from engine.models.quantized import exact_header
from engine.models.tensor_file import TensorInfos
from engine.models.toml_tables import tables_beside
from engine.models.weight_files import find_weights, open_tensors

FILES = ("*.json", "*.txt", "*.safetensors")
"""All files needed from a repository on the Hub that `known_repositories` does not list; sam3.pt is
not."""
LITE_TEXT = "sam3_lite_text"
KINDS = ("sam3_video", "sam3", LITE_TEXT)
SAM3 = "facebook/sam3"
GATED = "facebook/"
PATCH_PX = 14
LAYOUT: Final = PickleLayout(advice=WEIGHTS.advice, keys=("model",), is_mapped=True)
"""The layout of Meta's own checkpoints."""
STARTS: Final = ("detector_model.", "tracker_model.", "detector.", "tracker.model.")
"""Prefixes of names in transformers' files and in Meta's."""
_PATCHES: Final = "vision_encoder.backbone.embeddings.patch_embeddings.projection.weight"
COLOURS: Final = 3
_TABLES: Final = tables_beside(__file__, "other_models")
MODEL_TYPES: Final[dict[str, str]] = _TABLES["model_types"]
"""Descriptions of transformers models by `model_type`."""
_SAM31: Final = "Meta's own checkpoint of SAM 3.1"
_SAM3_FILE: Final = (
    "Meta's own checkpoint of SAM 3, not the model.safetensors and config.json for transformers"
)
_TRUNK: Final = ".vision_backbone.trunk."
_EFFICIENT: Final = (
    "EfficientSAM3, a SAM3 with another, small vision encoder, which is not built here"
)
BEFORE_META: Final = re.compile(r"((module|model)\.)*(detector\.)?")
"""Prefix of the names of Meta's detector, from a wrapper for several cards, a dict or the whole
model; may be ""."""
_SUFFIXES: Final = (*PICKLES, *SAFETENSORS)


class Sam3Folder:
    """A folder with `config.json`. ModelError in one line if it is not a supported SAM3."""

    def __init__(self, path: Path, name: str = "") -> None:
        self.path = path
        self.name = name or str(path)
        if not path.is_dir():
            _tensor_names(path, must_be_read=True)
            what = what_file_is(path)
            raise ModelError(
                f"{self.name}: is {what}{use_sam3_advice()}"
                if what
                else f"{self.name}: is a file; name the folder with config.json: {path.parent}"
            )
        if not (path / "config.json").is_file():
            what = (
                "a diffusers folder (Stable Diffusion?)"
                if (path / locate.INDEX).is_file()
                else "not a model folder"
            )
            if what_is_there := checkpoint_in(path):
                raise ModelError(f"{self.name}: {what_is_there}{use_sam3_advice()}")
            raise ModelError(f"{self.name}: {what}, config.json is missing; SAM3 is facebook/sam3")
        self.quantized: dict[str, str] = {}
        """Dtype of each quantized weight, after `weights`."""
        self.config = read_config(self.name, path)
        require_no_adapter(self.name, path)
        self.notes = notes_on_code(self.name, self.config)
        if known := MODEL_TYPES.get(self.kind):
            raise ModelError(
                f"{self.name}: is {known} (config.json says model_type "
                f"{self.kind}){use_sam3_advice()}"
            )
        if self.kind not in KINDS and (what := checkpoint_in(path)):
            raise ModelError(f"{self.name}: {what}{use_sam3_advice()}")
        if self.kind not in KINDS and how_to_get(self.name) and find_weights(path) is None:
            self.files()  # a part of a download
        if self.kind not in KINDS:
            raise ModelError(
                f"{self.name}: config.json says model_type {self.kind or 'nothing'}; supported: "
                f"{', '.join(KINDS)}"
            )

    @property
    def kind(self) -> str:
        """sam3_video (detector and tracker), sam3 (detector alone), sam3_lite_text (the same,
        another text encoder)."""
        return str(self.config.get("model_type", ""))

    @property
    def vision(self) -> dict[str, Any]:
        """The configuration of the detector's ViT. Missing entries have transformers' defaults."""
        detector = (
            self.config.get("detector_config") or {} if self.kind == "sam3_video" else self.config
        )
        return (detector.get("vision_config") or {}).get("backbone_config") or {}

    def require_resolution(self, resolution: int) -> None:
        """Raise ModelError unless `resolution` px is a multiple of half the attention window, from
        a window on."""
        window_px = self.vision.get("patch_size", PATCH_PX) * self.vision.get("window_size", 24)
        if resolution < window_px or resolution % (window_px // 2):
            raise ModelError(
                f"resolution {resolution}: not a multiple of {window_px // 2} px, half this "
                "model's window, from "
                f"{window_px}"
            )

    def require_tokenizer(self) -> None:
        """Raise ModelError if the tokenizer is missing. Otherwise transformers would silently
        create an empty one."""
        if (self.path / "tokenizer.json").is_file():
            return
        absent = [file for file in ("vocab.json", "merges.txt") if not (self.path / file).is_file()]
        if absent:
            how = how_to_get(self.name)
            raise ModelError(
                f"{self.name}: the tokenizer is missing ({' and '.join(absent)}, or tokenizer.json)"
                f"{how}{'; or' if how else ';'} copy it from the folder of {SAM3}"
            )

    def weights(self) -> TensorInfos:
        """All tensors by name, from the headers of the safetensors files; ModelError if one is
        missing or truncated."""
        listed: TensorInfos = {}
        for file in self.files():
            try:
                tensors, quantized = exact_header(open_tensors(file), STARTS)
            except ModelError as error:
                is_damaged = AGAIN in str(error)
                again = (
                    (how_to_get(self.name, again=True) or "; copy it again") if is_damaged else ""
                )
                raise ModelError(f"{error}{again}") from None
            listed |= tensors
            self.quantized |= {name: tensors[name].dtype for name in quantized.scales}
        return listed

    def is_mlx(self, tensors: TensorInfos) -> bool:
        """True if the kernels of convolutions have their input channels last, as MLX wants them."""
        shapes = [tensor.shape for name, tensor in tensors.items() if name.endswith(_PATCHES)]
        return any(shape[-1] == COLOURS != shape[1] for shape in shapes if len(shape) == 4)

    def files(self) -> tuple[Path, ...]:
        """The weight files; ModelError if there are none, or one named in the index is missing."""
        weights = find_weights(self.path)
        if (weights is None or weights.is_pickle) and (what := checkpoint_in(self.path)):
            raise ModelError(f"{self.name}: {what}{use_sam3_advice()}")
        if weights is None or weights.is_pickle:
            raise ModelError(
                f"{self.name}: has no weights "
                f"(model.safetensors){how_to_get(self.name) or '; copy it there'}"
            )
        return weights.files


def find(name: str) -> Path:
    """The folder for a path or id, like `locate.find`. ModelError, with how to get access, if it is
    not here."""
    try:
        return locate.find(name, files=_files_of(name))
    except ModelError as error:
        if what := what_id_is(name):
            raise ModelError(f"{name}: is {what}{use_sam3_advice()}") from None
        if not name.startswith(GATED):
            raise
        raise ModelError(f"{name}: not in the Hugging Face cache{how_to_get(name)}") from error


def use_sam3_advice() -> str:
    """The end of an error message, "; use facebook/sam3", with how to get it if it is not on this
    machine."""
    here = locate.cached_folder(SAM3)
    if here is not None and (here / "config.json").is_file() and find_weights(here) is not None:
        return f"; use {SAM3}, which is on this machine"
    return f"; use {SAM3}: {how_to_get(SAM3).removeprefix('; ')}"


def how_to_get(name: str, *, again: bool = False) -> str:
    """The end of an error, "; fetch it: ...", if `name` is an id, with the steps if gated. "" for a
    folder."""
    command = locate.fetch_command(name, files=_files_of(name))
    if Path(name).expanduser().exists() or not command:
        return ""
    if again:
        return f"; fetch it again: {command}"
    if not name.startswith(GATED):
        return f"; fetch it: {command}"
    return (
        f"; ask for access at https://huggingface.co/{name}, then `hf auth login`, then `{command}`"
    )


def _files_of(name: str) -> tuple[str, ...]:
    return repository_info(name).includes or FILES


def what_id_is(name: str) -> str:
    """Description of a published id that is known to be unsupported; "" for any other."""
    return next(
        (what for pattern, what in _TABLES["ids"].items() if re.fullmatch(pattern, name)), ""
    )


def what_file_is(path: Path) -> str:
    """Description of a single file with the weights of a SAM, recognized by its tensor names; ""
    for any other file, and for one that cannot be read, unless it is called sam3: then
    ModelError."""
    names = _tensor_names(path)
    starts = {name.split(".")[0] for name in names}
    of_vision = [
        name
        for name in names
        if BEFORE_META.sub("", name, count=1).startswith("backbone.vision_backbone.")
    ]
    if any(_TRUNK in name for name in of_vision) and not any(
        f"{_TRUNK}blocks." in name for name in of_vision
    ):
        return _EFFICIENT
    if of_vision:
        is_newer = "multiplex" in path.name.lower() or any(
            name.startswith("tracker.model.") for name in names
        )
        return _SAM31 if is_newer else _SAM3_FILE
    if "spatial_perceiver" in starts:
        return MODEL_TYPES["edgetam"]
    if "memory_attention" in starts:
        return MODEL_TYPES["sam2"]
    if {"image_encoder", "prompt_encoder", "mask_decoder"} <= starts:
        is_mobile = any(name.startswith("image_encoder.layers.") for name in names)
        return MODEL_TYPES["mobile_sam" if is_mobile else "sam"]
    return ""


def is_meta_checkpoint(path: Path) -> bool:
    """True for a file with the detector of SAM3 or SAM 3.1 under the names of Meta's own
    program."""
    return what_file_is(path) in (_SAM31, _SAM3_FILE)


def is_of_transformers(path: Path) -> bool:
    """True if the file contains SAM3's weights in the supported format."""
    return any(
        name.startswith(("detector_model.", "tracker_model.")) for name in _tensor_names(path)
    )


def checkpoint_in(folder: Path) -> str:
    """Name and description of the first such file in a folder; "" if there is none."""
    for file in sorted(file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES):
        if what := what_file_is(file):
            return f"{file.name} is {what}"
    return ""


def _tensor_names(path: Path, *, must_be_read: bool = False) -> list[str]:
    if path.suffix.lower() not in _SUFFIXES or not path.is_file():
        return []
    try:
        if is_safetensors(path):
            return list(open_tensors(path).tensors)
        return list(LAYOUT.tensors(read_pickle(path).content))
    except ModelError:
        if must_be_read or path.name.startswith("sam3"):  # as Meta calls its own
            raise
        return []  # the caller reports the broken file
