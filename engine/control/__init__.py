"""OSC control: turns messages into parameter changes and commands, and sends changes to
subscribers.

Start with `dispatcher.py` (executes messages), then `outgoing/feedback.py` (subscribers),
`server.py` (sockets) and `sending.py` (the thread that sends). Everything between a socket and the
parameter store is here; packets are encoded and decoded in `engine.osc`.
"""

from typing import TYPE_CHECKING

from engine.system.lazy_names import lazy_names

if TYPE_CHECKING:
    from engine.control.client import OscClient
    from engine.control.command_runner import CommandTable, Handler
    from engine.control.dispatcher import Dispatcher
    from engine.control.outgoing.announcements import Announcements, Notify
    from engine.control.outgoing.feedback import Feedback
    from engine.control.outgoing.outbox import OscCounters
    from engine.control.outgoing.sender import Reply, Sender
    from engine.control.sending import SendingThread
    from engine.control.server import OscServer

_HOMES = {
    "command_runner": ("CommandTable", "Handler"),
    "client": ("OscClient",),
    "dispatcher": ("Dispatcher",),
    "outgoing.announcements": ("Announcements", "Notify"),
    "outgoing.feedback": ("Feedback",),
    "outgoing.outbox": ("OscCounters",),
    "outgoing.sender": ("Reply", "Sender"),
    "sending": ("SendingThread",),
    "server": ("OscServer",),
}
__getattr__ = lazy_names(__name__, _HOMES)
