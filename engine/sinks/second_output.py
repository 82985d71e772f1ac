"""The status of the second output."""

from typing import NamedTuple


class SecondStatus(NamedTuple):
    """The second output: its size, the cost of the dearest of its last pictures with their sinks,
    the numbers of pictures drawn and dropped for the first, and what it shows: `program` or a
    preset."""

    width: int
    height: int
    ms: float
    frames: int
    dropped: int
    shows: str
