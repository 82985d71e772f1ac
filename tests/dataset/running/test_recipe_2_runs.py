"""Runs of recipe 2 with real processes: the same bytes however they are made, and nothing lost or
left damaged."""

import contextlib
import hashlib
import io
import json
import shutil
import tarfile
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from pycocotools.coco import COCO

from engine.dataset import DatasetJob, make_dataset
from engine.dataset.checking.check import check_folders
from engine.dataset.labels.options import LabelOptions
from engine.dataset.running.attempt import HAS_FORK
from engine.dataset.running.folder import DatasetFolder
from engine.dataset.running.report import DatasetProgress
from engine.errors import UsageError
from tests.dataset.conftest import own_processes
from tests.dataset.running.small_runs import (
    assert_survives_kills,
    contents,
    flip,
    recipe_2_job,
    small_job,
)
from tests.support.needed import needs
from tests.support.scanner import Scanner

pytestmark = [pytest.mark.usefixtures("warm_processes"), needs("OpenGL")]
WRITE = ("yolo", "coco", "piles")
COUNT = 3


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reference: three pictures of two scenes, in two subsets, made one after another with all
    kinds of files."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    threads: set[int] = set()

    def on_progress(progress: DatasetProgress) -> None:
        for each in psutil.Process().children() if HAS_FORK else ():
            with contextlib.suppress(psutil.NoSuchProcess):  # one that has just ended
                if progress.created and "forking" in " ".join(each.cmdline()):
                    threads.add(each.num_threads())

    report = make_dataset(recipe_2_job(folder, COUNT, jobs=1), on_progress=on_progress)
    assert (report.made, report.missing, report.retried) == (COUNT, 0, 0)
    assert threads <= {1}, "a fork would lack the others"
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "out"))


def of_pictures(folder: Path) -> dict[str, str]:
    """The files of single pictures, without those about the whole dataset."""
    return {
        path: digest
        for path, digest in contents(folder).items()
        if any(char.isdigit() for char in path)
    }


def with_formats(folder: Path, *names: str, count: int = COUNT) -> DatasetJob:
    job = recipe_2_job(folder, count, jobs=1)
    return replace(job, labels=replace(job.labels, write=names))


def test_the_views_of_a_scene_share_a_subset_and_every_picture_has_all_its_files(
    whole: Path,
) -> None:
    subsets = {path.stem: path.parent.name for path in whole.glob("images/*/*.jpg")}
    assert subsets == {"000000": "train", "000001": "train", "000002": "val"}
    for index in range(COUNT):
        named = f"{subsets[f'{index:06d}']}/{index:06d}"
        assert (whole / f"labels/{named}.txt").exists() and (
            whole / f"scenes/{named}.json"
        ).exists()
        assert list(whole.glob(f"tiles/images/{named}_*"))
    for subset, count in (("train", 2), ("val", 1)):
        with redirect_stdout(io.StringIO()):
            coco = COCO(str(whole / f"coco_annotations_{subset}.json"))
        assert len(coco.getImgIds()) == count and coco.getAnnIds()
    assert not (whole / "coco_annotations.json").exists()
    lines = [json.loads(line) for line in (whole / "manifest.jsonl").read_text().splitlines()]
    assert {path for line in lines for path in line["sha256"]} <= set(contents(whole))


