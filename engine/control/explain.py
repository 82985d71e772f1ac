"""How often a mistake is answered: once a second a sender, and not at all in a flood. Pure; time comes in."""

INTERVAL_S = 1.0
MAX_A_SECOND = 50  # of all senders together: an answer costs a search for the nearest address
KEPT_SENDERS = 1024


class ExplainLimit:
    def __init__(self) -> None:
        self._explained_s: dict[str, float] = {}
        self._second_began_s = float("-inf")
        self._in_this_second = 0

    def allows(self, sender: str, now_s: float) -> bool:
        """Whether this sender is told now what was wrong; counts the answer when it is."""
        if now_s - self._explained_s.get(sender, float("-inf")) < INTERVAL_S:
            return False
        if now_s - self._second_began_s >= 1.0:
            self._second_began_s, self._in_this_second = now_s, 0
        if self._in_this_second >= MAX_A_SECOND:
            return False
        self._in_this_second += 1
        if len(self._explained_s) >= KEPT_SENDERS:
            self._explained_s.clear()
        self._explained_s[sender] = now_s
        return True
