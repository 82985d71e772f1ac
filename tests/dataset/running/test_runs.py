"""Runs with real processes: results, failures, interruptions."""

import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import psutil
import pytest

from engine.dataset import make_dataset
from engine.dataset.running.attempt import HAS_FORK
from engine.dataset.running.report import DatasetProgress
from engine.errors import ChildError, FolderBusyError, UsageError
from tests.dataset.conftest import own_processes
from tests.dataset.running.small_runs import contents, small_job, started
from tests.support.full_disk import no_file_over
from tests.support.needed import needs

pytestmark = [pytest.mark.usefixtures("warm_processes"), needs("OpenGL")]
Make = Callable[..., Any]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reference: three pictures made by two jobs at once, with all kinds of files."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    seen: list[DatasetProgress] = []
    report = make_dataset(small_job(folder, 3, save_coco=True), on_progress=seen.append)
    assert (report.made, report.kept, report.failed, report.missing) == (3, 0, (), 0)
    assert max(progress.in_progress for progress in seen) == 2
    return folder


def workers() -> dict[str, psutil.Process]:
    """Our descendants that make pictures, by the picture's name, which is that of the log that they
    write."""
    found = {}
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.Error, OSError):  # OSError: on Windows, one that is just ending
            # Not a process that is about to become one: it shares our thread until then, and would
            # stop that.
            if not any("engine.dataset.running" in part for part in each.cmdline()):
                continue
            for path in map(Path, (file.path for file in each.open_files())):
                if path.suffix == ".log" and path.stem.startswith("image_"):
                    found[path.stem.removeprefix("image_")] = each
    return found


@contextmanager
def struck(
    picture: str, blow: Callable[[psutil.Process], object], *, times: int
) -> Iterator[list[int]]:
    """During the block send `blow` to the first processes that make this picture. Yields their
    pids."""
    end = threading.Event()
    pids: list[int] = []

    def strike() -> None:
        while len(pids) < times and not end.wait(0.005):
            process = workers().get(picture)
            if process is not None and process.pid not in pids:
                with suppress(psutil.NoSuchProcess, ProcessLookupError):
                    blow(process)
                    pids.append(process.pid)

    thread = threading.Thread(target=strike)
    thread.start()
    try:
        yield pids
    finally:
        end.set()
        thread.join()


def test_a_run_writes_files_for_trainers_and_for_people(whole: Path) -> None:
    names = [f"{index:06d}" for index in range(3)]
    found = sorted(
        path.relative_to(whole).as_posix() for path in whole.rglob("*") if path.is_file()
    )
    patterns = ("images/{}.png", "labels/{}.txt", "annotations/{}.json", "image_{}.log")
    assert found == sorted(
        [
            *("manifest.jsonl", "dataset.yaml", "coco_annotations.json"),
            *(pattern.format(name) for pattern in patterns for name in names),
        ]
    )
    for name in names:
        assert cv2.imread(str(whole / f"images/{name}.png")).shape == (96, 128, 3)
        assert "seed" in (whole / f"image_{name}.log").read_text()
    lines = [json.loads(line) for line in (whole / "manifest.jsonl").read_text().splitlines()]
    assert [(line["index"], line["seed"], line["status"]) for line in lines] == [
        (index, 1000 + index, "done") for index in range(3)
    ]
    for line in lines:
        known = contents(whole)
        assert {path: known[path] for path in line["sha256"] if path in known}.items() <= line[
            "sha256"
        ].items()
        label = (whole / f"labels/{line['index']:06d}.txt").read_text()
        assert line["labelled"] == len(label.splitlines()) <= line["piles"]
        assert (
            8 <= line["piles"] <= 12
            and line["engine"].startswith("raster ")
            and line["seconds"] > 0
        )


