"""Executes packets: sets values, answers queries, runs commands, queues bundles until their time tag.

Order and atomicity. The changes of one packet are one `store.apply`: they land in one frame. A bundle may
also hold commands, and a command must see the changes before it (`/layer/1/angle 5`, `/preset/save x`) but not those
after it. So a bundle becomes a plan, a list of steps: changes are collected into one step until a command ends it. The
three queries (`/get`, `/sync`, `/engine/notify`) do not end a step: they change nothing and are answered after the last
step. So a bundle of values, or of values and queries, is always one step. A bundle inside a bundle belongs to the outer
bundle's step, unless its own time is later.

Time. Values are checked when a bundle arrives, so that the sender hears about a mistake at once. They are applied at
the start of the first frame after the bundle is due, by `tick` on the frame loop's thread. That thread never uses a
socket or runs a command's handler: from the first command on, an OSC thread runs the rest of a due plan
(`run_deferred`). Time tags are converted to the engine's clock on arrival. A bundle more than 10 s ahead is refused,
with an answer that names the usual cause, a wrong clock: applying it now and dropping it silently would both be
guesses.

Foreign messages. On arrival, a message that is not a parameter, a matching pattern, a command or a query is looked up
in the map of foreign messages. The messages that it is mapped to are executed instead, with the sender name `map`, so
that the sender is sent these changes too: its display shows its own control, not our parameter. Unmapped messages that
resemble none of our addresses are counted and listed without a warning, because another program sends hundreds a
second.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

import osc_schema
from engine.control.bundle_queue import LATE_S, MAX_WAIT_S, BundleQueue
from engine.control.changes import Changes
from engine.control.coercion import PLAIN_TAGS, value_of
from engine.control.command_table import CommandTable, Reply
from engine.control.explain import Mistakes, unknown
from engine.control.flood import AddressKind, Sieve
from engine.control.foreign import ForeignMap, ForeignMessages
from engine.control.heard import HeardMessages
from engine.control.latency import PacketLatency
from engine.control.listing import host_of, limit_of_commands, limit_of_patterns
from engine.control.outgoing import Outgoing
from engine.control.patterns import VALUES_A_SECOND, limit_of_values, settable
from engine.control.plan import PacketPlan, PlanStep
from engine.control.sender import NO_PORT, Sender
from engine.errors import MultiverseError, OscDecodeError
from engine.osc import Bundle, Message, decode_packet, encode_reply
from engine.osc.decode import shown
from engine.osc.time_tag import is_at_once, wall_s_of
from engine.params import ParamStore
from engine.params.input_views import changes_of
from engine.params.shader_inputs import ShaderInput, is_input_address
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard
from engine.system.reporting import Report
from osc_schema import Accepted, Param, ParamType, Rejected

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Question = Callable[[Message, Sender], None]
"""Called on OSC's threads. Sends its own answer, also on failure."""
Watcher = Callable[[float, str, Message | str], None]
"""`watcher(now_s, sender_name, message)` is called for every message as it arrived, and again with the reason (str) if
the message was refused."""

MAX_PENDING_SYNCS = 1024
MAX_VALUES_A_BUNDLE = 4096  # a pattern counts once for each match; enough to set every parameter forty times


