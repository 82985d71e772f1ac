"""Finds a model's files on this machine: paths, and the Hugging Face cache. No network, and does
not load torch.

huggingface_hub is not used to find them: if only some files of a repository were fetched (`hf
download --include`), its `snapshot_download(local_files_only=True)` raises as if there were none
(2.4.0), and it only looks for the revision main. Layout:
https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from engine.errors import ModelError
from engine.models.known_repositories import MOVED, repository_info
from engine.models.libraries import require_libraries
from engine.models.not_a_model import SAFETENSORS
from engine.models.weight_files import find_weights
from engine.system.small_file import read_json, read_small, special_kind

MAIN = "main"
MAX_FILES = 10_000
"""A repository's file list longer than this is not read."""
_PARTS = ("unet", "vae", "text_encoder", "text_encoder_2")
_TROUBLES = (OSError, ValueError, ModelError)
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
"""Files to fetch for a diffusers model whose file list is unknown: half precision, no copies in
other formats.

If there are none in half precision, `how_to_get` names all kinds of files that it may have.
"""
ALL_MODEL_FILES = (
    "*.json",
    "*.txt",
    *(
        f"{part}/*.{suffix}"
        for part in ("unet", "vae", "text_encoder*")
        for suffix in ("safetensors", "bin")
    ),
)
PART_FILES = ("*.json", "diffusion_pytorch_model*.safetensors", "model*.safetensors")
ALL_PART_FILES = ("*.json", "*.safetensors", "*.bin")
INDEX = "model_index.json"
CONFIG_FILES = ("*.json", "*.txt")
_STEMS = ("diffusion_pytorch_model", "model", "pytorch_model")
_SMALLEST_FIRST = (
    ".fp16{shard}.safetensors",
    "{shard}.safetensors",
    ".fp16{shard}.bin",
    "{shard}.bin",
)
_WHOLE = (MODEL_FILES, ALL_MODEL_FILES, PART_FILES, ALL_PART_FILES)
_GATED_STEPS = "accept its licence on {page}, then `hf auth login`, then: "


def find(name: str, *, files: tuple[str, ...] = MODEL_FILES) -> Path:
    """The file or folder called `name`: a path, or `owner/name[/file]` in the Hugging Face cache.
    ModelError if there is none, with the command that fetches `files` (patterns) from the Hub.
    Nothing is downloaded automatically: gigabytes at the wrong moment would disturb a live show."""
    if not name:
        raise ModelError("the model name is empty")
    path, mode = _stat(name)
    if mode is not None:
        if kind := special_kind(mode):
            raise ModelError(f"{name}: is {kind}, not a file or a folder")
        if path.name == INDEX and path.is_file():
            raise ModelError(
                f"{name}: is a file of a diffusers folder; name the folder: {path.parent}"
            )
        if path.name.startswith("models--") and (path / "snapshots").is_dir():
            hub_id = path.name.removeprefix("models--").replace("--", "/")
            raise ModelError(f"{name}: is a folder of the Hugging Face cache; use the id: {hub_id}")
        _check_utf_8(path)
        return path
    if found := _ADDRESS.match(name):
        address = _HUB_ADDRESS.match(name)
        then = (
            f"use the id: {address[1]}"
            if address
            else "download the file with a browser, and use its path"
        )
        raise ModelError(
            f"{name}: is a URL ({found[0]}...), and nothing is downloaded automatically; {then}"
        )
    parts = _HUB_NAME.fullmatch(name)
    if parts is None:
        raise ModelError(
            f"{name}: no such file or folder, and not the id of a Hugging Face model (owner/name)"
        )
    file = parts["file"].lstrip("/")
    folder = cached_folder(parts["id"], file)
    if folder is None:
        if not file and (named := repository_info(parts["id"])).files and not named.includes:
            examples = ", ".join(f"{name}/{each}" for each in list(named.files)[:MAX_EXAMPLES])
            raise ModelError(f"{name}: holds several models; name one of its files: {examples} ...")
        now = MOVED.get(parts["id"])
        moved = f"it was removed from the Hub, {now} has the same files; " if now else ""
        raise ModelError(
            f"{name}: neither a path here nor in the Hugging Face cache; {moved}fetch it once: "
            f"{download_command(name, files)}"
        )
    return folder / file


