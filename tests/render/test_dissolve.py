"""Dissolving two looks: each picture is the mix of the two looks drawn alone. GL and Numba."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.render.opening import open_renderer
from engine.render.picture import PictureInput, Renderer
from tests.support.pictures import dissolving, draw_once, on_air

SIZE = (96, 54)
BLACK_BACKGROUND = {"/multiverse/bias": 0.0, "/multiverse/tone": "clip"}
ROSE = BLACK_BACKGROUND | {
    "/multiverse/blend": 2.0, "/mirror/mode": "kaleidoscope", "/mirror/segments": 12,
    "/feedback/amount": 0.9,
    "/feedback/zoom": 0.965, "/feedback/rotate": -1.5,
}  # fmt: skip
CURTAIN = BLACK_BACKGROUND | {
    "/multiverse/blend": 1.0, "/colour/mode": "fixed", "/colour/base_hue": 0.36,
    "/layer/1/ratio": 0.2,
    "/feedback/amount": 0.8, "/feedback/zoom": 1.01,
}  # fmt: skip
WITHIN = 2  # of 255: three roundings


class Pair:
    """One renderer that fades, and two more that draw each look alone."""

    def __init__(
        self, renderer: Renderer, alone: list[Renderer], picture: Callable[..., PictureInput]
    ) -> None:
        self.fading, self.alone = renderer, alone
        for each in (renderer, *alone):
            each.resize(*SIZE)
        self._picture = picture
        self._frame = 0

    def picture(self, changes: dict[str, Any], deck: int = 1) -> PictureInput:
        """The input of the current frame; the sound differs in each frame."""
        pitches_hz = (110.0 * 1.03**self._frame, 164.8, 220.0, 277.2 / 1.02**self._frame)
        return self._picture(changes, pitches_hz=pitches_hz, time_s=self._frame / 30, deck=deck)

    def draw(self, picture: PictureInput, *alone: PictureInput | None) -> list[np.ndarray]:
        """The pictures of the fading renderer and of the two that draw one look."""
        pictures = []
        for renderer, request in zip((self.fading, *self.alone), (picture, *alone), strict=False):
            if request is not None:
                pictures.append(draw_once(renderer, request).read_rgba().astype(int))
        self._frame += 1
        return pictures


@pytest.fixture(scope="module")
def alone() -> Iterator[dict[str, list[Renderer]]]:
    """Pairs of renderers of each kind, which draw one look each, shared by the tests."""
    opened: dict[str, list[Renderer]] = {}
    yield opened
    for renderer in (each for pair in opened.values() for each in pair):
        renderer.close()


@pytest.fixture
def pair(
    renderer: Renderer, alone: dict[str, list[Renderer]], picture: Callable[..., PictureInput]
) -> Pair:
    if renderer.kind not in alone:
        alone[renderer.kind] = [open_renderer(renderer.kind, *SIZE) for _ in range(2)]
    return Pair(renderer, [*alone[renderer.kind]], picture)


def mean_of(going: np.ndarray, coming: np.ndarray, mix: float) -> np.ndarray:
    return (1 - mix) * going + mix * coming


@pytest.mark.parametrize("alpha", ["opaque", "luma"])
def test_each_frame_of_a_fade_is_the_mix_of_both_looks_drawn_alone(pair: Pair, alpha: str) -> None:
    rose, curtain = (look | {"/multiverse/alpha": alpha} for look in (ROSE, CURTAIN))
    for _ in range(4):
        pair.draw(pair.picture(rose), pair.picture(rose))
    for step in range(9):
        mix = step / 8
        before, to = pair.picture(rose), pair.picture(curtain, deck=2)
        mixed, going, coming = pair.draw(dissolving(before, to, mix), before, to)
        assert np.abs(going - coming).mean() > 20, "two clearly different looks"
        assert np.abs(mixed - mean_of(going, coming, mix)).max() <= WITHIN, f"at {mix}"
    to = pair.picture(curtain, deck=2)
    mixed, coming = pair.draw(to, None, to)
    assert (mixed == coming).all(), "the fade has ended, and the trail continues"
    pair.alone.reverse()
    pair.alone[1].resize(*SIZE)
    for mix in (0.0, 0.5):
        before, to = pair.picture(curtain, deck=2), pair.picture(rose, deck=3)
        mixed, going, coming = pair.draw(dissolving(before, to, mix, number=2), before, to)
        assert np.abs(mixed - mean_of(going, coming, mix)).max() <= WITHIN, (
            "back, without the earlier trail"
        )


def test_an_outgoing_look_that_is_not_drawn_dissolves_as_a_still(pair: Pair) -> None:
    for _ in range(4):
        (still,) = pair.draw(pair.picture(ROSE))
    for step in range(5):
        to = pair.picture(CURTAIN, deck=2)
        mixed, coming = pair.draw(dissolving(None, to, step / 4), None, to)
        assert np.abs(mixed - mean_of(still, coming, step / 4)).max() <= WITHIN


def test_a_fade_during_another_shows_three_looks_with_the_first_as_a_still(pair: Pair) -> None:
    for _ in range(4):
        pair.draw(pair.picture(ROSE), pair.picture(ROSE))
    for revealed in (0.0, 0.4):
        before, to = pair.picture(ROSE), pair.picture(CURTAIN, deck=2)
        _, still, _ = pair.draw(dissolving(before, to, revealed), before, to)
    pair.alone[0].resize(*SIZE)
    pair.alone.reverse()
    for step, mix in enumerate((0.0, 0.5, 0.9)):
        before, to = pair.picture(CURTAIN, deck=2), pair.picture(ROSE, deck=3)
        request = dissolving(before, to, mix, 2, revealed=revealed)
        mixed, going, coming = pair.draw(request, before, to)
        side = mean_of(still, going, revealed)
        assert np.abs(mixed - mean_of(side, coming, mix)).max() <= WITHIN + 1
        if step == 0:
            assert np.abs(mixed - mean_of(still, going, revealed)).max() <= WITHIN
    request = dissolving(to, on_air(to, deck=4), 0.0, 3, revealed=0.9)  # and a third
    mixed, going = pair.draw(request, None, to)
    assert np.abs(mixed - mean_of(side, going, 0.9)).max() <= WITHIN + 1


def test_master_guard_and_freeze_act_on_the_mix(pair: Pair) -> None:
    master = {"/master/fade": 0.5}
    pair.draw(pair.picture(ROSE), pair.picture(ROSE))
    before, to = pair.picture(ROSE), pair.picture(CURTAIN, deck=2)
    mixed, going, coming = pair.draw(
        dissolving(before, pair.picture(CURTAIN | master, deck=2), 0.5), before, to
    )
    assert np.abs(mixed - 0.5 * mean_of(going, coming, 0.5))[..., :3].max() <= WITHIN
    (mixed,) = pair.draw(
        dissolving(before, pair.picture(CURTAIN | {"/master/freeze": True}, deck=2), 0.9)
    )
    assert np.abs(mixed - mean_of(going, coming, 0.5)).max() <= WITHIN
    (mixed,) = pair.draw(
        dissolving(before, pair.picture(CURTAIN | {"/master/blackout": True}, deck=2), 0.9)
    )
    assert (mixed[..., :3] == 0).all()


def test_a_new_size_during_a_fade_keeps_both_looks_and_drops_the_still(pair: Pair) -> None:
    pair.draw(pair.picture(ROSE))
    pair.draw(dissolving(pair.picture(ROSE), pair.picture(CURTAIN, deck=2), 0.5))
    for renderer in (pair.fading, *pair.alone):
        renderer.resize(64, 48)
    before, to = pair.picture(ROSE), pair.picture(CURTAIN, deck=2)
    mixed, going, coming = pair.draw(dissolving(before, to, 0.5), before, to)
    assert np.abs(mixed - mean_of(going, coming, 0.5)).max() <= WITHIN
    for renderer in (pair.fading, *pair.alone):
        renderer.resize(60, 40)
    for mix in (0.5, 0.6):
        to = pair.picture(CURTAIN, deck=2)
        mixed, coming = pair.draw(dissolving(None, to, mix), None, to)
        assert (mixed == coming).all(), "nothing is left of the other look, nor of black"


def test_a_fade_does_not_draw_over_a_published_picture(pair: Pair) -> None:
    pair.draw(pair.picture(ROSE))
    pictures, copies = [pair.fading.read_rgba()], [pair.fading.read_rgba().copy()]
    for step in range(8):
        number, mix = (1, step / 5) if step < 5 else (2, (step - 5) / 3)
        old, new = pair.picture(ROSE, deck=number), pair.picture(CURTAIN, deck=number + 1)
        pair.draw(dissolving(old, new, mix, number))
        pictures.append(pair.fading.read_rgba())
        copies.append(pictures[-1].copy())
    assert all((one == copy).all() for one, copy in zip(pictures, copies, strict=True))


def test_an_expected_look_begins_with_its_trail_and_any_other_with_a_black_one(pair: Pair) -> None:
    """Cuts: to the look that was drawn unseen, to another one while that waits, and after it was
    dropped or kept."""
    cases = (
        (False, False, False),
        (True, False, False),
        (False, True, False),
        (False, False, True),
        (True, False, True),
    )
    for is_waiting, is_dropped, keeps_trail in cases:
        pair.fading.resize(*SIZE)
        for each in pair.alone:
            each.resize(*SIZE)
        for _ in range(6):
            rose = pair.picture(ROSE, deck=2)
            pair.draw(replace(pair.picture(CURTAIN), upcoming=rose.on_air), None, rose)
        if is_dropped:
            pair.draw(pair.picture(CURTAIN))
        elif keeps_trail:
            pair.draw(replace(pair.picture(CURTAIN), waiting_deck=2))
        rose = pair.picture(ROSE, deck=3 if is_waiting else 2)
        expected = on_air(rose, deck=2)
        now = rose
        if keeps_trail and is_waiting:
            now = replace(rose, waiting_deck=2)
        elif is_waiting:
            now = replace(rose, upcoming=expected.on_air)
        seen, with_trail = pair.draw(now, None, expected)
        pair.alone[0].resize(*SIZE)
        pair.alone[0].draw(rose)
        pair.alone[0].wait()
        black_trail = pair.alone[0].read_rgba().astype(int)
        assert np.abs(with_trail - black_trail).mean() > 5
        visible = black_trail if is_waiting or is_dropped else with_trail
        assert (seen == visible).all(), (is_waiting, is_dropped, keeps_trail)
