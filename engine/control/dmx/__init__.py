"""Art-Net and sACN input: levels of a lighting console become control values for the control map.

Start with `receiver.py` (sockets and the thread). `engine/dmx` reads packets, `universe.py` chooses
between several consoles, `forwarding.py` chooses the channels that are passed on.
"""