def public_name(name: str) -> str:
    """The name of a model without the folders of this machine: an id as it is, of a path the last
    part."""
    path = Path(name)
    if name.startswith("random:") or (_HUB_NAME.fullmatch(name) and not path.exists()):
        return name
    path = path.absolute()
    return path.stem if path.suffix.lower() in (*SAFETENSORS, ".ckpt") else path.name


def absolute(name: str) -> str:
    """Make an existing path absolute, because another process may have another working folder; ids
    stay unchanged."""
    path = Path(name).expanduser()
    return str(path.absolute()) if name and path.exists() else name


def published_name(path: Path) -> str:
    """The public name of a file or folder: its own name, preceded by the id in the Hugging Face
    cache."""
    for parent in path.parents:
        if parent.name == "snapshots":
            return f"{parent.parent.name.removeprefix('models--').replace('--', '/')}/{path.stem}"
    return path.stem if path.is_file() else path.name


def _check_utf_8(path: Path) -> None:
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        raise ModelError(
            f"{path}: the path of a model must be UTF-8, which safetensors requires; rename it, "
            "or link to it (ln -s)"
        ) from None


def _stat(name: str) -> tuple[Path, int | None]:
    """The path and its `st_mode`, None if it does not exist. ModelError if it cannot be
    accessed."""
    path = Path(name)
    try:
        path = path.expanduser()
        return path, path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return path, None
    except (
        OSError,
        ValueError,
        RuntimeError,
    ) as error:  # name too long, NUL in it, or unknown ~user
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{name[:MAX_NAME]}: cannot be accessed ({reason})") from None


def fetch_command(name: str, *, files: tuple[str, ...] = MODEL_FILES) -> str:
    """The command that fetches `owner/name[/file]` from the Hub, or "" for any other name."""
    return _fetch_plan(name, files)[1]


def download_command(name: str, files: tuple[str, ...]) -> str:
    """`fetch_command`, followed by size and page, and preceded by the steps for a gated repository.
    The size is exact if the cache has the repository's list of files, else "about" the known size,
    or omitted."""
    hub_id, command, size_mb = _fetch_plan(name, files)
    if not hub_id:
        return ""
    page = f"https://huggingface.co/{hub_id}"
    about = "" if repository_files(hub_id) else "about "
    size = f"{about}{format_size(size_mb)}, " if size_mb else ""
    before = _GATED_STEPS.format(page=page) if repository_info(hub_id).is_gated else ""
    return f"{before}{command}   ({size}{page})"


def _fetch_plan(name: str, files: tuple[str, ...]) -> tuple[str, str, float]:
    """The repository's current id, the command, and the size in MB, 0 if unknown; ("", "", 0) for
    other names."""
    parts = _HUB_NAME.fullmatch(name)
    if parts is None:
        return "", "", 0.0
    hub_id = MOVED.get(parts["id"], parts["id"])
    patterns, size_mb = _patterns_to_fetch(hub_id, parts["file"].lstrip("/"), files)
    return (
        hub_id,
        " ".join(("hf download", hub_id, *(f'--include "{pattern}"' for pattern in patterns))),
        size_mb,
    )


def format_size(size_mb: float) -> str:
    """A decimal size as the Hub shows it: 2.6 GB, 723 MB."""
    return f"{size_mb / 1000:.1f} GB" if size_mb >= 1000 else f"{max(1, round(size_mb))} MB"


