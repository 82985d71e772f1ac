"""How many packets one receiver of datagrams is sent at once. Pure; time comes in.

A receive buffer of 212 992 bytes, the Linux default, holds 256 small packets, and what comes beyond them is lost
without a word: a listing of 600 answers would end in the middle, and its `/done` with it. A receiver that looks up
once in four sendings still gets everything.
"""

from typing import Final

PACKETS_A_SENDING: Final = 64
SENDING_INTERVAL_S: Final = 1 / 60
KEPT_RECEIVERS: Final = 1024


class Pace:
    """64 packets a receiver at once, the next ones a sixtieth of a second after the first of these."""

    def __init__(self) -> None:
        self._sendings: dict[str, tuple[float, int]] = {}  # by receiver: when the sending is over, packets sent in it

    def room(self, receiver: str, now_s: float) -> int:
        """How many packets it may be sent now."""
        over_s, sent = self._sendings.get(receiver, (now_s, 0))
        return PACKETS_A_SENDING if now_s >= over_s else PACKETS_A_SENDING - sent

    def count(self, receiver: str, packets: int, now_s: float) -> float | None:
        """So many were sent, no more than it has room for. When it has room again, where now it has none."""
        over_s, sent = self._sendings.get(receiver, (now_s, 0))
        if now_s >= over_s:
            over_s, sent = now_s + SENDING_INTERVAL_S, 0
        if len(self._sendings) >= KEPT_RECEIVERS:
            self._sendings = {name: sending for name, sending in self._sendings.items() if sending[0] > now_s}
        self._sendings[receiver] = (over_s, sent + packets)
        return over_s if sent + packets >= PACKETS_A_SENDING else None
