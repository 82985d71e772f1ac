"""The date that shaders get: the computer's clock live, the picture's own time offline."""

from collections.abc import Callable
from datetime import datetime, timedelta

DateAt = Callable[[float], datetime]
"""`date_at(time_s)`: the date of the picture due `time_s` after the start of the run."""

OFFLINE_START = datetime(2000, 1, 1)


def date_live(time_s: float) -> datetime:
    """The computer's clock."""
    return datetime.now()


def date_offline(time_s: float) -> datetime:
    """The start of 2000 plus the picture's time: the same in each run."""
    return OFFLINE_START + timedelta(seconds=time_s)


def isf_date(date: datetime) -> tuple[float, float, float, float]:
    """ISF's DATE: year, month, day, seconds of the day."""
    seconds = date.hour * 3600 + date.minute * 60 + date.second + date.microsecond / 1e6
    return float(date.year), float(date.month), float(date.day), seconds
