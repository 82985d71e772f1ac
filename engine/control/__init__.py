"""OSC control: what arrives becomes parameter changes and commands, what changes goes out to those who asked.

Start with `dispatcher.py` (what a message means), then `feedback.py` (what subscribers get) and `server.py`
(the sockets), `sending.py` (what leaves). Everything between a socket and the parameter store is here; the bytes
themselves are `engine.osc`.
"""

from engine.control.announcements import Announcements, Tell
from engine.control.client import OscClient
from engine.control.command_table import Args, CommandTable, Handler, Reply
from engine.control.counters import OscCounters
from engine.control.dispatcher import Dispatcher
from engine.control.outgoing import Outgoing
from engine.control.sender import Sender
from engine.control.sending import SendingThread
from engine.control.server import OscServer

__all__ = [
    "Announcements",
    "Args",
    "CommandTable",
    "Dispatcher",
    "Handler",
    "OscClient",
    "OscCounters",
    "OscServer",
    "Outgoing",
    "Reply",
    "Sender",
    "SendingThread",
    "Tell",
]
