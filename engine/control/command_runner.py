"""Runs commands and queries: messages that get a reply, unlike parameters, which are only set.

A command runs a handler (`CommandTable`). A query needs its sender and changes no value: `/get`,
`/sync`, `/engine/notify`. Both run one at a time, and are answered at the port where the sender
listens.

Long replies are rate limited per host, and only a few replies to one listing command are built at a
time. A `/get //*` of 16 bytes is answered with a hundred packets, and over UDP the sender's address
may be forged: without a limit the engine would amplify an attack on a third party, and a client
that repeats a long listing would block all others.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import osc_schema
from engine.control.foreign.messages import AddressKind
from engine.control.foreign.unmapped import Mistakes, unknown
from engine.control.launch_queue import LaunchQueue, quantum_of
from engine.control.look_order import Ticket
from engine.control.outgoing.feedback import Feedback
from engine.control.outgoing.outbox import MAX_PACKETS, PACKETS_A_SENDING, SENDING_INTERVAL_S
from engine.control.outgoing.sender import NO_PORT, Reply, Sender, host_of
from engine.osc.decode import Message
from engine.osc.encode import encode_reply
from engine.params import ParamStore
from engine.params.shader_inputs import is_input_address
from engine.system.clock import Clock
from engine.system.token_bucket import TokenBuckets
from osc_schema import Rejected
from osc_schema.engine import SUBSCRIPTIONS

Args = tuple[object, ...]
Handler = Callable[[Args, Reply], None]
DiskLookup = Callable[[Callable[[], None], Callable[[str], None]], None]
"""`look_up(again, fail)` reads the disk, then calls `again()`, or `fail(reason)` if nothing was
found."""
NamedHandler = Callable[[Args, Reply, str], None]
MAX_PENDING_SYNCS = 1024
MAX_LISTINGS = 8  # of one command at a time
_NEEDED = {
    command.address: sum(not argument.is_optional for argument in command.arguments)
    for command in osc_schema.COMMANDS
}


class LaunchPlan(NamedTuple):
    """How a command is launched on the beat: what waits, and what runs then."""

    name: str
    """The name under which it waits."""
    preset: str
    is_cut: bool = False
    """True if the preset replaces the old look at once."""
    run: NamedHandler | None = None
    """Handler that runs in place of the command's own, with the look's name at that time."""


PlanLaunch = Callable[[Args], LaunchPlan | DiskLookup | None]
"""Returns how a command waits for its beat; None if it need not wait, a `DiskLookup` if that is not
known yet. Raises the same errors as the command."""
QueryHandler = Callable[[Message, Sender], None]
"""Answers a query itself, also on failure. OSC's threads."""


class CommandTable:
    """The command handlers by address, all added before the server starts. Handlers run one at a
    time on OSC's threads. Those that have waited for their beat run on the frame loop, perhaps
    beside another one."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self._numbered: dict[str, Handler] = {}
        self._listings: set[str] = set()
        self._launch_planners: dict[str, PlanLaunch] = {}
        self._roots: set[str] = set()

    def add(
        self,
        address: str,
        handler: Handler,
        *,
        is_listing: bool = False,
        plan_launch: PlanLaunch | None = None,
    ) -> None:
        """Register a command's handler. `handler(args, reply)` answers now or later; it must not
        block, because packets wait. A MultiverseError or osc_schema.Rejected that it raises is
        answered with `/fail`. `<n>` in the address means a whole number 1..999, which the handler
        gets before the arguments. `is_listing`: rate limited, because its reply has many messages
        or takes a thread of its own. `plan_launch(args)`: the command may wait for the beat; then
        the frame loop runs the handler, which must neither wait nor use the disk."""
        handlers = self._numbered if "/<n>" in address else self._handlers
        if address in handlers:
            raise ValueError(f"{address} has a handler already")
        handlers[address] = handler
        self._roots.add(address.split("/", 2)[1])
        if is_listing:
            self._listings.add(address)
        if plan_launch is not None:
            self._launch_planners[address] = plan_launch

    def has_root(self, root: str) -> bool:
        """True if a command's address begins with `/root`."""
        return root in self._roots

    def is_listing(self, address: str) -> bool:
        return address in self._listings

    def plan_launch(self, address: str) -> tuple[PlanLaunch, int] | None:
        """`plan_launch` and the number of required arguments of a command that may wait for the
        beat, or None."""
        template, number = osc_schema.split_number(address)
        plan_launch = self._launch_planners.get(address) or (
            self._launch_planners.get(template) if number else None
        )
        if plan_launch is None:
            return None
        if not number:
            return plan_launch, _NEEDED[address]
        return lambda args: plan_launch((number, *args)), _NEEDED[template]

    def find(self, address: str) -> Handler | None:
        handler = self._handlers.get(address)
        if handler is not None:
            return handler
        template, number = osc_schema.split_number(address)
        numbered = self._numbered.get(template) if number else None
        return None if numbered is None else lambda args, reply: numbered((number, *args), reply)


