"""Finds the weight files of a folder as the libraries' `from_pretrained` does, and opens files of
weights. No torch until tensors are read.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ModelError
from engine.models.gguf_file import MAGIC, GgufFile
from engine.models.not_a_model import PICKLES, SAFETENSORS, is_safetensors, not_a_model
from engine.models.pickle_file import WEIGHTS, PickleFile, PickleLayout
from engine.models.safetensors_file import SafetensorsFile
from engine.models.tensor_file import TensorFile, TensorInfos
from engine.system.file_names import names_device
from engine.system.small_file import open_regular, read_json

if TYPE_CHECKING:
    import torch


def open_tensors(file: Path, layout: PickleLayout = WEIGHTS) -> TensorFile:
    """A safetensors file, by its suffix, or a pickle of this layout. Nothing is read yet."""
    return SafetensorsFile(file) if is_safetensors(file) else PickleFile(file, layout)


def open_checkpoint(file: Path, layout: PickleLayout = WEIGHTS) -> TensorFile:
    """A checkpoint, which may be a GGUF file, too. ModelError in one line if it cannot be opened,
    or is called otherwise than checkpoints are."""
    try:
        with open_regular(file) as stream:
            is_gguf = stream.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror or error})") from None
    if is_gguf:
        return GgufFile(file)
    suffix = file.suffix.lower()
    if not is_safetensors(file) and suffix not in PICKLES:
        why = "single files must be .safetensors, .ckpt or .gguf"
        if suffix == ".gguf":
            why = "not a GGUF file"
        what = not_a_model(file)
        raise ModelError(f"{file}: is {what}" if what else f"{file}: {why}")
    return open_tensors(file, layout)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFiles:
    """The weight files of one part, as `from_pretrained` finds them for this variant."""

    files: tuple[Path, ...]
    variant: str | None
    is_pickle: bool


def find_weights(folder: Path, *, wants_half: bool = False) -> WeightFiles | None:
    """The weight files of a folder, or None. Prefers safetensors to pickles, and half precision if
    `wants_half`. ModelError if an index lists a file that is missing."""
    for suffix in ("safetensors", "bin"):
        for variant in ("fp16", None) if wants_half else (None, "fp16"):
            middle = f".{variant}" if variant else ""
            for stem in ("diffusion_pytorch_model", "model", "pytorch_model"):
                whole = folder / f"{stem}{middle}.{suffix}"
                files = (
                    (whole,)
                    if whole.is_file()
                    else _shards(folder / f"{stem}.{suffix}.index{middle}.json")
                )
                if files:
                    return WeightFiles(files=files, variant=variant, is_pickle=suffix == "bin")
    return None


def _shards(index: Path) -> tuple[Path, ...]:
    """The files listed in `index`, sorted; none without an index, which the libraries need too."""
    try:
        content = read_json(index)
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise ModelError(f"{index}: cannot be read ({error})") from None
    named = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(named, dict) or not named:
        raise ModelError(f"{index}: lists no files (weight_map)")
    names = sorted({str(name) for name in named.values()})
    if devices := [name for name in names if names_device(name)]:
        raise ModelError(
            f"{index}: names {devices[0]!r}, which Windows reserves for a device; rename it"
        )
    if away := [
        name for name in names if Path(name).name != name or not (index.parent / name).is_file()
    ]:
        raise ModelError(
            f"{index.parent}: {away[0]} is missing, one of {len(names)} files listed in "
            f"{index.name}; download it"
        )
    return tuple(index.parent / name for name in names)


def weights_of(name: str, file: Path) -> WeightFiles:
    """The WeightFiles of a single file. ModelError in one line if its format is not supported."""
    known = (*SAFETENSORS, *PICKLES)
    if file.suffix.lower() not in known:
        what = file.suffix or "file without suffix"
        raise ModelError(f"{name}: a {what}; of single files {', '.join(known)} are read")
    return WeightFiles(files=(file,), variant=None, is_pickle=not is_safetensors(file))


def headers_of(weights: WeightFiles) -> TensorInfos:
    """Dtype and shape of the tensors of all files, by name. ModelError in one line for a broken
    file, and for a pickle that would run code."""
    tensors: TensorInfos = {}
    for file in weights.files:
        tensors |= open_tensors(file).tensors
    return tensors


def read_tensors(*files: Path) -> "dict[str, torch.Tensor]":
    """All tensors of these files by name, on the CPU. ModelError for a pickle that would run code;
    library errors are not translated."""
    tensors: dict[str, torch.Tensor] = {}
    for file in files:
        tensors |= open_tensors(file).read()
    return tensors
