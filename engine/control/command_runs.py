"""Runs commands and questions, one at a time, and answers at the port where the sender listens."""

import threading
from collections.abc import Callable

from engine.control.command_table import CommandTable, Reply
from engine.control.listing import host_of, limit_of_commands
from engine.control.outgoing import Outgoing
from engine.control.queries import Question
from engine.control.sender import Sender
from engine.errors import MultiverseError
from engine.osc import Message
from engine.system.clock import Clock
from osc_schema import Rejected


class CommandRuns:
    """OSC's threads."""

    def __init__(
        self,
        commands: CommandTable,
        outgoing: Outgoing,
        clock: Clock,
        report_refusal: Callable[[str, str, Sender], None],
    ) -> None:
        """`report_refusal(key, reason, sender)`: also told of every `/fail`."""
        self.questions: dict[str, Question] = {}
        """Commands that need their sender and change no value. Filled before the server starts."""
        self._commands = commands
        self._counters, self._feedback = outgoing.counters, outgoing.feedback
        self._clock = clock
        self._report_refusal = report_refusal
        self._listings = limit_of_commands()
        self._handling = threading.Lock()  # handlers run one at a time, on any of OSC's threads

    def run(self, message: Message, sender: Sender) -> None:
        """Run the command or question at this address; raises the handler's unforeseen errors."""
        self._counters.add("commands")
        with self._handling:
            question = self.questions.get(message.address)
            if question is not None:
                question(message, sender)
            else:
                self._handle(message, sender)

    def reply(self, command: str, sender: Sender) -> Reply:
        """Answer at the port where the sender listens: Max, TouchDesigner and Resolume send from another one."""

        def log_failure(line: str) -> None:
            self._report_refusal("osc.command", line, sender)

        return Reply(command, self._feedback.listener_of(sender).post, log_failure)

    def _handle(self, message: Message, sender: Sender) -> None:
        reply, now_s = self.reply(message.address, sender), self._clock.now_s()
        limit = self._listings[host_of(sender.name)] if self._commands.is_listing(message.address) else None
        if limit is not None and limit.tokens(now_s) <= 0:
            self._counters.add("rejected")
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
