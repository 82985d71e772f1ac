"""Which files of a folder hold its weights, as `from_pretrained` of diffusers and transformers finds them."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The weight files of one part, as `from_pretrained` finds them with this variant."""

    files: tuple[Path, ...]
    variant: str | None
    is_pickle: bool
    has_config: bool = True
    """A config.json beside them describes them; False for single files."""


def weights_in(folder: Path, *, wants_half: bool = False) -> Weights | None:
    for suffix in ("safetensors", "bin"):
        for variant in ("fp16", None) if wants_half else (None, "fp16"):
            middle = f".{variant}" if variant else ""
            for stem in ("diffusion_pytorch_model", "model", "pytorch_model"):
                whole = folder / f"{stem}{middle}.{suffix}"
                shards = sorted(folder.glob(f"{stem}{middle}-*-of-*.{suffix}"))
                files = (whole,) if whole.is_file() else tuple(shards)
                if files:
                    return Weights(files=files, variant=variant, is_pickle=suffix == "bin")
    return None
