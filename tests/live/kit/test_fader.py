"""Painted pictures replace each other without a jump, and each fade ends."""

import numpy as np
import pytest

from engine.live.kit.fader import Fade, Fader
from engine.values import VideoFrame


def picture(value: int, width: int = 8, height: int = 8) -> VideoFrame:
    return VideoFrame(
        pixels=np.full((height, width, 3), value, np.uint8), index=value, time_s=0.0, source="sd"
    )


def seen(fade: Fade | None) -> float:
    """Grey level of the picture on display."""
    assert fade is not None
    new = float(fade.picture.pixels.mean())
    return (
        new if fade.before is None else fade.before.pixels.mean() * (1 - fade.mix) + new * fade.mix
    )


def faded(*pictures: tuple[float, VideoFrame], crossfade_s: float = 1.0) -> Fader:
    """A fader that was shown these pictures, each with the second at which it came."""
    fader = Fader()
    for at_s, painted in pictures:
        fader.show(painted, at_s, crossfade_s)
    return fader


def test_the_first_picture_is_shown_at_once_and_each_fades_in_over_the_last() -> None:
    assert Fader().at(0.0, 1.0) is None
    first = picture(100)
    fader = faded((1.0, first))
    assert (seen(fader.at(1.0, 1.0)), fader.at(1.0, 1.0).before) == (100.0, None)
    fader = faded((0.0, picture(0)), (5.0, picture(200)))
    assert [seen(fader.at(5.0 + step / 4, 1.0)) for step in range(6)] == [0, 50, 100, 150, 200, 200]
    fader = faded((0.0, first), (2.0, picture(200)))
    assert fader.at(2.1, 1.0).before is first, "the renderer need not upload it again"
    fader = faded((0.0, picture(0)), (1.0, picture(200)), crossfade_s=0.0)
    assert seen(fader.at(1.0, 0.0)) == 200, "without a crossfade"


def test_a_fade_never_lasts_longer_than_the_interval_between_pictures_and_starts_from_the_display() -> (
    None
):
    fader = faded((0.0, picture(0)), (0.5, picture(200)))
    assert [seen(fader.at(now_s, 1.0)) for now_s in (0.75, 1.0)] == [100, 200]
    fader = faded((0.0, picture(0)), (10.0, picture(200)))
    before = seen(fader.at(10.5, 1.0))
    fader.show(picture(40), 10.5, 1.0)
    assert (before, seen(fader.at(10.5, 1.0))) == (100, 100)
    assert seen(fader.at(10.75, 1.0)) == 70  # half of the half second that pictures take now


@pytest.mark.parametrize("size", [(16, 4), (4, 16)])
def test_a_picture_of_a_new_size_is_faded_in_too(size: tuple[int, int]) -> None:
    now = faded((0.0, picture(60)), (2.0, picture(200, *size))).at(2.5, 1.0)
    assert now.before.pixels.shape == now.picture.pixels.shape == (size[1], size[0], 3)
    assert now.before.pixels.flags.c_contiguous
    assert seen(now) == 130
