"""Finds a model's files on this machine. Never uses the network, and does not load torch."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

from engine.errors import ModelError
from engine.models.hub_cache import listing, newest_snapshot
from engine.models.known_repositories import MOVED, UNREADABLE, known
from engine.system.small_file import special_kind

_HUB_NAME = re.compile(r"(?P<id>[\w-][\w.-]*/[\w.-]+)(?P<file>(/[\w. -]+)*)")
_ADDRESS = re.compile(r"https?://")
_HUB_ADDRESS = re.compile(r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/([\w-][\w.-]*/[\w.-]+)")

MAX_EXAMPLES = 3
MAX_NAME = 200  # length of a name in an error message
MODEL_FILES = (
    "*.json",
    "*.txt",
    "unet/*.fp16*.safetensors",
    "vae/*.fp16*.safetensors",
    "text_encoder*/*.fp16*.safetensors",
)
"""Files to fetch for a diffusers model whose file list is unknown: half precision, no copies in other formats.

If there are none in half precision, `how_to_get` names all kinds of files that it may have.
"""
ALL_MODEL_FILES = (
    "*.json",
    "*.txt",
    *(f"{part}/*.{suffix}" for part in ("unet", "vae", "text_encoder*") for suffix in ("safetensors", "bin")),
)
PART_FILES = ("*.json", "diffusion_pytorch_model*.safetensors", "model*.safetensors")
ALL_PART_FILES = ("*.json", "*.safetensors", "*.bin")
INDEX = "model_index.json"
CONFIG_FILES = ("*.json", "*.txt")
_PARTS = ("unet", "vae", "text_encoder", "text_encoder_2")
_STEMS = ("diffusion_pytorch_model", "model", "pytorch_model")
_SMALLEST_FIRST = (".fp16{shard}.safetensors", "{shard}.safetensors", ".fp16{shard}.bin", "{shard}.bin")
_WHOLE = (MODEL_FILES, ALL_MODEL_FILES, PART_FILES, ALL_PART_FILES)
_GATED_STEPS = "accept its licence on {page}, then `hf auth login`, then: "


def find(name: str, *, files: tuple[str, ...] = MODEL_FILES) -> Path:
    """The file or folder called `name`: a path, or `owner/name[/file]` in the Hugging Face cache.

    ModelError if there is none, with the command that fetches `files` (patterns) from the Hub. Nothing is downloaded
    automatically: gigabytes at the wrong moment would disturb a live show.
    """
    if not name:
        raise ModelError("the model name is empty")
    path, mode = _stated(name)
    if mode is not None:
        if kind := special_kind(mode):
            raise ModelError(f"{name}: is {kind}, not a file or a folder")
        if path.name == INDEX and path.is_file():
            raise ModelError(f"{name}: is a file of a diffusers folder; name the folder: {path.parent}")
        if path.name.startswith("models--") and (path / "snapshots").is_dir():
            hub_id = path.name.removeprefix("models--").replace("--", "/")
            raise ModelError(f"{name}: is a folder of the Hugging Face cache; use the id: {hub_id}")
        _check_utf_8(path)
        return path
    if found := _ADDRESS.match(name):
        address = _HUB_ADDRESS.match(name)
        then = f"use the id: {address[1]}" if address else "download the file with a browser, and use its path"
        raise ModelError(f"{name}: is a URL ({found[0]}...), and nothing is downloaded automatically; {then}")
    parts = _HUB_NAME.fullmatch(name)
    if parts is None:
        raise ModelError(f"{name}: no such file or folder, and not the id of a Hugging Face model (owner/name)")
    if parts["id"] in UNREADABLE:
        raise ModelError(f"{name}: {UNREADABLE[parts['id']]}")
    file = parts["file"].lstrip("/")
    folder = cached(parts["id"], file)
    if folder is None:
        if not file and (named := known(parts["id"])).files and not named.includes:
            raise ModelError(f"{name}: holds several models; name one of its files: {_examples(parts['id'])}")
        raise ModelError(
            f"{name}: neither a path here nor in the Hugging Face cache; {_moved(parts['id'])}fetch it once: "
            f"{download_command(name, files)}"
        )
    return folder / file


def public_name(name: str) -> str:
    """The name of a model without the folders of this machine: an id as it is, of a path the last part."""
    path = Path(name)
    if name.startswith("random:") or (_HUB_NAME.fullmatch(name) and not path.exists()):
        return name
    path = path.absolute()
    return path.stem if path.suffix.lower() in (".safetensors", ".ckpt") else path.name


def _check_utf_8(path: Path) -> None:
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        raise ModelError(
            f"{path}: the path of a model must be UTF-8, which safetensors requires; rename it, or link to it (ln -s)"
        ) from None


def _stated(name: str) -> tuple[Path, int | None]:
    """The path and its `st_mode`, None if it does not exist. ModelError if it cannot be accessed."""
    try:
        path = Path(name).expanduser()
        return path, path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return path, None
    except (OSError, ValueError, RuntimeError) as error:  # name too long, NUL in it, or unknown ~user
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{name[:MAX_NAME]}: cannot be accessed ({reason})") from None


def fetch_command(name: str, *, files: tuple[str, ...] = MODEL_FILES) -> str:
    """The command that fetches `owner/name[/file]` from the Hub, or "" for any other name."""
    parts = _HUB_NAME.fullmatch(name)
    if parts is None:
        return ""
    hub_id = MOVED.get(parts["id"], parts["id"])
    wanted, _ = _wanted(hub_id, parts["file"].lstrip("/"), files)
    return " ".join(("hf download", hub_id, *(f'--include "{pattern}"' for pattern in wanted)))


def download_command(name: str, files: tuple[str, ...]) -> str:
    """`fetch_command`, followed by size and page, and preceded by the steps for a gated repository.

    The size is exact if the cache has the repository's list of files, else "about" the known size, or omitted.
    """
    parts = _HUB_NAME.fullmatch(name)
    if parts is None:
        return ""
    hub_id = MOVED.get(parts["id"], parts["id"])
    _, size_mb = _wanted(hub_id, parts["file"].lstrip("/"), files)
    page = f"https://huggingface.co/{hub_id}"
    about = "" if listing(hub_id) else "about "
    size = f"{about}{shown_size(size_mb)}, " if size_mb else ""
    before = _GATED_STEPS.format(page=page) if known(hub_id).is_gated else ""
    return f"{before}{fetch_command(name, files=files)}   ({size}{page})"


def shown_size(size_mb: float) -> str:
    """A decimal size as the Hub shows it: 2.6 GB, 723 MB."""
    return f"{size_mb / 1000:.1f} GB" if size_mb >= 1000 else f"{max(1, round(size_mb))} MB"


def _wanted(hub_id: str, file: str, files: tuple[str, ...]) -> tuple[tuple[str, ...], float]:
    """Patterns of the files to fetch, and their size in MB, 0 if unknown.

    From the repository's own list of files if the cache has it, else from `known_repositories`, else `files`.
    """
    there, about = listing(hub_id), known(hub_id)
    if file and Path(file).suffix:
        return (file,), _size_mb(there, (file,)) or about.files.get(file, 0)
    if file:  # a folder, which may contain the weights twice, as safetensors and as pickle
        exact = tuple(f"{file}/{pattern}" for pattern in _smallest(_inside(there, file)))
        usual = files if files not in _WHOLE and not about.files else ("*.json", f"*.{about.weights}")
        patterns = exact or tuple(f"{file}/{pattern}" for pattern in usual)
        return patterns, _size_mb(there, patterns) or about.files.get(file, 0)
    if files in _WHOLE:
        if exact := _smallest(there):
            return exact, _size_mb(there, exact)
        if about.includes:
            return about.includes, about.size_mb
    is_all = files != CONFIG_FILES
    return files, _size_mb(there, files) or (about.size_mb if is_all else 0)


def _smallest(there: dict[str, int]) -> tuple[str, ...]:
    """Patterns for the smallest set of these files that is a model, or one part of it; () if there is none.

    Half precision before full, safetensors before pickles, as `weight_files.weights_in` searches.
    """
    if INDEX in there:
        parts = [f"{part}/" for part in _PARTS if any(path.startswith(f"{part}/") for path in there)]
    else:
        parts = [""]
    found = [_smallest_weights(there, part) for part in parts]
    if not any(found):
        return ()
    return ("*.json", "*.txt", *filter(None, found)) if INDEX in there else ("*.json", *filter(None, found))


def _smallest_weights(there: dict[str, int], part: str) -> str:
    for ending in _SMALLEST_FIRST:
        for stem in _STEMS:
            whole, shards = (f"{part}{stem}{ending.format(shard=shard)}" for shard in ("", "-*-of-*"))
            if whole in there:
                return whole
            if _size_mb(there, (shards,)):
                return shards
    return ""


def _inside(there: dict[str, int], folder: str) -> dict[str, int]:
    return {path.removeprefix(f"{folder}/"): size for path, size in there.items() if path.startswith(f"{folder}/")}


def _size_mb(there: dict[str, int], patterns: tuple[str, ...]) -> float:
    """Size of the files that `hf download --include` selects by these patterns; its `*` matches across folders."""
    return sum(size for path, size in there.items() if any(fnmatchcase(path, each) for each in patterns)) / 1e6


def cached(hub_id: str, file: str = "") -> Path | None:
    """The folder of the best snapshot of `owner/name` that holds `file`, or None.

    Chosen by `hub_cache.newest_snapshot`. A renamed repository is searched under both names.
    """
    snapshot = newest_snapshot(hub_id, file)
    if snapshot is None and hub_id in MOVED:
        snapshot = newest_snapshot(MOVED[hub_id], file)
    return None if snapshot is None else snapshot.folder


def revision_notes(name: str) -> tuple[str, ...]:
    """Notes for an id that resolves to another repository, or to another revision than main."""
    parts = _HUB_NAME.fullmatch(name)
    if parts is None or _stated(name)[1] is not None:
        return ()
    hub_id, file = parts["id"], parts["file"].lstrip("/")
    snapshot = newest_snapshot(hub_id, file)
    if snapshot is None and hub_id in MOVED:
        snapshot = newest_snapshot(MOVED[hub_id], file)
        if snapshot is not None:
            return (f"{hub_id} was removed from the Hub; using {MOVED[hub_id]}, where it is published now",)
    if snapshot is None or snapshot.is_main:
        return ()
    return (f"{hub_id}: using the cached revision {snapshot.revision}; main is missing or incomplete",)


def how_to_get(name: str) -> str:
    """The end of an error message, "; fetch it: ...", for an id whose files are incomplete; "" for a user's own folder.

    If the repository's file list is unknown, this names all kinds of weights it may have, because the files that `find`
    suggests first were not enough.
    """
    parts = _HUB_NAME.fullmatch(name)
    if parts is None or Path(name).expanduser().exists():
        return ""
    folder = cached(parts["id"])
    is_model = folder is None or (folder / INDEX).is_file() or not (folder / "config.json").is_file()
    return f"; fetch it: {download_command(name, ALL_MODEL_FILES if is_model else ALL_PART_FILES)}"


def _moved(hub_id: str) -> str:
    return f"it was removed from the Hub, {MOVED[hub_id]} has the same files; " if hub_id in MOVED else ""


def _examples(hub_id: str) -> str:
    return ", ".join(f"{hub_id}/{file}" for file in list(known(hub_id).files)[:MAX_EXAMPLES]) + " ..."
