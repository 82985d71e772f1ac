"""The page at http://127.0.0.1:9001/: the picture, levels and warnings in a browser. Start at `server.py`.

preview.py    where the frame loop leaves pictures, only while somebody watches
jpeg.py       a picture -> JPEG
broadcast.py  the newest JPEG, for any number of viewers
server.py     the socket, the web thread and the encoder; imports aiohttp in that thread, not here
routes.py     what is answered: /, /stream.mjpg, /frame.jpg, /status.json
request_errors.py  requests that fail -> counted warnings
hosts.py      which Host headers are ours
page.html     the page
"""

from engine.web.preview import PreviewTap
from engine.web.server import WebServer

__all__ = ["PreviewTap", "WebServer"]
