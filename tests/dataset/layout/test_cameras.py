"""Cameras and sites of recipe 2."""

import re
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from engine.dataset.layout.build import describe_recipe_2, lower_terraces
from engine.dataset.layout.cameras import CameraOptions, check_cameras, draw_cameras, parse_heading
from engine.dataset.layout.field import FieldOptions
from engine.dataset.layout.options import Recipe2Options
from engine.dataset.layout.settling import settle
from engine.dataset.layout.sight import MAX_REACH_M, corners_of_views
from engine.dataset.options import SceneOptions
from engine.dataset.scene.camera import SiteCamera
from engine.errors import UsageError

SENSOR = SceneOptions(width=1056, height=792)


def draw(seed: int = 1, options: SceneOptions = SENSOR, **values: Any) -> tuple[SiteCamera, ...]:
    camera = CameraOptions(**values)
    camera.check()
    return draw_cameras(options, camera, (0, seed))


def middle_m(camera: SiteCamera) -> np.ndarray:
    return camera.on_level(np.array([[camera.width_px, camera.height_px]]) / 2)[0]


def test_the_middle_of_a_picture_is_the_origin() -> None:
    for seed, options in enumerate(
        ({}, {"view": (200, 120)}, {"tilt": (40.0, 45.0)}, {"tilt": (3.0, 3.0)}) * 3
    ):
        (camera,) = draw(seed, **options)
        assert np.abs(middle_m(camera)).max() < 1e-5
        assert (camera.width_px, camera.height_px) == options.get("view", (1056, 792))


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("350..10", "-10..10"),
        ("10..-10", "-350..-10"),
        ("-10..-20", "-10..340"),
        ("90..89", "-270..89"),
    ],
)
def test_headings_the_wrong_way_round_are_proposed_through_north(text: str, same: str) -> None:
    """Turned over, 350..10 would be nearly all other directions."""
    with pytest.raises(UsageError, match=f"the range is upside down; write {re.escape(same)}$"):
        parse_heading(text)
    low, high = parse_heading(same)
    CameraOptions(yaw=(low, high)).check()


def test_a_heading_stays_as_requested_whatever_the_tilt() -> None:
    for seed in range(5):
        (camera,) = draw(seed, yaw=(70.0, 70.0), tilt=(3.0, 3.0), altitude=(100.0, 100.0))
        above = camera.on_level(np.array([[camera.width_px / 2, 0.0]]))[0]
        assert np.degrees(np.arctan2(*above)) == pytest.approx(70, abs=3)
        assert np.degrees(np.arccos(camera.rotation[2, 2])) == pytest.approx(3)


def test_a_window_is_a_part_of_the_sensor_and_anywhere_on_it() -> None:
    corners = np.array(
        [(c.left_px, c.top_px) for c in (draw(seed, view=(200, 120))[0] for seed in range(60))]
    )
    assert corners.min() >= 0 and (corners.max(axis=0) <= (1056 - 200, 792 - 120)).all()
    assert (np.ptp(corners, axis=0) > (700, 550)).all()


def test_the_ground_sample_decides_the_height_or_the_lens() -> None:
    (high,) = draw(gsd=(10.0, 10.0))
    assert high.gsd_m == pytest.approx(0.10)
    (wide,) = draw(gsd=(10.0, 10.0), altitude=(60.0, 60.0))
    assert (wide.height_m, wide.gsd_m) == (60, pytest.approx(0.10))
    assert wide.field_of_view_deg == pytest.approx(2 * np.degrees(np.arctan(0.10 * 1056 / 2 / 60)))


def test_an_oblique_view_shows_the_horizon_only_on_request() -> None:
    for seed in range(8):
        (camera,) = draw(seed, tilt=(30.0, 60.0))
        assert np.linalg.norm(camera.on_level(camera.corners_px), axis=1).max() < MAX_REACH_M
        assert 30 <= camera.pitch_deg <= 60
    (oblique,) = draw(0, tilt=(60.0, 60.0), field_of_view=(84.0, 84.0))
    assert oblique.pitch_deg == 60
    assert oblique.drops_of(oblique.corners_px).min() < 0
    assert np.abs(corners_of_views((oblique,))).max() < MAX_REACH_M + 300


