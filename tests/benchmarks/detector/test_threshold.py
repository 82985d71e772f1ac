"""Rules that learn nothing find what differs by its colour, and nothing else."""

from dataclasses import replace

import numpy as np

from tests.benchmarks.detector.discs import picture_of_discs
from tests.benchmarks.detector.scoring import nearness, rank
from tests.benchmarks.detector.threshold import SpotRule, best_rule, find_spots
from tests.benchmarks.detector.training import LabelledPicture


def f1(rule: SpotRule, pictures: list[LabelledPicture]) -> float:
    found = [find_spots(each.colors, rule) for each in pictures]
    return rank(found, pictures, nearness).at(0.0).f1


def test_discs_that_are_brighter_than_their_ground_are_found_by_a_rule() -> None:
    pictures = [picture_of_discs(seed, side_px=160) for seed in range(3)]
    rule = best_rule(pictures)
    unseen = [picture_of_discs(seed, side_px=160) for seed in range(50, 53)]
    assert f1(rule, unseen) > 0.95


def test_dark_discs_are_found_by_another_rule() -> None:
    pictures = [replace(each, colors=255 - each.colors) for each in (picture_of_discs(9, side_px=160),)]
    rule = best_rule(pictures)
    assert rule.channel == "dark"
    assert f1(rule, pictures) > 0.95


def test_things_of_the_same_light_as_piles_fool_every_rule() -> None:
    """A rule sees a spot's size and fill, not its form: what a detector has to learn."""

    def with_others(seed: int) -> LabelledPicture:
        picture = picture_of_discs(seed, side_px=320)
        is_pile = np.arange(len(picture.boxes)) % 3 == 0  # the other discs are only like piles
        return replace(picture, boxes=picture.boxes[is_pile], is_ignored=picture.is_ignored[is_pile])

    pictures = [with_others(seed) for seed in range(2)]
    rule = best_rule(pictures)
    assert f1(rule, pictures) < 0.6
