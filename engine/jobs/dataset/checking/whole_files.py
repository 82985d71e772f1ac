"""Faults of the files about a whole dataset that trainers read: dataset.yaml, COCO's, piles.jsonl, tar shards.

The manifest has no hash of them, as they change with every run. But it names the files of each picture, and those say
which whole files there are and what is in them.
"""

import hashlib
import json
import os
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from engine.jobs.dataset.checking.listing import TILES, FoundFolder, read_yaml
from engine.jobs.dataset.checking.problems import CheckProblem
from engine.jobs.dataset.labels.reading import read_coco
from engine.jobs.dataset.labels.source import FinishedPicture
from engine.jobs.dataset.labels.writers.tiles import finished_tiles
from engine.jobs.dataset.labels.writers.webdataset import INDEX, sample_of
from engine.system.small_file import open_regular, read_small
from engine.system.translate_errors import reason_of
from engine.system.work_folder import sha256_of

MAX_PART_BYTES = 64 << 20
POSE_COLUMNS = 3  # x, y and visibility of the head

Digests = dict[str, str]
"""SHA-256 by path, from the manifest."""


def whole_file_problems(folder: FoundFolder, coco_ids: dict[str, set[int] | None]) -> Iterator[CheckProblem]:
    """Faults of the whole files of a dataset of ours and of its tiles; none for a foreign one.

    `coco_ids`: the image ids of COCO files that were read already, by name; None for one whose damage is known.
    """
    pictures: list[FinishedPicture] = []
    digests: Digests = {}
    for index, entry in sorted(folder.manifest.items()):
        paths = tuple(name for name in entry.get("sha256") or {} if not name.startswith("."))
        if entry.get("status") == "done" and paths and paths[-1].startswith("images/"):
            subset = "/".join(paths[-1].split("/")[1:-1])
            pictures.append(FinishedPicture(index=index, subset=subset, paths=paths))
            digests |= entry["sha256"]
    tiles = [tile for picture in pictures for tile in finished_tiles(picture)]
    inner = {name.removeprefix(f"{TILES}/"): digest for name, digest in digests.items() if name.startswith(f"{TILES}/")}
    for prefix, some, known in (("", pictures, digests), (f"{TILES}/", tiles, inner)):
        root = folder.path / prefix
        for problem in (
            *_yaml_problems(root, some, folder.options),
            *_coco_problems(root, some, {} if prefix else coco_ids),
            *_piles_problems(root, some, known),
            *_shard_problems(root, some, known),
        ):
            yield CheckProblem(kind=problem.kind, path=prefix + problem.path, text=problem.text)


def _yaml_problems(root: Path, pictures: list[FinishedPicture], options: dict[str, Any]) -> Iterator[CheckProblem]:
    wanted = dict(enumerate(options.get("classes", ["pile"])))
    for labels in sorted({name for name in _folders(pictures) if name == "labels" or name.startswith("labels-")}):
        path = f"{labels.replace('labels', 'dataset')}.yaml"
        text = _content(root / path)
        if text is None:
            yield _missing(path)
            continue
        names, columns = read_yaml(text.decode("utf-8", "replace"))
        if any(names.get(number) != name for number, name in wanted.items()):
            told, due = (", ".join(each.values()) or "none" for each in (names, wanted))
            yield CheckProblem(kind="damaged", path=path, text=f"names the classes {told}; those of the labels: {due}")
        elif (labels == "labels-pose" or (labels, options.get("write")) == ("labels", "yolo-pose")) and (
            columns != POSE_COLUMNS
        ):
            yield CheckProblem(kind="damaged", path=path, text="lacks kpt_shape: [1, 3] of the heads")


def _coco_problems(
    root: Path, pictures: list[FinishedPicture], known: dict[str, set[int] | None]
) -> Iterator[CheckProblem]:
    wanted: dict[str, set[int]] = {}
    for picture in pictures:
        if _path_in("annotations", picture):
            name = f"coco_annotations_{picture.subset}.json" if picture.subset else "coco_annotations.json"
            wanted.setdefault(name, set()).add(picture.index)
    for name, indices in wanted.items():
        if not (root / name).exists():
            yield _missing(name)
            continue
        if name in known:
            ids = known[name]
        else:
            coco = read_coco(root / name)
            if isinstance(coco, str):
                yield CheckProblem(kind="damaged", path=name, text=coco)
                continue
            ids = {image.id for image in coco.images}
        if ids is not None and (lacking := indices - ids):
            yield _lacking(name, (f"image id {index}" for index in sorted(lacking)), len(lacking))


