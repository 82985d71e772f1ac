import numpy as np
import pytest

from engine.errors import UsageError
from engine.jobs.dataset.layout.shares import pick, shares_parser

parse = shares_parser("--feet", ("none", "spoil", "pad"))


def test_kinds_without_a_number_have_equal_shares() -> None:
    assert parse("none") == (("none", 1.0),)
    assert parse("none, pad") == (("none", 0.5), ("pad", 0.5))


def test_shares_are_scaled_to_one() -> None:
    assert parse("none=3,pad=1") == (("none", 0.75), ("pad", 0.25))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nome", "--feet nome: unknown; choose from none, spoil, pad"),
        ("none=x", "--feet none=x: the share is not a number of 0 or more, such as none=0.3"),
        ("none=-1", "the share is not a number"),
        ("none=nan", "the share is not a number"),
        ("none,none", "--feet none,none: none is given twice"),
        ("none=0", "no kind has a share"),
        ("", "no kind has a share"),
    ],
)
def test_impossible_shares_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse(text)


def test_kinds_are_picked_in_their_shares() -> None:
    found = pick(parse("none=3,pad=1"), np.linspace(0, 1, 1001))
    assert found.count("none") / 1001 == pytest.approx(0.75, abs=0.01)
    assert pick((("none", 0.0), ("pad", 1.0)), np.array([0.0, 1.0])) == ["pad", "pad"]
