"""Handling of messages that cannot be used: counted, reported, and explained to their sender, within a rate limit.

The limit: one explanation a second for each sender, and fifty a second in all.

Typing errors are explained within that limit. The messages that another program sends in its own language are not
mistakes: they are counted and listed (`HeardMessages`), and one line mentions their sender, unless something of the
same program is mapped. Problem: the two look alike (`/layers/1/opacity`). So an unknown address that resembles ours is
explained as a typing error while its sender has sent few unmapped addresses: a person mistypes some, a program sends
hundreds.
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
MAX_A_SECOND = 50  # of all senders together: an answer costs a search for the nearest address
MAX_MISTYPED = 16  # different addresses of one sender


class Mistakes:
    """Counts, reports and explains messages that cannot be used. OSC's threads."""

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
        if known != "" and not heard_from.is_told:
            heard_from.is_told = True
            self._tell_of(address, known, sender)

    def _is_explained(self, address: str, addresses: Sized, sender: Sender) -> bool:
        if self._feedback.is_subscribed(sender.name):
            return True
        return len(addresses) <= MAX_MISTYPED and is_like_ours(address)

    def _tell_of(self, address: str, known: str | None, sender: Sender) -> None:
        """Mention a sender in one line and answer it: a person may have typed this address."""
        what = f"{shown(address)}: no such parameter" if address else "an empty address"
        loads = f"; `/map/load {known}` loads a map for that program" if known else ""
        if self._heard.may_tell(sender.name):
            rest = "what else it sends that is not mapped is only counted: `multiverse osc heard` lists it"
            self._report("osc.unmapped", f"{what}, and nothing is mapped to it{loads}; {rest}", sender)
        if self._limit.take(sender.name, self._clock.now_s()):
            reply = Reply(shown(address), self._feedback.listener_of(sender).post)
            reply.fail(f"{unknown(address).removeprefix(f'{shown(address)}: ')}{loads}", is_logged=False)

    def explain(self, key: str, address: str, reason: str, sender: Sender) -> None:
        """Report a mistake and answer `/fail <address> <reason>`, within the rate limit. "": unknown address."""
        is_told = self._limit.take(sender.name, self._clock.now_s())
        if not reason:  # the search for the nearest address takes milliseconds: only if it is sent
            reason = unknown(address) if is_told else f"{shown(address)}: no such parameter"
        self._report(key, reason, sender)
        if is_told:
            reply = Reply(shown(address), self._feedback.listener_of(sender).post)
            reply.fail(reason.removeprefix(f"{shown(address)}: "))


def unknown(address: str) -> str:
    """The explanation for an unknown address."""
    if osc_schema.is_pattern(address):
        return f"{shown(address)}: matches no parameter"
    return str(osc_schema.unknown_address(address))
