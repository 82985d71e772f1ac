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
from dataclasses import dataclass, replace
from functools import partial

import osc_schema
from engine.control.arguments import Args, CommandArguments, read_arguments
from engine.control.foreign.messages import AddressKind
from engine.control.foreign.unmapped import Mistakes, unknown
from engine.control.launch_queue import NOW, LaunchQueue
from engine.control.look_order import Ticket
from engine.control.outgoing.feedback import Feedback
from engine.control.outgoing.outbox import MAX_PACKETS, PACKETS_A_SENDING, SENDING_INTERVAL_S
from engine.control.outgoing.sender import NO_PORT, Reply, Sender, host_of
from engine.errors import MultiverseError
from engine.osc.decode import Message
from engine.osc.encode import ReplyValue, encode_reply
from engine.params import ParamStore
from engine.params.shader_inputs import is_input_address
from engine.system.clock import Clock
from engine.system.token_bucket import TokenBuckets
from osc_schema import Command, Rejected

Handler = Callable[..., None]
"""`handler(reply, *values)`: a parameter for each declared argument, see `CommandTable.add`."""
DiskLookup = Callable[[Callable[[], None], Callable[[str], None]], None]
"""`look_up(again, fail)` reads the disk, then calls `again()`, or `fail(reason)` if nothing was
found."""
MAX_PENDING_SYNCS = 1024
MAX_LISTINGS = 8  # of one command at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPlan:
    """How a command is launched on the beat: what waits, and what runs then."""

    name: str
    """The name under which it waits."""
    preset: str
    is_cut: bool = False
    """True if the preset replaces the old look at once."""
    run: Callable[[Reply, str], None] | None = None
    """`run(reply, name)` runs in place of the command's handler, with the look's name at that
    time."""