def test_a_grown_run_without_the_option_says_what_its_coco_file_lacks(
    whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    shutil.copytree(whole, folder)
    (folder / "annotations/000002.json").unlink()
    report = make_dataset(small_job(folder, 3))
    assert report.notes == (
        "coco_annotations.json covers 2 of 3 pictures; --save-coco draws the others again",
    )
    shutil.rmtree(folder / "annotations")
    files = (
        "coco_annotations.json was not changed, because its parts are gone; --save-coco draws "
        "the pictures again"
    )
    assert make_dataset(small_job(folder, 3)).notes == (files,)
    report = make_dataset(small_job(folder, image_index=1, save_coco=True))
    assert report.notes == (
        "coco_annotations.json covers 1 of 3 pictures; --save-coco draws the others again",
    )


def test_a_run_that_cannot_start_removes_nothing(
    whole: Path, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    folder = tmp_path / "out"
    shutil.copytree(whole, folder)
    with pytest.raises(ChildError, match="nothing answers there"):
        make_dataset(small_job(folder, 3, resume=False, cluster=f"127.0.0.1:{free_port()}"))
    assert contents(folder) == contents(whole)


def test_a_truncated_manifest_and_a_damaged_part_are_repaired_to_the_same_bytes(
    whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    shutil.copytree(whole, folder)
    manifest = folder / "manifest.jsonl"
    first, second, third = manifest.read_bytes().splitlines(keepends=True)
    # the length of lines depends on random values
    manifest.write_bytes(first + second + third[: len(third) // 2])
    (folder / "annotations/000001.json").write_text('{"image": {"id": 1')
    report = make_dataset(small_job(folder, 3, jobs=1, save_coco=True))
    assert (report.kept, report.made, report.missing) == (1, 2, 0)
    assert report.notes == (
        f"{manifest}: 1 line(s) truncated or unreadable, ignored; pictures without a line are "
        "made again",
        f"{folder}: damaged, and drawn again: annotations/000001.json",
    )
    assert contents(folder) == contents(whole)


def test_a_picture_that_always_dies_is_reported_and_the_others_continue(make: Make) -> None:
    messages: list[str] = []
    with struck("000000", psutil.Process.kill, times=2) as pids:
        report = make(count=2, jobs=1, messages=messages)
    assert len(pids) == 2 and (report.made, report.missing, report.retried) == (1, 1, 1)
    (failed,) = report.failed
    assert (failed.index, failed.attempts) == (0, 2)
    death = "killed by SIGKILL (usually by the system, out of main memory: give fewer --jobs)"
    assert ("exit code 15" if sys.platform == "win32" else death) in failed.reason
    assert [
        line.split(";")[0] for line in messages[2:]
    ] == [  # the last line of the log follows, with its time
        f"picture 000000 {what}: {failed.reason.split(';')[0]}"
        for what in ("was retried", "failed")
    ]
    folder = Path(report.folder)
    assert (
        not (folder / "images/000000.png").exists() and not (folder / "labels/000000.txt").exists()
    )


def test_an_impossible_picture_is_not_retried_and_the_others_continue(make: Make) -> None:
    options = {"num_machinery": 300}  # fit into the first picture of this seed, not into the second
    report = make(count=2, seed=1000, options=options)
    (failed,) = report.failed
    assert (report.made, report.retried, failed.index, failed.attempts) == (1, 0, 1, 1)
    assert failed.reason.startswith("--num-machinery 300: ")
    with pytest.raises(UsageError, match=r"^--num-machinery 300: \d+ machines fit"):
        # the first one is checked before anything is made
        make(count=1, seed=1001, options=options)


def test_a_hung_picture_is_killed_and_made_again(whole: Path, make: Make) -> None:
    messages: list[str] = []
    timeout_s = 10.0 if HAS_FORK else 30.0  # of a new Python that imports everything
    with own_processes(), struck("000000", psutil.Process.suspend, times=1) as pids:
        report = make(count=1, timeout_s=timeout_s, retries=5, messages=messages)
    assert len(pids) == 1 and not psutil.pid_exists(pids[0])
    assert report.made == 1 and report.retried >= 1
    folder = Path(report.folder)
    assert (
        f"hung: no picture after {timeout_s:g} s"
        in json.loads((folder / "manifest.jsonl").read_text())["reason"]
    )
    assert messages[0].startswith("picture 000000 was retried: hung")
    for path in ("images/000000.png", "labels/000000.txt"):
        assert contents(folder)[path] == contents(whole)[path]


@pytest.mark.only_on("linux", reason="needs a limit on another process's memory")
def test_a_picture_without_enough_memory_is_reported_and_the_next_is_made(make: Make) -> None:
    import resource

    def limit(process: psutil.Process) -> None:
        """Leave it a little more than it has: the next large array, texture or program does not
        fit."""
        limit_bytes = process.memory_info().vms + (48 << 20)
        resource.prlimit(process.pid, resource.RLIMIT_AS, (limit_bytes, limit_bytes))

    with struck("000000", limit, times=1) as pids:
        report = make(count=2, jobs=1, retries=0, options={"width": 1024, "height": 768})
    assert len(pids) == 1
    (failed,) = report.failed
    assert failed.index == 0 and "memory" in failed.reason and "\n" not in failed.reason
    assert report.made == 1


@pytest.mark.only_on("linux", "darwin", reason="needs a limit on the size of files")
def test_a_full_disk_ends_the_run_with_one_line_and_the_same_command_resumes(make: Make) -> None:
    with no_file_over(8_000), own_processes():
        report = make(count=2, jobs=1)
    assert (report.made, len(report.failed), report.missing, report.retried) == (0, 1, 2, 0)
    assert "File too large" in report.failed[0].reason
    assert any(
        "no more pictures were started; run the same command to continue" in note
        for note in report.notes
    )
    again = make(count=2, jobs=1)
    assert (again.made, again.missing) == (2, 0), (
        "the one that failed and the one that was not started"
    )


def test_a_stopped_run_finishes_the_pictures_at_work_and_another_run_is_refused_meanwhile(
    make: Make, tmp_path: Path
) -> None:
    """It has a seed of more than 64 bits."""
    stop = threading.Event()
    seen: list[DatasetProgress] = []
    refused: list[str] = []

    def on_progress(progress: DatasetProgress) -> None:
        seen.append(progress)
        if progress.in_progress and not refused:
            with pytest.raises(FolderBusyError) as caught:
                make(count=1)
            refused.append(str(caught.value))
            stop.set()

    report = make(count=5, jobs=1, seed=2**64, on_progress=on_progress, is_stopped=stop.is_set)
    assert (report.made, report.is_interrupted, report.missing) == (1, True, 4) and seen[
        -1
    ].is_finishing
    line = json.loads((Path(report.folder) / "manifest.jsonl").read_text())
    assert line["seed"] == 2**64 and refused == [
        f"{tmp_path / 'out'}: another run is at work on it"
    ]


def test_no_process_outlives_a_run_that_is_killed_and_a_resumed_one_makes_the_same_bytes(
    whole: Path, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    run = started("small_job", tmp_path / "out", 3, jobs=1, save_coco=True)

    def at_work() -> list[psutil.Process]:
        """Processes that watch their parent already; stops them if a stopped one must end too."""
        found = []
        for each in psutil.Process(run.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # its picture is finished
                if each.num_threads() > 1 and any(
                    "image_" in file.path for file in each.open_files()
                ):
                    server = each.parent()
                    found += [each] if server is None or server.pid == run.pid else [each, server]
        for each in found if sys.platform == "linux" else ():
            with suppress(psutil.NoSuchProcess):
                each.suspend()
        return found

    family = wait_for(at_work, "a picture")
    run.kill()
    run.wait()
    wait_for(lambda: not any(each.is_running() for each in family), "the end of its processes")
    labels = {path.stem for path in tmp_path.glob("out/labels/*.txt")}
    assert {path.stem for path in tmp_path.glob("out/images/*.png")} <= labels
    assert make_dataset(small_job(tmp_path / "out", 3, save_coco=True)).missing == 0
    assert contents(tmp_path / "out") == contents(whole)
