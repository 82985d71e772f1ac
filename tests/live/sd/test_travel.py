"""The travel through the prompts, by known beats."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

import osc_schema
from engine.live.sd.travel import PromptTravel, weights_at
from engine.params.fade_time import Pulse
from osc_schema.sd import PROMPTS

BASE: dict[str, Any] = {
    param.address: param.default for param in osc_schema.PARAMS if param.area == "sd"
}
THREE = BASE | {f"/sd/prompts/{n}/text": text for n, text in ((1, "sea"), (3, "ice"), (8, "fire"))}
STEP = 2 * 2 / 60.0  # beats per frame: 120 per minute, 30 frames per second
LEAD_S = 0.25  # half a beat


def mixed(weights: dict[str, float]) -> dict[int, float]:
    """Weights above 0, by number of the prompt."""
    assert weights.keys() == {f"/sd/prompts/{n}/weight" for n in PROMPTS}
    assert math.isclose(sum(weights.values()), 1.0)
    return {n: weight for n in PROMPTS if (weight := round(weights[f"/sd/prompts/{n}/weight"], 4))}


@pytest.mark.parametrize(
    ("position", "glide", "is_backward", "weights"),
    [
        (0.0, 1.0, False, {1: 1.0}),
        (1.25, 1.0, False, {3: 0.75, 8: 0.25}),
        (2.5, 1.0, False, {8: 0.5, 1: 0.5}),
        (1.875, 0.25, False, {3: 0.5, 8: 0.5}),
        (1.125, 0.25, True, {3: 0.5, 8: 0.5}),
        (1.01, 0.0, True, {8: 1.0}),
        (-1.0, 0.0, True, {8: 1.0}),
    ],
)
def test_a_position_in_the_list_gives_the_weights(
    position: float, glide: float, is_backward: bool, weights: dict[int, float]
) -> None:
    assert (
        mixed(weights_at(THREE | {"/sd/travel/glide": glide}, position, is_backward=is_backward))
        == weights
    )


def frames(
    values: dict[str, Any], begin: float, end: float, lead_s: float = 0.0
) -> Iterator[tuple[float, Any, Any]]:
    """Play a travel frame by frame: (beat, weights above 0, announced changes) of each."""
    travel = PromptTravel()
    for frame in range(round(begin / STEP), round(end / STEP)):
        pulse = Pulse(beat=frame * STEP, step=STEP, bpm=120.0)
        weights, coming = travel.follow(values, pulse, lead_s)
        yield (
            pulse.beat,
            weights and mixed(weights),
            [change.key for change in coming if not change.is_due],
        )


def test_it_begins_on_a_bar_line_and_arrives_at_each_prompt_on_one() -> None:
    values = THREE | {"/sd/travel/enable": True, "/sd/travel/rate": 1.0, "/sd/travel/glide": 0.0}
    played = [(beat, next(iter(weights))) for beat, weights, _ in frames(values, 2.0, 30.0)]
    changes = [(beat, n) for (_, before), (beat, n) in pairwise(played) if n != before]
    assert [n for _, n in changes] == [3, 8, 1, 3, 8, 1], (
        "from the first prompt, which stays until the first bar is over"
    )
    for (beat, _), bar in zip(changes, (8, 12, 16, 20, 24, 28), strict=True):
        assert abs(beat - bar) <= STEP / 2 + 1e-6


def test_what_is_sent_is_ahead_by_the_delay_and_a_step_is_on_its_way_until_its_frame() -> None:
    values = THREE | {"/sd/travel/enable": True, "/sd/travel/rate": 1.0, "/sd/travel/glide": 0.0}
    played = list(frames(values, 2.0, 13.0, LEAD_S))
    for (_, now, _), (beat, weights, coming) in zip(frames(values, 2.0, 13.0), played, strict=True):
        is_ahead = any(bar - 0.5 - STEP / 2 <= beat < bar - STEP / 2 - 1e-6 for bar in (8.0, 12.0))
        assert (weights != now) == bool(coming) == is_ahead, beat
    assert {key for _, _, keys in played for key in keys} == {("travel", 1), ("travel", 2)}


def test_a_new_rate_is_sent_ahead_of_its_bar_line() -> None:
    """So that neither the start nor a stop is a jump."""
    values, travel = THREE | {"/sd/travel/enable": True}, PromptTravel()
    before: dict[str, float] | None = None
    for frame in range(round(2.0 / STEP), round(30.0 / STEP)):
        beat = frame * STEP
        rate = 1.0 if beat < 5.0 else 2.0 if beat < 9.0 else 0.0 if beat < 17.0 else -1.0
        weights, _ = travel.follow(
            values | {"/sd/travel/rate": rate}, Pulse(beat=beat, step=STEP, bpm=120.0), LEAD_S
        )
        if before is not None:
            moved = max(abs(weights[address] - before[address]) for address in weights)
            assert moved <= 2.0 * STEP / 4 + 1e-6, beat
        before = dict(weights)


def test_it_goes_backwards_stops_at_rate_0_and_starts_from_a_new_position() -> None:
    values = THREE | {"/sd/travel/enable": True, "/sd/travel/rate": -1.0, "/sd/travel/glide": 0.0}
    *_, (_, weights, _) = frames(values, 2.0, 9.0)
    assert weights == {8: 1.0}, "from the first prompt back to the last"
    travel = PromptTravel()

    def weights_of(beat: float, **more: Any) -> dict[int, float]:
        changed = values | {f"/sd/travel/{name}": value for name, value in more.items()}
        return mixed(travel.follow(changed, Pulse(beat=beat), 0.0)[0])

    assert (
        weights_of(3.5, rate=0.0, position=1.0)
        == weights_of(4.0, rate=0.0, position=1.0)
        == {3: 1.0}
    )
    assert weights_of(90.0, rate=0.0, position=1.0) == {3: 1.0}
    assert weights_of(90.5, rate=0.0, position=2.0) == {8: 1.0}


def test_switched_off_or_without_texts_it_says_nothing() -> None:
    for values in (THREE, BASE | {"/sd/travel/enable": True}):
        assert all(
            not weights and not coming for _, weights, coming in frames(values, 0.0, 9.0, LEAD_S)
        )
