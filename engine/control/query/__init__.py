"""OSCQuery (github.com/Vidvox/OSCQueryProposal): every parameter described as JSON, and OSC over a WebSocket.

Start with `describe.py` (what one parameter looks like), then `tree.py` (what a GET is answered) and `hub.py` (one
WebSocket client as a sender of OSC). Nothing here knows HTTP: the page's server asks and sends. `announcer.py` tells
the local network.
"""

from engine.control.query.announcer import Announcer
from engine.control.query.host import host_info, service_name
from engine.control.query.hub import Peer, QueryHub
from engine.control.query.tree import PathEvent, QueryAnswer, QueryTree

__all__ = ["Announcer", "PathEvent", "Peer", "QueryAnswer", "QueryHub", "QueryTree", "host_info", "service_name"]