def test_views_of_a_scene_overlap_and_differ() -> None:
    views = draw(2, views=4)
    assert len({view.height_m for view in views}) == len({view.heading_deg for view in views}) == 4
    assert {view.field_of_view_deg for view in views} == {views[0].field_of_view_deg}
    assert np.abs(np.mean([middle_m(view) for view in views], axis=0)).max() < 1e-5
    for view in views:
        seen = view.pixel_of(np.array([[*middle_m(other), 0.0] for other in views]))
        assert (seen > 0).all() and (seen < (1056, 792)).all()


def test_a_strip_is_flown_straight_ahead_with_its_overlap() -> None:
    views = draw(views=3, strip=True, tilt=(0.0, 0.0), strip_overlap=0.6)
    assert len({(view.height_m, view.yaw_deg, view.field_of_view_deg) for view in views}) == 1
    assert {view.strip_overlap for view in views} == {0.6}
    for one, two in pairwise(views):
        moved = two.pixel_of(one.position_m[None] * [1, 1, 0]) - one.pixel_of(
            one.position_m[None] * [1, 1, 0]
        )
        assert moved[0] == pytest.approx([0, 0.4 * 792], abs=1e-3)
    assert draw()[0].strip_overlap is None


def test_a_scene_has_the_same_things_in_all_views_and_ground_under_all_of_them() -> None:
    recipe_2 = Recipe2Options(camera=CameraOptions(views=2), layout=FieldOptions(piles=(60, 80)))
    views = [describe_recipe_2(SENSOR, recipe_2, (0, 0), view) for view in range(2)]
    piles = [{pile.number: pile for pile in scene.piles} for scene in views]
    shared = piles[0].keys() & piles[1].keys()
    assert len(shared) > 10 and all(piles[0][number] == piles[1][number] for number in shared)
    assert views[0].camera != views[1].camera
    for scene in views:
        reach = scene.camera.slab(float(scene.terrain.heights_m.min()), 0.0, 1e6)[:, :2]
        assert np.abs(reach).max() < scene.terrain.side_m / 2 < np.abs(reach).max() + 90


def test_a_strip_is_flown_in_one_light_and_other_views_on_days_of_their_own() -> None:
    for strip, lights in ((True, 1), (False, 2)):
        recipe_2 = Recipe2Options(camera=CameraOptions(views=2, view=(100, 80), strip=strip))
        assert (
            len({describe_recipe_2(SENSOR, recipe_2, (0, 5), view).sun for view in range(2)})
            == lights
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"altitude": (5.0, 10.0)}, "--altitude: 5 is not"),
        ({"tilt": (0.0, 70.0)}, "--tilt: 70 is not"),
        (
            {"gsd": (1.0, 1.0), "altitude": (50.0, 50.0), "field_of_view": (60.0, 60.0)},
            "--gsd: follows from",
        ),
        ({"strip": True}, "--strip: is for several views"),
        ({"strip_overlap": 0.5}, "--strip-overlap: has no effect"),
        (
            {"strip": True, "views": 500},
            "--views 500 --strip: the strip may be .* long, allowed are 2000",
        ),
        ({"view": (2000, 100)}, "--view 2000x100: is larger than the sensor"),
        ({"gsd": (1.0, 1.0)}, "--gsd 1: with --width 1056 the camera would be 7 to 9 m"),
        (
            {"gsd": (9.0, 9.0), "altitude": (15.0, 15.0)},
            "--gsd 9 --altitude 15: .*field of view would be 145",
        ),
    ],
)
def test_cameras_that_cannot_be_are_refused_in_one_line(
    options: dict[str, Any], message: str
) -> None:
    camera = CameraOptions(**options)
    with pytest.raises(UsageError, match=f"^{message}") as caught:
        camera.check()
        check_cameras(SENSOR, camera)
    assert "\n" not in str(caught.value)


def heights_m(options: SceneOptions) -> np.ndarray:
    """Heights of the terraces of 200 sites, (200,)."""
    return np.array(
        [lower_terraces(options, settle(options, seed), seed).terrace_height for seed in range(200)]
    )