def _piles_problems(root: Path, pictures: list[FinishedPicture], digests: Digests) -> Iterator[CheckProblem]:
    parts = [path for picture in pictures if (path := _path_in("piles", picture))]
    if not parts:
        return
    joined = hashlib.sha256()
    for path in parts:
        content = _content(root / path)
        if content is None or hashlib.sha256(content).hexdigest() != digests[path]:
            return  # which is told already
        joined.update(content)
    try:
        whole = sha256_of(root / "piles.jsonl")
    except OSError:
        yield _missing("piles.jsonl")
        return
    if whole != joined.hexdigest():
        yield CheckProblem(kind="damaged", path="piles.jsonl", text="is not the lines of the files in piles/")


def _shard_problems(root: Path, pictures: list[FinishedPicture], digests: Digests) -> Iterator[CheckProblem]:
    samples = [sample_of(root, picture) for picture in pictures if _path_in("webdataset", picture)]
    if not samples:
        return
    wanted = {
        f"{sample.key}.{field}": digests[path.relative_to(root).as_posix()]
        for sample in samples
        for field, path in sample.files
    }
    shards = sorted(path.name for path in (root / INDEX).parent.glob("*.tar"))
    index = _content(root / INDEX)
    if index is None:
        yield _missing(INDEX)
    elif (named := _shards_of(index)) is None:
        yield CheckProblem(kind="damaged", path=INDEX, text="is not the index of shards")
    else:
        shards = sorted({*shards, *named})
        for name in sorted({*shards} - {*named}):
            yield CheckProblem(kind="extra", path=f"webdataset/{name}", text="is not in index.json")
    seen: set[str] = set()
    for name in shards:
        path = f"webdataset/{name}"
        if not (root / path).exists():
            yield CheckProblem(kind="missing", path=path, text="is in index.json but not in the folder")
            continue
        try:
            for member, digest in _members(root / path):
                if member in seen or member not in wanted:
                    text = f"{member} {'stands twice' if member in seen else 'is of no picture'}"
                    yield CheckProblem(kind="extra", path=path, text=text)
                elif digest != wanted[member]:
                    text = f"{member} differs from its SHA-256 in the manifest"
                    yield CheckProblem(kind="damaged", path=path, text=text)
                seen.add(member)
        except (tarfile.TarError, OSError, EOFError, ValueError, MemoryError) as error:
            yield CheckProblem(kind="damaged", path=path, text=f"cannot be read ({reason_of(error)})")
    if lacking := [name for name in wanted if name not in seen]:
        yield _lacking("webdataset", lacking, len(lacking))


def _members(path: Path) -> Iterator[tuple[str, str]]:
    """Name and SHA-256 of each file of a shard. Raises TarError and OSError."""
    with open_regular(path) as file, tarfile.open(fileobj=file, mode="r:") as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is None:
                continue
            if member.offset_data + member.size > os.fstat(file.fileno()).st_size:
                raise EOFError(f"{member.name} has {member.size} bytes, more than the shard")
            yield member.name, hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]


def _shards_of(index: bytes) -> list[str] | None:
    try:
        named = json.loads(index)
    except (ValueError, RecursionError):
        return None
    return list(named) if isinstance(named, dict) and all(map(_is_shard, named)) else None


def _is_shard(name: str) -> bool:
    return name.endswith(".tar") and "/" not in name and "\\" not in name


def _folders(pictures: list[FinishedPicture]) -> set[str]:
    return {path.partition("/")[0] for picture in pictures for path in picture.paths}


def _path_in(folder: str, picture: FinishedPicture) -> str:
    return next((path for path in picture.paths if path.startswith(f"{folder}/")), "")


def _content(path: Path) -> bytes | None:
    try:
        return read_small(path, max_bytes=MAX_PART_BYTES)
    except OSError:
        return None


def _missing(path: str) -> CheckProblem:
    return CheckProblem(
        kind="missing", path=path, text="is not in the folder; the command that made the dataset writes it again"
    )


def _lacking(path: str, names: Iterable[str], count: int) -> CheckProblem:
    more = f" and {count - 1} more" if count > 1 else ""
    return CheckProblem(kind="missing", path=path, text=f"lacks {next(iter(names))}{more}")
