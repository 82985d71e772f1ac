"""Reads the Hugging Face cache on this machine: its snapshots, and the file lists that downloads leave there.

No network. huggingface_hub is not used: if only some files of a repository were fetched (`hf download --include`), its
`snapshot_download(local_files_only=True)` raises as if there were none (2.4.0), and it only looks for the revision
main. Layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelError
from engine.models.libraries import require_libraries
from engine.models.weight_files import weights_in
from engine.system.small_file import read_json, read_small

MAIN = "main"
MAX_FILES = 10_000
"""A repository's file list longer than this is not read."""
_PARTS = ("unet", "vae", "text_encoder", "text_encoder_2")
_TROUBLES = (OSError, ValueError, ModelError)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSnapshot:
    """The fetched files of one commit."""

    folder: Path
    refs: tuple[str, ...]
    """Branches and tags that point here; empty if it was fetched by its commit."""

    @property
    def is_main(self) -> bool:
        return MAIN in self.refs

    @property
    def revision(self) -> str:
        """Name of the revision for messages: the first branch or tag, else the commit."""
        return self.refs[0] if self.refs else self.folder.name


def cache_folder() -> Path:
    """The cache folder, from HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME or XDG_CACHE_HOME, in this order."""
    require_libraries()
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser()


def newest_snapshot(hub_id: str, file: str = "") -> CacheSnapshot | None:
    """The best snapshot of `owner/name` that contains `file` ("": any file), or None.

    Prefers complete ones, then main, then the newest. A link whose target was deleted is not a file.
    """
    found = [each for each in _snapshots(hub_id) if _holds(each.folder, file)]
    return max(found, key=lambda each: (_is_whole(each.folder), each.is_main, _modified_s(each.folder)), default=None)


def listing(hub_id: str) -> dict[str, int]:
    """Sizes in bytes of all files of the repository, by path; empty if the cache has no list of them.

    huggingface_hub 2 keeps this list beside the files that it fetched (`trees/COMMIT.json`).
    """
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
                refs.setdefault(read_small(file).decode("utf-8").strip(), []).append(_ref_name(repository, file))
        folders = [folder for folder in (repository / "snapshots").iterdir() if folder.is_dir()]
    except _TROUBLES:
        return
    for folder in folders:
        yield CacheSnapshot(folder=folder, refs=tuple(refs.get(folder.name, ())))


def _ref_name(repository: Path, file: Path) -> str:
    """Name of a ref: `refs/pr/1` for a pull request, `fp16` for a branch."""
    name = file.relative_to(repository / "refs").as_posix()
    return f"refs/{name}" if name.startswith("pr/") else name


def _holds(folder: Path, file: str) -> bool:
    if file:
        return (folder / file).exists()
    return any(path.is_file() for path in folder.rglob("*"))


def _is_whole(folder: Path) -> bool:
    """True if the folder has weights for every part that its JSON files describe."""
    index = folder / "model_index.json"
    if not index.is_file():
        return not (folder / "config.json").is_file() or weights_in(folder) is not None
    try:
        content = read_json(index)
        named = [part for part in _PARTS if (content.get(part) or [None])[0] is not None]
    except (*_TROUBLES, AttributeError, KeyError, TypeError):
        return False
    return all(weights_in(folder / part) is not None for part in named)


def _modified_s(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0
