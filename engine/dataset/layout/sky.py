"""Sun and sky of recipe 2: by latitude, date and weather.

Declination: the Astronomical Almanac's low-precision formulas (section C), within 0.01 degrees from
1950 to 2050; solar time is taken for universal time (0.2 degrees at most). Elevation and azimuth:
Meeus, "Astronomical Algorithms", chapter 13, 15 degrees an hour from solar noon, without refraction
(0.15 at 6 degrees).
"""

import datetime
import math
from dataclasses import dataclass, replace
from datetime import date

from engine.dataset.layout.settling import Settled
from engine.dataset.options import SceneOptions
from engine.dataset.scene.description import CloudShadows, Sun
from engine.dataset.scene.streams import Seed, stream
from engine.errors import UsageError
from engine.jobs.kit import Span, check_number, check_span, interpolate, option, parse_span

EPOCH = date(2000, 1, 1)  # at noon: J2000.0
LATITUDE_DEG: Span = (20.0, 55.0)
DATES = ("2024-01-01", "2024-12-31")
SOLAR_HOURS: Span = (7.0, 18.0)
MIN_ELEVATION_DEG = 6.0  # nobody flies with a lower sun
DRAWS = 64
OVERCAST_FRACTION = 0.2
THICK: Span = (0.82, 1.0)
VEIL_FRACTION = 0.5  # share of the other pictures with thin cloud
VEIL: Span = (0.0, 0.55)
CLOUD_SHADOWS_FRACTION = 0.15
CLOUD_COVER: Span = (0.2, 0.65)
CLOUD_DEPTH: Span = (0.45, 0.9)
CLOUD_SIZE_M: Span = (60.0, 220.0)
METERING_STOPS = 0.3  # standard deviation of the camera's exposure
# share of the sun's light that reaches the ground when it is overhead (Meinel and Meinel, 1976)
CLEAR_AIR = 0.7
USUAL_ELEVATION_DEG = 45.0  # elevation at which the sun has the energy that recipe 1 draws
Dates = tuple[str, str]  # first and last day, YYYY-MM-DD


def declination_deg(day: date, solar_hour: float = 12.0) -> float:
    """Angle of the sun north of the equator's plane."""
    days = day.toordinal() - EPOCH.toordinal() + (solar_hour - 12) / 24
    anomaly = math.radians(357.528 + 0.9856003 * days)
    longitude_deg = (
        280.460 + 0.9856474 * days + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly)
    )
    obliquity = math.radians(23.439 - 0.0000004 * days)
    return math.degrees(math.asin(math.sin(obliquity) * math.sin(math.radians(longitude_deg))))


def sun_at(latitude_deg: float, day: date, solar_hour: float) -> tuple[float, float]:
    """Elevation above the horizon, and azimuth clockwise from north, 0..360; degrees."""
    latitude = math.radians(latitude_deg)
    tilt = math.radians(declination_deg(day, solar_hour))
    hour = math.radians(15 * (solar_hour - 12))
    high = math.sin(latitude) * math.sin(tilt) + math.cos(latitude) * math.cos(tilt) * math.cos(
        hour
    )
    south = math.cos(hour) * math.sin(latitude) - math.tan(tilt) * math.cos(latitude)
    azimuth = math.degrees(math.atan2(math.sin(hour), south)) + 180
    return math.degrees(math.asin(min(max(high, -1.0), 1.0))), azimuth % 360


def hours_above(elevation_deg: float, latitude_deg: float, day: date) -> tuple[float, float] | None:
    """First and last solar hour with the sun this high; None if it never is."""
    latitude = math.radians(latitude_deg)
    tilt = math.radians(declination_deg(day))
    flat = math.cos(latitude) * math.cos(tilt)
    cosine = (math.sin(math.radians(elevation_deg)) - math.sin(latitude) * math.sin(tilt)) / max(
        flat, 1e-12
    )
    if cosine > 1:
        return None
    half = math.degrees(math.acos(max(cosine, -1.0))) / 15
    return 12 - half, 12 + half


