"""The folders of each kind of model: the configured ones, or those that ComfyUI and the WebUI keep inside of theirs.

A configured folder is an installation if it, or the folder above its `models`, has one of LAYOUTS. Otherwise it holds
models of all kinds, side by side.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from engine.live.kit.refusing import named_in, names_in
from osc_schema.sd import LISTS

MODELS: Final = "models"
LAYOUTS: Final[dict[str, tuple[str, ...]]] = {
    MODELS: ("models/checkpoints", "models/diffusers", "models/Stable-diffusion"),
    "unets": ("models/diffusion_models", "models/unet"),
    "loras": ("models/loras", "models/Lora", "models/LyCORIS"),
    "controlnets": ("models/controlnet", "models/ControlNet", "extensions/sd-webui-controlnet/models"),
    "embeddings": ("models/embeddings", "embeddings"),
    "ip_adapters": ("models/ipadapter",),
    "image_encoders": ("models/clip_vision",),
    "vaes": ("models/vae", "models/VAE"),
    "upscalers": ("models/upscale_models", "models/ESRGAN", "models/RealESRGAN"),
}
"""Folders of ComfyUI (folder_paths.py, extra_model_paths.yaml.example) and of AUTOMATIC1111's WebUI (modules/paths.py),
by kind."""
SUFFIXES: Final[dict[str, tuple[str, ...]]] = {
    MODELS: (".safetensors", ".ckpt", ".gguf"),
    "embeddings": (".safetensors", ".pt", ".bin"),
    "upscalers": (".safetensors", ".pth"),
}
_SUFFIXES: Final = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".gguf")
HOLDING: Final = {MODELS: "model_index.json", "loras": "adapter_config.json"}
"""A folder with this file is one model of the kind; for the others with CONFIG."""
CONFIG: Final = "config.json"
MAX_FOLDERS: Final = 500
assert LAYOUTS.keys() == {MODELS, *LISTS}


def models_in(kind: str, folders: Collection[str]) -> dict[str, Path]:
    """Paths by the names of `path_of`, in the order of the folders. A name that several have is told after that of the
    folder: `lcm/pytorch_lora_weights.safetensors`. Reads the disk."""
    wanted = SUFFIXES.get(kind, _SUFFIXES), HOLDING.get(kind, CONFIG)
    found = [(place, name) for place in folders_of(kind, folders) for name in names_in([place], *wanted)]
    counts, paths = Counter(name for _, name in found), dict[str, Path]()
    for place, name in found:
        paths.setdefault(f"{place.name}/{name}" if counts[name] > 1 else name, place / name)
    return paths


def path_of(kind: str, name: str, folders: Collection[str]) -> str:
    """Path of the named model of this kind, with or without its folder. ValueError if there is none, or no folders are
    configured."""
    if not folders:
        raise ValueError('no model folders are configured: set folders = ["..."] under [sd]')
    inner, _, last = name.rpartition("/")
    places = (place for place in folders_of(kind, folders) if not inner or place.name == inner)
    return str(named_in(last, places, told=folders))


def is_apart(kind: str, folder: Path) -> bool:
    """True if the folder is that of one kind, False if it holds all kinds."""
    return any(folder.is_relative_to(root / place) for root in folder.parents for place in LAYOUTS[kind])


def folders_of(kind: str, folders: Collection[str | Path]) -> Iterator[Path]:
    """The folders that hold models of this kind. Reads the disk as they are taken."""
    for folder in folders:
        own = Path(folder).expanduser().absolute()
        roots = [root for root in (own, own.parent) if root == own or own.name.lower() == "models"]
        root = next(filter(_is_installation, roots), None)
        if root is None:
            yield own
            continue
        seen: set[tuple[int, int]] = set()  # models/vae is models/VAE where letters of both cases are the same
        for place in (root / each for each in LAYOUTS[kind]):
            if not place.is_relative_to(own):
                continue  # beside a configured `models`
            try:
                told = place.stat()
            except OSError:
                continue
            if (told.st_dev, told.st_ino) not in seen:
                seen.add((told.st_dev, told.st_ino))
                yield from _with_inner(place)


def _is_installation(root: Path) -> bool:
    known = (place for places in LAYOUTS.values() for place in places if place.startswith("models/"))
    return any((root / place).is_dir() for place in known)


def _with_inner(folder: Path) -> Iterator[Path]:
    """The folder and those inside of it that sort models, without those that are one."""
    waiting = [folder]
    for _ in range(MAX_FOLDERS):
        if not waiting:
            return
        place = waiting.pop(0)
        yield place
        try:
            inner = sorted(each for each in place.iterdir() if each.is_dir() and not each.name.startswith("."))
        except OSError:  # a drive that is not connected
            continue
        waiting += [each for each in inner if not any((each / held).is_file() for held in (CONFIG, *HOLDING.values()))]