def _patterns_to_fetch(
    hub_id: str, file: str, files: tuple[str, ...]
) -> tuple[tuple[str, ...], float]:
    """Patterns of the files to fetch, and their size in MB, 0 if unknown. From the repository's own
    list of files if the cache has it, else from `known_repositories`, else `files`."""
    sizes = repository_files(hub_id)
    about = repository_info(hub_id)
    if file and Path(file).suffix:
        return (file,), _size_mb(sizes, (file,)) or about.files.get(file, 0)
    if file:  # a folder, which may contain the weights twice, as safetensors and as pickle
        exact = tuple(f"{file}/{pattern}" for pattern in _smallest(_inside(sizes, file)))
        usual = (
            files if files not in _WHOLE and not about.files else ("*.json", f"*.{about.weights}")
        )
        patterns = exact or tuple(f"{file}/{pattern}" for pattern in usual)
        return patterns, _size_mb(sizes, patterns) or about.files.get(file, 0)
    if files in _WHOLE:
        if exact := _smallest(sizes):
            return exact, _size_mb(sizes, exact)
        if about.includes:
            return about.includes, about.size_mb
    return files, _size_mb(sizes, files) or (about.size_mb if files != CONFIG_FILES else 0)


def _smallest(sizes: dict[str, int]) -> tuple[str, ...]:
    """Patterns for the smallest set of these files that is a model, or one part of it; () if there
    is none. Half precision before full, safetensors before pickles, as `weight_files.find_weights`
    searches."""
    if INDEX in sizes:
        parts = [
            f"{part}/" for part in _PARTS if any(path.startswith(f"{part}/") for path in sizes)
        ]
    else:
        parts = [""]
    found = [_smallest_weights(sizes, part) for part in parts]
    if not any(found):
        return ()
    return (
        ("*.json", "*.txt", *filter(None, found))
        if INDEX in sizes
        else ("*.json", *filter(None, found))
    )


def _smallest_weights(sizes: dict[str, int], part: str) -> str:
    for ending in _SMALLEST_FIRST:
        for stem in _STEMS:
            whole, shards = (
                f"{part}{stem}{ending.format(shard=shard)}" for shard in ("", "-*-of-*")
            )
            if whole in sizes:
                return whole
            if _size_mb(sizes, (shards,)):
                return shards
    return ""


def _inside(sizes: dict[str, int], folder: str) -> dict[str, int]:
    return {
        path.removeprefix(f"{folder}/"): size
        for path, size in sizes.items()
        if path.startswith(f"{folder}/")
    }


def _size_mb(sizes: dict[str, int], patterns: tuple[str, ...]) -> float:
    """Size of the files that `hf download --include` selects by these patterns; its `*` matches
    across folders."""
    return (
        sum(
            size
            for path, size in sizes.items()
            if any(fnmatchcase(path, each) for each in patterns)
        )
        / 1e6
    )


def cached_folder(hub_id: str, file: str = "") -> Path | None:
    """The folder of the best snapshot of `owner/name` that holds `file`, or None. Tries both names
    of a renamed one."""
    snapshot, _ = _cached_snapshot(hub_id, file)
    return None if snapshot is None else snapshot.folder


def _cached_snapshot(hub_id: str, file: str) -> "tuple[CacheSnapshot | None, str]":
    """The best snapshot, and the name of its repository."""
    for name in filter(None, (hub_id, MOVED.get(hub_id))):
        snapshot = newest_snapshot(name, file)
        if snapshot is not None:
            return snapshot, name
    return None, hub_id


def revision_notes(name: str) -> tuple[str, ...]:
    """Notes for an id that resolves to another repository, or to another revision than main."""
    parts = _HUB_NAME.fullmatch(name)
    if parts is None or _stat(name)[1] is not None:
        return ()
    hub_id = parts["id"]
    snapshot, now = _cached_snapshot(hub_id, parts["file"].lstrip("/"))
    if now != hub_id:
        return (f"{hub_id} was removed from the Hub; using {now}, where it is published now",)
    if snapshot is None or MAIN in snapshot.refs:
        return ()
    revision = snapshot.refs[0] if snapshot.refs else snapshot.folder.name
    return (f"{hub_id}: using the cached revision {revision}; main is missing or incomplete",)


