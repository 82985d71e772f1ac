"""The division into train, val and test: by scene, exact at every length, stable when a run
grows."""

import pytest

from engine.dataset.split import parse_split
from engine.errors import UsageError


@pytest.mark.parametrize(
    "text", ["80/10/10", "80/20", "70/15/15", "33.3/33.3/33.4", "0.9/0.1", "1/98/1"]
)
def test_every_subset_is_less_than_one_scene_off_its_fraction_after_any_number_of_scenes(
    text: str,
) -> None:
    split = parse_split(text)
    fractions = [weight / sum(split.weights) for weight in split.weights]
    counts = dict.fromkeys(split.subsets, 0)
    for scene in range(500):
        counts[split.subset_of(scene)] += 1
        for fraction, count in zip(fractions, counts.values(), strict=True):
            assert abs(count - fraction * (scene + 1)) < 1


def test_equal_fractions_are_the_same_split_however_they_are_written() -> None:
    assert parse_split("0.8/0.1/0.1") == parse_split("80/10/10") == parse_split("80.0/ 10 /10")
    assert (
        parse_split("0.8/0.1/0.1").text == "80/10/10"
        and parse_split("62.5/37.5").text == "62.5/37.5"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("80", "1 share"),
        ("80/10/5/5", "4 shares"),
        ("80/10", "the sum is 90, not 100 or 1"),
        ("100/0", "a share is not above 0"),
        ("110/-10", "a share is not above 0"),
        ("a/b", "these are not numbers"),
        ("80//20", "these are not numbers"),
        ("nan/20", "these are not numbers"),
        ("99.99999/0.00001", "at most three decimals of a percentage"),
    ],
)
def test_a_split_that_is_none_is_refused_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_split(text)
    assert (
        str(caught.value)
        == f"--split {text}: {reason}; give train/val or train/val/test, such as 80/20 or 80/10/10"
    )