def parse_dates(text: str) -> Dates:
    """`2024-03-01..2024-06-30` or one day. UsageError for anything else, or if upside down."""
    first, dots, last = text.partition("..")
    try:
        days = (
            datetime.date.fromisoformat(first),
            datetime.date.fromisoformat(last if dots else first),
        )
    except ValueError:
        raise UsageError(
            f"--date {text}: is not a day such as 2024-06-21, or two with .. between them"
        ) from None
    if days[0] > days[1]:
        raise UsageError(f"--date {text}: the range is upside down; write {last}..{first}")
    return days[0].isoformat(), days[1].isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class SkyOptions:
    latitude: Span | None = option(
        None, "Degrees north. (default: 20..55)", metavar="DEG", parse=parse_span
    )
    date: Dates | None = option(
        None,
        "Day or range of days, YYYY-MM-DD..YYYY-MM-DD. (default: any)",
        metavar="DAY",
        parse=parse_dates,
    )
    time: Span | None = option(
        None,
        "Local solar hours; 12 is noon. Only suns above 6 degrees. (default: 7..18)",
        metavar="H",
        parse=parse_span,
    )
    overcast: float = option(
        OVERCAST_FRACTION, "Share of pictures under an overcast sky.", metavar="0..1"
    )
    cloud_shadows: float = option(
        CLOUD_SHADOWS_FRACTION,
        "Share of the other pictures with the shadows of single clouds.",
        metavar="0..1",
    )

    def check(self) -> None:
        """Raise UsageError for a number out of its range, and if the sun stays too low."""
        check_span("--latitude", self.latitude, -90, 90)
        check_span("--time", self.time, 0, 24)
        check_number("--overcast", self.overcast, 0, 1)
        check_number("--cloud-shadows", self.cloud_shadows, 0, 1)
        if self._highest() is None:
            raise UsageError(
                f"--latitude {_span_text(self.latitude or LATITUDE_DEG)} --date "
                f"{'..'.join(self.date or DATES)} "
                f"--time {_span_text(self.time or SOLAR_HOURS)}: the sun stays below "
                f"{MIN_ELEVATION_DEG:g} degrees; "
                "give another range"
            )

    @property
    def days(self) -> tuple[datetime.date, int]:
        """The first day, and the number of days."""
        first, last = (datetime.date.fromisoformat(text) for text in self.date or DATES)
        return first, (last - first).days + 1

    def _highest(self) -> tuple[float, datetime.date, Span] | None:
        """Latitude, day and hours on which the sun is high enough for longest; None if it never
        is."""
        first, count = self.days
        low, high = self.latitude or LATITUDE_DEG
        best = -1.0
        found = None
        for number in range(min(count, 366)):
            day = first + datetime.timedelta(days=number)
            for latitude in {low, high, min(max(0.0, low), high), (low + high) / 2}:
                hours = self.hours_of(latitude, day)
                if hours is not None and hours[1] - hours[0] > best:
                    best = hours[1] - hours[0]
                    found = (latitude, day, hours)
        return found

    def hours_of(self, latitude_deg: float, day: datetime.date) -> Span | None:
        """The hours of --time on which the sun is high enough; None if there are none."""
        above = hours_above(MIN_ELEVATION_DEG, latitude_deg, day)
        if above is None:
            return None
        low, high = self.time or SOLAR_HOURS
        low, high = max(low, above[0]), min(high, above[1])
        return (low, high) if low <= high else None


def draw_sun(
    options: SceneOptions, sky: SkyOptions, settled: Settled, seed: Seed, view: int
) -> Sun:
    """Sun and weather of a view, at its own time. UsageError if a sun's angle is given beside its
    latitude or time."""
    sun = _sun_for_view(options, sky, settled, seed, view)
    overcast_at, thick, veil_roll, thin, is_cloudy, cover, depth, size = (
        stream(seed, f"sky weather {view}").random(8).tolist()
    )
    noise_seed = int(stream(seed, f"sky clouds {view}").integers(2**32))
    stops = float(stream(seed, f"sky metering {view}").normal(0, METERING_STOPS))
    overcast = 0.0
    clouds = None
    if overcast_at < sky.overcast:
        overcast = interpolate(THICK, thick)
    elif is_cloudy < sky.cloud_shadows:
        clouds = CloudShadows(
            share=interpolate(CLOUD_COVER, cover),
            depth=interpolate(CLOUD_DEPTH, depth),
            size_m=interpolate(CLOUD_SIZE_M, size),
            noise_seed=noise_seed,
        )
    elif veil_roll < VEIL_FRACTION:
        overcast = interpolate(VEIL, thin)
    stops = min(max(stops, -2 * METERING_STOPS), 2 * METERING_STOPS)
    return replace(sun, overcast=overcast, clouds=clouds, exposure_stops=stops)


def _sun_for_view(
    options: SceneOptions, sky: SkyOptions, settled: Settled, seed: Seed, view: int
) -> Sun:
    angles = [
        name for name in ("sun_elevation", "sun_azimuth") if getattr(options, name) is not None
    ]
    if angles:
        sky_options = [
            name for name in ("latitude", "date", "time") if getattr(sky, name) is not None
        ]
        if sky_options:
            raise UsageError(
                f"--{angles[0].replace('_', '-')} and --{sky_options[0]}: exclude one another; "
                "leave one of them out"
            )
        return Sun(
            elevation_deg=settled.sun_elevation,
            azimuth_deg=settled.sun_azimuth,
            energy=settled.sun_energy,
        )
    latitude, day, hour = _when(sky, seed, view)
    elevation, azimuth = sun_at(latitude, day, hour)
    energy = settled.sun_energy
    if options.sun_energy is None:
        energy *= _through_air(elevation) / _through_air(USUAL_ELEVATION_DEG)
    return Sun(
        elevation_deg=elevation,
        azimuth_deg=azimuth,
        energy=energy,
        latitude_deg=latitude,
        date=day.isoformat(),
        solar_hour=hour,
    )


def _when(sky: SkyOptions, seed: Seed, view: int) -> tuple[float, datetime.date, float]:
    """Latitude, day and solar hour: the first of some draws for which the sun is high enough."""
    first, count = sky.days
    latitudes = stream(seed, "sky latitude").random(DRAWS).tolist()
    days = stream(seed, f"sky day {view}").random((DRAWS, DRAWS)).tolist()
    hour_roll = float(stream(seed, f"sky hour {view}").random())
    for latitude_at, tries in zip(latitudes, days, strict=True):
        latitude = interpolate(sky.latitude or LATITUDE_DEG, latitude_at)
        for day_at in tries:
            day = first + datetime.timedelta(days=int(day_at * count))
            hours = sky.hours_of(latitude, day)
            if hours is not None:
                return latitude, day, interpolate(hours, hour_roll)
    highest = sky._highest()
    assert highest is not None  # check() has found one
    return highest[0], highest[1], interpolate(highest[2], hour_roll)


def _through_air(elevation_deg: float) -> float:
    """Share of the sun's light that passes the air, by its length of way (Meinel and Meinel,
    1976)."""
    masses = 1 / math.sin(math.radians(max(elevation_deg, 3.0)))
    return float(CLEAR_AIR ** (masses**0.678))


def _span_text(span: Span) -> str:
    return f"{span[0]:g}..{span[1]:g}"
