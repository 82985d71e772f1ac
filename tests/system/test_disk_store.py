"""The thread for disk work: ordered jobs, failures, timeouts and a bounded queue."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.errors import PresetError
from engine.system import disk_store as disk_thread
from engine.system.disk_store import DiskThread


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch, reports: Any) -> Iterator[DiskThread]:
    """One whose job in hand does not end before the test does; 0.05 s count as long."""
    monkeypatch.setattr(disk_thread, "MAX_S", 0.05)
    disk, is_begun, is_over = DiskThread("slow", reports), threading.Event(), threading.Event()
    disk.post(lambda: (is_begun.set(), is_over.wait(30.0)), pytest.fail)
    assert is_begun.wait(30.0)
    yield disk
    is_over.set()


def refuse(reason: str) -> Callable[[], None]:
    def job() -> None:
        raise PresetError(reason)

    return job


def test_jobs_are_done_in_order_and_their_failures_told(reports: Any) -> None:
    disk, told = DiskThread("disk", reports), []
    for number in range(50):
        disk.post(lambda number=number: told.append(number), pytest.fail)
    disk.post(refuse("full"), told.append)
    disk.post(lambda: 1 / 0, told.append)
    disk.close()
    assert told == [*range(50), "full", "an error of the engine itself: ZeroDivisionError"]
    assert reports.lines == []


def test_it_looks_at_once_and_again_and_an_error_is_not_the_end(
    reports: Any, wait_for: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_thread, "POLL_INTERVAL_S", 0.001)
    looks: list[int] = []

    def look() -> None:
        looks.append(1)
        refuse("gone")()

    disk = DiskThread("disk", reports, look)
    assert disk.has_looked.wait(30.0)
    wait_for(lambda: len(looks) > 3, "more looks")
    disk.close()
    assert set(reports.lines) == {("disk", "gone")}


def test_a_disk_that_does_not_answer_takes_no_more_and_does_not_hold_up_the_end(
    stuck: DiskThread, wait_for: Callable, reports: Any
) -> None:
    told: list[str] = []
    wait_for(lambda: stuck.post(lambda: None, told.append) or told, "the refusal")
    assert told[0].startswith("the disk has not answered for")
    stuck.close()
    ((key, line),) = reports.lines
    assert key == "slow" and "what waited is left" in line


def test_what_waits_is_bounded(stuck: DiskThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_thread, "MAX_S", 30.0)
    monkeypatch.setattr(disk_thread, "MAX_WAITING", 2)
    told: list[str] = []
    for _ in range(3):
        stuck.post(lambda: None, told.append)
    assert told == ["2 others wait for the disk already"] * 2
    monkeypatch.setattr(disk_thread, "MAX_S", 0.05)
