"""Converts the messages of a packet to steps, and refuses those that are mistakes.

The changes of one packet are one `store.apply`: they land in one frame. A bundle may also hold commands, and a command
must see the changes before it (`/layer/1/angle 5`, `/preset/save x`) but not those after it. So a bundle becomes a
list of steps: changes are collected into one step until a command ends it. Questions (`/get`, `/sync` ...) do not end a
step: they change nothing and are answered after the last step. So a bundle of values, or of values and questions, is
always one step. A bundle inside a bundle belongs to the outer bundle's step, unless its own time is later.
"""

from collections.abc import Container, Iterable

import osc_schema
from engine.control.changes import Changes
from engine.control.coercion import value_of
from engine.control.command_table import CommandTable
from engine.control.explain import Mistakes
from engine.control.foreign import ForeignMap, ForeignMessages
from engine.control.outgoing import Outgoing
from engine.control.patterns import VALUES_A_SECOND, limit_of_values, settable
from engine.control.plan import PlanStep
from engine.control.sender import Sender
from engine.osc import Message
from engine.osc.decode import shown
from engine.params import ParamStore
from engine.params.input_views import changes_of
from engine.params.shader_inputs import ShaderInput, is_input_address
from engine.system.clock import Clock
from osc_schema import Accepted, Param, Rejected

MAX_VALUES_A_BUNDLE = 4096  # a pattern counts once for each match; enough to set every parameter forty times


class Planner:
    """OSC's threads."""

    def __init__(
        self,
        store: ParamStore,
        commands: CommandTable,
        questions: Container[str],
        foreign_map: ForeignMap | None,
        outgoing: Outgoing,
        clock: Clock,
        mistakes: Mistakes,
    ) -> None:
        """`questions`: addresses of commands that change no value."""
        self.foreign = ForeignMessages(foreign_map, self._is_command, commands.has_root, clock)
        self._store = store
        self._commands = commands
        self._questions = questions
        self._counters, self._views = outgoing.counters, outgoing.views
        self._clock = clock
        self._mistakes = mistakes
        self._patterns = limit_of_values()

    def steps_of(
        self, messages: list[Message], sender: Sender, allowance: int = MAX_VALUES_A_BUNDLE
    ) -> tuple[list[PlanStep], int]:
        """Convert messages to steps that set at most `allowance` values; also returns the remaining allowance.

        Invalid messages are counted and answered here.
        """
        return self.steps_from(self.foreign.translate_all(messages, sender), messages, sender, allowance)

    def steps_from(
        self,
        own: Iterable[tuple[int, Message, Sender]],
        messages: list[Message],
        sender: Sender,
        allowance: int = MAX_VALUES_A_BUNDLE,
    ) -> tuple[list[PlanStep], int]:
        """Like `steps_of`, for translated messages: (number of the original message, message, sender)."""
        steps: list[PlanStep] = []
        questions: list[PlanStep] = []
        gathering: Changes | None = None
        for number, message, by in own:
            param = osc_schema.lookup(message.address)  # checked first: almost all messages in bundles are parameters
            if param is None and self.foreign.is_foreign(message.address):
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
                self._refuse_rest(messages[number:], sender)
                break
            if gathering is None or steps[-1].sender is not by:
                gathering = Changes()
                steps.append(PlanStep(gathering, by))
            allowance -= self._gather_changes(message, param, by, gathering)
        return steps + questions, allowance

    def _is_command(self, address: str) -> bool:
        """True for commands, questions and inputs of shaders."""
        is_command = address in self._questions or self._commands.find(address) is not None
        return is_command or self._views.find(address) is not None

    def _refuse_rest(self, left: list[Message], sender: Sender) -> None:
        """Refuse the rest of a bundle whose patterns set too many values."""
        self._counters.add("rejected", len(left))
        reason = f"sets more than {MAX_VALUES_A_BUNDLE} values; the last {len(left)} messages are left out"
        self._mistakes.explain("osc.bundle", "#bundle", reason, sender)

    def _gather_changes(self, message: Message, param: Param | None, sender: Sender, into: Changes) -> int:
        """Add the values that a message sets; returns their number, invalid ones included, at least 1.

        `param` is None if the address may be a pattern.
        """
        try:
            params = (param,) if param else settable(message.address)
            views = () if param else self._views_of(message.address, params)
            if not param and not self._patterns.take(self._clock.now_s(), len(params) + len(views)):
                reason = f"patterns set more than {VALUES_A_SECOND} values a second; this one is left out"
                raise Rejected(f"{shown(message.address)}: {reason}")
        except Rejected as rejection:
            self._mistakes.rejected(message, rejection, sender)
            return 1
        if not params and not views and is_input_address(message.address):
            self._mistakes.rejected(message, Rejected(self._views.missing(message.address)), sender)
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
            self._counters.changes += 1
            into.add(param, accepted.value, differs=differs(param, value, accepted))
        return max(1, len(params) + len(views))

    def _views_of(self, address: str, params: tuple[Param, ...]) -> tuple[ShaderInput, ...]:
        """The inputs that an address or a pattern names, except those whose aliases are set anyway."""
        view = self._views.find(address)
        if view is not None or not osc_schema.is_pattern(address):
            return () if view is None else (view,)
        aliases = {param.address for param in params}
        return tuple(view for view in self._views.match(address) if not aliases.issuperset(view.aliases))

    def _gather_input(self, message: Message, view: ShaderInput, sender: Sender, into: Changes) -> None:
        """Add the values of the aliases of an input that a message sets by name."""
        try:
            args = message.args
            value = value_of(view.param, args) if view.param else args[0] if len(args) == 1 else args
            positions, note = view.positions_of(value)
        except Rejected as rejection:
            self._mistakes.rejected(message, rejection, sender)
            return
        self._counters.changes += 1
        for param, position in changes_of(view, positions):
            into.add(param, position, differs=False)
        if note:
            into.differing.add(view.address)


def differs(param: Param, value: object, accepted: Accepted) -> bool:
    """True if the sender's display is wrong now. Sending 1 for on, or an index for a menu item, is not wrong."""
    return bool(accepted.note) or (param.out_of_range == "wrap" and accepted.value != value)
