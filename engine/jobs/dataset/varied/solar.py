"""Where the sun is, by latitude, day of the year and local solar time.

Declination: the low-precision formulas of the Astronomical Almanac (section C, "Low precision formulas for the Sun"),
within 0.01 degrees from 1950 to 2050; solar time is taken for universal time, which is up to 0.2 degrees at an equinox.
Elevation and azimuth: the spherical triangle, with
the hour angle of 15 degrees an hour from solar noon (Meeus, "Astronomical Algorithms", chapter 13). Without the air's
refraction, which lifts a sun at 6 degrees by 0.15.
"""

import math
from datetime import date

EPOCH = date(2000, 1, 1)
"""At noon: J2000.0."""


def declination_deg(day: date, solar_hour: float = 12.0) -> float:
    """Angle of the sun north of the equator's plane."""
    days = day.toordinal() - EPOCH.toordinal() + (solar_hour - 12) / 24
    anomaly = math.radians(357.528 + 0.9856003 * days)
    longitude_deg = 280.460 + 0.9856474 * days + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly)
    obliquity = math.radians(23.439 - 0.0000004 * days)
    return math.degrees(math.asin(math.sin(obliquity) * math.sin(math.radians(longitude_deg))))


def sun_at(latitude_deg: float, day: date, solar_hour: float) -> tuple[float, float]:
    """Elevation above the horizon, and azimuth clockwise from north, 0..360; degrees."""
    place, tilt = math.radians(latitude_deg), math.radians(declination_deg(day, solar_hour))
    hour = math.radians(15 * (solar_hour - 12))
    high = math.sin(place) * math.sin(tilt) + math.cos(place) * math.cos(tilt) * math.cos(hour)
    south = math.cos(hour) * math.sin(place) - math.tan(tilt) * math.cos(place)
    azimuth = math.degrees(math.atan2(math.sin(hour), south)) + 180
    return math.degrees(math.asin(min(max(high, -1.0), 1.0))), azimuth % 360


def hours_above(elevation_deg: float, latitude_deg: float, day: date) -> tuple[float, float] | None:
    """First and last solar hour with the sun this high; None if it never is."""
    place, tilt = math.radians(latitude_deg), math.radians(declination_deg(day))
    flat = math.cos(place) * math.cos(tilt)
    cosine = (math.sin(math.radians(elevation_deg)) - math.sin(place) * math.sin(tilt)) / max(flat, 1e-12)
    if cosine > 1:
        return None
    half = math.degrees(math.acos(max(cosine, -1.0))) / 15
    return 12 - half, 12 + half
