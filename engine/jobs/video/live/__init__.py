"""Stable Diffusion in the browser, live: the pictures of a webcam or a file go to the server and come back painted.

protocol.py   READ FIRST: what page and server say to each other
server.py     LiveServer: page, clients and model together; routes.py: what is answered at which path
visits.py     one client's side: what it says, what waits for it
controls.py   what can be changed, written once for page and server; settings.py: what a client wants changed
turns.py      whose picture is next: one waiting a client, one painted a turn
studio.py     the threads that paint and encode; easel.py: the one model, a painter for each size; jpeg.py
page/         the page; playout.js: why what comes unevenly plays evenly

server = LiveServer(painting, host="127.0.0.1", port=8000, report=report)    checks the arguments
server.start()                                                               port, model: seconds
print(server.url)                                                            and server.lan_url, where bound so
serve_live(server, stop)                                                     until the event `stop`; closes it
"""

from engine.jobs.video.live.server import LiveLimits, LiveServer, serve_live

__all__ = ["LiveLimits", "LiveServer", "serve_live"]
