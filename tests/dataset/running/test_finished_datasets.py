"""Finished datasets stay what they are: every file is verified, COCO is right at any moment, copies lose nothing."""

import hashlib
import io
import json
import shutil
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from pycocotools.coco import COCO

from engine.dataset import make_dataset
from engine.dataset.checking.check import check_folders
from engine.dataset.labels.options import LabelOptions
from engine.dataset.running.folder import DatasetFolder
from engine.dataset.running.report import DatasetProgress
from engine.errors import UsageError
from tests.dataset.conftest import own_processes
from tests.dataset.running.small_runs import contents, flip, recipe_2_job, small_job

pytestmark = pytest.mark.usefixtures("warm_processes")
ALL = {"labels": LabelOptions(write=("yolo", "coco"))}
YOLO = {"labels": LabelOptions(write=("yolo",))}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "out"
    assert make_dataset(recipe_2_job(folder, 3, jobs=1, **ALL)).missing == 0
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "out"))


def files_of_coco(path: Path) -> list[str]:
    return [image["file_name"] for image in json.loads(path.read_text(encoding="ascii"))["images"]]


def test_the_subsets_have_folders_and_coco_files_of_their_own_and_val_is_not_train(whole: Path) -> None:
    assert sorted(path.name for path in whole.glob("images/*/*")) == ["000000.jpg", "000001.jpg", "000002.jpg"]
    assert [path.name for path in whole.glob("labels/val/*")] == ["000002.txt"]
    lines = (whole / "dataset.yaml").read_text(encoding="utf-8").splitlines()
    assert "train: images/train" in lines and "val: images/val" in lines
    for subset, count in (("train", 2), ("val", 1)):
        with redirect_stdout(io.StringIO()):
            coco = COCO(str(whole / f"coco_annotations_{subset}.json"))
        assert len(coco.getImgIds()) == count and coco.getAnnIds()
    assert not (whole / "coco_annotations.json").exists()


def test_a_flipped_byte_is_found_and_repaired_although_the_run_covers_neither_that_file_nor_picture(
    whole: Path, copy: Path
) -> None:
    """Files that the user deleted are made again, too, but no arrays that nobody asks for."""
    (copy / "labels/train/000000.txt").unlink()
    card = {"README.md": None}  # it tells each run's own options
    damaged = ("images/train/000001.jpg", "annotations/val/000002.json")
    for path in damaged:
        flip(copy / path)
    report = make_dataset(recipe_2_job(copy, 1, jobs=1, **YOLO))
    assert f"{copy}: damaged, and drawn again: {', '.join(damaged)}" in report.notes
    assert (report.made, report.missing) == (3, 0) and report.statistics is not None
    assert contents(copy) | card == contents(whole) | card
    shutil.rmtree(copy / "annotations/val")
    assert make_dataset(recipe_2_job(copy, 3, **YOLO)).kept == 3
    lacking = dict.fromkeys(("annotations/val/000002.json", "coco_annotations_val.json"))
    assert contents(copy) | card | lacking == contents(whole) | card | lacking


def test_files_of_removed_formats_stay_and_may_be_deleted(copy: Path) -> None:
    """Earlier versions wrote voc/, kitti/, hdf5/ and normals/."""
    paths = ("voc/train/000000.xml", "voc/train/000001.xml", "voc/val/000002.xml")
    lines = [json.loads(line) for line in (copy / "manifest.jsonl").read_text().splitlines()]
    for line, path in zip(sorted(lines, key=lambda line: line["index"]), paths, strict=True):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_text("<annotation/>")
        sha256 = {path: hashlib.sha256(b"<annotation/>").hexdigest()}
        line["sha256"], line["bytes"] = sha256 | line["sha256"], {path: 13} | line["bytes"]
    (copy / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert make_dataset(recipe_2_job(copy, 3, **ALL)).kept == 3
    assert all((copy / path).exists() for path in paths)
    (copy / paths[0]).unlink()
    assert make_dataset(recipe_2_job(copy, 3, **ALL)).kept == 3
    flip(copy / "images/val/000002.jpg")
    assert make_dataset(recipe_2_job(copy, 3, **ALL)).made == 1
    assert not (copy / paths[2]).exists() and (copy / paths[1]).exists()
    problems = [(problem.kind, problem.text) for problem in check_folders([copy]).problems]
    assert ("disagree", "YOLO and VOC disagree: 2 and 0 boxes") in problems, "a check reads them"


def test_a_damaged_picture_that_cannot_be_drawn_again_fails_the_run_and_leaves_the_figures(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(copy / "images/val/000002.jpg")
    monkeypatch.setenv("LIBGL_ALWAYS_SOFTWARE", "1")
    monkeypatch.setenv("MULTIVERSE_GPU", "99")  # no such device
    with own_processes():
        report = make_dataset(recipe_2_job(copy, 3, retries=0, **ALL))
    assert report.missing == 1 and report.statistics is not None and report.statistics.pictures == 2
    assert files_of_coco(copy / "coco_annotations_val.json") == []


def test_a_copy_without_hidden_files_is_complete_and_draws_nothing_again(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    shutil.copytree(whole, folder, ignore=shutil.ignore_patterns(".*"))
    report = make_dataset(recipe_2_job(folder, 3, **ALL))
    assert (report.made, report.kept, report.notes) == (0, 3, ()) and contents(folder) == contents(whole)


def test_a_dataset_is_not_continued_with_another_split_or_recipe(copy: Path) -> None:
    for job, message in (
        (recipe_2_job(copy, 3, **ALL | {"split": None}), r"--split was 50/50, is not given"),
        (small_job(copy, 3, split=recipe_2_job(copy).split), r"--recipe was 2, is 1"),
    ):
        with pytest.raises(UsageError, match=rf"made with other options \({message}\); give the same, another"):
            make_dataset(job)


def test_coco_and_yaml_are_valid_at_every_moment_and_list_only_pictures_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.dataset.running.whole_files.MAX_TIME_FRACTION", 1000.0)  # due at once
    folder = tmp_path / "out"
    seen: list[int] = []

    def on_progress(progress: DatasetProgress) -> None:
        assert "val: images" in (folder / "dataset.yaml").read_text(encoding="utf-8")
        names = files_of_coco(folder / "coco_annotations.json")
        assert all((folder / "images" / name).exists() for name in names)
        seen.append(len(names))

    make_dataset(recipe_2_job(folder, 2, jobs=1, split=None, **ALL), on_progress=on_progress)
    assert seen[0] == 0 and seen[-1] == 2


@pytest.mark.parametrize("name", ["../mine.txt", "C:/mine.txt", "/mine.txt"])
def test_a_manifest_that_leads_out_of_the_folder_removes_nothing_there(copy: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "mine.txt"
    outside.write_text("mine", encoding="utf-8")
    manifest = copy / "manifest.jsonl"
    lines = manifest.read_text(encoding="utf-8")
    manifest.write_text(lines.replace("labels/train/000000.txt", name), encoding="utf-8")
    folder = DatasetFolder(copy)
    assert folder.manifest.unreadable == 1 and 0 not in folder.manifest.lines
    folder.close()
    assert outside.exists()
