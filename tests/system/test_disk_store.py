"""Disk access on worker threads: order, failures, and bounded waits for a hung disk."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import PresetError
from engine.system import disk_store
from engine.system.disk_store import DiskQueue, DiskStore


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch, reports: Any, tmp_path: Path) -> Iterator[DiskQueue]:
    """A queue whose running job hangs until the end of the test; its timeout is 0.05 s."""
    monkeypatch.setattr(disk_store, "MAX_S", 0.05)
    disk, is_begun, is_over = (
        DiskStore(reports).open("slow", tmp_path),
        threading.Event(),
        threading.Event(),
    )
    disk.post(lambda: (is_begun.set(), is_over.wait(120.0)), pytest.fail)
    assert is_begun.wait(120.0)
    yield disk
    is_over.set()


def refuse(reason: str) -> Callable[[], None]:
    def job() -> None:
        raise PresetError(reason)

    return job


def test_jobs_are_done_in_order_and_their_failures_reported(reports: Any, tmp_path: Path) -> None:
    disk, log = DiskStore(reports).open("disk", tmp_path), []
    for number in range(50):
        disk.post(lambda number=number: log.append(number), pytest.fail)
    disk.post(refuse("full"), log.append)
    disk.post(lambda: 1 / 0, log.append)
    disk.close()
    assert log == [*range(50), "full", "internal error: ZeroDivisionError (see the log)"]
    assert reports.lines == [
        ("disk", "disk: disk access failed: ZeroDivisionError: division by zero")
    ]


def test_a_hung_folder_does_not_delay_other_folders(reports: Any, tmp_path: Path) -> None:
    store, is_over, done = DiskStore(reports), threading.Event(), []
    hung, well = (
        store.open("hung", tmp_path / "share", poll=lambda: is_over.wait(120.0)),
        store.open("well", tmp_path),
    )
    well.post(lambda: done.append(hung.has_polled.is_set()), pytest.fail)
    well.close()
    assert done == [False]
    is_over.set()
    hung.close()


def test_a_hung_disk_accepts_no_jobs_and_does_not_delay_closing(
    stuck: DiskQueue, wait_for: Callable, reports: Any
) -> None:
    log: list[str] = []
    wait_for(lambda: stuck.post(lambda: None, log.append) or log, "the refusal")
    assert log[0].startswith("the disk has not answered for")
    stuck.close()
    ((key, line),) = reports.lines
    assert key == "slow" and "unfinished jobs are abandoned" in line


def test_the_queue_is_bounded(stuck: DiskQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_store, "MAX_S", 30.0)
    monkeypatch.setattr(disk_store, "MAX_WAITING", 2)
    log: list[str] = []
    for _ in range(3):
        stuck.post(lambda: None, log.append)
    assert log == ["2 jobs are already waiting for the disk"] * 2
    monkeypatch.setattr(disk_store, "MAX_S", 0.05)


def test_files_of_one_folder_share_a_thread_that_ends_with_the_last_of_them(
    reports: Any, tmp_path: Path
) -> None:
    store, threads = DiskStore(reports), []
    first, second = store.open("first", tmp_path), store.open("second", tmp_path)
    for queue in (first, second):
        queue.post(lambda: threads.append(threading.current_thread()), pytest.fail)
    first.close()
    second.close()
    threads[0].join(120.0)
    assert threads[0] is threads[1] and not threads[0].is_alive()
    again = store.open("again", tmp_path)
    again.post(lambda: threads.append(threading.current_thread()), pytest.fail)
    again.close()
    assert threads[2] is not threads[0]


@pytest.mark.only_on("linux", reason="only Linux has a device that is always full")
def test_an_error_of_the_system_names_the_file_without_its_folder_and_what_to_do(
    reports: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    failures: list[str] = []
    disk = DiskStore(reports).open("disk", tmp_path)
    disk.post((tmp_path / "file").mkdir, failures.append)
    disk.post((tmp_path / "file" / "inside.toml").read_bytes, failures.append)
    disk.post(lambda: Path("/dev/full").write_text("x"), failures.append)
    disk.close()
    assert failures == [
        "file: File exists; something is in the way: move or rename it",
        "inside.toml: Not a directory; a file is in the place of its folder: move or rename it",
        "No space left on device; make room on its disk",
    ]
