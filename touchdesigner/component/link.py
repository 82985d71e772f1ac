"""State of the connection to the engine, and timing of subscription and status polls. Pure: time is
an argument.

UDP does not report a lost connection. The engine sends a heartbeat per second to its subscribers.
After three missing ones the connection counts as lost, and the subscription is retried until a
heartbeat arrives. A restarted engine has no subscribers, so the same retries find it; it answers
with all values, which replace the displayed ones.
"""

import math
from dataclasses import dataclass

LOST_AFTER_S = 3.0
RETRY_S = 2.0
STATUS_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The actions that are due in a frame."""

    subscribe: bool = False
    request_status: bool = False
    report_lost: bool = False


class EngineLink:
    def __init__(self) -> None:
        self.is_connected = False
        self._received_s = -math.inf
        self._next_subscription_s = -math.inf
        self._next_status_s = -math.inf

    def note_heartbeat(self, now_s: float) -> bool:
        """Record a heartbeat, or the answer to a subscription. True if the connection is new.

        Before a subscription is sent, what arrives is the rest of an older one and is ignored: it
        would count as connected, and the values would never be requested.
        """
        if self._next_subscription_s == -math.inf:
            return False
        self._received_s = now_s
        is_new = not self.is_connected
        self.is_connected = True
        return is_new

    def step(self, now_s: float) -> Due:
        """The actions due in this frame."""
        is_lost = self.is_connected and now_s - self._received_s > LOST_AFTER_S
        if is_lost:
            self.start_over()
        if not self.is_connected:
            if now_s < self._next_subscription_s:
                return Due(report_lost=is_lost)
            self._next_subscription_s = now_s + RETRY_S
            return Due(subscribe=True, report_lost=is_lost)
        if now_s < self._next_status_s:
            return Due()
        self._next_status_s = now_s + STATUS_S
        return Due(request_status=True)

    def start_over(self) -> None:
        """Reset to not connected, and subscribe with the next step: after a loss, or for another
        host or port."""
        self.is_connected = False
        self._next_subscription_s = -math.inf
        self._next_status_s = -math.inf
