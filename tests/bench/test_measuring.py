"""A measurement runs in a separate process. The other tests here run measurements in this process."""

import pytest

from engine.bench.measuring import in_own_process
from engine.bench.progress import no_progress
from engine.errors import ModelError

MODULE = "tests.bench.measured"


def test_results_and_progress_come_from_a_separate_process() -> None:
    told: list[tuple[str, float]] = []
    assert in_own_process(MODULE, {"threads": 2}, lambda *stage: told.append(stage)) == {"threads": 2}
    assert told == [("half", 0.5)]


def test_a_rejected_measurement_tells_why() -> None:
    with pytest.raises(ModelError, match=r"^threads: 0 is not positive$"):
        in_own_process(MODULE, {"threads": 0}, no_progress)


def test_a_crashed_measurement_tells_why() -> None:
    with pytest.raises(ModelError, match=r"without a result: exit code 1; RuntimeError: .*positive") as refusal:
        in_own_process(MODULE, {"threads": -1}, no_progress)
    assert "\n" not in str(refusal.value)
