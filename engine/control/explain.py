"""What becomes of a mistake: counted, reported, and explained to whoever made it, but not to a flood.

How often is pure policy (`ExplainLimit`; time comes in): once a second a sender, and at most fifty a second in all.
"""

from collections.abc import Callable

import osc_schema
from engine.clock import Clock
from engine.control.commands import Reply
from engine.control.counters import OscCounters
from engine.control.feedback import Feedback
from engine.control.sender import Sender
from engine.osc import Message
from engine.osc.decode import shown
from osc_schema import Rejected

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


class Mistakes:
    """Messages that cannot be used. OSC's threads."""

    def __init__(
        self, counters: OscCounters, feedback: Feedback, clock: Clock, report: Callable[[str, str, Sender], None]
    ) -> None:
        """`report(key, reason, sender)`."""
        self._counters = counters
        self._feedback = feedback
        self._clock = clock
        self._report = report
        self._limit = ExplainLimit()

    def rejected(self, message: Message, rejection: Rejected, sender: Sender) -> None:
        self._counters.add("rejected")
        self.explain("osc.rejected", message.address, str(rejection), sender)

    def unknown(self, message: Message, sender: Sender) -> None:
        self._counters.unknown += 1
        self.explain("osc.unknown", message.address, "", sender)

    def explain(self, key: str, address: str, reason: str, sender: Sender) -> None:
        """Report it, and answer `/fail <address> <reason>` where the sender listens, unless it was just answered."""
        is_told = self._limit.allows(sender.name, self._clock.now_s())
        if not reason:  # the nearest address takes milliseconds to find: only for those who are told
            reason = unknown(address) if is_told else f"{shown(address)}: no such parameter"
        self._report(key, reason, sender)
        if is_told:
            reply = Reply(shown(address), self._feedback.listener_of(sender).post)
            reply.fail(reason.removeprefix(f"{shown(address)}: "))


def unknown(address: str) -> str:
    """Why an address that means nothing here means nothing."""
    if osc_schema.is_pattern(address):
        return f"{shown(address)}: matches no parameter"
    return str(osc_schema.unknown_address(address))
