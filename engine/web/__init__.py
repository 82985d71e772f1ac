"""The engine over HTTP: the page, OSCQuery, pictures, levels and warnings, on one port. Start at `server.py`.

server.py     the socket and the web thread; imports aiohttp in that thread, not here
routes.py     the URLs; serving/ has what every page's server needs: socket, access, limits
osc_query.py  OSCQuery and OSC over HTTP and WebSocket; the answers come from engine/control/query
pictures.py   /preview, /stream.mjpg, /frame.jpg
preview.py    takes pictures from the frame loop while there are viewers; encoder.py, jpeg.py: encode them as JPEG
still.py      single pictures for saved presets
live.py       /live: levels, status, and monitor.py, the incoming OSC
alarm.py      wakes WebSocket tasks from other threads
"""

from engine.web.preview import PreviewTap
from engine.web.server import WebServer
from engine.web.still import StillCamera

__all__ = ["PreviewTap", "StillCamera", "WebServer"]
