"""Answers `/get`, `/sync` and `/engine/notify`: messages that change no value and are answered after a packet's last
step."""

from collections import deque
from collections.abc import Callable

import osc_schema
from engine.control.command_table import Reply
from engine.control.explain import Mistakes, unknown
from engine.control.listing import host_of, limit_of_patterns
from engine.control.outgoing import Outgoing
from engine.control.sender import NO_PORT, Sender
from engine.osc import Message, encode_reply
from engine.params import ParamStore
from engine.params.shader_inputs import is_input_address
from engine.system.clock import Clock
from osc_schema import Param, Rejected
from osc_schema.engine import SUBSCRIPTIONS

Question = Callable[[Message, Sender], None]
"""Called on OSC's threads. Sends its own answer, also on failure."""

MAX_PENDING_SYNCS = 1024


class Queries:
    """`questions` are answered on OSC's threads; `begin_frame` and `frame_drawn` run on the frame loop's."""

    def __init__(
        self,
        store: ParamStore,
        outgoing: Outgoing,
        clock: Clock,
        mistakes: Mistakes,
        reply_to: Callable[[str, Sender], Reply],
    ) -> None:
        """`reply_to(command, sender)`: a reply to that sender."""
        self.questions: dict[str, Question] = {
            "/get": self._on_get,
            "/sync": self._on_sync,
            "/engine/notify": self._on_notify,
        }
        self._store = store
        self._counters, self._outbox = outgoing.counters, outgoing.outbox
        self._feedback, self._views = outgoing.feedback, outgoing.views
        self._clock = clock
        self._mistakes = mistakes
        self._reply = reply_to
        self._patterns = limit_of_patterns()
        self._syncs: deque[tuple[int, int, Callable[[bytes], None], bytes]] = deque()
        self._frames = 0

    # -- the frame loop's thread ---------------------------------------------------------------

    def begin_frame(self) -> None:
        """Call it at the start of a frame, before the frame reads its values."""
        self._frames += 1

    def frame_drawn(self, version: int) -> None:
        """Answer the `/sync`s that the newest frame covers: it shows store `version`."""
        while self._syncs and self._syncs[0][0] <= version and self._syncs[0][1] < self._frames:
            _, _, post, packet = self._syncs.popleft()
            post(packet)

    # -- OSC's threads -------------------------------------------------------------------------

    def _on_get(self, message: Message, sender: Sender) -> None:
        reply = self._reply("/get", sender)
        address = message.args[0] if len(message.args) == 1 else None
        if not isinstance(address, str):
            reply.fail("takes an address or a pattern")
            return
        param, view = osc_schema.lookup(address), self._views.find(address)
        is_pattern = param is None and view is None
        try:
            params = (param,) if param else _matches(address) if is_pattern else ()
            views = (view,) if view else self._views.match(address) if is_pattern else ()
        except Rejected as rejection:
            reply.fail(str(rejection))
            return
        if not params and not views:
            reply.fail(self._views.missing(address) if is_input_address(address) else unknown(address))
        if is_pattern and not self._patterns[host_of(sender.name)].take(self._clock.now_s(), len(params) + len(views)):
            self._counters.add("rejected")
            reason = "too many patterns at once (/engine/notify 1 subscribes to changes)"
            self._mistakes.explain("osc.get", "/get", reason, sender)
            return
        for param in params:
            reply.send(param.address, *self._feedback.reply_values(param, self._store.get(param.address)))
        for view in views:
            reply.send(view.address, *self._views.values_now(view))

    def _on_sync(self, message: Message, sender: Sender) -> None:
        """Answer `/synced` after the next frame to begin, which shows all earlier messages.

        Their values are in the store already, or were posted to the frame loop, which runs them right after
        `begin_frame`.
        """
        ids = [value for value in message.args if isinstance(value, int | float | str)]
        if len(message.args) > 1 or len(ids) < len(message.args):
            self._reply("/sync", sender).fail("takes one number or text, which is sent back")
            return
        if len(self._syncs) >= MAX_PENDING_SYNCS:
            self._reply("/sync", sender).fail("too many are waiting: no frame has been drawn for a long time")
            return
        target = self._feedback.listener_of(sender)
        packet = encode_reply("/synced", *ids)
        self._syncs.append((self._store.version, self._frames, target.post, packet))

    def _on_notify(self, message: Message, sender: Sender) -> None:
        is_on, port, part = (*message.args, None, None, None)[:3]
        is_port = port is None or (isinstance(port, int | float) and 1 <= port < 65_536)
        is_part = part is None or part in SUBSCRIPTIONS
        if len(message.args) > 3 or not isinstance(is_on, int | float) or not is_port or not is_part:
            self._reply("/engine/notify", sender).fail(
                f"takes 1 or 0, optionally a port 1..65535, and then one of {', '.join(SUBSCRIPTIONS)}"
            )
            return
        target = sender.at(port) if isinstance(port, int | float) else sender
        if target is None:
            self._reply("/engine/notify", sender).fail(NO_PORT)
            return
        wants_values, wants_features = part != "features", part != "values"
        # A port for features alone belongs to a receiver of numbers, such as an OSC In CHOP.
        answered = self._feedback.listener_of(target if wants_values else sender)
        if is_on:
            self._feedback.subscribe(target, sender.name, values=wants_values, features=wants_features)
            answered = target if wants_values else answered
        else:
            self._feedback.unsubscribe(target.name)
        reply = Reply("/engine/notify", answered.post)
        reply.done()
        self._outbox.wake()


def _matches(address: str) -> tuple[Param, ...]:
    return osc_schema.match(address) if osc_schema.is_pattern(address) else ()
