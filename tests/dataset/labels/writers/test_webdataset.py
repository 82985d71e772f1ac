"""Shards, read with the WebDataset library."""

import gc
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from webdataset import TarWriter, WebDataset

from engine.dataset.labels.options import LabelOptions
from engine.dataset.labels.record import DatasetContents, FinishedPicture
from engine.dataset.labels.writers import webdataset as shards
from engine.dataset.labels.writers.pixels import encode_png
from engine.dataset.labels.writers.webdataset import ShardWriter, sample_values
from engine.errors import SourceError
from tests.dataset.labels.small_records import site


def picture(folder: Path, index: int, subset: str = "") -> FinishedPicture:
    """A picture of one colour, with label, depth and sample."""
    names = [
        f"{kind}/{subset}/{index:06d}".replace("//", "/") for kind in ("labels", "depth", "images")
    ]
    sample = f"webdataset/samples/{subset}/{index:06d}.json".replace("//", "/")
    paths = (sample, f"{names[0]}.txt", f"{names[1]}.png", f"{names[2]}.png")
    grey = encode_png(np.full((90, 120, 3), index, np.uint8))
    values = json.dumps(sample_values(site(), index)).encode()
    for path, content in zip(paths, (values, b"0 0.5 0.5 0.1 0.1\n", grey, grey), strict=True):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return FinishedPicture(index=index, paths=paths)


def contents(folder: Path, count: int, subsets: tuple[str, ...] = ()) -> DatasetContents:
    """A dataset's contents with this number of pictures; every third one is for validation if there
    are subsets."""
    kinds = [
        ("" if not subsets else "val" if index % 3 == 2 else "train") for index in range(count)
    ]
    pictures = [picture(folder, index, subset) for index, subset in enumerate(kinds)]
    return DatasetContents(
        folder=folder, options=LabelOptions(), subsets=subsets, pictures=pictures
    )


def keys(path: Path) -> list[str]:
    with tarfile.open(path) as tar:
        return list(dict.fromkeys(name.partition(".")[0] for name in tar.getnames()))


@pytest.fixture(autouse=True)
def two_pictures_per_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_PX", 3 * 120 * 90)  # 2 is the power of two below


@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
def test_webdataset_reads_every_picture_with_its_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = ShardWriter("webdataset").finish(contents(tmp_path, 5))
    assert written == (
        "webdataset/index.json",
        *(f"webdataset/pictures-{number:06d}.tar" for number in range(3)),
    )
    monkeypatch.chdir(tmp_path)  # the library takes a drive's letter for a protocol
    read = list(
        WebDataset(
            "webdataset/pictures-{000000..000002}.tar", shardshuffle=False, empty_check=False
        ).decode("rgb8")
    )
    gc.collect()  # the library leaves its files open
    assert [one["__key__"] for one in read] == [f"{index:06d}" for index in range(5)]
    for index, one in enumerate(read):
        assert (
            one["png"].shape == one["depth.png"].shape == (90, 120, 3)
            and (one["png"] == index).all()
        )
        assert one["txt"] == "0 0.5 0.5 0.1 0.1\n" and one["json"]["index"] == index
        boxes = [[x, y, x + w, y + h] for x, y, w, h in one["json"]["boxes"]]
        assert boxes == [list(thing.box) for thing in site().labelled]
        assert one["json"]["class_ids"] == [0, 0, 0, 1]


def test_each_part_of_a_split_has_shards_without_gaps(tmp_path: Path) -> None:
    ShardWriter("webdataset").finish(contents(tmp_path, 8, ("train", "val", "test")))
    found = {path.name: keys(path) for path in sorted((tmp_path / "webdataset").glob("*.tar"))}
    assert found == {
        "train-000000.tar": ["000000", "000001"],
        "train-000001.tar": ["000003", "000004"],
        "train-000002.tar": ["000006", "000007"],
        "val-000000.tar": ["000002", "000005"],
    }


def test_a_resumed_run_rewrites_only_shards_that_changed(tmp_path: Path) -> None:
    what = contents(tmp_path, 5)
    ShardWriter("webdataset").finish(replace(what, pictures=what.pictures[:3]))
    first, last = (tmp_path / "webdataset" / f"pictures-00000{number}.tar" for number in (0, 1))
    before = first.stat().st_ino, last.stat().st_ino
    ShardWriter("webdataset").finish(what)
    assert first.stat().st_ino == before[0] and last.stat().st_ino != before[1]
    assert keys(last) == ["000002", "000003"]


def test_shards_have_the_same_bytes_and_those_of_removed_pictures_go(tmp_path: Path) -> None:
    ShardWriter("webdataset").finish(contents(tmp_path / "a", 4))
    what = contents(tmp_path / "b", 4)
    ShardWriter("webdataset").finish(what)
    shards = [sorted((tmp_path / name / "webdataset").glob("*.*")) for name in "ab"]
    assert [path.read_bytes() for path in shards[0]] == [path.read_bytes() for path in shards[1]]
    with tarfile.open(shards[0][1]) as tar:
        names = [
            f"{index:06d}.{field}"
            for index in (0, 1)
            for field in ("png", "json", "txt", "depth.png")
        ]
        assert tar.getnames() == names
        assert {(each.mtime, each.uname, each.uid, each.mode) for each in tar} == {
            (0, "", 0, 0o644)
        }
    ShardWriter("webdataset").finish(replace(what, pictures=what.pictures[:1]))
    assert [path.name for path in (tmp_path / "b" / "webdataset").glob("*.tar")] == [
        "pictures-000000.tar"
    ]


def test_pictures_drawn_before_the_format_was_requested_wait_for_their_sample(
    tmp_path: Path,
) -> None:
    """A longer --write, and --image-index: the older pictures get their files one after another."""
    what = contents(tmp_path, 4)
    older = [replace(each, paths=each.paths[1:]) for each in what.pictures]
    assert ShardWriter("webdataset").finish(replace(what, pictures=older)) == (
        "webdataset/index.json",
    )
    ShardWriter("webdataset").finish(replace(what, pictures=[*older[:1], *what.pictures[1:]]))
    found = [keys(path) for path in sorted((tmp_path / "webdataset").glob("*.tar"))]
    assert found == [["000001", "000002"], ["000003"]]


def test_a_damaged_or_missing_file_is_named(tmp_path: Path) -> None:
    what = contents(tmp_path, 2)
    sample = tmp_path / what.pictures[0].paths[0]
    sample.write_bytes(b"{}")
    with pytest.raises(SourceError, match=r"samples.000000\.json: is not a sample"):
        ShardWriter("webdataset").finish(what)
    sample.unlink()
    with pytest.raises(SourceError, match=r"webdataset.samples.000000\.json: cannot be read"):
        ShardWriter("webdataset").finish(what)


def test_an_interruption_leaves_whole_shards_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_write = TarWriter.write

    def interrupted(tar: TarWriter, sample: dict[str, Any]) -> None:
        if sample["__key__"] == "000003" and "png" in sample:
            raise KeyboardInterrupt
        really_write(tar, sample)

    what = contents(tmp_path, 4)
    monkeypatch.setattr(TarWriter, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ShardWriter("webdataset").finish(what)
    assert [path.name for path in (tmp_path / "webdataset").iterdir() if path.is_file()] == [
        "pictures-000000.tar"
    ]
    assert keys(tmp_path / "webdataset" / "pictures-000000.tar") == ["000000", "000001"]
    monkeypatch.setattr(TarWriter, "write", really_write)
    ShardWriter("webdataset").finish(what)
    assert keys(tmp_path / "webdataset" / "pictures-000001.tar") == ["000002", "000003"]
