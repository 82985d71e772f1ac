"""Art-Net and sACN in: levels of a lighting console become control values, which the map of foreign controls knows.

Start with `receiver.py` (sockets and the thread). `engine/dmx` reads packets, `universe.py` chooses between several
consoles, `forwarding.py` chooses the channels that go on.
"""
