"""Commands: messages that run a handler and are answered, unlike parameters, which are only set."""

from collections.abc import Callable

import osc_schema
from engine.osc import encode_reply
from engine.osc.encode import ReplyValue
from engine.system.plain_text import one_line


class Reply:
    """Sends the answers to one command, from any thread, at any time, any number of times."""

    __slots__ = ("_log", "_post", "command", "sent")

    def __init__(
        self, command: str, post: Callable[[bytes], None], log: Callable[[str], None] = lambda line: None
    ) -> None:
        """`log(line)` also shows a failure to the operator; it must not block."""
        self.command = command
        self.sent = 0
        """Number of messages sent with `send`: the entries of a listing."""
        self._post = post
        self._log = log

    def send(self, address: str, *values: ReplyValue) -> None:
        self.sent += 1
        self._post(encode_reply(address, *values))

    def done(self, *values: ReplyValue) -> None:
        """Answer `/done <command> <values>`: the command succeeded."""
        self._post(encode_reply("/done", self.command, *values))

    def fail(self, reason: str, *, is_logged: bool = True) -> None:
        """Answer `/fail <command> <reason>`. Set `is_logged` to False for superseded commands, which are not mistakes,
        and for failures that are reported elsewhere."""
        reason = one_line(reason)  # a datagram of more than 64 kB cannot be sent, and the sender would hear nothing
        if is_logged:
            self._log(f"{self.command}: {reason}")
        self._post(encode_reply("/fail", self.command, reason))


Args = tuple[object, ...]
Handler = Callable[[Args, Reply], None]


class CommandTable:
    """The handlers by address. Filled before the server starts; handlers run one at a time, on OSC's threads."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self._numbered: dict[str, Handler] = {}
        self._listings: set[str] = set()
        self._roots: set[str] = set()

    def add(self, address: str, handler: Handler, *, is_listing: bool = False) -> None:
        """Register a handler. `handler(args, reply)` answers now or later; it must not block, because packets wait.

        A MultiverseError or osc_schema.Rejected that it raises is answered with `/fail`. `<n>` in the address means
        a whole number 1..999, which the handler gets before the arguments. `is_listing`: the handler sends many
        messages before it returns, so the command is rate limited.
        """
        handlers = self._numbered if "/<n>" in address else self._handlers
        if address in handlers:
            raise ValueError(f"{address} has a handler already")
        handlers[address] = handler
        self._roots.add(address.split("/", 2)[1])
        if is_listing:
            self._listings.add(address)

    def has_root(self, root: str) -> bool:
        """True if a command's address begins with `/root`."""
        return root in self._roots

    def is_listing(self, address: str) -> bool:
        return address in self._listings

    def find(self, address: str) -> Handler | None:
        handler = self._handlers.get(address)
        if handler is not None:
            return handler
        template, number = osc_schema.split_number(address)
        numbered = self._numbered.get(template) if number else None
        return None if numbered is None else lambda args, reply: numbered((number, *args), reply)
