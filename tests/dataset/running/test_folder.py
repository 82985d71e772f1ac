"""The folder of a dataset: committing, keeping and rejecting pictures."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.dataset.labels.options import LabelOptions
from engine.dataset.running.folder import WORK, DatasetFolder
from engine.dataset.running.manifest import MANIFEST
from engine.dataset.running.policy import FinishedAttempt
from engine.dataset.task import PictureResult
from engine.errors import FolderBusyError, SinkError, UsageError
from tests.dataset.running.test_manifest import task


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DatasetFolder]:
    dataset_folder = DatasetFolder(tmp_path / "out")
    opened(dataset_folder, range(3))
    yield dataset_folder
    dataset_folder.close()


def opened(folder: DatasetFolder, indices: range, **options: Any) -> frozenset[int]:
    """Plan and prepare the folder; returns the finished indices."""
    plan = folder.plan(indices, lambda index: task(index, **options), is_resuming=True)
    folder.prepare(plan)
    return plan.finished


def staged(folder: DatasetFolder, index: int, *, without: str = "") -> tuple[Path, PictureResult]:
    path = folder.staging(task(index))
    content = {
        f"labels/{index:06d}.txt": b"0 0.5 0.5 0.1 0.1\n",
        f"images/{index:06d}.png": b"pixels",
    }
    for name, value in content.items():
        if name != without:
            (path / name).parent.mkdir()
            (path / name).write_bytes(value)
    return path, PictureResult(
        piles=1,
        labelled=1,
        renderer="none",
        bytes={name: len(value) for name, value in content.items()},
        sha256={name: hashlib.sha256(value).hexdigest() for name, value in content.items()},
    )


def commit(folder: DatasetFolder, index: int, **options: str) -> None:
    path, result = staged(folder, index, **options)
    folder.commit(task(index), FinishedAttempt(folder=path, seconds=1.0, picture=result))


def names(folder: DatasetFolder) -> list[str]:
    return sorted(
        path.name for name in ("images", "labels") for path in (folder.path / name).iterdir()
    )


def test_a_picture_and_its_label_are_committed_together(folder: DatasetFolder) -> None:
    with pytest.raises(OSError):
        commit(folder, 0, without="labels/000000.txt")
    assert names(folder) == [], "never a picture without its label"
    commit(folder, 1)
    assert names(folder) == ["000001.png", "000001.txt"]
    assert [index for index, _ in folder.finished_labels()] == [1]
    plan = folder.plan(
        range(1, 2),
        lambda index: replace(task(index), labels=LabelOptions(write=("yolo", "coco"))),
        is_resuming=True,
    )
    assert (plan.finished, plan.missing) == ({1}, (1,))
    folder.prepare(plan)
    assert names(folder) == ["000001.png", "000001.txt"], (
        "a complete pair stays until it is replaced"
    )


def test_a_label_without_its_picture_is_removed_by_the_next_run(folder: DatasetFolder) -> None:
    with pytest.raises(OSError):
        commit(folder, 0, without="images/000000.png")
    assert names(folder) == ["000000.txt"]
    folder.close()
    again = DatasetFolder(folder.path)
    assert opened(again, range(1)) == set() and names(again) == []
    again.close()


def test_a_damaged_file_of_the_right_size_is_named_and_drawn_again(folder: DatasetFolder) -> None:
    for index in range(3):
        commit(folder, index)
    (folder.path / "images" / "000001.png").write_bytes(b"pixelz")
    (folder.path / "labels" / "000002.txt").write_bytes(b"0 0.5 0.5 0.1 0.9\n")
    folder.close()
    again = DatasetFolder(folder.path)
    checked: list[tuple[int, int]] = []
    plan = again.plan(
        range(3), task, is_resuming=True, on_checked=lambda *progress: checked.append(progress)
    )
    assert (plan.finished, plan.broken, plan.missing, checked) == ({0}, {1, 2}, (1, 2), [(3, 3)])
    assert plan.notes == (
        f"{again.path}: damaged, and drawn again: images/000001.png, labels/000002.txt",
    )
    assert "000001.png" in names(again), "a plan changes nothing"
    again.prepare(plan)
    assert names(again) == ["000000.png", "000000.txt"]
    assert [index for index, _ in again.finished_labels()] == [0]
    again.close()


def test_an_interrupted_check_finds_nothing_finished_and_removes_nothing(
    folder: DatasetFolder,
) -> None:
    commit(folder, 0)
    plan = folder.plan(range(1), task, is_resuming=True, is_stopped=lambda: True)
    assert (plan.finished, plan.broken, plan.is_checked) == (set(), set(), False)
    folder.prepare(plan)
    assert names(folder) == ["000000.png", "000000.txt"]


def test_two_runs_cannot_be_at_work_in_one_folder(folder: DatasetFolder) -> None:
    with pytest.raises(FolderBusyError, match=r"out: another run is at work on it$"):
        DatasetFolder(folder.path)
    folder.close()
    DatasetFolder(folder.path, patience_s=1.0).close()


def test_pictures_of_other_options_are_not_mixed(folder: DatasetFolder) -> None:
    commit(folder, 0)
    folder.close()
    again = DatasetFolder(folder.path)
    with pytest.raises(
        UsageError,
        match=r"made with other options \(--seed was 1000, is 7\); give the same, another",
    ):
        again.plan(range(1), lambda index: task(index, seed=7), is_resuming=True)
    plan = again.plan(range(1), lambda index: task(index, seed=7), is_resuming=False)
    assert (plan.finished, plan.forgotten) == (set(), {0})
    assert names(again) == ["000000.png", "000000.txt"]  # a plan touches nothing
    again.prepare(plan)
    assert names(again) == []
    again.close()


def test_foreign_pictures_are_reported_and_kept(folder: DatasetFolder) -> None:
    commit(folder, 0)
    (folder.path / "images" / "000077.png").write_bytes(b"who made this")
    (note,) = folder.plan(range(1), task, is_resuming=True).notes
    assert (
        note
        == f"{folder.path}/images: 1 picture(s) without a line in the manifest, such as 000077.png"
    )


def test_pictures_of_another_version_are_reported(folder: DatasetFolder) -> None:
    commit(folder, 0)
    line = json.loads(folder.manifest.path.read_bytes())
    folder.manifest.append(json.dumps(line | {"version": "0.0.1"}).encode() + b"\n")
    (note,) = folder.plan(range(1), task, is_resuming=True).notes
    assert note.startswith("1 pictures were made by another version of this program")


def test_the_folder_of_a_run_that_was_refused_can_be_used(tmp_path: Path) -> None:
    """A run for which there is too little space ends before it writes a manifest."""
    DatasetFolder(tmp_path).close()
    assert {path.name for path in tmp_path.iterdir()} == {"images", "labels"}
    DatasetFolder(tmp_path).close()


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "000000.png").write_bytes(b"mine")
    with pytest.raises(
        UsageError, match="is not empty and holds no dataset of ours; name another folder"
    ):
        DatasetFolder(tmp_path)
    assert not (tmp_path / WORK).exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file: is a file; name a folder"):
        DatasetFolder(tmp_path / "file")


def test_an_unwritable_folder_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match=r"file.dataset: cannot be written \(.*\)$"):
        DatasetFolder(tmp_path / "file" / "dataset")


def test_unfinished_files_and_the_lock_are_removed_at_the_end_of_a_run(
    folder: DatasetFolder,
) -> None:
    staged(folder, 2)
    folder.close()
    assert sorted(path.name for path in folder.path.iterdir()) == ["images", "labels", MANIFEST]
