"""`--image-index`: one picture in this process, in parallel with others."""

import io
import os
import socket
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from pycocotools.coco import COCO

from engine.dataset import make_dataset
from tests.dataset.conftest import own_processes
from tests.dataset.running.small_runs import contents, small_job
from tests.support.full_disk import no_file_over
from tests.support.needed import needs

pytestmark = [pytest.mark.usefixtures("warm_processes"), needs("OpenGL")]
Make = Callable[..., Any]


def test_a_single_picture_equals_that_of_a_whole_run(make: Make, tmp_path: Path) -> None:
    batch = tmp_path / "batch"
    make_dataset(small_job(batch, 1))
    with own_processes():
        report = make(image_index=0, save_coco=True)
    folder = Path(report.folder)
    assert (report.made, report.missing) == (1, 0)
    assert report.outputs == (
        "images/000000.png",
        "labels/000000.txt",
        "dataset.yaml",
        "coco_annotations.json",
    )
    single_report = contents(folder)
    with redirect_stdout(io.StringIO()):
        assert len(COCO(str(folder / "coco_annotations.json")).getAnnIds()) > 0
    assert {
        path: single_report[path]
        for path in single_report
        if not path.startswith(("coco", "annotations"))
    }.items() <= contents(batch).items()
    assert make(image_index=0, save_coco=True).kept == 1
    assert [path.name for path in folder.glob(".picture*")] == []


@pytest.mark.only_on("linux", "darwin", reason="needs a limit on the size of files")
def test_a_failed_picture_is_reported_with_its_reason(make: Make) -> None:
    messages: list[str] = []
    with no_file_over(8_000), own_processes():
        report = make(image_index=0, messages=messages)
    (failed,) = report.failed
    assert failed.reason.endswith(": File too large") and messages == [
        f"picture 000000 failed: {failed.reason}"
    ]
    folder = Path(report.folder)
    assert "File too large" in (folder / "image_000000.log").read_text()
    assert [path.name for path in folder.glob(".picture*")] == [] and make(image_index=0).made == 1


def test_leftovers_of_killed_processes_are_removed_but_not_those_of_other_hosts(
    tmp_path: Path, make: Make
) -> None:
    leftover = subprocess.Popen([sys.executable, "-c", ""])
    leftover.wait()
    folder = tmp_path / "out"
    (folder / ".work").mkdir(parents=True)
    host = f"{zlib.crc32(socket.gethostname().encode()):08x}"
    names = (f"{host}-{leftover.pid}", f"0-{leftover.pid}", f"{host}-{os.getpid()}")
    left, other, own = (folder / f".picture-{name}-a" for name in names)
    for path in (left, other, own):
        path.mkdir()
    assert make(image_index=0).made == 1
    assert [path.exists() for path in (left, other, own)] == [False, True, True]
