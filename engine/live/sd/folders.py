"""Finds the folders of each kind of model: the configured ones, or the subfolders of ComfyUI and of
the WebUI.

A configured folder is an installation if it, or the folder above its `models`, contains one of
LAYOUTS. Otherwise it contains models of all kinds, side by side.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from engine.live.kit.refusing import find_named, names_in
from engine.models.not_a_model import MODEL_SUFFIXES, SAFETENSORS
from osc_schema.sd import LISTS

MODELS: Final = "models"
LAYOUTS: Final[dict[str, tuple[str, ...]]] = {
    MODELS: ("models/checkpoints", "models/diffusers", "models/Stable-diffusion"),
    "unets": ("models/diffusion_models", "models/unet"),
    "loras": ("models/loras", "models/Lora", "models/LyCORIS"),
    "controlnets": (
        "models/controlnet",
        "models/ControlNet",
        "extensions/sd-webui-controlnet/models",
    ),
    "embeddings": ("models/embeddings", "embeddings"),
    "ip_adapters": ("models/ipadapter",),
    "image_encoders": ("models/clip_vision",),
    "vaes": ("models/vae", "models/VAE"),
    "upscalers": ("models/upscale_models", "models/ESRGAN", "models/RealESRGAN"),
}
"""Folders by kind, of ComfyUI (folder_paths.py, extra_model_paths.yaml.example) and A1111
(modules/paths.py)."""
SUFFIXES: Final[dict[str, tuple[str, ...]]] = {
    MODELS: (*SAFETENSORS, ".ckpt", ".gguf"),
    "embeddings": (*SAFETENSORS, ".pt", ".bin"),
    "upscalers": (*SAFETENSORS, ".pth"),
}
MARKER_FILES: Final = {MODELS: "model_index.json", "loras": "adapter_config.json"}
"""A folder that contains this file is one model of the kind; for other kinds the file is CONFIG."""
CONFIG: Final = "config.json"
MAX_FOLDERS: Final = 500
assert LAYOUTS.keys() == {MODELS, *LISTS}


def models_in(kind: str, folders: Collection[str]) -> dict[str, Path]:
    """Paths of all models of a kind, by the names that `path_of` accepts, in order of the folders.
    A name in several folders gets the folder's name as a prefix:
    `lcm/pytorch_lora_weights.safetensors`. Reads the disk."""
    patterns = SUFFIXES.get(kind, MODEL_SUFFIXES), MARKER_FILES.get(kind, CONFIG)
    found = [
        (folder, name)
        for folder in folders_of(kind, folders)
        for name in names_in([folder], *patterns)
    ]
    counts = Counter(name for _, name in found)
    paths = dict[str, Path]()
    for folder, name in found:
        paths.setdefault(f"{folder.name}/{name}" if counts[name] > 1 else name, folder / name)
    return paths


def path_of(kind: str, name: str, folders: Collection[str]) -> str:
    """Path of the named model, with or without its folder. ValueError if there is none, or no
    folder is configured."""
    if not folders:
        raise ValueError('no model folders are configured: set folders = ["..."] under [sd]')
    inner, _, last = name.rpartition("/")
    candidates = (
        folder for folder in folders_of(kind, folders) if not inner or folder.name == inner
    )
    return str(find_named(last, candidates, searched=folders))


def is_single_kind(kind: str, folder: Path) -> bool:
    """True if the folder is for this kind only, False if it contains all kinds."""
    return any(
        folder.is_relative_to(root / layout) for root in folder.parents for layout in LAYOUTS[kind]
    )


def folders_of(kind: str, folders: Collection[str | Path]) -> Iterator[Path]:
    """Yield the folders that contain models of this kind. Reads the disk during iteration."""
    for folder in folders:
        own = Path(folder).expanduser().absolute()
        roots = [root for root in (own, own.parent) if root == own or own.name.lower() == "models"]
        root = next(filter(_is_installation, roots), None)
        if root is None:
            yield own
            continue
        seen: set[tuple[int, int]] = set()  # on a case-insensitive disk models/vae is models/VAE
        for path in (root / each for each in LAYOUTS[kind]):
            if not path.is_relative_to(own):
                continue  # beside a configured `models`
            try:
                status = path.stat()
            except OSError:
                continue
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                yield from _with_subfolders(path)


def _is_installation(root: Path) -> bool:
    known = (
        layout for layouts in LAYOUTS.values() for layout in layouts if layout.startswith("models/")
    )
    return any((root / layout).is_dir() for layout in known)


def _with_subfolders(folder: Path) -> Iterator[Path]:
    """Yield the folder and its subfolders, without those that are one model."""
    waiting = [folder]
    for _ in range(MAX_FOLDERS):
        if not waiting:
            return
        current = waiting.pop(0)
        yield current
        try:
            inner = sorted(
                each
                for each in current.iterdir()
                if each.is_dir() and not each.name.startswith(".")
            )
        except OSError:  # a drive that is not connected
            continue
        markers = (CONFIG, *MARKER_FILES.values())
        waiting += [
            each for each in inner if not any((each / marker).is_file() for marker in markers)
        ]
