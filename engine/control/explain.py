"""Handles invalid messages: counts them, reports them, and explains them to their sender.

Explanations are rate limited: one a second for each sender, fifty a second in all.

Messages that another program sends at its own addresses are not mistakes: they are counted and listed
(`HeardMessages`), and one line mentions their sender, unless some of that program's addresses are mapped. Problem: they
can look like typing errors (`/layers/1/opacity`). So an unknown address that resembles ours is explained as a typing
error only while its sender has sent few unmapped addresses: a person mistypes some, a program sends hundreds.
"""

from collections.abc import Callable, Sized

import osc_schema
from engine.control.command_table import Reply
from engine.control.counters import OscCounters
from engine.control.feedback import Feedback
from engine.control.foreign import OUR_ROOTS, ForeignMap, is_like_ours, root_of
from engine.control.heard import HeardMessages
from engine.control.sender import Sender
from engine.osc import Message
from engine.osc.decode import shown
from engine.system.clock import Clock
from engine.system.token_bucket import SharedLimit, TokenBucket, TokenBuckets
from osc_schema import Rejected

INTERVAL_S = 1.0
MAX_A_SECOND = 50  # for all senders together: an explanation costs a search for the nearest address
MAX_MISTYPED = 16  # different addresses of one sender


class Mistakes:
    """Counts, reports and explains invalid messages. OSC's threads."""

    def __init__(
        self,
        counters: OscCounters,
        feedback: Feedback,
        heard: HeardMessages,
        foreign_map: ForeignMap | None,
        clock: Clock,
        report: Callable[[str, str, Sender], None],
    ) -> None:
        """`report(key, reason, sender)`."""
        self._heard = heard
        self._map = foreign_map
        self._counters = counters
        self._feedback = feedback
        self._clock = clock
        self._report = report
        self._limit = SharedLimit(TokenBuckets(1, 1 / INTERVAL_S), TokenBucket(MAX_A_SECOND, MAX_A_SECOND))

    def rejected(self, message: Message, rejection: Rejected, sender: Sender) -> None:
        self._counters.add("rejected")
        self.explain("osc.rejected", message.address, str(rejection), sender)

    def unknown(self, message: Message, sender: Sender) -> None:
        self._counters.unknown += 1
        self.explain("osc.unknown", message.address, "", sender)

    def unmapped(self, message: Message, sender: Sender) -> None:
        """Handle a foreign message that is not mapped. Hot path: another program sends hundreds a second."""
        address = message.address
        root = root_of(address)
        if address[:1] != "/" and root in OUR_ROOTS:
            self._counters.unknown += 1
            self.explain(
                "osc.unknown", address, f"{shown(address)}: an address begins with /, as /{shown(address)}", sender
            )
            return
        heard_from = self._heard.note(message, sender.name)
        known = self._map.map_for(root) if self._map else None
        if known != "" and address[:1] == "/" and self._is_explained(address, heard_from.addresses, sender):
            self.unknown(message, sender)
            return
        self._counters.unmapped += 1
        if known != "" and not heard_from.is_reported:
            heard_from.is_reported = True
            self._report_sender(address, known, sender)

    def _is_explained(self, address: str, addresses: Sized, sender: Sender) -> bool:
        if self._feedback.is_subscribed(sender.name):
            return True
        return len(addresses) <= MAX_MISTYPED and is_like_ours(address)

    def _report_sender(self, address: str, known: str | None, sender: Sender) -> None:
        """Report a sender in one line, and answer it, because a person may have typed this address."""
        what = f"{shown(address)}: no such parameter" if address else "an empty address"
        loads = f"; `/map/load {known}` loads a map for that program" if known else ""
        if self._heard.may_report(sender.name):
            rest = "its other unmapped messages are only counted: `multiverse osc heard` lists them"
            self._report("osc.unmapped", f"{what}, and nothing is mapped to it{loads}; {rest}", sender)
        if self._limit.take(sender.name, self._clock.now_s()):
            reply = Reply(shown(address), self._feedback.listener_of(sender).post)
            reply.fail(f"{unknown(address).removeprefix(f'{shown(address)}: ')}{loads}", is_logged=False)

    def explain(self, key: str, address: str, reason: str, sender: Sender) -> None:
        """Report a mistake and, within the rate limit, answer `/fail <address> <reason>`. `reason` "": unknown
        address."""
        is_reported = self._limit.take(sender.name, self._clock.now_s())
        if not reason:  # the search for the nearest address takes milliseconds: only if it is sent
            reason = unknown(address) if is_reported else f"{shown(address)}: no such parameter"
        self._report(key, reason, sender)
        if is_reported:
            reply = Reply(shown(address), self._feedback.listener_of(sender).post)
            reply.fail(reason.removeprefix(f"{shown(address)}: "))


def unknown(address: str) -> str:
    """The explanation for an unknown address."""
    if osc_schema.is_pattern(address):
        return f"{shown(address)}: matches no parameter"
    return str(osc_schema.unknown_address(address))
