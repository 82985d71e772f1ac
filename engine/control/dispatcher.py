"""Executes packets: decodes them, checks what they set, stores it; queues bundles until their time
tag.

    packet ─► decoded ─┬─► one parameter, one plain value, which is most packets: checked, stored
                       └─► steps: changes of values, commands, queries ─► now, or in the frame in
                           which they are due

A mistake is counted, reported and answered where it is found (`foreign/unmapped.py`); the rest is
executed.

Steps. Changes are collected into one `store.apply`, so they land in one frame, until a command ends
the step: it must see the changes before it, but not those after it. Queries (`/get`, `/sync` ...)
are answered after the last step. A bundle inside a bundle belongs to the outer one's step, unless
its own time is later.

Time. Values are checked when a bundle arrives, so that a mistake is answered at once. `tick`
applies them on the render thread, in the first frame after the bundle is due; what waits for a beat
begins to wait then. That thread never uses a socket or runs a handler: from the first command on,
an OSC thread runs the rest (`run_deferred`). A bundle more than 10 s ahead is refused, with the
usual cause, a wrong clock.

Foreign messages. An address that nothing here has is looked up in the map. What it is mapped to is
set by the sender `map`, so that the sender is sent these changes too: its display shows its own
control, not our parameter. One that is not mapped and resembles none of our addresses is listed
without a warning: other programs send hundreds per second.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

import osc_schema
from engine.control.backpressure import Coalescer
from engine.control.command_runner import CommandRunner, CommandTable, QueryHandler
from engine.control.foreign.messages import AddressKind, ForeignMap, ForeignMessages
from engine.control.foreign.unmapped import Mistakes, UnmappedMessages
from engine.control.latency import PacketLatency
from engine.control.launch_queue import LaunchQueue
from engine.control.outgoing.feedback import Feedback
from engine.control.outgoing.sender import Sender
from engine.control.steps import (
    MAX_WAIT_S,
    PLAIN_TAGS,
    VALUES_PER_SECOND,
    BundleQueue,
    Changes,
    Step,
    by_due_time,
    cost_of,
    differs,
    settable,
    value_of,
)
from engine.errors import OscDecodeError
from engine.osc.decode import Bundle, Message, decode_packet, messages_of, printable
from engine.params import ParamStore
from engine.params.fade_time import Pulse
from engine.params.input_views import changes_of
from engine.params.shader_inputs import ShaderInput
from engine.system.clock import Clock
from engine.system.guarded_thread import Guard
from engine.system.reporting import Report
from engine.system.token_bucket import TokenBucket
from osc_schema import Param, Rejected

log = logging.getLogger(__name__)

MAX_VALUES_A_BUNDLE = (
    4096  # a pattern counts once for each match; enough to set every parameter forty times
)

Result = TypeVar("Result")
Watcher = Callable[[float, str, Message | str], None]
"""`watcher(now_s, sender_name, message)` is called for every message as it arrived, and again with
the reason (str) if the message was refused."""


class Dispatcher:
    """Executes OSC packets: stores values, runs commands and queries, queues bundles. `receive`:
    any thread, one at a time; `run_deferred`: the sending thread; `tick`, `frame_drawn`: render
    thread. A view is an input of a playing shader by its name; its aliases are the numbered
    parameters that it moves. Under backpressure, a coalescer drops replaced values before
    decoding."""

    def __init__(
        self,
        store: ParamStore,
        commands: CommandTable,
        clock: Clock,
        report: Report,
        foreign_map: ForeignMap | None = None,
        *,
        feedback: Feedback | None = None,
        on_disconnect: Callable[[str], None] = lambda name: None,
        launch_queue: LaunchQueue | None = None,
    ) -> None:
        """`feedback` None: creates one. `on_disconnect(name)` is called, on any thread, when a TCP
        or WebSocket sender has disconnected. `launch_queue` None: nothing waits for the beat."""
        self.feedback = feedback = feedback or Feedback(store, report)
        self.clock = clock
        self.report = report
        self.on_disconnect = on_disconnect
        self.counters = feedback.counters
        self.outbox = feedback.outbox
        self.views = feedback.views
        self.latency = PacketLatency()
        self.unmapped = (
            UnmappedMessages(clock, foreign_map.is_mapped)
            if foreign_map
            else UnmappedMessages(clock)
        )
        """Unmapped messages of other programs."""
        self._watcher: Watcher | None = None
        self._store = store
        self._mistakes = Mistakes(feedback, self.unmapped, foreign_map, clock, self._report_refusal)
        queue = self._launch_queue = launch_queue or LaunchQueue(
            store, Pulse, lambda address, *values: None
        )
        self._runner = CommandRunner(
            store, commands, feedback, clock, self._mistakes, self._report_refusal, queue
        )
        self._foreign = ForeignMessages(
            foreign_map, self._runner.kind_of, commands.has_root, feedback.views, clock
        )
        # of all senders together
        self._patterns = TokenBucket(VALUES_PER_SECOND, VALUES_PER_SECOND)
        self._schedule = BundleQueue()
        self._deferred: deque[list[Step]] = deque()
        self._receiving = threading.Lock()  # UDP and TCP share a thread, the page has its own
        self._guard = Guard(log, report, "osc.error", "OSC")

    def set_watcher(self, watcher: Watcher | None) -> None:
        """Call `watcher` for every message from now on, on OSC's threads; it must not block. None
        removes it."""
        self._watcher = watcher

    @property
    def is_watched(self) -> bool:
        return self._watcher is not None

    def add_query(self, address: str, answer: QueryHandler) -> None:
        """Register `answer(message, sender)` for a query, which needs its sender and sets nothing.
        Before the start."""
        self._runner.queries[address] = answer

    # -- packets: OSC's threads ------------------------------------------------------------------

    def receive(self, data: bytes, sender: Sender, arrived_s: float | None = None) -> None:
        """Execute one packet from a sender. Never raises: a malformed one is counted and reported.
        Any thread. `arrived_s`: when it arrived, by `time.perf_counter`; None: now."""
        arrived_s = time.perf_counter() if arrived_s is None else arrived_s
        with self._receiving:
            self.counters.packets += 1
            self.counters.bytes += len(data)
            self.attempt(partial(self._execute, data, sender, arrived_s))

    def _execute(self, data: bytes, sender: Sender, arrived_s: float) -> None:
        try:
            packet = decode_packet(data)
        except OscDecodeError as error:
            self.counters.malformed += 1
            self.report("osc.malformed", f"{sender.name}: not an OSC packet: {error}")
            return
        watcher = self._watcher
        if watcher is not None:
            for message in messages_of(packet):
                watcher(self.clock.now_s(), sender.name, message)
        if isinstance(packet, Message):
            self._on_message(packet, sender, arrived_s)
            self.latency.note_arrival(arrived_s)
        elif self._on_bundle(packet, len(data), sender, arrived_s):
            self.latency.note_arrival(arrived_s)

    def _on_message(self, message: Message, sender: Sender, arrived_s: float) -> None:
        """Hot path for one parameter and one plain value."""
        self.counters.messages += 1
        address, args, tags = message
        param = osc_schema.lookup(address)
        if param is None:
            if self._foreign.kind_of(address) is AddressKind.FOREIGN:
                self._on_foreign(message, sender, arrived_s)
            elif self._foreign.is_mistyped(message):
                self._mistakes.on_unknown(message, sender)
            else:
                self._carry_out(self._steps_of([message], sender, arrived_s)[0], arrived_s)
            return
        try:
            value = args[0] if tags in PLAIN_TAGS else value_of(param, args)
            accepted = osc_schema.accept(param, value)
            self._store.require(param, accepted.value)
        except Rejected as rejection:
            if self._launch_queue.names_a_beat(message, param):
                self._carry_out(self._steps_of([message], sender, arrived_s)[0], arrived_s)
            else:
                self._mistakes.on_rejected(message, rejection, sender)
            return
        self._store.apply(((param, accepted.value),), by=sender.name, arrived_s=arrived_s)
        self.counters.changes += 1
        if accepted.value is not value and differs(param, value, accepted):
            self.feedback.queue_echo(sender.name, (address,))

    def _on_foreign(self, message: Message, sender: Sender, arrived_s: float) -> None:
        """Hot path: another program sends hundreds of these per second, few of them mapped."""
        found = self._foreign.translate(message, sender, arrived_s)
        if found is None:
            self._mistakes.on_unmapped(message, sender)
            return
        messages, by = found
        if messages:
            own = ((number, message, by) for number, message in enumerate(messages))
            self._carry_out(self._steps_from(own, messages, sender)[0], arrived_s)

    def _on_bundle(
        self, bundle: Bundle, packet_bytes: int, sender: Sender, arrived_s: float
    ) -> bool:
        """Execute or queue a bundle; True if nothing was queued."""
        groups, late_bundles = by_due_time(bundle, self.clock.wall_s())
        self.counters.late_bundles += late_bundles
        allowance = MAX_VALUES_A_BUNDLE
        for wait_s, messages in groups.items():
            self.counters.messages += len(messages)
            steps, allowance = self._steps_of(messages, sender, arrived_s, allowance)
            if wait_s > 0.0:
                self._queue(wait_s, packet_bytes, steps, sender)
            else:
                self._carry_out(steps, arrived_s)
        return max(groups) <= 0.0

    def _queue(self, wait_s: float, packet_bytes: int, steps: list[Step], sender: Sender) -> None:
        """Queue the steps of a bundle, or refuse it."""
        if wait_s > MAX_WAIT_S:
            reason = (
                f"bundle {wait_s:.1f} s ahead; {MAX_WAIT_S:.0f} s are allowed (is a clock wrong?)"
            )
        elif self._schedule.add(self.clock.now_s() + wait_s, cost_of(steps, packet_bytes), steps):
            self.counters.scheduled += 1
            return
        else:
            reason = "bundle refused: too many scheduled bundles are queued"
        self._mistakes.on_refused("osc.bundle", "#bundle", reason, sender)

    def receive_controls(self, messages: list[Message], sender: Sender, arrived_s: float) -> None:
        """Execute control values that did not come as OSC, such as lighting levels: mapped ones in
        one step, which lands in one frame; the others are listed. `arrived_s` as in `receive`.
        Never raises. Any thread."""
        with self._receiving:
            self.attempt(partial(self._execute_controls, messages, sender, arrived_s))

    def _execute_controls(self, messages: list[Message], sender: Sender, arrived_s: float) -> None:
        self.counters.messages += len(messages)
        own: list[tuple[int, Message, Sender]] = []
        watcher = self._watcher
        if watcher is not None:
            for message in messages:
                watcher(self.clock.now_s(), sender.name, message)
        for number, message, by in self._foreign.translate_all(messages, sender, arrived_s):
            if by is sender:
                self.counters.unmapped += 1
                self.unmapped.record(message, sender.name)
            else:
                own.append((number, message, by))
        self._carry_out(self._steps_from(own, messages, sender)[0], arrived_s)

    # -- converting messages to steps --------------------------------------------------------------

    def _steps_of(
        self,
        messages: list[Message],
        sender: Sender,
        arrived_s: float,
        allowance: int = MAX_VALUES_A_BUNDLE,
    ) -> tuple[list[Step], int]:
        """Convert messages to steps that set at most `allowance` values; also returns the remaining
        allowance."""
        own = self._foreign.translate_all(messages, sender, arrived_s)
        return self._steps_from(own, messages, sender, allowance)

    def _steps_from(
        self,
        own: Iterable[tuple[int, Message, Sender]],
        messages: list[Message],
        sender: Sender,
        allowance: int = MAX_VALUES_A_BUNDLE,
    ) -> tuple[list[Step], int]:
        """Like `_steps_of`, for translated messages: (number of the original message, message,
        sender)."""
        steps: list[Step] = []
        queries: list[Step] = []
        gathering: Changes | None = None
        together: set[str] = set()
        for number, message, by in own:
            # checked first: almost all messages in bundles are parameters
            param = osc_schema.lookup(message.address)
            match None if param else self._foreign.kind_of(message.address):
                case AddressKind.FOREIGN:
                    self._mistakes.on_unmapped(message, by)
                    continue
                case AddressKind.UNKNOWN | AddressKind.INPUT if self._foreign.is_unknown(
                    message.address
                ):
                    self._mistakes.on_unknown(message, by)
                    continue
                case AddressKind.QUERY:
                    queries.append(Step(message, by))
                    continue
                case AddressKind.COMMAND:
                    steps.append(Step(message, by))
                    gathering = None
                    continue
            if allowance <= 0:
                left = len(messages) - number
                reason = (
                    f"sets more than {MAX_VALUES_A_BUNDLE} values; the last {left} messages "
                    "are left out"
                )
                self._mistakes.on_refused("osc.bundle", "#bundle", reason, sender, count=left)
                break
            if gathering is None or steps[-1].sender is not by:
                gathering = Changes(together)
                steps.append(Step(gathering, by))
            allowance -= self._gather_changes(message, param, by, gathering)
        return steps + queries, allowance

    def _gather_changes(
        self, message: Message, param: Param | None, sender: Sender, into: Changes
    ) -> int:
        """Add the values of a message, or queue them for their beat. Returns their number, at least
        1."""
        view = None if param else self.views.find(message.address)
        message, quantum = self._launch_queue.read(message, param or view)
        if quantum == "now":
            return self._gather_now(message, param, sender, into)
        into.launches.append((message, quantum, waiting := Changes(into.together)))
        return self._gather_now(message, param, sender, waiting)

    def _gather_now(
        self, message: Message, param: Param | None, sender: Sender, into: Changes
    ) -> int:
        """Like `_gather_changes`, without waiting."""
        try:
            params = (param,) if param else settable(message.address)
            views = () if param else self._views_of(message.address, params)
            if not param and not self._patterns.take(self.clock.now_s(), len(params) + len(views)):
                reason = (
                    f"patterns set more than {VALUES_PER_SECOND} values per second; this one "
                    "is left out"
                )
                raise Rejected(f"{printable(message.address)}: {reason}")
        except Rejected as rejection:
            self._mistakes.on_rejected(message, rejection, sender)
            return 1
        for view in views:
            self._gather_input(message, view, sender, into)
        for param in params:
            try:
                value = value_of(param, message.args)
                accepted = osc_schema.accept(param, value)
                self._store.require(param, accepted.value)
            except Rejected as rejection:
                self._mistakes.on_rejected(message, rejection, sender)
                continue
            self.counters.changes += 1
            into.add(param, accepted.value, differs=differs(param, value, accepted))
        return max(1, len(params) + len(views))

    def _views_of(self, address: str, params: tuple[Param, ...]) -> tuple[ShaderInput, ...]:
        """The inputs that an address or a pattern names, except those whose aliases are set
        anyway."""
        aliases = {param.address for param in params}
        return tuple(
            view for view in self.views.match(address) if not aliases.issuperset(view.aliases)
        )

    def _gather_input(
        self, message: Message, view: ShaderInput, sender: Sender, into: Changes
    ) -> None:
        """Add the values of the aliases of an input that a message sets by name."""
        try:
            args = message.args
            value = (
                value_of(view.param, args) if view.param else args[0] if len(args) == 1 else args
            )
            positions, note = view.positions_of(value)
        except Rejected as rejection:
            self._mistakes.on_rejected(message, rejection, sender)
            return
        self.counters.changes += 1
        for param, position in changes_of(view, positions):
            into.add(param, position, differs=False)
        if note:
            into.differing.add(view.address)

    # -- executing steps: OSC's threads, and the frame loop's for due changes --------------------

    def _carry_out(self, steps: list[Step], arrived_s: float | None = None) -> None:
        for what, sender in steps:
            if isinstance(what, Changes):
                self._apply(what, sender, arrived_s)
            else:
                self._runner.run(what, sender)

    def _apply(self, changes: Changes, sender: Sender, arrived_s: float | None = None) -> None:
        if values := changes.for_store():
            self._store.apply(
                values, by=sender.name, together=changes.together, arrived_s=arrived_s
            )
            self.feedback.queue_echo(sender.name, changes.differing)
        # else refused already
        for message, quantum, waiting in (each for each in changes.launches if each[2]):
            run = partial(self._apply, waiting, sender)
            try:
                self._launch_queue.add(
                    message.address, message.address, quantum, run, sets=waiting.for_store()
                )
            except Rejected as rejection:
                self._mistakes.on_rejected(message, rejection, sender)

    def run_deferred(self) -> None:
        """Run the steps of due bundles that `tick` deferred: those from the first command on."""
        while self._deferred:
            # stays queued while it runs, so that `tick` defers later steps
            steps = self._deferred[0]
            self.attempt(partial(self._carry_out, steps))
            self._deferred.popleft()

    def tick(self) -> None:
        """Apply the bundles that are due, at the start of a frame. Uses no socket and runs no
        handler. Keeps the order: while an OSC thread still has to run a deferred bundle, later ones
        wait."""
        self._runner.begin_frame()
        if self._deferred:
            return
        for steps in self._schedule.take_due(self.clock.now_s()):
            while steps and isinstance(changes := steps[0].what, Changes) and not self._deferred:
                self._apply(changes, steps.pop(0).sender)
            if steps:
                self._deferred.append(steps)
        if self._deferred:
            self.outbox.wake()

    def launch(self) -> None:
        """Run what waited for the beat of this frame. Uses no socket and no disk."""
        for run in self._launch_queue.step():
            self.attempt(run)

    def frame_drawn(self, version: int) -> None:
        """Answer the `/sync`s that the newest frame covers: it began with the last `tick` and shows
        store `version`."""
        self._runner.frame_drawn(version)

    # -- errors ----------------------------------------------------------------------------------

    def attempt(self, step: Callable[[], Result]) -> Result | None:
        """Run `step` on an OSC thread; an error in the engine's own code is counted, logged and
        reported."""
        return self._guard.attempt(step, lambda error: self.counters.add("errors"))

    def _report_refusal(self, key: str, reason: str, sender: Sender) -> None:
        """Report that a message of this sender was refused, also to the OSC monitor."""
        watcher = self._watcher
        if watcher is not None:
            watcher(self.clock.now_s(), sender.name, reason)
        self.report(key, f"{reason} (from {sender.name})")

    # -- backpressure: called on the thread that reads the UDP socket ----------------------------

    def new_coalescer(self) -> Coalescer:
        """A coalescer for undecoded packets that would be passed to `receive`."""
        return Coalescer(self._store, self.clock, self._foreign.kind_of, self.unmapped.holds)
