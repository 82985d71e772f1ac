"""How many messages may be asked for with one. Pure; time comes in.

A `/get //*` of 16 bytes is answered with a hundred packets, and over UDP the sender's address may be forged: without
a limit the engine would multiply a flood by a hundred and point it at somebody else. And whoever asks for a list of a
thousand entries again and again takes the time of the thread that carries out what everybody else sends.
"""

import osc_schema
from engine.control.outbox import MAX_PACKETS
from engine.control.pace import PACKETS_A_SENDING, SENDING_INTERVAL_S

KEPT_HOSTS = 1024


class ListingLimit:
    """So many messages a host at once, then so many a second."""

    def __init__(self, most_at_once: int, a_second: float) -> None:
        self._most_at_once = most_at_once
        self._a_second = a_second
        self._left: dict[str, tuple[float, float]] = {}  # host -> messages left, when

    def left(self, sender: str, now_s: float) -> float:
        """How many messages this sender may be answered with now; less than none after a listing that was longer."""
        left, at_s = self._left.get(_host(sender), (self._most_at_once, now_s))
        return min(self._most_at_once, left + (now_s - at_s) * self._a_second)

    def allows(self, sender: str, messages: int, now_s: float) -> bool:
        """Whether it may be answered with so many; counts them when it may."""
        is_allowed = messages <= self.left(sender, now_s)
        if is_allowed:
            self.count(sender, messages, now_s)
        return is_allowed

    def count(self, sender: str, messages: int, now_s: float) -> None:
        """It is answered with so many."""
        left = self.left(sender, now_s)
        if _host(sender) not in self._left and len(self._left) >= KEPT_HOSTS:
            self._left.clear()
        self._left[_host(sender)] = (left - messages, now_s)


def limit_of_patterns() -> ListingLimit:
    """Of `/get`: eight times every value (several programs of one machine that start together), then once a second."""
    return ListingLimit(8 * len(osc_schema.PARAMS), len(osc_schema.PARAMS))


def limit_of_commands() -> ListingLimit:
    """Of commands that list: as many as may wait to be sent, then as many as a UDP receiver is sent."""
    return ListingLimit(MAX_PACKETS, PACKETS_A_SENDING / SENDING_INTERVAL_S)


def _host(sender: str) -> str:
    return sender.rpartition(":")[0]  # whoever forges an address forges the port too
