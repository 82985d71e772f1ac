"""How a changed option is described."""

from typing import Any

import pytest

from engine.jobs.kit.fingerprint import difference


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ([40.0, 160.0], "40..160"),
        ([640, 480], "640x480"),
        ([["snow", 1.5], ["grass", 0.7]], "snow=1.5,grass=0.7"),
        (["pile", "bag"], "pile,bag"),
        ([1, 2, 3], "[1, 2, 3]"),
        ([], "[]"),
        ([40.0, 40.0], "40"),
    ],
)
def test_an_earlier_value_is_described_as_the_option_was_given(before: Any, text: str) -> None:
    assert difference(before, None) == f"was {text}, is not given"


def test_lists_are_not_shown() -> None:
    assert difference([[40.0, 160.0]], [1.0, 2.0, 3.0]) == "has changed"
