"""Art-Net and sACN in: levels of a lighting desk become control values, which the map of foreign controls knows.

Start with `receiver.py` (sockets and the thread). `artnet.py` and `sacn.py` read packets, `merging.py` chooses between
several desks, `forwarding.py` chooses the channels that go on.
"""

from engine.control.dmx.receiver import DmxReceiver
from engine.control.dmx.status import DmxStatus, DmxUniverseStatus

__all__ = ["DmxReceiver", "DmxStatus", "DmxUniverseStatus"]