PlanLaunch = Callable[..., LaunchPlan | DiskLookup | None]
"""`plan_launch(*values)` returns how a command waits for its beat; None if it need not wait, a
`DiskLookup` if that is not known yet. Raises the same errors as the command."""
QueryHandler = Callable[..., None]
"""`answer(sender, reply, *values)` answers a query itself. OSC's threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredCommand:
    """A command with what runs it."""

    declaration: Command
    handler: Handler
    is_listing: bool
    plan_launch: PlanLaunch | None


class CommandTable:
    """The commands by address, all added before the server starts. Handlers run one at a time on
    OSC's threads. Those that have waited for their beat run on the frame loop, perhaps beside
    another one."""

    def __init__(self) -> None:
        self.commands: dict[str, RegisteredCommand] = {}
        """By the address of the declaration, `/cue/<n>`. Filled by `add` only."""
        self._roots: set[str] = set()

    def add(
        self,
        address: str,
        handler: Handler,
        *,
        is_listing: bool = False,
        plan_launch: PlanLaunch | None = None,
    ) -> None:
        """Register a command's handler. `handler(reply, *values)` answers now or later; it must not
        block, because packets wait. It gets a value for each declared argument, of its type
        (`CommandArguments`), except a press and a beat to wait for; an address that no area
        declares takes none. A MultiverseError or osc_schema.Rejected that it raises is answered
        with `/fail`. `<n>` in the address means a whole number 1..999, which the handler gets
        before the other values. `is_listing`: rate limited, because its reply has many messages or
        takes a thread of its own. `plan_launch(*values)`: the command may wait for the beat; then
        the frame loop runs the handler, which must neither wait nor use the disk."""
        if address in self.commands:
            raise ValueError(f"{address} has a handler already")
        undeclared = Command(address=address, description="")
        self.commands[address] = RegisteredCommand(
            declaration=osc_schema.lookup_command(address) or undeclared,
            handler=handler,
            is_listing=is_listing,
            plan_launch=plan_launch,
        )
        self._roots.add(address.split("/", 2)[1])

    def has_root(self, root: str) -> bool:
        """True if a command's address begins with `/root`."""
        return root in self._roots

    def find(self, address: str) -> RegisteredCommand | None:
        """The command at an address; with its number, if it has one, as the first value."""
        template, number = osc_schema.split_number(address)
        command = self.commands.get(template)
        if not number or command is None:
            return None if "<" in address else command
        plan_launch = command.plan_launch
        return replace(
            command,
            handler=lambda reply, *values: command.handler(reply, number, *values),
            plan_launch=plan_launch and partial(plan_launch, number),
        )


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
        reply = self._reply(message.address, sender)
        query = self.queries.get(message.address)
        with self._running:
            if query is not None:
                reply.attempt(partial(self._answer, query, message, sender, reply))
            else:
                self._run_command(message, reply)

    def _answer(self, query: QueryHandler, message: Message, sender: Sender, reply: Reply) -> None:
        declaration = osc_schema.lookup_command(message.address)
        assert declaration is not None
        query(sender, reply, *read_arguments(declaration, message.args).values)

    def _run_command(self, message: Message, reply: Reply) -> None:
        command = self._commands.find(message.address)
        assert command is not None  # steps contain only known commands
        if command.is_listing and not self._listings.begin(reply):
            self._feedback.counters.add("rejected")
            reply.fail("asked too often")
            return
        reply.attempt(partial(self._read_and_run, command, message.args, reply))

    def _read_and_run(self, command: RegisteredCommand, args: Args, reply: Reply) -> None:
        arguments = read_arguments(command.declaration, args)
        if not arguments.is_release:
            self._run_or_launch(command, arguments, reply)

    def _run_or_launch(
        self,
        command: RegisteredCommand,
        arguments: CommandArguments,
        reply: Reply,
        ticket: Ticket | None = None,
    ) -> None:
        """Run a command now, or queue it for the beat that the message or `/launch/quantise` names.
        `ticket`: of a look that had to be read from the disk first."""
        values = arguments.values
        run_now = partial(command.handler, reply, *values)
        plan_launch = command.plan_launch
        quantum = self._launch_queue.quantum(arguments.quantise)
        plan = None if plan_launch is None or quantum == NOW else plan_launch(*values)
        if plan is None:
            run_now()
        elif isinstance(plan, LaunchPlan):
            run_named = plan.run
            self._launch_queue.add_look(
                plan.name,
                quantum,
                lambda name: reply.attempt(
                    partial(run_named, reply, name) if run_named else run_now
                ),
                partial(reply.fail, is_logged=False),
                preset=plan.preset,
                ticket=ticket,
                is_cut=plan.is_cut,
            )
        else:
            ticket = ticket or self._launch_queue.order.new_ticket()
            again = partial(self._run_or_launch, command, arguments, reply, ticket)
            plan(again, reply.fail)

    def _reply(self, command: str, sender: Sender) -> Reply:
        post = self._feedback.listener_of(sender).post
        return Reply(
            command,
            post,
            lambda line: self._report_refusal("osc.command", line, sender),
            sender.name,
        )

    # -- queries -------------------------------------------------------------------------------

    def _on_get(self, sender: Sender, reply: Reply, address: str) -> None:
        views_by_name = self._feedback.views
        published = self._feedback.last_published.get(address)
        if published is not None:
            reply.send(address, *published)
            return
        param = osc_schema.lookup(address)
        is_pattern = osc_schema.is_pattern(address)
        params = (param,) if param else osc_schema.match(address) if is_pattern else ()
        views = views_by_name.match(address)
        if not params and not views:
            is_input = is_input_address(address)
            raise Rejected(views_by_name.missing(address) if is_input else unknown(address))
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

    def _on_sync(self, sender: Sender, reply: Reply, sync_id: ReplyValue | None) -> None:
        """Answer `/synced` after the next frame to begin, which shows all earlier messages. Their
        values are in the store already, or were posted to the frame loop, which runs them right
        after `begin_frame`."""
        if len(self._syncs) >= MAX_PENDING_SYNCS:
            raise MultiverseError("too many are waiting: no frame has been drawn for a long time")
        target = self._feedback.listener_of(sender)
        ids = () if sync_id is None else (sync_id,)
        self._syncs.append(
            (self._store.version, self._frames, target.post, encode_reply("/synced", *ids))
        )

    def _on_notify(
        self, sender: Sender, reply: Reply, is_on: bool, port: int | None, part: str
    ) -> None:
        target = sender if port is None else sender.at(port)
        if target is None:
            raise MultiverseError(NO_PORT)
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
