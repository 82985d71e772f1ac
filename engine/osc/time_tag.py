"""OSC time tags: 32 bits of seconds since 1900-01-01 and 32 bits of fraction (NTP, RFC 5905 section
6)."""

from typing import Final

SECONDS_1900_TO_1970: Final = 2_208_988_800
AT_ONCE: Final = 1
_FRACTIONS_PER_SECOND: Final = 1 << 32


def wait_s(time_tag: int, wall_s: float) -> float:
    """Seconds from `wall_s`, seconds since 1970, to the time of a tag, exact to 0.3 microseconds;
    negative for a past one. 0 for "immediately": 1 as in OSC, or 0 as pyliblo sends it."""
    return (
        0.0
        if time_tag <= AT_ONCE
        else time_tag / _FRACTIONS_PER_SECOND - SECONDS_1900_TO_1970 - wall_s
    )
