"""Executes packets: sets values, answers questions, runs commands, queues bundles until their time tag.

A packet becomes steps (planner.py): changes of values, commands (command_runs.py), questions (queries.py). One
parameter with one plain value, which is most packets, takes a short cut.

Time. Values are checked when a bundle arrives, so that the sender hears about a mistake at once. They are applied at
the start of the first frame after the bundle is due, by `tick` on the frame loop's thread. That thread never uses a
socket or runs a command's handler: from the first command on, an OSC thread runs the rest of a due plan
(`run_deferred`). Time tags are converted to the engine's clock on arrival. A bundle more than 10 s ahead is refused,
with an answer that names the usual cause, a wrong clock: applying it now and dropping it silently would both be
guesses.

Foreign messages. On arrival, a message that is not a parameter, a matching pattern, a command or a question is looked
up in the map of foreign messages. The messages that it is mapped to are executed instead, with the sender name `map`,
so that the sender is sent these changes too: its display shows its own control, not our parameter. Unmapped messages
that resemble none of our addresses are counted and listed without a warning, because another program sends hundreds a
second.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import osc_schema
from engine.control.bundle_queue import LATE_S, MAX_WAIT_S, BundleQueue
from engine.control.changes import Changes
from engine.control.coercion import PLAIN_TAGS, value_of
from engine.control.command_runs import CommandRuns
from engine.control.command_table import CommandTable
from engine.control.explain import Mistakes
from engine.control.flood import AddressKind, Sieve
from engine.control.foreign import ForeignMap
from engine.control.heard import HeardMessages
from engine.control.latency import PacketLatency
from engine.control.outgoing import Outgoing
from engine.control.plan import PacketPlan, PlanStep
from engine.control.planner import MAX_VALUES_A_BUNDLE, Planner, differs
from engine.control.queries import Queries, Question
from engine.control.sender import Sender
from engine.errors import OscDecodeError
from engine.osc import Bundle, Message, decode_packet
from engine.osc.time_tag import is_at_once, wall_s_of
from engine.params import ParamStore
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard
from engine.system.reporting import Report
from osc_schema import Param, ParamType, Rejected

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Watcher = Callable[[float, str, Message | str], None]
"""`watcher(now_s, sender_name, message)` is called for every message as it arrived, and again with the reason (str) if
the message was refused."""


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
        self.heard = HeardMessages(clock, foreign_map.is_mapped) if foreign_map else HeardMessages(clock)
        """Unmapped messages of other programs."""
        self._watcher: Watcher | None = None
        self._store = store
        self._commands = commands
        self._mistakes = Mistakes(self.counters, self.feedback, self.heard, foreign_map, clock, self._report_refusal)
        self._runs = CommandRuns(commands, outgoing, clock, self._report_refusal)
        self._queries = Queries(store, outgoing, clock, self._mistakes, self._runs.reply)
        self._runs.questions |= self._queries.questions
        self._planner = Planner(store, commands, self._runs.questions, foreign_map, outgoing, clock, self._mistakes)
        self._foreign = self._planner.foreign
        self._schedule: BundleQueue[PacketPlan] = BundleQueue()
        self._deferred: deque[PacketPlan] = deque()
        self._receiving = threading.Lock()  # UDP and TCP share a thread, the page has its own
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
        self._runs.questions[address] = answer

    # -- packets: OSC's threads ------------------------------------------------------------------

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
            self.attempt(partial(self._execute, data, sender, arrived_s))

    def _execute(self, data: bytes, sender: Sender, arrived_s: float) -> None:
        try:
            packet = decode_packet(data)
        except OscDecodeError as error:
            self.counters.malformed += 1
            self.report("osc.malformed", f"{sender.name}: not an OSC packet: {error}")
            return
        if (watcher := self._watcher) is not None:
            self._show_to_watcher(packet, sender, watcher)
        if isinstance(packet, Message):
            self._on_message(packet, sender)
            self.latency.note_arrival(arrived_s)
        elif self._on_bundle(packet, len(data), sender):
            self.latency.note_arrival(arrived_s)

    def _show_to_watcher(self, packet: Message | Bundle, sender: Sender, watcher: Watcher) -> None:
        if isinstance(packet, Message):
            watcher(self.clock.now_s(), sender.name, packet)
            return
        for element in packet.elements:
            self._show_to_watcher(element, sender, watcher)

    def _on_message(self, message: Message, sender: Sender) -> None:
        """Hot path for one parameter and one plain value."""
        self.counters.messages += 1
        address, args, tags = message
        param = osc_schema.lookup(address)
        if param is None:
            if self._foreign.is_foreign(address):
                self._on_foreign(message, sender)
            else:
                self._carry_out(self._planner.steps_of([message], sender)[0])
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
        if accepted.value is not value and differs(param, value, accepted):
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
            self._carry_out(self._planner.steps_from(own, messages, sender)[0])

    def _on_bundle(self, bundle: Bundle, packet_bytes: int, sender: Sender) -> bool:
        """Execute or queue a bundle; True if nothing was queued."""
        groups: dict[float, list[Message]] = {}
        self._group_by_due_time(bundle, 0.0, self.clock.wall_s(), groups)
        allowance = MAX_VALUES_A_BUNDLE
        for wait_s, messages in groups.items():
            self.counters.messages += len(messages)
            steps, allowance = self._planner.steps_of(messages, sender, allowance)
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
        self._carry_out(self._planner.steps_from(own, messages, sender)[0])

    def run_deferred(self) -> None:
        """Run the steps of due bundles that `tick` deferred: those from the first command on."""
        while self._deferred:
            plan = self._deferred[0]  # stays queued while it runs, so that `tick` defers later plans
            self.attempt(partial(self._carry_out, plan.steps))
            self._deferred.popleft()

    def attempt(self, step: Callable[[], Result]) -> Result | None:
        """Run `step` on an OSC thread; an error in the engine's own code is counted, logged and reported."""
        return self._guard.attempt(step, lambda error: self.counters.add("errors"))

    def _report_refusal(self, key: str, reason: str, sender: Sender) -> None:
        """Report that a message of this sender was refused, also to the OSC monitor."""
        if (watcher := self._watcher) is not None:
            watcher(self.clock.now_s(), sender.name, reason)
        self.report(key, f"{reason} (from {sender.name})")

    # -- the frame loop's thread -----------------------------------------------------------------

    def tick(self) -> None:
        """Apply the bundles that are due, at the start of a frame. Uses no socket and runs no handler.

        Keeps the order: while an OSC thread still has to run a deferred bundle, later ones wait.
        """
        self._queries.begin_frame()
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
        self._queries.frame_drawn(version)

    # -- steps: both -----------------------------------------------------------------------------

    def _carry_out(self, steps: list[PlanStep]) -> None:
        for what, sender in steps:
            if isinstance(what, Changes):
                self._apply(what, sender)
            else:
                self._runs.run(what, sender)

    def _apply(self, changes: Changes, sender: Sender) -> None:
        if changes:
            self._store.apply(changes.for_store(), by=sender.name)
            self.feedback.owe(sender.name, changes.differing)

    # -- the flood: called on the thread that reads the UDP socket -------------------------------

    def new_sieve(self) -> Sieve:
        """A sieve for undecoded packets that would be passed to `receive`."""
        return Sieve(self._kind_of, self._is_accepted, self.heard.holds, self._is_due)

    def _kind_of(self, address: str) -> Param | AddressKind:
        param = osc_schema.lookup(address)
        if param is not None:
            return AddressKind.TRIGGER if param.type is ParamType.TRIGGER else param
        if address in self._runs.questions:
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
