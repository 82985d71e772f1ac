"""Painted pictures replace each other without a jump, and each fade ends."""

import numpy as np
import pytest

from engine.live.kit.fader import Fade, Fader
from engine.values import VideoFrame


def picture(value: int, width: int = 8, height: int = 8) -> VideoFrame:
    return VideoFrame(pixels=np.full((height, width, 3), value, np.uint8), index=value, time_s=0.0, source="sd")


def seen(fade: Fade | None) -> float:
    """The grey that a viewer sees."""
    assert fade is not None
    new = float(fade.picture.pixels.mean())
    return new if fade.before is None else fade.before.pixels.mean() * (1 - fade.share) + new * fade.share


def test_the_first_picture_is_shown_at_once() -> None:
    fade = Fader()
    assert fade.at(0.0, 1.0) is None
    fade.show(picture(100), 1.0, 1.0)
    assert (seen(fade.at(1.0, 1.0)), fade.at(1.0, 1.0).before) == (100.0, None)


def test_a_fade_lasts_the_set_time() -> None:
    fade = Fader()
    fade.show(picture(0), 0.0, 1.0)
    fade.show(picture(200), 5.0, 1.0)
    assert [seen(fade.at(5.0 + step / 4, 1.0)) for step in range(6)] == [0, 50, 100, 150, 200, 200]


def test_a_fade_never_lasts_longer_than_the_interval_between_pictures() -> None:
    fade = Fader()
    fade.show(picture(0), 0.0, 1.0)
    fade.show(picture(200), 0.5, 1.0)
    assert seen(fade.at(0.75, 1.0)) == 100
    assert seen(fade.at(1.0, 1.0)) == 200


def test_a_picture_arriving_during_a_fade_starts_from_the_display() -> None:
    fade = Fader()
    fade.show(picture(0), 0.0, 1.0)
    fade.show(picture(200), 10.0, 1.0)
    before = seen(fade.at(10.5, 1.0))
    fade.show(picture(40), 10.5, 1.0)
    assert (before, seen(fade.at(10.5, 1.0))) == (100, 100)
    assert seen(fade.at(10.75, 1.0)) == 70  # half of the half second that pictures take now


def test_without_a_crossfade_pictures_switch_at_once() -> None:
    fade = Fader()
    fade.show(picture(0), 0.0, 0.0)
    fade.show(picture(200), 1.0, 0.0)
    assert seen(fade.at(1.0, 0.0)) == 200


def test_the_picture_fading_out_is_the_same_object_as_before() -> None:
    """So that the renderer need not upload it again."""
    fade, first = Fader(), picture(0)
    fade.show(first, 0.0, 1.0)
    fade.show(picture(200), 2.0, 1.0)
    assert fade.at(2.1, 1.0).before is first


@pytest.mark.parametrize("size", [(16, 4), (4, 16)])
def test_a_picture_of_a_new_size_is_faded_in_too(size: tuple[int, int]) -> None:
    fade = Fader()
    fade.show(picture(60), 0.0, 1.0)
    fade.show(picture(200, *size), 2.0, 1.0)
    now = fade.at(2.5, 1.0)
    assert now.before.pixels.shape == now.picture.pixels.shape == (size[1], size[0], 3)
    assert now.before.pixels.flags.c_contiguous
    assert seen(now) == 130
