"""Where the sun is, by latitude, day of the year and local solar time.

Declination: the Fourier series of Spencer (1971), "Fourier series representation of the position of the sun", as in
NOAA's "General Solar Position Calculations"; within 0.04 degrees. Elevation and azimuth: the spherical triangle, with
the hour angle of 15 degrees an hour from solar noon (Meeus, "Astronomical Algorithms", chapter 13). Without the air's
refraction, which lifts a sun at 6 degrees by 0.15.
"""

import math
from datetime import date


def declination_deg(day: date, solar_hour: float = 12.0) -> float:
    """Angle of the sun north of the equator's plane."""
    days = 366 if day.year % 4 == 0 and (day.year % 100 != 0 or day.year % 400 == 0) else 365
    turn = 2 * math.pi / days * (day.timetuple().tm_yday - 1 + (solar_hour - 12) / 24)
    found = 0.006918 - 0.399912 * math.cos(turn) + 0.070257 * math.sin(turn)
    found += -0.006758 * math.cos(2 * turn) + 0.000907 * math.sin(2 * turn)
    found += -0.002697 * math.cos(3 * turn) + 0.00148 * math.sin(3 * turn)
    return math.degrees(found)


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
