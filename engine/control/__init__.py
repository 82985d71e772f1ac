"""OSC control: turns messages into parameter changes and commands, and sends changes to subscribers.

Start with `dispatcher.py` (carries out messages), then `outgoing/feedback.py` (subscribers), `server.py` (sockets) and
`sending.py` (the thread that sends). Everything between a socket and the parameter store is here; packets are encoded
and decoded in `engine.osc`.
"""

from engine.control.answering import Args, CommandTable, Handler
from engine.control.client import OscClient
from engine.control.dispatcher import Dispatcher
from engine.control.outgoing.announcements import Announcements, Tell
from engine.control.outgoing.feedback import Feedback
from engine.control.outgoing.outbox import OscCounters
from engine.control.outgoing.sender import Reply, Sender
from engine.control.sending import SendingThread
from engine.control.server import OscServer

__all__ = [
    "Announcements",
    "Args",
    "CommandTable",
    "Dispatcher",
    "Feedback",
    "Handler",
    "OscClient",
    "OscCounters",
    "OscServer",
    "Reply",
    "Sender",
    "SendingThread",
    "Tell",
]
