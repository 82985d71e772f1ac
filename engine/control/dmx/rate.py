"""Packets a second, lately. Pure: time is an argument."""

from collections import deque
from typing import Final

WINDOW_S: Final = 2.0
SLOT_S: Final = 0.125
MIN_S: Final = 1.0  # a single packet is no rate


class PacketRate:
    """Counts in slots of time, so that a flood takes no memory. One thread at a time."""

    def __init__(self) -> None:
        self._slots: deque[tuple[int, int]] = deque(maxlen=round(WINDOW_S / SLOT_S) + 1)
        """(number of the slot, packets in it), oldest first."""
        self._since_s = self._last_s = float("-inf")

    def count(self, now_s: float) -> None:
        """Count a packet. After a pause of the window's length counting begins anew."""
        if now_s - self._last_s >= WINDOW_S:
            self._since_s = now_s
            self._slots.clear()
        self._last_s = now_s
        slot = int(now_s // SLOT_S)
        packets = self._slots.pop()[1] if self._slots and self._slots[-1][0] == slot else 0
        self._slots.append((slot, packets + 1))

    def hz(self, now_s: float) -> float:
        """The mean over the last 2 s, or since the last pause; 0 after 2 s without a packet."""
        first = int((now_s - WINDOW_S) // SLOT_S) + 1  # the oldest slot that is whole in the window
        packets = sum(number for slot, number in self._slots if slot >= first)
        return packets / max(MIN_S, now_s - max(self._since_s, first * SLOT_S))