class Dispatcher:
    """`receive` and `run_deferred` on OSC's threads, `tick` and `frame_drawn` on the frame loop's."""

    def __init__(
        self,
        store: ParamStore,
        commands: CommandTable,
        clock: Clock,
        report: Report,
        foreign_map: ForeignMap | None = None,
        *,
        outgoing: Outgoing | None = None,
        on_gone: Callable[[str], None] = lambda name: None,
    ) -> None:
        """`outgoing` None: creates one. `on_gone(name)` is called, on any thread, after a TCP or WebSocket sender has
        disconnected."""
        outgoing = outgoing or Outgoing(store, report)
        self.clock = clock
        self.report = report
        self.on_gone = on_gone
        self.counters, self.outbox, self.feedback = outgoing.counters, outgoing.outbox, outgoing.feedback
        self.views = outgoing.views
        """The inputs of the playing shaders by name."""
        self.latency = PacketLatency()
        self._watcher: Watcher | None = None
        self._store = store
        self._commands = commands
        self.heard = HeardMessages(clock, foreign_map.is_mapped) if foreign_map else HeardMessages(clock)
        """Unmapped messages of other programs."""
        self._mistakes = Mistakes(self.counters, self.feedback, self.heard, foreign_map, clock, self._report_refusal)
        self._questions: dict[str, Question] = {
            "/get": self._on_get,
            "/sync": self._on_sync,
            "/engine/notify": self._on_notify,
        }
        self._foreign = ForeignMessages(foreign_map, self._is_command, commands.has_root, clock)
        self._gets, self._listings = limit_of_patterns(), limit_of_commands()
        self._patterns = limit_of_values()
        self._schedule: BundleQueue[PacketPlan] = BundleQueue()
        self._deferred: deque[PacketPlan] = deque()
        self._receiving = threading.Lock()  # UDP and TCP share a thread, the page has its own
        self._handling = threading.Lock()  # handlers run one at a time, on any of OSC's threads
        self._syncs: deque[tuple[int, int, Callable[[bytes], None], bytes]] = deque()
        self._ticks = 0
        self._guard = Guard(log, report, "osc.error", "OSC")

    def set_watcher(self, watcher: Watcher | None) -> None:
        """Call `watcher` for every message from now on, on OSC's threads; it must not block. None removes it."""
        self._watcher = watcher

    @property
    def is_watched(self) -> bool:
        return self._watcher is not None

    def add_question(self, address: str, answer: Question) -> None:
        """Register `answer(message, sender)` for a command that needs its sender and changes no value.

        Before the server starts.
        """
        self._questions[address] = answer

    # -- OSC's threads -------------------------------------------------------------------------

    def receive(self, data: bytes, sender: Sender, arrived_s: float | None = None) -> None:
        """Execute one packet. Never raises: a malformed one is counted and reported. Any thread.

        `arrived_s`: when it arrived, by `time.perf_counter`; None: now.
        """
        if arrived_s is None:
            arrived_s = time.perf_counter()
        with self._receiving:
            counters = self.counters
            counters.packets += 1
            counters.bytes += len(data)
            try:
                packet = decode_packet(data)
                if (watcher := self._watcher) is not None:
                    self._show_to_watcher(packet, sender, watcher)
                if isinstance(packet, Message):
                    self._on_message(packet, sender)
                    self.latency.note_arrival(arrived_s)
                elif self._on_bundle(packet, len(data), sender):
                    self.latency.note_arrival(arrived_s)
            except OscDecodeError as error:
                counters.malformed += 1
                self.report("osc.malformed", f"{sender.name}: not an OSC packet: {error}")
            except Exception as error:  # the top level of every transport's receiving loop
                self.counters.add("errors")
                self._guard.caught(error)

    def receive_controls(self, messages: list[Message], sender: Sender) -> None:
        """Execute control values that did not come as OSC, such as lighting levels: mapped ones in one step, which
        lands in one frame; the others are listed without a word. Never raises. Any thread."""
        with self._receiving:
            self.attempt(partial(self._execute_controls, messages, sender))

    def _execute_controls(self, messages: list[Message], sender: Sender) -> None:
        self.counters.messages += len(messages)
        own: list[tuple[int, Message, Sender]] = []
        if (watcher := self._watcher) is not None:
            for message in messages:
                watcher(self.clock.now_s(), sender.name, message)
        for number, message, by in self._foreign.translate_all(messages, sender):
            if by is sender:
                self.counters.unmapped += 1
                self.heard.note(message, sender.name)
            else:
                own.append((number, message, by))
        self._carry_out(self._steps_from(own, messages, sender, MAX_VALUES_A_BUNDLE)[0])

    def _show_to_watcher(self, packet: Message | Bundle, sender: Sender, watcher: Watcher) -> None:
        if isinstance(packet, Message):
            watcher(self.clock.now_s(), sender.name, packet)
            return
        for element in packet.elements:
            self._show_to_watcher(element, sender, watcher)

    def run_deferred(self) -> None:
        """Run the steps of due bundles that `tick` deferred: those from the first command on."""
        while self._deferred:
            plan = self._deferred[0]  # stays queued while it runs, so that `tick` defers later plans
            self.attempt(partial(self._carry_out, plan.steps))
            self._deferred.popleft()

    # -- the flood: called on the thread that reads the UDP socket --------------------------------

    def new_sieve(self) -> Sieve:
        """A sieve for undecoded packets that would be passed to `receive`."""
        return Sieve(self._kind_of, self._is_accepted, self.heard.holds, self._is_due)

    def _kind_of(self, address: str) -> Param | AddressKind:
        param = osc_schema.lookup(address)
        if param is not None:
            return AddressKind.TRIGGER if param.type is ParamType.TRIGGER else param
        if address in self._questions:
            return AddressKind.QUERY
        if self._commands.find(address) is not None:
            return AddressKind.COMMAND
        return AddressKind.FOREIGN if self._foreign.is_foreign(address) else AddressKind.OTHER

    def _is_accepted(self, param: Param, message: Message) -> bool:
        try:
            self._store.require(param, osc_schema.accept(param, value_of(param, message.args)).value)
        except Rejected:
            return False
        return True

    def _is_due(self, time_tag: int) -> bool:
        return is_at_once(time_tag) or wall_s_of(time_tag) <= self.clock.wall_s()

    # -- OSC's threads -------------------------------------------------------------------------

    def _report_refusal(self, key: str, reason: str, sender: Sender) -> None:
        """Report that a message of this sender was refused, also to the OSC monitor."""
        if (watcher := self._watcher) is not None:
            watcher(self.clock.now_s(), sender.name, reason)
        self.report(key, f"{reason} (from {sender.name})")

    def attempt(self, step: Callable[[], Result]) -> Result | None:
        """Run `action` on an OSC thread; an error in the engine's own code is counted, logged and reported."""
        return self._guard.attempt(step, lambda error: self.counters.add("errors"))

    def _on_message(self, message: Message, sender: Sender) -> None:
        """Hot path for one parameter and one plain value."""
        self.counters.messages += 1
        address, args, tags = message
        param = osc_schema.lookup(address)
        if param is None:
            if self._foreign.is_foreign(address):
                self._on_foreign(message, sender)
            else:
                self._carry_out(self._steps_of([message], sender, MAX_VALUES_A_BUNDLE)[0])
            return
        try:
            value = args[0] if tags in PLAIN_TAGS else value_of(param, args)
            accepted = osc_schema.accept(param, value)
            self._store.require(param, accepted.value)
        except Rejected as rejection:
            self._mistakes.rejected(message, rejection, sender)
            return
        self._store.apply(((param, accepted.value),), by=sender.name)
        self.counters.changes += 1
        if accepted.value is not value and _differs(param, value, accepted):
            self.feedback.owe(sender.name, (address,))

    def _on_foreign(self, message: Message, sender: Sender) -> None:
        """Hot path: another program sends hundreds of these a second, few of them mapped."""
        found = self._foreign.translated(message, sender)
        if found is None:
            self._mistakes.unmapped(message, sender)
            return
        messages, by = found
        if messages:
            own = ((number, message, by) for number, message in enumerate(messages))
            self._carry_out(self._steps_from(own, messages, sender, MAX_VALUES_A_BUNDLE)[0])

    def _on_bundle(self, bundle: Bundle, packet_bytes: int, sender: Sender) -> bool:
        """Execute or queue a bundle; True if nothing was queued."""
        groups: dict[float, list[Message]] = {}
        self._group_by_due_time(bundle, 0.0, self.clock.wall_s(), groups)
        allowance = MAX_VALUES_A_BUNDLE
        for wait_s, messages in groups.items():
            self.counters.messages += len(messages)
            steps, allowance = self._steps_of(messages, sender, allowance)
            if wait_s > 0.0:
                self._queue_plan(wait_s, packet_bytes, PacketPlan(sender, steps))
            else:
                self._carry_out(steps)
        return max(groups) <= 0.0

    def _group_by_due_time(
        self, bundle: Bundle, outer_s: float, wall_s: float, groups: dict[float, list[Message]]
    ) -> None:
        """Group messages by the seconds until their bundle is due; an inner bundle is never due before its outer
        one."""
        own_s = 0.0 if is_at_once(bundle.time_tag) else wall_s_of(bundle.time_tag) - wall_s
        self.counters.late_bundles += own_s < -LATE_S
        wait_s = max(own_s, outer_s)
        messages = groups.setdefault(wait_s, [])
        for element in bundle.elements:
            if isinstance(element, Message):
                messages.append(element)
            else:
                self._group_by_due_time(element, wait_s, wall_s, groups)

    def _queue_plan(self, wait_s: float, packet_bytes: int, plan: PacketPlan) -> None:
        """Queue a plan, or refuse it."""
        if wait_s > MAX_WAIT_S:
            reason = f"bundle {wait_s:.1f} s ahead; {MAX_WAIT_S:.0f} s are allowed (is a clock wrong?)"
        elif self._schedule.add(self.clock.now_s() + wait_s, plan.cost(packet_bytes), plan):
            self.counters.scheduled += 1
            return
        else:
            reason = "bundle refused: too many scheduled bundles are queued"
        self.counters.add("rejected")
        self._mistakes.explain("osc.bundle", "#bundle", reason, plan.sender)

    def _steps_of(self, messages: list[Message], sender: Sender, allowance: int) -> tuple[list[PlanStep], int]:
        """Convert messages to steps that set at most `allowance` values; also returns the remaining allowance.

        Invalid messages are counted and answered here.
        """
        return self._steps_from(self._foreign.translate_all(messages, sender), messages, sender, allowance)

    def _steps_from(
        self, own: Iterable[tuple[int, Message, Sender]], messages: list[Message], sender: Sender, allowance: int
    ) -> tuple[list[PlanStep], int]:
        """Like `_steps_of`, for translated messages: (number of the original message, message, sender)."""
        steps: list[PlanStep] = []
        questions: list[PlanStep] = []
        gathering: Changes | None = None
        for number, message, by in own:
            param = osc_schema.lookup(message.address)  # checked first: almost all messages in bundles are parameters
            if param is None and self._foreign.is_foreign(message.address):
                self._mistakes.unmapped(message, by)
                continue
            if param is None and message.address in self._questions:
                questions.append(PlanStep(message, by))
                continue
            if param is None and self._commands.find(message.address) is not None:
                steps.append(PlanStep(message, by))
                gathering = None
                continue
            if allowance <= 0:
                self._on_overfull(messages[number:], sender)
                break
            if gathering is None or steps[-1].sender is not by:
                gathering = Changes()
                steps.append(PlanStep(gathering, by))
            allowance -= self._gather_changes(message, param, by, gathering)
        return steps + questions, allowance

    def _is_command(self, address: str) -> bool:
        """True for commands, queries and inputs of shaders."""
        is_command = address in self._questions or self._commands.find(address) is not None
        return is_command or self.views.find(address) is not None

    def _on_overfull(self, left: list[Message], sender: Sender) -> None:
        """Refuse the rest of a bundle whose patterns set too many values."""
        self.counters.add("rejected", len(left))
        reason = f"sets more than {MAX_VALUES_A_BUNDLE} values; the last {len(left)} messages are left out"
        self._mistakes.explain("osc.bundle", "#bundle", reason, sender)

    def _gather_changes(self, message: Message, param: Param | None, sender: Sender, into: Changes) -> int:
        """Add the values that a message sets; returns their number, invalid ones included, at least 1.

        `param` is None if the address may be a pattern.
        """
        try:
            params = (param,) if param else settable(message.address)
            views = () if param else self._views_of(message.address, params)
            if not param and not self._patterns.take(self.clock.now_s(), len(params) + len(views)):
                reason = f"patterns set more than {VALUES_A_SECOND} values a second; this one is left out"
                raise Rejected(f"{shown(message.address)}: {reason}")
        except Rejected as rejection:
            self._mistakes.rejected(message, rejection, sender)
            return 1
        if not params and not views and is_input_address(message.address):
            self._mistakes.rejected(message, Rejected(self.views.missing(message.address)), sender)
        elif not params and not views:
            self._mistakes.unknown(message, sender)
        for view in views:
            self._gather_input(message, view, sender, into)
        for param in params:
            try:
                value = value_of(param, message.args)
                accepted = osc_schema.accept(param, value)
                self._store.require(param, accepted.value)
            except Rejected as rejection:
                self._mistakes.rejected(message, rejection, sender)
                continue
            self.counters.changes += 1
            into.add(param, accepted.value, differs=_differs(param, value, accepted))
        return max(1, len(params) + len(views))

    def _views_of(self, address: str, params: tuple[Param, ...]) -> tuple[ShaderInput, ...]:
        """The inputs that an address or a pattern names, except those whose aliases are set anyway."""
        view = self.views.find(address)
        if view is not None or not osc_schema.is_pattern(address):
            return () if view is None else (view,)
        aliases = {param.address for param in params}
        return tuple(view for view in self.views.match(address) if not aliases.issuperset(view.aliases))

    def _gather_input(self, message: Message, view: ShaderInput, sender: Sender, into: Changes) -> None:
        """Add the values of the aliases of an input that a message sets by name."""
        try:
            args = message.args
            value = value_of(view.param, args) if view.param else args[0] if len(args) == 1 else args
            positions, note = view.positions_of(value)
        except Rejected as rejection:
            self._mistakes.rejected(message, rejection, sender)
            return
        self.counters.changes += 1
        for param, position in changes_of(view, positions):
            into.add(param, position, differs=False)
        if note:
            into.differing.add(view.address)

    def _carry_out(self, steps: list[PlanStep]) -> None:
        for what, sender in steps:
            if isinstance(what, Changes):
                self._apply(what, sender)
            else:
                self._run_command(what, sender)

    def _apply(self, changes: Changes, sender: Sender) -> None:
        if changes:
            self._store.apply(changes.for_store(), by=sender.name)
            self.feedback.owe(sender.name, changes.differing)

    def _run_command(self, message: Message, sender: Sender) -> None:
        self.counters.add("commands")
        with self._handling:
            question = self._questions.get(message.address)
            if question is not None:
                question(message, sender)
            else:
                self._handle(message, sender)

    def _handle(self, message: Message, sender: Sender) -> None:
        reply, now_s = self._reply(message.address, sender), self.clock.now_s()
        limit = self._listings[host_of(sender.name)] if self._commands.is_listing(message.address) else None
        if limit is not None and limit.tokens(now_s) <= 0:
            self.counters.add("rejected")
            reply.fail("asked too often")
            return
        try:
            handler = self._commands.find(message.address)
            assert handler is not None  # steps hold known commands only
            handler(message.args, reply)
        except (MultiverseError, Rejected) as error:
            reply.fail(str(error))
        except Exception as error:
            reply.fail(f"internal error: {type(error).__name__} (see the log)", is_logged=False)
            raise
        finally:
            if limit is not None:
                limit.spend(now_s, reply.sent)

    # -- queries -------------------------------------------------------------------------------

    def _on_get(self, message: Message, sender: Sender) -> None:
        reply = self._reply("/get", sender)
        address = message.args[0] if len(message.args) == 1 else None
        if not isinstance(address, str):
            reply.fail("takes an address or a pattern")
            return
        param, view = osc_schema.lookup(address), self.views.find(address)
        is_pattern = param is None and view is None
        try:
            params = (param,) if param else _matches(address) if is_pattern else ()
            views = (view,) if view else self.views.match(address) if is_pattern else ()
        except Rejected as rejection:
            reply.fail(str(rejection))
            return
        if not params and not views:
            reply.fail(self.views.missing(address) if is_input_address(address) else unknown(address))
        if is_pattern and not self._gets[host_of(sender.name)].take(self.clock.now_s(), len(params) + len(views)):
            self.counters.add("rejected")
            reason = "too many patterns at once (/engine/notify 1 subscribes to changes)"
            self._mistakes.explain("osc.get", "/get", reason, sender)
            return
        for param in params:
            reply.send(param.address, *self.feedback.reply_values(param, self._store.get(param.address)))
        for view in views:
            reply.send(view.address, *self.views.values_now(view))

    def _on_sync(self, message: Message, sender: Sender) -> None:
        """Answer `/synced` after the next frame to begin, which shows all earlier messages.

        Their values are in the store already, or were posted to the frame loop, which runs them right after `tick`.
        """
        ids = [value for value in message.args if isinstance(value, int | float | str)]
        if len(message.args) > 1 or len(ids) < len(message.args):
            self._reply("/sync", sender).fail("takes one number or text, which is sent back")
            return
        if len(self._syncs) >= MAX_PENDING_SYNCS:
            self._reply("/sync", sender).fail("too many are waiting: no frame has been drawn for a long time")
            return
        target = self.feedback.listener_of(sender)
        packet = encode_reply("/synced", *ids)
        self._syncs.append((self._store.version, self._ticks, target.post, packet))

    def _on_notify(self, message: Message, sender: Sender) -> None:
        args = message.args
        is_on, port = (*args, None, None)[:2]
        is_port = isinstance(port, int | float) and 1 <= port < 65_536
        if len(args) > 2 or not isinstance(is_on, int | float) or (len(args) == 2 and not is_port):
            self._reply("/engine/notify", sender).fail("takes 1 or 0 and optionally a port 1..65535")
            return
        target = sender.at(port) if isinstance(port, int | float) else sender
        if target is None:
            self._reply("/engine/notify", sender).fail(NO_PORT)
            return
        if is_on:
            reply = Reply("/engine/notify", target.post)
            self.feedback.subscribe(target, origin=sender.name)
        else:
            reply = Reply("/engine/notify", self.feedback.listener_of(target).post)
            self.feedback.unsubscribe(target.name)
        reply.done()
        self.outbox.wake()

    def _reply(self, command: str, sender: Sender) -> Reply:
        """Answer at the port where the sender listens: Max, TouchDesigner and Resolume send from another one."""

        def log_failure(line: str) -> None:
            self._report_refusal("osc.command", line, sender)

        return Reply(command, self.feedback.listener_of(sender).post, log_failure)

    # -- the frame loop's thread ---------------------------------------------------------------

    def tick(self) -> None:
        """Apply the bundles that are due, at the start of a frame. Uses no socket and runs no handler.

        Keeps the order: while an OSC thread still has to run a deferred bundle, later ones wait.
        """
        self._ticks += 1
        if self._deferred:
            return
        for plan in self._schedule.take_due(self.clock.now_s()):
            steps = plan.steps
            while steps and isinstance(changes := steps[0].what, Changes) and not self._deferred:
                self._apply(changes, steps[0].sender)
                steps = steps[1:]
            if steps:
                self._deferred.append(PacketPlan(plan.sender, steps))
        if self._deferred:
            self.outbox.wake()

    def frame_drawn(self, version: int) -> None:
        """Answer the `/sync`s that the newest frame covers: it began with the last `tick` and shows store `version`."""
        while self._syncs and self._syncs[0][0] <= version and self._syncs[0][1] < self._ticks:
            _, _, post, packet = self._syncs.popleft()
            post(packet)


def _matches(address: str) -> tuple[Param, ...]:
    return osc_schema.match(address) if osc_schema.is_pattern(address) else ()


def _differs(param: Param, value: object, accepted: Accepted) -> bool:
    """True if the sender's display is wrong now. Sending 1 for on, or an index for a menu item, is not wrong."""
    return bool(accepted.note) or (param.out_of_range == "wrap" and accepted.value != value)
