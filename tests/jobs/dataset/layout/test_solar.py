"""Known answers for the place of the sun."""

from datetime import date

import pytest

from engine.jobs.dataset.layout.sky import declination_deg, hours_above, sun_at

SUNSET_DEG = -0.833  # elevation of the sun's middle when its rim touches the horizon, with refraction


@pytest.mark.parametrize(
    ("day", "hour", "known_deg"),
    [
        (date(1992, 10, 13), 0.0, -7.78507),  # Meeus, example 25.a
        (date(2024, 3, 20), 3 + 6 / 60, 0.0),  # equinoxes and solstices of 2024, U.S. Naval Observatory
        (date(2024, 6, 20), 20 + 51 / 60, 23.437),
        (date(2024, 9, 22), 12 + 44 / 60, 0.0),
        (date(2024, 12, 21), 9 + 20 / 60, -23.437),
    ],
)
def test_the_declination_is_that_of_the_almanac(day: date, hour: float, known_deg: float) -> None:
    assert declination_deg(day, hour) == pytest.approx(known_deg, abs=0.01)


@pytest.mark.parametrize("latitude_deg", [-35.0, 0.0, 22.5, 40.0, 55.0])
@pytest.mark.parametrize("day", [date(2023, 3, 20), date(2023, 6, 21), date(2023, 12, 21), date(2023, 8, 1)])
def test_the_noon_sun_stands_as_high_as_the_latitude_says(latitude_deg: float, day: date) -> None:
    elevation_deg, azimuth_deg = sun_at(latitude_deg, day, 12.0)
    assert elevation_deg == pytest.approx(90 - abs(latitude_deg - declination_deg(day)), abs=1e-9)
    assert azimuth_deg % 360 == pytest.approx(180.0 if latitude_deg > declination_deg(day) else 0.0, abs=1e-6)


def test_on_the_longest_day_the_sun_is_up_for_as_long_as_the_tables_say() -> None:
    """Duration of daylight, U.S. Naval Observatory: 15 h 01 min and 9 h 20 min at 40 N; 12 h 07 min at
    the equator on any day."""
    for latitude_deg, day, known_h in (
        (40.0, date(2023, 6, 21), 15 + 1 / 60),
        (40.0, date(2023, 12, 21), 9 + 20 / 60),
        (0.0, date(2023, 5, 5), 12 + 7 / 60),
    ):
        hours = hours_above(SUNSET_DEG, latitude_deg, day)
        assert hours is not None
        assert hours[1] - hours[0] == pytest.approx(known_h, abs=2 / 60)


def test_at_the_equinox_the_sun_rises_in_the_east_and_sets_in_the_west() -> None:
    for hour, known_deg in ((6.0, 90.0), (18.0, 270.0)):
        elevation_deg, azimuth_deg = sun_at(45.0, date(2023, 3, 20), hour)
        assert elevation_deg == pytest.approx(0.0, abs=0.5)
        assert azimuth_deg == pytest.approx(known_deg, abs=0.5)


def test_morning_and_afternoon_mirror_each_other() -> None:
    morning, evening = sun_at(40.0, date(2023, 6, 21), 9.0), sun_at(40.0, date(2023, 6, 21), 15.0)
    assert morning[0] == pytest.approx(evening[0], abs=0.05)
    assert morning[1] < 180 < evening[1]
    assert morning[1] == pytest.approx(360 - evening[1], abs=0.1)


def test_in_the_polar_night_the_sun_is_never_up() -> None:
    assert hours_above(0.0, 75.0, date(2023, 12, 21)) is None
    assert hours_above(0.0, 75.0, date(2023, 6, 21)) == (0.0, 24.0)
