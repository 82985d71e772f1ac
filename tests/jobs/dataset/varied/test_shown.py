from dataclasses import replace

import numpy as np
import pytest

from engine.jobs.dataset.scene.camera import SiteCamera
from engine.jobs.dataset.scene.description import Sun
from engine.jobs.dataset.scene.things import PileKind
from engine.jobs.dataset.varied.shown import shown_piles
from tests.jobs.dataset.geometry.sites import pile

HIGH_SUN = Sun(elevation_deg=80, azimuth_deg=0, energy=2)
RIGHT_HALF = SiteCamera(width_px=1000, height_px=800, height_m=40.0).window(700, 0, 300, 800)


@pytest.mark.parametrize("high_m", [0.5, 3.0, 9.0])
def test_a_pile_beside_the_picture_is_kept_if_its_top_leans_into_it(high_m: float) -> None:
    """Posts lean away from the axis, which is on the left of this window; its left edge is at 16 m."""
    edge_m = float(RIGHT_HALF.on_level(np.array([[0.0, 400.0]]))[0, 0])
    assert edge_m == pytest.approx(16)
    leaning = replace(pile(PileKind.PHC, exposed_m=high_m), x_m=edge_m * (40 - high_m) / 40 + 0.02, number=3)
    assert RIGHT_HALF.pixel_of(np.array([leaning.head_m]))[0, 0] > 0
    assert [one.number for one in shown_piles((leaning,), RIGHT_HALF, HIGH_SUN)] == [3]
    far = replace(leaning, x_m=leaning.x_m - 14)
    assert shown_piles((far,), RIGHT_HALF, HIGH_SUN) == ()
