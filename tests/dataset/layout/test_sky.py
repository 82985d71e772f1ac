"""Suns and weather of recipe 2, with known answers for the place of the sun."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from engine.dataset.layout.settling import settle
from engine.dataset.layout.sky import (
    MIN_ELEVATION_DEG,
    SkyOptions,
    declination_deg,
    draw_sun,
    parse_dates,
    sun_at,
)
from engine.dataset.light import cloud_map, period_m
from engine.dataset.options import SceneOptions
from engine.dataset.scene.description import CloudShadows, Sun
from engine.errors import UsageError

SMALL = SceneOptions(width=200, height=150)


def sun_of(
    number: int, sky: SkyOptions | None = None, view: int = 0, options: SceneOptions = SMALL
) -> Sun:
    seed = (0, number)
    return draw_sun(options, sky or SkyOptions(), settle(options, seed), seed, view)


def test_every_sun_can_be_seen_at_its_place_on_its_day_another_in_each_view() -> None:
    views = [sun_of(5, view=view) for view in range(4)]
    assert len({sun.latitude_deg for sun in views}) == 1 < len({sun.date for sun in views})
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


def test_a_given_angle_wins_over_the_calendar_and_excludes_a_time() -> None:
    for name in ("latitude", "date", "time"):
        sky = SkyOptions(**{name: ("2024-05-05", "2024-05-05") if name == "date" else (10.0, 12.0)})  # type: ignore[arg-type]
        with pytest.raises(
            UsageError, match=rf"^--sun-elevation and --{name}: exclude one another"
        ):
            sun_of(1, sky, options=replace(SMALL, sun_elevation=9.0))
    sun = sun_of(1, options=replace(SMALL, sun_elevation=9.0, sun_azimuth=33.0, sun_energy=1.0))
    assert (sun.elevation_deg, sun.azimuth_deg, sun.energy, sun.date) == (9.0, 33.0, 1.0, "")


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


def test_the_map_of_clouds_has_the_requested_fraction_and_depth_and_repeats() -> None:
    clouds = CloudShadows(share=0.3, depth=0.7, size_m=100, noise_seed=4)
    fractions = cloud_map(clouds)
    assert period_m(clouds) == 800
    assert fractions.min() == pytest.approx(0.3, abs=0.01) and fractions.max() == 1
    assert (fractions < 0.65).mean() == pytest.approx(0.3, abs=0.02)
    assert np.abs(fractions[0] - fractions[-1]).max() <= np.abs(np.diff(fractions, axis=0)).max()


@pytest.mark.parametrize(
    ("day", "hour", "known_deg"),
    [
        (date(1992, 10, 13), 0.0, -7.78507),  # Meeus, example 25.a
        (
            date(2024, 3, 20),
            3 + 6 / 60,
            0.0,
        ),  # equinoxes and solstices of 2024, U.S. Naval Observatory
        (date(2024, 6, 20), 20 + 51 / 60, 23.437),
        (date(2024, 9, 22), 12 + 44 / 60, 0.0),
        (date(2024, 12, 21), 9 + 20 / 60, -23.437),
    ],
)
def test_the_declination_is_that_of_the_almanac(day: date, hour: float, known_deg: float) -> None:
    assert declination_deg(day, hour) == pytest.approx(known_deg, abs=0.01)


def test_at_the_equinox_the_sun_rises_in_the_east_and_sets_in_the_west() -> None:
    for hour, known_deg in ((6.0, 90.0), (18.0, 270.0)):
        elevation_deg, azimuth_deg = sun_at(45.0, date(2023, 3, 20), hour)
        assert elevation_deg == pytest.approx(0.0, abs=0.5)
        assert azimuth_deg == pytest.approx(known_deg, abs=0.5)
