"""Errors on worker threads: logged once with a traceback, counted and reported; the thread
continues."""

import logging

import pytest

from engine.system.guarded_thread import Guard

log = logging.getLogger("tests.guard")


def failing(text: str = "no disk") -> None:
    raise OSError(text)


def test_each_distinct_fault_has_one_traceback_and_every_failure_a_report(
    reports: object, caplog: pytest.LogCaptureFixture
) -> None:
    reports_seen: list[tuple[str, str]] = []
    guard = Guard(
        log, lambda key, line: reports_seen.append((key, line)), "disk", "disk: a step failed"
    )
    for _ in range(3):
        assert guard.attempt(failing) is None
    assert guard.attempt(lambda: 7) == 7
    assert guard.attempt(lambda: 1 // 0) is None
    assert guard.failures == 4
    assert reports_seen[0] == ("disk", "disk: a step failed: OSError: no disk")
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [
        OSError,
        ZeroDivisionError,
    ]
