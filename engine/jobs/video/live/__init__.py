"""Stable Diffusion in the browser, live: it sends pictures of a webcam or a file and gets them back painted.

protocol.py          READ FIRST: the messages between page and server
server.py            LiveServer: page, clients and model together; routes.py: its URLs
sessions.py          one session per client: incoming messages, queued answers
controls.py          the controls, declared once for page and server; settings.py: validates changes
fair_queue.py        decides which client's picture is painted next
painting_threads.py  the painter's thread and the encoder's
live_painter.py      the model, with a painter for each size; jpeg.py
page/                the page; playout.js: plays out at a constant rate what arrives unevenly

server = LiveServer(painting, host="127.0.0.1", port=8000, report=report)    checks the arguments
server.start()                                                               port, model: seconds
print(server.url)                                                            server.lan_url when bound to the network
serve_live(server, stop)                                                     until the event `stop` is set; closes it
"""

from engine.jobs.video.live.server import LiveLimits, LiveServer, serve_live

__all__ = ["LiveLimits", "LiveServer", "serve_live"]
