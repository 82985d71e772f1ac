"""Live Stable Diffusion in the browser: the page sends pictures of a webcam or a file and gets them
back painted.

protocol.py          READ FIRST: the messages between page and server
server.py            LiveServer: serves the page, connects clients to the model
sessions.py          one session per client: incoming messages, queued answers
controls.py          the controls, declared once for page and server; validates changes
fair_queue.py        decides which client's picture is painted next
painting_threads.py  the painter thread, with the model, and the encoder thread
page/                the page; playout.js: jitter buffer, plays pictures at a constant rate

# checks the arguments
server = LiveServer(painting, host="127.0.0.1", port=8000, report=report)
server.start()            # port, model: seconds
print(server.url)         # server.lan_url when bound to the network
serve_live(server, stop)  # runs until the event `stop` is set
"""

from engine.jobs.video.live.server import LiveLimits, LiveServer, serve_live
