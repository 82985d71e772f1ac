"""How many values patterns in `/get` may ask for. Pure; time comes in.

A `/get //*` of 16 bytes is answered with a hundred packets, and over UDP the sender's address may be forged: without
a limit the engine would multiply a flood by a hundred and point it at somebody else.
"""

import osc_schema

LISTING = len(osc_schema.PARAMS)
MOST_AT_ONCE = 8 * LISTING  # several programs of one machine that start together
A_SECOND = LISTING
KEPT_HOSTS = 1024


class ListingLimit:
    """Eight full listings a host at once, then one a second."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}  # host -> values left, when

    def allows(self, sender: str, values: int, now_s: float) -> bool:
        """Whether this sender is answered with so many values now; counts them when it is."""
        host = sender.rpartition(":")[0]  # whoever forges an address forges the port too
        left, at_s = self._left.get(host, (MOST_AT_ONCE, now_s))
        left = min(MOST_AT_ONCE, left + (now_s - at_s) * A_SECOND)
        is_allowed = values <= left
        if host not in self._left and len(self._left) >= KEPT_HOSTS:
            self._left.clear()
        self._left[host] = (left - values if is_allowed else left, now_s)
        return is_allowed
