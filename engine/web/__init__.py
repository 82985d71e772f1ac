"""The engine over HTTP: the page, OSCQuery, pictures, levels and warnings, on one port. Start at `server.py`.

server.py     the socket and the web thread; imports aiohttp in that thread, not here
routes.py     what is answered at which path, and the door: access.py (token, Host, Origin), hosts.py
page_files.py the page's files; the page itself is in page/
osc_query.py  OSCQuery and OSC for clients over HTTP and WebSocket; what is said is engine/query's
pictures.py   /preview, /stream.mjpg, /frame.jpg
preview.py    where the frame loop leaves pictures, only while somebody watches; encoder.py, jpeg.py: -> JPEG
live.py       /live: levels, status, and monitor.py, the OSC that comes in
sockets.py    every WebSocket's limits; alarm.py wakes their tasks from other threads
request_errors.py  requests that fail -> counted warnings
lan.py        this machine's addresses
"""

from engine.web.preview import PreviewTap
from engine.web.server import WebServer

__all__ = ["PreviewTap", "WebServer"]
