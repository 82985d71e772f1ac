"""OSCQuery (github.com/Vidvox/OSCQueryProposal): every parameter described as JSON, and OSC over a WebSocket.

Start with `describe.py` (one parameter), then `tree.py` (answers to a GET) and `hub.py` (WebSocket clients as senders
of OSC). HTTP is not here: the page's server calls these modules. `announcer.py` announces the services by mDNS.
"""

from engine.control.query.announcer import Announcer, host_info, service_name
from engine.control.query.hub import Peer, QueryHub
from engine.control.query.tree import PathEvent, QueryAnswer, QueryTree
