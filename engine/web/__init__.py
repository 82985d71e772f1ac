"""The engine over HTTP: the page, OSCQuery, pictures, levels and warnings, on one port. Start at
`server.py`.

server.py     the socket and the web thread; imports aiohttp in that thread, not here. served.py:
              what it serves
routes.py     the URLs; serving/ has what every page's server needs: socket, access, limits
osc_query.py  OSCQuery and OSC over HTTP and WebSocket; the answers come from engine/control/query
pictures.py   /preview, /stream.mjpg, /frame.jpg; preview.py takes the pictures from the frame loop
              and encodes them
live.py       /live: levels, status, and monitor.py, the incoming OSC
"""
