"""OSCQuery (github.com/Vidvox/OSCQueryProposal): every parameter described as JSON, and OSC over a
WebSocket.

Start with `describe.py` (one parameter), then `tree.py` (answers to a GET) and
`websocket_clients.py` (WebSocket clients). HTTP is not here: the page's server calls these modules.
`announcer.py` announces the services by mDNS.
"""

from engine.control.query.announcer import Announcer, host_info, service_name
from engine.control.query.tree import PathEvent, QueryAnswer, QueryTree
from engine.control.query.websocket_clients import QueryClient, QueryClients
