"""A measurement runs in a separate process. The other tests here run measurements in this
process."""

import pytest

from engine.errors import ModelError
from tests.benchmarks.measured import Options, measure
from tests.benchmarks.measuring import Progress, in_own_process


def measured(then: str, progress: Progress | None = None) -> dict[str, object]:
    return in_own_process(measure, Options(threads=2, then=then), progress or Progress())


def test_results_and_progress_come_from_a_separate_process_whatever_libraries_print() -> None:
    progress: list[tuple[str, float]] = []
    assert measured("end", Progress(lambda *step: progress.append(step))) == {
        "threads": 2,
        "first": 1.5,
    }
    assert progress == [("first", 0.0), ("second", 0.5)]


def test_a_refused_measurement_says_why() -> None:
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
def test_figures_before_a_failure_are_handed_over(
    then: str, reason: str, found_since: dict[str, float]
) -> None:
    """Also what was found since the last line of progress, and after a line of a library that has
    no end."""
    expected = {
        "threads": 2,
        "first": 1.5,
        **found_since,
        "failed": {"part": "second", "reason": reason},
    }
    assert measured(then) == expected
