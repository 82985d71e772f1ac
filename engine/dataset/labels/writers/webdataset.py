"""Shards for the WebDataset library: tar files, in which the files of a picture follow one another
under one key.

`000005.jpg` and `000005.json` are one sample with the fields `jpg` and `json`; further formats are
further fields (`txt`, `instances.png`, `depth.png`). Shards are made from the files of finished
pictures, one in memory at a time. Their numbers have no gaps, as `train-{000000..000007}.tar`
expects; a resumed run rewrites only those whose pictures changed. Each is renamed into place when
it is complete. Names, order and bytes depend only on the pictures: the library's writer gets times
of zero, no owners, and each field in its place.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from engine.dataset.labels.options import LabelOptions
from engine.dataset.labels.record import (
    DatasetContents,
    FinishedPicture,
    LabelSource,
    PictureRecord,
)
from engine.dataset.labels.writers import LabelWriter
from engine.dataset.replacing import replacement_path
from engine.dataset.task import PictureTask
from engine.errors import SourceError, UsageError
from engine.system.atomic_file import remove_file, write_atomic
from engine.system.installing import install_line
from engine.system.small_file import MAX_JSON_BYTES, open_regular, read_small

FOLDER = "webdataset"
SAMPLES = "webdataset/samples"
INDEX = "webdataset/index.json"
# about 1 GB of PNGs at two bytes per pixel; pictures per shard are a power of two below it
SHARD_PX = 1 << 29
MAX_SHARD_PICTURES = 8192
Sample = tuple[str, dict[str, Path]]
"""File name without suffix, and without a dot, at which WebDataset splits it from the field; and
file by field."""
FIELDS = {
    "masks/instances": "instances.png",
    "masks/classes": "classes.png",
    "depth": "depth.png",
    "labels": "txt",
}
"""Field for the files of these folders, beside the picture and its JSON."""


class ShardWriter(LabelWriter):
    def check(self) -> None:
        if find_spec("webdataset") is None:
            raise UsageError(
                f"--write webdataset needs webdataset; get it with: {install_line('[dataset]')}"
            )

    def paths(self, task: PictureTask) -> tuple[str, ...]:
        return (task.path(SAMPLES, ".json"),)

    def files(self, source: LabelSource) -> dict[str, bytes]:
        (path,) = self.paths(source.task)
        return {path: json.dumps(sample_values(source.record, source.task.index)).encode("ascii")}

    def whole_names(self, options: LabelOptions, subsets: tuple[str, ...]) -> tuple[str, ...]:
        return (INDEX,)

    def finish(self, contents: DatasetContents) -> tuple[str, ...]:
        """Write the shards that are new or have changed; `index.json` names them all."""
        known = _read_index(contents.folder / INDEX)
        index: dict[str, Any] = {}
        try:
            for name, samples in _shards(contents):
                path = contents.folder / FOLDER / name
                sizes = json.dumps(
                    [
                        (key, [(field, file.stat().st_size) for field, file in files.items()])
                        for key, files in samples
                    ]
                )
                entry = {
                    "pictures": len(samples),
                    "sizes": hashlib.sha256(sizes.encode()).hexdigest(),
                }
                if known.get(name) != entry or not _is_newer(path, samples):
                    write_shard(samples, path)
                index[name] = entry
        except FileNotFoundError as error:
            raise SourceError(f"{error.filename}: cannot be read ({error.strerror})") from error
        for name in known.keys() - index.keys():
            remove_file(contents.folder / FOLDER / name, missing_ok=True)
        write_atomic(contents.folder / INDEX, json.dumps(index, indent=1) + "\n")
        return (INDEX, *(f"{FOLDER}/{name}" for name in index))


def remove_shards(folder: Path) -> None:
    """Remove the shards of this folder, and their index. Raises OSError."""
    for name in _read_index(folder / INDEX):
        remove_file(folder / FOLDER / PurePosixPath(name).name, missing_ok=True)
    remove_file(folder / INDEX, missing_ok=True)


def sample_values(record: PictureRecord, index: int) -> dict[str, Any]:
    """The JSON of a sample: boxes as x y w h in px, with class, head and everything per thing in
    the same order."""
    things = record.labelled
    return {
        "index": index,
        "file_name": record.file_name,
        "width": record.width_px,
        "height": record.height_px,
        "classes": list(record.classes),
        "boxes": [[x0, y0, x1 - x0, y1 - y0] for x0, y0, x1, y1 in (thing.box for thing in things)],
        "class_ids": [thing.class_id for thing in things],
        "numbers": [thing.number for thing in things],
        "heads": [list(thing.head_px) if thing.head_px else None for thing in things],
        "visible_share": [round(thing.visible_share, 4) for thing in things],
        "is_cut": [thing.is_cut for thing in things],
        "is_hidden": [thing.is_hidden for thing in things],
        "camera": record.camera,
    }


def write_shard(samples: Iterable[Sample], path: Path) -> None:
    """Write a tar file and move it into place. Raises OSError; the old file stays then."""
    from webdataset.writer import TarWriter  # 2 to 7 s where torch is installed, which it loads

    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        replacement_path(path) as new,
        new.open("wb") as stream,
        TarWriter(stream, user="", group="", mode=0o644, mtime=0, encoder=False) as tar,
    ):
        for key, files in samples:
            for (
                field,
                file,
            ) in files.items():  # one at a time: it sorts the fields that it gets at once
                with open_regular(file) as content:
                    tar.write({"__key__": key, field: content.read()})


def _shards(contents: DatasetContents) -> Iterator[tuple[str, list[Sample]]]:
    """Yield file name and samples of each shard, without pictures made before shards were
    requested."""
    pictures = [picture for picture in contents.pictures if picture.paths_in(SAMPLES)]
    if not pictures:
        return
    size = _pictures_per_shard(contents.folder / pictures[0].paths_in(SAMPLES)[0])
    for subset in contents.subsets or ("",):
        own = [picture for picture in pictures if picture.subset == subset]
        for number, first in enumerate(range(0, len(own), size)):
            name = f"{subset or 'pictures'}-{number:06d}.tar"
            yield (
                name,
                [sample_of(contents.folder, picture) for picture in own[first : first + size]],
            )


def _pictures_per_shard(sample: Path) -> int:
    """Pictures per shard, a power of two, from the common size of the pictures. SourceError for a
    damaged sample."""
    try:
        values = json.loads(read_small(sample, max_bytes=MAX_JSON_BYTES))
        most: int = max(1, SHARD_PX // (values["width"] * values["height"]))
    except (ValueError, KeyError, TypeError, ZeroDivisionError, RecursionError) as error:
        raise SourceError(f"{sample}: is not a sample of this dataset") from error
    return min(MAX_SHARD_PICTURES, int(2 ** (most.bit_length() - 1)))


def sample_of(folder: Path, picture: FinishedPicture) -> Sample:
    """The files of a picture that are in its shard."""
    name = PurePosixPath(picture.paths[-1])
    files = {name.suffix[1:]: folder / name}
    for path in picture.paths[:-1]:
        parent = path.removesuffix(f"/{PurePosixPath(path).name}").removesuffix(
            f"/{picture.subset}"
        )
        field = "json" if parent == SAMPLES else FIELDS.get(parent)
        if field is not None:
            files[field] = folder / path
    return name.stem, files


def _is_newer(path: Path, samples: list[Sample]) -> bool:
    """True if the shard is there and none of its files was written after it."""
    try:
        shard_ns = path.stat().st_mtime_ns
    except FileNotFoundError:
        return False
    return all(
        file.stat().st_mtime_ns <= shard_ns for _, files in samples for file in files.values()
    )


def _read_index(path: Path) -> dict[str, Any]:
    """The shards of an earlier call; empty if there is no index, or it was edited."""
    try:
        index = json.loads(read_small(path, max_bytes=MAX_JSON_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return index if isinstance(index, dict) else {}
