"""What a packet means: values set, questions answered, commands carried out, bundles kept until their time.

Order and atomicity. The changes of one packet are one `store.apply`: they land in one frame. A bundle may
hold a command as well, and a command must see what stood before it (`/layer/1/angle 5`, `/preset/save x`) and
not what comes after. So a bundle becomes a plan, a list of steps: changes are gathered into one step until a
command ends it. The three questions (`/get`, `/sync`, `/engine/notify`) do not end it: they change nothing
and are answered after the last step. A bundle of values alone, or of values and questions, is therefore
always one step. A bundle inside a bundle belongs to the outer one's step, unless its own time is later.

Time. Values are checked when a bundle comes (the sender hears about a mistake at once) and applied when it is
due: at the start of the first frame after that, by `tick` on the frame loop's thread, which never meets a
socket or a command's handler: from the first command on, the rest of a due plan is left for an OSC thread
(`run_deferred`). A time tag is turned into the engine's own clock on arrival. More than 10 s ahead is
refused, with an answer: applying such a bundle now, or never, would both be guesses, and the usual cause, a
clock that is wrong, is named.

Foreign messages. What is neither a parameter, a pattern that matches, a command nor a question is given to
`translate` when it comes: the messages in our own language that it stands for are carried out in its place, in the name
of `map`, because the sender's own display shows the sender's control and not our parameter. What begins like none of
our addresses and is not mapped is counted and listed, not warned of: another program sends hundreds of those a second.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable

import osc_schema
from engine.control.changes import Changes
from engine.control.coercion import PLAIN_TAGS, value_of
from engine.control.command_table import CommandTable, Reply
from engine.control.counters import OscCounters
from engine.control.explain import MapFor, Mistakes, unknown
from engine.control.feedback import Feedback
from engine.control.foreign import ForeignMessages, Translate
from engine.control.heard import HeardMessages
from engine.control.listing import limit_of_commands, limit_of_patterns
from engine.control.outbox import Outbox
from engine.control.patterns import VALUES_A_SECOND, PatternLimit, settable
from engine.control.plan import Plan, Step
from engine.control.scheduled import LATE_S, MAX_WAIT_S, Schedule
from engine.control.sender import Sender
from engine.errors import MultiverseError, OscDecodeError
from engine.osc import Bundle, Message, decode_packet, encode_reply
from engine.osc.decode import shown
from engine.osc.time_tag import is_at_once, wall_s_of
from engine.params import ParamStore
from engine.system.clock import Clock
from engine.system.reporting import Report
from osc_schema import Accepted, Param, Rejected

log = logging.getLogger(__name__)

Question = Callable[[Message, Sender], None]
"""Called on OSC's threads; answers by itself, a mistake too."""
Watcher = Callable[[float, str, Message | str], None]
"""Hears of every message: the time, its sender's name and the message, as it came; then, where it was refused, why."""

MAX_PENDING_SYNCS = 1024
MAX_VALUES_A_BUNDLE = 4096  # a pattern counts as many as it matches: every parameter forty times over