def test_two_jobs_at_once_and_single_pictures_give_the_bytes_of_one_after_another(
    whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    make_dataset(recipe_2_job(folder, 2, image_index=2))
    report = make_dataset(recipe_2_job(folder, COUNT, jobs=2))
    assert (report.made, report.kept) == (COUNT - 1, 1) and contents(folder) == contents(whole)


def test_a_format_less_loses_no_files_and_a_format_more_draws_only_what_lacks(copy: Path) -> None:
    whole = of_pictures(copy)
    report = make_dataset(with_formats(copy, "yolo", count=COUNT + 1))
    assert (report.made, report.kept) == (1, COUNT) and whole.items() <= of_pictures(copy).items()
    notes = (
        "coco_annotations_train.json and coco_annotations_val.json covers 3 of 4 pictures; "
        "--write yolo,coco draws"
    )
    assert any(notes in note for note in report.notes)
    images = [
        image["id"]
        for path in copy.glob("coco_*.json")
        for image in json.loads(path.read_bytes())["images"]
    ]
    assert sorted(images) == [0, 1, 2]
    report = make_dataset(with_formats(copy, *WRITE, "masks", count=1))
    added = of_pictures(copy)
    assert report.made == 1 and report.missing == 0
    assert whole.items() <= added.items() and (copy / "masks/classes/train/000000.png").exists()


def test_overwriting_leaves_nothing_of_the_old_pictures_but_the_user_s_own_files(
    whole: Path, copy: Path
) -> None:
    (copy / "piles.txt").write_text("mine", encoding="utf-8")
    labels = LabelOptions(write=("coco",))
    report = make_dataset(recipe_2_job(copy, 1, resume=False, seed=8, split=None, labels=labels))
    picture = copy / "images/000000.jpg"
    assert (
        report.made == 1
        and picture.read_bytes() != (whole / "images/train/000000.jpg").read_bytes()
    )
    files = (
        "annotations/000000.json coco_annotations.json images/000000.jpg piles.txt "
        "scenes/000000.json"
    )
    assert sorted(contents(copy)) == files.split()


def test_the_first_format_of_yolo_and_shards_are_added_to_pictures_that_have_neither(
    tmp_path: Path,
) -> None:
    def job(*names: str, image_index: int | None = None) -> DatasetJob:
        labels = LabelOptions(write=names)
        return recipe_2_job(tmp_path, 2, jobs=1, split=None, labels=labels, image_index=image_index)

    checked: list[DatasetProgress] = []
    for index in range(2):
        make_dataset(job("coco", image_index=index))
    before = of_pictures(tmp_path)
    make_dataset(job("coco", "yolo", "webdataset", image_index=0))
    stopped = make_dataset(
        job("coco", "yolo", "webdataset"),
        on_progress=checked.append,
        is_stopped=lambda: bool(checked),
    )
    assert (
        stopped.missing == 1 and stopped.statistics is not None and stopped.statistics.pictures == 1
    )
    report = make_dataset(job("coco", "yolo", "webdataset"))
    assert (report.made, report.missing) == (1, 0) and before.items() <= of_pictures(
        tmp_path
    ).items()
    assert report.statistics is not None and report.statistics.pictures == 2
    with tarfile.open(tmp_path / "webdataset/pictures-000000.tar") as shard:
        assert sorted(shard.getnames()) == [
            f"00000{n}.{kind}" for n in (0, 1) for kind in ("jpg", "json", "txt")
        ]
    with pytest.raises(UsageError, match=r"made with other options \(--write was yolo, is \"\"\)"):
        make_dataset(job("coco"))


# -- finished datasets stay what they are: every file is verified, COCO is right at any moment,
#    copies lose nothing


def files_of_coco(path: Path) -> list[str]:
    return [image["file_name"] for image in json.loads(path.read_text(encoding="ascii"))["images"]]


def test_a_flipped_byte_is_found_and_repaired_although_the_run_covers_neither_that_file_nor_picture(
    whole: Path, copy: Path
) -> None:
    """Files that the user deleted are made again, too, but no arrays that nobody asks for."""
    (copy / "labels/train/000000.txt").unlink()
    card = {"README.md": None}  # it tells each run's own options
    damaged = ("images/train/000001.jpg", "annotations/val/000002.json")
    for path in damaged:
        flip(copy / path)
    report = make_dataset(with_formats(copy, "yolo", count=1))
    assert f"{copy}: damaged, and drawn again: {', '.join(damaged)}" in report.notes
    assert (report.made, report.missing) == (3, 0) and report.statistics is not None
    assert contents(copy) | card == contents(whole) | card
    shutil.rmtree(copy / "annotations/val")
    assert make_dataset(with_formats(copy, "yolo")).kept == 3
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
    assert make_dataset(recipe_2_job(copy, 3)).kept == 3
    assert all((copy / path).exists() for path in paths)
    (copy / paths[0]).unlink()
    assert make_dataset(recipe_2_job(copy, 3)).kept == 3
    flip(copy / "images/val/000002.jpg")
    assert make_dataset(recipe_2_job(copy, 3)).made == 1
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
        report = make_dataset(recipe_2_job(copy, 3, retries=0))
    assert report.missing == 1 and report.statistics is not None and report.statistics.pictures == 2
    assert files_of_coco(copy / "coco_annotations_val.json") == []


def test_a_copy_without_hidden_files_is_complete_and_draws_nothing_again(
    whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    shutil.copytree(whole, folder, ignore=shutil.ignore_patterns(".*"))
    report = make_dataset(recipe_2_job(folder, 3))
    assert (report.made, report.kept, report.notes) == (0, 3, ()) and contents(folder) == contents(
        whole
    )


def test_a_dataset_is_not_continued_with_another_split_or_recipe(copy: Path) -> None:
    for job, message in (
        (recipe_2_job(copy, 3, split=None), r"--split was 50/50, is not given"),
        (small_job(copy, 3, split=recipe_2_job(copy).split), r"--recipe was 2, is 1"),
    ):
        with pytest.raises(
            UsageError, match=rf"made with other options \({message}\); give the same, another"
        ):
            make_dataset(job)


def test_coco_and_yaml_are_valid_at_every_moment_and_list_only_pictures_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # due at once
    monkeypatch.setattr("engine.dataset.running.whole_files.MAX_TIME_FRACTION", 1000.0)
    folder = tmp_path / "out"
    seen: list[int] = []

    def on_progress(progress: DatasetProgress) -> None:
        assert "val: images" in (folder / "dataset.yaml").read_text(encoding="utf-8")
        names = files_of_coco(folder / "coco_annotations.json")
        assert all((folder / "images" / name).exists() for name in names)
        seen.append(len(names))

    make_dataset(recipe_2_job(folder, 2, jobs=1, split=None), on_progress=on_progress)
    assert seen[0] == 0 and seen[-1] == 2


@pytest.mark.parametrize("name", ["../mine.txt", "C:/mine.txt", "/mine.txt"])
def test_a_manifest_that_leads_out_of_the_folder_removes_nothing_there(
    copy: Path, tmp_path: Path, name: str
) -> None:
    outside = tmp_path / "mine.txt"
    outside.write_text("mine", encoding="utf-8")
    manifest = copy / "manifest.jsonl"
    lines = manifest.read_text(encoding="utf-8")
    manifest.write_text(lines.replace("labels/train/000000.txt", name), encoding="utf-8")
    folder = DatasetFolder(copy)
    assert folder.manifest.unreadable == 1 and 0 not in folder.manifest.lines
    folder.close()
    assert outside.exists()


@pytest.mark.only_on("win32", reason="other systems replace and delete open files")
def test_a_whole_file_that_a_program_holds_open_fails_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner = Scanner.installed(monkeypatch)
    labels = LabelOptions(write=("yolo", "piles", "coco"))
    job = recipe_2_job(tmp_path, 1, jobs=1, split=None, labels=labels)

    def open_it(progress: DatasetProgress) -> None:
        (tmp_path / "piles.jsonl").touch()
        scanner.hold("piles.jsonl")

    report = make_dataset(job, on_progress=open_it)
    assert (report.made, report.missing, report.failed) == (1, 0, ())
    assert any(
        "piles.jsonl: cannot be written" in note and "run the same command" in note
        for note in report.notes
    )
    assert len(json.loads((tmp_path / "coco_annotations.json").read_bytes())["images"]) == 1


def test_a_run_killed_at_random_moments_and_resumed_makes_the_same_bytes(
    whole: Path, tmp_path: Path
) -> None:
    assert_survives_kills(tmp_path / "out", COUNT, kills=20)
    assert contents(tmp_path / "out") == contents(whole)
