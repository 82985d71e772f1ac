"""Measures events per second, in constant memory. Pure: time is an argument."""

from typing import Final

WINDOW_S: Final = 2.0
MIN_S: Final = 1.0  # a single event is no rate


class Rate:
    """Events per second in the last complete window of 2 s. Before the first, those of the present
    window; 0 after 2 s without an event. After such a pause counting begins again."""

    __slots__ = ("_count", "_last_hz", "_last_s", "_since_s")

    def __init__(self) -> None:
        self._since_s = float("-inf")
        self._last_s = float("-inf")
        self._count = 0
        self._last_hz: float | None = None
        """The rate in the last complete window."""

    def count(self, now_s: float) -> None:
        elapsed_s = now_s - self._since_s
        if elapsed_s >= WINDOW_S:
            is_pause = now_s - self._last_s >= WINDOW_S
            self._last_hz = None if is_pause else self._count / elapsed_s
            self._since_s = now_s
            self._count = 0
        self._count += 1
        self._last_s = now_s

    def hz(self, now_s: float) -> float:
        if now_s - self._last_s >= WINDOW_S:
            return 0.0
        elapsed_s = now_s - self._since_s
        is_complete = elapsed_s >= WINDOW_S or self._last_hz is None
        return self._count / max(elapsed_s, MIN_S) if is_complete else self._last_hz or 0.0
