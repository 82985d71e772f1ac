"""OSC time tags for packets that tests send."""

from engine.osc.time_tag import SECONDS_1900_TO_1970


def time_tag_of(wall_s: float) -> int:
    """The raw tag of a time in seconds since 1970."""
    return int((wall_s + SECONDS_1900_TO_1970) * (1 << 32))
