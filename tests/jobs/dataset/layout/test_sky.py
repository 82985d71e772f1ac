"""Suns and weather of recipe 2."""

from dataclasses import replace

import numpy as np
import pytest

from engine.errors import UsageError
from engine.jobs.dataset.clouds import cloud_map, period_m
from engine.jobs.dataset.layout.settling import settle
from engine.jobs.dataset.layout.sky import MIN_ELEVATION_DEG, SkyOptions, draw_sun, parse_dates, sun_at
from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.scene.description import CloudShadows, Sun

SMALL = SceneOptions(width=200, height=150)


def sun_of(number: int, sky: SkyOptions | None = None, view: int = 0, options: SceneOptions = SMALL) -> Sun:
    seed = (0, number)
    return draw_sun(options, sky or SkyOptions(), settle(options, seed), seed, view)


def test_every_sun_can_be_seen_at_its_place_on_its_day() -> None:
    from datetime import date

    suns = [sun_of(number) for number in range(150)]
    for sun in suns:
        assert sun.latitude_deg is not None and sun.solar_hour is not None
        found = sun_at(sun.latitude_deg, date.fromisoformat(sun.date), sun.solar_hour)
        assert (sun.elevation_deg, sun.azimuth_deg) == found
        assert sun.elevation_deg >= MIN_ELEVATION_DEG - 1e-6
        assert 20 <= sun.latitude_deg <= 55
    assert min(sun.elevation_deg for sun in suns) < 12
    assert max(sun.elevation_deg for sun in suns) > 65
    assert len({sun.date[5:7] for sun in suns}) == 12


def test_views_of_a_scene_have_the_same_place_and_another_day() -> None:
    suns = [sun_of(5, view=view) for view in range(4)]
    assert len({sun.latitude_deg for sun in suns}) == 1
    assert len({sun.date for sun in suns}) > 1
    assert sun_of(5, view=2) == suns[2]


def test_given_ranges_are_kept() -> None:
    sky = SkyOptions(latitude=(48.0, 48.0), date=parse_dates("2024-12-01..2024-12-31"), time=(8.0, 9.5))
    sky.check()
    for number in range(20):
        sun = sun_of(number, sky)
        assert sun.latitude_deg == 48 and sun.date.startswith("2024-12") and sun.solar_hour is not None
        assert sun.solar_hour <= 9.5
        assert MIN_ELEVATION_DEG <= sun.elevation_deg < 15


def test_giving_the_drawn_place_changes_nothing_else() -> None:
    sun = sun_of(3)
    assert sun.latitude_deg is not None
    sky = SkyOptions(latitude=(sun.latitude_deg, sun.latitude_deg), date=(sun.date, sun.date))
    other = sun_of(3, sky)
    assert (other.overcast, other.clouds, other.exposure_stops) == (sun.overcast, sun.clouds, sun.exposure_stops)
    assert other.elevation_deg == pytest.approx(sun.elevation_deg)


def test_a_given_angle_wins_over_the_calendar() -> None:
    sun = sun_of(1, options=replace(SMALL, sun_elevation=9.0, sun_azimuth=33.0, sun_energy=1.0))
    assert (sun.elevation_deg, sun.azimuth_deg, sun.energy, sun.date) == (9.0, 33.0, 1.0, "")


@pytest.mark.parametrize("name", ["latitude", "date", "time"])
def test_an_angle_and_a_time_exclude_each_other(name: str) -> None:
    sky = SkyOptions(**{name: ("2024-05-05", "2024-05-05") if name == "date" else (10.0, 12.0)})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=rf"^--sun-elevation and --{name}: exclude one another"):
        sun_of(1, sky, options=replace(SMALL, sun_elevation=9.0))


def test_a_sun_that_never_rises_is_refused() -> None:
    with pytest.raises(UsageError, match="stays below 6 degrees"):
        SkyOptions(latitude=(66.0, 70.0), date=("2024-12-21", "2024-12-21")).check()
    with pytest.raises(UsageError, match="stays below 6 degrees"):
        SkyOptions(time=(21.0, 23.0)).check()


@pytest.mark.parametrize("text", ["2024-13-01", "May", "2024-01-01..", "2024-05-02..2024-05-01"])
def test_what_is_no_day_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--date ") as caught:
        parse_dates(text)
    assert "\n" not in str(caught.value)


def test_weather_comes_in_the_shares_asked_for() -> None:
    suns = [sun_of(number, SkyOptions(overcast=0.5, cloud_shadows=0.5)) for number in range(200)]
    overcast = sum(sun.overcast > 0.8 for sun in suns) / 200
    cloudy = sum(sun.clouds is not None for sun in suns) / 200
    assert overcast == pytest.approx(0.5, abs=0.1)
    assert cloudy == pytest.approx(0.25, abs=0.1)
    assert not any(sun.clouds is not None and sun.overcast for sun in suns)
    clear = [sun_of(number, SkyOptions(overcast=0.0, cloud_shadows=0.0)) for number in range(50)]
    assert all(sun.overcast < 0.6 and sun.clouds is None for sun in clear)


def test_the_map_of_clouds_has_the_share_and_the_depth_asked_for_and_repeats() -> None:
    clouds = CloudShadows(share=0.3, depth=0.7, size_m=100, noise_seed=4)
    shares = cloud_map(clouds)
    assert period_m(clouds) == 800
    assert shares.min() == pytest.approx(0.3, abs=0.01) and shares.max() == 1
    assert (shares < 0.65).mean() == pytest.approx(0.3, abs=0.02)
    steps = np.abs(np.diff(shares, axis=0)).max()
    assert np.abs(shares[0] - shares[-1]).max() <= steps
