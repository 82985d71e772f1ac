"""The engine over HTTP: the page, OSCQuery, pictures, levels and warnings, on one port. Start at `server.py`.

server.py     the socket and the web thread; imports aiohttp in that thread, not here
routes.py     what is answered at which path; who is answered, and every socket's limits: engine/serving
osc_query.py  OSCQuery and OSC for clients over HTTP and WebSocket; what is said is engine/query's
pictures.py   /preview, /stream.mjpg, /frame.jpg
preview.py    where the frame loop leaves pictures, only while somebody watches; encoder.py, jpeg.py: -> JPEG
still.py      single pictures for the presets that are saved
live.py       /live: levels, status, and monitor.py, the OSC that comes in
alarm.py      wakes the tasks of WebSockets from other threads
"""

from engine.web.preview import PreviewTap
from engine.web.server import WebServer
from engine.web.still import StillCamera

__all__ = ["PreviewTap", "StillCamera", "WebServer"]
