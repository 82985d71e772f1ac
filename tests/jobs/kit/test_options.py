"""Numbers out of range are refused with one line, whatever their size."""

import pytest

from engine.errors import UsageError
from engine.jobs.kit.options import check_number


@pytest.mark.parametrize(
    ("value", "low", "high", "message"),
    [
        (0, 1, 10_000_000, "--count: 0 is not 1 to 10000000"),
        (10**400, 1, 1024, f"--count: 1{'0' * 400} is not 1 to 1024"),
        (float("nan"), 0, None, "--count: nan is not 0 or more"),
        (0.05, 0.5, 1.0, "--count: 0.05 is not 0.5 to 1"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_range(
    value: float, low: float, high: float, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        check_number("--count", value, low, high)
    assert str(caught.value) == message


def test_the_ends_are_in_the_range() -> None:
    for value in (1, 5, 5.0):
        check_number("--count", value, 1, 5)