def how_to_get(name: str) -> str:
    """The end of an error message, "; fetch it: ...", for an id whose files are incomplete; "" for
    a user's own folder. If the repository's file list is unknown, this names all kinds of weights
    it may have, because the files that `find` suggests first were not enough."""
    parts = _HUB_NAME.fullmatch(name)
    if parts is None or Path(name).expanduser().exists():
        return ""
    folder = cached_folder(parts["id"])
    is_model = (
        folder is None or (folder / INDEX).is_file() or not (folder / "config.json").is_file()
    )
    return f"; fetch it: {download_command(name, ALL_MODEL_FILES if is_model else ALL_PART_FILES)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSnapshot:
    """The fetched files of one commit."""

    folder: Path
    refs: tuple[str, ...]
    """Branches and tags that point here; empty if it was fetched by its commit."""


def cache_folder() -> Path:
    """The cache folder, from HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME or XDG_CACHE_HOME, in
    this order."""
    require_libraries()
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser()


def newest_snapshot(hub_id: str, file: str = "") -> CacheSnapshot | None:
    """The best snapshot of `owner/name` that contains `file` ("": any file), or None. Prefers
    complete ones, then main, then the newest. A link whose target was deleted is not a file."""

    def holds(folder: Path) -> bool:
        return (
            (folder / file).exists() if file else any(path.is_file() for path in folder.rglob("*"))
        )

    def merit(snapshot: CacheSnapshot) -> tuple[bool, bool, float]:
        try:
            modified_s = snapshot.folder.stat().st_mtime
        except OSError:
            modified_s = 0.0
        return _is_whole(snapshot.folder), MAIN in snapshot.refs, modified_s

    return max((each for each in _snapshots(hub_id) if holds(each.folder)), key=merit, default=None)


def repository_files(hub_id: str) -> dict[str, int]:
    """Sizes in bytes of all files of the repository, by path; empty if the cache has no list of
    them. huggingface_hub 2 stores this list beside the downloaded files (`trees/COMMIT.json`)."""
    snapshot = newest_snapshot(hub_id)
    if snapshot is None:
        return {}
    try:
        content = read_json(_repository(hub_id) / "trees" / f"{snapshot.folder.name}.json")
        files = {str(path): int(entry["size"]) for path, entry in content["files"].items()}
    except (*_TROUBLES, AttributeError, KeyError, TypeError):
        return {}
    return files if len(files) <= MAX_FILES else {}


def _repository(hub_id: str) -> Path:
    return cache_folder() / f"models--{hub_id.replace('/', '--')}"


def _snapshots(hub_id: str) -> Iterator[CacheSnapshot]:
    repository = _repository(hub_id)
    refs: dict[str, list[str]] = {}
    try:
        for file in sorted((repository / "refs").rglob("*")):
            if file.is_file():
                name = file.relative_to(repository / "refs").as_posix()
                name = f"refs/{name}" if name.startswith("pr/") else name  # a pull request
                refs.setdefault(read_small(file).decode("utf-8").strip(), []).append(name)
        folders = [folder for folder in (repository / "snapshots").iterdir() if folder.is_dir()]
    except _TROUBLES:
        return
    for folder in folders:
        yield CacheSnapshot(folder=folder, refs=tuple(refs.get(folder.name, ())))


def _is_whole(folder: Path) -> bool:
    """True if the folder has weights for every part that its JSON files describe."""
    index = folder / "model_index.json"
    if not index.is_file():
        return not (folder / "config.json").is_file() or find_weights(folder) is not None
    try:
        content = read_json(index)
        named = [part for part in _PARTS if (content.get(part) or [None])[0] is not None]
    except (*_TROUBLES, AttributeError, KeyError, TypeError):
        return False
    return all(find_weights(folder / part) is not None for part in named)
