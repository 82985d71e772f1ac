"""A measurement runs in a separate process. The other tests here run measurements in this process."""

import json
from collections.abc import Callable

import pytest

from engine.bench import beat, timecode
from engine.bench.measuring import in_own_process
from engine.bench.progress import Progress
from engine.errors import ModelError
from tests.cli.conftest import Said

MODULE = "tests.bench.measured"


def measured(then: str, progress: Progress | None = None) -> dict[str, object]:
    return in_own_process(MODULE, {"threads": 2, "then": then}, progress or Progress())


def test_results_and_progress_come_from_a_separate_process_whatever_libraries_print() -> None:
    told: list[tuple[str, float]] = []
    assert measured("end", Progress(lambda *stage: told.append(stage))) == {"threads": 2, "first": 1.5}
    assert told == [("first", 0.0), ("second", 0.5)]


def test_a_measurement_that_is_refused_tells_why() -> None:
    with pytest.raises(ModelError, match=r"^threads: 2 is not 1$"):
        measured("refuse")


@pytest.mark.parametrize(
    ("then", "reason", "found_since"),
    [
        ("fail", "no memory", {"second": 2.5}),
        ("raise", "RuntimeError: no device", {"second": 2.5}),
        ("die", "the measurement ended early: exit code 3; assertion failed in a driver", {}),
    ],
)
def test_what_was_found_before_a_part_failed_is_handed_over(
    then: str, reason: str, found_since: dict[str, float]
) -> None:
    """Also what was found since the last line of progress, and after a line of a library that has no end."""
    expected = {"threads": 2, "first": 1.5, **found_since, "failed": {"part": "second", "reason": reason}}
    assert measured(then) == expected


@pytest.mark.parametrize(
    ("error", "reason", "last_line"),
    [
        (ModelError("no tape"), "no tape", "multiverse: no tape"),
        (KeyboardInterrupt(), "interrupted", "multiverse: interrupted"),
    ],
    ids=["error", "Ctrl-C"],
)
def test_a_bench_prints_what_it_has_and_ends_with_an_error(
    error: BaseException, reason: str, last_line: str, say: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(progress: Progress) -> dict[str, object]:
        progress("timecode", 0.0)
        raise error

    monkeypatch.setattr(beat, "COST_S", 1.0)
    monkeypatch.setattr(timecode, "measure", broken)
    said = say("bench", "beat", "--tempos", "2", "--songs", "1", "--json")
    result = json.loads(said.out)
    assert said.code == 1 and said.err.splitlines() == [last_line]
    assert result["clicks"] and result["failed"] == {"part": "timecode", "reason": reason}
