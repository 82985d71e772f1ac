"""OSC control: turns messages into parameter changes and commands, and sends changes to subscribers.

Start with `dispatcher.py` (carries out messages), then `outgoing/feedback.py` (subscribers), `server.py` (sockets) and
`sending.py` (the thread that sends). Everything between a socket and the parameter store is here; packets are encoded
and decoded in `engine.osc`.
"""

from typing import TYPE_CHECKING

from engine.system.lazy_names import lazy_names

if TYPE_CHECKING:
    from engine.control.answering import Args as Args
    from engine.control.answering import CommandTable as CommandTable
    from engine.control.answering import Handler as Handler
    from engine.control.client import OscClient as OscClient
    from engine.control.dispatcher import Dispatcher as Dispatcher
    from engine.control.outgoing.announcements import Announcements as Announcements
    from engine.control.outgoing.announcements import Tell as Tell
    from engine.control.outgoing.feedback import Feedback as Feedback
    from engine.control.outgoing.outbox import OscCounters as OscCounters
    from engine.control.outgoing.sender import Reply as Reply
    from engine.control.outgoing.sender import Sender as Sender
    from engine.control.sending import SendingThread as SendingThread
    from engine.control.server import OscServer as OscServer

_HOME = {
    "Announcements": "outgoing.announcements",
    "Args": "answering",
    "CommandTable": "answering",
    "Dispatcher": "dispatcher",
    "Feedback": "outgoing.feedback",
    "Handler": "answering",
    "OscClient": "client",
    "OscCounters": "outgoing.outbox",
    "OscServer": "server",
    "Reply": "outgoing.sender",
    "Sender": "outgoing.sender",
    "SendingThread": "sending",
    "Tell": "outgoing.announcements",
}
__getattr__ = lazy_names(__name__, _HOME)
