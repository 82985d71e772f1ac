"""Whether the engine is there, and when to ask it for what. Pure; time comes in.

UDP tells nobody that the other side is gone. The engine sends a heartbeat a second to whoever has subscribed; when
three are missing it is taken for gone, and the subscription is repeated until one comes. A new engine knows nobody: it
is found by the same repetition, and its values, sent with the subscription, replace those shown here.
"""

import math
from dataclasses import dataclass

LOST_AFTER_S = 3.0
RETRY_S = 2.0
STATUS_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Todo:
    """What is due now."""

    subscribe: bool = False
    ask_status: bool = False
    say_lost: bool = False


class Link:
    def __init__(self) -> None:
        self.is_connected = False
        self._heard_s = -math.inf
        self._next_subscription_s = -math.inf
        self._next_status_s = -math.inf

    def hear(self, now_s: float) -> bool:
        """A heartbeat, or the answer to a subscription, has come; whether that is a new connection."""
        self._heard_s = now_s
        is_new, self.is_connected = not self.is_connected, True
        return is_new

    def step(self, now_s: float) -> Todo:
        """What to do in this frame."""
        is_lost = self.is_connected and now_s - self._heard_s > LOST_AFTER_S
        if is_lost:
            self.start_over()
        if not self.is_connected:
            if now_s < self._next_subscription_s:
                return Todo(say_lost=is_lost)
            self._next_subscription_s = now_s + RETRY_S
            return Todo(subscribe=True, say_lost=is_lost)
        if now_s < self._next_status_s:
            return Todo()
        self._next_status_s = now_s + STATUS_S
        return Todo(ask_status=True)

    def start_over(self) -> None:
        """Not connected, and subscribing with the next step: lost, or another host or port was chosen."""
        self.is_connected = False
        self._next_subscription_s = self._next_status_s = -math.inf