class ListingLimiter:
    """Rate limits commands whose reply has many messages or takes a thread of its own. Any
    thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # A burst that fits into the outbox, then as many messages as UDP can send.
        self._limits = TokenBuckets(MAX_PACKETS, PACKETS_A_SENDING / SENDING_INTERVAL_S)
        self._begun: Counter[str] = Counter()
        self._lock = threading.Lock()

    def begin(self, reply: Reply) -> bool:
        """True if this listing may run: its host has not asked too often, and few of this command
        are running."""
        with self._lock:
            tokens = self._limits[host_of(reply.sender)].tokens(self._clock.now_s())
            if tokens <= 0 or self._begun[reply.command] >= MAX_LISTINGS:
                return False
            self._begun[reply.command] += 1
        reply.when_ended(partial(self._end, reply))
        return True

    def _end(self, reply: Reply) -> None:
        with self._lock:
            self._begun[reply.command] -= 1
            self._limits[host_of(reply.sender)].spend(self._clock.now_s(), reply.sent)


class CommandRunner:
    """Runs commands and answers queries. OSC's threads, except `begin_frame` and `frame_drawn`."""

    def __init__(
        self,
        store: ParamStore,
        commands: CommandTable,
        feedback: Feedback,
        clock: Clock,
        mistakes: Mistakes,
        report_refusal: Callable[[str, str, Sender], None],
        launch_queue: LaunchQueue,
    ) -> None:
        """`report_refusal(key, reason, sender)` is also called for every `/fail`."""
        self.queries: dict[str, QueryHandler] = {
            "/get": self._on_get,
            "/sync": self._on_sync,
            "/engine/notify": self._on_notify,
        }
        """Filled before the server starts."""
        self._store = store
        self._commands = commands
        self._launch_queue = launch_queue
        self._feedback = feedback
        self._clock = clock
        self._mistakes = mistakes
        self._report_refusal = report_refusal
        self._listings = ListingLimiter(clock)
        # A burst of every value eight times (programs on one machine that start together), then
        # once per second.
        self._patterns = TokenBuckets(8 * len(osc_schema.PARAMS), len(osc_schema.PARAMS))
        self._running = threading.Lock()
        self._syncs: deque[tuple[int, int, Callable[[bytes], None], bytes]] = deque()
        self._frames = 0

    def kind_of(self, address: str) -> AddressKind | None:
        """QUERY or COMMAND, or None for other addresses."""
        if address in self.queries:
            return AddressKind.QUERY
        return AddressKind.COMMAND if self._commands.find(address) is not None else None

    def run(self, message: Message, sender: Sender) -> None:
        """Run the command or query at this address; raises the handler's unforeseen errors."""
        self._feedback.counters.add("commands")
        with self._running:
            query = self.queries.get(message.address)
            if query is not None:
                query(message, sender)
            else:
                self._run_command(message, sender)

    def _run_command(self, message: Message, sender: Sender) -> None:
        reply = self._reply(message.address, sender)
        if self._commands.is_listing(message.address) and not self._listings.begin(reply):
            self._feedback.counters.add("rejected")
            reply.fail("asked too often")
            return
        handler = self._commands.find(message.address)
        assert handler is not None  # steps contain only known commands
        reply.attempt(partial(self._run_or_launch, message, handler, reply))

    def _run_or_launch(
        self, message: Message, handler: Handler, reply: Reply, ticket: Ticket | None = None
    ) -> None:
        """Run a handler now, or queue it for the beat that the message or `/launch/quantise` names.
        `ticket`: of a look that had to be read from the disk first."""
        args = message.args
        planned = self._commands.plan_launch(message.address)
        if planned is not None:
            plan_launch, needed = planned
            requested = quantum_of(args[-1]) if len(args) > needed else None
            args = args[:-1] if requested else args
            quantum = self._launch_queue.quantum(requested)
            plan = plan_launch(args) if quantum != "now" else None
            if isinstance(plan, LaunchPlan):
                named = plan.run

                def run(name: str) -> None:
                    reply.attempt(
                        partial(named, args, reply, name)
                        if named
                        else partial(handler, args, reply)
                    )

                drop = partial(reply.fail, is_logged=False)
                self._launch_queue.add_look(
                    plan.name,
                    quantum,
                    run,
                    drop,
                    preset=plan.preset,
                    ticket=ticket,
                    is_cut=plan.is_cut,
                )
                return
            if plan is not None:
                ticket = ticket or self._launch_queue.order.new_ticket()
                plan(partial(self._run_or_launch, message, handler, reply, ticket), reply.fail)
                return
        handler(args, reply)

    def _reply(self, command: str, sender: Sender) -> Reply:
        post = self._feedback.listener_of(sender).post
        return Reply(
            command,
            post,
            lambda line: self._report_refusal("osc.command", line, sender),
            sender.name,
        )

    # -- queries -------------------------------------------------------------------------------

    def _on_get(self, message: Message, sender: Sender) -> None:
        reply = self._reply("/get", sender)
        views_by_name = self._feedback.views
        address = message.args[0] if len(message.args) == 1 else None
        if not isinstance(address, str):
            reply.fail("takes an address or a pattern")
            return
        published = self._feedback.last_published.get(address)
        if published is not None:
            reply.send(address, *published)
            return
        param = osc_schema.lookup(address)
        is_pattern = osc_schema.is_pattern(address)
        try:
            params = (param,) if param else osc_schema.match(address) if is_pattern else ()
            views = views_by_name.match(address)
        except Rejected as rejection:
            reply.fail(str(rejection))
            return
        if not params and not views:
            reply.fail(
                views_by_name.missing(address) if is_input_address(address) else unknown(address)
            )
        if is_pattern and not self._patterns[host_of(sender.name)].take(
            self._clock.now_s(), len(params) + len(views)
        ):
            reason = "too many patterns at once (/engine/notify 1 subscribes to changes)"
            self._mistakes.on_refused("osc.get", "/get", reason, sender)
            return
        for param in params:
            reply.send(
                param.address, *self._feedback.reply_values(param, self._store.get(param.address))
            )
        for view in views:
            reply.send(view.address, *views_by_name.values_now(view))

    def _on_sync(self, message: Message, sender: Sender) -> None:
        """Answer `/synced` after the next frame to begin, which shows all earlier messages. Their
        values are in the store already, or were posted to the frame loop, which runs them right
        after `begin_frame`."""
        ids = [value for value in message.args if isinstance(value, int | float | str)]
        if len(message.args) > 1 or len(ids) < len(message.args):
            self._reply("/sync", sender).fail("takes one number or text, which is sent back")
            return
        if len(self._syncs) >= MAX_PENDING_SYNCS:
            self._reply("/sync", sender).fail(
                "too many are waiting: no frame has been drawn for a long time"
            )
            return
        target = self._feedback.listener_of(sender)
        self._syncs.append(
            (self._store.version, self._frames, target.post, encode_reply("/synced", *ids))
        )

    def _on_notify(self, message: Message, sender: Sender) -> None:
        is_on, port, part = (*message.args, None, None, None)[:3]
        is_port = port is None or (isinstance(port, int | float) and 1 <= port < 65_536)
        is_part = part is None or part in SUBSCRIPTIONS
        if (
            len(message.args) > 3
            or not isinstance(is_on, int | float)
            or not is_port
            or not is_part
        ):
            self._reply("/engine/notify", sender).fail(
                "takes 1 or 0, optionally a port 1..65535, and then one of "
                f"{', '.join(SUBSCRIPTIONS)}"
            )
            return
        target = sender.at(port) if isinstance(port, int | float) else sender
        if target is None:
            self._reply("/engine/notify", sender).fail(NO_PORT)
            return
        feedback = self._feedback
        wants_values = part != "features"
        wants_features = part != "values"
        # A port for features alone belongs to a receiver of numbers, such as an OSC In CHOP.
        answered = feedback.listener_of(target if wants_values else sender)
        if is_on:
            feedback.subscribe(target, sender.name, values=wants_values, features=wants_features)
            answered = target if wants_values else answered
        else:
            feedback.unsubscribe(target.name)
        Reply("/engine/notify", answered.post).done()
        self._feedback.outbox.wake()

    # -- the render thread -------------------------------------------------------------------------

    def begin_frame(self) -> None:
        """Call it at the start of a frame, before the frame reads its values."""
        self._frames += 1

    def frame_drawn(self, version: int) -> None:
        """Answer the `/sync`s that the newest frame covers: it shows store `version`."""
        while self._syncs and self._syncs[0][0] <= version and self._syncs[0][1] < self._frames:
            _, _, post, packet = self._syncs.popleft()
            post(packet)
