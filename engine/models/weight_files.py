"""Finds the weight files of a folder, as `from_pretrained` of diffusers and transformers does."""

from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelError
from engine.system.file_names import names_device
from engine.system.small_file import read_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The weight files of one part, as `from_pretrained` finds them for this variant."""

    files: tuple[Path, ...]
    variant: str | None
    is_pickle: bool
    has_config: bool = True
    """True if a config.json in the same folder describes them; False for single files."""


def weights_in(folder: Path, *, wants_half: bool = False) -> Weights | None:
    """The weight files of a folder, or None. Prefers safetensors to pickles, and half precision if `wants_half`.

    ModelError if an index lists a file that is missing.
    """
    for suffix in ("safetensors", "bin"):
        for variant in ("fp16", None) if wants_half else (None, "fp16"):
            middle = f".{variant}" if variant else ""
            for stem in ("diffusion_pytorch_model", "model", "pytorch_model"):
                whole = folder / f"{stem}{middle}.{suffix}"
                files = (whole,) if whole.is_file() else _shards(folder / f"{stem}.{suffix}.index{middle}.json")
                if files:
                    return Weights(files=files, variant=variant, is_pickle=suffix == "bin")
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
        raise ModelError(f"{index}: names {devices[0]!r}, which Windows reserves for a device; rename it")
    if away := [name for name in names if Path(name).name != name or not (index.parent / name).is_file()]:
        raise ModelError(
            f"{index.parent}: {away[0]} is missing, one of {len(names)} files listed in {index.name}; download it"
        )
    return tuple(index.parent / name for name in names)
