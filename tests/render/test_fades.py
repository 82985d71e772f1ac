"""Tests the weights of up to three looks in a fade, with numbers as pictures: a look is drawn as
its time."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from engine.render.fades import FadeBackend, FadeState
from tests.support.pictures import dissolving, on_air

NUMBERS = FadeBackend(
    draw_look=lambda picture, **how: picture.time_s,
    draw_effects=lambda picture, look, post, **how: look,
    mix=lambda below, above, mix: below + (above - below) * mix,
    compose=lambda below, above, mix, picture: above if mix > 0.5 else below,
    barrier=lambda: None,
)
MORPH = (SimpleNamespace(is_shared=True, is_transition=False, mix=1.0),)
SWITCH = (SimpleNamespace(is_shared=False, is_transition=True, mix=0.0),)


@pytest.fixture
def play(picture: Callable) -> Callable[..., list[float]]:
    """`play(*frames)` draws frames as numbers: the look's level; number, mix and level of any
    outgoing one."""

    def play(*frames: tuple, shaders: tuple = (), plain: int = 0) -> list[float]:
        state, seen = FadeState(), []
        for frame, (level, *fade) in enumerate(frames):
            slots = shaders if frame >= plain else ()
            request = replace(on_air(picture(), time_s=level), shaders=slots)
            if fade:
                number, mix, old, *options = fade
                leaving = None if old is None else on_air(picture(), time_s=old)
                how = dict(zip(("revealed", "freeze_mix"), options, strict=False))
                request = dissolving(leaving, request, mix, number, **how)
            state.follow(request.outgoing)
            state.displayed = state.draw(request, NUMBERS)
            seen.append(state.displayed)
        return seen

    return play


def test_a_look_that_stops_stays_as_last_drawn_and_another_fade_begins_with_what_is_on_screen(
    play: Callable,
) -> None:
    assert play((10,), (20, 1, 0.25, 10), (20, 1, 0.5, 12), (30, 1, 0.5, None), (40,)) == [
        10,
        12.5,
        16,
        21,
        40,
    ]
    assert play((10,), (20, 1, 0.5, 10), (40, 2, 0.0, None), (40, 2, 0.2, None)) == [10, 15, 15, 20]
    beneath = (40, 2, 0.25, 20, 0.5)  # 10 and 20 half and half, and a quarter of 40
    for shaders in ((), MORPH):
        assert play((20, 1, 0.5, 10), beneath, shaders=shaders, plain=1)[-1] == 21.25
    assert play((20, 1, 0.5, 10), (40, 2, 0.5, None, 1.0, 0.2), (40, 2, 0.6, None))[
        1:
    ] == pytest.approx([24.375, 27.5])


def test_looks_with_the_same_shaders_freeze_as_they_are_on_screen(play: Callable) -> None:
    morph = play(
        (20, 1, 0.25, 10),
        (20, 1, 0.25, None),
        (20, 1, 0.625, None),
        (20, 1, 0.1, None),
        shaders=MORPH,
    )
    assert morph == [12.5, 12.5, 16.25, 12.5], "in the rest of its time, and a hand may move back"
    assert play((20, 1, 0.5, 10), (40, 2, 0.0, 20), (40, 2, 0.2, 20), (30,), shaders=MORPH) == [
        15,
        15,
        20,
        30,
    ]


def test_a_transition_shows_both_finished_looks_and_no_other_fade_jumps_from_its_picture(
    play: Callable,
) -> None:
    fade = (20, 1, 0.4, 10), (20, 1, 0.6, 10)
    assert play(*fade, (20,), shaders=SWITCH) == [10, 20, 20]
    assert play(fade[1], fade[0], (10,), shaders=SWITCH) == [20, 10, 10], "by hand, back again"
    assert play((10,), (20, 1, 0.4, None), (20, 1, 0.6, None), shaders=SWITCH) == [10, 10, 20], (
        "from a still"
    )
    assert play(*fade, (40, 2, 0.2, 21, 0.6), (40, 2, 0.6, 22, 0.6), shaders=SWITCH) == [
        10,
        20,
        20,
        40,
    ]
    frozen = play(
        fade[0], (20, 2, 0.4, None, 1.0, 0.4), (20, 2, 0.7, None, 1.0, 0.4), shaders=SWITCH
    )
    assert frozen == pytest.approx([10, 10, 15]), (
        "what is frozen in a fade is mixed for the rest of it"
    )
