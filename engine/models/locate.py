"""Where a model's files lie on this machine: nothing here reaches for the network, and nothing loads torch."""

import re
from pathlib import Path

from engine.errors import ModelError
from engine.small_file import special_kind

_HUB_NAME = re.compile(r"(?P<id>[\w-][\w.-]*/[\w.-]+)(?P<file>(/[\w. -]+)*)")

LONGEST_NAME = 200  # as an error shows it
MODEL_FILES = ("*.json", "*.txt", "*/*.safetensors")
PART_FILES = ("*.json", "*.safetensors")
INDEX = "model_index.json"
CONFIG_FILES = ("*.json", "*.txt")


def find(name: str, *, files: tuple[str, ...] = MODEL_FILES) -> Path:
    """The file or folder that `name` stands for: a path, or `owner/name[/file]` in the Hugging Face cache.

    ModelError where there is none, with the command that fetches `files` (patterns) from the Hub. A live show never
    downloads by itself: gigabytes in the wrong moment.
    """
    path, mode = _stated(name)
    if mode is not None:
        if kind := special_kind(mode):
            raise ModelError(f"{name}: is {kind}, where a file or a folder is needed")
        if path.name == INDEX and path.is_file():
            raise ModelError(f"{name}: is a file of a diffusers folder; give the folder: {path.parent}")
        _check_utf_8(path)
        return path
    parts = _HUB_NAME.fullmatch(name)
    if parts is None:
        raise ModelError(f"{name}: no such file or folder, and not the id of a Hugging Face model (owner/name)")
    folder = cached(parts["id"])
    file = parts["file"].lstrip("/")
    if folder is None or not (folder / file).exists():
        command = f"{fetch_command(name, files=files)}   ({_page(parts['id'])})"
        raise ModelError(f"{name}: neither a path here nor in the Hugging Face cache; fetch it once: {command}")
    return folder / file


def _check_utf_8(path: Path) -> None:
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        raise ModelError(
            f"{path}: a model's path must be UTF-8, safetensors reads no other; rename it, or link to it (ln -s)"
        ) from None


def _stated(name: str) -> tuple[Path, int | None]:
    """The path, and `st_mode` of what lies there; None where nothing does. ModelError where it may not be looked at."""
    try:
        path = Path(name).expanduser()
        return path, path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return path, None
    except (OSError, ValueError, RuntimeError) as error:  # too long a name, a NUL in it, the home of nobody
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{name[:LONGEST_NAME]}: cannot be looked for ({reason})") from None


def fetch_command(name: str, *, files: tuple[str, ...] = MODEL_FILES) -> str:
    """What fetches `owner/name[/file]` from the Hub; "" for any other name."""
    parts = _HUB_NAME.fullmatch(name)
    if parts is None:
        return ""
    file = parts["file"].lstrip("/")
    wanted = (file if Path(file).suffix else f"{file}/*",) if file else files
    return " ".join(("hf download", parts["id"], *(f'--include "{pattern}"' for pattern in wanted)))


def cached(hub_id: str) -> Path | None:
    """The newest snapshot of `owner/name` in the Hugging Face cache; None where it was never fetched."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(hub_id, local_files_only=True))
    except (OSError, ValueError):
        return None


def download_command(hub_id: str, files: tuple[str, ...]) -> str:
    """`fetch_command` of a whole repository, with its page behind it."""
    return f"{fetch_command(hub_id, files=files)}   ({_page(hub_id)})"


def how_to_get(name: str) -> str:
    """ "; fetch it: ..." where `name` is an id whose files are incomplete here; "" for a folder of the user's own."""
    if Path(name).expanduser().exists() or not _HUB_NAME.fullmatch(name):
        return ""
    return f"; fetch it: {download_command(name, MODEL_FILES)}"


def _page(hub_id: str) -> str:
    return f"https://huggingface.co/{hub_id}"