class Dispatcher:
    """`receive` and `run_deferred` on OSC's threads, `tick` and `frame_drawn` on the frame loop's."""

    def __init__(
        self,
        store: ParamStore,
        commands: CommandTable,
        clock: Clock,
        report: Report,
        translate: Translate | None = None,
        map_for: MapFor = lambda root: None,
    ) -> None:
        self.clock = clock
        self.report = report
        self.counters = OscCounters()
        self.outbox = Outbox(self.counters, report)
        self.feedback = Feedback(store, self.counters, report, self.outbox.is_behind)
        self.watcher: Watcher | None = None
        """The OSC monitor, while somebody watches. Called on OSC's threads: must not wait."""
        self._gone_listeners: tuple[Callable[[str], None], ...] = ()
        self._store = store
        self._commands = commands
        self.heard = HeardMessages(clock)
        """What other programs send that nothing is mapped to."""
        self._mistakes = Mistakes(self.counters, self.feedback, self.heard, map_for, clock, self._report_refusal)
        self._questions: dict[str, Question] = {
            "/get": self._on_get,
            "/sync": self._on_sync,
            "/engine/notify": self._on_notify,
        }
        self._foreign = ForeignMessages(translate, self._is_command, commands.has_root, clock)
        self._gets, self._listings = limit_of_patterns(), limit_of_commands()
        self._patterns = PatternLimit()
        self._schedule: Schedule[Plan] = Schedule()
        self._deferred: deque[Plan] = deque()
        self._receiving = threading.Lock()  # UDP and TCP share a thread, the page has its own
        self._handling = threading.Lock()  # handlers run one at a time, whichever thread a command came on
        self._syncs: deque[tuple[int, int, Callable[[bytes], None], bytes]] = deque()
        self._ticks = 0

    def listen_gone(self, listener: Callable[[str], None]) -> None:
        """Have `listener(name)` called when the connection of a TCP or WebSocket sender has ended, on any thread."""
        self._gone_listeners = (*self._gone_listeners, listener)

    def on_gone(self, name: str) -> None:
        """The connection of this TCP or WebSocket sender has ended. Any thread."""
        for listener in self._gone_listeners:
            listener(name)

    def add_question(self, address: str, answer: Question) -> None:
        """Have `answer(message, sender)` called for a command that needs to know who asks, and changes no value. Before
        the server starts."""
        self._questions[address] = answer

    # -- OSC's threads -------------------------------------------------------------------------

    def receive(self, data: bytes, sender: Sender) -> None:
        """Carry out one packet. Never raises: a malformed one is counted and reported. Any thread."""
        with self._receiving:
            counters = self.counters
            counters.packets += 1
            counters.bytes += len(data)
            try:
                packet = decode_packet(data)
                if (watcher := self.watcher) is not None:
                    self._show(packet, sender, watcher)
                if isinstance(packet, Message):
                    self._on_message(packet, sender)
                else:
                    self._on_bundle(packet, len(data), sender)
            except OscDecodeError as error:
                counters.malformed += 1
                self.report("osc.malformed", f"{sender.name}: not an OSC packet: {error}")
            except Exception as error:  # the top of the receiver's loop, whichever transport runs it
                self.on_own_error(error)

    def _show(self, packet: Message | Bundle, sender: Sender, watcher: Watcher) -> None:
        if isinstance(packet, Message):
            watcher(self.clock.now_s(), sender.name, packet)
            return
        for element in packet.elements:
            self._show(element, sender, watcher)

    def run_deferred(self) -> None:
        """Carry out what due bundles left for an OSC thread: their commands, and what stands after them."""
        while self._deferred:
            plan = self._deferred[0]  # stays until it is done: `tick` holds back what comes after it
            try:
                self._carry_out(plan.steps)
            except Exception as error:  # the top of the sender thread's loop
                self.on_own_error(error)
            finally:
                self._deferred.popleft()

    def _report_refusal(self, key: str, reason: str, sender: Sender) -> None:
        """Report that something of this sender was refused; whoever watches its messages sees it behind them."""
        if (watcher := self.watcher) is not None:
            watcher(self.clock.now_s(), sender.name, reason)
        self.report(key, f"{reason} (from {sender.name})")

    def on_own_error(self, error: Exception) -> None:
        """Count and report what is the engine's own fault; the first traceback goes to the log."""
        if self.counters.add("errors") == 1:
            log.exception("OSC: an error of the engine itself; further ones are only counted")
        self.report("osc.error", f"OSC: {type(error).__name__}: {error}")

    def _on_message(self, message: Message, sender: Sender) -> None:
        """Hot path: one parameter, one plain value."""
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
        """Hot path: another program sends hundreds of these a second, and few are mapped."""
        found = self._foreign.translated(message, sender)
        if found is None:
            self._mistakes.unmapped(message, sender)
            return
        messages, by = found
        if messages:
            own = ((number, message, by) for number, message in enumerate(messages))
            self._carry_out(self._steps_from(own, messages, sender, MAX_VALUES_A_BUNDLE)[0])

    def _on_bundle(self, bundle: Bundle, packet_bytes: int, sender: Sender) -> None:
        groups: dict[float, list[Message]] = {}
        self._gather(bundle, 0.0, self.clock.wall_s(), groups)
        allowance = MAX_VALUES_A_BUNDLE
        for wait_s, messages in groups.items():
            self.counters.messages += len(messages)
            steps, allowance = self._steps_of(messages, sender, allowance)
            if wait_s > 0.0:
                self._keep(wait_s, packet_bytes, Plan(sender, steps))
            else:
                self._carry_out(steps)

    def _gather(self, bundle: Bundle, outer_s: float, wall_s: float, groups: dict[float, list[Message]]) -> None:
        """Sort messages by how long they wait: for their own bundle's time, or the outer one's if later."""
        own_s = 0.0 if is_at_once(bundle.time_tag) else wall_s_of(bundle.time_tag) - wall_s
        self.counters.late_bundles += own_s < -LATE_S
        wait_s = max(own_s, outer_s)
        messages = groups.setdefault(wait_s, [])
        for element in bundle.elements:
            if isinstance(element, Message):
                messages.append(element)
            else:
                self._gather(element, wait_s, wall_s, groups)

    def _keep(self, wait_s: float, packet_bytes: int, plan: Plan) -> None:
        """Put a plan away until its time, or refuse it."""
        if wait_s > MAX_WAIT_S:
            reason = f"bundle {wait_s:.1f} s ahead; {MAX_WAIT_S:.0f} s are allowed (is a clock wrong?)"
        elif self._schedule.add(self.clock.now_s() + wait_s, plan.cost(packet_bytes), plan):
            self.counters.scheduled += 1
            return
        else:
            reason = "bundle refused: too many wait for their time"
        self.counters.add("rejected")
        self._mistakes.explain("osc.bundle", "#bundle", reason, plan.sender)

    def _steps_of(self, messages: list[Message], sender: Sender, allowance: int) -> tuple[list[Step], int]:
        """The messages as steps, of at most `allowance` values, and how many of those are left over.

        What cannot be used is counted and answered here.
        """
        return self._steps_from(self._foreign.made_own(messages, sender), messages, sender, allowance)

    def _steps_from(
        self, own: Iterable[tuple[int, Message, Sender]], messages: list[Message], sender: Sender, allowance: int
    ) -> tuple[list[Step], int]:
        """The same of messages in our own language, each with the number of the one it comes from and whose it is."""
        steps: list[Step] = []
        questions: list[Step] = []
        gathering: Changes | None = None
        for number, message, by in own:
            param = osc_schema.lookup(message.address)  # first: almost every message of a bundle is a parameter's
            if param is None and self._foreign.is_foreign(message.address):
                self._mistakes.unmapped(message, by)
                continue
            if param is None and message.address in self._questions:
                questions.append(Step(message, by))
                continue
            if param is None and self._commands.find(message.address) is not None:
                steps.append(Step(message, by))
                gathering = None
                continue
            if allowance <= 0:
                self._on_overfull(messages[number:], sender)
                break
            if gathering is None or steps[-1].sender is not by:
                gathering = Changes()
                steps.append(Step(gathering, by))
            allowance -= self._gather_changes(message, param, by, gathering)
        return steps + questions, allowance

    def _is_command(self, address: str) -> bool:
        """Questions are commands as well."""
        return address in self._questions or self._commands.find(address) is not None

    def _on_overfull(self, left: list[Message], sender: Sender) -> None:
        """Patterns have made of one bundle more values than anybody can mean: the rest of it is left out."""
        self.counters.add("rejected", len(left))
        reason = f"sets more than {MAX_VALUES_A_BUNDLE} values; the last {len(left)} messages are left out"
        self._mistakes.explain("osc.bundle", "#bundle", reason, sender)

    def _gather_changes(self, message: Message, param: Param | None, sender: Sender, into: Changes) -> int:
        """How many values the message stood for, wrong ones too; at least one. Without `param` it may be a pattern."""
        try:
            params = (param,) if param else settable(message.address)
            if not param and not self._patterns.allows(len(params), self.clock.now_s()):
                reason = f"patterns set more than {VALUES_A_SECOND} values a second; this one is left out"
                raise Rejected(f"{shown(message.address)}: {reason}")
        except Rejected as rejection:
            self._mistakes.rejected(message, rejection, sender)
            return 1
        if not params:
            self._mistakes.unknown(message, sender)
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
        return max(1, len(params))

    def _carry_out(self, steps: list[Step]) -> None:
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
        is_listing = self._commands.is_listing(message.address)
        if is_listing and self._listings.left(sender.name, now_s) <= 0:
            self.counters.add("rejected")
            reply.fail("asked too often")
            return
        try:
            self._commands.find(message.address)(message.args, reply)
        except (MultiverseError, Rejected) as error:
            reply.fail(str(error))
        except Exception as error:
            reply.fail(f"an error of the engine itself: {type(error).__name__}", is_logged=False)
            raise
        finally:
            if is_listing:
                self._listings.count(sender.name, reply.sent, now_s)

    # -- questions -----------------------------------------------------------------------------

    def _on_get(self, message: Message, sender: Sender) -> None:
        reply = self._reply("/get", sender)
        address = message.args[0] if len(message.args) == 1 else None
        if not isinstance(address, str):
            reply.fail("takes an address or a pattern")
            return
        param = osc_schema.lookup(address)
        try:
            params = (param,) if param else _matches(address)
        except Rejected as rejection:
            reply.fail(str(rejection))
            return
        if not params:
            reply.fail(unknown(address))
        if not param and not self._gets.allows(sender.name, len(params), self.clock.now_s()):
            self.counters.add("rejected")
            reason = "too many patterns at once (/engine/notify 1 tells changes)"
            self._mistakes.explain("osc.get", "/get", reason, sender)
            return
        for param in params:
            reply.send(param.address, *self.feedback.reply_values(param, self._store.get(param.address)))

    def _on_sync(self, message: Message, sender: Sender) -> None:
        """`/synced` leaves with the first frame that was begun after this and drawn with all that came before.

        What came before is in the store now, or was posted to the frame loop, which runs it right after `tick`.
        """
        ids = message.args
        if len(ids) > 1 or not all(isinstance(value, int | float | str) for value in ids):
            self._reply("/sync", sender).fail("takes one number or text, which comes back")
            return
        if len(self._syncs) >= MAX_PENDING_SYNCS:
            self._reply("/sync", sender).fail("no frame has been drawn for a long time")
            return
        target = self.feedback.listener_of(sender)
        packet = encode_reply("/synced", *ids)
        self._syncs.append((self._store.version, self._ticks, target.post, packet))

    def _on_notify(self, message: Message, sender: Sender) -> None:
        args = message.args
        is_on, port = (*args, None, None)[:2]
        is_port = isinstance(port, int | float) and 1 <= port < 65_536
        if len(args) > 2 or not isinstance(is_on, int | float) or (len(args) == 2 and not is_port):
            self._reply("/engine/notify", sender).fail("takes 1 or 0 and, if wanted, a port 1..65535")
            return
        if is_port and sender.at_port is None:
            self._reply("/engine/notify", sender).fail("takes no port over a WebSocket: it is its own way back")
            return
        target = sender.at_port(int(port)) if is_port else sender
        if is_on:
            reply = Reply("/engine/notify", target.post)
            self.feedback.subscribe(target, origin=sender.name)
        else:
            reply = Reply("/engine/notify", self.feedback.listener_of(target).post)
            self.feedback.unsubscribe(target.name)
        reply.done()
        self.outbox.wake()

    def _reply(self, command: str, sender: Sender) -> Reply:
        """Answers go where the sender listens: Max, TouchDesigner and Resolume send from another port."""

        def log_failure(line: str) -> None:
            self._report_refusal("osc.command", line, sender)

        return Reply(command, self.feedback.listener_of(sender).post, log_failure)

    # -- the frame loop's thread ---------------------------------------------------------------

    def tick(self) -> None:
        """First thing in a frame: apply the bundles that are due. Takes no socket, runs no handler.

        Nothing that is due overtakes a bundle whose command an OSC thread has yet to carry out.
        """
        self._ticks += 1
        if self._deferred:
            return
        for plan in self._schedule.take_due(self.clock.now_s()):
            steps = plan.steps
            while steps and isinstance(steps[0].what, Changes) and not self._deferred:
                self._apply(*steps[0])
                steps = steps[1:]
            if steps:
                self._deferred.append(Plan(plan.sender, steps))
        if self._deferred:
            self.outbox.wake()

    def frame_drawn(self, version: int) -> None:
        """The frame begun with the last `tick` has been drawn, with the store at `version`: answer `/sync`s."""
        while self._syncs and self._syncs[0][0] <= version and self._syncs[0][1] < self._ticks:
            _, _, post, packet = self._syncs.popleft()
            post(packet)


def _matches(address: str) -> tuple[Param, ...]:
    return osc_schema.match(address) if osc_schema.is_pattern(address) else ()


def _differs(param: Param, value: object, accepted: Accepted) -> bool:
    """Whether the sender's own display is wrong now. 1 for on, or an index for a menu's item, is not."""
    return bool(accepted.note) or (param.out_of_range == "wrap" and accepted.value != value)
