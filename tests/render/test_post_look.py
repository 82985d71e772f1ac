"""The arithmetic of effects, without pixels."""

import numpy as np
import pytest

from engine.render.look import (
    GRAIN_SIDE,
    NO_POST,
    PostLook,
    between,
    grain_offset,
    grain_tile,
    level_weights,
    pyramid_sizes,
    spreads,
)


def test_each_level_is_half_of_the_one_before_down_to_a_few_texels() -> None:
    assert pyramid_sizes(1920, 1080) == [(480, 270), (240, 135), (120, 68), (60, 34), (30, 17), (15, 9), (8, 5), (4, 3)]
    assert pyramid_sizes(67, 35) == [(17, 9), (9, 5), (5, 3)]
    assert pyramid_sizes(1, 1) == [(1, 1)]


@pytest.mark.parametrize("size", [0.005, 0.03, 0.1])
def test_weights_peak_at_the_size_asked_for_and_add_up_to_one(size: float) -> None:
    weights = level_weights(size, 1080, 8)
    assert sum(weights) == pytest.approx(1)
    nearest = min(range(8), key=lambda level: abs(np.log2(4 * 2**level / 1080 / size)))
    assert abs(weights.index(max(weights)) - nearest) <= 1


def test_only_effects_that_are_on_spread_light() -> None:
    assert not spreads(PostLook(), 1080, 8)
    assert [spread.threshold for spread in spreads(PostLook(bloom=1.0, glow=0.5), 1080, 8)] == [0.6, -1.0]
    assert PostLook(bloom_radius=1.0, bloom_threshold=0.1).is_off
    assert not any(PostLook(**{name: 0.1}).is_off for name in PostLook.__slots__ if not getattr(NO_POST, name))


def test_between_two_looks_the_shape_is_that_of_the_one_with_a_bloom() -> None:
    with_bloom = PostLook(bloom=0.8, bloom_radius=0.9, bloom_threshold=0.2, grain=0.2)
    for mixed in (between(with_bloom, PostLook(), 0.25), between(PostLook(), with_bloom, 0.75)):
        assert (mixed.bloom_radius, mixed.bloom_threshold) == pytest.approx((0.9, 0.2))
        assert (mixed.bloom, mixed.grain) == pytest.approx((0.6, 0.15))


def test_grain_is_a_tile_of_unit_noise_that_starts_elsewhere_24_times_a_second() -> None:
    tile = grain_tile()
    assert tile.shape == (GRAIN_SIDE, GRAIN_SIDE) and tile.mean() == pytest.approx(0, abs=1e-5)
    assert tile.std() == pytest.approx(1, abs=1e-5) and np.abs(tile).max() < 5
    places = [grain_offset(n / 24) for n in range(100)]
    assert len(set(places)) > 95 and all(0 <= at < GRAIN_SIDE for place in places for at in place)
    assert grain_offset(2.0) == grain_offset(2.0 + 1 / 30) != grain_offset(2.0 + 1 / 24)
    assert grain_offset(-1.0) != grain_offset(0.0)
